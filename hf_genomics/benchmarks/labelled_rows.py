"""Rows of a table as a benchmark has them: sequences of DNA and labels within their range."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from datasets import ClassLabel, Dataset, DatasetInfo, Features, List, Value
from datasets.table import InMemoryTable

from hf_genomics.data.tables import column_names, read_batches, table_suffix

from .specs import LabelKind, TaskSpec

LETTERS = "ACGTRYSWKMBDHVN"  # of the nucleic acid code of IUPAC, without U: this is DNA
_IS_DNA = f"^[{LETTERS}{LETTERS.lower()}]+$"
_BATCH = 10_000


def read_table(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> pa.Table:
    """Named columns of a table, in this order; of text tables every field is text.

    Raises:
        ValueError: The file is no table, or lacks a required column.
    """
    present = column_names(path)
    missing = [name for name in required if name not in present]
    if missing:
        raise ValueError(
            f"{path} has no column {missing[0]!r}; its columns are {', '.join(present)}. "
            f"Rename the column that holds it to {missing[0]!r}."
        )
    wanted = list(dict.fromkeys([*required, *(name for name in optional if name in present)]))
    if table_suffix(path) == ".parquet":
        # A file knows its own columns; a folder would be searched for more of them.
        return pq.ParquetFile(path).read(columns=wanted).select(wanted)
    batches = [
        pa.table({name: pa.array(rows[name], pa.string()) for name in wanted})
        for rows in read_batches(path, _BATCH)
    ]
    return (
        pa.concat_tables(batches)
        if batches
        else pa.table({n: pa.array([], pa.string()) for n in wanted})
    )


def row_name(where: object, index: int) -> str:
    """How an error names a row: counted from 1, without the header."""
    return f"{where}, row {index + 1}"


def checked_sequences(column: pa.ChunkedArray, where: object) -> pa.ChunkedArray:
    """The sequences in upper case.

    Raises:
        ValueError: One is missing or holds a letter that stands for no nucleotide.
    """
    if pa.types.is_dictionary(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise ValueError(f"{where}: the sequences are {column.type}; text is needed.")
    good = pc.fill_null(pc.match_substring_regex(column, _IS_DNA), False)
    first = pc.index(good, False).as_py()
    if first >= 0:
        raise ValueError(f"{row_name(where, first)}: {_what_is_wrong(column[first].as_py())}")
    return pc.utf8_upper(column)


def _what_is_wrong(sequence: str | None) -> str:
    if not sequence:
        return "there is no sequence; remove the row or fill it in."
    position = next(i for i, c in enumerate(sequence) if c.upper() not in LETTERS)
    return (
        f"the sequence has {sequence[position]!r} at position {position} (counted from 0); DNA is "
        f"written with the letters {LETTERS}, in either case."
    )


def checked_labels(values: Iterable[Any], task: TaskSpec, where: object) -> list[Any]:
    """Labels as numbers: of classes, of a regression, or lists of 0 and 1.

    Raises:
        ValueError: A label is missing, or none of the task's.
    """
    return [
        checked_label(value, task, row_name(where, index)) for index, value in enumerate(values)
    ]


def checked_label(value: Any, task: TaskSpec, where: str) -> Any:
    """As `checked_labels`, of one row."""
    read = {
        LabelKind.CLASS: _class_number,
        LabelKind.NUMBER: _number,
        LabelKind.LIST: _zeros_and_ones,
    }[task.kind]
    label = read(value, task)
    if label is None:
        raise ValueError(f"{where}: the label is {value!r}; {_needed(task)}")
    return label


def _class_number(value: Any, task: TaskSpec) -> int | None:
    if isinstance(value, str):
        text = value.strip()
        if text in task.label_names:
            return task.label_names.index(text)
        if not text.isdecimal():
            return None
        value = int(text)
    if (
        isinstance(value, (int, float))
        and 0 <= value < len(task.label_names)
        and value == int(value)
    ):
        return int(value)
    return None


def _number(value: Any, task: TaskSpec) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _zeros_and_ones(value: Any, task: TaskSpec) -> list[float] | None:
    """A list, or the text `3,17` of the labels that apply; empty text is none of them."""
    size = len(task.label_names)
    if isinstance(value, str):
        parts = [part.strip() for part in value.split(",") if part.strip()]
        if not all(part.isdecimal() and int(part) < size for part in parts):
            return None
        chosen = {int(part) for part in parts}
        return [float(index in chosen) for index in range(size)]
    if isinstance(value, list) and len(value) == size and all(entry in (0, 1) for entry in value):
        return [float(entry) for entry in value]
    return None


def _needed(task: TaskSpec) -> str:
    if task.kind is LabelKind.NUMBER:
        return "a finite number is needed."
    top = len(task.label_names) - 1
    if task.kind is LabelKind.LIST:
        return f"the numbers of the labels that apply are needed, each 0 to {top}, with commas."
    shown = ", ".join(task.label_names[:10]) + (", ..." if top > 9 else "")
    return f"{task.name} has the labels 0 to {top} ({shown})."


def label_feature(task: TaskSpec) -> Any:
    """The type of the column `label`."""
    if task.kind is LabelKind.NUMBER:
        return Value("float32")
    if task.kind is LabelKind.LIST:
        return List(Value("float32"), length=len(task.label_names))
    return ClassLabel(names=list(task.label_names))


def split_dataset(columns: dict[str, Any], task: TaskSpec) -> Dataset:
    """A split from its columns: `sequence`, `label` and others of text or whole numbers."""
    features = {"sequence": Value("string"), "label": label_feature(task)}
    for name, values in columns.items():
        if name not in features:
            kind = (
                values.type
                if isinstance(values, (pa.Array, pa.ChunkedArray))
                else pa.array(values).type
            )
            features[name] = Value(str(kind).replace("double", "float64"))
    schema = Features(features).arrow_schema
    arrays = [
        columns[field.name].cast(field.type)
        if isinstance(columns[field.name], (pa.Array, pa.ChunkedArray))
        else pa.array(columns[field.name], field.type)
        for field in schema
    ]
    table = pa.Table.from_arrays(arrays, schema=schema)
    return Dataset(InMemoryTable(table), info=DatasetInfo(features=Features(features)))


def column_list(rows: Dataset, name: str) -> list[Any]:
    """A column as a list; `rows[name]` would decode one row after the other."""
    return list(rows.with_format("arrow")[:].column(name).to_pylist())


def content_digest(sequences: Iterable[str], labels: Iterable[Any]) -> str:
    """SHA-256 of the lines `sequence<TAB>label`: the same for the same rows in any file format."""
    digest = hashlib.sha256()
    for sequence, label in zip(sequences, labels, strict=True):
        digest.update(f"{sequence}\t{label}\n".encode())
    return digest.hexdigest()
