"""Scores against values worked by hand and against the rate matrix itself."""

import numpy as np
import pytest

from hf_genomics.evaluation.variant_effects.scores import (
    LOG_RATE_SCORES,
    embedding_distances,
    log_rate_scores,
)


def scores(log_rates, reference=0, alternative=1, **options):
    """The four scores of one substitution by their names."""
    values = log_rate_scores(
        np.array([log_rates]), np.array([reference]), np.array([alternative]), **options
    )
    return dict(zip(LOG_RATE_SCORES, values[0], strict=True))


def test_scores_of_equal_rates():
    found = scores(np.log([0.5, 0.5, 0.5, 0.5]))
    assert found == pytest.approx(
        {"llr": 0, "entropy": np.log(4), "site_rate": 2, "expected_substitutions": 1.5}
    )


def test_scores_worked_by_hand():
    found = scores(np.log([1.0, 2.0, 4.0, 1.0]), reference=0, alternative=2)
    pi = np.array([1, 2, 4, 1]) / 8
    assert found["llr"] == pytest.approx(np.log(4))
    assert found["entropy"] == pytest.approx(-(pi * np.log(pi)).sum())
    assert found["site_rate"] == pytest.approx(8)
    assert found["expected_substitutions"] == pytest.approx(8 * (1 - (pi**2).sum()))


@pytest.mark.parametrize("kappa", [1.0, 3.5])
def test_expected_substitutions_are_the_flow_of_the_rate_matrix(kappa):
    theta = np.array([0.3, 1.1, 0.2, 2.0])
    exchange = np.ones((4, 4))
    for i, j in ((0, 2), (1, 3)):  # A-G and C-T
        exchange[i, j] = exchange[j, i] = kappa
    rates = exchange * theta
    np.fill_diagonal(rates, 0)
    flow = (theta / theta.sum() * rates.sum(1)).sum()
    assert scores(np.log(theta), kappa=kappa)["expected_substitutions"] == pytest.approx(flow)


def test_a_site_that_allows_one_base_keeps_its_digits():
    found = scores([60.0, 0.0, 0.0, 0.0])
    assert found["llr"] == -60
    assert found["entropy"] == pytest.approx(3 * 61 * np.exp(-60), rel=1e-12)
    assert found["expected_substitutions"] == pytest.approx(6, rel=1e-12)


def test_extreme_log_rates_are_finite():
    assert np.isfinite(list(scores([500.0, -700.0, 3.0, 80.0]).values())).all()


def test_embeddings_that_are_equal_have_no_distance():
    x = np.random.default_rng(0).normal(size=(3, 5))
    assert embedding_distances(x, x).tolist() == [[0, 0]] * 3


def test_distances_worked_by_hand():
    found = embedding_distances(
        np.array([[1.0, 0.0], [2.0, 0.0]]), np.array([[0.0, 1.0], [5.0, 0]])
    )
    assert found == pytest.approx(np.array([[1, np.sqrt(2)], [0, 3]]))


def test_cosine_distance_of_close_embeddings_keeps_its_digits():
    angle = 1e-9
    found = embedding_distances(np.array([[1.0, 0.0]]), np.array([[np.cos(angle), np.sin(angle)]]))
    assert found[0, 0] == pytest.approx(angle**2 / 2, rel=1e-6)


def test_cosine_distance_of_a_zero_embedding_is_not_a_number():
    assert np.isnan(embedding_distances(np.zeros((1, 2)), np.ones((1, 2)))[0, 0])
