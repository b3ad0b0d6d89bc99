"""From rows to batches."""

import pytest
import torch
from datasets import Dataset

from hf_genomics import DNATokenizer, HyperbolicCNNConfig
from hf_genomics.data.collators import SequenceClassificationCollator, length_limit

ROWS = [{"sequence": "ACGT", "label": 1}, {"sequence": "nu", "label": 0}]


def test_a_batch_is_padded_on_the_right_to_its_longest_sequence():
    batch = SequenceClassificationCollator(DNATokenizer())(ROWS)
    assert batch["input_ids"].tolist() == [[0, 1, 2, 3], [4, 3, 5, 5]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert batch["labels"].tolist() == [1, 0]
    assert batch["labels"].dtype == torch.int64


@pytest.mark.parametrize(
    ("label", "shape"), [(0.5, (2,)), ([0.0, 1.0, 1.0], (2, 3))], ids=["regression", "multi-label"]
)
def test_other_labels_are_float32(label, shape):
    batch = SequenceClassificationCollator(DNATokenizer())(
        [{"sequence": "ACG", "label": label}] * 2
    )
    assert batch["labels"].dtype == torch.float32
    assert batch["labels"].shape == shape


@pytest.mark.parametrize("form", ["torch", "numpy", None])
@pytest.mark.parametrize("label", [1, 0.5, [0.0, 1.0]])
def test_labels_are_the_same_in_every_format_of_rows(form, label):
    rows = Dataset.from_list([{"sequence": "ACG", "label": label}] * 2).with_format(form)
    batch = SequenceClassificationCollator(DNATokenizer())([rows[0], rows[1]])
    assert batch["labels"].tolist() == [label, label]


def test_rows_without_labels_give_batches_without_labels():
    batch = SequenceClassificationCollator(DNATokenizer())([{"sequence": "ACG"}])
    assert set(batch) == {"input_ids", "attention_mask"}


def test_a_sequence_beyond_max_length_is_an_error_or_cut():
    with pytest.raises(ValueError, match="a sequence of 4 tokens, but max_length is 3"):
        SequenceClassificationCollator(DNATokenizer(), max_length=3)(ROWS)
    cut = SequenceClassificationCollator(DNATokenizer(), max_length=3, truncation=True)(ROWS)
    assert cut["input_ids"].tolist() == [[0, 1, 2], [4, 3, 5]]
    # white space is no base
    SequenceClassificationCollator(DNATokenizer(), max_length=3)([{"sequence": "A C\nG"}])


def test_cutting_needs_a_length():
    with pytest.raises(ValueError, match="truncation=True needs a max_length"):
        SequenceClassificationCollator(DNATokenizer(), truncation=True)


def test_only_a_model_of_fixed_length_limits_its_input():
    flatten = HyperbolicCNNConfig(max_length=10)
    centroid = HyperbolicCNNConfig(max_length=10, head="centroid")
    assert length_limit(flatten) == 10
    assert length_limit(flatten, 8) == 8
    assert length_limit(flatten, 80) == 10
    assert length_limit(centroid, None) is None
    assert length_limit(centroid, 8) == 8
