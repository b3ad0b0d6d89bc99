"""What a classifier predicted for the rows of a split: in a file, and small enough for a report.

Scores of two models on the same rows are compared row by row, so the rows have to be kept.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray


class PackedClasses(TypedDict):
    """One class a row, as JSON keeps it: `base64` of ceil(log2 classes) bits a row, high bit first,
    the last byte filled up with zeros."""

    rows: int
    classes: int
    base64: str


def write_predictions(path: str | Path, logits: Any, labels: Any) -> None:
    """Writes a Parquet file, whole or not at all: `row` (from 0), `label` and `logits`, a list.

    Args:
        path: Of the file.
        logits: (rows, classes) scores before softmax or sigmoid, (rows, targets) for regression.
        labels: (rows,) classes or targets, (rows, classes) for several labels; None leaves the
            column out.
    """
    path = Path(path)
    logits = np.asarray(logits, np.float32)
    logits = logits.reshape(len(logits), -1)
    columns = {"row": pa.array(np.arange(len(logits)))}
    if labels is not None:
        columns["label"] = pa.array(np.asarray(labels).tolist())
    columns["logits"] = pa.FixedSizeListArray.from_arrays(logits.ravel(), logits.shape[1])
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        pq.write_table(pa.table(columns), aside)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def read_classes(path: str | Path) -> tuple[PackedClasses, PackedClasses] | None:
    """Predicted and true classes of a file of `write_predictions`, packed.

    Returns:
        None if a row has other than one class (regression, several labels, no labels).
    """
    table = pq.read_table(path)
    if "label" not in table.column_names or not pa.types.is_integer(table["label"].type):
        return None
    logits = np.array(table["logits"].to_pylist(), np.float32)
    if logits.ndim != 2 or logits.shape[1] < 2:
        return None
    classes = logits.shape[1]
    labels = table["label"].to_numpy()
    return packed(logits.argmax(1), classes), packed(labels, classes)


def packed(values: NDArray[np.integer], classes: int) -> PackedClasses:
    """Classes (rows,) from 0 in as few bits as hold any of `classes`.

    Raises:
        ValueError: A value is no class.
    """
    values = np.asarray(values)
    if len(values) and not 0 <= values.min() <= values.max() < classes:
        raise ValueError(
            f"classes from {values.min()} to {values.max()} were given, but {classes} classes are "
            f"numbered from 0 to {classes - 1}."
        )
    bits = (values[:, None] >> _shifts(classes)) & 1  # (rows, bits a row)
    data = np.packbits(bits.astype(np.uint8)).tobytes()
    return {"rows": len(values), "classes": classes, "base64": base64.b64encode(data).decode()}


def unpacked(classes: PackedClasses) -> NDArray[np.int64]:
    """The classes (rows,) that `packed` was given.

    Raises:
        ValueError: The bytes are more or fewer than those of the rows.
    """
    data = np.frombuffer(base64.b64decode(classes["base64"]), np.uint8)
    shifts = _shifts(classes["classes"])
    count = classes["rows"] * len(shifts)
    if len(data) != -(-count // 8):
        raise ValueError(
            f"{len(data)} bytes do not hold {classes['rows']} rows of {classes['classes']} "
            f"classes; {-(-count // 8)} would: write the report anew."
        )
    bits = np.unpackbits(data)[:count].reshape(-1, len(shifts))
    return (bits.astype(np.int64) << shifts).sum(1)


def _shifts(classes: int) -> NDArray[np.int64]:
    return np.arange((classes - 1).bit_length())[::-1]
