"""Bootstrap intervals for scores of sites that are not independent, and of rows that are.

Neighbouring sites share a gene and its history, so whole blocks (loci, or stretches of a
chromosome) are drawn with replacement, never single sites.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUM_RESAMPLES = 2000
LEVEL = 0.95
COUNTS_AT_ONCE = 1 << 20  # numbers in a part of `row_counts`


@dataclass(frozen=True)
class Estimate:
    """A score and its percentile interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


def block_means(
    values: NDArray[np.floating],
    blocks: NDArray[np.integer],
    *,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> list[Estimate]:
    """Mean over sites of each row of `values`, with intervals over blocks.

    The same blocks are drawn for all rows, so a row of differences has a paired interval.

    Args:
        values: (rows, n), one value per site.
        blocks: (n,), number of each site's block, from 0.
        num_resamples: Bootstrap samples.
        seed: Of the draws.

    Raises:
        ValueError: There are no sites.
    """
    if not len(blocks):
        raise ValueError("There are no sites to average over; choose other loci or stretches.")
    num_blocks = int(blocks.max()) + 1
    sizes = np.bincount(blocks, minlength=num_blocks).astype(np.float64)
    sums = np.stack([np.bincount(blocks, row, num_blocks) for row in values])
    generator = np.random.default_rng(seed)
    draws = generator.multinomial(num_blocks, np.full(num_blocks, 1 / num_blocks), num_resamples)
    resampled = (draws @ sums.T) / (draws @ sizes)[:, None]  # (num_resamples, rows)
    means = sums.sum(-1) / sizes.sum()
    return [
        percentile_interval(mean, sample) for mean, sample in zip(means, resampled.T, strict=True)
    ]


def row_counts(
    strata: NDArray[np.generic], *, num_resamples: int = NUM_RESAMPLES, seed: int = 0
) -> Iterator[NDArray[np.float64]]:
    """How often each row of a table is in each bootstrap sample, some samples at a time.

    Args:
        strata: (n,) Rows are drawn within rows of the same value, so that each sample has as many
            positives and negatives as the table.
        num_resamples: Bootstrap samples.
        seed: Of the draws; the same seed and strata give the same samples, so that whatever is
            scored on them is paired.

    Yields:
        (R, n), whole numbers; the R of all parts add up to `num_resamples`.
    """
    groups = [np.flatnonzero(strata == value) for value in np.unique(strata)]
    generator = np.random.default_rng(seed)
    at_once = max(1, COUNTS_AT_ONCE // max(1, len(strata)))
    for first in range(0, num_resamples, at_once):
        counts = np.zeros((min(at_once, num_resamples - first), len(strata)))
        for of_sample in counts:
            for group in groups:
                of_sample += np.bincount(generator.choice(group, len(group)), None, len(strata))
        yield counts


def percentile_interval(value: float, samples: NDArray[np.floating]) -> Estimate:
    """A score of a table beside the interval of its bootstrap samples (num_resamples,).

    Samples in which the score is undefined (NaN) are left out; without any other, so is the
    interval.
    """
    if not np.isfinite(samples).any():
        return Estimate(float(value), float("nan"), float("nan"))
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(samples, [tail, 1 - tail])
    return Estimate(float(value), float(low), float(high))
