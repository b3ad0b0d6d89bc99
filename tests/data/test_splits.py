"""Rows set aside and drawn, and what cannot be."""

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from hf_genomics.data.splits import require_splits, sample_rows, split_off_validation


def training_rows(labels, names=("background", "TATA")):
    """Sequences of 1, 2, ... bases, so that each is unlike the others."""
    features = Features({"sequence": Value("string"), "label": ClassLabel(names=list(names))})
    columns = {"sequence": ["A" * (i + 1) for i in range(len(labels))], "label": labels}
    return DatasetDict({"train": Dataset.from_dict(columns, features=features)})


def rows_of(split):
    return list(zip(split["sequence"], split["label"], strict=True))


def test_missing_splits_are_named():
    with pytest.raises(ValueError, match="has the splits train, but validation, test is needed"):
        require_splits(training_rows([0, 1]), "train", "validation", "test")
    with pytest.raises(
        ValueError, match="--train_file with --validation_file.*--validation_fraction"
    ):
        require_splits(training_rows([0, 1]), "validation")


def test_a_part_set_aside_is_stratified_and_repeatable():
    dataset = training_rows([int(i % 4 == 0) for i in range(40)])
    parts = split_off_validation(dataset, 0.2, seed=3)
    assert sum(parts["validation"]["label"]) == 2  # a quarter of 8
    assert sorted(parts["train"]["sequence"][:] + parts["validation"]["sequence"][:]) == sorted(
        dataset["train"]["sequence"]
    )
    again = split_off_validation(dataset, 0.2, seed=3)
    assert rows_of(again["validation"]) == rows_of(parts["validation"])


@pytest.mark.parametrize("fraction", [20, 1, 0, -0.5, float("nan")])
def test_a_share_is_between_0_and_1(fraction):
    with pytest.raises(ValueError, match=f"validation_fraction is {fraction}, .* between 0 and 1"):
        split_off_validation(training_rows([0, 1] * 10), fraction, seed=0)


def test_a_class_with_one_row_cannot_be_on_both_sides():
    with pytest.raises(ValueError, match="Class 'TATA' has one training row, .*validation_fractio"):
        split_off_validation(training_rows([0] * 9 + [1]), 0.2, seed=0)


def test_each_class_needs_a_row_on_both_sides():
    with pytest.raises(ValueError, match="0.1 of 10 rows sets 1 aside, but each of the 2 classes"):
        split_off_validation(training_rows([0, 1] * 5), 0.1, seed=0)


def test_a_class_without_rows_is_no_obstacle():
    dataset = training_rows([0, 1] * 10, names=("a", "b", "never seen"))
    assert len(split_off_validation(dataset, 0.2, seed=0)["validation"]) == 4


def test_sampled_rows_are_a_repeatable_draw():
    dataset = training_rows([i % 2 for i in range(40)])
    dataset["test"] = training_rows([1, 0])["train"]
    drawn = sample_rows(dataset, {"train": 10, "test": None}, seed=1)
    assert len(drawn["train"]) == 10
    assert len(drawn["test"]) == 2
    assert set(drawn["train"]["label"]) == {0, 1}
    assert rows_of(drawn["train"]) == rows_of(sample_rows(dataset, {"train": 10}, seed=1)["train"])


@pytest.mark.parametrize(("split", "flag"), [("train", "train"), ("validation", "eval")])
def test_no_rows_at_all_are_no_draw(split, flag):
    with pytest.raises(ValueError, match=f"At most 0 rows of split '{split}'.*--max_{flag}_sampl"):
        sample_rows(training_rows([0, 1]), {split: 0}, seed=0)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_all_seeds_are_scored_on_the_same_rows(split):
    dataset = training_rows([i % 2 for i in range(40)])
    dataset[split] = dataset["train"]
    one, other = (sample_rows(dataset, {"train": 10, split: 10}, seed=seed) for seed in (1, 2))
    assert rows_of(one[split]) == rows_of(other[split])
    assert rows_of(one["train"]) != rows_of(other["train"])
