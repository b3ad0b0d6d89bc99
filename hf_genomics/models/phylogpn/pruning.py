"""Felsenstein's pruning over a level schedule, and the pass back that gives the derivatives.

Partial likelihoods `L_u(i)` are the probability of what is below node u given base i there, the
message of u is its partial likelihood carried up its branch, and `L_u` is the product of the
messages of its two children. Every L is divided by its largest entry, whose logarithm is added to
the result.

Where a node has many children that is not enough: the product of the messages of all that have an A
may be 0 in floating point for a C, and that of all others 0 for an A. There products are sums of
logarithms.

Legend: R rows of the schedule, B = R - 1 branches, K coefficients of a branch, N sites.
"""

import torch
from torch import Tensor

from .level_schedule import LevelSchedule
from .substitution_models import SubstitutionModel

UNKNOWN = 4
# Children of a node up to which the product of their messages cannot underflow.
MOST_FACTORS = 3


def prune(
    states: Tensor,
    coefficients: Tensor,
    pi: Tensor,
    schedule: LevelSchedule,
    model: SubstitutionModel,
    with_gradient: bool,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Log-likelihood of columns, and its derivatives.

    Args:
        states: (leaves of the schedule, N) uint8, 0..3 or `UNKNOWN`.
        coefficients: (B, K, N) of the model.
        pi: (4, N).
        schedule: The tree.
        model: Carries partial likelihoods along branches.
        with_gradient: Whether derivatives are wanted.

    Returns:
        (N,) log-likelihoods, and the derivatives with respect to the coefficients (B, K, N) and
        to pi (4, N), zeros unless wanted.
    """
    if schedule.most_children > MOST_FACTORS:
        return _prune_by_logarithms(states, coefficients, pi, schedule, model, with_gradient)
    partials, messages, scales = _upward(states, coefficients, pi, schedule, model)
    weighted = pi * partials[-1]
    likelihood = weighted.sum(0)
    value = likelihood.log() + scales.log().sum(0)
    if not with_gradient:
        return value, (torch.zeros_like(coefficients), torch.zeros_like(pi))
    d_pi = partials[-1] / likelihood
    outside = pi / likelihood
    d_coefficients, d_pi_of_branches = _downward(
        outside, partials, messages, scales, coefficients, pi, schedule, model
    )
    return value, (d_coefficients, d_pi + d_pi_of_branches)


def _upward(
    states: Tensor,
    coefficients: Tensor,
    pi: Tensor,
    schedule: LevelSchedule,
    model: SubstitutionModel,
) -> tuple[Tensor, Tensor, Tensor]:
    """Partial likelihoods (R, 4, N), messages (R + 1, 4, N) and scales (internal rows, N)."""
    leaves, rows, sites = schedule.num_leaves, schedule.num_rows, pi.shape[1]
    partials = pi.new_empty(rows, 4, sites)
    messages = pi.new_empty(rows + 1, 4, sites)
    scales = pi.new_empty(rows - leaves, 1, sites)
    messages[rows] = 1
    _fill_leaves(partials, states)
    for level in schedule.levels:
        start, end, stop = level.start, level.end_of_branches, level.stop
        if level.children is not None:
            product = messages.index_select(0, level.children[0])
            product *= messages.index_select(0, level.children[1])
            scale = torch.amax(product, 1, keepdim=True, out=scales[start - leaves : stop - leaves])
            torch.div(product, scale, out=partials[start:stop])
        if end > start:
            messages[start:end] = model.propagate(partials[start:end], coefficients[start:end], pi)
        messages[end:stop] = partials[end:stop]
    return partials, messages, scales[:, 0]


def _downward(
    outside: Tensor,
    partials: Tensor,
    messages: Tensor,
    scales: Tensor,
    coefficients: Tensor,
    pi: Tensor,
    schedule: LevelSchedule,
    model: SubstitutionModel,
) -> tuple[Tensor, Tensor]:
    """Derivatives with respect to the coefficients (B, K, N) and to pi (4, N), without the root's.

    Args:
        outside: (4, N) derivative with respect to the partial likelihood of the root.
    """
    leaves, rows = schedule.num_leaves, schedule.num_rows
    d_coefficients, d_pi = torch.zeros_like(coefficients), torch.zeros_like(pi)
    # Of each internal row, the derivative with respect to the product before it was scaled.
    d_products = pi.new_empty(rows - leaves, 4, pi.shape[1])
    if rows > leaves:
        d_products[-1] = outside / scales[-1]
    for level in schedule.levels[-2::-1]:
        start, end, stop = level.start, level.end_of_branches, level.stop
        gradient = d_products.index_select(0, schedule.parents[start:stop] - leaves)
        gradient *= messages.index_select(0, schedule.siblings[start:stop])
        if end > start:
            d_partials, d_coefficients[start:end], d_pi_here = model.propagate_vjp(
                gradient[: end - start], partials[start:end], coefficients[start:end], pi
            )
            d_pi += d_pi_here
        if level.children is not None:
            branches, helpers = (
                slice(start - leaves, end - leaves),
                slice(end - leaves, stop - leaves),
            )
            if end > start:
                torch.div(d_partials, scales[branches, None], out=d_products[branches])
            if stop > end:
                torch.div(gradient[end - start :], scales[helpers, None], out=d_products[helpers])
    return d_coefficients, d_pi


def _fill_leaves(partials: Tensor, states: Tensor) -> None:
    """Writes those of the leaves: 1 for the base that is there, for all where it is unknown."""
    bases = torch.arange(UNKNOWN, device=states.device, dtype=states.dtype)[:, None]
    partials[: len(states)] = states[:, None] == bases
    partials[: len(states)] += (states == UNKNOWN).to(partials.dtype)[:, None]


def _prune_by_logarithms(
    states: Tensor,
    coefficients: Tensor,
    pi: Tensor,
    schedule: LevelSchedule,
    model: SubstitutionModel,
    with_gradient: bool,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """As `prune`, with products as sums of logarithms; helpers hand theirs on unrounded.

    The derivative of the result by the logarithm of a product is that by the logarithm of each of
    its factors, so nothing is divided by what may be 0 but a branch's own message.
    """
    rows, sites = schedule.num_rows, pi.shape[1]
    partials = pi.new_empty(rows, 4, sites)
    messages = pi.new_empty(rows, 4, sites)
    logs = pi.new_empty(rows + 1, 4, sites)  # of the messages
    logs[rows] = 0
    total = pi.new_zeros(sites)
    _fill_leaves(partials, states)
    for level in schedule.levels:
        start, end, stop = level.start, level.end_of_branches, level.stop
        if level.children is not None:
            product = logs.index_select(0, level.children[0])
            product += logs.index_select(0, level.children[1])
            largest = product.amax(1, keepdim=True)
            product -= largest
            total += largest.sum((0, 1))
            partials[start:stop] = product.exp()
            logs[end:stop] = product[end - start :]
        if end > start:
            messages[start:end] = model.propagate(partials[start:end], coefficients[start:end], pi)
            logs[start:end] = messages[start:end].log()
    likelihood = (pi * partials[-1]).sum(0)
    value = likelihood.log() + total
    d_coefficients, d_pi = torch.zeros_like(coefficients), torch.zeros_like(pi)
    if not with_gradient:
        return value, (d_coefficients, d_pi)
    d_pi += partials[-1] / likelihood
    d_logs = pi.new_empty(rows, 4, sites)  # by the logarithm of each row's product
    d_logs[-1] = pi * partials[-1] / likelihood
    for level in schedule.levels[-2::-1]:
        start, end, stop = level.start, level.end_of_branches, level.stop
        d_logs[start:stop] = d_logs.index_select(0, schedule.parents[start:stop])
        if end > start:
            at = slice(start, end)
            d_partials, d_coefficients[at], d_pi_here = model.propagate_vjp(
                d_logs[at] / messages[at], partials[at], coefficients[at], pi
            )
            d_logs[at] = d_partials * partials[at]
            d_pi += d_pi_here
    return value, (d_coefficients, d_pi)
