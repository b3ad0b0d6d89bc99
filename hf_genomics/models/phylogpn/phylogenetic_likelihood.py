"""Likelihood of alignment columns on a phylogeny, site by site, with its gradient.

Felsenstein's pruning algorithm (1981, J. Mol. Evol. 17:368) gives the likelihood of a column; a
second pass from the root to the leaves gives its derivatives. Both passes are made at once, a few
sites at a time, so that only the four derivatives of each site are kept for the backward pass.

Legend: R rows of the schedule (nodes), N sites, S leaves.
"""

import math
from typing import Any

import torch
from torch import Tensor

from .level_schedule import level_schedule
from .phylogeny import Phylogeny
from .pruning import UNKNOWN, is_known, prune
from .substitution_models import F81, SubstitutionModel, Transition

# A shorter branch counts as this long: where bases differ across a branch of length 0 the
# likelihood is 0, and a training step would be lost.
MIN_BRANCH_LENGTH = 1e-10
# Log rates beyond are clamped; products of two probabilities still fit into float64.
MAX_LOG_RATE = 150.0
# Probabilities of a substitution below exp of this are computed in float64: the product of two
# of them and its inverse would leave the range of float32.
FLOAT32_LOG_PROBABILITY = -36.0
# Bytes of the partial likelihoods that are worked on at once. A processor has to keep a few times
# as much in its cache; a graphics processor is slowed by many small steps.
CHUNK_BYTES = {"cpu": 1 << 22, "cuda": 1 << 29}
LEAST_CHUNK_SITES = 64


def f81_log_likelihood(
    log_rates: Tensor,
    leaf_states: Tensor,
    phylogeny: Phylogeny,
    *,
    transition: Transition = "exact",
) -> Tensor:
    """Log-likelihood of alignment columns under F81; see `log_likelihood`.

    Args:
        log_rates: (..., 4) logarithms of the rates into A, C, G, T, not normalised: a branch of
            length t acts as `exp(-sum(exp(log_rates)) t)`.
        leaf_states: (..., num_leaves) integers 0..3 = A, C, G, T; 4 or a negative number = gap or
            unknown.
        phylogeny: The tree; leaf states are in the order of its `leaf_names`.
        transition: "exact", or "sigmoid" as described at `F81`.

    Returns:
        (...) natural logarithm of the probability of each column.
    """
    return log_likelihood(log_rates, leaf_states, phylogeny, substitution_model=F81(transition))


@torch.compiler.disable
def log_likelihood(
    log_rates: Tensor,
    leaf_states: Tensor,
    phylogeny: Phylogeny,
    *,
    substitution_model: SubstitutionModel,
) -> Tensor:
    """Log-likelihood of alignment columns; differentiable once, with respect to the log rates.

    A leaf that is unknown is summed over; a column without any known base has value and gradient 0.
    float16 and bfloat16 are computed in float32. Sites with log rates so far apart that float32
    could not hold the likelihood are computed in float64; log rates are clamped to +-150.
    Branches shorter than 1e-10 count as that long.

    Args:
        log_rates: (..., 4) in the order A, C, G, T.
        leaf_states: (..., num_leaves) integers 0..3 = A, C, G, T; 4 or a negative number = gap or
            unknown, in the order of `phylogeny.leaf_names`.
        phylogeny: The tree.
        substitution_model: What the log rates mean.

    Returns:
        (...) natural logarithm of the probability of each column; float32, or float64 for float64.

    Raises:
        ValueError: Shapes or types do not fit.
    """
    return _likelihood(log_rates, leaf_states, phylogeny, substitution_model, None)


@torch.compiler.disable
def conditional_log_likelihood(
    log_rates: Tensor,
    leaf_states: Tensor,
    phylogeny: Phylogeny,
    *,
    reference_leaf: str | int | Tensor,
    substitution_model: SubstitutionModel | None = None,
) -> Tensor:
    """Log-probability of the other leaves given the reference leaf: the loss is minus this.

    `log P(column) - log pi(base of the reference)`. Value and gradient are 0 where the reference
    is unknown, or the only leaf that is known.

    Args:
        log_rates, leaf_states, phylogeny: As for `log_likelihood`.
        reference_leaf: Name of the leaf that the log rates were predicted from, or its position
            among `phylogeny.leaf_names`; or integers (...), one position for each site.
        substitution_model: `F81()` unless given.

    Returns:
        (...), as for `log_likelihood`.

    Raises:
        ValueError: Shapes or types do not fit, or there is no such leaf.
    """
    model = substitution_model or F81()
    if isinstance(reference_leaf, Tensor):
        reference = _leaf_positions(reference_leaf, log_rates, phylogeny)
    else:
        position = phylogeny.leaf_index(reference_leaf)
        reference = torch.full(log_rates.shape[:-1], position, device=log_rates.device)
    return _likelihood(log_rates, leaf_states, phylogeny, model, reference)


def _leaf_positions(leaves: Tensor, log_rates: Tensor, phylogeny: Phylogeny) -> Tensor:
    if leaves.is_floating_point() or leaves.shape != log_rates.shape[:-1]:
        raise ValueError(
            f"reference_leaf is {leaves.dtype} of shape {tuple(leaves.shape)}; pass a name, a "
            f"position, or integers of shape {tuple(log_rates.shape[:-1])}, one for each site."
        )
    if leaves.numel() and not 0 <= int(leaves.amin()) <= int(leaves.amax()) < phylogeny.num_leaves:
        raise ValueError(
            f"reference_leaf has values from {int(leaves.amin())} to {int(leaves.amax())}; the "
            f"tree has leaves 0 to {phylogeny.num_leaves - 1}."
        )
    return leaves.long()


def _likelihood(
    log_rates: Tensor,
    leaf_states: Tensor,
    phylogeny: Phylogeny,
    model: SubstitutionModel,
    reference: Tensor | None,
) -> Tensor:
    _check(log_rates, leaf_states, phylogeny)
    wide = log_rates if log_rates.dtype == torch.float64 else log_rates.float()
    if torch.is_grad_enabled() and log_rates.requires_grad:
        return _LogLikelihood.apply(wide, leaf_states, phylogeny, model, reference)
    return _evaluate(wide, leaf_states, phylogeny, model, reference, with_gradient=False)[0]


def _check(log_rates: Tensor, leaf_states: Tensor, phylogeny: Phylogeny) -> None:
    if not log_rates.is_floating_point() or log_rates.shape[-1:] != (4,):
        raise ValueError(
            f"log_rates is {log_rates.dtype} of shape {tuple(log_rates.shape)}; pass floating "
            "point numbers of shape (..., 4), one log rate each for A, C, G, T."
        )
    expected = (*log_rates.shape[:-1], phylogeny.num_leaves)
    if leaf_states.is_floating_point() or tuple(leaf_states.shape) != expected:
        raise ValueError(
            f"leaf_states is {leaf_states.dtype} of shape {tuple(leaf_states.shape)}; pass "
            f"integers of shape {expected}, one state for each leaf of the phylogeny at each site."
        )
    if leaf_states.numel() and int(leaf_states.amax()) > UNKNOWN:
        raise ValueError(
            f"leaf_states has the value {int(leaf_states.amax())}; states are 0..3 for A, C, G, T, "
            "and 4 or a negative number for a gap or an unknown base."
        )


class _LogLikelihood(torch.autograd.Function):
    """(..., 4) log rates to (...) log-likelihoods; keeps the derivatives of each site."""

    @staticmethod
    def forward(
        ctx: Any,
        log_rates: Tensor,
        leaf_states: Tensor,
        phylogeny: Phylogeny,
        model: SubstitutionModel,
        reference: Tensor | None,
    ) -> Tensor:
        value, derivative = _evaluate(
            log_rates, leaf_states, phylogeny, model, reference, with_gradient=True
        )
        ctx.save_for_backward(derivative)
        return value

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError(
                "the log-likelihood of columns has no second derivatives; call backward or grad "
                "without create_graph=True."
            )
        (derivative,) = ctx.saved_tensors
        return gradient[..., None] * derivative, None, None, None, None


def _evaluate(
    log_rates: Tensor,
    leaf_states: Tensor,
    phylogeny: Phylogeny,
    model: SubstitutionModel,
    reference: Tensor | None,
    *,
    with_gradient: bool,
) -> tuple[Tensor, Tensor]:
    """Values (...) and derivatives (..., 4), the latter zeros unless asked for."""
    rates = log_rates.detach().reshape(-1, 4)
    states = leaf_states.reshape(-1, phylogeny.num_leaves)
    leaves = None if reference is None else reference.reshape(-1)
    value, derivative = rates.new_zeros(len(rates)), torch.zeros_like(rates)
    for sites, dtype in _groups(rates, states, phylogeny, leaves):
        size = _chunk_sites(phylogeny, dtype, rates.device)
        for chunk in sites.split(size) if len(sites) else ():
            # (n, 4) -> (4, n) and (n, S) -> (S, n): sites lie next to each other.
            w = rates[chunk].T.to(dtype).contiguous()
            columns = states[chunk].T.contiguous()
            at = None if leaves is None else leaves[chunk]
            result, gradient = _chunk(w, columns, phylogeny, model, at, with_gradient)
            value[chunk] = result.to(value.dtype)
            derivative[chunk] = gradient.T.to(derivative.dtype)
    return value.view(log_rates.shape[:-1]), derivative.view(log_rates.shape)


def _chunk_sites(phylogeny: Phylogeny, dtype: torch.dtype, device: torch.device) -> int:
    budget = CHUNK_BYTES.get(device.type, CHUNK_BYTES["cuda"])
    return max(LEAST_CHUNK_SITES, budget // (4 * dtype.itemsize * phylogeny.num_nodes))


def _groups(
    rates: Tensor, states: Tensor, phylogeny: Phylogeny, reference: Tensor | None
) -> list[tuple[Tensor, torch.dtype]]:
    """Sites (N,) whose likelihood is not 1 anyway, and the precision to compute them in."""
    known = is_known(states)
    if reference is None:
        counted = known.any(1)
    else:
        has_reference = known.gather(1, reference[:, None])[:, 0]
        known.scatter_(1, reference[:, None], False)
        counted = has_reference & known.any(1)
    if rates.dtype == torch.float64:
        return [(counted.nonzero()[:, 0], torch.float64)]
    shortest = math.log(max(min(phylogeny.lengths), MIN_BRANCH_LENGTH))
    lowest = rates.amin(1)
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
        columns: (S, N) leaf states.
        reference: (N,) leaf that is conditioned on.
    """
    inside = w.abs() <= MAX_LOG_RATE
    w = w.clamp(-MAX_LOG_RATE, MAX_LOG_RATE)
    present = tuple(is_known(columns).any(1).tolist())
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
    return value, model.parameters_vjp(d_coefficients, d_pi, w, lengths) * inside
