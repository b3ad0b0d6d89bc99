"""The demo: end to end on a tiny benchmark, and its answers to mistakes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import Dataset, DatasetDict, load_dataset

from examples import demo

DEMO = Path(demo.__file__)


def rows(num_train: int, length: int) -> DatasetDict:
    one = Dataset.from_dict({"sequence": ["A" * length], "label": [0]})
    train = Dataset.from_dict({"sequence": ["A" * length] * num_train, "label": [0] * num_train})
    return DatasetDict(train=train, validation=one, test=one)


@pytest.fixture
def message_of(capfd) -> Callable[..., str]:
    """Runs the demo with arguments that must fail, and returns the one line it prints."""

    def run(*command: str) -> str:
        with pytest.raises(SystemExit) as end:
            demo.main(command)
        assert end.value.code == 2
        return capfd.readouterr().err.strip()

    return run


@pytest.mark.slow
@pytest.mark.parametrize("data", ["simulated", "real"])
def test_demo_trains_reloads_and_reports_both_models(tmp_path, data):
    output = tmp_path / "demo"
    command = ["--epochs", "1", "--num-train", "24", "--length", "20", "--output", str(output)]
    if data == "real":  # a tree of CSV files, as GUE is kept
        folder = tmp_path / "tree" / "prom" / "tiny"
        folder.mkdir(parents=True)
        for split, repeats in (("train", 8), ("dev", 4), ("test", 4)):
            lines = ["ACGTACGTACGT,0", "GGGTACCCACGT,1"] * repeats
            (folder / f"{split}.csv").write_text("\n".join(["sequence,label", *lines]) + "\n")
        command += ["--data", str(tmp_path / "tree"), "--config", "tiny"]
    finished = subprocess.run(
        [sys.executable, str(DEMO), *command],
        env=os.environ | {"PYTHONPATH": str(DEMO.parent.parent)},
        text=True,
        capture_output=True,
        check=False,
        timeout=1500,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert finished.stdout.count("$ accelerate launch") == 2
    assert "100%|" in finished.stderr  # progress bars
    results = json.loads((output / "results.json").read_text())["models"]
    assert [row["model"] for row in results] == ["hyperbolic CNN", "Euclidean twin"]
    for row in results:
        assert -1 <= row["test_matthews_correlation"] <= 1
        assert f"{row['num_parameters']:,}" in finished.stdout
        assert row["reloaded_logit_difference"] <= demo.LOGIT_TOLERANCE
        assert (output / row["model"].replace(" ", "_") / "model.safetensors").is_file()
    if data == "simulated":
        loaded = load_dataset(str(output / "data"), "clade", cache_dir=str(tmp_path / "cache"))
        assert len(loaded["train"]) == 24


@pytest.mark.parametrize("name", ["/no/such/gue", "../no/such/gue", "no_such/gue"])
def test_missing_data_is_named(message_of, tmp_path, name):
    message = message_of("--data", name, "--output", str(tmp_path / "demo"))
    assert message.startswith("Error: ")
    assert name in message
    assert "Traceback" not in message


def test_unknown_configuration_suggests_the_near_one(message_of, tmp_path):
    for split in ("train", "dev", "test"):
        for config in ("prom_core_tata", "splice"):
            file = tmp_path / "gue" / config / f"{split}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("sequence,label\nACGT,0\n")
    message = message_of(
        *("--data", str(tmp_path / "gue"), "--config", "prom_core_tatta"),
        *("--output", str(tmp_path / "demo")),
    )
    assert "'prom_core_tatta' is no configuration" in message
    assert "prom_core_tata" in message


def test_data_without_a_test_split_is_refused(message_of, tmp_path):
    for split in ("train", "dev"):
        (tmp_path / f"{split}.csv").write_text("sequence,label\nACGT,0\n")
    message = message_of("--data", str(tmp_path), "--output", str(tmp_path / "demo"))
    assert "test is needed" in message


def test_configuration_without_data_is_refused(message_of):
    assert "--config needs --data" in message_of("--config", "prom_core_tata")


@pytest.mark.parametrize("name", ["thesis.txt", "results.json"])
def test_foreign_folder_is_left_alone(message_of, tmp_path, name):
    (tmp_path / name).write_text("mine")
    message = message_of("--output", str(tmp_path))
    assert "was not made by this demo (.hf_genomics_demo is missing)" in message
    assert (tmp_path / name).read_text() == "mine"


def test_earlier_demo_is_replaced(tmp_path):
    demo.prepare_output(tmp_path / "demo")
    (tmp_path / "demo" / "old.txt").write_text("old")
    demo.check_output(tmp_path / "demo", None)
    demo.prepare_output(tmp_path / "demo")
    assert [file.name for file in (tmp_path / "demo").iterdir()] == [demo.MARK]


def test_earlier_demo_is_kept_until_there_are_data(message_of, tmp_path):
    demo.prepare_output(tmp_path / "demo")
    (tmp_path / "demo" / "results.json").write_text("{}")
    assert "no/such/gue" in message_of("--data", "no/such/gue", "--output", str(tmp_path / "demo"))
    message_of("--num-train", "-1", "--output", str(tmp_path / "demo"))
    assert (tmp_path / "demo" / "results.json").is_file()


def test_data_in_the_folder_to_be_emptied_are_left_alone(message_of, tmp_path):
    demo.prepare_output(tmp_path / "demo")
    (tmp_path / "demo" / "data").mkdir()
    data = str(tmp_path / "demo" / "data")
    message = message_of("--data", data, "--output", str(tmp_path / "demo"))
    assert f"--data {data} lies in {tmp_path / 'demo'}, which is emptied" in message
    assert Path(data).is_dir()


def test_small_data_is_trained_for_the_whole_recipe():
    limits = demo.training_limits(rows(num_train=100, length=50), epochs=None)
    assert limits == {"num_train_epochs": demo.MODERN.num_train_epochs}


def test_large_data_is_trained_for_fewer_epochs_then_on_fewer_rows(monkeypatch):
    monkeypatch.setattr(demo, "TRAINING_BASES", 4000)
    assert demo.training_limits(rows(10, 100), None) == {"num_train_epochs": 4}
    assert demo.training_limits(rows(100, 100), None) == {
        "num_train_epochs": 2,
        "max_train_samples": 20,
    }


def test_given_epochs_lift_the_limit():
    assert demo.training_limits(rows(10, 100), 40) == {"num_train_epochs": 40}


def test_logits_that_differ_end_the_demo(monkeypatch, capsys, tmp_path):
    from hf_genomics import (
        DNATokenizer,
        HyperbolicCNNConfig,
        HyperbolicCNNForSequenceClassification,
    )

    config = HyperbolicCNNConfig(num_channels=4, embedding_dim=8, num_layers=1, max_length=8)
    HyperbolicCNNForSequenceClassification(config).save_pretrained(tmp_path)
    DNATokenizer().save_pretrained(tmp_path)
    test = Dataset.from_dict({"sequence": ["ACGTACGT", "GGGT"]})
    assert demo.reload_without_package(tmp_path, test) <= demo.LOGIT_TOLERANCE

    other = demo.RELOAD.replace("logits.tolist()", "(logits + 0.5).tolist()")
    monkeypatch.setattr(demo, "RELOAD", other)
    with pytest.raises(SystemExit):
        demo.reload_without_package(tmp_path, test)
    assert "other logits without hf_genomics: 0.5 apart" in capsys.readouterr().err


def test_folder_without_its_code_ends_the_demo(capsys, tmp_path):
    from hf_genomics import (
        DNATokenizer,
        HyperbolicCNNConfig,
        HyperbolicCNNForSequenceClassification,
    )

    config = HyperbolicCNNConfig(num_channels=4, embedding_dim=8, num_layers=1, max_length=8)
    HyperbolicCNNForSequenceClassification(config).save_pretrained(tmp_path)
    DNATokenizer().save_pretrained(tmp_path)
    (tmp_path / "modeling_hyperbolic_cnn.py").write_text("import hf_genomics\n")
    with pytest.raises(SystemExit):
        demo.reload_without_package(tmp_path, Dataset.from_dict({"sequence": ["ACGTACGT"]}))
    assert "does not load without hf_genomics" in capsys.readouterr().err


def test_verdict_names_the_leader_and_the_error():
    def row(model: str, accuracy: float) -> dict[str, object]:
        return {"model": model, "test_accuracy": accuracy}

    text = demo.verdict([row("hyperbolic CNN", 0.7), row("Euclidean twin", 0.8)], num_test=100)
    assert text.startswith("The Euclidean twin leads by 0.100 in accuracy")
    assert "about 0.061" in text  # sqrt((0.21 + 0.16) / 100)
