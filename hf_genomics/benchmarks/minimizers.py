"""Near-duplicates among sequences, told by the minimizers that they share.

A minimizer is the k-mer with the smallest hash in a window of neighbouring k-mers (Roberts et al.
2004); a k-mer and its reverse complement count as one. With a share c of the smaller set in common,
the identity of the stretches is estimated as c**(1/k), as for k-mers that mutate independently.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hf_genomics.data.indexed_genome import UNKNOWN, encode
from hf_genomics.data.progress import bar

K = 15
WINDOW = 5  # k-mers
MIN_SHARED = 2  # one k-mer in common may be chance
_NONE = np.uint64(0xFFFFFFFFFFFFFFFF)  # the hash of a k-mer with N


def minimizers(sequence: str, k: int = K, window: int = WINDOW) -> NDArray[np.uint64]:
    """The minimizers of a sequence `(m,)`, sorted, each once; none where it is shorter than k."""
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
    return np.unique(hashes[hashes != _NONE])


def _mix(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A hash that spreads neighbouring numbers (the finalizer of SplitMix64)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def near_duplicates(
    sequences: Sequence[str], others: Sequence[str], *, min_identity: float = 0.8
) -> list[bool]:
    """Whether each of `sequences` is a near-duplicate of any of `others`.

    Args:
        sequences: to be judged.
        others: to be compared with.
        min_identity: estimated identity, over the shorter of two, from which they are
            near-duplicates. Sequences that are equal always are.

    Returns:
        One truth value for each of `sequences`.
    """
    sizes = []
    holders: dict[int, list[int]] = {}
    for number, other in enumerate(bar(others, desc="Minimizers", unit=" sequences")):
        found = minimizers(other)
        sizes.append(len(found))
        for minimizer in found.tolist():
            holders.setdefault(minimizer, []).append(number)
    equal = set(others)
    least = min_identity**K
    near = []
    for sequence in bar(sequences, desc="Near-duplicates", unit=" sequences"):
        found = minimizers(sequence)
        shared: Counter[int] = Counter()
        for minimizer in found.tolist():
            shared.update(holders.get(minimizer, ()))
        near.append(
            sequence in equal
            or any(
                count >= MIN_SHARED and count >= least * min(len(found), sizes[number])
                for number, count in shared.items()
            )
        )
    return near
