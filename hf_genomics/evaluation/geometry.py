"""How nearly a set of distances is that of a tree: Gromov's delta-hyperbolicity.

Gromov, "Hyperbolic groups" (1987); as used by Khan et al., "Hyperbolic Genome Embeddings" (ICLR
2025, arXiv 2507.21648), which look at all values of delta, not the largest alone.

Legend: n points, D distances, w base point, (x | y)_w Gromov product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

BINS = 1000  # of relative delta, from 0 to 1
QUANTILES = (0.5, 0.9, 0.99)
TOLERANCE = 1e-9  # of the diameter


@dataclass(frozen=True)
class DeltaDistribution:
    """Values of delta over all base points and pairs of points.

    Relative values are `2 delta / diameter`: 0 for all of a tree, at most 1.

    Attributes:
        num_points: n.
        diameter: largest distance.
        largest: largest relative delta, exact.
        mean: mean relative delta over the n ** 3 values, exact.
        counts: `(1000,)`, how many relative values lie in each thousandth of [0, 1].
    """

    num_points: int
    diameter: float
    largest: float
    mean: float
    counts: NDArray[np.int64]

    def quantile(self, share: float) -> float:
        """The relative delta that this share of the values stays below, to a thousandth."""
        reached = np.searchsorted(np.cumsum(self.counts), share * self.counts.sum())
        return float(reached + 1) / len(self.counts)

    def summary(self) -> dict[str, Any]:
        """For a table: largest, mean and some quantiles of relative delta."""
        quantiles = {f"quantile_{share:g}": self.quantile(share) for share in QUANTILES}
        return {
            "num_points": self.num_points,
            "diameter": self.diameter,
            "largest": self.largest,
            "mean": self.mean,
            **quantiles,
        }


def delta_distribution(distances: ArrayLike) -> DeltaDistribution:
    """All values of delta of a finite metric space.

    With `(x | y)_w = (D(x, w) + D(y, w) - D(x, y)) / 2`, delta of x and y seen from w is
    `max_z min((x | z)_w, (z | y)_w) - (x | y)_w`. Memory is a few matrices of n x n, whatever n;
    time grows with n ** 4: 300 points take seconds.

    Args:
        distances: `(n, n)`, symmetric, 0 on the diagonal, not negative.

    Raises:
        ValueError: something else was given, or fewer than 2 points, or all in one place.
    """
    d = torch.as_tensor(np.array(distances, np.float64))  # a copy
    check_distances(d)
    diameter = float(d.max())
    counts = torch.zeros(BINS, dtype=torch.int64)
    largest = total = 0.0
    for values in delta_values(d / diameter):
        relative = values.mul_(2).clamp_(0, 1)  # rounding may leave it
        largest = max(largest, float(relative.max()))
        total += float(relative.sum())
        bins = relative.mul_(BINS).long().clamp_max_(BINS - 1)
        counts += torch.bincount(bins.flatten(), minlength=BINS)
    n = len(d)
    return DeltaDistribution(n, diameter, largest, total / n**3, counts.numpy())


def delta_values(d: Tensor) -> Iterator[Tensor]:
    """Delta `(n, n)` of every pair, from each base point in turn, of distances `(n, n)`."""
    for w in range(len(d)):
        a = (d[w][:, None] + d[w][None, :] - d) / 2
        product = max_min_product(a)
        yield product.sub_(a)


def max_min_product(a: Tensor) -> Tensor:
    """`max_z min(a[x, z], a[z, y])` of a symmetric matrix `(n, n)`."""
    best = torch.full_like(a, -torch.inf)
    smaller = torch.empty_like(a)
    for row in a:
        torch.minimum(row[:, None], row[None, :], out=smaller)
        torch.maximum(best, smaller, out=best)
    return best


def check_distances(d: Tensor) -> None:
    """Raises ValueError unless `d` holds distances between two points or more."""
    if d.dim() != 2 or d.shape[0] != d.shape[1] or len(d) < 2:
        raise ValueError(f"distances must be a square matrix of 2 points or more, got {d.shape}.")
    if not torch.isfinite(d).all() or (d < 0).any():
        raise ValueError("distances must be finite and not negative.")
    slack = TOLERANCE * float(d.max())
    if (d - d.T).abs().max() > slack or d.diagonal().abs().max() > slack:
        raise ValueError("distances must be symmetric, and 0 from a point to itself.")
    if d.max() == 0:
        raise ValueError("all points lie in one place, so delta has no scale.")


# What delta is of spaces of constant curvature, and of trees: to read other values by.


def sphere_distances(n: int, seed: int, dim: int = 2) -> NDArray[np.float64]:
    """Great-circle distances of n uniform points of the unit sphere of this dimension."""
    points = np.random.default_rng(seed).normal(size=(n, dim + 1))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    chords = euclidean(points)
    return 2 * np.arcsin(np.minimum(chords / 2, 1))


def plane_distances(n: int, seed: int, dim: int = 2) -> NDArray[np.float64]:
    """Distances of n standard normal points of flat space."""
    return euclidean(np.random.default_rng(seed).normal(size=(n, dim)))


def hyperbolic_distances(
    n: int, seed: int, dim: int = 2, scale: float = 3.0
) -> NDArray[np.float64]:
    """Distances of n points of hyperbolic space of curvature -1, from a wrapped normal.

    Args:
        n: number of points.
        seed: of the draws.
        dim: of the space.
        scale: standard deviation, along each axis of the tangent space at the origin, that the
            points are mapped from: how far they reach out in units of the curvature's radius.
    """
    tangents = scale * np.random.default_rng(seed).normal(size=(n, dim))
    radius = np.linalg.norm(tangents, axis=1)
    directions = tangents / radius[:, None]
    # By the law of cosines in a form that keeps near points apart:
    # cosh D - 1 = cosh(r - s) - 1 + sinh r sinh s (1 - cos angle), and cosh t - 1 = 2 sinh^2(t / 2)
    r, s = radius[:, None], radius[None, :]
    half_chord = euclidean(directions) / 2  # sin of half the angle
    square = np.sinh((r - s) / 2) ** 2 + np.sinh(r) * np.sinh(s) * half_chord**2
    return 2 * np.arcsinh(np.sqrt(square))


def tree_distances(n: int, seed: int) -> NDArray[np.float64]:
    """Path lengths between the n nodes of a random recursive tree with exponential branches."""
    generator = np.random.default_rng(seed)
    d = np.zeros((n, n))
    for node in range(1, n):
        parent = generator.integers(node)
        d[node, :node] = d[:node, node] = d[parent, :node] + generator.exponential()
    return d


def euclidean(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances `(n, n)` of points `(n, d)`."""
    return np.linalg.norm(points[:, None] - points[None, :], axis=2)


CALIBRATION = {
    "sphere": sphere_distances,
    "plane": plane_distances,
    "hyperbolic plane": hyperbolic_distances,
    "tree": tree_distances,
}
