"""What codes stand for: counts over a genome, in memory that does not grow with its length.

Legend: W windows, L bases of a window, r bases per code, T codes (L / r), K codes of a level, F
bases that a code reads (its field). Bases are 0 to 3 for A, C, G, T; other numbers are unknown.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hf_genomics.evaluation.code_information import Integers, entropy_bits

BASES = "ACGT"
IUPAC = "-ACMGRSVTWYHKDBN"  # the letter of a set of bases: A counts 1, C 2, G 4, T 8
MAX_K = 11  # up to K 4^k counters may be held
MERGE_AT = 2**18  # numbers that wait at least before they are sorted in


class SparseCounter:
    """How often each of many possible numbers came; those that never came take no memory.

    Attributes:
        keys: `(n,)` int64, the numbers that came, rising.
        counts: `(n,)` int64.
    """

    def __init__(self) -> None:
        self.keys = np.empty(0, np.int64)
        self.counts = np.empty(0, np.int64)
        self._waiting: list[NDArray[np.int64]] = []
        self._num_waiting = 0

    def add(self, numbers: Integers) -> None:
        """Counts numbers `(n,)` of 0 and more."""
        self._waiting.append(numbers.astype(np.int64))
        self._num_waiting += len(numbers)
        if self._num_waiting >= max(MERGE_AT, len(self.keys)):
            self.merge()

    def merge(self) -> None:
        """Sorts in what waits: from here on `keys` and `counts` hold everything."""
        new, counts = np.unique(
            np.concatenate([np.empty(0, np.int64), *self._waiting]), return_counts=True
        )
        self._waiting, self._num_waiting = [], 0
        keys = np.concatenate([self.keys, new])
        order = np.argsort(keys, kind="stable")
        self.keys, first = np.unique(keys[order], return_index=True)
        both = np.concatenate([self.counts, counts])[order]
        self.counts = np.add.reduceat(both, first) if len(first) else both

    def of(self, group: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of the numbers `group * width + x` with x under width: the x that came, and counts."""
        start, stop = np.searchsorted(self.keys, [group * width, (group + 1) * width])
        return self.keys[start:stop] - group * width, self.counts[start:stop]


class LevelStatistics:
    """Counts of one level's codes, and of the bases and codes that go with each.

    An occurrence is counted if the code's field lies within its window and every base in it is
    known. The others, *at edges*, read zeros where other windows have bases; they are counted apart
    and enter nothing else.

    The code t stands for the bases `t r` to `t r + r - 1` and reads `radius` more on either side.
    Its *centred k-mer* begins at base `t r + floor((r - k) / 2)`: for r = 1 and an odd k, the
    default, the base in its middle is the code's own; for an odd k with r = 2 or 4 the middle is
    the last base of the code's left half; where r - k is even, k-mer and code have one centre.

    Args:
        size: K.
        radius: bases that a code reads on either side of its own.
        ratio: r.
        k: bases of a k-mer, from 1 to F and at most 11.

    Attributes:
        count: `(K,)` occurrences counted.
        edge_count: `(K,)` occurrences at edges.
        base_counts: `(K, F, 4)`.
        kmers: counts of `code * 4^k + k-mer`, the first base of a k-mer counting most.
        partners: counts of `code * K + code of the other strand at the same bases`.

    Raises:
        ValueError: k is out of range.
    """

    def __init__(self, size: int, radius: int, ratio: int, k: int) -> None:
        self.size, self.radius, self.ratio, self.k = size, radius, ratio, k
        self.field = 2 * radius + ratio
        if not 1 <= k <= min(self.field, MAX_K):
            raise ValueError(
                f"k is {k}; give 1 to {min(self.field, MAX_K)}: a code of this level reads "
                f"{self.field} bases, and k-mers of more than {MAX_K} are too many to count."
            )
        self.count = np.zeros(size, np.int64)
        self.edge_count = np.zeros(size, np.int64)
        self.base_counts = np.zeros((size, self.field, 4), np.int64)
        self.kmers = SparseCounter()
        self.partners = SparseCounter()

    @property
    def kmer_start(self) -> int:
        """First base of the centred k-mer, counted from the code's first base."""
        return (self.ratio - self.k) // 2

    def add(
        self, codes: Integers, others: Integers, bases: Integers, owned: NDArray[np.bool_]
    ) -> None:
        """Counts the codes of windows.

        Args:
            codes: `(W, T)`, -1 for none.
            others: `(W, T)`, codes of the other strand at the same bases, in the order of `codes`.
            bases: `(W, L)`.
            owned: `(W, T)`, False for a code that another window counts.
        """
        radius, ratio = self.radius, self.ratio
        padded = np.pad(bases.astype(np.int64), ((0, 0), (radius, radius)), constant_values=4)
        unknown = np.cumsum((padded < 0) | (padded > 3), axis=1)
        unknown = np.pad(unknown, ((0, 0), (1, 0)))
        starts = np.arange(codes.shape[1]) * ratio
        whole = unknown[:, starts + self.field] == unknown[:, starts]
        self.edge_count += np.bincount(codes[(codes >= 0) & ~whole], minlength=self.size)

        counted = (codes >= 0) & whole & owned
        here = codes[counted].astype(np.int64)
        self.count += np.bincount(here, minlength=self.size)
        window, code = np.nonzero(counted)
        first = starts[code]
        for position in range(self.field):
            base = padded[window, first + position]
            table = np.bincount(4 * here + base, minlength=4 * self.size)
            self.base_counts[:, position] += table.reshape(self.size, 4)
        kmers = np.zeros(len(here), np.int64)
        for position in range(self.k):
            kmers = 4 * kmers + padded[window, first + radius + self.kmer_start + position]
        self.kmers.add(here * 4**self.k + kmers)
        self.partners.add(here * self.size + others[counted])

    def rows(self, *, top: int) -> list[dict[str, Any]]:
        """One row per code: what the counts say of it; None where the code was never counted.

        Args:
            top: k-mers to name at most, the most frequent first, by the alphabet where equal.
        """
        self.kmers.merge()
        self.partners.merge()
        total = max(1, int(self.count.sum()))
        empty = dict.fromkeys(
            (
                "top_kmers",
                "kmer_entropy",
                "position_weight_matrix",
                "information",
                "consensus",
                "reverse_complement_id",
                "reverse_complement_share",
            )
        )
        rows: list[dict[str, Any]] = []
        for code, (count, edge_count) in enumerate(zip(self.count, self.edge_count, strict=True)):
            row: dict[str, Any] = {"id": code, "count": int(count), "frequency": count / total}
            row |= {"edge_count": int(edge_count), "only_at_edges": bool(edge_count and not count)}
            rows.append(row | (self._statistics(code, top) if count else empty))
        return rows

    def _statistics(self, code: int, top: int) -> dict[str, Any]:
        count = int(self.count[code])
        kmers, times = self.kmers.of(code, 4**self.k)
        most = np.lexsort((kmers, -times))[:top]
        partners, together = self.partners.of(code, self.size)
        best = int(together.argmax())  # the first of equals
        weights = self.base_counts[code] / count
        return {
            "top_kmers": [
                {"kmer": spell(kmers[i], self.k), "count": int(n), "share": int(n) / count}
                for i, n in zip(most, times[most], strict=True)
            ],
            "kmer_entropy": entropy_bits(times),
            "position_weight_matrix": weights.tolist(),
            "information": information(weights).tolist(),
            "consensus": consensus(self.base_counts[code]),
            "reverse_complement_id": int(partners[best]),
            "reverse_complement_share": int(together[best]) / count,
        }

    def reverse_complement_share(self) -> float:
        """Share of the counted positions that have the best partner of their code opposite."""
        self.partners.merge()
        pairs = ((code, self.partners.of(code, self.size)[1]) for code in range(self.size))
        return sum(int(n.max()) for _, n in pairs if len(n)) / max(1, int(self.count.sum()))


def spell(kmer: int, k: int) -> str:
    """The letters of a k-mer's number."""
    return "".join(BASES[int(kmer) // 4**place % 4] for place in reversed(range(k)))


def information(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bits `(F,)` of each position's frequencies `(F, 4)`: 2 less their entropy.

    As in a sequence logo (Schneider and Stephens, 1990), without its correction for small samples:
    n occurrences of random bases have about `3 / (2 n ln 2)` bits.
    """
    logarithms = np.log2(weights, out=np.zeros_like(weights), where=weights > 0)
    return np.maximum(0.0, 2.0 + (weights * logarithms).sum(1))


def consensus(counts: Integers) -> str:
    """One IUPAC letter for each position of counts `(F, 4)`, by the rule of Cavener (1987).

    A base with more than half of the occurrences and more than twice those of the next; else two
    bases with more than three quarters together; else all but a base that never occurs; else N.
    """
    letters = []
    for position in counts:
        order = np.argsort(-position, kind="stable")
        first, second = position[order[:2]]
        if 2 * first > position.sum() and first > 2 * second:
            chosen = order[:1]
        elif 4 * (first + second) > 3 * position.sum():
            chosen = order[:2]
        else:
            chosen = np.flatnonzero(position)
        letters.append(IUPAC[sum(1 << int(base) for base in chosen)])
    return "".join(letters)
