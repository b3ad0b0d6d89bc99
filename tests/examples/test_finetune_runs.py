"""`examples/finetune.py` in this process: what it refuses before training, and what it says."""

import json
import random
import re
import runpy
import sys
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from hf_genomics import DNATokenizer, HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification
from tests.hub.training_runs import write_vqdna_run

FINETUNE = str(Path(__file__).resolve().parents[2] / "examples" / "finetune.py")
NEW = ["--model_type", "hyperbolic_cnn", "--num_train_epochs", "1", "--disable_tqdm", "true"]
NEW += ["--config_overrides", "num_layers=1,num_channels=4,embedding_dim=6,kernel_size=3"]


@pytest.fixture
def finetune(monkeypatch, tmp_path):
    def run(*options, output="run"):
        command = [*options, "--output_dir", tmp_path / output]
        monkeypatch.setattr(sys, "argv", [FINETUNE, *map(str, command)])
        runpy.run_path(FINETUNE, run_name="__main__")
        return json.loads((tmp_path / output / "all_results.json").read_text())

    return run


def rows_of(count, names=("0", "1")):
    generator = random.Random(count)
    return [("".join(generator.choices("ACGT", k=12)), names[i % 2]) for i in range(count)]


def write_splits(folder, rows=rows_of, **changed):
    for split, count in (("train", 16), ("dev", 8), ("test", 8)):
        lines = [f"{sequence},{label}" for sequence, label in changed.get(split, rows(count))]
        (folder / f"{split}.csv").write_text("\n".join(["sequence,label", *lines]) + "\n")
    return folder


@pytest.mark.parametrize(
    ("changed", "options", "message"),
    [
        (
            {"test": [*rows_of(4), ("ACGX", "1")]},
            (),
            r"Row 4 of split 'test' \(ACGX\) cannot be read: .* position 3 .*--on_invalid n reads",
        ),
        ({"test": [("A" * 30, "1")]}, ("--max_length", "20"), "Row 0 of split 'test' .* 30 tokens"),
        ({"test": [("ACGT", "1.0")]}, (), "Row 0 of split 'test' has the label 1.0, a number, but"),
        ({}, ("--label_column", "y"), "with label_column .--label_column."),
        ({}, ("--max_train_samples", "0"), "At most 0 rows of .*--max_train_samples"),
        (
            {},
            ("--dataloader_drop_last", "true", "--per_device_train_batch_size", "17"),
            "there are 16 training rows, fewer rows than a batch of 17, and .* leave --dat",
        ),
    ],
)
def test_mistakes_are_told_in_one_line_before_training(
    finetune, tmp_path, capsys, changed, options, message
):
    write_splits(tmp_path, **changed)
    with pytest.raises(SystemExit) as stopped:
        finetune(*NEW, "--dataset_name", tmp_path, *options)
    assert stopped.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch(f"finetune.py: error: .*{message}.*", error), error
    assert not list(tmp_path.glob("run/checkpoint-*"))


def test_a_run_says_what_it_learns_and_leaves_validation_scores_of_its_own(
    finetune, tmp_path, capsys
):
    write_splits(tmp_path, test=[("ACGX", "1"), ("ACG", "0")])
    results = finetune(*NEW, "--dataset_name", tmp_path, "--on_invalid", "n")
    assert "2 classes (0, 1); rows: train 16, validation 8, test 2" in capsys.readouterr().out
    assert results["stopped_early"] is False
    validation = json.loads((tmp_path / "run" / "validation_results.json").read_text())
    assert validation["validation_loss"] == results["validation_loss"]
    assert "test_loss" in results
    assert "test_loss" not in validation
    saved = DNATokenizer.from_pretrained(tmp_path / "run")
    assert saved.on_invalid == "n"


def test_rows_seen_in_training_are_counted_and_left_out_if_asked_for(finetune, tmp_path, capsys):
    test = ("GGGGCGGGGCAA", "0")
    write_splits(tmp_path, train=[*rows_of(16), ("ttgccccgcccc", "1")], test=[test, *rows_of(9)])
    finetune(*NEW, "--dataset_name", tmp_path)
    out = capsys.readouterr().out
    assert "train 17," in out
    assert "rows that stand in train too: 1 of test (--drop_shared_rows" in out
    command = (*NEW, "--dataset_name", tmp_path, "--drop_shared_rows", "true")
    results = finetune(*command, output="without")
    assert results["rows"] == {"train": 16, "validation": 8, "test": 10}
    assert "stand in train" not in capsys.readouterr().out


def test_integers_are_regression_targets_if_asked_for(finetune, tmp_path):
    write_splits(tmp_path)
    results = finetune(*NEW, "--dataset_name", tmp_path, "--problem_type", "regression")
    assert "test_pearson" in results


def test_a_trained_model_scores_other_files_by_the_names_of_their_classes(finetune, tmp_path):
    """Classes ("prom", "none") of a Parquet file; text of a CSV file would be numbered the other
    way round."""
    config = HyperbolicCNNConfig(
        num_layers=1, num_channels=4, embedding_dim=6, max_length=12,
        problem_type="single_label_classification", id2label={0: "prom", 1: "none"},
    )  # fmt: skip
    HyperbolicCNNForSequenceClassification(config).save_pretrained(tmp_path / "model")
    DNATokenizer().save_pretrained(tmp_path / "model")
    features = Features({"sequence": Value("string"), "label": ClassLabel(names=["prom", "none"])})
    (tmp_path / "parquet").mkdir()
    (tmp_path / "csv").mkdir()
    for split, count in (("train", 16), ("dev", 8), ("test", 40)):
        sequences, labels = zip(*rows_of(count, ("prom", "none")), strict=True)
        rows = {"sequence": sequences, "label": [features["label"].str2int(x) for x in labels]}
        Dataset.from_dict(rows, features=features).to_parquet(
            tmp_path / "parquet" / f"{split}.parquet"
        )
        lines = [f"{s},{x}" for s, x in zip(sequences, labels, strict=True)]
        (tmp_path / "csv" / f"{split}.csv").write_text("\n".join(["sequence,label", *lines]) + "\n")
    scores = [
        finetune(
            *("--model_name_or_path", tmp_path / "model", "--do_train", "false"),
            *("--dataset_name", tmp_path / kind),
            output=kind,
        )
        for kind in ("parquet", "csv")
    ]
    for name in ("test_auroc", "test_loss", "test_matthews_correlation"):
        assert scores[0][name] == scores[1][name]
    assert scores[0]["test_auroc"] != 0.5


def test_a_random_head_is_not_scored(finetune, tmp_path, capsys):
    """Of a language model that is to be scored, not trained."""
    write_splits(tmp_path)
    language_model = write_vqdna_run(tmp_path / "lm")
    command = ("--model_name_or_path", language_model, "--dataset_name", tmp_path)
    with pytest.raises(SystemExit) as stopped:
        finetune(*command, "--do_train", "false")
    assert stopped.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch("finetune.py: error: .*lm has no trained classifier of seq.*", error), error
    assert not (tmp_path / "run" / "all_results.json").exists()
