"""Multiple alignment format (MAF) of UCSC, read one block at a time.

Format: https://genome.ucsc.edu/FAQ/FAQformat.html#format5.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from hf_genomics.data.alignment_files import AlignedRow, AlignmentBlock, numbered_lines

# Lines about a row's neighbourhood, missing species and base qualities; they hold no bases.
_OTHER_LINES = frozenset((b"i", b"e", b"q"))
_NUM_FIELDS = 7
_WHOLE_NUMBER = re.compile(rb"-?\d{1,18}")  # int() would also take 1_0 for 10


def read_maf(
    path: str | Path, arrived: Callable[[int], None] | None = None
) -> Iterator[AlignmentBlock]:
    """Yields the blocks of a MAF file, plain, gzip or bgzip.

    A source name `assembly.chromosome` is split at its first dot. The bases are left as they are.
    Tools that cut columns out of blocks do not always correct the sizes of the rows; where only the
    size is wrong the row is given as it is, for the caller to judge. `arrived` is told how far the
    file has been read, as by `numbered_lines`.

    Raises:
        ValueError: A line is not MAF, a row breaks off (its length differs from its block's, or it
            ends the file with fewer bases than it says), or the file does; the message names the
            line.
    """
    path = Path(path)
    rows: list[AlignedRow] = []
    begin = 0  # line of the block's `a`; 0 outside a block
    for number, line in numbered_lines(path, arrived):
        kind = line[:1]
        if kind == b"s" and line[1:2].isspace():
            if not begin:
                raise ValueError(
                    f"{path}, line {number}: a sequence outside a block; an 'a' line must come "
                    "before the 's' lines, and no empty line between them."
                )
            rows.append(_row(path, number, line))
            if len(rows[-1].text) != len(rows[0].text):
                raise ValueError(
                    f"{path}, line {number}: the row has {len(rows[-1].text)} aligned columns but "
                    f"its block (line {begin}) has {len(rows[0].text)}; the row or the file is cut "
                    "off."
                )
            continue
        word = line.split(maxsplit=1)[0] if line.strip() else b""
        if word == b"a" or not word:
            if rows:
                yield AlignmentBlock(rows, path, begin)
            rows, begin = [], number if word else 0
        elif word not in _OTHER_LINES and not word.startswith(b"#") and word != b"track":
            raise ValueError(
                f"{path}, line {number}: {line[:30]!r} is no line of MAF; one begins with a, s, i, "
                "e, q or #."
            )
    if rows:
        yield AlignmentBlock(rows, path, begin)


def wrong_size(path: Path, line: int, size: int, bases: int) -> ValueError:
    """The error for a row whose number of bases is not what it says."""
    return ValueError(
        f"{path}, line {line}: the row says that it has {size} bases but holds {bases}; the line "
        "is cut off or damaged."
    )


def _row(path: Path, number: int, line: bytes) -> AlignedRow:
    fields = line.split()
    if len(fields) != _NUM_FIELDS:
        raise ValueError(
            f"{path}, line {number}: {len(fields)} fields but a sequence line has {_NUM_FIELDS} "
            "(s, source, start, size, strand, source size, text); the line is cut off or damaged."
        )
    _, source, first, count, strand, total, text = fields
    if not all(map(_WHOLE_NUMBER.fullmatch, (first, count, total))):
        raise ValueError(
            f"{path}, line {number}: start, size and source size are {first!r}, {count!r}, "
            f"{total!r}; whole numbers are needed."
        )
    start, size, contig_size = int(first), int(count), int(total)
    if strand not in (b"+", b"-"):
        raise ValueError(f"{path}, line {number}: the strand is {strand!r}; + or - is needed.")
    bases = len(text) - text.count(b"-")
    if bases != size and not line.endswith(b"\n"):
        raise wrong_size(path, number, size, bases)
    if start < 0 or start + size > contig_size:
        raise ValueError(
            f"{path}, line {number}: bases {start} to {start + size} do not lie within the source "
            f"of {contig_size} bases."
        )
    species, _, contig = source.decode(errors="replace").partition(".")
    return AlignedRow(
        species, contig or species, start, size, strand.decode(), contig_size, text, number
    )
