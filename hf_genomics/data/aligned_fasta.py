"""Aligned FASTA, read one locus at a time: `>LOCUS|Species`, or one alignment per file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from hf_genomics.data.alignment_files import AlignedRow, AlignmentBlock, numbered_lines

_ENDINGS = frozenset((".gz", ".bgz", ".fa", ".fas", ".fasta", ".fna", ".aln", ".aligned", ".mfa"))


def read_aligned_fasta(
    path: str | Path, arrived: Callable[[int], None] | None = None
) -> Iterator[AlignmentBlock]:
    """Yields the loci of an aligned FASTA file, plain, gzip or bgzip, each as one block.

    Headers are `>LOCUS|Species`, with the records of a locus next to each other; or `>Species`,
    then the file is one locus that has the file's name without its endings. Words after the first
    are ignored. A locus's coordinates are those of its own bases: every row starts at 0. `arrived`
    is told how far the file has been read, as by `numbered_lines`.

    Raises:
        ValueError: The file is no FASTA, mixes both kinds of header, holds records of different
            length in one locus, or comes back to a locus; the message names the line.
    """
    path = Path(path)
    rows: list[AlignedRow] = []
    finished: set[str] = set()
    with_locus: bool | None = None
    for line, header, text in _records(path, arrived):
        if with_locus is None:
            with_locus = "|" in header
        locus, bar, species = header.partition("|")
        if not bar:
            locus, species = locus_of(path), header
        if bool(bar) != with_locus or not locus or not species:
            raise ValueError(
                f"{path}, line {line}: the header is {header!r}, but headers are all "
                f"{'LOCUS|Species' if with_locus else 'species names'} in this file; rename it."
            )
        if rows and rows[0].contig != locus:
            yield AlignmentBlock(rows, path, rows[0].line)
            finished.add(rows[0].contig)
            rows = []
        if locus in finished:
            raise ValueError(
                f"{path}, line {line}: locus {locus!r} comes again after others; put the records "
                "of a locus next to each other (for example with `seqkit sort`)."
            )
        if rows and len(rows[0].text) != len(text):
            raise ValueError(
                f"{path}, line {line}: {header!r} has {len(text)} aligned columns, but the first "
                f"record of its locus (line {rows[0].line}) has {len(rows[0].text)}; the file is "
                "cut off or not aligned."
            )
        rows.append(
            AlignedRow(species, locus, 0, len(text) - text.count(b"-"), "+", None, text, line)
        )
    if rows:
        yield AlignmentBlock(rows, path, rows[0].line)


def locus_of(path: Path) -> str:
    """File name without the endings of FASTA and compression."""
    while path.suffix.lower() in _ENDINGS:
        path = path.with_suffix("")
    return path.name


def _records(path: Path, arrived: Callable[[int], None] | None) -> Iterator[tuple[int, str, bytes]]:
    """Line of the header, first word of the header, sequence."""
    header: str | None = None
    begin = 0
    parts: list[bytes] = []
    for number, line in numbered_lines(path, arrived):
        line = line.strip()
        if line.startswith(b">"):
            if header is not None:
                yield begin, header, b"".join(parts)
            words = line[1:].decode(errors="replace").split(maxsplit=1)
            if not words:
                raise ValueError(f"{path}, line {number}: the header names no species.")
            header, begin, parts = words[0], number, []
        elif line and not line.startswith(b";"):  # ";" opens a comment in old FASTA files
            if header is None:
                raise ValueError(f"{path}, line {number}: a sequence before the first '>' header.")
            parts.append(line)
    if header is not None:
        yield begin, header, b"".join(parts)
