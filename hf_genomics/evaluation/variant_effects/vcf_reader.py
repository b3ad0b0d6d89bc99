"""VCF and BCF files, line by line, each line kept as it is."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import IO, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hf_genomics.data.indexed_genome import (
    IndexedGenome,
    compression,
    require_pysam,
)
from hf_genomics.evaluation.variant_effects.alleles import (
    Allele,
    Substitutions,
    confirm,
    parse_alleles,
    position_of,
)

VCF_COLUMNS = ("chrom", "pos", "id", "ref", "alt", "qual", "filter", "info")
SCHEMA = pa.schema([(name, pa.int64() if name == "pos" else pa.string()) for name in VCF_COLUMNS])


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

    def schema(self) -> pa.Schema:
        return SCHEMA

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
        # Bytes that are no UTF-8 pass through unchanged; a byte-order mark is left out.
        with io.TextIOWrapper(
            cast(IO[bytes], stream), encoding="utf-8-sig", errors="surrogateescape", newline="\n"
        ) as text:
            try:
                for line in text:
                    yield line.rstrip("\r\n")
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise ValueError(
                    f"{self._file} is cut off or damaged ({error}); fetch or compress it again."
                ) from error


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
        return [parse_alleles(row[0], _pos(row), row[3], row[4] or ".") for row in self.fields]

    def confirm(
        self, genome: IndexedGenome, *, context: tuple[int, int]
    ) -> tuple[Substitutions, NDArray[np.uint8]]:
        return confirm([one for row in self.alleles for one in row], genome, context=context)

    def table(self) -> pa.Table:
        rows = [
            (row[0], _pos(row), row[2], row[3], alternative, *row[5:8])
            for row in self.fields
            for alternative in (row[4] or ".").split(",")
        ]
        columns = dict(zip(VCF_COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
        try:
            return pa.table(columns, schema=SCHEMA)
        except UnicodeEncodeError:  # bytes that are no UTF-8, which a table cannot hold
            texts = set(VCF_COLUMNS) - {"pos"}
            columns |= {name: list(map(_readable, columns[name])) for name in texts}
            return pa.table(columns, schema=SCHEMA)


def _pos(row: list[str]) -> int | None:
    """POS of a line; a whole number in VCF, while tables may have 21.0."""
    return None if "." in row[1] else position_of(row[1])


def _readable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def is_vcf(path: str | Path) -> bool:
    """Whether a file is VCF or BCF by its suffix."""
    return bool(re.search(r"\.(vcf(\.b?gz)?|bcf)$", str(path).lower()))
