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


def finished_run(root, model, seed, *, labels=LABELS, predictions=True, overrides=""):
    """A folder as finetune.py leaves it: some rows are called wrongly."""
    folder = root / "modern" / "mouse/0" / f"{model}-{seed}"
    folder.mkdir(parents=True)
    predicted = np.where(np.arange(len(labels)) % 4 == seed, 1 - labels, labels)
    results = {"seed": seed, "steps": 10, "train_seconds": 1.5, "hardware": "a machine"}
    command = f"python finetune.py --config_overrides '{overrides}' --output_dir {root}"
    results |= {"commit": "abc", "command": command}
    results["test_matthews_correlation"] = matthews_correlation(predicted, labels)
    (folder / "all_results.json").write_text(json.dumps(results))
    if predictions:
        logits = np.where(predicted[:, None] == [0, 1], 1.0, -1.0)
        write_predictions(folder / "test_predictions.parquet", logits, labels)


@pytest.fixture
def report(tmp_path, monkeypatch, capsys):
    def run(*models, path="report/league.json"):
        command = ["--dataset_name", "gue", "--configs", "mouse/0", "--seeds", "1", "2"]
        named = (model if "=" in model else f"{model}=" for model in models)
        command += ["--models", *named, "--report_only"]
        command += ["--output_dir", tmp_path / "runs", "--report", tmp_path / path]
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
    with pytest.raises(SystemExit, match="S-1 holds a run of S = 'num_channels=5', and 'num_chan"):
        report("S=num_channels=9")


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
    ],
)
def test_bad_arguments_are_named(tmp_path, monkeypatch, capsys, options, message):
    command = ["--dataset_name", "gue", "--configs", "a", "--output_dir", str(tmp_path), *options]
    monkeypatch.setattr(sys, "argv", [REPEAT, *command])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(REPEAT, run_name="__main__")
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
