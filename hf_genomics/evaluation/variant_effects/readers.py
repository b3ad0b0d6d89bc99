"""Variants in: VCF, tables, or every base of a region, a block of rows at a time.

A block keeps what its rows held, so that a writer can put out each of them again.
"""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Protocol, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hf_genomics.data.sequence import BASES
from hf_genomics.data.tables import TABLE_SUFFIXES, column_names, read_batches, table_suffix
from hf_genomics.evaluation.variant_effects.alleles import (
    CODES,
    Allele,
    Status,
    Substitutions,
    confirm,
    parse_alleles,
    position_of,
)
from hf_genomics.evaluation.variant_effects.reference import (
    UNKNOWN,
    ReferenceGenome,
    compression,
    require_pysam,
)

COLUMNS = ("chrom", "pos", "ref", "alt")
_ALIASES = {"chromosome": "chrom", "contig": "chrom", "position": "pos"}
VCF_COLUMNS = ("chrom", "pos", "id", "ref", "alt", "qual", "filter", "info")


class Block(Protocol):
    """Some rows of the input, in its order."""

    num_rows: int

    def confirm(
        self, genome: ReferenceGenome, *, context: tuple[int, int]
    ) -> tuple[Substitutions, NDArray[np.uint8]]:
        """The substitutions to score, and the status code of every allele."""
        ...

    def table(self) -> pa.Table:
        """The rows as a table, one row for each allele."""
        ...


class Source(Protocol):
    """Where variants come from."""

    path: Path | None

    def blocks(self, num_rows: int) -> Iterator[Block]:
        """The input in order, at most `num_rows` rows at a time."""
        ...

    def columns(self) -> list[str]:
        """Names of the columns of the blocks' tables."""
        ...


class VcfBlock:
    """Lines of a VCF file, as they are, with the first eight columns understood."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.num_rows = len(lines)

    @cached_property
    def fields(self) -> list[list[str]]:
        """The first eight columns of each line; what follows them is in a ninth."""
        return [line.split("\t", 8) for line in self.lines]

    @cached_property
    def alleles(self) -> list[list[Allele]]:
        """The alleles of each line."""
        return [parse_alleles(row[0], row[1], row[3], row[4] or ".") for row in self.fields]

    def confirm(
        self, genome: ReferenceGenome, *, context: tuple[int, int]
    ) -> tuple[Substitutions, NDArray[np.uint8]]:
        return confirm([one for row in self.alleles for one in row], genome, context=context)

    def table(self) -> pa.Table:
        rows = [
            (row[0], position_of(row[1]), row[2], row[3], alternative, *row[5:8])
            for row in self.fields
            for alternative in (row[4] or ".").split(",")
        ]
        columns: list[Any] = list(zip(*rows, strict=True)) or [[]] * len(VCF_COLUMNS)
        types = {"pos": pa.int64()}
        arrays = [
            pa.array(values, types.get(name, pa.string()))
            for name, values in zip(VCF_COLUMNS, columns, strict=True)
        ]
        return pa.table(arrays, names=list(VCF_COLUMNS))


class VcfSource:
    """A VCF file, plain, gzip- or bgzip-compressed, or BCF.

    `header` holds the lines before the records, without line ends.

    Raises:
        ValueError: The file has no `#CHROM` line, is cut off, or a record has too few columns.
    """

    def __init__(self, path: Path) -> None:
        self.path: Path | None = path
        self._file = path
        self.header: list[str] = []
        for line in self._lines():
            if not line.startswith("#"):
                break
            self.header.append(line)
        if not self.header or not self.header[-1].startswith("#CHROM\t"):
            raise ValueError(
                f"{path} is not VCF: the line before the records must begin with '#CHROM'."
            )

    def columns(self) -> list[str]:
        return list(VCF_COLUMNS)

    def blocks(self, num_rows: int) -> Iterator[VcfBlock]:
        lines: list[str] = []
        for number, line in enumerate(self._lines(), start=1):
            if line.startswith("#") or not line:
                continue
            if line.count("\t") < 7:
                raise ValueError(
                    f"Line {number} of {self._file} has {line.count(chr(9)) + 1} columns, but a "
                    "VCF record has at least 8, separated by tabs; mend or remove it."
                )
            lines.append(line)
            if len(lines) == num_rows:
                yield VcfBlock(lines)
                lines = []
        if lines:
            yield VcfBlock(lines)

    def _lines(self) -> Iterator[str]:
        if self._file.suffix.lower() == ".bcf":
            with require_pysam().VariantFile(str(self._file)) as file:
                yield from str(file.header).splitlines()
                yield from (str(record).rstrip("\n") for record in file)
            return
        compressed = compression(self._file)  # also finds a bgzip file that is cut off
        stream = gzip.open(self._file) if compressed else open(self._file, "rb")  # noqa: SIM115
        # Bytes that are no UTF-8 pass through unchanged.
        with io.TextIOWrapper(
            cast(IO[bytes], stream), encoding="utf-8", errors="surrogateescape", newline="\n"
        ) as text:
            try:
                for line in text:
                    yield line.rstrip("\r\n")
            except EOFError as error:
                raise ValueError(f"{self._file} is cut off; fetch or compress it again.") from error


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
        self, genome: ReferenceGenome, *, context: tuple[int, int]
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


class TableSource:
    """A table of variants: a CSV, TSV or Parquet file, or a pyarrow table in memory.

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
        in_memory = isinstance(table, pa.Table)
        present = list(table.schema.names) if in_memory else column_names(table)
        self._columns = present
        self._names = find_columns(present, names or {}, shown)

    def columns(self) -> list[str]:
        return self._columns

    def blocks(self, num_rows: int) -> Iterator[TableBlock]:
        for rows in self._tables(num_rows):
            # What pandas notes of an index does not hold for the rows that come out.
            metadata = dict(rows.schema.metadata or {})
            metadata.pop(b"pandas", None)
            yield TableBlock(rows.replace_schema_metadata(metadata), self._names)

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
            schema = pa.schema([(name, pa.string()) for name in self._columns])
            for rows in read_batches(table, num_rows):
                yield pa.table(rows, schema=schema)


class RegionBlock:
    """Every base of a stretch of a contig, each with the three bases it can change to.

    A base that is N has one row without an alternative.

    Args:
        contig: Name of the contig.
        start: First base, 0-based.
        states: The reference there `(n,)`.
    """

    def __init__(self, contig: str, start: int, states: NDArray[np.uint8]) -> None:
        self.contig = contig
        self.start = start
        self.states = states
        self.num_rows = len(states)
        copies = np.where(states == UNKNOWN, 1, 3)
        self._site = np.repeat(np.arange(len(states)), copies)
        self._reference = states[self._site]
        first = np.concatenate([[0], np.cumsum(copies)[:-1]]).astype(np.int64)
        place = np.arange(len(self._site)) - first[self._site]  # 0, 1, 2
        self._alternative = (place + (place >= self._reference)).astype(np.uint8)
        self._known = self._reference < UNKNOWN

    @property
    def position(self) -> NDArray[np.int64]:
        """0-based position of each row."""
        return self.start + self._site

    def confirm(
        self, genome: ReferenceGenome, *, context: tuple[int, int]
    ) -> tuple[Substitutions, NDArray[np.uint8]]:
        position = self.position
        inside = (position >= context[0]) & (position + context[1] < genome.lengths[self.contig])
        codes = np.where(inside, CODES[Status.OK], CODES[Status.CONTIG_END]).astype(np.uint8)
        codes[~self._known] = CODES[Status.REF_IS_N]
        row = np.flatnonzero(self._known)
        substitutions = Substitutions(
            (self.contig,),
            np.zeros(len(row), np.int64),
            position[row],
            self._reference[row],
            self._alternative[row],
            row,
        )
        return substitutions, codes

    def table(self) -> pa.Table:
        letters = np.array([*BASES, "N"])
        alternative = pa.array(letters[self._alternative], mask=~self._known)
        return pa.table(
            {
                "chrom": pa.array([self.contig] * len(self._site), pa.string()),
                "pos": pa.array(self.position + 1, pa.int64()),
                "ref": pa.array(letters[self._reference], pa.string()),
                "alt": alternative.cast(pa.string()),
            }
        )


class RegionSource:
    """Every possible change of one base in a region.

    Args:
        region: `contig`, `contig:start-end` or `contig:start`; 1-based, the end included.
        genome: The reference.

    Raises:
        ValueError: The contig is unknown or the region does not lie within it.
    """

    path: Path | None = None

    def __init__(self, region: str, genome: ReferenceGenome) -> None:
        self.contig, self.start, self.end = parse_region(region, genome)
        self._genome = genome

    def columns(self) -> list[str]:
        return list(COLUMNS)

    def blocks(self, num_rows: int) -> Iterator[RegionBlock]:
        for start in range(self.start, self.end, num_rows):
            end = min(start + num_rows, self.end)
            yield RegionBlock(self.contig, start, self._genome.states(self.contig, start, end))


def parse_region(region: str, genome: ReferenceGenome) -> tuple[str, int, int]:
    """Contig, start and end, 0-based half-open, of `contig:start-end` (1-based, end included)."""
    contig, start, end = region, 1, None
    # The name of a contig may itself hold a colon.
    if region not in genome.lengths:
        match = re.fullmatch(r"(.+):([\d,]+)(?:(-)([\d,]*))?", region)
        if match and match[1] in genome.lengths:
            contig, start = match[1], int(match[2].replace(",", ""))
            digits = (match[4] or "").replace(",", "")
            end = int(digits) if digits else (None if match[3] else start)
        else:
            raise ValueError(
                f"The region {region!r} is on no contig of {genome.path}, which has "
                f"{shortened(genome.lengths)}; write it as contig:start-end."
            )
    length = genome.lengths[contig]
    end = length if end is None else end
    if not 1 <= start <= end <= length:
        raise ValueError(
            f"The region {region!r} is not within {contig}, which has the bases 1 to {length}."
        )
    return contig, start - 1, end


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
            matching = [column for column in present if _plain_name(column) == name]
        if len(matching) != 1:
            fault = f"{len(matching)} columns" if matching else "no column"
            raise ValueError(
                f"{shown} has {fault} {found.get(name, name)!r} ({', '.join(present)}); say which "
                f"column holds {name} by columns={{'{name}': ...}} (--column {name}=...)."
            )
        found[name] = matching[0]
    return found


def open_source(variants: Any, names: Mapping[str, str] | None = None) -> Source:
    """The source of a file by its suffix, of a pandas DataFrame or of a pyarrow table.

    Raises:
        ValueError: It is none of these.
    """
    if isinstance(variants, pa.Table):
        return TableSource(variants, names)
    if hasattr(variants, "to_dict") and hasattr(variants, "columns"):
        return TableSource(pa.Table.from_pandas(variants, preserve_index=False), names)
    path = Path(variants)
    kinds: dict[str, Callable[[], Source]] = {
        "vcf": lambda: VcfSource(path),
        "table": lambda: TableSource(path, names),
    }
    kind = "vcf" if is_vcf(path) else "table" if table_suffix(path) else ""
    if not kind:
        raise ValueError(
            f"{path} is no file of variants by its name; use .vcf, .vcf.gz, .bcf or a table "
            f"({', '.join(TABLE_SUFFIXES)})."
        )
    if kind == "vcf" and names:
        raise ValueError(f"columns are named for a table; {path} is VCF.")
    return kinds[kind]()


def is_vcf(path: str | Path) -> bool:
    """Whether a file is VCF or BCF by its suffix."""
    return bool(re.search(r"\.(vcf(\.b?gz)?|bcf)$", str(path).lower()))


def shortened(names: Mapping[str, Any] | Sequence[str]) -> str:
    """The first few names of many."""
    first = list(names)[:5]
    return ", ".join(first) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _plain_name(column: str) -> str:
    name = column.lstrip("#").strip().lower()
    return _ALIASES.get(name, name)
