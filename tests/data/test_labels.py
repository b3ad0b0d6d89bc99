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


@pytest.mark.parametrize("text", ["[0, 1, 1]", " [0,1,1] ", "[0 1 1]", "[0.0, 1.0, 1.]"])
def test_text_that_spells_lists_is_a_multi_label_target_too(text):
    encoded, feature = encode_labels({"train": [text, "[1, 0, 0]"]})
    assert encoded == {"train": [[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]}
    assert feature == List(Value("float32"), length=3)


@pytest.mark.parametrize(
    ("problem_type", "train", "expected", "feature"),
    [
        ("regression", [0, 1, 3], [0.0, 1.0, 3.0], Value("float32")),
        ("regression", ["2", "-1"], [2.0, -1.0], Value("float32")),
        ("single_label_classification", ["1.0", "0.0"], [1, 0], ClassLabel(names=["0", "1"])),
        ("single_label_classification", [1.0, 0.0], [1, 0], ClassLabel(names=["0", "1"])),
        ("single_label_classification", ["1", "x"], [0, 1], ClassLabel(names=["1", "x"])),
        ("multi_label_classification", ["[1, 0]"], [[1.0, 0.0]], List(Value("float32"), length=2)),
    ],
)
def test_a_problem_type_that_is_given_decides(problem_type, train, expected, feature):
    assert encode_labels({"train": train}, problem_type=problem_type) == (
        {"train": expected},
        feature,
    )


def test_a_test_split_does_not_turn_classes_into_regression_targets():
    with pytest.raises(ValueError, match="Row 0 of split 'test' has the label 1.0, a number, but"):
        encode_labels({"train": ["0", "1"], "test": ["1.0", "0.0"]})
    encoded, _ = encode_labels(
        {"train": ["0", "1"], "test": ["1.0", "0.0"]}, problem_type="single_label_classification"
    )
    assert encoded["test"] == [1, 0]


def test_text_and_numbers_stand_side_by_side_where_the_classes_have_names():
    encoded, feature = encode_labels(
        {"train": [0, 1], "test": ["TATA", "background"]}, class_names=["background", "TATA"]
    )
    assert encoded == {"train": [0, 1], "test": [1, 0]}
    assert feature.names == ["background", "TATA"]


def test_the_training_split_decides_the_kind():
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
        ({"train": ["0", "1", "x"]}, "'train' mix numbers .'0', row 0. and text .'x', row 2."),
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
        ({"train": [0.5, -1e39]}, r"Row 1 of split 'train' has the label -1e\+39, beyond float32"),
        ({"train": [[0, 1], [1]]}, r"Row 1 of split 'train' has the label \[1\]"),
        ({"train": [[0, 2]]}, r"Row 0 of split 'train' has the label \[0, 2\]"),
        ({"train": [[0, 1], [0, 1, 1]]}, r"Row 1 .* of 3 entries, but the first row's has 2"),
        ({"train": [[0], [1]]}, "lists of 1, but a multi-label problem has two labels or more"),
        ({"train": ["[0, 1]", "[0, 2]"]}, r"Row 1 of split 'train' has the label '\[0, 2\]', but"),
        ({"train": ["[0, 1]", "x"]}, "Row 1 of split 'train' has the label 'x', but labels that"),
        ({"train": ["[0.2, 0.8]"]}, "Row 0 of split 'train' has .* lists of 0 and 1, such as"),
        (
            {"train": [0, 1], "test": [[0, 1]]},
            r"Row 0 of split 'test' has the label \[0, 1\], a list, but a label of the training "
            r"split is an integer \(single_label_classification\); write the labels of all",
        ),
        ({"train": [[0, 1]], "test": [1]}, "Row 0 of split 'test' has the label 1, an integer, b"),
        ({"train": ["a", "b"], "test": ["1"]}, "label 1, an integer, but .* split is text"),
        ({"train": [{"a": 1}]}, "unsupported kinds .dict."),
    ],
)
def test_bad_labels_are_named_by_row_and_split(labels, message):
    with pytest.raises(ValueError, match=message):
        encode_labels(labels)


def test_a_label_outside_the_named_classes_is_refused():
    with pytest.raises(ValueError, match="has the label 2, outside the 2 known classes"):
        encode_labels({"train": [0, 1, 2]}, class_names=["a", "b"])


@pytest.mark.parametrize(
    ("train", "problem_type", "message"),
    [
        (["a"], "regression", "label 'a', text, but problem_type regression needs numbers"),
        ([0.5], "single_label_classification", "label 0.5, a number, .* needs integers or text"),
        ([0, 1], "multi_label_classification", "label 0, an integer, .* needs lists of 0 and 1"),
        ([0, 1], "classes", "problem_type is 'classes'; it must be one of single_label_class"),
    ],
)
def test_labels_that_do_not_fit_the_problem_type(train, problem_type, message):
    with pytest.raises(ValueError, match=message):
        encode_labels({"train": train}, problem_type=problem_type)
