"""Markov models of base substitution whose transition probabilities have a closed form.

All models share one convention. A site has four log rates w; `theta = exp(w)`, `S = sum theta`,
`pi = softmax(w) = theta / S`. Rate matrices Q are not normalised: a branch of length t acts as
exp(Q t), so the rates are in substitutions per unit of branch length. Bases are in the order
A, C, G, T. Legend: B branches, N sites, K coefficients of a branch.
"""

import math
from abc import ABC, abstractmethod
from typing import Literal, get_args

import torch
from torch import Tensor

from .exponentials import one_or_more, rate_times, slow_transitions

Transition = Literal["exact", "sigmoid"]


class SubstitutionModel(ABC):
    """What the likelihood needs to know of a model of substitution.

    A model gives three functions of tensors; their derivatives are found by autograd unless the
    model overrides the two functions whose names end in `_vjp`. Models are immutable, compared
    and hashed by their parameters.
    """

    @property
    def is_semigroup(self) -> bool:
        """Whether P(s) P(t) = P(s + t), so that two branches in a row are as good as one."""
        return True

    @property
    def log_slowest(self) -> float:
        """Logarithm of the least factor, at most 1, that a base's rate has in the matrix Q."""
        return 0.0

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in sorted(vars(self).items()))
        return f"{type(self).__name__}({values})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((type(self), *sorted(vars(self).items())))

    @abstractmethod
    def log_stationary(self, log_rates: Tensor) -> Tensor:
        """(4, N) log rates to (4, N) logarithm of the distribution of bases at the root."""

    @abstractmethod
    def coefficients(self, log_rates: Tensor, branch_lengths: Tensor) -> Tensor:
        """What `propagate` needs of each branch at each site.

        Args:
            log_rates: (4, N).
            branch_lengths: (B,) positive.

        Returns:
            (B, K, N) for any K.
        """

    @abstractmethod
    def propagate(self, partials: Tensor, coefficients: Tensor, pi: Tensor) -> Tensor:
        """Carry partial likelihoods up their branches: `M(i) = sum_j P_ij(t) L(j)`.

        Args:
            partials: (B, 4, N), L.
            coefficients: (B, K, N).
            pi: (4, N) stationary distribution.

        Returns:
            (B, 4, N), M.
        """

    def propagate_vjp(
        self, gradient: Tensor, partials: Tensor, coefficients: Tensor, pi: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Given d/dM `(B, 4, N)`: d/dL `(B, 4, N)`, d/dcoefficients `(B, K, N)`, d/dpi `(4, N)`."""
        inputs = [tensor.detach().requires_grad_() for tensor in (partials, coefficients, pi)]
        with torch.enable_grad():
            messages = self.propagate(*inputs)
        d_partials, d_coefficients, d_pi = torch.autograd.grad(
            messages, inputs, gradient, materialize_grads=True
        )
        return d_partials, d_coefficients, d_pi

    def parameters_vjp(
        self, gradient: Tensor, gradient_pi: Tensor, log_rates: Tensor, branch_lengths: Tensor
    ) -> Tensor:
        """Given d/dcoefficients `(B, K, N)` and d/dpi `(4, N)`: d/dlog_rates `(4, N)`."""
        log_rates = log_rates.detach().requires_grad_()
        with torch.enable_grad():
            # Either may not depend on the log rates at all.
            outputs = [
                self.coefficients(log_rates, branch_lengths) + 0 * log_rates.sum(),
                self.log_stationary(log_rates).exp() + 0 * log_rates.sum(),
            ]
        (result,) = torch.autograd.grad(outputs, log_rates, [gradient, gradient_pi])
        return result


class F81(SubstitutionModel):
    """Felsenstein's 1981 model: `Q_ij = theta_j`, the rate into a base is that base's alone.

    `P_ij(t) = (1 - a) [i = j] + a pi_j` with `a = 1 - exp(-S t)`. The coefficients of a branch are
    `1 - a` and `a`, both with full relative precision.

    Args:
        transition: "exact", or "sigmoid" for `a = sigmoid(log(S t)) = S t / (1 + S t)`, which is
            exact F81 averaged over a rate drawn anew on every branch from the exponential
            distribution of mean one: our reading of the paper's Eq. 5. It is no semigroup: its
            likelihood depends on where the root is and on nodes with one child.
    """

    def __init__(self, transition: Transition = "exact") -> None:
        if transition not in get_args(Transition):
            raise ValueError(
                f"transition is {transition!r}; it must be one of {get_args(Transition)}."
            )
        self.transition = transition

    @property
    def is_semigroup(self) -> bool:
        return self.transition == "exact"

    def log_stationary(self, log_rates: Tensor) -> Tensor:
        return log_rates.log_softmax(0)

    def coefficients(self, log_rates: Tensor, branch_lengths: Tensor) -> Tensor:
        log_sum = log_rates.logsumexp(0)
        if self.transition == "sigmoid":  # falls as 1 / (S t), which no clamp may stop
            z = torch.log(branch_lengths)[:, None] + log_sum
            return torch.stack([torch.sigmoid(-z), torch.sigmoid(z)], 1)
        y = rate_times(log_sum, branch_lengths)
        return torch.stack([torch.exp(-y), -torch.expm1(-y)], 1)

    def propagate(self, partials: Tensor, coefficients: Tensor, pi: Tensor) -> Tensor:
        stay, redraw = coefficients[:, :1], coefficients[:, 1:]
        return torch.addcmul(redraw * (partials * pi).sum(1, keepdim=True), stay, partials)

    def propagate_vjp(
        self, gradient: Tensor, partials: Tensor, coefficients: Tensor, pi: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        stay, redraw = coefficients[:, :1], coefficients[:, 1:]
        total = gradient.sum(1, keepdim=True)
        redrawn = redraw * total
        d_partials = torch.addcmul(redrawn * pi, stay, gradient)
        d_coefficients = torch.cat(
            [
                (gradient * partials).sum(1, keepdim=True),
                total * (partials * pi).sum(1, keepdim=True),
            ],
            1,
        )
        return d_partials, d_coefficients, (redrawn * partials).sum(0)

    def parameters_vjp(
        self, gradient: Tensor, gradient_pi: Tensor, log_rates: Tensor, branch_lengths: Tensor
    ) -> Tensor:
        log_sum = log_rates.logsumexp(0)
        # d(stay)/d(log S) = -d(redraw)/d(log S), and both vanish where y was clamped.
        if self.transition == "sigmoid":
            z = torch.log(branch_lengths)[:, None] + log_sum
            slope = torch.sigmoid(z) * torch.sigmoid(-z)
        else:
            y = rate_times(log_sum, branch_lengths)
            slope = y * torch.exp(-y)
        d_log_sum = ((gradient[:, 1] - gradient[:, 0]) * slope).sum(0)
        return d_log_sum * log_rates.softmax(0) + self._stationary_vjp(gradient_pi, log_rates)

    def _stationary_vjp(self, gradient_pi: Tensor, log_rates: Tensor) -> Tensor:
        pi = log_rates.softmax(0)
        return pi * (gradient_pi - (pi * gradient_pi).sum(0))


class JC69(F81):
    """Jukes and Cantor's 1969 model: all bases are alike, only the total rate S of a site counts.

    `Q_ij = S / 4`: F81 with `pi = 1/4` whatever the log rates, equal to it where they are equal.
    """

    def __init__(self) -> None:
        super().__init__()

    def log_stationary(self, log_rates: Tensor) -> Tensor:
        return torch.zeros_like(log_rates).log_softmax(0)

    def _stationary_vjp(self, gradient_pi: Tensor, log_rates: Tensor) -> Tensor:
        return torch.zeros_like(log_rates)


class HKY85(SubstitutionModel):
    """Hasegawa, Kishino and Yano's 1985 model: transitions are kappa times as fast.

    `Q_ij = kappa theta_j` for transitions (A-G, C-T) and `theta_j` for transversions; kappa = 1 is
    F81. Kappa is the ratio of *individual* rates, as in msprime and PhyloFit, not the ratio of
    the totals of transitions and transversions, which is about half of it.

    With `u = exp(-S t)`, the group G of i (purines or pyrimidines), its probability `Pi_G` and
    `v_G = exp(-S t (1 + Pi_G (kappa - 1)))`, P carries L to `(1 - u) l_H + c_G l_G + v_G L(i)`,
    where `l_G` is the sum of pi L over the group, `l_H` that over the other one, and
    `c_G = 1 - u + (u - v_G) / Pi_G`. The coefficients of a branch are `1 - u, c_R, c_Y, v_R, v_Y`,
    all with full relative precision.

    Args:
        kappa: Positive.
    """

    def __init__(self, kappa: float) -> None:
        if not 0 < kappa < float("inf"):
            raise ValueError(f"kappa is {kappa}; it must be positive and finite.")
        self.kappa = float(kappa)

    @property
    def log_slowest(self) -> float:
        return min(0.0, math.log(self.kappa))

    def log_stationary(self, log_rates: Tensor) -> Tensor:
        return log_rates.log_softmax(0)

    def coefficients(self, log_rates: Tensor, branch_lengths: Tensor) -> Tensor:
        log_sum = log_rates.logsumexp(0)
        redraw = one_or_more(rate_times(log_sum, branch_lengths))
        # (4, N) -> (2, N), purines and pyrimidines
        log_sums = log_rates.unflatten(0, (2, 2)).logsumexp(0)
        if self.kappa >= 1:
            shares, y = (log_sums - log_sum).exp(), rate_times(log_sum, branch_lengths)[:, None]
            x = (self.kappa - 1) * shares * y
            within = redraw[:, None] + torch.exp(-y) * one_or_more(x) / shares
            stay = torch.exp(-y - x)
        else:
            within, stay = slow_transitions(log_sums, branch_lengths, self.kappa)
        return torch.cat([redraw[:, None], within, stay], 1)

    def propagate(self, partials: Tensor, coefficients: Tensor, pi: Tensor) -> Tensor:
        redraw, within, stay = coefficients[:, :1], coefficients[:, 1:3], coefficients[:, 3:]
        # (B, 4, N) -> (B, 2, 2, N): A C / G T, so that dim 2 is the group, purine or pyrimidine.
        by_group = partials.unflatten(1, (2, 2))
        sums = (by_group * pi.unflatten(0, (2, 2))).sum(1)
        shared = redraw * sums.flip(1) + within * sums
        return (shared[:, None] + stay[:, None] * by_group).flatten(1, 2)
