"""Passes over all features with derivatives written by hand, for speed and memory in eager mode.

Each function here equals a line or two of ordinary autograd code (its twin, which compiled code and
the tests use) and exists because the operations are bound by memory traffic: autograd would read
and write the features several times over and keep the intermediate ones. Per layer only what a
Euclidean network keeps is kept, plus a few scalars per position.

Legend: B batch, C space channels, L positions; `s = sqrt(k)`. Tensors of shape (B, 1, L) are
scalars per position; the rest of the letters are those of `lorentz_batch_norm.py`.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .lorentz import TINY, asinh, normalize_time_like, sinh_cosh, time_component

# Features are worked on in slices of the batch, which bounds the memory of intermediate results.
SLICE_ELEMENTS = 1 << 22
# The same for passes that read a slice again and again: on a CPU it stays in the cache.
CACHE_ELEMENTS = 1 << 18


def batch_slices(features: Tensor, elements: int | None = None) -> Iterator[slice]:
    """Slices of dimension 0 of at most `elements`, or of one sequence."""
    batch = features.shape[0]
    size = max(1, (elements or SLICE_ELEMENTS) // max(1, features[0].numel()))
    return (slice(start, start + size) for start in range(0, batch, size))


def cache_slices(features: Tensor) -> list[slice]:
    """Slices of `CACHE_ELEMENTS`; not on a GPU, where every slice costs a launch of each kernel."""
    on_cpu = features.device.type == "cpu"
    return list(batch_slices(features, CACHE_ELEMENTS if on_cpu else SLICE_ELEMENTS))


def scratch_of(features: Tensor, slices: list[slice]) -> Tensor:
    """Room for the product of a slice: to ask the system for it anew each time costs more."""
    return torch.empty_like(features[slices[0]])


def per_vector(slope: Tensor, r: Tensor, s: Tensor) -> Tensor:
    """What x is multiplied by in the derivative by x, from the derivative by `r = |x| / s`.

    0 where the norm was too small to tell.
    """
    return torch.where(r * s > TINY[r.dtype] ** 0.5, slope / (r * s * s), 0)


def inner(v: Tensor, features: Tensor) -> Tensor:
    """`<v_n, x>` at every position: `v (N, C)` and `(B, C, L)` to `(B, N, L)`."""
    return torch.bmm(v.expand(features.shape[0], *v.shape), features)


def outer_sum(features: Tensor, weights: Tensor) -> Tensor:
    """`sum_{b, l} x w_n`: `(B, C, L)` and `weights (B, N, L)` to `(N, C)`."""
    return torch.bmm(weights, features.transpose(1, 2)).sum(0)


class AddRankOne(torch.autograd.Function):
    """`y + w t`: features `(B, C, L)`, weights `(C,)`, scalars `t (B, 1, L)`."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, w: Tensor, t: Tensor) -> Tensor:
        ctx.save_for_backward(w, t)
        return torch.addcmul(y, w[:, None], t)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        w, t = ctx.saved_tensors
        return gradient, outer_sum(gradient, t)[0], inner(w[None], gradient)


class BatchNormReLU(torch.autograd.Function):
    """Lorentz batch norm, residual, ReLU and mask; the twin is `LorentzBatchNorm.formula`.

    With the centroid m and the spread of the batch, per position: `y_0`, `p = <m, y>`,
    `g = (y_0 - p / (s + m_0)) / s`, the centred point `z = y - g m`, `r = |z| / s`, `a = asinh(r)`,
    `u = clamp(gamma a / (spread + eps))`, `f = sinh(u) / r`, `q = <beta, z>`,
    `h = cosh(u) + f q / (s (s + beta_0))`, the result `x = relu(f z + h beta + residual)` and
    `|x|^2`.
    """

    @staticmethod
    def forward(
        ctx: Any,
        y: Tensor,
        k: Tensor,
        gamma: Tensor,
        beta: Tensor,
        mean: Tensor | None,
        spread: Tensor | None,
        mask: Tensor | None,
        residual: Tensor | None,
        eps: float,
        max_radius: float,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Returns x `(B, C, L)`, `|x|^2 (B, 1, L)`, and the centroid `(C,)` and spread `(1,)` used.

        `mean (C,)` and `spread (1,)` are those to use; `None` for those of the batch.
        """
        ctx.of_batch, ctx.eps, ctx.max_radius = mean is None, eps, max_radius
        s, slices = k.sqrt(), list(batch_slices(y))
        weights = None if mask is None else sequence_weights(mask)
        y0, p, g, r, q, squared = y.new_empty(6, y.shape[0], 1, y.shape[2]).unbind(0)
        average = y.new_empty(y.shape[:2])
        for i in slices:
            torch.sum(y[i] * y[i], 1, keepdim=True, out=y0[i])
            if ctx.of_batch:
                average[i] = (
                    y[i].mean(2)
                    if weights is None
                    else torch.bmm(y[i], weights[i].transpose(1, 2)).squeeze(2)
                )
        y0.add_(k).sqrt_()
        average0 = y0.mean(2) if weights is None else (y0 * weights).sum(2)
        if ctx.of_batch:
            mean = centroid_of_centroids(average, average0, mask, k)
        mean0 = (k + mean @ mean).sqrt()

        x = torch.empty_like(y)  # holds z first
        for i in slices:
            p[i] = inner(mean[None], y[i])
            g[i] = (y0[i] - p[i] / (s + mean0)) / s
            z = torch.addcmul(y[i], mean[:, None], g[i], value=-1, out=x[i])
            torch.sum(z * z, 1, keepdim=True, out=r[i])
            q[i] = inner(beta[None], z)
        r.clamp_min_(TINY[y.dtype]).sqrt_().div_(s)
        a = asinh(r)
        if ctx.of_batch:
            spread = (s * position_mean(a, mask)).reshape(1)
        u = (gamma / (spread + eps) * a).clamp_(-max_radius, max_radius)
        sinh, cosh = sinh_cosh(u)
        f = sinh / r
        h = cosh + f * q / (s * (s + (k + beta @ beta).sqrt()))
        for i in slices:
            x[i].mul_(f[i]).addcmul_(beta[:, None], h[i])
            if residual is not None:
                x[i] += residual[i]
            x[i].relu_()
            if mask is not None:
                x[i] *= mask[i]
            torch.sum(x[i] * x[i], 1, keepdim=True, out=squared[i])

        ctx.save_for_backward(
            y, x, y0, p, g, r, a, q, k, gamma, beta, mean, spread, average, average0, mask
        )
        mean, spread = mean.clone(), spread.clone()
        ctx.mark_non_differentiable(mean, spread)
        return x, squared, mean, spread

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, gradient: Tensor, d_squared: Tensor, *_: Tensor
    ) -> tuple[Tensor | None, ...]:
        """`dt` below is the derivative of the loss by t."""
        y, x, y0, p, g, r, a, q, k, gamma, beta, mean, spread, average, average0, mask = (
            ctx.saved_tensors
        )
        s, slices = k.sqrt(), list(batch_slices(y))
        mean0, beta0 = (k + mean @ mean).sqrt(), (k + beta @ beta).sqrt()
        kappa = gamma / (spread + ctx.eps)
        scaled = kappa * a
        u = scaled.clamp(-ctx.max_radius, ctx.max_radius)
        sinh, cosh = sinh_cosh(u)
        f = sinh / r
        c_mean, c_beta = 1 / (s * (s + mean0)), 1 / (s * (s + beta0))
        h = cosh + f * q * c_beta

        # through |x|^2, ReLU and f z + h beta
        dx = torch.empty_like(x)
        to_vectors = torch.stack([beta, mean])
        d_beta_h, d_mean_g = beta.new_zeros(2, *beta.shape).unbind(0)
        dh, df, mean_dx = torch.empty_like(y0), torch.empty_like(y0), torch.empty_like(y0)
        for i in slices:
            torch.ops.aten.threshold_backward.grad_input(gradient[i], x[i], 0, grad_input=dx[i])
            dx[i].addcmul_(x[i], d_squared[i], value=2)  # nothing where the ReLU gave 0
            dh[i], mean_dx[i] = inner(to_vectors, dx[i]).unsqueeze(2).unbind(1)
            torch.sum(dx[i] * y[i], 1, keepdim=True, out=df[i])
            columns = outer_sum(dx[i], torch.cat([h[i], f[i] * g[i]], 1))
            d_beta_h += columns[0]
            d_mean_g -= columns[1]
        df -= g * mean_dx  # <z, dx>
        df += dh * q * c_beta
        dq = dh * f * c_beta
        d_c_beta = (dh * f * q).sum()

        # through the radius
        du = (df / r * cosh + dh * sinh) * (scaled == u)
        da, d_kappa = du * kappa, (du * a).sum()
        d_gamma = d_kappa / (spread + ctx.eps)
        d_spread = -d_gamma * kappa
        d_s = torch.zeros_like(k)
        if ctx.of_batch:
            da += position_weights(a, mask) * (s * d_spread)
            d_s += (d_spread * spread / s).sum()
        dr = da / (1 + r * r).sqrt() - df * f / r
        d_s -= (dr * r).sum() / s
        dz_z = per_vector(dr, r, s)

        # through z = y - g m; <m, z> = p - g |m|^2
        mean_beta, mean_mean = mean @ beta, mean @ mean
        dg = -(f * mean_dx + mean_beta * dq + dz_z * (p - g * mean_mean))
        dy0, dp = dg / s, -dg * c_mean
        d_c_mean = -(dg * p).sum()
        d_s -= (dg * y0).sum() / (s * s)
        d_s -= d_c_mean * c_mean**2 * (2 * s + mean0) + d_c_beta * c_beta**2 * (2 * s + beta0)
        d_mean0, d_beta0 = -d_c_mean * c_mean**2 * s, -d_c_beta * c_beta**2 * s
        d_beta = d_beta_h + d_beta0 * beta / beta0 - (dq * g).sum() * mean
        d_mean = (
            d_mean_g + d_mean0 * mean / mean0 - (g * dq).sum() * beta + (dz_z * g * g).sum() * mean
        )
        rows = torch.cat([dq, dp - dz_z * g], 1)
        for i in slices:
            columns = outer_sum(y[i], rows[i])
            d_beta += columns[0]
            d_mean += columns[1]
        d_k = d_mean0 / (2 * mean0) + d_beta0 / (2 * beta0)

        # through the centroid
        terms = [beta.expand_as(average), mean.expand_as(average)]
        if ctx.of_batch:
            d_average, d_average0, d_k_centroid = centroid_gradient(
                average, average0, mask, k, d_mean
            )
            d_k = d_k + d_k_centroid
            weights = y0.new_full((), 1 / y.shape[2]) if mask is None else sequence_weights(mask)
            dy0 += d_average0[:, :, None] * weights
            terms.append(d_average)
            rows = torch.cat([rows, weights.expand_as(y0)], 1)
        slope = dy0 / y0
        d_k = d_k + slope.sum() / 2 + d_s / (2 * s)
        left = torch.stack(terms, 2)  # (B, C, 2 or 3)
        dy = torch.empty_like(dx) if ctx.needs_input_grad[7] else dx
        for i in slices:
            torch.mul(dx[i], f[i], out=dy[i])
            dy[i].addcmul_(y[i], dz_z[i] + slope[i]).baddbmm_(left[i], rows[i])
        return (
            dy,
            d_k,
            d_gamma.reshape_as(gamma),
            d_beta,
            None if ctx.of_batch else d_mean,
            None if ctx.of_batch else d_spread.reshape_as(spread),
            None,
            dx if ctx.needs_input_grad[7] else None,
            None,
            None,
        )


def sequence_weights(mask: Tensor) -> Tensor:
    """Weights `(B, 1, L)` of the positions in the centroid of their sequence."""
    return mask / mask.sum(2, keepdim=True).clamp_min(1)


def position_weights(values: Tensor, mask: Tensor | None) -> Tensor:
    """Weights of the positions `(B, 1, L)` in a mean over the whole batch."""
    if mask is None:
        return values.new_full((), 1 / values.numel())
    return mask / mask.sum().clamp_min(1)


def position_mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of `values (B, 1, L)` over the positions that count."""
    return values.mean() if mask is None else (values * position_weights(values, mask)).sum()


def centroid_of_centroids(
    average: Tensor, average0: Tensor, mask: Tensor | None, k: Tensor
) -> Tensor:
    """Centroid `(C,)` of the centroids of the sequences, from averages over their positions.

    Args:
        average, average0: space `(B, C)` and time components `(B, 1)`, averaged.
        mask: `(B, 1, L)`; a sequence of padding alone does not count.
        k: curvature.
    """
    points = normalize_time_like(average, average0, k=k)
    points0 = time_component(points, k=k)
    if mask is None:
        mean, mean0 = points.mean(0), points0.mean(0)
    else:
        present = (mask.sum(2) > 0).to(points.dtype)
        present = present / present.sum().clamp_min(1)
        mean, mean0 = (present * points).sum(0), (present * points0).sum(0)
    return normalize_time_like(mean, mean0, k=k, dim=0)


def centroid_gradient(
    average: Tensor, average0: Tensor, mask: Tensor | None, k: Tensor, d_mean: Tensor
) -> tuple[Tensor, ...]:
    """Gradients of `average`, `average0` and `k` from the centroid's: few numbers, so autograd."""
    inputs = [t.detach().requires_grad_() for t in (average, average0, k)]
    with torch.enable_grad():
        mean = centroid_of_centroids(inputs[0], inputs[1], mask, inputs[2])
    return torch.autograd.grad(mean, inputs, d_mean)
