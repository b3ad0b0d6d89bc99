"""`examples/simulator_study.py` as users start it, on a grid of seconds, and what it is made of."""

import importlib
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers.utils import logging

from tests.examples.test_finetune import REPOSITORY, run

SCRIPT = REPOSITORY / "examples" / "simulator_study.py"
MODELS = ["S", "M", "Euclidean"]
CONDITIONS = ["tips, star", "control, motif"]
SMALL = ["--sizes", "num_train=64", "num_test=32", "length=24", "epochs=2", "measured_rows=8"]
SMALL += ["num_layers=1", "width=3", "embedding=4"]
GRID = ["--conditions", *CONDITIONS, "--seeds", "1", "2", "--rates", "0.01", "0.02", *SMALL]


@pytest.fixture(scope="module")
def parts():
    """The script's neighbours, imported as it finds them."""
    names = ("simulator_conditions", "simulator_summary", "simulator_training", "simulator_study")
    sys.path.insert(0, str(SCRIPT.parent))
    yield {name.removeprefix("simulator_"): importlib.import_module(name) for name in names}
    sys.path.remove(str(SCRIPT.parent))


def in_this_process(parts, *arguments):
    """The script's main with these arguments; bars and warnings are afterwards what they were."""
    verbosity = logging.get_verbosity()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
        try:
            parts["study"].main()
        finally:
            logging.set_verbosity(verbosity)
            logging.enable_progress_bar()


@pytest.fixture(scope="module")
def study(tmp_path_factory, parts):
    """Folder of the runs, and the report, of a grid of two conditions, seeds and rates."""
    folder = tmp_path_factory.mktemp("study")
    runs, report = folder / "runs", folder / "report"
    run(SCRIPT, "runs", "--output_dir", runs, *GRID)
    in_this_process(parts, "report", "--output_dir", runs, "--report", report)
    return runs, json.loads((report / "simulator.json").read_text())


def measured(runs: Path) -> list[Path]:
    return sorted(runs.glob("*/*.json"))


def test_every_network_runs_on_every_data_set_at_every_rate(study):
    _, found = study
    what = ("condition", "seed", "model", "learning_rate")
    ran = [tuple(run[name] for name in what) for run in found["runs"]]
    assert len(set(ran)) == len(ran) == 2 * 2 * 3 * 2
    assert (
        len({run[:3] for run, kept in zip(ran, found["runs"], strict=True) if kept["chosen"]}) == 12
    )
    assert [row["condition"] for row in found["by_condition"]] == sorted(CONDITIONS)
    assert [sum(of["chosen"] for of in row["rates"]) for row in found["tuning"]] == [4, 4, 4]
    (origin,) = found["origins"]
    assert origin["runs"] == 24
    assert origin["command"].startswith("python ")
    assert {"commit", "versions", "hardware"} <= origin.keys()


def test_done_runs_are_not_repeated(study, parts):
    runs, _ = study
    before = {file: file.stat().st_mtime_ns for file in measured(runs)}
    gone = measured(runs)[0]
    first = gone.read_text()
    gone.unlink()
    in_this_process(parts, "runs", "--output_dir", runs, *GRID)
    after = {file: file.stat().st_mtime_ns for file in measured(runs)}
    assert after.keys() == before.keys()
    assert [file for file in after if after[file] != before[file]] == [gone]
    same = {"data", "test_mcc", "validation_mcc", "curvature_after", "delta"}
    again, once = json.loads(gone.read_text()), json.loads(first)
    assert {name: again[name] for name in same} == {name: once[name] for name in same}


def test_runs_of_other_sizes_are_refused(study, parts, capsys):
    runs, _ = study
    with pytest.raises(SystemExit, match="2"):
        in_this_process(parts, "runs", "--output_dir", runs, *GRID[:-1], "embedding=5")
    assert "choose another --output_dir" in capsys.readouterr().err


def test_no_run_starts_after_the_time(tmp_path, parts, capsys):
    in_this_process(parts, "runs", "--output_dir", tmp_path, *GRID, "--minutes", "0")
    assert not measured(tmp_path)
    assert "repeat the command to go on" in capsys.readouterr().out


def test_a_report_without_runs_is_refused(tmp_path, parts, capsys):
    with pytest.raises(SystemExit, match="2"):
        in_this_process(parts, "report", "--output_dir", tmp_path)
    assert "has no runs; make them first" in capsys.readouterr().err


def test_the_networks_see_the_same_data(study):
    _, found = study
    data = {}
    for row in found["runs"]:
        data.setdefault((row["condition"], row["seed"]), set()).add(row["data"])
    assert [len(of) for of in data.values()] == [1] * 4
    assert len(set.union(*data.values())) == 4


def test_differences_are_those_of_the_runs(study):
    _, found = study
    chosen = [run for run in found["runs"] if run["chosen"]]
    scores = {(r["condition"], r["model"], r["seed"]): r["test_mcc"] for r in chosen}
    row = next(row for row in found["by_condition"] if row["condition"] == "tips, star")
    pairs = [
        scores["tips, star", "M", seed] - scores["tips, star", "Euclidean", seed] for seed in (1, 2)
    ]
    assert row["difference"]["M"]["value"] == pytest.approx(sum(pairs) / 2)
    assert row["difference"]["M"]["pairs"] == 2


def test_parameters_are_matched(parts):
    sizes = parts["training"].Sizes()
    for num_labels in (2, 8):
        counts = [
            sum(
                p.numel()
                for p in parts["training"].matched_model(name, sizes, num_labels, 0).parameters()
            )
            for name in parts["training"].MODELS
        ]
        assert max(counts) / min(counts) < 1.005


def test_the_networks_start_from_the_same_numbers(parts):
    sizes = parts["training"].Sizes(length=24)
    s, m, flat = (
        parts["training"].matched_model(name, sizes, 4, 3).state_dict()
        for name in ("S", "M", "Euclidean")
    )
    for key in s:
        if "raw_curvature" not in key:
            torch.testing.assert_close(m[key], s[key], rtol=0, atol=0)
    for layer in ("blocks.0.layers.0.conv", "blocks.1.layers.1.conv", "pooler.linear"):
        same = flat[f"model.{layer}.weight"], s[f"model.{layer}.space.weight"]
        torch.testing.assert_close(*same, rtol=0, atol=0)
        assert same[0].abs().max() <= same[0][0].numel() ** -0.5
    torch.testing.assert_close(flat["classifier.weight"], s["classifier.z"], rtol=0, atol=0)
    assert not flat["classifier.bias"].any()
    assert not s["classifier.a"].any()


def test_another_seed_is_another_start(parts):
    sizes = parts["training"].Sizes(length=24)
    weights = [
        parts["training"].matched_model("Euclidean", sizes, 4, seed).classifier.weight
        for seed in (3, 4)
    ]
    assert not torch.equal(*weights)


def test_tree_distances_are_path_lengths(parts):
    training = parts["training"]
    condition = parts["conditions"].tips("star", 1)
    rows = training.simulated(condition, training.Sizes(num_train=16, num_test=8, length=10), 0)
    d = training.tree_distances(rows, slice(0, 16))
    same = rows.labels[:16, None] == rows.labels[None, :16]
    # two individuals of a tip: a branch of 1 each; of two tips of the star: 0.5 more on each side
    expected = np.where(same, 2.0, 3.0)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(d, expected)
    assert training.delta_of(d)["largest"] == 0


def test_rows_outside_a_tree_have_no_tree_distances(parts):
    training = parts["training"]
    condition = {"condition": "motif", "motif_length": 4}
    rows = training.simulated(condition, training.Sizes(num_train=8, num_test=8, length=20), 0)
    assert training.tree_distances(rows, slice(0, 8)) is None
    assert training.delta_of(None) is None


@pytest.mark.parametrize("name", ["S", "M", "Euclidean"])
def test_embedding_distances_are_those_of_the_geometry(parts, name):
    training = parts["training"]
    model = training.matched_model(name, training.Sizes(length=24), 2, 0)
    ids = torch.randint(0, 4, (5, 24), generator=torch.Generator().manual_seed(0))
    d = training.embedding_distances(model, ids)
    with torch.no_grad():
        points, k = model.model(ids).pooler_output.double(), model.curvatures().double()
    if name == "Euclidean":
        expected = torch.cdist(points, points)
    else:
        k, space = k[-1], points[:, 1:]
        time = (k + space.square().sum(1)).sqrt()
        expected = k.sqrt() * torch.acosh(((time.outer(time) - space @ space.T) / k).clamp_min(1))
    np.testing.assert_allclose(d, expected.numpy(), rtol=1e-4, atol=1e-4)
    assert not d.diagonal().any()


def made_up(condition, seed, model, score, height, rate=0.01, validation=0.5):
    settings = {"condition": {"tree": "yule", "clade_depth": 1, "height": height}}
    delta = {"mean": 0.1 * height, "largest": 0.2}
    return {
        "condition": condition,
        "seed": seed,
        "model": model,
        "learning_rate": rate,
        "validation_mcc": validation,
        "test_mcc": score,
        "num_labels": 2,
        "num_parameters": 100,
        "steps": 1,
        "best_step": 1,
        "train_seconds": 1.0,
        "data": f"{condition} {seed}",
        "curvature_before": [1.0] if model != "Euclidean" else [],
        "curvature_after": [1.0 + seed] if model != "Euclidean" else [],
        "delta": {"tree": None, "hamming": delta, "embedding": delta},
        "settings": settings,
    }


def test_a_summary_by_hand(parts):
    lead = {"clade, a": 0.1, "clade, b": 0.2, "clade, c": 0.3}
    runs = [
        made_up(condition, seed, model, 0.5 + seed / 10 + lead[condition] * (model == "S"), height)
        for height, condition in enumerate(lead, start=1)
        for seed in (1, 2)
        for model in MODELS
    ]
    runs.append(made_up("clade, a", 3, "S", 1.0, 1))  # without its twin: left out
    found = parts["summary"].summary(runs, MODELS)
    of_a = found["by_condition"][0]
    assert of_a["seeds"] == [1, 2]
    assert of_a["mcc"]["S"] == pytest.approx(0.75)
    assert of_a["difference"]["S"]["value"] == pytest.approx(0.1)
    assert of_a["difference"]["M"]["value"] == pytest.approx(0)
    assert of_a["delta"]["tree"] is None
    assert of_a["curvature"]["S"] == [{"start": 1.0, "mean": 2.5, "low": 2.0, "high": 3.0}]
    rho = {(row["model"], row["against"]): row["value"] for row in found["rank_correlations"]}
    assert rho["S", "delta of Hamming distances"] == pytest.approx(1)
    assert rho["S", "height of the tree"] == pytest.approx(1)
    assert math.isnan(rho["S", "depth of the label"])
    assert ("S", "delta of the tree") not in rho
    by_level = {(row["factor"], row["level"]): row["difference"]["S"] for row in found["by_factor"]}
    assert by_level["family", "clade"]["value"] == pytest.approx(0.2)
    assert by_level["family", "clade"]["pairs"] == 6
    assert by_level["clade, yule: height of the tree", "2"]["value"] == pytest.approx(0.2)


def test_validation_chooses_the_rate_of_each_network(parts):
    # test would choose the other rate
    scores = {0.01: (0.9, 0.4), 0.03: (0.2, 0.6), 0.1: (0.3, 0.6)}  # test and validation MCC
    runs = [
        made_up("clade, a", 1, model, test, 1, rate=rate, validation=validation)
        for model in MODELS
        for rate, (test, validation) in scores.items()
    ]
    found = parts["summary"].summary(runs[::-1], MODELS)
    assert found["by_condition"][0]["mcc"] == dict.fromkeys(MODELS, 0.2)  # of equals the lower rate
    assert [rate["chosen"] for rate in found["tuning"][0]["rates"]] == [0, 1, 0]
    assert [rate["validation_mcc"] for rate in found["tuning"][0]["rates"]] == [0.4, 0.6, 0.6]


def test_networks_are_compared_at_the_rates_that_all_have(parts):
    runs = [
        made_up("clade, a", seed, model, 0.5, 1, rate=rate)
        for seed in (1, 2)
        for model in MODELS
        for rate in (0.01, 0.03)
    ]
    assert parts["summary"].summary(runs, MODELS)["by_condition"][0]["rates"] == [0.01, 0.03]
    # HCNN-S lacks a rate of the first seed, so none of the others keeps it
    found = parts["summary"].summary(runs[1:], MODELS)
    assert found["by_condition"][0]["rates"] == [0.03]
    assert {run["learning_rate"] for run in found["runs"]} == {0.03}
    assert found["by_condition"][0]["seeds"] == [1, 2]
    with pytest.raises(ValueError, match="no data set was run by every model"):
        parts["summary"].summary(runs[:3], MODELS)


def test_data_that_differ_between_networks_are_refused(parts):
    runs = [made_up("clade, a", 1, model, 0.5, 1) for model in MODELS]
    runs[1]["data"] = "other"
    with pytest.raises(ValueError, match="the data of 'clade, a', seed 1, differ between models"):
        parts["summary"].summary(runs, MODELS)


def test_calibration_is_of_the_known_spaces(tmp_path, parts):
    in_this_process(parts, "calibration", "--points", "20", "--report", tmp_path)
    rows = json.loads((tmp_path / "calibration.json").read_text())["rows"]
    largest = {row["space"]: row["largest"] for row in rows if row["seed"] == 1}
    assert largest["tree"] == pytest.approx(0, abs=1e-12)
    assert 0 < largest["hyperbolic plane"] < largest["plane"] < largest["sphere"] <= 1


def test_the_figure_is_of_points_of_a_plane(tmp_path, parts):
    in_this_process(parts, "figure", "--report", tmp_path, *SMALL)
    picture = (tmp_path / "poincare.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    facts = json.loads((tmp_path / "poincare.json").read_text())
    assert facts["sizes"]["embedding"] == 2
    assert [panel["title"] for panel in facts["panels"]] == ["4 clades", "8 clades"]


def test_a_size_that_is_unknown_is_refused(tmp_path, parts, capsys):
    with pytest.raises(SystemExit, match="2"):
        in_this_process(parts, "runs", "--output_dir", tmp_path, "--sizes", "depth=3")
    assert "--sizes has depth=3; give whole numbers for: batch_size" in capsys.readouterr().err
