"""Exponentials of rates and times, without overflow and without a loss of digits near zero.

Legend: B branches, N sites.
"""

import math

import torch
from torch import Tensor

# exp(-exp(z)) is 0 in either precision long before this, and exp of it does not overflow.
MAX_LOG_RATE_TIME = 10.0
# The same where the inverse matters too: 1 beside it is 0 in either precision.
MAX_LOG_DRAWS = 60.0
# Below this a series is summed, above it numbers of like size are subtracted.
MAX_SERIES = 0.5
NUM_TERMS = {torch.float32: 8, torch.float64: 14}  # the rest is below the precision


def rate_times(
    log_rate: Tensor, branch_lengths: Tensor, *, max_log: float = MAX_LOG_RATE_TIME
) -> Tensor:
    """`rate * t`: logarithm of rates (..., N), lengths (B,) to (B, ..., N), without overflow."""
    log_lengths = torch.log(branch_lengths).view(-1, *[1] * log_rate.dim())
    return (log_lengths + log_rate).clamp(max=max_log).exp()


def slow_transitions(
    log_sums: Tensor, branch_lengths: Tensor, kappa: float
) -> tuple[Tensor, Tensor]:
    """`c_G` and `v_G` (B, 2, N) of HKY85 for kappa below 1.

    The difference that `c_G` is would lose its digits, so it is written as a sum. With
    `a = S Pi_H t` and `b = S Pi_G t`, the draws of the other and of the own group expected for
    kappa = 1, and `m(b) = 1 - (1 - exp(-b)) / b`, it is
    `1 - exp(-a) - a exp(-a) + exp(-a) (a m(b) + (1 - exp(-kappa b)) / Pi_G)`.

    Args:
        log_sums: (2, N) logarithms of `S Pi_G` of both groups.
        branch_lengths: (B,).
        kappa: Positive.
    """
    a = rate_times(log_sums.flip(0), branch_lengths)
    b = rate_times(log_sums, branch_lengths, max_log=MAX_LOG_DRAWS)
    kappa_b = rate_times(log_sums + math.log(kappa), branch_lengths)
    inverse_shares = torch.exp(log_sums.logsumexp(0) - log_sums)
    from_own = a * mean_one_or_more(b) + one_or_more(kappa_b) * inverse_shares
    return two_or_more(a) + torch.exp(-a) * from_own, torch.exp(-a - kappa_b)


def one_or_more(z: Tensor) -> Tensor:
    """`1 - exp(-z)`, the probability of an event of a Poisson process with z expected."""
    return -torch.expm1(-z)


def two_or_more(z: Tensor) -> Tensor:
    """`1 - exp(-z) - z exp(-z)`, the probability of two events or more; z >= 0."""
    terms = [(-1) ** n * (n - 1) / math.factorial(n) for n in range(2, NUM_TERMS[z.dtype] + 2)]
    large = z.clamp(min=MAX_SERIES)
    direct = one_or_more(large) - large * torch.exp(-large)
    return torch.where(z < MAX_SERIES, z * z * _series(z, terms), direct)


def mean_one_or_more(z: Tensor) -> Tensor:
    """`1 - (1 - exp(-z)) / z`, the mean of `1 - exp(-x)` over x from 0 to z >= 0."""
    terms = [(-1) ** n / math.factorial(n) for n in range(2, NUM_TERMS[z.dtype] + 2)]
    large = z.clamp(min=MAX_SERIES)
    direct = (large - one_or_more(large)) / large
    return torch.where(z < MAX_SERIES, z * _series(z, terms), direct)


def _series(z: Tensor, terms: list[float]) -> Tensor:
    """`sum_n terms[n] z^n` by Horner's rule, of numbers below the limit."""
    z = z.clamp(max=MAX_SERIES)
    result = torch.full_like(z, terms[-1])
    for term in reversed(terms[:-1]):
        result = result * z + term
    return result
