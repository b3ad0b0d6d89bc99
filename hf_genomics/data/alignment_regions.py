"""Joins columns that follow each other on the reference, and cuts them into rows with context."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hf_genomics.data.alignment_files import UNKNOWN
from hf_genomics.data.alignments import ReferenceColumns

_UNCOVERED = 255
_LETTERS = np.frombuffer(b"ACGTN", np.uint8)

# (contig, start, end) -> bases, shorter where the contig ends
ReferenceBases = Callable[[str, int, int], str]


class RegionRow(NamedTuple):
    """A stretch of the reference with its columns; one row of the data set.

    Attributes:
        name: chromosome or locus.
        start: 0-based position of the first base of `sequence`.
        sequence: n reference bases, ACGTN.
        left_flank: known reference bases directly before `sequence`, at most `flank`.
        right_flank: known reference bases directly after it.
        leaf_states: int8 (n, S).
    """

    name: str
    start: int
    sequence: str
    left_flank: str
    right_flank: str
    leaf_states: NDArray[np.int8]


class UnsortedAlignment(ValueError):
    """Columns came after later ones of their contig had left memory."""


class ColumnBuffer:
    """Columns of one contig that may still change; later ones push earlier ones out.

    Where blocks overlap, the column in which most other species have a base is kept, of equals the
    earlier one. A known reference base stands over an unknown one.
    """

    def __init__(self, contig: str, start: int, num_leaves: int, reference_leaf: int) -> None:
        self.contig = contig
        self.start = start  # position of the first column in memory
        self.overlapping_columns = 0
        self._reference_leaf = reference_leaf
        self._used = 0
        self._bases = np.full(1024, _UNCOVERED, np.uint8)
        self._states = np.empty((1024, num_leaves), np.int8)

    def add(self, columns: ReferenceColumns) -> None:
        """Puts columns in their place.

        Raises:
            UnsortedAlignment: They lie before the columns in memory.
            ValueError: They contradict the reference base of an earlier block.
        """
        if columns.start < self.start:
            raise UnsortedAlignment(
                f"{columns.path}, line {columns.line}: the block begins at {columns.contig}:"
                f"{columns.start}, after blocks further on; sort the blocks by reference position."
            )
        low = columns.start - self.start
        high = low + len(columns.bases)
        self._reserve(high)
        old = self._bases[low:high]
        covered = old != _UNCOVERED
        if not covered.any():
            self._bases[low:high] = columns.bases
            self._states[low:high] = columns.leaf_states
            return
        self._merge(columns, low, high, covered)

    def take(self, end: int | None = None) -> Iterator[tuple[int, NDArray, NDArray]]:
        """Takes out the columns before position `end` (all, by default): runs of start, bases,
        leaf states."""
        count = self._used if end is None else min(max(end - self.start, 0), self._used)
        covered = np.flatnonzero(self._bases[:count] != _UNCOVERED)
        breaks = np.flatnonzero(np.diff(covered) > 1) + 1
        for run in np.split(covered, breaks) if len(covered) else ():
            low, high = int(run[0]), int(run[-1]) + 1
            yield self.start + low, self._bases[low:high].copy(), self._states[low:high].copy()
        rest = self._used - count
        self._bases[:rest] = self._bases[count : self._used].copy()
        self._states[:rest] = self._states[count : self._used].copy()
        self._bases[rest : self._used] = _UNCOVERED
        self._used = rest
        self.start = max(self.start + count, end or 0)

    def _reserve(self, used: int) -> None:
        if used > len(self._bases):
            size = max(used, 2 * len(self._bases))
            bases = np.full(size, _UNCOVERED, np.uint8)
            states = np.empty((size, self._states.shape[1]), np.int8)
            bases[: self._used] = self._bases[: self._used]
            states[: self._used] = self._states[: self._used]
            self._bases, self._states = bases, states
        self._used = max(self._used, used)

    def _merge(
        self, columns: ReferenceColumns, low: int, high: int, covered: NDArray[np.bool_]
    ) -> None:
        old, new = self._bases[low:high], columns.bases
        known = covered & (old < UNKNOWN)
        contradiction = known & (new < UNKNOWN) & (old != new)
        if contradiction.any():
            at = int(contradiction.argmax())
            raise ValueError(
                f"{columns.path}, line {columns.line}: the reference base at {columns.contig}:"
                f"{columns.start + at} is {'ACGT'[new[at]]}, but an earlier block says "
                f"{'ACGT'[old[at]]}; the blocks are of different assemblies or damaged."
            )
        states = self._states[low:high]
        richer = self._num_known(columns.leaf_states) > self._num_known(states)
        replaced = ~covered | richer
        bases = np.where(known, old, new)
        states[replaced] = columns.leaf_states[replaced]
        states[:, self._reference_leaf] = bases
        self._bases[low:high] = bases
        self.overlapping_columns += int(covered.sum())

    def _num_known(self, states: NDArray[np.int8]) -> NDArray[np.int64]:
        """(n, S) -> (n,), known bases of each column without the reference's."""
        known = states < UNKNOWN
        return known.sum(axis=1) - known[:, self._reference_leaf]


@dataclass
class _OpenRow:
    start: int
    left_flank: str
    bases: list[NDArray[np.uint8]] = field(default_factory=list)
    states: list[NDArray[np.int8]] = field(default_factory=list)
    length: int = 0
    right: list[NDArray[np.uint8]] = field(default_factory=list)
    right_length: int = 0

    @property
    def end(self) -> int:
        return self.start + self.length


class RegionCutter:
    """Cuts the runs of one contig, given in order, into rows of at most `max_length` bases.

    Args:
        contig: name of the rows.
        max_length: longest row, in bases.
        flank: most bases of context on each side.
        reference_bases: where to look context up; None to use neighbouring rows only, with N for
            what lies between them.
    """

    def __init__(
        self,
        contig: str,
        *,
        max_length: int,
        flank: int,
        reference_bases: ReferenceBases | None = None,
    ) -> None:
        self._contig = contig
        self._max_length = max_length
        self._flank = flank
        self._reference_bases = reference_bases
        self._row: _OpenRow | None = None
        self._waiting: deque[_OpenRow] = deque()  # rows that still lack bases on their right
        self._seen = np.empty(0, np.uint8)  # the last `flank` bases, N where there was no column
        self._position = 0  # where they end

    def add(
        self, start: int, bases: NDArray[np.uint8], states: NDArray[np.int8]
    ) -> Iterator[RegionRow]:
        """Adds a run (n,), (n, S) that lies after all earlier ones; rows that are complete."""
        while len(bases):
            row = self._row
            if row is not None and row.end != start:
                self._close()
                row = None
            if row is None:
                self._remember(start, bases[:0])
                row = self._row = _OpenRow(start, _text(self._seen).lstrip("N"))
            part = min(len(bases), self._max_length - row.length)
            yield from self._extend_waiting(start, bases[:part])
            self._remember(start, bases[:part])
            row.bases.append(bases[:part])
            row.states.append(states[:part])
            row.length += part
            start, bases, states = start + part, bases[part:], states[part:]
            if row.length == self._max_length:
                self._close()

    def end(self) -> Iterator[RegionRow]:
        """The rows that are left when the contig has no more runs."""
        self._close()
        while self._waiting:
            yield self._finished(self._waiting.popleft())

    def _close(self) -> None:
        if self._row is not None:
            self._waiting.append(self._row)
            self._row = None

    def _remember(self, start: int, bases: NDArray[np.uint8]) -> None:
        """Lets `_seen` end with `bases`, which begin at `start`."""
        if self._flank == 0:
            return
        gap = start - self._position
        if gap >= self._flank:
            self._seen = self._seen[:0]
        elif gap > 0 and len(self._seen):
            self._seen = np.concatenate([self._seen, np.full(gap, UNKNOWN, np.uint8)])
        self._seen = np.concatenate([self._seen, bases])[-self._flank :]
        self._position = start + len(bases)

    def _extend_waiting(self, start: int, bases: NDArray[np.uint8]) -> Iterator[RegionRow]:
        for row in self._waiting:
            gap = start - (row.end + row.right_length)
            room = self._flank - row.right_length
            if gap >= room:
                row.right_length = self._flank
                continue
            if gap > 0:
                row.right.append(np.full(gap, UNKNOWN, np.uint8))
            row.right.append(bases[: room - gap])
            row.right_length += gap + len(row.right[-1])
        while self._waiting and self._waiting[0].right_length >= self._flank:
            yield self._finished(self._waiting.popleft())

    def _finished(self, row: _OpenRow) -> RegionRow:
        left, right = row.left_flank, _text(np.concatenate([*row.right, self._seen[:0]]))
        right = right.rstrip("N")
        if self._reference_bases is not None:
            left = self._reference_bases(self._contig, max(row.start - self._flank, 0), row.start)
            right = self._reference_bases(self._contig, row.end, row.end + self._flank)
        return RegionRow(
            name=self._contig,
            start=row.start,
            sequence=_text(np.concatenate(row.bases)),
            left_flank=left,
            right_flank=right,
            leaf_states=np.concatenate(row.states),
        )


def _text(bases: NDArray[np.uint8]) -> str:
    return _LETTERS[bases].tobytes().decode()
