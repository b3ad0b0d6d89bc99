"""Measured effects of variants: reading tables of assays, with the names that columns go by."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hf_genomics.data.split_files import tables_below
from hf_genomics.data.tables import column_names, table_suffix

from .genomic_layouts import whole_number
from .labelled_rows import read_table, row_name
from .table_sources import Source


def assay_table(source: Source, needed: Mapping[str, tuple[str, ...]], help_text: str) -> Path:
    """The one table of a source that has the columns of an assay.

    Raises:
        ValueError: There is none, or there are several.
    """
    if isinstance(source, str):
        raise ValueError(f"{source} is no file or folder. {help_text}")
    if source.is_file():
        tables = [source] if table_suffix(source) else []
    else:
        tables = tables_below(source)
    if len(tables) > 1:
        tables = [file for file in tables if _has_columns(file, needed)]
    if len(tables) != 1:
        found = ", ".join(map(str, tables)) or "none"
        raise ValueError(f"{source} is to hold one table of the assay; found: {found}. {help_text}")
    return tables[0]


def _has_columns(file: Path, needed: Mapping[str, tuple[str, ...]]) -> bool:
    try:
        present = set(column_names(file))
    except ValueError:
        return False  # such as a text in another encoding, which lies beside the table
    return all(present & set(names) for names in needed.values())


def assay_rows(
    path: Path,
    needed: Mapping[str, tuple[str, ...]],
    optional: Mapping[str, tuple[str, ...]] | None = None,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields file and row for errors, and the row by our names of its columns.

    Args:
        path: the table.
        needed: our name of a column to the names it goes by, the usual one first.
        optional: the same; None stands for a column that is absent.

    Raises:
        ValueError: The table is empty or lacks a column.
    """
    present = column_names(path)
    names = {}
    for ours, others in {**needed, **(optional or {})}.items():
        names[ours] = next((name for name in others if name in present), others[0])
    required = [names[ours] for ours in needed]
    held = [names[ours] for ours in optional or {} if names[ours] in present]
    table = read_table(path, required, held)
    if len(table) == 0:
        raise ValueError(f"{path} has no rows; a split cannot be empty.")
    columns = {
        ours: table.column(name).to_pylist()
        for ours, name in names.items()
        if name in [*required, *held]
    }
    for index in range(len(table)):
        row = {ours: columns[ours][index] if ours in columns else None for ours in names}
        yield row_name(path, index), row


def position(row: Mapping[str, Any], where: str, column: str = "pos") -> int:
    """A 1-based position.

    Raises:
        ValueError: It is none.
    """
    pos = whole_number(row[column], where, "position")
    if pos < 1:
        raise ValueError(f"{where}: the position is {pos}; positions count from 1.")
    return pos


def number(value: object, where: str, what: str) -> float:
    """A finite number.

    Raises:
        ValueError: It is none.
    """
    try:
        found = float(str(value))
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise ValueError(f"{where}: the {what} is {value!r}; a finite number is needed.")
    return found
