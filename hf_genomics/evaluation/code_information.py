"""What codes tell of bases: entropies and mutual information of discrete variables, in bits.

Legend: W windows, L bases, K codes. Bases are 0 to 3 for A, C, G, T; other numbers are unknown. A
code of -1 is none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer]


def entropy_bits(counts: Integers) -> float:
    """Entropy of the frequencies of counts, 0 without any."""
    counts = np.asarray(counts, np.float64)
    counts = counts[counts > 0]
    if not len(counts):
        return 0.0
    p = counts / counts.sum()
    return float(-(p * np.log2(p)).sum())


def mutual_information(x: Integers, y: Integers) -> float:
    """Bits that x and y, `(n,)` numbers of 0 and more each, tell of one another in the sample.

    A finite sample tells too much: of independent variables with a and b values, about
    `(a - 1) (b - 1) / (2 n ln 2)` bits.
    """
    if not len(x):
        return 0.0
    joint = np.unique(
        x.astype(np.int64) * (int(y.max()) + 1) + y.astype(np.int64), return_counts=True
    )[1]
    return entropy_bits(np.bincount(x)) + entropy_bits(np.bincount(y)) - entropy_bits(joint)


def corrected_information(x: Integers, y: Integers, generator: np.random.Generator) -> float:
    """`mutual_information` less that of x with y shuffled: about 0 for independent variables."""
    return mutual_information(x, y) - mutual_information(x, generator.permutation(y))


def centred_kmers(bases: Integers, k: int) -> NDArray[np.int64]:
    """Number 0 to 4^k - 1 of the k-mer around each of `(W, L)` bases; -1 if one is unknown.

    The first base counts most. Beyond the ends bases are unknown.

    Args:
        bases: `(W, L)`.
        k: odd.
    """
    half = k // 2
    padded = np.pad(bases.astype(np.int64), ((0, 0), (half, half)), constant_values=4)
    length = bases.shape[1]
    kmers = np.zeros(bases.shape, np.int64)
    known = np.ones(bases.shape, bool)
    for offset in range(k):
        here = padded[:, offset : offset + length]
        known &= (here >= 0) & (here < 4)
        kmers = 4 * kmers + here
    return np.where(known, kmers, -1)


def kmer_information(
    codes: Integers, bases: Integers, k: int, generator: np.random.Generator
) -> float:
    """Bits that a code `(W, L)` tells of the k-mer around it, corrected; at most 2 k."""
    kmers = centred_kmers(bases, k)
    both = (codes >= 0) & (kmers >= 0)
    return corrected_information(codes[both], kmers[both], generator)


def leak(codes: Integers, bases: Integers, offset: int, generator: np.random.Generator) -> float:
    """Bits that the code `offset` positions to the right of a base tells of it, corrected.

    Masking a single code hides its base no better than this.
    """
    right, left = codes[:, offset:], bases[:, : bases.shape[1] - offset]
    both = (right >= 0) & (left >= 0) & (left < 4)
    return corrected_information(right[both], left[both], generator)
