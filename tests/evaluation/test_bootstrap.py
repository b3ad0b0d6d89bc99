"""Bootstrap intervals of block means and of scores of rows."""

import numpy as np
import pytest

from hf_genomics.evaluation.bootstrap import Estimate, block_means, row_scores


def test_the_mean_counts_sites_and_not_blocks():
    values = np.array([[1.0, 1.0, 1.0, 5.0]])
    (estimate,) = block_means(values, np.array([0, 0, 0, 1]))
    assert estimate.value == 2.0
    assert (estimate.low, estimate.high) == (1.0, 5.0)


def test_intervals_cover_the_truth_as_often_as_they_claim():
    generator = np.random.default_rng(0)
    blocks = np.repeat(np.arange(40), 25)
    covered = 0
    for trial in range(200):
        of_block = generator.normal(size=40)[blocks]  # sites of a block move together
        values = (of_block + generator.normal(size=1000))[None]
        (estimate,) = block_means(values, blocks, num_resamples=300, seed=trial)
        covered += estimate.low <= 0 <= estimate.high
    assert 0.88 <= covered / 200 <= 0.99


def test_differences_are_paired():
    generator = np.random.default_rng(0)
    blocks = np.repeat(np.arange(20), 10)
    base = generator.normal(size=20)[blocks] * 10
    better = base + 0.1
    difference, score = block_means(np.stack([better - base, base]), blocks)
    assert difference.low == pytest.approx(0.1)
    assert score.high - score.low > 1


def test_no_sites_are_an_error():
    with pytest.raises(ValueError, match="no sites to average over"):
        block_means(np.zeros((1, 0)), np.zeros(0, np.int64))


def test_rows_are_drawn_within_their_stratum():
    labels = np.array([0] * 50 + [1] * 3)
    seen = row_scores(lambda rows: float(labels[rows].mean()), 53, strata=labels, num_resamples=20)
    assert (seen.low, seen.high) == pytest.approx((3 / 53, 3 / 53))
    seen = row_scores(lambda rows: float(labels[rows].mean()), 53, num_resamples=200)
    assert seen.low < 3 / 53 < seen.high


def test_an_undefined_score_has_no_interval():
    seen = row_scores(lambda rows: float("nan"), 5, num_resamples=5)
    assert np.isnan([seen.value, seen.low, seen.high]).all()


def test_an_estimate_prints_as_tables_show_it():
    assert str(Estimate(0.51234, 0.4, 0.6)) == "0.5123 [0.4000, 0.6000]"
