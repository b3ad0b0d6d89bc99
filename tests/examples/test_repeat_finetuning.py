"""`examples/repeat_finetuning.py`: the report of runs that are done."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from hf_genomics.evaluation.metrics import matthews_correlation
from hf_genomics.evaluation.predictions import unpacked, write_predictions

REPEAT = str(Path(__file__).resolve().parents[2] / "examples" / "repeat_finetuning.py")
LABELS = np.array([0, 1, 1, 0, 1, 0, 0, 1, 1])


def finished_run(
    root,
    model,
    seed,
    *,
    labels=LABELS,
    predictions=True,
    overrides="",
    path="",
    data="gue",
    more="",
):
    """A folder as finetune.py leaves it: some rows are called wrongly."""
    folder = root / "modern" / "mouse/0" / f"{model}-{seed}"
    folder.mkdir(parents=True)
    network = f"--model_type hyperbolic_cnn --config_overrides '{overrides}'"
    if path:
        network = f"--model_name_or_path {path}"
    predicted = np.where(np.arange(len(labels)) % 4 == seed, 1 - labels, labels)
    results = {"seed": seed, "steps": 10, "train_seconds": 1.5, "hardware": "a machine"}
    command = (
        f"python path/to/finetune.py {network} --recipe modern --dataset_name {data} "
        f"--dataset_config_name mouse/0 --seed {seed} --resume_from_checkpoint true {more} "
        f"--output_dir {root}"
    )
    results |= {"commit": "abc", "command": command}
    results["test_matthews_correlation"] = matthews_correlation(predicted, labels)
    (folder / "all_results.json").write_text(json.dumps(results))
    if predictions:
        logits = np.where(predicted[:, None] == [0, 1], 1.0, -1.0)
        write_predictions(folder / "test_predictions.parquet", logits, labels)


@pytest.fixture
def report(tmp_path, monkeypatch, capsys):
    def run(*models, path="report/league.json", data="gue", seeds=(1, 2), paths=(), extra=()):
        command = ["--dataset_name", data, "--configs", "mouse/0", "--seeds", *seeds]
        named = (model if "=" in model else f"{model}=" for model in models)
        command += ["--models", *named, "--model_paths", *paths, "--report_only"]
        command += ["--output_dir", tmp_path / "runs", "--report", tmp_path / path, "--", *extra]
        monkeypatch.setattr(sys, "argv", [REPEAT, *map(str, command)])
        runpy.run_path(REPEAT, run_name="__main__")
        return json.loads((tmp_path / path).with_suffix(".json").read_text())

    return run


def test_predicted_classes_give_the_scores_again(report, tmp_path):
    for seed in (1, 2):
        finished_run(tmp_path / "runs", "plain CNN", seed)
    document = report("plain CNN")
    labels = unpacked(document["test_labels"]["mouse/0"])
    assert labels.tolist() == LABELS.tolist()
    assert [run["seed"] for run in document["runs"]] == [1, 2]
    for run in document["runs"]:
        score = matthews_correlation(unpacked(run["test_predictions"]), labels)
        assert score == run["test_matthews_correlation"] < 1
        assert run["commit"] == "abc"  # the run's own word for the code that ran
        assert run["command"].endswith("--output_dir path/to/runs")
    assert document["hardware"] == "a machine"
    assert "--output_dir path/to/runs" in document["command"]  # and no folder of this machine
    assert str(tmp_path) not in document["command"]
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["league.json"]


def test_no_token_is_in_a_report(report, tmp_path):
    finished_run(tmp_path / "runs", "S", 1)
    command = report("S", extra=["--hub_token", "odd-one"])["command"]
    assert command.endswith("-- --hub_token '<HIDDEN>'")


def test_older_runs_without_predictions_are_reported_as_before(report, tmp_path, capsys):
    finished_run(tmp_path / "runs", "S", 1, predictions=False)
    document = report("S", "gone", path="league")
    assert document["test_labels"] == {}
    assert [(run["model"], "test_predictions" in run) for run in document["runs"]] == [("S", False)]
    assert "| modern | S | 55.0 (n=1) | 55.0 | 10 | 2 |" in (tmp_path / "league.md").read_text()


def test_runs_on_other_rows_are_not_reported_together(report, tmp_path):
    finished_run(tmp_path / "runs", "S", 1)
    finished_run(tmp_path / "runs", "S", 2, labels=1 - LABELS)
    with pytest.raises(SystemExit, match="test rows of .*S-2 are not those of the other runs on"):
        report("S")


def test_a_run_of_other_settings_is_not_reported_under_new_ones(report, tmp_path):
    finished_run(tmp_path / "runs", "S", 1, overrides="num_channels=5")
    assert report("S=num_channels=5")["runs"][0]["config_overrides"] == "num_channels=5"
    message = (
        "S-1 holds a run of S with --config_overrides num_channels=5, and one with "
        "--config_overrides num_channels=9 is asked for"
    )
    with pytest.raises(SystemExit, match=message):
        report("S=num_channels=9")
    with pytest.raises(SystemExit, match="--config_overrides num_channels=9 is asked for"):
        report("S=num_channels=5", extra=["--config-overrides=num_channels=9"])  # the last counts


@pytest.mark.parametrize(
    "asked",
    [
        {"models": ["S"], "seeds": [1, 2, 1]},
        {"models": ["A=num_layers=1", "A=num_layers=1"]},
        {"models": ["A=num_layers=1", "A=num_layers=2"]},
        {"models": ["S"], "paths": ["S=trained"]},
        {"models": ["../0/S", "S"]},
    ],
    ids=["seeds", "names", "overrides", "paths", "folders"],
)
def test_two_runs_in_one_folder_are_refused_before_either_counts_twice(report, tmp_path, asked):
    for model in ("S", "A"):
        finished_run(tmp_path / "runs", model, 1)
    models = asked.pop("models")
    with pytest.raises(SystemExit, match=r"two runs would have the folder .*/[SA]-1: .* seed 1;"):
        report(*models, **asked)
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize("option", ["configs", "recipes"])
def test_data_sets_and_recipes_are_named_once(tmp_path, monkeypatch, option):
    given = {"configs": ["mouse/0"], "recipes": ["paper"]}
    given[option] = [given[option][0], given[option][0] + "/"]  # one folder, differently spelled
    command = ["--dataset_name", "gue", "--output_dir", str(tmp_path), "--models", "S="]
    command += ["--configs", *given["configs"], "--recipes", *given["recipes"]]
    monkeypatch.setattr(sys, "argv", [REPEAT, *command])
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("a run was started"))
    with pytest.raises(SystemExit, match="two runs would have the folder"):
        runpy.run_path(REPEAT, run_name="__main__")


def test_a_network_with_random_weights_is_not_reported_as_a_trained_model(report, tmp_path):
    finished_run(tmp_path / "runs", "S", 1)
    finished_run(tmp_path / "runs", "T", 1, path="old/place/trained")
    with pytest.raises(SystemExit, match="with --model_type .* and one with no --model_type is"):
        report(paths=["S=trained"])
    with pytest.raises(SystemExit, match="with no --model_type, and one with --model_type hyper"):
        report("T")
    with pytest.raises(SystemExit, match="path old/place/trained, and one with .*/other is asked"):
        report(paths=["T=new/place/other"])
    assert len(report(paths=["T=new/place/trained"])["runs"]) == 1


def test_overrides_of_trained_models_may_be_left_out_of_a_report_but_not_be_others(
    report, tmp_path
):
    more = "--config_overrides token_padding=same"
    finished_run(tmp_path / "runs", "P", 1, path="phylogpn", more=more)
    finished_run(tmp_path / "runs", "V", 1, path="vqdna")
    assert len(report(paths=["P=phylogpn", "V=vqdna"])["runs"]) == 2
    assert len(report(paths=["P=phylogpn"], extra=more.split())["runs"]) == 1
    with pytest.raises(SystemExit, match="P-1 holds .* --config_overrides token_padding=valid is"):
        report(paths=["P=phylogpn"], extra=["--config_overrides", "token_padding=valid"])
    with pytest.raises(SystemExit, match="V-1 holds .* with no --config_overrides, and one with"):
        report(paths=["V=vqdna"], extra=more.split())


def test_checkpoints_of_two_runs_are_two_models(report, tmp_path):
    finished_run(tmp_path / "runs", "T", 1, path="runs/first/checkpoint-10")
    assert len(report(paths=["T=elsewhere/first/checkpoint-10"])["runs"]) == 1
    with pytest.raises(SystemExit, match="second/checkpoint-10 is asked for"):
        report(paths=["T=runs/second/checkpoint-10"])


@pytest.mark.parametrize(
    ("more", "extra", "message"),
    [
        ("--preset residual", ["--preset", "paper"], "with --preset residual, .* --preset paper"),
        ("--preset residual", [], "with --preset residual, and one with no --preset is asked for"),
        ("", ["--preset=residual"], "with no --preset, and one with --preset residual is asked"),
        ("", ["--model-type", "vqdna"], "--model_type hyperbolic_cnn, and .* --model_type vqdna"),
        ("", ["--dataset_name", "other"], "with --dataset_name gue, and .* --dataset_name other"),
    ],
)
def test_a_run_of_another_preset_type_or_data_set_is_not_reported(
    report, tmp_path, more, extra, message
):
    finished_run(tmp_path / "runs", "S", 1, more=more)
    with pytest.raises(SystemExit, match=message):
        report("S", extra=extra)
    same = [*more.split(), "--save_strategy", "best"]  # what is of no model may be said or not
    assert len(report("S", extra=same)["runs"]) == 1


@pytest.mark.parametrize(
    ("found", "asked", "same"),
    [
        ("path/to/gue", "path/to/gue", True),
        ("path/to/gue", "/data/gue", True),  # as a report shortens it
        ("data/gue", "/home/me/data/gue/", True),
        ("../gue", "/home/me/gue", True),
        ("gue", "../data/gue", True),
        ("data/gue", "data/other", False),
        ("me/gue", "you/gue", False),
        (".", "other", False),
    ],
)
def test_a_data_set_may_be_named_from_another_folder(report, tmp_path, found, asked, same):
    finished_run(tmp_path / "runs", "S", 1, data=found)
    if same:
        assert len(report("S", data=asked)["runs"]) == 1
        return
    with pytest.raises(SystemExit, match="--dataset_name .* is asked for"):
        report("S", data=asked)


def test_runs_that_kept_no_command_are_reported_as_they_are_named(report, tmp_path):
    finished_run(tmp_path / "runs", "S", 1)
    file = tmp_path / "runs/modern/mouse/0/S-1/all_results.json"
    results = json.loads(file.read_text())
    del results["command"]
    file.write_text(json.dumps(results))
    assert len(report("S")["runs"]) == 1


def test_a_point_in_the_name_of_a_report_stays(report, tmp_path):
    finished_run(tmp_path / "runs", "S", 1)
    report("S", path="report/decay_0.97.json")
    with pytest.raises(FileNotFoundError):  # the fixture reads what the suffix would make of it
        report("S", path="report/decay_0.97")
    names = sorted(path.name for path in (tmp_path / "report").iterdir())
    assert names == ["decay_0.97.json", "decay_0.97.md"]


def test_runs_of_regression_are_reported_by_their_correlation(report, tmp_path):
    finished_run(tmp_path / "runs", "S", 1, predictions=False)
    file = tmp_path / "runs/modern/mouse/0/S-1/all_results.json"
    results = json.loads(file.read_text())
    del results["test_matthews_correlation"]
    file.write_text(json.dumps(results | {"test_pearson": 0.25}))
    report("S", path="league")
    assert "| modern | S | 25.0 (n=1) |" in (tmp_path / "league.md").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--models", "S"], "'S' is no NAME=VALUE; NAME= is one without a value"),
        (["--report_only"], "--report_only needs --report"),
        (["--", "--seed", "5"], "--seed after -- would be the same for all runs; give --seeds"),
        (["--", "--output-dir=x"], "--output_dir after -- would be the same for all runs"),
    ],
)
def test_bad_arguments_are_named(tmp_path, monkeypatch, capsys, options, message):
    command = ["--dataset_name", "gue", "--configs", "a", "--output_dir", str(tmp_path), *options]
    monkeypatch.setattr(sys, "argv", [REPEAT, *command])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(REPEAT, run_name="__main__")
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
