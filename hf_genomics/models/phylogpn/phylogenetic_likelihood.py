"""Likelihood of alignment columns on a phylogeny, site by site, as a differentiable function.

Felsenstein's pruning algorithm (1981, J. Mol. Evol. 17:368) gives the likelihood of a column; a
second pass from the root to the leaves gives its derivatives. Both passes are made in forward, a
few sites at a time, so that four derivatives per site are all that is kept for backward.
"""

from typing import Any

import torch
from torch import Tensor

from .phylogeny import Phylogeny
from .pruning import UNKNOWN
from .site_evaluation import evaluate
from .substitution_models import F81, SubstitutionModel, Transition


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
        (...) natural logarithm of the probability of each column; precision and limits are those of
        `log_likelihood`.

    Raises:
        ValueError: Shapes or types do not fit, or there is no such transition.
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
    could not hold the likelihood are computed in float64, and so are all sites of a tree with a
    node of more than three children. Log rates beyond +-150 count as +-150,
    and branches shorter than 1e-10 as that long.

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
        log_rates: As for `log_likelihood`.
        leaf_states: As for `log_likelihood`.
        phylogeny: As for `log_likelihood`.
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
    return evaluate(wide, leaf_states, phylogeny, model, reference, with_gradient=False)[0]


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
        value, derivative = evaluate(
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
