"""Where genomes come from: FASTA files, folders of these, or data sets; contig by contig."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import IterableDataset, load_dataset

from hf_genomics.data.fasta import read_fasta

FASTA_ENDS = (".fa", ".fasta", ".fna")
TABLE_ENDS = (".parquet", ".arrow", ".csv", ".tsv", ".json", ".jsonl")


@dataclass(frozen=True)
class Part:
    """What is read of each data set among the sources.

    Attributes:
        column: of the sequences.
        split: its name.
        config: name of the configuration; None for the only one, or the default.
    """

    column: str = "sequence"
    split: str = "train"
    config: str | None = None


def expanded(sources: Sequence[str]) -> tuple[str, ...]:
    """The sources, with the FASTA files of a folder, sorted by name, in place of the folder.

    Raises:
        ValueError: a source is a table, or is named like a file or folder that is not there.
    """
    found: list[str] = []
    for source in sources:
        path = Path(source)
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if is_named_fasta(file))
            found += map(str, files or [path])
            continue
        if path.is_file() and _has_end(path, TABLE_ENDS):
            raise ValueError(
                f"{source} is a table; give the folder that holds it, which is read as a data set "
                "with a column of sequences."
            )
        # a Hub id is NAME or USER/NAME
        if not path.exists() and (
            _has_end(path, FASTA_ENDS + TABLE_ENDS) or path.is_absolute() or source.count("/") > 1
        ):
            raise ValueError(f"There is no file or folder {source}.")
        found.append(source)
    return tuple(found)


def check_part(sources: Sequence[str], part: Part) -> None:
    """Refuses the choice of a part where there is no data set to choose it from.

    Args:
        sources: of `expanded`.
        part: of each data set.

    Raises:
        ValueError: it is chosen, and all sources are files.
    """
    if part != Part() and all(Path(source).is_file() for source in sources):
        raise ValueError(
            f"{part} is chosen, but {', '.join(sources)} are FASTA files, which have no columns, "
            "splits or configurations; leave it out."
        )


def is_named_fasta(path: Path) -> bool:
    """Whether a file is called like FASTA, plain or gzip; an index beside one is not."""
    return _has_end(path, FASTA_ENDS)


def _has_end(path: Path, ends: tuple[str, ...]) -> bool:
    return path.name.lower().removesuffix(".gz").endswith(ends)


def contigs(sources: Sequence[str], part: Part, *, is_only: bool) -> Iterator[tuple[str, str]]:
    """Name and letters of each sequence of files and data sets; see `load_genomes`.

    Args:
        sources: of `expanded`.
        part: of a data set.
        is_only: whether there are no other sources than these; else names tell which one.
    """
    for source in sources:
        if Path(source).is_file():
            for record in read_fasta(source):
                yield record.name, record.sequence
            continue
        for number, row in enumerate(rows_of(source, part)):
            yield named_sequence(row, number, source, part.column, is_only=is_only)


def rows_of(source: str, part: Part) -> IterableDataset:
    """The rows of a data set, read one after the other."""
    rows = load_dataset(source, part.config, split=part.split, streaming=True)
    assert isinstance(rows, IterableDataset)
    return rows


def named_sequence(
    row: Mapping[str, Any], number: int, source: str, column: str, *, is_only: bool = True
) -> tuple[str, str]:
    """Name and letters of a row of a data set; see `load_genomes`.

    Args:
        row: values by column.
        number: of the row, its name where it has no column `name` or `id`.
        source: of the data set; before the number where there are others.
        column: that of the sequences.
        is_only: whether there are no other sources.

    Raises:
        ValueError: the row has no such column, or no text in it.
    """
    if column not in row:
        raise ValueError(f"{source} has no column {column!r}; it has {', '.join(row)}.")
    name = str(row.get("name", row.get("id", number if is_only else f"{source}:{number}")))
    if not isinstance(row[column], str):
        raise ValueError(
            f"row {number} ({name!r}) of {source} has {row[column]!r} in its column "
            f"{column!r}, which must hold text; leave the row out."
        )
    return name, row[column]
