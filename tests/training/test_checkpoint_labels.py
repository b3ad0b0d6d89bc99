"""A trained model that goes on with other data means the same by its classes."""

import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from hf_genomics import DNATokenizer, HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification
from hf_genomics.training.arguments import ModelArguments
from hf_genomics.training.checkpoint_labels import with_labels_of
from hf_genomics.training.finetuning import build_model

NAMED = {"problem_type": "single_label_classification", "id2label": {0: "prom", 1: "none"}}


def classes(*names):
    return ClassLabel(names=list(names))


def dataset_of(feature, labels):
    features = Features({"sequence": Value("string"), "label": feature})
    rows = {"sequence": ["ACGT"] * len(labels), "label": labels}
    return DatasetDict({"train": Dataset.from_dict(rows, features=features)})


def checkpoint(folder, **labels):
    config = HyperbolicCNNConfig(
        num_layers=1, num_channels=4, embedding_dim=6, max_length=10, **labels
    )
    model = HyperbolicCNNForSequenceClassification(config)
    model.save_pretrained(folder)
    DNATokenizer().save_pretrained(folder)
    return str(folder), model


def go_on(folder, dataset, **options):
    args = ModelArguments(model_name_or_path=folder, **options)
    model = build_model(args, dataset, None)[0]
    return model, with_labels_of(dataset, model.config)


def test_names_in_another_order_are_renumbered_as_the_checkpoint_has_them(tmp_path):
    folder, _ = checkpoint(tmp_path / "model", **NAMED)
    model, dataset = go_on(folder, dataset_of(classes("none", "prom"), [0, 1, 1]))
    assert model.config.id2label == {0: "prom", 1: "none"}
    assert model.config.label2id == {"prom": 0, "none": 1}
    assert dataset["train"]["label"][:] == [1, 0, 0]
    assert dataset["train"].features["label"].names == ["prom", "none"]
    assert dataset["train"].column_names == ["sequence", "label"]


def test_numbers_keep_the_names_of_the_checkpoint(tmp_path):
    folder, _ = checkpoint(tmp_path / "model", **NAMED)
    model, dataset = go_on(folder, dataset_of(classes("0", "1"), [0, 1]))
    assert model.config.id2label == {0: "prom", 1: "none"}
    assert dataset["train"]["label"][:] == [0, 1]


def test_a_checkpoint_without_names_takes_those_of_the_data_and_says_so(tmp_path, caplog):
    folder, _ = checkpoint(tmp_path / "model", num_labels=2)
    model, _ = go_on(folder, dataset_of(classes("none", "prom"), [0, 1]))
    assert model.config.id2label == {0: "none", 1: "prom"}
    assert "does not say what its labels are; they are taken to be none, prom" in caplog.text


def test_a_regression_goes_on_without_a_word(tmp_path, caplog):
    folder, _ = checkpoint(tmp_path / "model", num_labels=1, problem_type="regression")
    model, _ = go_on(folder, dataset_of(Value("float32"), [0.5, 1.0]))
    assert model.config.problem_type == "regression"
    assert "label" not in caplog.text


@pytest.mark.parametrize(
    ("feature", "label", "message"),
    [
        (
            classes("zero", "promoter"),
            0,
            "predicts the labels prom, none, but those of the data are zero, promoter: rename",
        ),
        (
            classes("a", "b", "c"),
            0,
            r"predicts 2 labels \(prom, none\), but the data have 3 \(a, b, c\); pass --ignore_mis",
        ),
        (
            List(Value("float32"), length=2),
            [0, 1],
            "trained for single_label_classification, but the labels of the data are for multi_lab",
        ),
        (Value("float32"), 0.5, "are for regression; set --problem_type if they are meant other"),
    ],
)
def test_other_labels_are_refused_or_get_a_new_head(tmp_path, feature, label, message):
    folder, trained = checkpoint(tmp_path / "model", **NAMED)
    dataset = dataset_of(feature, [label])
    with pytest.raises(ValueError, match=message):
        go_on(folder, dataset)
    model, _ = go_on(folder, dataset, ignore_mismatched_sizes=True)
    assert "prom" not in model.config.label2id
    before, after = trained.state_dict(), model.state_dict()
    for name, tensor in after.items():
        if name.startswith("model."):
            assert torch.equal(tensor, before[name]), name
    assert all(
        not torch.equal(after[name], before[name]) for name in ("classifier.a", "classifier.z")
    )
