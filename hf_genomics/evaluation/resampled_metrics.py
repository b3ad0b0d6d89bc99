"""AUROC, average precision and Spearman correlation of many resamples of the same rows at once.

A resample is how often it has each row. Rows are sorted once for all resamples; each then costs a
few passes over its counts. The values are those of `metrics` on the repeated rows.

Legend: R resamples, n rows, g distinct values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Ties:
    """The distinct values of n numbers, ascending, and which rows have each.

    Args:
        values: (n,), n at least 1, no NaN.
    """

    def __init__(self, values: NDArray[np.floating]) -> None:
        distinct, self._number = np.unique(values, return_inverse=True)  # (g,), (n,)
        self._order = np.argsort(self._number, kind="stable")
        self._starts = np.searchsorted(self._number[self._order], np.arange(len(distinct)))

    def sums(self, weights: Floats) -> Floats:
        """Weights of rows (R, n) summed over the rows of each value: (R, g)."""
        ascending = weights[:, self._order]
        if len(self._starts) == ascending.shape[1]:
            return ascending
        return np.add.reduceat(ascending, self._starts, axis=1)

    def of_rows(self, values: Floats) -> Floats:
        """A number for each distinct value (R, g) as one for each row (R, n)."""
        return values[:, self._number]


class CountedRanks:
    """Ranks of n numbers within each resample, the mean rank for equal ones.

    Args:
        ties: Of the numbers.
        counts: (R, n), how often each resample has each row; the same sum in all resamples.

    Attributes:
        deviations: (R, n), rank minus the mean of all ranks.
        variation: (R,), sum of its squares over the rows of the resample.
    """

    def __init__(self, ties: Ties, counts: Floats) -> None:
        sums = ties.sums(counts)
        # Below a value lie cumsum - sums, so its mean rank is cumsum - (sums - 1) / 2; the mean of
        # all ranks is (n + 1) / 2. Whole and half numbers: equal values deviate by exactly 0.
        ranks = np.cumsum(sums, axis=1) - sums / 2 - counts.sum(1, keepdims=True) / 2
        self.deviations = ties.of_rows(ranks)
        self.variation: Floats = np.einsum("rg,rg,rg->r", sums, ranks, ranks)


def spearman_of_resamples(first: CountedRanks, second: CountedRanks, counts: Floats) -> Floats:
    """Spearman correlation (R,); NaN where either side does not differ."""
    together = np.einsum("rn,rn,rn->r", counts, first.deviations, second.deviations)
    scale = np.sqrt(first.variation) * np.sqrt(second.variation)
    return _ratio(together, scale, np.nan)


def auroc_and_auprc_of_resamples(
    ties: Ties, truth: NDArray[np.integer], counts: Floats
) -> tuple[Floats, Floats]:
    """Area under the receiver operating characteristic, and average precision, each (R,).

    Average precision is the sum over distinct scores, from above, of precision there times the
    gain in recall. Both are NaN where a class is absent.

    Args:
        ties: Of the scores.
        truth: (n,), 1 for positives, 0 for negatives.
        counts: (R, n).
    """
    positives, rows = ties.sums(counts * truth), ties.sums(counts)  # (R, g)
    positives_to, rows_to = np.cumsum(positives, axis=1), np.cumsum(rows, axis=1)
    found, drawn = positives_to[:, -1:], rows_to[:, -1:]
    # Pairs of a positive and a negative that the score puts right, half of those it ties.
    negatives_below = rows_to - positives_to - (rows - positives) / 2
    right = np.einsum("rg,rg->r", positives, negatives_below)
    pairs = (found * (drawn - found))[:, 0]
    precision = _ratio(found - positives_to + positives, drawn - rows_to + rows, 0.0)
    gained = np.einsum("rg,rg->r", precision, positives)
    auprc = np.where(pairs > 0, _ratio(gained, found[:, 0], np.nan), np.nan)
    return _ratio(right, pairs, np.nan), auprc


def _ratio(numerator: Floats, denominator: Floats, otherwise: float) -> Floats:
    """The quotient, and `otherwise` where the denominator is 0."""
    quotient = np.full_like(numerator, otherwise)
    return np.divide(numerator, denominator, out=quotient, where=denominator > 0)
