"""Time-reversible substitution models: rate matrix Q, stationary distribution pi, P(t).

JC69 (Jukes and Cantor 1969), HKY85 (Hasegawa, Kishino and Yano 1985) and discrete-gamma rates over
sites (Yang 1994, mean of each class). Bases are in the order A, C, G, T. Q is normalised to one
expected substitution per site and unit of time, so that branch lengths are in that unit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincinv

from .parameters import ALPHABET, ModelName, check_base_frequencies

NUM_RATE_CLASSES = 4
UNIFORM = (0.25, 0.25, 0.25, 0.25)


@dataclass(frozen=True)
class SubstitutionModel:
    """A reversible model.

    Attributes:
        Q: (4, 4) rate matrix; rows sum to 0.
        pi: (4,) stationary distribution; pi_x Q_xy = pi_y Q_yx.
    """

    Q: NDArray[np.float64]
    pi: NDArray[np.float64]

    def transition_probabilities(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(t) = exp(Qt).

        Args:
            t: (...) branch lengths, expected substitutions per site; not negative.

        Returns:
            (..., 4, 4): row = base at the start of the branch, column = base at its end.
        """
        # Reversibility makes diag(sqrt pi) Q diag(1 / sqrt pi) symmetric: real spectrum, safe eigh.
        root = np.sqrt(self.pi)
        eigenvalues, U = np.linalg.eigh(root[:, None] * self.Q / root[None, :])
        decay = np.exp(np.asarray(t, dtype=np.float64)[..., None, None] * eigenvalues)
        P = (U * decay) @ U.T * root[None, :] / root[:, None]
        P = np.clip(P, 0.0, None)  # round-off leaves -1e-17 at t = 0
        return P / P.sum(axis=-1, keepdims=True)


def jc69() -> SubstitutionModel:
    """All substitutions at equal rate."""
    return hky85(kappa=1.0, base_frequencies=UNIFORM)


def hky85(*, kappa: float, base_frequencies: tuple[float, ...]) -> SubstitutionModel:
    """Transitions (A-G, C-T) are `kappa` times as fast as transversions to an equally common base.

    `kappa` is the ratio of rates, as in msprime and PAML, not of counts (which some call R).

    Raises:
        ValueError: if kappa is not positive or the frequencies are not a distribution.
    """
    if not kappa > 0:
        raise ValueError(f"kappa is {kappa}; give a rate ratio above 0.")
    check_base_frequencies(tuple(base_frequencies))
    pi = np.asarray(base_frequencies, dtype=np.float64)
    pi = pi / pi.sum()
    Q = np.tile(pi, (4, 1))
    for x, y in (("A", "G"), ("C", "T")):
        i, j = ALPHABET.index(x), ALPHABET.index(y)
        Q[i, j] *= kappa
        Q[j, i] *= kappa
    np.fill_diagonal(Q, 0.0)
    np.fill_diagonal(Q, -Q.sum(axis=1))
    return SubstitutionModel(Q / -(pi @ np.diag(Q)), pi)


def make_model(
    name: ModelName, *, kappa: float, base_frequencies: tuple[float, ...]
) -> SubstitutionModel:
    """The named model; JC69 takes neither argument."""
    if name is ModelName.JC69:
        return jc69()
    return hky85(kappa=kappa, base_frequencies=base_frequencies)


def discrete_gamma_rates(shape: float, num_classes: int = NUM_RATE_CLASSES) -> NDArray[np.float64]:
    """(num_classes,) mean rates of equally likely classes of a gamma distribution with mean 1.

    Args:
        shape: of the gamma distribution (alpha); small = rates differ much between sites.
        num_classes: number of classes.
    """
    if not shape > 0:
        raise ValueError(f"shape is {shape}; the gamma distribution needs a shape above 0.")
    bounds = gammaincinv(shape, np.arange(num_classes + 1) / num_classes)
    # The mean over a class is a difference of the distribution function of shape + 1.
    return num_classes * np.diff(gammainc(shape + 1, bounds))
