"""Rows of a benchmark: their labels, their types, and how often they stand."""

from dataclasses import replace

import pytest
from datasets import DatasetDict

from hf_genomics.benchmarks.configurations import Configuration, describe
from hf_genomics.benchmarks.duplicates import count_duplicates
from hf_genomics.benchmarks.labelled_rows import checked_label, content_digest, split_dataset
from hf_genomics.benchmarks.specs import LabelKind, TaskSpec

TASK = TaskSpec(name="t", task="t", label_names=("no", "yes"))
NUMBER = TaskSpec(name="n", task="n", label_names=(), kind=LabelKind.NUMBER)
LISTS = TaskSpec(name="l", task="l", label_names=("0", "1", "2"), kind=LabelKind.LIST)


def rows(*pairs: tuple[str, int], **more: list):
    columns = {"sequence": [s for s, _ in pairs], "label": [label for _, label in pairs]}
    return split_dataset({**columns, **more}, TASK)


def test_duplicates_are_counted_within_and_across_splits():
    dataset = DatasetDict(
        train=rows(("AA", 0), ("AA", 0), ("CC", 1), ("AA", 1)),
        validation=rows(("AA", 1), ("CC", 0), ("GG", 0)),
        test=rows(("GG", 0), ("TT", 0)),
    )
    assert count_duplicates(dataset) == {
        "train": {"within": 2},
        "validation": {"within": 0, "in_train": 2, "in_train_other_label": 1},
        "test": {
            "within": 0,
            "in_train": 0,
            "in_train_other_label": 0,
            "in_validation": 1,
            "in_validation_other_label": 0,
        },
    }


def test_variants_of_one_window_are_no_duplicates():
    assert count_duplicates(DatasetDict(test=rows(("AA", 0), ("AA", 1), alt=["C", "G"]))) == {
        "test": {"within": 0}
    }


@pytest.mark.parametrize(
    ("task", "given", "label"),
    [
        (TASK, "1", 1),
        (TASK, " 0 ", 0),
        (TASK, "yes", 1),
        (TASK, 1.0, 1),
        (TASK, True, 1),
        (NUMBER, "-1.5", -1.5),
        (LISTS, "2,0", [1, 0, 1]),
        (LISTS, "", [0, 0, 0]),
        (LISTS, [0, 1, 1], [0, 1, 1]),
    ],
)
def test_labels_are_read(task, given, label):
    assert checked_label(given, task, "row 1") == label


@pytest.mark.parametrize(
    ("task", "given"),
    [
        (TASK, "2"),
        (TASK, -1),
        (TASK, None),
        (TASK, 0.5),
        (TASK, "maybe"),
        (TASK, "²"),
        (NUMBER, "nan"),
        (NUMBER, None),
        (LISTS, "3"),
        (LISTS, [0, 1]),
        (LISTS, [0, 1, 2]),
        (LISTS, [0, 1, 0.5]),
        (LISTS, None),
    ],
)
def test_labels_that_are_none_of_the_task_are_refused(task, given):
    with pytest.raises(ValueError, match="row 1: the label is"):
        checked_label(given, task, "row 1")


def test_checksum_is_of_the_rows_in_their_order():
    one = content_digest(["AA", "CC"], [0, 1])
    assert one == content_digest(iter(["AA", "CC"]), iter([0, 1]))
    assert one != content_digest(["CC", "AA"], [1, 0])


@pytest.mark.parametrize(("label", "word"), [(1, "equal"), (0, "differ from")])
def test_rows_are_compared_with_those_whose_checksum_is_known(label, word):
    task = replace(TASK, sha256={"train": content_digest(["AA", "CC"], [0, 1])}, splits=("train",))
    found = Configuration(task, DatasetDict(train=rows(("AA", 0), ("CC", label))))
    assert describe(found)["notes"] == [
        f"rows of train {word} those of the copy whose checksum is known"
    ]


def test_variants_of_two_lengths_at_one_place_are_no_duplicates():
    alleles = {"ref": ["G", "GC"], "alt": ["T", "T"]}
    counts = count_duplicates(DatasetDict(test=rows(("GC", 0), ("GC", 1), **alleles)))
    assert counts == {"test": {"within": 0}}
