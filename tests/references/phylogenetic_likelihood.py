"""Slow twin of the phylogenetic likelihood: the sum over every state of every unobserved node.

No pruning, no rescaling, no closed forms but those asked for: transition probabilities are matrix
exponentials of rate matrices written down entry by entry. All in logarithms, so that rates of any
size can be compared.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

BASES = "ACGT"
TRANSITIONS = [("A", "G"), ("G", "A"), ("C", "T"), ("T", "C")]

LogTransition = Callable[[Tensor, float], Tensor]


def matrix_exponential(matrix: Tensor) -> Tensor:
    """exp of (4, 4) by its power series, after halving until the entries are small.

    torch.linalg.matrix_exp of torch 2.13 is good to 1e-9 only in float64.
    """
    halvings = max(0, math.ceil(math.log2(matrix.detach().abs().max().item())) + 3)
    small = matrix / 2**halvings
    term = result = torch.eye(4, dtype=matrix.dtype)
    for n in range(1, 20):
        term = term @ small / n
        result = result + term
    for _ in range(halvings):
        result = result @ result
    return result


def hky85_rate_matrix(log_rates: Tensor, kappa: float) -> Tensor:
    """(4,) log rates to (4, 4) Q: the rate into a base, times kappa for transitions."""
    rows = []
    for i, old in enumerate(BASES):
        row = [
            torch.exp(log_rates[j]) * (kappa if (old, new) in TRANSITIONS else 1.0)
            if i != j
            else torch.zeros_like(log_rates[j])
            for j, new in enumerate(BASES)
        ]
        row[i] = -sum(row)
        rows.append(torch.stack(row))
    return torch.stack(rows)


def f81_by_matrix_exponential(log_rates: Tensor, length: float) -> Tensor:
    """(4, 4) log P(t) of F81."""
    return matrix_exponential(hky85_rate_matrix(log_rates, 1.0) * length).log()


def hky85_by_matrix_exponential(kappa: float) -> LogTransition:
    """(4, 4) log P(t) of HKY85."""
    return lambda w, t: matrix_exponential(hky85_rate_matrix(w, kappa) * t).log()


def jc69_by_matrix_exponential(log_rates: Tensor, length: float) -> Tensor:
    """(4, 4) log P(t) of JC69: each of the three other bases at a quarter of the total rate."""
    total = log_rates.exp().sum()
    q = (torch.ones(4, 4, dtype=log_rates.dtype) / 4 - torch.eye(4, dtype=log_rates.dtype)) * total
    return matrix_exponential(q * length).log()


def f81_in_logarithms(log_rates: Tensor, length: float) -> Tensor:
    """(4, 4) log P(t) of F81 from its closed form, for rates of any size."""
    y = torch.exp(math.log(length) + log_rates.logsumexp(0))
    log_redrawn = torch.log(-torch.expm1(-y)) + log_rates.log_softmax(0)
    return torch.where(
        torch.eye(4, dtype=torch.bool), torch.logaddexp(-y, log_redrawn), log_redrawn.expand(4, 4)
    )


def f81_sigmoid(log_rates: Tensor, length: float) -> Tensor:
    """(4, 4) log P(t) with the sigmoid in place of 1 - exp(-S t)."""
    a = torch.sigmoid(math.log(length) + log_rates.logsumexp(0))
    return ((1 - a) * torch.eye(4, dtype=log_rates.dtype) + a * log_rates.softmax(0)).log()


def log_likelihood(
    log_rates: Tensor,
    states: Sequence[int],
    parents: Sequence[int],
    lengths: Sequence[float],
    log_transition: LogTransition,
    log_pi: Tensor,
) -> Tensor:
    """Logarithm of the sum over all states of all nodes that were not observed.

    Args:
        log_rates: (4,).
        states: State of each leaf, 0..3 or anything else where it is unknown.
        parents: Parent of each node; the leaves come first, the root last.
        lengths: Length of the branch above each node but the root.
        log_transition: log rates and length to (4, 4) log P.
        log_pi: (4,) at the root.
    """
    observed = [node < len(states) and 0 <= states[node] <= 3 for node in range(len(parents))]
    axes = [node for node, seen in enumerate(observed) if not seen]

    def along(vector_or_matrix: Tensor, *nodes: int) -> Tensor:
        """One axis per unobserved node, of length 1 but for `nodes`, which are in rising order."""
        shape = [4 if node in nodes else 1 for node in axes]
        return vector_or_matrix.reshape(shape)

    joint = along(log_pi, len(parents) - 1)
    for node, length in enumerate(lengths):
        log_p = log_transition(log_rates, length)
        if observed[node]:
            joint = joint + along(log_p[:, states[node]], parents[node])
        else:
            joint = joint + along(log_p.T, node, parents[node])
    return joint.logsumexp(tuple(range(joint.dim())))
