"""Tables on disk: CSV and TSV (plain or gzip-compressed) and Parquet, read without guessing.

Every CSV field is text. General CSV readers turn a sequence `NA` into a missing value and an
identifier `007` into 7; here both stay what they were.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from hf_genomics.data.fasta import open_text

Rows = dict[str, list[Any]]
"""Some rows of a table, column by column."""

_DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
TABLE_SUFFIXES = (*_DELIMITERS, ".parquet")

# The csv module refuses fields beyond 131,072 characters; a chromosome is longer.
csv.field_size_limit(sys.maxsize)


def table_suffix(path: str | Path) -> str:
    """`.csv`, `.tsv`, `.txt` or `.parquet`, with a final `.gz` put aside; `""` for other files."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    compressed = bool(suffixes) and suffixes[-1] == ".gz"
    if compressed:
        suffixes.pop()
    suffix = suffixes[-1] if suffixes and suffixes[-1] in TABLE_SUFFIXES else ""
    return "" if suffix == ".parquet" and compressed else suffix  # Parquet compresses itself


def column_names(path: str | Path) -> list[str]:
    """The names of a table's columns, in the order of the file.

    Raises:
        ValueError: The file is no readable table, is empty, or names a column twice.
    """
    if require_table(path) == ".parquet":
        with naming_file(path):
            return _once(path, list(pq.read_schema(path).names))
    with naming_file(path), open_text(path) as file:
        return _header(path, csv_rows(path, file, _DELIMITERS[table_suffix(path)]))


def read_batches(path: str | Path, batch_size: int) -> Iterator[Rows]:
    """Yields the table in order, `batch_size` rows at a time (the last batch may be smaller).

    Raises:
        ValueError: As `column_names`, or a CSV row has another number of fields than the header.
    """
    if require_table(path) == ".parquet":
        column_names(path)  # names that repeat would lose columns below
        with naming_file(path):
            for batch in pq.ParquetFile(path).iter_batches(batch_size):
                yield batch.to_pydict()
        return
    with naming_file(path), open_text(path) as file:
        lines = csv_rows(path, file, _DELIMITERS[table_suffix(path)])
        names = _header(path, lines)
        rows: list[list[str]] = []
        for number, row in lines:
            if len(row) != len(names):
                raise ValueError(
                    f"Line {number} of {path} has {len(row)} fields, but the header "
                    f"names {len(names)} columns: {', '.join(names)}."
                )
            rows.append(row)
            if len(rows) == batch_size:
                yield _by_column(names, rows)
                rows = []
        if rows:
            yield _by_column(names, rows)


def parquet_schema(path: str | Path) -> pa.Schema | None:
    """The types of a Parquet table's columns, None for other files.

    Raises:
        ValueError: The file is no readable Parquet table.
    """
    if table_suffix(path) != ".parquet":
        return None
    with naming_file(path):
        return pq.read_schema(path)


@contextmanager
def table_writer(
    path: str | Path, *, schema: pa.Schema | None = None
) -> Iterator[Callable[[Rows], None]]:
    """Gives a function that appends rows to a new table, of the format that the suffix names.

    The table appears under its name only when the block ends without an error; until then, and
    after a failure, whatever stood there before is untouched.

    Args:
        path: Of the new table.
        schema: For Parquet: types of the columns that it names. Those of other columns follow from
            the first rows that are appended.

    Raises:
        ValueError: The suffix is none of `.csv`, `.tsv`, `.txt` (each also with `.gz`), `.parquet`;
            rows do not have the columns, or in Parquet the types, of the first ones; or none
            came, and no schema says what columns an empty Parquet table has.
    """
    suffix = require_table(path)
    aside = Path(path).with_name(f".{Path(path).name}.{os.getpid()}.partial")
    writer = (
        _parquet_writer(aside, schema) if suffix == ".parquet" else _delimited_writer(aside, path)
    )
    try:
        with writer as append:
            yield append
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def _delimited_writer(aside: Path, path: str | Path) -> Iterator[Callable[[Rows], None]]:
    import gzip

    delimiter = _DELIMITERS[table_suffix(path)]
    compressed = Path(path).suffix.lower() == ".gz"
    with (
        gzip.open(aside, "wt", encoding="utf-8", newline="")
        if compressed
        else open(aside, "w", encoding="utf-8", newline="") as file
    ):
        write = csv_writer(file, delimiter)
        header: list[str] = []

        def append(rows: Rows) -> None:
            if not header:
                header.extend(rows)
                write([header])
            _require_same_columns(header, rows)
            write(zip(*(rows[name] for name in header), strict=True))

        yield append


@contextmanager
def _parquet_writer(aside: Path, schema: pa.Schema | None) -> Iterator[Callable[[Rows], None]]:
    writer: pq.ParquetWriter | None = None

    def append(rows: Rows) -> None:
        try:
            add(rows)
        except pa.ArrowTypeError as error:
            raise ValueError(
                f"Rows have other types than the first ones, which Parquet cannot hold: {error}; "
                "write text (.tsv), or make them alike."
            ) from error

    def add(rows: Rows) -> None:
        nonlocal writer
        if writer is None:
            known = {} if schema is None else {field.name: field for field in schema}
            fields = [
                known.get(name) or pa.field(name, pa.array(values).type)
                for name, values in rows.items()
            ]
            metadata = None if schema is None else schema.metadata
            writer = pq.ParquetWriter(aside, pa.schema(fields, metadata=metadata))
        _require_same_columns(writer.schema.names, rows)
        writer.write_table(pa.table(rows, schema=writer.schema))

    try:
        yield append
        if writer is None:
            if schema is None:
                raise ValueError(
                    "No row was written, so that the columns of the Parquet table are not known; "
                    "write text (.tsv), or look why there is none."
                )
            pq.write_table(schema.empty_table(), aside)
    finally:
        if writer is not None:
            writer.close()


def _require_same_columns(first: Sequence[str], rows: Rows) -> None:
    if set(first) != set(rows):
        raise ValueError(
            f"Rows have the columns {', '.join(rows)}, the first ones {', '.join(first)}; those of "
            "a table are to have the same."
        )


def require_table(path: str | Path) -> str:
    """`table_suffix` of a table.

    Raises:
        ValueError: The file is none.
    """
    suffix = table_suffix(path)
    if not suffix:
        raise ValueError(
            f"{path} is not a table this package reads or writes; use one of "
            f"{', '.join(TABLE_SUFFIXES)} (text tables also with .gz, which Parquet does not need)."
        )
    return suffix


@contextmanager
def naming_file(path: str | Path) -> Iterator[None]:
    """Says which file is broken where the libraries do not."""
    try:
        yield
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} is no readable Parquet table: {error}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error}; is it another format?") from error


def csv_rows(
    path: str | Path, lines: Iterable[str], delimiter: str
) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not empty, each with the line that it ends in, counted from 1.

    Raises:
        ValueError: A quotation mark stands where none can; the message names `path` and the line.
    """
    # Not strict, a quotation mark that is never closed would swallow all rows to the file's end.
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise ValueError(
            f"Line {reader.line_num} of {path}: {error}; a field that begins with a quotation mark "
            "ends with one, and holds doubled ones inside."
        ) from error


def csv_writer(file: TextIO, delimiter: str) -> Callable[[Iterable[Sequence[object]]], None]:
    """Gives a function that writes rows which `csv_rows` reads back as they are."""
    plain = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    quoting = csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)

    def write(rows: Iterable[Sequence[object]]) -> None:
        for row in rows:
            # Before Python 3.13 a carriage return is not quoted, and would be read as a line end.
            broken = any(isinstance(value, str) and "\r" in value for value in row)
            (quoting if broken else plain).writerow(row)

    return write


def _header(path: str | Path, rows: Iterator[tuple[int, list[str]]]) -> list[str]:
    _, names = next(rows, (0, None))
    if not names:
        raise ValueError(f"{path} is empty; its first line must name the columns.")
    return _once(path, names)


def _once(path: str | Path, names: list[str]) -> list[str]:
    """The names of columns, none of which repeats.

    Raises:
        ValueError: One does.
    """
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueError(f"{path} names these columns more than once: {sorted(repeated)}.")
    return names


def _by_column(names: list[str], rows: list[list[str]]) -> Rows:
    return {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
