"""Scores out: VCF, tables and bedGraph, first as parts, then joined to one file."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, Protocol, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hf_genomics.data.indexed_genome import require_pysam
from hf_genomics.data.tables import TABLE_SUFFIXES, csv_writer, table_suffix
from hf_genomics.evaluation.variant_effects.alleles import CODES, MEANINGS, STATUSES, Status
from hf_genomics.evaluation.variant_effects.region_reader import RegionBlock, RegionSource
from hf_genomics.evaluation.variant_effects.scores import Floats
from hf_genomics.evaluation.variant_effects.sources import Block, Source
from hf_genomics.evaluation.variant_effects.vcf_reader import VcfBlock, VcfSource, is_vcf

VCF_PREFIX = "HFG_"  # of the INFO fields, so that they meet no others
SITE_SCORES = ("entropy", "site_rate", "expected_substitutions")  # the same for all alternatives
TRACK_REDUCTIONS: dict[str, Callable[..., Any]] = {"min": np.min, "mean": np.mean, "max": np.max}
ROW_GROUP = 1 << 19  # rows of a Parquet row group, at least
BEDGRAPH_SUFFIXES = (".bedgraph", ".bg")


class Writer(Protocol):
    """Turns scored blocks into the bytes of parts, and joins the parts to the output."""

    def part(self, block: Block, codes: NDArray[np.uint8], scores: Floats) -> bytes: ...

    def join(self, parts: list[Path], output: Path) -> None: ...


def scored_table(
    rows: pa.Table,
    codes: NDArray[np.uint8],
    scores: Floats,
    columns: list[str],
    precision: np.dtype[Any],
) -> pa.Table:
    """Rows with `status` and scores appended; a score that is not there is null.

    Args:
        rows: One row for each allele, `n`.
        codes: Status of each `(n,)`.
        scores: `(n, len(columns) - 1)`, NaN where there is none.
        columns: Names of the status column and of the scores.
        precision: Type of the scores.
    """
    names = pa.array([str(status) for status in STATUSES])
    statuses = pa.DictionaryArray.from_arrays(pa.array(codes), names).cast(pa.string())
    table = rows.append_column(columns[0], statuses)
    for name, values in zip(columns[1:], scores.T, strict=True):
        values = values.astype(precision)
        table = table.append_column(name, pa.array(values, mask=np.isnan(values)))
    return table


class VcfWriter:
    """The input's header and lines as they are, with INFO fields added for each alternative."""

    def __init__(
        self, output: Path, source: VcfSource, columns: Mapping[str, str], prefix: str
    ) -> None:
        self._compressed = output.suffix.lower() in (".gz", ".bgz")
        by_id: dict[str, list[str]] = {}
        for name in ["status", *columns]:
            by_id.setdefault(f"{prefix}{name}".upper(), []).append(name)
        same = [f"{' and '.join(names)} ({one})" for one, names in by_id.items() if len(names) > 1]
        if same:
            raise ValueError(
                "INFO fields are written in upper case, so these columns would have one name: "
                f"{', '.join(same)}; write .tsv or .parquet, or rename the labels in the model's "
                "id2label."
            )
        self._ids = list(by_id)
        taken = [
            name
            for name in self._ids
            if any(line.startswith(f"##INFO=<ID={name},") for line in source.header)
        ]
        if taken:
            raise ValueError(
                f"{source.path} already has the INFO fields {', '.join(taken)}; remove them "
                "(bcftools annotate -x) or give another prefix."
            )
        statuses = "; ".join(f"{status}: {text}" for status, text in MEANINGS.items())
        # A double quote or backslash would end or escape the description.
        declared = [_info_line(self._ids[0], ".", "String", f"Status of each ALT. {statuses}")]
        declared += [
            _info_line(name, "A", "Float", text)
            for name, text in zip(self._ids[1:], columns.values(), strict=True)
        ]
        lines = [*source.header[:-1], *declared, source.header[-1]]
        self._header = "".join(f"{line}\n" for line in lines)

    def part(self, block: Block, codes: NDArray[np.uint8], scores: Floats) -> bytes:
        assert isinstance(block, VcfBlock)
        lines = []
        first = 0
        for fields, alleles in zip(block.fields, block.alleles, strict=True):
            rows = range(first, first + len(alleles))
            first += len(alleles)
            added = [f"{self._ids[0]}={','.join(STATUSES[codes[row]] for row in rows)}"]
            # Number=A of a record without an alternative is no value at all.
            if codes[rows[0]] != CODES[Status.NO_ALTERNATIVE]:
                for column, name in enumerate(self._ids[1:]):
                    values = [_number(scores[row, column], missing=".") for row in rows]
                    if any(value != "." for value in values):
                        added.append(f"{name}={','.join(values)}")
            info = fields[7].rstrip(";")
            kept = [info] if info not in ("", ".") else []
            new = [*fields[:7], ";".join(kept + added), *fields[8:]]
            lines.append("\t".join(new) + "\n")
        return "".join(lines).encode("utf-8", "surrogateescape")

    def join(self, parts: list[Path], output: Path) -> None:
        header = self._header.encode("utf-8", "surrogateescape")
        join_text(header, parts, output, compressed=self._compressed)


class TextTableWriter:
    """CSV or TSV."""

    def __init__(
        self, output: Path, source: Source, columns: list[str], precision: np.dtype[Any]
    ) -> None:
        self._compressed = output.suffix.lower() == ".gz"
        self._delimiter = "," if table_suffix(output) == ".csv" else "\t"
        self._columns = columns
        self._precision = precision
        self._header = self._lines([[*source.schema().names, *columns]])

    def part(self, block: Block, codes: NDArray[np.uint8], scores: Floats) -> bytes:
        rows = block.table()
        columns = [column.to_pylist() for column in rows.columns]
        columns.append([str(STATUSES[code]) for code in codes])
        columns += [[_number(value) for value in values] for values in scores.T]
        return self._lines(zip(*columns, strict=True))

    def join(self, parts: list[Path], output: Path) -> None:
        join_text(self._header, parts, output, compressed=self._compressed)

    def _lines(self, rows: Any) -> bytes:
        text = io.StringIO(newline="")
        csv_writer(text, self._delimiter)(rows)
        return text.getvalue().encode("utf-8")


class ParquetWriter:
    """Parquet; the columns of an input file keep their types."""

    def __init__(self, columns: list[str], precision: np.dtype[Any], schema: pa.Schema) -> None:
        self._columns = columns
        self._precision = precision
        none = np.empty(0, np.uint8), np.empty((0, len(columns) - 1))
        self._schema = scored_table(schema.empty_table(), *none, columns, precision).schema
        self._stored = as_parquet_has_it(self._schema)

    def part(self, block: Block, codes: NDArray[np.uint8], scores: Floats) -> bytes:
        stream = io.BytesIO()
        table = scored_table(block.table(), codes, scores, self._columns, self._precision)
        pq.write_table(table.cast(self._schema), stream, compression="zstd")
        return stream.getvalue()

    def join(self, parts: list[Path], output: Path) -> None:
        with pq.ParquetWriter(output, self._stored, compression="zstd") as writer:
            waiting: list[pa.Table] = []
            for part in parts:
                waiting.append(pq.ParquetFile(part).read())
                if sum(table.num_rows for table in waiting) >= ROW_GROUP:
                    writer.write_table(pa.concat_tables(waiting))
                    waiting = []
            if waiting:
                writer.write_table(pa.concat_tables(waiting))


def as_parquet_has_it(schema: pa.Schema) -> pa.Schema:
    """The schema that comes back: Parquet has fewer types, no seconds and no large dictionaries."""
    stream = io.BytesIO()
    pq.write_table(schema.empty_table(), stream)
    return pq.read_schema(io.BytesIO(stream.getvalue()))


class BedGraphWriter:
    """One value for each base of a region, sorted, without a track line: ready for bigWig.

    Args:
        output: The file.
        track: A score that the alternatives of a site share, or `min_`, `mean_` or `max_` and any
            score, over the alternatives; the expected substitutions if None.
        columns: The scores.

    Raises:
        ValueError: There is no such score, or it differs between alternatives.
    """

    def __init__(self, output: Path, track: str | None, columns: list[str]) -> None:
        self._compressed = output.suffix.lower() == ".gz"
        track = track or "expected_substitutions"
        shared = [name for name in columns if name in SITE_SCORES]
        reduction, _, name = ("mean", "", track) if track in shared else track.partition("_")
        if reduction not in TRACK_REDUCTIONS or name not in columns:
            ways = [f"{way}_{name}" for name in columns for way in TRACK_REDUCTIONS]
            raise ValueError(
                f"track is {track!r}; a base has one value of {', '.join([*shared, *ways])}."
            )
        self._column = columns.index(name)
        self._reduce = TRACK_REDUCTIONS[reduction]

    def part(self, block: Block, codes: NDArray[np.uint8], scores: Floats) -> bytes:
        assert isinstance(block, RegionBlock)
        # A base that is known has three alternatives, one after the other.
        values = self._reduce(scores[block.known, self._column].reshape(-1, 3), axis=1)
        lines = [
            f"{block.contig}\t{site}\t{site + 1}\t{_number(value)}\n"
            for site, value in zip(block.position[block.known][::3], values, strict=True)
            if not np.isnan(value)
        ]
        return "".join(lines).encode("utf-8")

    def join(self, parts: list[Path], output: Path) -> None:
        join_text(b"", parts, output, compressed=self._compressed)


def writer_of(
    output: Path,
    source: Source,
    columns: Mapping[str, str],
    precision: np.dtype[Any],
    *,
    prefix: str | None = None,
    track: str | None = None,
) -> Writer:
    """The writer of an output by its suffix.

    Args:
        output: The file to write.
        source: Where the variants come from.
        columns: Name of each score to its description.
        precision: Type of the scores.
        prefix: Goes before the names of the new fields; `HFG_` for VCF and nothing for tables
            if None.
        track: What a bedGraph shows.

    Raises:
        ValueError: The suffix is unknown or does not fit the source, or a name is taken.
    """
    name = output.name.lower().removesuffix(".gz")
    if track is not None and not name.endswith(BEDGRAPH_SUFFIXES):
        raise ValueError(f"track says what a bedGraph shows, but {output} is none.")
    if is_vcf(output):
        if not isinstance(source, VcfSource) or output.suffix.lower() == ".bcf":
            raise ValueError(
                f"{output}: VCF (.vcf, .vcf.gz) is written from VCF only, because other input has "
                "no header to keep; write .tsv or .parquet."
            )
        return VcfWriter(output, source, columns, VCF_PREFIX if prefix is None else prefix)
    if name.endswith(BEDGRAPH_SUFFIXES):
        if not isinstance(source, RegionSource):
            raise ValueError(f"{output}: bedGraph is written for a region only; write .tsv.")
        if prefix:
            raise ValueError(
                f"prefix goes before the names of new fields, but {output} has none; leave it out."
            )
        return BedGraphWriter(output, track, list(columns))
    if not table_suffix(output):
        raise ValueError(
            f"{output} has none of the suffixes .vcf, .vcf.gz, .bedgraph, .bedgraph.gz, "
            f"{', '.join(TABLE_SUFFIXES)} (text also with .gz)."
        )
    names = [f"{prefix or ''}{column}" for column in ["status", *columns]]
    require_free(names, source.schema().names)
    if table_suffix(output) == ".parquet":
        return ParquetWriter(names, precision, source.schema())
    return TextTableWriter(output, source, names, precision)


def require_free(names: list[str], present: list[str]) -> None:
    """Raises a ValueError if the input already has a column of a new one's name."""
    taken = sorted(set(names) & set(present))
    if taken:
        raise ValueError(
            f"The input already has the columns {', '.join(taken)}; rename them or give a prefix "
            "for the new ones."
        )


def join_text(header: bytes, parts: list[Path], output: Path, *, compressed: bool) -> None:
    """Writes a header and the content of files, bgzip-compressed on request."""
    opened: AbstractContextManager[Any]
    opened = (
        require_pysam().BGZFile(str(output), "wb") if compressed else open(output, "wb")  # noqa: SIM115
    )
    with opened as stream:
        stream.write(header)
        for part in parts:
            with open(part, "rb") as content:
                shutil.copyfileobj(content, cast(IO[bytes], stream), 1 << 20)


def _info_line(name: str, number: str, kind: str, text: str) -> str:
    text = text.replace("\\", "/").replace('"', "'")
    return f'##INFO=<ID={name},Number={number},Type={kind},Description="{text}">'


def _number(value: float, *, missing: str = "") -> str:
    """Seven digits, as many as a float32 holds; zero never as -0."""
    return missing if np.isnan(value) else f"{float(value) + 0.0:.7g}"
