"""Bootstrap intervals of block means and of scores of rows."""

import numpy as np
import pytest

from hf_genomics.evaluation import bootstrap
from hf_genomics.evaluation.bootstrap import Estimate, block_means, percentile_interval, row_counts
from tests.references.row_bootstrap import resampled_rows


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
    (counts,) = row_counts(labels, num_resamples=20)
    assert (counts[:, :50].sum(1) == 50).all()
    assert (counts[:, 50:].sum(1) == 3).all()
    assert len(np.unique(counts, axis=0)) == 20


@pytest.mark.parametrize("at_once", [1, 30, 10**6])
def test_counts_are_those_of_the_rows_drawn_one_sample_at_a_time(monkeypatch, at_once):
    monkeypatch.setattr(bootstrap, "COUNTS_AT_ONCE", at_once)
    strata = np.array([1.0, 0.0, -1.0, 1.0, 0.0, 1.0])
    parts = list(row_counts(strata, num_resamples=7, seed=3))
    assert len(parts) == {1: 7, 30: 2}.get(at_once, 1)
    drawn = [np.bincount(rows, minlength=6) for rows in resampled_rows(strata, 7, 3)]
    np.testing.assert_equal(np.concatenate(parts), drawn)


def test_a_score_undefined_in_every_sample_has_no_interval():
    seen = percentile_interval(0.5, np.full(5, np.nan))
    assert seen.value == 0.5
    assert np.isnan([seen.low, seen.high]).all()
    seen = percentile_interval(0.5, np.array([np.nan, 1.0, 2.0]))
    assert 1 <= seen.low < seen.high <= 2


def test_an_estimate_prints_as_tables_show_it():
    assert str(Estimate(0.51234, 0.4, 0.6)) == "0.5123 [0.4000, 0.6000]"
