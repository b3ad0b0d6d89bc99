"""Genomes as vectors: means of code vectors, frequencies of codes and k-mers, and what leaks.

Legend: n genomes, Q levels, K codes of a level, D channels, L letters of a genome.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hf_genomics.data.indexed_genome import encode

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]

NOT_A_BASE = 4


def code_frequencies(codes: Sequence[Integers], level: int, num_codes: int) -> Floats:
    """How often each code of a level occurs in each genome `(n, K)`; a row's sum is 1.

    Args:
        codes: `(Q, L)` of each genome, -1 for none; those are left out.
        level: From 0.
        num_codes: K.

    Raises:
        ValueError: A genome has no code.
    """
    return np.stack([_frequencies(of_genome[level], num_codes) for of_genome in codes])


def mean_vectors(frequencies: Floats, codebook: Floats) -> Floats:
    """Mean over a genome's positions of the vectors of their codes `(n, D)`.

    Args:
        frequencies: `(n, K)`.
        codebook: `(K, D)`.
    """
    return frequencies @ codebook.astype(np.float64)


def word_presence(codes: Sequence[Integers], num_codes: int) -> Floats:
    """Which pairs of a coarse and a fine code a genome has `(n, words)`, as 0 and 1.

    Pairs that all genomes have, or only one, are left out: they tell none from another.

    Args:
        codes: `(Q, L)` of each genome with Q at least 2, -1 for none.
        num_codes: K of the second level.
    """
    words = [c[0].astype(np.int64) * num_codes + c[1] for c in codes]
    return _presence([np.unique(w[c[0] >= 0]) for w, c in zip(words, codes, strict=True)])


def kmer_frequencies(sequences: Sequence[str], k: int) -> Floats:
    """How often each k-mer occurs in each genome `(n, 4^k)`, in the order AA..A to TT..T.

    A row's sum is 1. K-mers with another letter than A, C, G and T are left out.

    Raises:
        ValueError: A genome has no k-mer.
    """
    return np.stack([_frequencies(_kmers(sequence, k), 4**k) for sequence in sequences])


def kmer_presence(sequences: Sequence[str], k: int) -> Floats:
    """Which k-mers a genome has `(n, k-mers)`, as 0 and 1, for k up to 31.

    K-mers that all genomes have, or only one, are left out: they tell none from another.
    """
    found = (_kmers(sequence, k) for sequence in sequences)
    return _presence([np.unique(kmers[kmers >= 0]) for kmers in found])


def length_and_unknowns(sequences: Sequence[str]) -> Floats:
    """Letters of each genome, and how many of them are none of A, C, G, T `(n, 2)`.

    Both as z-scores over the genomes. Lineages were sequenced in different years and laboratories,
    so these alone tell something of a lineage.
    """
    unknown = [int((_bases(sequence) == NOT_A_BASE).sum()) for sequence in sequences]
    values = np.array([[len(s), u] for s, u in zip(sequences, unknown, strict=True)], np.float64)
    spread = values.std(0)
    return (values - values.mean(0)) / np.where(spread > 0, spread, 1)


def _frequencies(values: Integers, size: int) -> Floats:
    counts = np.bincount(values[values >= 0], minlength=size)
    if not counts.sum():
        raise ValueError("A genome has no A, C, G or T to count; leave it out.")
    return counts / counts.sum()


def _presence(found: list[Integers]) -> Floats:
    values, genome_counts = np.unique(np.concatenate(found), return_counts=True)
    told = values[(genome_counts > 1) & (genome_counts < len(found))]
    present = np.zeros((len(found), len(told)))
    for row, of_genome in zip(present, found, strict=True):
        row[np.isin(told, of_genome, assume_unique=True)] = 1
    return present


def _bases(sequence: str) -> Integers:
    return encode(sequence)


def _kmers(sequence: str, k: int) -> Integers:
    """The number of the k-mer that starts at each position `(L - k + 1,)`, -1 for none."""
    bases = _bases(sequence).astype(np.int64)
    count = max(0, len(bases) - k + 1)
    numbers = np.zeros(count, np.int64)
    known = np.ones(count, bool)
    for i in range(k):
        letter = bases[i : i + count]
        numbers = 4 * numbers + letter
        known &= letter != NOT_A_BASE
    return np.where(known, numbers, -1)
