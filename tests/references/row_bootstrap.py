"""A bootstrap over rows that draws the rows, repeats them and scores them anew each time."""

from collections.abc import Callable, Iterator

import numpy as np


def resampled_rows(strata: np.ndarray, num_resamples: int, seed: int) -> Iterator[np.ndarray]:
    groups = [np.flatnonzero(strata == value) for value in np.unique(strata)]
    generator = np.random.default_rng(seed)
    for _ in range(num_resamples):
        yield np.concatenate([generator.choice(group, len(group)) for group in groups])


def percentile_interval(
    score: Callable[[np.ndarray], float], strata: np.ndarray, num_resamples: int, seed: int
) -> tuple[float, float]:
    """The 95 % interval of `score` of row numbers."""
    samples = [score(rows) for rows in resampled_rows(strata, num_resamples, seed)]
    low, high = np.nanquantile(samples, [0.025, 0.975])
    return float(low), float(high)
