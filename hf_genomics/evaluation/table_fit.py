"""Maximum a posteriori log rates of all cells of a table at once.

Cells share nothing but the tree, so each is a problem of four unknowns. All of them take their
quasi-Newton (BFGS) steps together, in one pass over the sites, and cells that have converged leave
the pass. Curvature starts from the sum of outer products of the sites' gradients (Berndt, Hall,
Hall and Hausman 1974), and a step that is not an improvement is repeated with more damping
(Levenberg-Marquardt).

Legend: n sites, S leaves, C cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

MAX_STEP = 2.0  # of a log rate in one iteration; the likelihood is far from quadratic beyond
MAX_LOG_RATE = 20.0  # a constant site's likelihood rises for ever as its rates fall
FIRST_DAMPING = 1e-3
MAX_DAMPING = 1e6
MIN_STEP = 1e-6
ROUNDING = 1e-6  # of a float32 log-likelihood, as a share of its size
CHUNK_SIZE = 8192
SAMPLE = 16  # a first fit to every 16th site saves most passes over all of them
MIN_SAMPLED = 2048  # sites of a cell, on average; a sample of fewer is no good start


@dataclass(frozen=True, eq=False)
class TableProblem:
    """Sites, their cells and the prior.

    Attributes:
        leaf_states: int8 (n, S).
        counts: float64 (n,), how often each site is to be counted.
        cells: int64 (n,), row of the table.
        flipped: bool (n,), whether the site takes its cell's rates in the order T, G, C, A.
        prior_mean: float64 (C, 4).
        prior_std: standard deviation of each log rate around its mean.
        log_likelihood: log rates (n, 4), leaf states (n, S) -> (n,), differentiable.
    """

    leaf_states: Tensor
    counts: Tensor
    cells: Tensor
    flipped: Tensor
    prior_mean: Tensor
    prior_std: float
    log_likelihood: Callable[[Tensor, Tensor], Tensor]


def fit_table(
    problem: TableProblem,
    start: Tensor | None = None,
    *,
    tolerance: float = 1e-5,
    max_iterations: int = 100,
) -> Tensor:
    """Log rates (C, 4) of the highest posterior density; cells without sites stay at their prior.

    Args:
        problem: What to fit.
        start: Log rates (C, 4) to start from. Where None, those that fit a sample of the sites,
            or the prior's mean where cells have few sites.
        tolerance: A cell is done when the next step promises less than this, in natural units of
            log-likelihood per site.
        max_iterations: Passes over the sites that are left.

    Raises:
        ValueError: Some cells have not converged by then.
    """
    if start is None and len(problem.counts) > MIN_SAMPLED * len(problem.prior_mean):
        start = fit_table(_sampled(problem), tolerance=tolerance, max_iterations=max_iterations)
    theta = (problem.prior_mean if start is None else start).clone()
    num_sites = problem.counts.new_zeros(len(theta)).index_add_(0, problem.cells, problem.counts)
    theta = torch.where(num_sites[:, None] > 0, theta, problem.prior_mean)
    active = num_sites > 0
    value, gradient, curvature = _evaluate(problem, theta, active)
    curvature += torch.eye(4, dtype=torch.float64) / problem.prior_std**2
    damping = torch.full_like(value, FIRST_DAMPING)
    for _ in range(max_iterations):
        step = _step(theta, gradient, curvature, damping)
        # Half the decrease of the linear model: what a full step on a quadratic gains.
        promise = -0.5 * (gradient * step).sum(-1)
        active &= promise > tolerance * num_sites
        active &= step.abs().amax(-1) > MIN_STEP
        if not active.any():
            return theta
        trial = torch.where(active[:, None], theta + step, theta)
        new_value, new_gradient, _ = _evaluate(problem, trial, active)
        slack = ROUNDING * value.abs()
        better = active & (new_value <= value + slack)
        curvature = torch.where(
            active[:, None, None], _bfgs(curvature, step, new_gradient - gradient), curvature
        )
        theta = torch.where(better[:, None], trial, theta)
        gradient = torch.where(better[:, None], new_gradient, gradient)
        value = torch.where(better, new_value, value)
        damping = torch.where(better, damping / 10, damping * 10).clamp(1e-9, MAX_DAMPING)
    raise ValueError(
        f"{int(active.sum())} of {len(theta)} cells have not converged in {max_iterations} "
        "iterations; allow more, or a narrower prior."
    )


def _sampled(problem: TableProblem) -> TableProblem:
    return replace(
        problem,
        leaf_states=problem.leaf_states[::SAMPLE],
        counts=problem.counts[::SAMPLE],
        cells=problem.cells[::SAMPLE],
        flipped=problem.flipped[::SAMPLE],
    )


def _evaluate(
    problem: TableProblem, theta: Tensor, active: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Minus the log posterior of each active cell, its gradient, and its sites' outer products.

    Returns:
        (C,), (C, 4) and (C, 4, 4); for other cells the prior's part alone.
    """
    offset = (theta - problem.prior_mean) / problem.prior_std
    value = 0.5 * offset.square().sum(-1)
    gradient = offset / problem.prior_std
    outer = theta.new_zeros(len(theta), 4, 4)
    for chunk in torch.nonzero(active[problem.cells])[:, 0].split(CHUNK_SIZE):
        cells, counts = problem.cells[chunk], problem.counts[chunk]
        flipped = problem.flipped[chunk, None]
        rates = theta[cells].float()
        rates = torch.where(flipped, rates.flip(-1), rates).requires_grad_()
        with torch.enable_grad():
            log_likelihood = problem.log_likelihood(rates, problem.leaf_states[chunk])
            (slope,) = torch.autograd.grad(log_likelihood.sum(), rates)
        slope = torch.where(flipped, slope.flip(-1), slope).double()
        weighted = counts[:, None] * slope
        value.index_add_(0, cells, -counts * log_likelihood.detach().double())
        gradient.index_add_(0, cells, -weighted)
        outer.index_add_(0, cells, weighted[:, :, None] * slope[:, None, :])
    return value, gradient, outer


def _step(theta: Tensor, gradient: Tensor, curvature: Tensor, damping: Tensor) -> Tensor:
    """Damped Newton step (C, 4), no longer than `MAX_STEP` and within `MAX_LOG_RATE`."""
    scale = curvature.diagonal(dim1=-2, dim2=-1)
    damped = curvature + torch.diag_embed(damping[:, None] * scale)
    step = -torch.linalg.solve(damped, gradient)
    step = step * (MAX_STEP / step.abs().amax(-1, keepdim=True).clamp(min=MAX_STEP))
    return (theta + step).clamp(-MAX_LOG_RATE, MAX_LOG_RATE) - theta


def _bfgs(curvature: Tensor, step: Tensor, change: Tensor) -> Tensor:
    """The curvature (C, 4, 4) that also explains the gradient's change (C, 4) along the step."""
    along = (curvature @ step[..., None])[..., 0]
    predicted = (step * along).sum(-1)[:, None, None]
    observed = (step * change).sum(-1)[:, None, None]
    update = (
        change[:, :, None] * change[:, None, :] / observed
        - along[:, :, None] * along[:, None, :] / predicted
    )
    # Where the function curves downwards along the step the update would not stay positive.
    usable = observed > 1e-3 * predicted
    return torch.where(usable, curvature + update, curvature)
