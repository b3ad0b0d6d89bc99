"""The tangent batch norm in few passes over its features, with derivatives written by hand.

Its twin in ordinary operations is `TangentBatchNorm.formula`; why there are two is said in
`lorentz_functions.py`.

Legend: B batch, C space channels, L positions; `s = sqrt(k)`. Tensors of shape (B, 1, L) are
scalars per position.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .euclidean_layers import positions
from .lorentz import asinh, safe_sqrt, sinh_cosh
from .lorentz_functions import cache_slices, per_vector, scratch_of


class TangentBatchNormReLU(torch.autograd.Function):
    """Tangent batch norm, residual, ReLU and mask.

    Per position: `r = |y| / s`, `a = asinh(r) / r`, the tangent vector `u = a y = log_o(y)`, its
    batch norm `v = weight n + bias` with `n = (u - mean) / std`, `t = |v| / s`,
    `f = sinh(min(t, max_radius)) / t`, the result `x = relu(f v + residual)` and `|x|^2`. Of all
    these only y, x and scalars per position are kept for the derivatives.
    """

    @staticmethod
    def forward(
        ctx: Any,
        y: Tensor,
        k: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor | None,
        var: Tensor | None,
        mask: Tensor | None,
        residual: Tensor | None,
        eps: float,
        max_radius: float,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Returns x `(B, C, L)`, `|x|^2 (B, 1, L)`, and the mean and variance `(C,)` used.

        `mean (C,)` and `var (C,)` are those to use; `None` for those of the batch.
        """
        ctx.of_batch, ctx.max_radius = mean is None, max_radius
        s, slices = k.sqrt(), cache_slices(y)
        r, a, t, f, squared = y.new_empty(5, y.shape[0], 1, y.shape[2]).unbind(0)
        x = torch.empty_like(y)  # holds u, n and v first

        count = positions(y, mask)
        total = y.new_zeros(y.shape[1])
        for i in slices:
            r[i] = safe_sqrt(torch.mul(y[i], y[i], out=x[i]).sum(1, keepdim=True)) / s
            torch.div(asinh(r[i]), r[i], out=a[i])
            if ctx.of_batch:
                counted = a[i] if mask is None else a[i] * mask[i]
                total += torch.mul(y[i], counted, out=x[i]).sum((0, 2))
        if ctx.of_batch:
            mean, var = total / count, torch.zeros_like(total)
            for i in slices:
                squares = torch.mul(y[i], a[i], out=x[i]).sub_(mean[:, None]).square_()
                if mask is not None:
                    squares *= mask[i]
                var += squares.sum((0, 2))
            var /= count
        inverse_std = (var + eps).rsqrt()

        scratch = scratch_of(y, slices)
        for i in slices:
            v = torch.mul(y[i], a[i], out=x[i]).sub_(mean[:, None])
            v.mul_((weight * inverse_std)[:, None]).add_(bias[:, None])
            squares = torch.mul(v, v, out=scratch[: len(v)])
            t[i] = safe_sqrt(squares.sum(1, keepdim=True)) / s
            torch.div(sinh_cosh(t[i].clamp_max(max_radius))[0], t[i], out=f[i])
            v.mul_(f[i])
            if residual is not None:
                v += residual[i]
            v.relu_()
            if mask is not None:
                v *= mask[i]
            torch.sum(torch.mul(v, v, out=squares), 1, keepdim=True, out=squared[i])

        ctx.save_for_backward(y, x, r, a, t, f, k, weight, bias, mean, inverse_std, mask)
        mean, var = mean.clone(), var.clone()
        ctx.mark_non_differentiable(mean, var)
        return x, squared, mean, var

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, gradient: Tensor, d_squared: Tensor, *_: Tensor
    ) -> tuple[Tensor | None, ...]:
        """`dt` below is the derivative of the loss by t."""
        y, x, r, a, t, f, k, weight, bias, mean, inverse_std, mask = ctx.saved_tensors
        s, slices = k.sqrt(), cache_slices(y)
        with_residual = ctx.needs_input_grad[7]

        # through |x|^2, ReLU and f v
        cosh = sinh_cosh(t.clamp_max(ctx.max_radius))[1] * (t <= ctx.max_radius)
        f_slope = (cosh - f) / t  # of f by t
        dv, df = torch.empty_like(y), torch.empty_like(f)
        dx = torch.empty_like(y) if with_residual else None
        d_weight, d_bias = torch.zeros_like(weight), torch.zeros_like(bias)
        scratch = [scratch_of(y, slices) for _ in range(3)]
        for i in slices:
            n, v, dx_i = [one[: len(y[i])] for one in scratch]
            if dx is not None:
                dx_i = dx[i]
            torch.ops.aten.threshold_backward.grad_input(gradient[i], x[i], 0, grad_input=dx_i)
            dx_i.addcmul_(x[i], d_squared[i], value=2)  # nothing where the ReLU gave 0
            torch.mul(y[i], a[i], out=n).sub_(mean[:, None]).mul_(inverse_std[:, None])
            torch.mul(n, weight[:, None], out=v).add_(bias[:, None])
            torch.sum(torch.mul(dx_i, v, out=dv[i]), 1, keepdim=True, out=df[i])
            torch.mul(dx_i, f[i], out=dv[i])
            dv[i].addcmul_(v, per_vector(df[i] * f_slope[i], t[i], s))
            d_bias += dv[i].sum((0, 2))
            d_weight += n.mul_(dv[i]).sum((0, 2))
        d_s = -(df * f_slope * t).sum() / s

        # through the batch norm, n = (u - mean) / std, and its statistics
        count = positions(y, mask)
        factor = (weight * inverse_std)[:, None]
        a_slope = ((1 + r * r).rsqrt() - a) / r  # of a by r
        da = torch.empty_like(a)
        for i in slices:
            du = dv[i].mul_(factor)
            n, product = [one[: len(du)] for one in scratch[:2]]
            if ctx.of_batch:
                torch.mul(y[i], a[i], out=n).sub_(mean[:, None])
                n.mul_((inverse_std * d_weight)[:, None]).add_(d_bias[:, None])
                n.mul_(factor / count)
                du.sub_(n if mask is None else n.mul_(mask[i]))
            torch.sum(torch.mul(du, y[i], out=product), 1, keepdim=True, out=da[i])
            du.mul_(a[i]).addcmul_(y[i], per_vector(da[i] * a_slope[i], r[i], s))
        d_s -= (da * a_slope * r).sum() / s
        return (
            dv,
            d_s / (2 * s),
            d_weight,
            d_bias,
            *(None, None, None),
            dx,
            *(None, None),
        )
