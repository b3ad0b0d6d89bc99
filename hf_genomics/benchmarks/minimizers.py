"""Near-duplicates among sequences, told by the minimizers that they share.

A minimizer is the k-mer with the smallest hash in a window of neighbouring k-mers (Roberts et al.
2004); a k-mer and its reverse complement count as one. With a share c of the smaller set in common,
the identity of the stretches is estimated as c**(1/k), as for k-mers that mutate independently.

That estimate needs two minimizers in common. A sequence of scarcely 20 bases, or a repeat of a
short unit such as (CA)n, may have only one; there the windows that choose it are counted instead.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hf_genomics.data.indexed_genome import UNKNOWN, encode
from hf_genomics.data.progress import bar
from hf_genomics.data.sequence import opposite_strand

K = 15
WINDOW = 5  # k-mers
MIN_SHARED = 2  # one k-mer in common may be chance
MIN_AGREEING = 0.5  # share of the shorter one's windows where fewer minimizers are in common
_NONE = np.uint64(0xFFFFFFFFFFFFFFFF)  # the hash of a k-mer with N


def minimizers(sequence: str, k: int = K, window: int = WINDOW) -> NDArray[np.uint64]:
    """The minimizers of a sequence `(m,)`, sorted, each once; none where it is shorter than k."""
    return np.unique(_choices(sequence, k, window))


def _choices(sequence: str, k: int, window: int) -> NDArray[np.uint64]:
    """The minimizer of each window `(w,)`, in order; windows of nothing but N have none.

    Of a sequence with no more k-mers than a window has, each k-mer is one.
    """
    states = encode(sequence)
    if len(states) < k:
        return np.empty(0, np.uint64)
    words = np.lib.stride_tricks.sliding_window_view(states, k)  # (L - k + 1, k)
    powers = np.uint64(4) ** np.arange(k, dtype=np.uint64)
    known = np.minimum(words, 3).astype(np.uint64)
    forward = known @ powers[::-1]
    backward = (np.uint64(3) - known) @ powers
    hashes = _mix(np.minimum(forward, backward))
    hashes[(words == UNKNOWN).any(axis=1)] = _NONE
    if len(hashes) > window:
        hashes = np.lib.stride_tricks.sliding_window_view(hashes, window).min(axis=1)
    return hashes[hashes != _NONE]


def _mix(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A hash that spreads neighbouring numbers (the finalizer of SplitMix64)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def near_duplicates(
    sequences: Sequence[str], others: Sequence[str], *, min_identity: float = 0.8
) -> list[bool]:
    """Whether each of `sequences` is a near-duplicate of any of `others`, on either strand.

    Two are near-duplicates if they share `MIN_SHARED` minimizers and the estimated identity is high
    enough, or if `MIN_AGREEING` of the windows of the shorter have their minimizer in common with
    the other. The second rule finds short sequences and repeats of a short unit. It asks for half
    of the shorter, since less may be a tract such as (CA)n in a sequence that is otherwise
    unrelated; repeats of a short unit of which less is unchanged are not found.

    Chance seldom matters: of 20,000 random sequences of 20 to 300 bases, 94 had a near-duplicate
    among 20,000 others (92 by the first rule), and 135 of 20,000 sequences of 20 bases.

    Args:
        sequences: to be judged.
        others: to be compared with.
        min_identity: estimated identity, over the shorter of two, from which they are
            near-duplicates. Sequences that are equal, or each other's reverse complement,
            always are.

    Returns:
        One truth value for each of `sequences`.
    """
    hashes, owners, chosen = _entries(others)
    sizes = np.bincount(owners, minlength=len(others))  # minimizers of each
    totals = np.bincount(owners, chosen, minlength=len(others))  # windows of each
    equal = set(others)
    least = min_identity**K
    near = []
    for sequence in bar(sequences, desc="Near-duplicates", unit=" sequences"):
        if sequence in equal or opposite_strand(sequence) in equal:
            near.append(True)
            continue
        found, own = np.unique(_choices(sequence, K, WINDOW), return_counts=True)
        first, behind = (np.searchsorted(hashes, found, side) for side in ("left", "right"))
        held = np.flatnonzero(behind > first)
        if not len(held):
            near.append(False)
            continue
        rows = np.concatenate([np.arange(first[i], behind[i]) for i in held])
        own_of_rows = np.repeat(own, behind - first)
        numbers, place = np.unique(owners[rows], return_inverse=True)
        shared = np.bincount(place)
        agreeing = np.bincount(place, np.minimum(own_of_rows, chosen[rows]))
        similar = shared >= np.maximum(MIN_SHARED, least * np.minimum(len(found), sizes[numbers]))
        alike = max(MIN_AGREEING, least) * np.minimum(own.sum(), totals[numbers])
        near.append(bool((similar | (agreeing >= alike)).any()))
    return near


def _entries(
    sequences: Sequence[str],
) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
    """Minimizers of all sequences `(e,)`, sorted; of each the sequence, and windows there."""
    parts = [(np.empty(0, np.uint64), np.empty(0, np.int64))]  # where there are no sequences
    for sequence in bar(sequences, desc="Minimizers", unit=" sequences"):
        parts.append(np.unique(_choices(sequence, K, WINDOW), return_counts=True))
    hashes, chosen = (np.concatenate(column) for column in zip(*parts, strict=True))
    owners = np.repeat(np.arange(-1, len(sequences)), [len(found) for found, _ in parts])
    order = np.argsort(hashes, kind="stable")
    return hashes[order], owners[order], chosen[order]
