"""Scores of a substitution, from log rates and from embeddings.

The log rates w of the bases A, C, G, T are those of PhyloGPN: `theta_b = exp(w_b)` is the rate
towards base b under F81 (Albors et al. 2025, arXiv 2503.03773).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LOG_RATE_SCORES = {
    "llr": "log-likelihood ratio of the alternative to the reference base, ln(pi_alt / pi_ref)",
    "entropy": "entropy of the stationary distribution pi of the bases at the site, in nats",
    "site_rate": "sum of the four rates of the site",
    "expected_substitutions": "expected substitutions per unit branch length at the site",
}
EMBEDDING_SCORES = {
    "embedding_cosine": "cosine distance of the embeddings of the reference and the alternative",
    "embedding_euclidean": "Euclidean distance of the embeddings of reference and alternative",
}


def log_rate_scores(
    log_rates: Floats,
    reference: NDArray[np.integer],
    alternative: NDArray[np.integer],
    *,
    kappa: float = 1.0,
) -> Floats:
    """The columns of `LOG_RATE_SCORES` for substitutions.

    Args:
        log_rates: `(n, 4)`, in the order A, C, G, T.
        reference: States 0 to 3 `(n,)`.
        alternative: States 0 to 3 `(n,)`.
        kappa: How many times as fast transitions (A-G, C-T) are: 1 is F81, else HKY85.

    Returns:
        `(n, 4)`.
    """
    w = np.asarray(log_rates, np.float64)
    n = np.arange(len(w))
    largest = w.max(1, keepdims=True)
    log_sum = largest + np.log(np.exp(w - largest).sum(1, keepdims=True))
    log_pi = w - log_sum
    pi = np.exp(log_pi)
    llr = w[n, alternative] - w[n, reference]
    entropy = -(pi * log_pi).sum(1)
    site_rate = np.exp(log_sum[:, 0])
    # sum_ij pi_i pi_j over i != j is 1 - sum pi^2, and does not cancel where one pi is nearly 1
    speeds = 1 - np.eye(4)
    speeds[[0, 2, 1, 3], [2, 0, 3, 1]] = kappa
    substitutions = site_rate * ((pi @ speeds) * pi).sum(1)
    return np.stack([llr, entropy, site_rate, substitutions], 1)


def embedding_distances(reference: Floats, alternative: Floats) -> Floats:
    """The columns of `EMBEDDING_SCORES`: embeddings `(n, D)` twice to `(n, 2)`.

    The cosine distance is NaN where an embedding is zero.
    """
    x, y = np.asarray(reference, np.float64), np.asarray(alternative, np.float64)
    x_norm, y_norm = np.linalg.norm(x, axis=1), np.linalg.norm(y, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        # |x/|x| - y/|y||^2 / 2 equals 1 - cos and keeps its digits where the two are close
        unit = x / x_norm[:, None] - y / y_norm[:, None]
    return np.stack([0.5 * (unit * unit).sum(1), np.linalg.norm(x - y, axis=1)], 1)
