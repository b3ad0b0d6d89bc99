"""Labels of a classification or regression data set, from whatever a table holds to one feature.

Integers and text become classes, other numbers regression targets, lists of 0 and 1 multi-label
targets. The kind and the classes are decided once, by the training split, so that no other split
gets a meaning of its own.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from datasets import ClassLabel, List, Value

from hf_genomics.data.label_kinds import LISTS, NUMBERS, Labels, each_label, read_labels

FLOAT32_MAX = float(np.finfo(np.float32).max)


def encode_labels(
    labels: Labels, class_names: list[str] | None = None, problem_type: str | None = None
) -> tuple[Labels, ClassLabel | Value | List]:
    """Labels as a model takes them, with the feature that says what they mean.

    | given | becomes |
    | --- | --- |
    | integers 0 .. C-1, truth values | `ClassLabel`, named as in `class_names` or "0", "1", ... |
    | text | `ClassLabel` of the training names in alphabetical order, or of `class_names` |
    | floating-point numbers | `Value("float32")`, for regression |
    | lists of 0 and 1 | `List(Value("float32"))`, for multi-label classification |
    | text that spells numbers or lists (all of a CSV file is text) | as those |

    The kind and the classes are those of the split `train`, or of all splits where there is none.

    Args:
        labels: Label of every row, per split.
        class_names: Names of the classes 0, 1, ... where the source has them.
        problem_type: "single_label_classification" (whole numbers are then classes even where they
            are written 1.0), "regression" (integers are then targets) or
            "multi_label_classification"; None to be told by the training labels.

    Raises:
        ValueError: A label is missing, not finite, of another kind than those of `train` or than
            `problem_type`, outside the range of the classes, or stands in another split but never
            in `train`; or lists differ in length or have one entry.
    """
    labels, problem_type = read_labels(labels, problem_type, named=class_names is not None)
    if problem_type == LISTS:
        return _multi_label(labels)
    if problem_type == NUMBERS:
        return _regression(labels)
    kinds = {type(label) for _, _, label in each_label(labels)}
    if kinds == {bool}:
        class_names = ["false", "true"]
        labels = {split: [int(label) for label in column] for split, column in labels.items()}
    elif class_names is None:
        if kinds == {int}:
            class_names = _names_of_integers(labels)
        else:
            class_names = sorted(set(_reference(labels)))
    labels = _number_names(labels, class_names)
    _check_range(labels, class_names)
    return labels, ClassLabel(names=class_names)


def _reference(labels: Labels) -> list[Any]:
    """The labels that define the classes."""
    return labels["train"] if "train" in labels else sum(labels.values(), [])


def _number_names(labels: Labels, class_names: list[str]) -> Labels:
    numbers = {name: number for number, name in enumerate(class_names)}
    for split, row, label in each_label(labels):
        if isinstance(label, str) and label not in numbers:
            raise ValueError(_unknown_class(split, row, label, class_names))
    return {
        split: [numbers[label] if isinstance(label, str) else label for label in column]
        for split, column in labels.items()
    }


def _names_of_integers(labels: Labels) -> list[str]:
    present = sorted(set(_reference(labels)))
    if present != list(range(len(present))):
        shown = ", ".join(map(str, present[:10])) + (", ..." if len(present) > 10 else "")
        raise ValueError(
            f"The integer labels are {shown}, but a model with {len(present)} classes needs "
            f"0 to {len(present) - 1} without a hole: renumber them, or write the class names as "
            "text and let them be numbered."
        )
    return [str(label) for label in present]


def _check_range(labels: Labels, class_names: list[str]) -> None:
    for split, row, label in each_label(labels):
        if not 0 <= label < len(class_names):
            raise ValueError(_unknown_class(split, row, label, class_names))


def _unknown_class(split: str, row: int, label: Any, class_names: list[str]) -> str:
    shown = ", ".join(class_names[:10]) + (", ..." if len(class_names) > 10 else "")
    return (
        f"Row {row} of split {split!r} has the label {label!r}, outside the {len(class_names)} "
        f"known classes ({shown}); correct the label or add the class to the training split."
    )


def _regression(labels: Labels) -> tuple[Labels, Value]:
    for split, row, label in each_label(labels):
        if not math.isfinite(label):
            raise ValueError(f"Row {row} of split {split!r} has the label {label}, not a number.")
        if abs(label) > FLOAT32_MAX:
            raise ValueError(
                f"Row {row} of split {split!r} has the label {label}, beyond float32, in which "
                "labels are kept; divide all labels by one number, or take logarithms."
            )
    floats = {split: [float(label) for label in column] for split, column in labels.items()}
    return floats, Value("float32")


def _multi_label(labels: Labels) -> tuple[Labels, List]:
    width = len(next(each_label(labels))[2])
    if width < 2:
        raise ValueError(
            f"The labels are lists of {width}, but a multi-label problem has two labels or more; "
            "write one 0 or 1 a row, without brackets, for a yes or no."
        )
    for split, row, label in each_label(labels):
        if len(label) != width:
            raise ValueError(
                f"Row {row} of split {split!r} has the label {label} of {len(label)} entries, but "
                f"the first row's has {width}; every list needs one entry for each label."
            )
        if any(value not in (0, 1) for value in label):
            raise ValueError(
                f"Row {row} of split {split!r} has the label {label}; multi-label targets are "
                "lists of 0 and 1."
            )
    encoded = {
        split: [[float(value) for value in label] for label in column]
        for split, column in labels.items()
    }
    return encoded, List(Value("float32"), length=width)
