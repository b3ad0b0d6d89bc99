"""What the labels of a table are: classes, numbers, or lists of 0 and 1; text is read as such.

A kind is named by the Transformers `problem_type` that it leads to. The training split alone
decides it, unless it is given; every other split has to agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Labels = dict[str, list[Any]]
"""Label of every row, per split."""

CLASSES = "single_label_classification"
LISTS = "multi_label_classification"
NUMBERS = "regression"
PROBLEM_TYPES = (CLASSES, LISTS, NUMBERS)

_INTEGER = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_LIST = re.compile(r"\[\s*[01](\.0*)?([\s,;]+[01](\.0*)?)*\s*\]")

_KINDS = {bool: "a truth value", int: "an integer", float: "a number", str: "text", list: "a list"}
_NEEDS = {CLASSES: "integers or text", LISTS: "lists of 0 and 1", NUMBERS: "numbers"}


def read_labels(
    labels: Labels, problem_type: str | None = None, *, named: bool = False
) -> tuple[Labels, str]:
    """Labels in one form for all splits, and their problem type.

    Args:
        labels: Label of every row, per split, as a table holds them.
        problem_type: What they are; told by the split `train` (by all where it is absent) if None.
        named: Whether the source names its classes, so that text and integers may stand side by
            side.

    Returns:
        Integers, truth values or text for classes, numbers for regression, lists for multi-label
        problems; and which of these it is.

    Raises:
        ValueError: A label is missing, or of another kind than the rest; `problem_type` is unknown.
    """
    if problem_type is not None and problem_type not in PROBLEM_TYPES:
        raise ValueError(
            f"problem_type is {problem_type!r}; it must be one of {', '.join(PROBLEM_TYPES)}."
        )
    for split, row, label in each_label(labels):
        if label is None or label == "":
            raise ValueError(
                f"Row {row} of split {split!r} has no label; remove the row or give it one."
            )
    read = {split: _read(split, column, problem_type) for split, column in labels.items()}
    deciding = {"train": read["train"]} if "train" in read else read
    kinds = {type(label) for _, _, label in each_label(deciding)}
    if problem_type is None:
        problem_type = _told_by(kinds, "split 'train'" if "train" in labels else "all splits")
    if problem_type == NUMBERS:
        allowed: set[type] = {int, float}
    elif problem_type == LISTS:
        allowed = {list}
    else:
        allowed = {int, str} if named else {k for k in (int, str, bool) if kinds == {k}}
    for split, row, label in each_label(read):
        if type(label) not in allowed:
            raise ValueError(_other_kind(split, row, label, kinds, problem_type))
    return read, problem_type


def each_label(labels: Labels) -> Iterator[tuple[str, int, Any]]:
    """Split, row in it, and label, of every row."""
    return ((split, row, label) for split in labels for row, label in enumerate(labels[split]))


def _read(split: str, column: list[Any], problem_type: str | None) -> list[Any]:
    """A column whose text is read as what it spells: lists, numbers, or else names."""
    texts = {label.strip() for label in column if isinstance(label, str)}
    if problem_type == CLASSES:
        return _class_numbers(column)
    if any(text.startswith("[") for text in texts):
        for row, label in enumerate(column):
            if isinstance(label, str) and not _LIST.fullmatch(label.strip()):
                raise ValueError(
                    f"Row {row} of split {split!r} has the label {label!r}, but labels that begin "
                    "with '[' are lists of 0 and 1, such as [1, 0, 1], and so must be all others "
                    "beside them; correct it."
                )
        return [_list(label) if isinstance(label, str) else label for label in column]
    if any(_NUMBER.fullmatch(text) for text in texts):
        number = next(x for x in column if isinstance(x, str) and _NUMBER.fullmatch(x.strip()))
        for row, label in enumerate(column):
            if isinstance(label, str) and not _NUMBER.fullmatch(label.strip()):
                raise ValueError(
                    f"The labels of split {split!r} mix numbers ({number!r}, row "
                    f"{column.index(number)}) and text ({label!r}, row {row}); use integers from 0 "
                    "to C-1 only, or text only."
                )
        return [_number(label) if isinstance(label, str) else label for label in column]
    return column


def _class_numbers(column: list[Any]) -> list[Any]:
    """Whole numbers as integers, also where 1 is written 1.0; a column of other text as names."""
    numbers = {label: _number(label) for label in column if isinstance(label, str)}
    if all(number is not None and float(number).is_integer() for number in numbers.values()):
        column = [
            numbers.get(label, label) if isinstance(label, str) else label for label in column
        ]
    return [
        int(label) if isinstance(label, float) and label.is_integer() else label for label in column
    ]


def _number(text: str) -> int | float | None:
    text = text.strip()
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else None


def _list(text: str) -> list[float]:
    return [float(value) for value in re.findall(r"[01]", re.sub(r"\.0*", "", text))]


def _told_by(kinds: set[type], where: str) -> str:
    """The problem type of labels of these kinds."""
    if kinds == {list}:
        return LISTS
    if kinds in ({float}, {int, float}):
        return NUMBERS
    if kinds in ({int}, {bool}, {str}):
        return CLASSES
    names = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise ValueError(
        f"The labels of {where} mix or hold unsupported kinds ({names}); use integers from 0, "
        "text, floating-point numbers, or lists of 0 and 1."
    )


def _other_kind(split: str, row: int, label: Any, kinds: set[type], problem_type: str) -> str:
    what = _KINDS.get(type(label), type(label).__name__)
    if split == "train":
        needs = f"problem_type {problem_type} needs {_NEEDS[problem_type]}"
    else:
        seen = " or ".join(sorted(_KINDS.get(kind, kind.__name__) for kind in kinds))
        needs = f"a label of the training split is {seen} ({problem_type})"
    return (
        f"Row {row} of split {split!r} has the label {label!r}, {what}, but {needs}; write the "
        "labels of all splits alike, or say what they are with problem_type (--problem_type)."
    )
