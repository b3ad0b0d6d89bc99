"""Substitution models against the matrix exponential, and drawn sequences against the models."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.stats import gamma

from hf_genomics.benchmarks.evolution import PlantedMotif, evolve, random_bases
from hf_genomics.benchmarks.substitution import discrete_gamma_rates, hky85, jc69
from hf_genomics.benchmarks.trees import RootedTree, balanced_tree, star_tree

PI = (0.35, 0.15, 0.2, 0.3)
STANDARD_ERRORS = 5.0  # false alarm about once in two million comparisons; seeds are fixed anyway


def cherry(t: float) -> RootedTree:
    return RootedTree(np.array([-1, 0, 0]), np.array([0.0, t, 2 * t]))


def assert_frequencies(counts: np.ndarray, probabilities: np.ndarray) -> None:
    """counts (4,) agree with probabilities (4,) up to the binomial error."""
    total = counts.sum()
    error = np.sqrt(probabilities * (1 - probabilities) / total)
    assert (np.abs(counts / total - probabilities) <= STANDARD_ERRORS * error + 1e-12).all()


@settings(deadline=None)  # a shared machine pauses now and then
@given(
    kappa=st.floats(0.1, 20),
    weights=st.lists(st.floats(0.05, 1), min_size=4, max_size=4),
    t=st.floats(0, 10),
)
def test_transition_probabilities_are_the_matrix_exponential(kappa, weights, t):
    pi = np.array(weights) / sum(weights)
    model = hky85(kappa=kappa, base_frequencies=tuple(pi))
    np.testing.assert_allclose(
        model.transition_probabilities(np.array(t)), expm(model.Q * t), atol=1e-11
    )


def test_rate_matrix_is_reversible_and_normalised():
    model = hky85(kappa=3.0, base_frequencies=PI)
    np.testing.assert_allclose(model.pi @ model.Q, 0, atol=1e-15)
    flow = model.pi[:, None] * model.Q
    np.testing.assert_allclose(flow, flow.T, atol=1e-15)
    assert -(model.pi @ np.diag(model.Q)) == pytest.approx(1.0)


def test_kappa_is_the_ratio_of_transition_to_transversion_rates():
    Q = hky85(kappa=5.0, base_frequencies=(0.25,) * 4).Q
    assert Q[0, 2] == pytest.approx(5 * Q[0, 1])  # A -> G against A -> C
    assert Q[1, 3] == pytest.approx(5 * Q[1, 2])  # C -> T against C -> G


def test_jc69_is_hky85_with_equal_rates_and_the_textbook_formula():
    t = np.array([0.0, 0.1, 1.0])
    P = jc69().transition_probabilities(t)
    uniform = hky85(kappa=1.0, base_frequencies=(0.25,) * 4)
    np.testing.assert_array_equal(P, uniform.transition_probabilities(t))
    np.testing.assert_allclose(P[:, 0, 0], 0.25 + 0.75 * np.exp(-4 * t / 3), atol=1e-14)
    np.testing.assert_allclose(P[:, 0, 1], 0.25 - 0.25 * np.exp(-4 * t / 3), atol=1e-14)


def test_gamma_rates_have_mean_one_and_are_the_class_means():
    rates = discrete_gamma_rates(0.5)
    assert rates.mean() == pytest.approx(1.0)
    draws = gamma(a=0.5, scale=2.0).ppf((np.arange(400_000) + 0.5) / 400_000).reshape(4, -1)
    np.testing.assert_allclose(rates, draws.mean(axis=1), rtol=1e-3)


@pytest.mark.parametrize("model", [jc69(), hky85(kappa=4.0, base_frequencies=PI)])
@pytest.mark.parametrize("t", [0.02, 0.3, 2.0])
def test_drawn_substitutions_follow_the_transition_probabilities(model, t):
    rng = np.random.default_rng(7)
    root = random_bases((200_000,), model.pi, rng)
    states = evolve(cherry(t), root, model, rng=rng)
    for node, length in ((1, t), (2, 2 * t)):
        P = expm(model.Q * length)
        for base in range(4):
            assert_frequencies(np.bincount(states[node][root == base], minlength=4), P[base])


def test_substitutions_after_two_branches_follow_the_sum_of_their_lengths():
    model = hky85(kappa=2.0, base_frequencies=PI)
    rng = np.random.default_rng(11)
    root = random_bases((100_000,), model.pi, rng)
    tree = balanced_tree(4).scaled(0.8)
    states = evolve(tree, root, model, rng=rng)
    P = expm(model.Q * 0.8)
    for base in range(4):
        assert_frequencies(np.bincount(states[tree.leaves[0]][root == base], minlength=4), P[base])


def test_sister_branches_evolve_independently():
    model = jc69()
    rng = np.random.default_rng(5)
    root = np.zeros(200_000, dtype=np.uint8)
    states = evolve(cherry(0.3), root, model, rng=rng)
    P1, P2 = (expm(model.Q * t)[0, 0] for t in (0.3, 0.6))
    both = ((states[1] == 0) & (states[2] == 0)).mean()
    assert abs(both - P1 * P2) < STANDARD_ERRORS * np.sqrt(0.25 / len(root))


def test_base_frequencies_stay_stationary():
    model = hky85(kappa=3.0, base_frequencies=PI)
    rng = np.random.default_rng(2)
    states = evolve(star_tree(20), random_bases((20_000,), model.pi, rng), model, rng=rng)
    for node in (0, 1, 20):
        assert_frequencies(np.bincount(states[node], minlength=4), np.array(PI))


def test_gamma_sites_change_at_their_own_rate_on_the_whole_tree():
    model, rates = jc69(), np.array([0.0, 2.0])
    rng = np.random.default_rng(3)
    root = random_bases((20_000,), model.pi, rng)
    states = evolve(star_tree(30), root, model, rng=rng, class_rates=rates)
    frozen = (states == root).all(axis=0).mean()
    assert abs(frozen - 0.5) < STANDARD_ERRORS * np.sqrt(0.25 / len(root))


def test_average_number_of_changes_is_the_branch_length():
    model = hky85(kappa=4.0, base_frequencies=PI)
    rng = np.random.default_rng(4)
    root = random_bases((400_000,), model.pi, rng)
    t = 0.005  # so short that a site hardly ever changes twice
    changed = (evolve(cherry(t), root, model, rng=rng)[1] != root).mean()
    assert abs(changed - t) < STANDARD_ERRORS * np.sqrt(t / len(root)) + 2 * t**2


def test_zero_branch_copies_the_parent():
    rng = np.random.default_rng(0)
    root = random_bases((1000,), jc69().pi, rng)
    states = evolve(cherry(0.0), root, jc69(), rng=rng)
    np.testing.assert_array_equal(states, np.tile(root, (3, 1)))


def test_planted_motif_is_inherited_by_descendants_only():
    tree = balanced_tree(8).scaled(1e-9)
    root = np.zeros(30, dtype=np.uint8)
    motif = PlantedMotif(10, np.array([1, 2, 3], dtype=np.uint8))
    states = evolve(tree, root, jc69(), rng=np.random.default_rng(0), planted={1: motif})
    has_motif = (states[:, 10:13] == motif.states).all(axis=1)
    assert np.flatnonzero(has_motif).tolist() == [1, 3, 4, 7, 8, 9, 10]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: hky85(kappa=0.0, base_frequencies=PI), "kappa is 0.0"),
        (lambda: hky85(kappa=1.0, base_frequencies=(0.5, 0.5, 0.5, 0.5)), "sum to 1"),
        (lambda: hky85(kappa=1.0, base_frequencies=(0.0, 0.5, 0.2, 0.3)), "four positive numbers"),
        (lambda: discrete_gamma_rates(0.0), "shape is 0.0"),
    ],
)
def test_impossible_models_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
