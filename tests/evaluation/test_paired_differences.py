"""Intervals of paired differences, beside values worked by hand."""

import math
from itertools import product

import numpy as np
import pytest
from scipy.stats import spearmanr

from hf_genomics.evaluation.paired_differences import paired_bootstrap, paired_t, rank_correlation

OURS, OTHERS = [0.6, 0.7, 0.9], [0.5, 0.5, 0.6]  # ahead by 0.1, 0.2 and 0.3


def test_students_interval_by_hand():
    found = paired_t(OURS, OTHERS)
    # standard deviation 0.1, n = 3, t(0.975, 2) = 4.30265
    half = 4.30265 * 0.1 / math.sqrt(3)
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.2 - half, 0.2 + half), abs=1e-5)


def test_the_bootstrap_is_that_of_all_resamples():
    means = [np.mean(draw) for draw in product([0.1, 0.2, 0.3], repeat=3)]
    found = paired_bootstrap(OURS, OTHERS, num_resamples=20_000)
    assert found.value == pytest.approx(0.2)
    # 1 of 27 resamples is all 0.1, more than the tail of 0.025: the interval ends there
    assert (found.low, found.high) == pytest.approx((min(means), max(means)))


def test_pairs_matter_and_not_the_spread_between_data_sets():
    hard_and_easy = np.linspace(0, 0.9, 10)
    for interval in (paired_bootstrap, paired_t):
        found = interval(hard_and_easy + 0.05, hard_and_easy)
        assert (found.value, found.low, found.high) == pytest.approx((0.05, 0.05, 0.05))


def test_one_pair_has_no_end():
    assert paired_t([0.5], [0.25]) == type(paired_t([0.5], [0.25]))(0.25, -math.inf, math.inf)
    one = paired_bootstrap([0.5], [0.25])
    assert (one.value, one.low, one.high) == (0.25, 0.25, 0.25)


def test_a_seed_gives_the_same_interval():
    first, second, other = (
        paired_bootstrap(OURS, OTHERS, seed=seed, num_resamples=50) for seed in (1, 1, 2)
    )
    assert first == second
    assert first.value == other.value


@pytest.mark.parametrize("interval", [paired_bootstrap, paired_t])
@pytest.mark.parametrize(
    ("ours", "others"),
    [([], []), ([1.0], [1.0, 2.0]), ([[1.0]], [[1.0]])],
    ids=["none", "more", "2d"],
)
def test_what_is_no_list_of_pairs_is_refused(interval, ours, others):
    with pytest.raises(ValueError, match="are no pairs; give two lists of the same length"):
        interval(ours, others)


def test_ranks_that_agree_correlate():
    x = np.arange(8.0)
    assert rank_correlation(x, np.exp(x)).value == pytest.approx(1)
    found = rank_correlation(x, -(x**3))
    assert (found.value, found.low, found.high) == pytest.approx((-1, -1, -1))


def test_a_correlation_by_hand():
    # ranks 1 2 3 4 and 2 1 4 3: 1 - 6 * 4 / (4 * 15)
    found = rank_correlation([1, 2, 3, 4], [20, 10, 40, 30])
    assert found.value == pytest.approx(0.6)
    assert -1 <= found.low <= found.value <= found.high <= 1


def test_equal_values_share_a_rank():
    x, y = [1.0, 2.0, 2.0, 3.0, 0.0], [0.3, 0.1, 0.4, 0.4, 0.2]
    assert rank_correlation(x, y).value == pytest.approx(spearmanr(x, y).statistic)


def test_one_value_has_no_ranks():
    found = rank_correlation([0.0, 0.0, 0.0], [1, 2, 3])
    assert all(map(math.isnan, (found.value, found.low, found.high)))


def test_lists_of_unlike_length_are_refused():
    with pytest.raises(ValueError, match="x has 2 values and y 3"):
        rank_correlation([1, 2], [1, 2, 3])
