"""Bootstrap intervals for scores of sites that are not independent, and of rows that are.

Neighbouring sites share a gene and its history, so whole blocks (loci, or stretches of a
chromosome) are drawn with replacement, never single sites.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUM_RESAMPLES = 2000
LEVEL = 0.95


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
    return [_estimate(mean, sample) for mean, sample in zip(means, resampled.T, strict=True)]


def row_scores(
    score: Callable[[NDArray[np.intp]], float],
    num_rows: int,
    *,
    strata: NDArray[np.generic] | None = None,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """A score of a table's rows, with an interval over rows.

    Args:
        score: Row numbers (num_rows,), some of them repeated, to a score.
        num_rows: Rows of the table.
        strata: (num_rows,) Rows are drawn within rows of the same value, so that each sample has
            as many positives and negatives as the table; None for one stratum.
        num_resamples: Bootstrap samples.
        seed: Of the draws.
    """
    samples = [
        score(rows) for rows in _resamples(num_rows, strata, num_resamples, seed) if num_rows
    ]
    return _estimate(score(np.arange(num_rows)), np.array(samples, np.float64))


def _resamples(
    num_rows: int, strata: NDArray[np.generic] | None, num_resamples: int, seed: int
) -> Iterator[NDArray[np.intp]]:
    strata = np.zeros(num_rows) if strata is None else strata
    groups = [np.flatnonzero(strata == value) for value in np.unique(strata)]
    generator = np.random.default_rng(seed)
    for _ in range(num_resamples):
        yield np.concatenate([generator.choice(group, len(group)) for group in groups])


def _estimate(value: float, samples: NDArray[np.floating]) -> Estimate:
    if not len(samples) or not np.isfinite(samples).any():
        return Estimate(float(value), float("nan"), float("nan"))
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(samples, [tail, 1 - tail])
    return Estimate(float(value), float(low), float(high))
