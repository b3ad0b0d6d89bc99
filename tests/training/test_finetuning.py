"""From arguments and data to a model that fits them."""

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from hf_genomics import DNATokenizer, HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification
from hf_genomics.training.arguments import ModelArguments, parse_arguments
from hf_genomics.training.finetuning import (
    build_model,
    check_lengths,
    label_settings,
    length_limit,
    selection_metric,
)
from hf_genomics.training.recipes import PAPER

TINY = "num_layers=1,num_channels=4,embedding_dim=6"
CLASSES = ClassLabel(names=["background", "TATA", "enhancer"])
SEVERAL = List(Value("float32"), length=2)
NUMBER = Value("float32")


def dataset_of(feature, label, longest=9):
    features = Features({"sequence": Value("string"), "label": feature})
    rows = {"sequence": ["ACGT", "A" * longest], "label": [label, label]}
    return DatasetDict({"train": Dataset.from_dict(rows, features=features)})


def save_tiny(folder, **labels):
    config = HyperbolicCNNConfig(
        num_layers=1, num_channels=4, embedding_dim=6, max_length=10, **labels
    )
    HyperbolicCNNForSequenceClassification(config).save_pretrained(folder)
    DNATokenizer().save_pretrained(folder)
    return str(folder)


def test_a_model_learns_the_names_and_the_problem_of_its_labels():
    assert label_settings(CLASSES) == {
        "num_labels": 3,
        "problem_type": "single_label_classification",
        "id2label": {0: "background", 1: "TATA", 2: "enhancer"},
        "label2id": {"background": 0, "TATA": 1, "enhancer": 2},
    }
    assert label_settings(SEVERAL)["problem_type"] == "multi_label_classification"
    assert label_settings(SEVERAL)["num_labels"] == 2
    assert label_settings(NUMBER) == {"num_labels": 1, "problem_type": "regression"}


def test_the_best_epoch_of_a_regression_is_chosen_by_correlation():
    assert selection_metric("matthews_correlation", CLASSES) == "matthews_correlation"
    assert selection_metric("matthews_correlation", NUMBER) == "pearson"
    assert selection_metric("mse", NUMBER) == "mse"


@pytest.mark.parametrize(
    ("overrides", "max_length", "expected"),
    [("", None, 9), ("", 20, 20), (",max_length=30", 20, 30)],
)
def test_a_new_model_is_as_long_as_its_data_or_as_told(overrides, max_length, expected):
    args = ModelArguments(model_type="hyperbolic_cnn", config_overrides=TINY + overrides)
    model, tokenizer = build_model(args, dataset_of(CLASSES, 1), max_length)
    assert model.config.max_length == expected
    assert model.config.id2label[1] == "TATA"
    assert isinstance(tokenizer, DNATokenizer)


def test_an_unknown_model_type():
    args = ModelArguments(model_type="hyperbolic_rnn")
    with pytest.raises(
        ValueError, match="knows no model type 'hyperbolic_rnn'; this package brings"
    ):
        build_model(args, dataset_of(CLASSES, 1), None)


def test_a_trained_model_keeps_its_head_where_it_fits_and_says_so_where_it_does_not(tmp_path):
    folder = save_tiny(tmp_path / "model", num_labels=3)
    model, tokenizer = build_model(
        ModelArguments(model_name_or_path=folder), dataset_of(CLASSES, 1), None
    )
    assert model.config.id2label[2] == "enhancer"
    assert isinstance(tokenizer, DNATokenizer)
    other = dataset_of(ClassLabel(names=["a", "b"]), 1)
    with pytest.raises(
        ValueError, match="predicts 3 labels, but the data have 2; pass --ignore_mis"
    ):
        build_model(ModelArguments(model_name_or_path=folder), other, None)
    anew = ModelArguments(model_name_or_path=folder, ignore_mismatched_sizes=True)
    assert build_model(anew, other, None)[0].config.num_labels == 2


def test_only_a_model_of_fixed_length_limits_its_input():
    flatten = HyperbolicCNNConfig(max_length=10)
    centroid = HyperbolicCNNConfig(max_length=10, head="centroid")
    assert length_limit(flatten, None) == 10
    assert length_limit(flatten, 8) == 8
    assert length_limit(flatten, 80) == 10
    assert length_limit(centroid, None) is None
    assert length_limit(centroid, 8) == 8


def test_a_sequence_that_is_too_long_is_found_before_training():
    dataset = dataset_of(CLASSES, 1, longest=12)
    check_lengths(dataset, DNATokenizer(), 12)
    check_lengths(dataset, DNATokenizer(), None)
    message = (
        "Row 1 of split 'train' has 12 tokens, but the model reads at most max_length=11: raise"
    )
    with pytest.raises(ValueError, match=message):
        check_lengths(dataset, DNATokenizer(), 11)


COMMAND = ["--model_type", "hyperbolic_cnn", "--dataset_name", "data", "--output_dir", "out"]


def test_a_recipe_sets_defaults_and_flags_win():
    _, _, training, recipe = parse_arguments([*COMMAND, "--recipe", "paper"])
    assert recipe is PAPER
    assert training.learning_rate == PAPER.learning_rate
    assert training.num_train_epochs == PAPER.num_train_epochs
    _, _, training, _ = parse_arguments(
        [*COMMAND, "--recipe=paper", "--learning_rate", "0.5", "--eval_strategy", "no"]
        + ["--save_strategy", "no", "--load_best_model_at_end", "false"]
    )
    assert training.learning_rate == 0.5
    assert training.eval_strategy == "no"
    assert not training.load_best_model_at_end


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (COMMAND[2:], "give one of --model_name_or_path and --model_type"),
        ([*COMMAND, "--model_name_or_path", "x"], "give one of --model_name_or_path and"),
        (COMMAND[:2], "give one of --dataset_name and --train_file"),
        (
            ["--model_name_or_path", "x", "--config_overrides", "a=1", *COMMAND[2:]],
            "--config_overrides needs --model_type",
        ),
        ([*COMMAND, "--recipe", "secret"], "invalid choice: 'secret'"),
        ([*COMMAND, "--learning_rat", "1"], "not used by the HfArgumentParser|unrecognized"),
    ],
)
def test_contradictions_are_refused(command, message, capsys):
    with pytest.raises((SystemExit, ValueError)) as raised:
        parse_arguments(command)
    text = capsys.readouterr().err + str(raised.value)
    assert any(part in text for part in message.split("|"))
