"""What becomes of the labels of a table."""

import pytest
from datasets import ClassLabel, List, Value

from hf_genomics.data.labels import encode_labels


@pytest.mark.parametrize(
    ("train", "expected", "names"),
    [
        ([1, 0, 2], [1, 0, 2], ["0", "1", "2"]),
        (["1", "0", "+1"], [1, 0, 1], ["0", "1"]),
        (["promoter", "enhancer", "promoter"], [1, 0, 1], ["enhancer", "promoter"]),
        ([True, False], [1, 0], ["false", "true"]),
    ],
)
def test_classes(train, expected, names):
    encoded, feature = encode_labels({"train": train})
    assert encoded == {"train": expected}
    assert feature == ClassLabel(names=names)


def test_class_names_of_the_source_are_kept():
    _, feature = encode_labels({"train": [0, 1]}, class_names=["background", "TATA"])
    assert feature.names == ["background", "TATA"]


@pytest.mark.parametrize("train", [[0.5, 2.0], ["0.5", "2"], [1, 0.5]])
def test_numbers_that_are_no_integers_are_regression_targets(train):
    encoded, feature = encode_labels({"train": train})
    assert encoded == {"train": [float(value) for value in train]}
    assert feature == Value("float32")


def test_lists_of_zero_and_one_are_multi_label_targets():
    encoded, feature = encode_labels({"train": [[0, 1, 1], [1, 0, 0]]})
    assert encoded == {"train": [[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]}
    assert feature == List(Value("float32"), length=3)


def test_the_kind_is_decided_over_all_splits():
    """A split whose numbers happen to be whole is still regression."""
    encoded, feature = encode_labels({"train": ["0.5", "1.5"], "test": ["1", "0"]})
    assert feature == Value("float32")
    assert encoded["test"] == [1.0, 0.0]


def test_splits_of_a_table_that_is_text_and_one_that_is_not_agree():
    encoded, feature = encode_labels({"train": ["0", "1"], "test": [1, 0]})
    assert encoded == {"train": [0, 1], "test": [1, 0]}
    assert feature.names == ["0", "1"]


def test_a_test_split_may_lack_a_class():
    encoded, feature = encode_labels({"train": ["a", "b", "c"], "test": ["c"]})
    assert encoded["test"] == [2]
    assert feature.num_classes == 3


def test_without_a_training_split_the_classes_are_those_of_all_rows():
    encoded, feature = encode_labels({"validation": ["a"], "test": ["b"]})
    assert encoded == {"validation": [0], "test": [1]}
    assert feature.names == ["a", "b"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"train": [0, None]}, "Row 1 of split 'train' has no label"),
        ({"train": ["a", ""]}, "Row 1 of split 'train' has no label"),
        ({"train": ["0", "1", "x"]}, "mix numbers .'0', row 0 of split 'train'. and text .'x'"),
        ({"train": [0, "x"]}, r"mix or hold unsupported kinds \(int, str\)"),
        ({"train": [0, [1]]}, r"mix or hold unsupported kinds \(int, list\)"),
        ({"train": [0, 2]}, "integer labels are 0, 2, but a model with 2 classes needs 0 to 1"),
        ({"train": [1, 2]}, "integer labels are 1, 2, but"),
        ({"train": [-1, 0, 1]}, "integer labels are -1, 0, 1, but"),
        (
            {"train": [0, 1], "test": [0, 7]},
            r"Row 1 of split 'test' has the label 7, outside the 2 known classes \(0, 1\)",
        ),
        (
            {"train": ["a", "b"], "validation": ["c"]},
            r"Row 0 of split 'validation' has the label 'c', outside the 2 known classes \(a, b\)",
        ),
        ({"train": [0.5, float("nan")]}, "Row 1 of split 'train' has the label nan"),
        ({"train": [[0, 1], [1]]}, r"Row 1 of split 'train' has the label \[1\]"),
        ({"train": [[0, 2]]}, r"Row 0 of split 'train' has the label \[0, 2\]"),
        ({"train": [{"a": 1}]}, "unsupported kinds .dict."),
    ],
)
def test_bad_labels_are_named_by_row_and_split(labels, message):
    with pytest.raises(ValueError, match=message):
        encode_labels(labels)


def test_a_label_outside_the_named_classes_is_refused():
    with pytest.raises(ValueError, match="has the label 2, outside the 2 known classes"):
        encode_labels({"train": [0, 1, 2]}, class_names=["a", "b"])
