"""Which stretches of the reference a model reads, and which of them go into one forward pass.

Legend: a chunk `(start, end)` is a stretch of sites, 0-based half-open; its window is the chunk
with `context` bases on each side. Costs are counted in positions that a model computes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

CALL = 1 / 8  # what the call of a model costs by itself, of the cost of a full batch
STEP = 1 / 8  # by which the cost of a chunk grows from one size to the next
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


@dataclass(frozen=True)
class Budget:
    """What a batch may cost, and so which chunks share one.

    Chunks are padded to a few sizes: libraries prepare themselves anew for every shape they meet.

    Args:
        overhead: Cost of the flanks of a chunk.
        max_positions: Bound on the cost of a batch, at least that of one site.
    """

    overhead: int
    max_positions: int

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Sizes of chunks, in sites, that are used, from 1 up."""
        most = max(1, min(MAX_CHUNK, self.max_positions - self.overhead))
        sizes = [1]
        while sizes[-1] < most:
            following = int((sizes[-1] + self.overhead) * (1 + STEP)) - self.overhead
            sizes.append(max(sizes[-1] + 1, following))
        # A size just above the bound would be padded to by nothing.
        return np.array([size for size in sizes if size <= most], np.int64)

    @property
    def max_sites(self) -> int:
        """Sites of the longest chunk."""
        return int(self.sizes[-1])

    def batches(self, sites: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Chunks that go together, the longest first, and the size they are padded to.

        A batch ends where padding would cost more than a call for a batch of its own, or where it
        would cost more than `max_positions`.

        Args:
            sites: Sites of each chunk `(n,)`, up to `max_sites`.

        Returns:
            Size in sites, and indices of the chunks.
        """
        order = np.argsort(-sites, kind="stable")
        sizes = self.sizes[np.searchsorted(self.sizes, sites[order])].tolist()
        most_padding = CALL * self.max_positions
        first, own = 0, 0
        for here, size in enumerate(sizes):
            padded = (here + 1 - first) * (sizes[first] + self.overhead)
            own += size + self.overhead
            if here > first and (padded > self.max_positions or padded - own > most_padding):
                yield sizes[first], order[first:here]
                first, own = here, size + self.overhead
        if len(order):
            yield sizes[first], order[first:]

    def cost(self, sites: NDArray[np.int64]) -> float:
        """What chunks of these sizes `(n,)` cost in their batches, with padding and calls."""
        call = CALL * self.max_positions
        return sum(
            len(batch) * (size + self.overhead) + call for size, batch in self.batches(sites)
        )
