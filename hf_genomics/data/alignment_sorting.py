"""Sorts columns by reference position on disk, for alignments whose blocks are in no order."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from hf_genomics.data.alignments import ReferenceColumns

# Reference bases that share a temporary file; the columns over them are in memory at once.
_BIN = 65_536
# start, start of the block, number of the block, columns, line, file, contig size or -1, bytes
_HEADER = struct.Struct("<qqqqqqqq")


def sorted_columns(
    pieces: Iterable[ReferenceColumns], folder: Path, num_leaves: int
) -> Iterator[ReferenceColumns]:
    """Yields `pieces` by contig (chr2 before chr10), start and their own order, cut into parts.

    Memory holds the columns over 65,536 reference bases; `folder` all of them, compressed.

    Args:
        pieces: in any order; all are taken before the first is given back.
        folder: where temporary files go; made here, and for the caller to remove.
        num_leaves: leaves of the states.
    """
    files: dict[Path, int] = {}  # of the alignment -> number
    homes: dict[str, Path] = {}  # contig -> its folder
    bins: dict[str, set[int]] = {}
    for number, piece in enumerate(pieces):
        file_number = files.setdefault(piece.path, len(files))
        home = homes.setdefault(piece.contig, folder / str(len(homes)))
        home.mkdir(parents=True, exist_ok=True)
        for part in _cut(piece):
            index = part.start // _BIN
            bins.setdefault(piece.contig, set()).add(index)
            with open(home / str(index), "ab") as file:
                file.write(_packed(part, piece.start, number, file_number))
    for contig in sorted(homes, key=_natural):
        for index in sorted(bins[contig]):
            yield from _read(homes[contig] / str(index), contig, list(files), num_leaves)


def _cut(piece: ReferenceColumns) -> Iterator[ReferenceColumns]:
    """The piece cut where one bin ends and the next begins."""
    start, end = piece.start, piece.start + len(piece.bases)
    while start < end:
        stop = min(end, (start // _BIN + 1) * _BIN)
        part = slice(start - piece.start, stop - piece.start)
        yield ReferenceColumns(
            piece.contig,
            start,
            piece.bases[part],
            piece.leaf_states[part],
            piece.contig_size,
            piece.path,
            piece.line,
        )
        start = stop


def _packed(part: ReferenceColumns, block_start: int, number: int, file: int) -> bytes:
    data = zlib.compress(part.bases.tobytes() + part.leaf_states.tobytes(), 1)
    size = -1 if part.contig_size is None else part.contig_size
    header = (part.start, block_start, number, len(part.bases), part.line, file, size, len(data))
    return _HEADER.pack(*header) + data


def _read(
    file: Path, contig: str, paths: list[Path], num_leaves: int
) -> Iterator[ReferenceColumns]:
    parts = []
    with open(file, "rb") as stream:
        while head := stream.read(_HEADER.size):
            start, block_start, number, length, line, path, size, used = _HEADER.unpack(head)
            values = np.frombuffer(zlib.decompress(stream.read(used)), np.uint8)
            columns = ReferenceColumns(
                contig,
                start,
                values[:length],
                values[length:].view(np.int8).reshape(length, num_leaves),
                None if size < 0 else size,
                paths[path],
                line,
            )
            parts.append(((start, block_start, number), columns))
    parts.sort(key=lambda part: part[0])
    yield from (columns for _, columns in parts)


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sorting key in which chr2 comes before chr10."""
    words = re.split(r"(\d+)", name)
    return [(1, int(word), "") if word.isdigit() else (0, 0, word) for word in words] + [
        (0, 0, name)
    ]
