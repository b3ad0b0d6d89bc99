"""Rows of validation and test that training has seen."""

import pytest
from datasets import Dataset, DatasetDict

from hf_genomics.data.shared_sequences import shared_rows, without_shared_rows


def splits(**sequences):
    return DatasetDict(
        {
            split: Dataset.from_dict({"sequence": rows, "label": list(range(len(rows)))})
            for split, rows in sequences.items()
        }
    )


@pytest.mark.parametrize(
    "twin",
    ["AACG", "aacg", "CGTT", "cgtt", " AA CG\n"],
    ids=["same", "case", "strand", "both", "space"],
)
def test_a_sequence_is_known_in_any_case_and_on_either_strand(twin):
    dataset = splits(train=["GGGG", "AACG"], validation=["AAAA", twin])
    assert shared_rows(dataset) == {"validation": 1}
    assert without_shared_rows(dataset)["train"]["sequence"][:] == ["GGGG"]


def test_uracil_is_thymine():
    assert shared_rows(splits(train=["ACGU"], test=["ACGT"])) == {"test": 1}


def test_the_reverse_alone_is_another_sequence():
    dataset = splits(train=["AACG"], validation=["GCAA", "TTGC"], test=["AACGA"])
    assert shared_rows(dataset) == {}
    assert without_shared_rows(dataset)["train"]["sequence"][:] == ["AACG"]


def test_every_row_counts_and_only_training_rows_go():
    dataset = splits(train=["A", "C", "A"], validation=["T", "A", "AC"], test=["G", "GT"])
    assert shared_rows(dataset) == {"validation": 2, "test": 1}
    dataset["train"] = splits(train=["A", "GGA", "A", "CCA", "C"])["train"]
    left = without_shared_rows(dataset)
    assert left["train"]["sequence"][:] == ["GGA", "CCA"]
    assert left["train"]["label"][:] == [1, 3]  # rows keep their labels
    assert [len(left[split]) for split in ("validation", "test")] == [3, 2]
    assert shared_rows(left) == {}


def test_rows_twice_within_a_split_are_not_shared():
    assert shared_rows(splits(train=["AC", "AC"], test=["AG", "AG"])) == {}
    assert shared_rows(splits(train=["AC", "AC"])) == {}


def test_a_letter_that_is_no_base_is_left_to_the_tokenizer():
    assert shared_rows(splits(train=["AXC"], test=["AXC"])) == {"test": 1}


def test_something_is_left_to_train_on():
    with pytest.raises(ValueError, match="All 2 training rows have sequences of validation or tes"):
        without_shared_rows(splits(train=["AC", "GT"], validation=["AC"], test=["TT"]))
