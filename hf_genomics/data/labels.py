"""Labels of a classification or regression data set, from whatever a table holds to one feature.

Integers and text become classes, other numbers regression targets, lists of 0 and 1 multi-label
targets. The kind and the classes are decided once, over all splits, so that a split never gets a
meaning of its own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from datasets import ClassLabel, List, Value

Labels = dict[str, list[Any]]
"""Label of every row, per split."""

_INTEGER = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def encode_labels(
    labels: Labels, class_names: list[str] | None = None
) -> tuple[Labels, ClassLabel | Value | List]:
    """Labels as a model takes them, with the feature that says what they mean.

    | given | becomes |
    | --- | --- |
    | integers 0 .. C-1, booleans | `ClassLabel`, named as in `class_names` or "0", "1", ... |
    | text | `ClassLabel` of the training names in alphabetical order |
    | text that spells numbers (all of a CSV file is text) | as those numbers |
    | floating-point numbers | `Value("float32")`, for regression |
    | lists of 0 and 1 | `List(Value("float32"))`, for multi-label classification |

    The classes are those of the split `train`, or of all splits where there is no `train`.

    Raises:
        ValueError: A label is missing, not finite, of another kind than the rest, outside the
            range of the classes, or stands in another split but never in `train`.
    """
    for split, row, label in _each(labels):
        if label is None or label == "":
            raise ValueError(
                f"Row {row} of split {split!r} has no label; remove the row or give it one."
            )
    kinds = {type(label) for _, _, label in _each(labels)}
    if str in kinds:
        labels, kinds = _read_numbers(labels)
    if kinds == {list}:
        return _multi_label(labels)
    if kinds <= {int, float} and float in kinds:
        return _regression(labels)
    if kinds == {bool}:
        class_names = ["false", "true"]
        labels = {split: [int(label) for label in column] for split, column in labels.items()}
    elif kinds == {str}:
        class_names = sorted(set(_reference(labels)))
        labels = _number_names(labels, class_names)
    elif kinds != {int}:
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise ValueError(
            f"The labels mix or hold unsupported kinds ({names}); use integers from 0, text, "
            "floating-point numbers, or lists of 0 and 1."
        )
    elif class_names is None:
        class_names = _names_of_integers(labels)
    _check_range(labels, class_names)
    return labels, ClassLabel(names=class_names)


def _each(labels: Labels) -> Iterator[tuple[str, int, Any]]:
    return ((split, row, label) for split in labels for row, label in enumerate(labels[split]))


def _reference(labels: Labels) -> list[Any]:
    """The labels that define the classes."""
    return labels["train"] if "train" in labels else sum(labels.values(), [])


def _read_numbers(labels: Labels) -> tuple[Labels, set[type]]:
    """Text that spells numbers as those numbers, if all of it does."""
    texts = {label for _, _, label in _each(labels) if isinstance(label, str)}
    numbers = {text for text in texts if _NUMBER.fullmatch(text.strip())}
    if numbers and numbers != texts:
        split, row, label = next(each for each in _each(labels) if each[2] in numbers)
        raise ValueError(
            f"The labels mix numbers ({label!r}, row {row} of split {split!r}) and text "
            f"({min(texts - numbers)!r}); use integers from 0 to C-1 only, or text only."
        )
    whole = all(_INTEGER.fullmatch(text.strip()) for text in numbers)
    values = {text: int(text) if whole else float(text) for text in numbers}
    read = {split: [values.get(label, label) for label in labels[split]] for split in labels}
    return read, {type(label) for _, _, label in _each(read)}


def _number_names(labels: Labels, class_names: list[str]) -> Labels:
    numbers = {name: number for number, name in enumerate(class_names)}
    for split, row, label in _each(labels):
        if label not in numbers:
            raise ValueError(_unknown_class(split, row, label, class_names))
    return {split: [numbers[label] for label in column] for split, column in labels.items()}


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
    for split, row, label in _each(labels):
        if not 0 <= label < len(class_names):
            raise ValueError(_unknown_class(split, row, label, class_names))


def _unknown_class(split: str, row: int, label: Any, class_names: list[str]) -> str:
    shown = ", ".join(class_names[:10]) + (", ..." if len(class_names) > 10 else "")
    return (
        f"Row {row} of split {split!r} has the label {label!r}, outside the {len(class_names)} "
        f"known classes ({shown}); correct the label or add the class to the training split."
    )


def _regression(labels: Labels) -> tuple[Labels, Value]:
    for split, row, label in _each(labels):
        if not math.isfinite(label):
            raise ValueError(f"Row {row} of split {split!r} has the label {label}, not a number.")
    floats = {split: [float(label) for label in column] for split, column in labels.items()}
    return floats, Value("float32")


def _multi_label(labels: Labels) -> tuple[Labels, List]:
    width = len(next(_each(labels))[2])
    for split, row, label in _each(labels):
        if len(label) != width or any(value not in (0, 1) for value in label):
            raise ValueError(
                f"Row {row} of split {split!r} has the label {label}; multi-label targets are "
                f"lists of 0 and 1, all of the first row's length {width}."
            )
    encoded = {
        split: [[float(value) for value in label] for label in column]
        for split, column in labels.items()
    }
    return encoded, List(Value("float32"), length=width)
