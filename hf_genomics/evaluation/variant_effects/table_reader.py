"""Tables of variants: files, DataFrames and pyarrow tables, with all their columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hf_genomics.data.indexed_genome import IndexedGenome
from hf_genomics.data.tables import column_names, naming_file, read_batches, table_suffix
from hf_genomics.evaluation.variant_effects.alleles import (
    COLUMNS,
    Allele,
    Substitutions,
    confirm,
    joined,
    parse_alleles,
)

_PLAIN = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
_ALIASES = {"chromosome": "chrom", "contig": "chrom", "position": "pos"}


class TableSource:
    """A table of variants: a CSV, TSV or Parquet file, or a pyarrow table in memory.

    A column `alt` of lists becomes text, the alternatives separated by commas. Views of text or
    bytes become plain columns: pyarrow cannot repeat their rows.

    Args:
        table: The file or table.
        names: Which column holds `chrom`, `pos`, `ref`, `alt`, for those that have another name.

    Raises:
        ValueError: A column is missing or cannot be told, or the file is no table.
    """

    def __init__(self, table: Path | pa.Table, names: Mapping[str, str] | None = None) -> None:
        self.path = None if isinstance(table, pa.Table) else table
        self._table = table
        shown = "the table" if self.path is None else str(self.path)
        if isinstance(table, pa.Table):
            schema = table.schema
        elif table_suffix(table) == ".parquet":
            with naming_file(table):
                schema = pq.read_schema(table)
        else:
            schema = pa.schema([(name, pa.string()) for name in column_names(table)])
        self._views = [place for place, kind in enumerate(schema.types) if kind in _PLAIN]
        for place in self._views:
            field = schema.field(place)
            schema = schema.set(place, field.with_type(_PLAIN[field.type]))
        # What pandas notes of an index does not hold for the rows that come out.
        metadata = dict(schema.metadata or {})
        metadata.pop(b"pandas", None)
        self._names = find_columns(schema.names, names or {}, shown)
        self._alt = schema.get_field_index(self._names["alt"])
        self._has_lists = _is_list(schema.field(self._alt).type)
        if self._has_lists:
            schema = schema.set(self._alt, pa.field(self._names["alt"], pa.string()))
        self._schema = schema.with_metadata(metadata)

    def schema(self) -> pa.Schema:
        return self._schema

    def blocks(self, num_rows: int) -> Iterator[TableBlock]:
        for rows in self._tables(num_rows):
            for place in self._views:
                field = self._schema.field(place)
                rows = rows.set_column(place, field, rows.column(place).cast(field.type))
            if self._has_lists:
                texts = [joined(value) for value in rows.column(self._alt).to_pylist()]
                field = self._schema.field(self._alt)
                rows = rows.set_column(self._alt, field, pa.array(texts, pa.string()))
            rows = rows.replace_schema_metadata(self._schema.metadata)
            yield TableBlock(rows, self._names)

    def _tables(self, num_rows: int) -> Iterator[pa.Table]:
        table = self._table
        if isinstance(table, pa.Table):
            for start in range(0, table.num_rows, num_rows):
                yield table.slice(start, num_rows)
        elif table_suffix(table) == ".parquet":
            with pq.ParquetFile(table) as file:
                for batch in file.iter_batches(num_rows):
                    yield pa.Table.from_batches([batch])
        else:
            for rows in read_batches(table, num_rows):
                yield pa.table(rows, schema=self._schema)


class TableBlock:
    """Rows of a table, one for each allele, with the alleles they hold."""

    def __init__(self, rows: pa.Table, names: Mapping[str, str]) -> None:
        self.num_rows = rows.num_rows
        self._rows = rows
        self._names = names

    @cached_property
    def _alleles(self) -> tuple[list[Allele], list[int]]:
        columns = [self._rows.column(self._names[name]).to_pylist() for name in COLUMNS]
        parsed = [parse_alleles(*values) for values in zip(*columns, strict=True)]
        owners = [row for row, alleles in enumerate(parsed) for _ in alleles]
        return [one for alleles in parsed for one in alleles], owners

    def confirm(
        self, genome: IndexedGenome, *, context: tuple[int, int]
    ) -> tuple[Substitutions, NDArray[np.uint8]]:
        return confirm(self._alleles[0], genome, context=context)

    def table(self) -> pa.Table:
        owners = self._alleles[1]
        if len(owners) == self.num_rows:
            return self._rows
        # A row with several alternatives becomes several rows with one each.
        rows = self._rows.take(pa.array(owners, pa.int64()))
        name = self._names["alt"]
        texts = [
            part
            for value in self._rows.column(name).to_pylist()
            for part in (value.split(",") if isinstance(value, str) else [value])
        ]
        index = rows.schema.get_field_index(name)
        column = pa.array(texts, pa.string()).cast(rows.schema.field(index).type)
        return rows.set_column(index, rows.schema.field(index), column)


def _is_list(kind: pa.DataType) -> bool:
    return (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def find_columns(present: Sequence[str], names: Mapping[str, str], shown: str) -> dict[str, str]:
    """The columns that hold `chrom`, `pos`, `ref` and `alt`, told by their names in any case."""
    unknown = sorted(set(names) - set(COLUMNS))
    if unknown:
        raise ValueError(f"columns maps {', '.join(unknown)}; the names are {', '.join(COLUMNS)}.")
    found = dict(names)
    for name in COLUMNS:
        if name in found:
            matching = [found[name]] if found[name] in present else []
        else:
            plain = {column: column.lstrip("#").strip().lower() for column in present}
            matching = [column for column in present if plain[column] == name]
            # `chrom` itself goes before `chromosome` and the like.
            matching = matching or [c for c in present if _ALIASES.get(plain[c]) == name]
        if len(matching) != 1:
            fault = f"{len(matching)} columns" if matching else "no column"
            raise ValueError(
                f"{shown} has {fault} {found.get(name, name)!r} ({', '.join(present)}); say which "
                f"column holds {name} by columns={{'{name}': ...}} (--column {name}=...)."
            )
        found[name] = matching[0]
    return found
