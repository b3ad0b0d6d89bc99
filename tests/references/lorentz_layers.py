"""Slow twins of the Lorentz layers: full points (time first, last dimension), geoopt, loops.

Written from the papers (Chen et al. 2022; Bdeir et al. 2024; HGE, arXiv 2507.21648), not from our
layers: nothing here uses a boost, a closed form of the batch norm, or a convolution.

Legend: B batch, L positions, n space components, K kernel size, N classes.
"""

import warnings

import torch
from torch import Tensor

with warnings.catch_warnings():
    # geoopt 0.5.1 compiles its maps with torch.jit.script, which torch calls deprecated
    warnings.simplefilter("ignore")
    import geoopt


def lorentz(k: Tensor) -> geoopt.Lorentz:
    """geoopt's manifold with a curvature through which gradients flow."""
    manifold = geoopt.Lorentz(k=k.detach().clone())
    del manifold.k
    manifold.k = k
    return manifold


def lift(space: Tensor, k: Tensor) -> Tensor:
    """The point `(..., n + 1)` with the given space components `(..., n)`."""
    return torch.cat([(k + space.square().sum(-1, keepdim=True)).sqrt(), space], -1)


def minkowski(x: Tensor, y: Tensor) -> Tensor:
    """`<x, y>_L`, last dimension dropped."""
    return -x[..., 0] * y[..., 0] + (x[..., 1:] * y[..., 1:]).sum(-1)


def clamp_norm(v: Tensor, largest: Tensor) -> Tensor:
    """Tangent vectors at the origin `(..., n + 1)`, shortened to the norm `largest`."""
    norm = v.norm(dim=-1, keepdim=True)
    return torch.where(norm > largest, v * (largest / norm.clamp_min(1e-300)), v)


def expmap0(v: Tensor, k: Tensor, max_radius: float = 10.0) -> Tensor:
    """geoopt's `expmap0` of a tangent vector `(..., n + 1)`, clamped as in the official code."""
    return lorentz(k).expmap0(clamp_norm(v, max_radius * k.sqrt()))


def change_curvature(x: Tensor, k: Tensor, new_k: Tensor, max_radius: float = 10.0) -> Tensor:
    """Points `(..., n + 1)` of `L_k` to `L_new_k` with the same tangent vector at the origin."""
    return expmap0(lorentz(k).logmap0(x), new_k, max_radius)


def centroid(points: list[Tensor], k: Tensor, weights: list[float] | None = None) -> Tensor:
    """Lorentz centroid of points `(n + 1,)`: the normalised weighted sum."""
    weights = [1.0] * len(points) if weights is None else weights
    total = sum((w * x for w, x in zip(weights, points, strict=True)), torch.zeros_like(points[0]))
    return k.sqrt() * total / (-minkowski(total, total)).sqrt()


def direct_concatenation(points: list[Tensor], k: Tensor) -> Tensor:
    """One point from `count` of them: all space parts; `t^2 = sum t_i^2 - (count - 1) k`."""
    time = (sum(x[0] ** 2 for x in points) - (len(points) - 1) * k).sqrt()
    return torch.cat([time[None], *(x[1:] for x in points)])


def linear(x: Tensor, weight: Tensor, bias: Tensor, k: Tensor) -> Tensor:
    """Lorentz linear layer: point `(n + 1,)` and weight `(m, n + 1)` to a point `(m + 1,)`."""
    return lift(weight @ x + bias, k)


def conv(x: Tensor, weight: Tensor, bias: Tensor, k: Tensor) -> Tensor:
    """Lorentz convolution of full points `(B, L, n + 1)` that keeps the length.

    `weight (m, 1 + K n)`: the time component first, then the space components of the first point
    of the window, of the second, and so on.
    """
    B, L, width = x.shape
    K = (weight.shape[1] - 1) // (width - 1)
    origin = lift(x.new_zeros(width - 1), k)
    rows = []
    for b in range(B):
        padded = [origin] * (K // 2) + list(x[b]) + [origin] * (K // 2)
        for i in range(L):
            window = direct_concatenation(padded[i : i + K], k)
            rows.append(linear(window, weight, bias, k))
    return torch.stack(rows).unflatten(0, (B, L))


def batch_mean_and_spread(y: Tensor, k: Tensor, counted: list[list[bool]]) -> tuple[Tensor, Tensor]:
    """Two-stage centroid `(n + 1,)` and mean distance to it, of the positions that count."""
    sequences = [
        [point for point, counts in zip(row, flags, strict=True) if counts]
        for row, flags in zip(y, counted, strict=True)
    ]
    sequences = [points for points in sequences if points]
    mean = centroid([centroid(points, k) for points in sequences], k)
    distances = [lorentz(k).dist(mean, point) for points in sequences for point in points]
    return mean, torch.stack(distances).mean()


def batch_norm(
    y: Tensor,
    k: Tensor,
    *,
    mean: Tensor,
    spread: Tensor,
    beta: Tensor,
    gamma: Tensor,
    eps: float,
    max_radius: float,
) -> Tensor:
    """Full points `(B, L, n + 1)` through log, transport, scaling, transport and exp."""
    manifold = lorentz(k)
    v = manifold.transp0back(mean, manifold.logmap(mean, y))
    v = clamp_norm(v * gamma / (spread + eps), max_radius * k.sqrt())
    return manifold.expmap(beta, manifold.transp0(beta, v))


def running_statistics(
    old_mean: Tensor, old_var: Tensor, mean: Tensor, spread: Tensor, k: Tensor, momentum: float
) -> tuple[Tensor, Tensor]:
    """Next running mean and spread from points `old_mean`, `mean (n + 1,)`.

    The next mean is given as it is stored: a tangent vector at the origin, `(n + 1,)`.
    """
    weights = [1 - momentum, momentum]
    point = centroid([old_mean, mean], k, weights)
    return lorentz(k).logmap0(point), weights[0] * old_var + weights[1] * spread


def relu(x: Tensor, k: Tensor, residual: Tensor | None = None) -> Tensor:
    """ReLU on the space components of full points, after those of `residual` are added."""
    space = x[..., 1:] if residual is None else x[..., 1:] + residual[..., 1:]
    return lift(space.clamp_min(0), k)


def mlr_logit(x: Tensor, a: Tensor, z: Tensor, k: Tensor) -> Tensor:
    """`|z|` times the signed distance of `x (n + 1,)` to the hyperplane of `a` (scalar), `z (n,)`.

    The hyperplane is all points Minkowski-orthogonal to
    `w = (sinh(a/s) |z|, cosh(a/s) z)`; the distance to it is half the distance to the mirror image.
    """
    s, z_norm = k.sqrt(), z.norm()
    w = torch.cat([(torch.sinh(a / s) * z_norm)[None], torch.cosh(a / s) * z])
    side = minkowski(w, x)
    mirrored = x - 2 * side / minkowski(w, w) * w
    return z_norm * torch.sign(side) * lorentz(k).dist(x, mirrored) / 2
