"""Lorentz-model geometry on space components (HGE, arXiv 2507.21648; Nickel & Kiela 2018).

A point of the hyperboloid `L_k = {x : <x, x>_L = -x_0^2 + |x_s|^2 = -k, x_0 > 0}` is carried by its
space components `x_s` alone, along dimension `dim`; the time component `x_0 = sqrt(k + |x_s|^2)` is
recomputed where it is needed, so no tensor can leave the hyperboloid and nothing has to be
projected back. `k` is geoopt's (sectional curvature `-1/k`); the papers write K. The origin is
`o = (sqrt(k), 0)`. Tangent vectors at the origin have no time component and are carried by their
space components too.

Legend: `s = sqrt(k)`; `v` tangent at the origin; `d` geodesic distance to the origin.
All functions are smooth at the origin, with finite gradients there, and keep the dtype they are
given; float32 is the least precision meant.
"""

import torch
from torch import Tensor

MAX_RADIUS = 10.0  # largest |v|/sqrt(k) of an exponential map; as in the official code


def squared_norm(x: Tensor, *, dim: int = 1) -> Tensor:
    """`|x|^2` along `dim`, kept as a dimension of size 1."""
    return (x * x).sum(dim, keepdim=True)


def time_component(x: Tensor, squared: Tensor | None = None, *, k: Tensor, dim: int = 1) -> Tensor:
    """`x_0 = sqrt(k + |x_s|^2)`, with `dim` kept as a dimension of size 1.

    `squared` is `|x_s|^2` where it is known already.
    """
    return (k + (squared_norm(x, dim=dim) if squared is None else squared)).sqrt()


def add_time(x: Tensor, squared: Tensor | None = None, *, k: Tensor, dim: int = 1) -> Tensor:
    """The full point `(x_0, x_s)`: one component more along `dim`, time first, as geoopt has it."""
    return torch.cat([time_component(x, squared, k=k, dim=dim), x], dim)


def inner0(x: Tensor, y: Tensor, *, k: Tensor, dim: int = 1) -> Tensor:
    """Minkowski inner product `<x, y>_L = -x_0 y_0 + x_s . y_s` of two points."""
    return (x * y).sum(dim, keepdim=True) - time_component(x, k=k, dim=dim) * time_component(
        y, k=k, dim=dim
    )


def safe_sqrt(x: Tensor) -> Tensor:
    """Square root of `x >= 0` whose gradient at 0 is 0 instead of infinite.

    What lies under the root here is a squared norm `|x|^2`. Every function built on it is even and
    smooth in `|x|`, so the true gradient at the origin passes through the direction, not the norm.
    """
    return x.clamp_min(TINY[x.dtype]).sqrt()


# smallest squared norm told apart from 0: its root and its inverse stay normal numbers
TINY = {torch.float32: 1e-30, torch.float64: 1e-200}


def asinh(x: Tensor) -> Tensor:
    """`asinh(x)` for `x >= 0`, accurate near 0; on a CPU far faster than `torch.asinh`."""
    return torch.log1p(x + x * x / (1 + (1 + x * x).sqrt()))


def sinh_cosh(u: Tensor) -> tuple[Tensor, Tensor]:
    """`sinh(u)` and `cosh(u)`, accurate near 0 and for either sign."""
    e, inverse = torch.expm1(u), -torch.expm1(-u)
    return (e + inverse) / 2, 1 + (e - inverse) / 2


def distance0(x: Tensor, *, k: Tensor, dim: int = 1) -> Tensor:
    """Geodesic distance to the origin, `d = s asinh(|x_s| / s)`."""
    s = k.sqrt()
    return s * asinh(safe_sqrt(squared_norm(x, dim=dim)) / s)


def logmap0(x: Tensor, *, k: Tensor, dim: int = 1) -> Tensor:
    """Tangent vector at the origin that points to `x`: `v = d x_s / |x_s|`."""
    norm = safe_sqrt(squared_norm(x, dim=dim))
    s = k.sqrt()
    return s * asinh(norm / s) / norm * x


def expmap0(v: Tensor, *, k: Tensor, dim: int = 1, max_radius: float = MAX_RADIUS) -> Tensor:
    """End of the geodesic from the origin along `v`: `x_s = s sinh(|v| / s) v / |v|`.

    `|v| / s` is clamped to `max_radius`; the direction is kept.
    """
    norm = safe_sqrt(squared_norm(v, dim=dim))
    s = k.sqrt()
    sinh, _ = sinh_cosh((norm / s).clamp_max(max_radius))
    return s * sinh / norm * v


def boost_to_origin(x: Tensor, m: Tensor, *, k: Tensor, dim: int = 1) -> Tensor:
    """The isometry that takes the point `m` to the origin, applied to `x`.

    `z = x_s - m_s (x_0 - m_s . x_s / (s + m_0)) / s`, the parallel transport of `log_m(x)` to the
    origin seen as a point: `log_o(z) = PT_{m -> o}(log_m(x))`.
    """
    s, m0 = k.sqrt(), time_component(m, k=k, dim=dim)
    inner = (m * x).sum(dim, keepdim=True)
    return x - m * ((time_component(x, k=k, dim=dim) - inner / (s + m0)) / s)


def boost_from_origin(x: Tensor, m: Tensor, *, k: Tensor, dim: int = 1) -> Tensor:
    """The inverse of [`boost_to_origin`]: `exp_m(PT_{o -> m}(v))` of the point `x = exp_o(v)`."""
    return boost_to_origin(x, -m, k=k, dim=dim)


def normalize_time_like(x: Tensor, x0: Tensor, *, k: Tensor, dim: int = 1) -> Tensor:
    """Scales a time-like vector `(x_0, x_s)` back to the hyperboloid: `s x / sqrt(-<x, x>_L)`.

    For an average of points `-<x, x>_L >= k` holds; rounding may break it for points that are equal
    or far out, so the value is kept there while the gradient stays that of the formula. In float32
    the difference of squares loses its digits at radius 8 sqrt(k) and more: the direction is right
    there, but the result may lie too near to the origin (as in the official code).
    """
    square = x0 * x0 - squared_norm(x, dim=dim)
    # k itself, for a sum of k and what rounding left would be 0 where that is far larger than k
    square = torch.where(square >= k, square, k.detach() + (square - square.detach()))
    return x * (k / square).sqrt()


def centroid(
    x: Tensor,
    weights: Tensor | None = None,
    squared: Tensor | None = None,
    *,
    k: Tensor,
    dim: int,
    over: int,
) -> Tensor:
    """Lorentz centroid of the points along dimension `over` (Law et al. 2019, eq. 9).

    `s a / sqrt(-<a, a>_L)` with `a` the (weighted) average of the points: the closed form that
    minimises the squared Lorentzian distance, not the Frechet mean.

    Args:
        x: points, space components along `dim`.
        weights: broadcastable to `x` with `dim` of size 1; `None`, or all 0 along `over`, for equal
            weights.
        squared: `|x_s|^2` where it is known already.
        over: the dimension that is averaged away.
    """
    x0 = time_component(x, squared, k=k, dim=dim)
    if weights is None:
        mean, mean0 = x.mean(over, keepdim=True), x0.mean(over, keepdim=True)
    else:
        total = weights.sum(over, keepdim=True)
        weights = torch.where(total > 0, weights, 1)
        weights = weights / weights.sum(over, keepdim=True)
        mean = (weights * x).sum(over, keepdim=True)
        mean0 = (weights * x0).sum(over, keepdim=True)
    return normalize_time_like(mean, mean0, k=k, dim=dim).squeeze(over)


def change_curvature(
    x: Tensor, *, k: Tensor, new_k: Tensor, dim: int = 1, max_radius: float = MAX_RADIUS
) -> Tensor:
    """Moves points of `L_k` to `L_new_k`: `exp_o^{new_k}(log_o^{k}(x))`.

    Distances to the origin are kept, up to `max_radius * sqrt(new_k)`.
    """
    return x * change_curvature_scale(
        squared_norm(x, dim=dim), k=k, new_k=new_k, max_radius=max_radius
    )


def change_curvature_scale(
    squared: Tensor, *, k: Tensor, new_k: Tensor, max_radius: float = MAX_RADIUS
) -> Tensor:
    """The factor by which [`change_curvature`] stretches a point with `|x_s|^2 = squared`."""
    norm = safe_sqrt(squared)
    s, new_s = k.sqrt(), new_k.sqrt()
    sinh, _ = sinh_cosh((s * asinh(norm / s) / new_s).clamp_max(max_radius))
    return new_s * sinh / norm
