"""Evaluates the likelihood of many columns, a chunk of sites at a time.

A chunk is small enough for the cache of a processor; the leaves that none of its columns has are
pruned from the tree; and sites that float32 cannot hold are evaluated in float64.

Legend: N sites, S leaves.
"""

import math

import torch
from torch import Tensor

from .level_schedule import level_schedule
from .phylogeny import Phylogeny
from .pruning import MOST_FACTORS, UNKNOWN, prune
from .substitution_models import SubstitutionModel

# A shorter branch counts as this long: where bases differ across a branch of length 0 the
# likelihood is 0, and a training step would be lost.
MIN_BRANCH_LENGTH = 1e-10
# Log rates beyond count as this, with the gradient they have there, which leads back. Products of
# two probabilities still fit into float64.
MAX_LOG_RATE = 150.0
# Probabilities of a substitution below exp of this are computed in float64: the product of two
# of them and its inverse would leave the range of float32.
FLOAT32_LOG_PROBABILITY = -36.0
# Bytes of the partial likelihoods that are worked on at once. A processor has to keep a few times
# as much in its cache; a graphics processor is slowed by many small steps.
CHUNK_BYTES = {"cpu": 1 << 22, "cuda": 1 << 29}
LEAST_CHUNK_SITES = 64


def evaluate(
    log_rates: Tensor,
    leaf_states: Tensor,
    phylogeny: Phylogeny,
    model: SubstitutionModel,
    reference: Tensor | None,
    *,
    with_gradient: bool,
) -> tuple[Tensor, Tensor]:
    """Log-likelihoods of columns and their derivatives.

    Args:
        log_rates: (..., 4) float32 or float64.
        leaf_states: (..., S) integers.
        phylogeny: With S leaves.
        model: What the log rates mean.
        reference: (...) leaf that each column is conditioned on, or None.
        with_gradient: Whether derivatives are wanted.

    Returns:
        Values (...) and derivatives (..., 4), the latter zeros unless asked for.
    """
    rates = log_rates.detach().reshape(-1, 4)
    states = leaf_states.reshape(-1, phylogeny.num_leaves)
    leaves = None if reference is None else reference.reshape(-1)
    value, derivative = rates.new_zeros(len(rates)), torch.zeros_like(rates)
    for sites, dtype in _groups(rates, states, phylogeny, model, leaves):
        size = _chunk_sites(phylogeny, dtype, rates.device)
        for chunk in sites.split(size) if len(sites) else ():
            # (n, 4) -> (4, n) and (n, S) -> (S, n): sites lie next to each other.
            w = rates[chunk].T.to(dtype).contiguous()
            columns = states[chunk].T.contiguous()
            columns = columns.masked_fill_(~is_known(columns), UNKNOWN).to(torch.uint8)
            at = None if leaves is None else leaves[chunk]
            result, gradient = _chunk(w, columns, phylogeny, model, at, with_gradient)
            value[chunk] = result.to(value.dtype)
            derivative[chunk] = gradient.T.to(derivative.dtype)
    return value.view(log_rates.shape[:-1]), derivative.view(log_rates.shape)


def is_known(states: Tensor) -> Tensor:
    """Whether a leaf state is one of the four bases."""
    return (states >= 0) & (states < UNKNOWN)


def _chunk_sites(phylogeny: Phylogeny, dtype: torch.dtype, device: torch.device) -> int:
    budget = CHUNK_BYTES.get(device.type, CHUNK_BYTES["cuda"])
    return max(LEAST_CHUNK_SITES, budget // (4 * dtype.itemsize * phylogeny.num_nodes))


def _groups(
    rates: Tensor,
    states: Tensor,
    phylogeny: Phylogeny,
    model: SubstitutionModel,
    reference: Tensor | None,
) -> list[tuple[Tensor, torch.dtype]]:
    """Sites (N,) whose likelihood is not 1 anyway, and the precision to compute them in."""
    known = is_known(states)
    if reference is None:
        counted = known.any(1)
    else:
        has_reference = known.gather(1, reference[:, None])[:, 0]
        known.scatter_(1, reference[:, None], False)
        counted = has_reference & known.any(1)
    # the product of many messages is a sum of logarithms, whose last digits float32 does not have
    if rates.dtype == torch.float64 or max(map(len, phylogeny.children)) > MOST_FACTORS:
        return [(counted.nonzero()[:, 0], torch.float64)]
    shortest = math.log(max(min(phylogeny.lengths), MIN_BRANCH_LENGTH))
    lowest = rates.amin(1) + model.log_slowest
    fits = lowest - rates.logsumexp(1).clamp(min=-shortest) > FLOAT32_LOG_PROBABILITY
    return [
        ((counted & fits).nonzero()[:, 0], torch.float32),
        ((counted & ~fits).nonzero()[:, 0], torch.float64),
    ]


def _chunk(
    w: Tensor,
    columns: Tensor,
    phylogeny: Phylogeny,
    model: SubstitutionModel,
    reference: Tensor | None,
    with_gradient: bool,
) -> tuple[Tensor, Tensor]:
    """Values (N,) and derivatives (4, N), zeros unless asked for, at some sites.

    Args:
        w: (4, N) log rates.
        columns: (S, N) leaf states, uint8.
        reference: (N,) leaf that is conditioned on.
    """
    w = w.clamp(-MAX_LOG_RATE, MAX_LOG_RATE)
    present = tuple((columns.amin(1) < UNKNOWN).tolist())
    schedule = level_schedule(phylogeny, present, model.is_semigroup, w.device)
    lengths = schedule.branch_lengths.clamp(min=MIN_BRANCH_LENGTH).to(w.dtype)
    coefficients = model.coefficients(w, lengths)
    log_pi = model.log_stationary(w)
    value, gradients = prune(
        columns[schedule.leaves], coefficients, log_pi.exp(), schedule, model, with_gradient
    )
    if reference is not None:
        base = columns.gather(0, reference[None]).long()
        value = value - log_pi.gather(0, base)[0]
    if not with_gradient:
        return value, torch.zeros_like(w)
    d_coefficients, d_pi = gradients
    if reference is not None:
        d_pi = d_pi.scatter_add(0, base, -log_pi.gather(0, base).neg().exp())
    return value, model.parameters_vjp(d_coefficients, d_pi, w, lengths)
