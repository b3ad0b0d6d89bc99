"""Metrics of counted rows are those of the rows, repeated."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from hf_genomics.evaluation.resampled_metrics import (
    CountedRanks,
    Ties,
    auroc_and_auprc_of_resamples,
    spearman_of_resamples,
)

KINDS = ("all differ", "some tie", "two values", "huge and tiny")


def numbers(kind, n, generator):
    if kind == "some tie":
        return generator.integers(-3, 4, n).astype(float)
    if kind == "two values":
        return generator.integers(0, 2, n) - 0.5
    drawn = generator.normal(size=n)
    return drawn * 10.0 ** generator.integers(-300, 300, n) if kind == "huge and tiny" else drawn


def resamples(n, generator, num=20):
    """Counts (num, n) of n draws each; most leave some rows out."""
    return np.stack([np.bincount(generator.integers(0, n, n), minlength=n) for _ in range(num)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [2, 3, 40, 301])
def test_auroc_and_auprc_are_those_of_the_repeated_rows(kind, n):
    generator = np.random.default_rng(n)
    score, truth = numbers(kind, n, generator), generator.integers(0, 2, n)
    counts = resamples(n, generator)
    auroc, auprc = auroc_and_auprc_of_resamples(Ties(score), truth, counts.astype(float))
    for number, of_sample in enumerate(counts):
        rows = np.repeat(np.arange(n), of_sample)
        if len(set(truth[rows])) < 2:
            assert np.isnan([auroc[number], auprc[number]]).all()
            continue
        assert auroc[number] == pytest.approx(roc_auc_score(truth[rows], score[rows]), abs=1e-12)
        expected = average_precision_score(truth[rows], score[rows])
        assert auprc[number] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other_kind", KINDS)
@pytest.mark.parametrize("n", [2, 3, 40, 301])
def test_spearman_is_that_of_the_repeated_rows(kind, other_kind, n):
    generator = np.random.default_rng(n)
    first, second = numbers(kind, n, generator), numbers(other_kind, n, generator)
    counts = resamples(n, generator)
    ranks = [CountedRanks(Ties(values), counts.astype(float)) for values in (first, second)]
    found = spearman_of_resamples(*ranks, counts.astype(float))
    for number, of_sample in enumerate(counts):
        rows = np.repeat(np.arange(n), of_sample)
        if min(np.ptp(first[rows]), np.ptp(second[rows])) == 0:
            assert np.isnan(found[number])
            continue
        expected = spearmanr(first[rows], second[rows]).statistic
        assert found[number] == pytest.approx(expected, abs=1e-12)


def test_ranks_of_equal_numbers_are_their_mean():
    counts = np.array([[1.0, 1.0, 2.0, 0.0]])
    ranks = CountedRanks(Ties(np.array([7.0, 3.0, 3.0, 5.0])), counts)
    # 3, 3, 3, 7 rank 2, 2, 2, 4, and 2.5 on average; the 5 would come between 3 and 4
    np.testing.assert_equal(ranks.deviations, [[1.5, -0.5, -0.5, 1.0]])
    assert ranks.variation == pytest.approx(3 * 0.25 + 2.25)
