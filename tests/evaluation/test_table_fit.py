"""All cells of a table are fitted together, each to its own optimum."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from hf_genomics.evaluation.table_fit import TableProblem, fit_table


def draws_of_the_leaf(log_rates, leaf_states):
    """Each site's one leaf is a draw from softmax(log_rates)."""
    return log_rates.log_softmax(-1).gather(-1, leaf_states.long())[:, 0]


def problem(prior_std, num_cells=6, num_sites=400, log_likelihood=draws_of_the_leaf):
    generator = torch.Generator().manual_seed(1)
    return TableProblem(
        leaf_states=torch.randint(0, 4, (num_sites, 1), generator=generator, dtype=torch.int8),
        counts=torch.randint(1, 4, (num_sites,), generator=generator).double(),
        # the last cell has no sites, the first one few
        cells=torch.randint(0, num_cells - 1, (num_sites,), generator=generator).clamp(max=4),
        flipped=torch.rand(num_sites, generator=generator) < 0.5,
        prior_mean=torch.randn(num_cells, 4, generator=generator, dtype=torch.float64),
        prior_std=prior_std,
        log_likelihood=log_likelihood,
    )


def minus_log_posterior(given, cell, theta):
    sites = given.cells == cell
    rates = torch.from_numpy(theta).expand(int(sites.sum()), 4)
    rates = torch.where(given.flipped[sites, None], rates.flip(-1), rates)
    values = given.log_likelihood(rates, given.leaf_states[sites]).numpy()
    prior = ((theta - given.prior_mean[cell].numpy()) ** 2).sum() / (2 * given.prior_std**2)
    return prior - given.counts[sites].numpy() @ values


@pytest.mark.parametrize("prior_std", [0.05, 0.5, 5.0])
def test_each_cell_has_the_optimum_that_a_general_optimizer_finds(prior_std):
    given = problem(prior_std)
    table = fit_table(given, tolerance=1e-10)
    for cell in range(5):
        peer = minimize(
            lambda theta, cell=cell: minus_log_posterior(given, cell, theta),
            given.prior_mean[cell].numpy(),
            method="BFGS",
            options={"gtol": 1e-7, "xrtol": 1e-9},
        )
        torch.testing.assert_close(table[cell], torch.from_numpy(peer.x), atol=3e-4, rtol=0)


def test_with_a_wide_prior_the_rates_are_the_frequencies():
    given = problem(prior_std=100.0)
    states = torch.where(given.flipped, 3 - given.leaf_states[:, 0], given.leaf_states[:, 0])
    table = fit_table(given, tolerance=1e-10).softmax(-1)
    for cell in range(5):
        of_cell = given.cells == cell
        frequencies = torch.bincount(states[of_cell], given.counts[of_cell], minlength=4)
        torch.testing.assert_close(table[cell], frequencies / frequencies.sum(), atol=1e-4, rtol=0)


def test_a_cell_without_sites_stays_at_its_prior():
    given = problem(prior_std=1.0)
    start = torch.zeros_like(given.prior_mean)
    assert fit_table(given, start)[5].equal(given.prior_mean[5])


def test_counts_are_repeated_sites():
    given = problem(prior_std=1.0)
    repeats = given.counts.long()
    repeated = TableProblem(
        leaf_states=given.leaf_states.repeat_interleave(repeats, 0),
        counts=torch.ones(int(repeats.sum()), dtype=torch.float64),
        cells=given.cells.repeat_interleave(repeats),
        flipped=given.flipped.repeat_interleave(repeats),
        prior_mean=given.prior_mean,
        prior_std=given.prior_std,
        log_likelihood=given.log_likelihood,
    )
    torch.testing.assert_close(fit_table(given), fit_table(repeated), atol=1e-5, rtol=0)


def test_a_likelihood_that_rises_for_ever_is_held_by_the_prior():
    """As at a site where no species differs: the slower, the likelier."""

    def slower_is_likelier(log_rates, leaf_states):
        return -log_rates.exp().sum(-1)

    table = fit_table(problem(prior_std=3.0, log_likelihood=slower_is_likelier))
    assert table.isfinite().all()
    assert (table[:5] < -3).all()


def test_too_few_iterations_are_an_error():
    with pytest.raises(ValueError, match="5 of 6 cells have not converged in 1 iterations"):
        fit_table(problem(prior_std=5.0), max_iterations=1)


def test_a_better_start_ends_at_the_same_place():
    given = problem(prior_std=0.5)
    table = fit_table(given, tolerance=1e-9)
    again = fit_table(given, table + 0.3, tolerance=1e-9)
    np.testing.assert_allclose(table, again, atol=2e-4)


def test_many_sites_of_a_cell_are_fitted_from_a_sample_on():
    """The start is another one, the end is not."""
    given = problem(prior_std=0.5, num_cells=2, num_sites=5000)
    from_sample = fit_table(given, tolerance=1e-9)
    from_prior = fit_table(given, given.prior_mean, tolerance=1e-9)
    torch.testing.assert_close(from_sample, from_prior, atol=1e-3, rtol=0)
