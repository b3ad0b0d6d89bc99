"""Which stretches of the reference a model reads, and which of them go into one forward pass.

Legend: a chunk `(start, end)` is a stretch of sites, 0-based half-open; its window is the chunk
with `context` bases on each side.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

MAX_CHUNK = 10_000  # sites; as long as the chunks that the official evaluation uses


def plan_chunks(
    positions: NDArray[np.int64], *, overhead: int, max_sites: int = MAX_CHUNK
) -> NDArray[np.int64]:
    """The cheapest chunks that cover the positions.

    A chunk of n sites costs `n + overhead` positions of computation, `overhead` being what its two
    flanks cost. Two neighbours that are d apart cost `d` more in one chunk and `1 + overhead`
    more in a chunk of their own, so each gap is decided by itself.

    Args:
        positions: Sites on one contig `(n,)`, ascending, repetitions allowed.
        overhead: Cost of the flanks of a window, in positions.
        max_sites: Longest chunk; longer runs are cut.

    Returns:
        Chunks `(m, 2)`, ascending, not overlapping.
    """
    if not len(positions):
        return np.empty((0, 2), np.int64)
    gaps = np.diff(positions)
    starts = np.flatnonzero(np.concatenate([[True], gaps > overhead + 1]))
    chunks: list[tuple[int, int]] = []
    for run in np.split(positions, starts[1:]):
        while len(run):
            first = int(run[0])
            inside = int(np.searchsorted(run, first + max_sites))
            chunks.append((first, int(run[inside - 1]) + 1))
            run = run[inside:]
    return np.array(chunks, np.int64)


def batches_of(lengths: NDArray[np.int64], *, max_positions: int) -> Iterator[NDArray[np.int64]]:
    """Indices of windows that go together: similar lengths, at most `max_positions` with padding.

    A window that is longer than `max_positions` goes alone.

    Args:
        lengths: Bases of each window `(n,)`.
        max_positions: Bound on the number of windows times the longest of them.
    """
    order = np.argsort(-lengths, kind="stable")
    first = 0
    while first < len(order):
        longest = max(1, int(lengths[order[first]]))
        size = max(1, max_positions // longest)
        yield order[first : first + size]
        first += size
