"""Norm, GELU and convolution in the symmetric basis as one function that keeps only its input.

Autograd would keep the normalised and the activated features for the backward pass; here they are
computed again from the input, some rows at a time, so that what is computed element by element
stays in the cache of a processor between the products.

Legend: N rows (positions of all sequences), C channels (I in, O out), h = I/2, K taps. Features are
a pair of tensors, s and a (see `reverse_complement.py`).
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from .products import product, product_over_rows
from .reverse_complement import SQRT_HALF, fold_taps, unfold_taps_

# Numbers in a piece of the features of s: on a processor 2 MiB of float32 for each thread,
# which its caches hold; elsewhere so many that the pieces take little memory.
CPU_PIECE = 2**19
PIECE = 2**26


class NormGeluConv(torch.autograd.Function):
    """Layer norm, exact GELU, equivariant convolution of features `(B, L, I/2)` twice.

    Called with s, a, scale and shift `(I,)` in pairs, the weights of s, the bias of s, the weights
    of a, then eps, K, the dilation and the dtype of the products. Returns s and a
    `(B, L - (K - 1) * dilation, O/2)`.
    """

    @staticmethod
    def forward(
        ctx: Any,
        s: Tensor,
        a: Tensor,
        scale: Tensor,
        shift: Tensor,
        symmetric: Tensor,
        bias: Tensor | None,
        antisymmetric: Tensor,
        eps: float,
        kernel_size: int,
        dilation: int,
        dtype: torch.dtype,
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(s, a, scale, shift, symmetric, antisymmetric)
        ctx.has_bias = bias is not None
        ctx.options = eps, kernel_size, dilation, dtype
        halves = (
            (symmetric.to(dtype), None if bias is None else bias.to(dtype)),
            (antisymmetric.to(dtype), None),
        )
        margin = (kernel_size - 1) * dilation
        shape = (s.shape[0], s.shape[1] - margin, symmetric.shape[0])
        p = activated(s, a, scale, shift, eps, dtype)
        if kernel_size == 1:
            y = [product(x.flatten(0, 1), *half) for x, half in zip(p, halves, strict=True)]
            return y[0].view(shape), y[1].view(shape)
        out = p[0].new_empty(shape), p[1].new_empty(shape)
        for rows, columns in pieces(s.device, shape, s.shape[2] * kernel_size):
            here = (rows, slice(columns.start, columns.stop + margin))
            features = fold_taps(p[0][here], p[1][here], kernel_size=kernel_size, dilation=dilation)
            for part, x, half in zip(out, features, halves, strict=True):
                part[rows, columns] = product(x.flatten(0, 1), *half).view(*x.shape[:2], -1)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *dy: Tensor) -> tuple[Tensor | None, ...]:
        s, a, scale, shift, *parameters = ctx.saved_tensors
        eps, kernel_size, dilation, dtype = ctx.options
        weights = [weight.to(dtype).t() for weight in parameters]
        exact = torch.promote_types(dtype, torch.float32)
        d_weights = [
            torch.zeros_like(weight, dtype=exact) if needed else None
            for weight, needed in zip(parameters, ctx.needs_input_grad[4:7:2], strict=True)
        ]
        d_affine = [torch.zeros_like(scale, dtype=exact), torch.zeros_like(shift, dtype=exact)]
        dx = torch.empty_like(s), torch.empty_like(a)
        margin = (kernel_size - 1) * dilation
        dp: tuple[Tensor, ...] = ()
        p: tuple[Tensor, ...] = ()
        if kernel_size > 1:
            p = activated(s, a, scale, shift, eps, dtype)
            dp = torch.zeros_like(p[0]), torch.zeros_like(p[1])
        for rows, columns in pieces(s.device, dy[0].shape, s.shape[2] * kernel_size):
            here = (rows, slice(columns.start, columns.stop + margin))
            if kernel_size > 1:
                features = fold_taps(
                    p[0][here], p[1][here], kernel_size=kernel_size, dilation=dilation
                )
            else:
                norm = Normalised(s[here], a[here], scale, shift, eps)
                features = (
                    torch.empty_like(s[here], dtype=dtype),
                    torch.empty_like(a[here], dtype=dtype),
                )
                norm.activate(*features)
            d_features = []
            for x, weight, d_weight, d_out in zip(features, weights, d_weights, dy, strict=True):
                flat = d_out[rows, columns].flatten(0, 1)
                if d_weight is not None:
                    d_weight += product_over_rows(flat, x.flatten(0, 1))
                d_features.append(product(flat, weight).view_as(x))
            if kernel_size > 1:
                unfold_taps_(
                    dp[0][here],
                    dp[1][here],
                    (d_features[0], d_features[1]),
                    kernel_size=kernel_size,
                    dilation=dilation,
                )
            else:
                norm.backward(*d_features, dx[0][here], dx[1][here], d_affine)
        if kernel_size > 1:
            for here in pieces(s.device, s.shape, 2 * s.shape[2]):
                norm = Normalised(s[here], a[here], scale, shift, eps)
                norm.backward(dp[0][here], dp[1][here], dx[0][here], dx[1][here], d_affine)
        d_bias = dy[0].sum((0, 1)) if ctx.has_bias and ctx.needs_input_grad[5] else None
        d_scale, d_shift = (d.to(scale.dtype) for d in d_affine)
        d_symmetric, d_antisymmetric = (
            None if d is None else d.to(weight.dtype)
            for d, weight in zip(d_weights, parameters, strict=True)
        )
        gradients = *dx, d_scale, d_shift, d_symmetric, d_bias, d_antisymmetric
        return *gradients, None, None, None, None


def pieces(device: torch.device, shape: Sequence[int], width: int) -> Iterator[tuple[slice, slice]]:
    """Sequences and positions of `(B, L, ...)`, in pieces of rows of `width` numbers each."""
    batch, length = shape[:2]
    numbers = CPU_PIECE * torch.get_num_threads() if device.type == "cpu" else PIECE
    rows = max(1, numbers // width)
    sequences = max(1, rows // max(1, length))
    for i in range(0, batch, sequences):
        for j in range(0, length, rows):
            yield slice(i, min(i + sequences, batch)), slice(j, min(j + rows, length))


class Normalised:
    """A piece of features after layer norm, in pairs, and its derivatives.

    Args:
        s: `(b, l, h)`, and `a` of the same shape.
        scale: `(2 * h,)` in pairs, and `shift` of the same shape.
        eps: added to the variance.
    """

    def __init__(self, s: Tensor, a: Tensor, scale: Tensor, shift: Tensor, eps: float):
        # sqrt(2) times the channels in pairs, so eps counts twice
        self.x = joined_butterfly(s.to(scale.dtype), a.to(scale.dtype))
        self.affine = scale, shift
        self.shape = (2 * s.shape[2],)
        self.z, self.mean, self.inverse = torch.native_layer_norm(
            self.x, self.shape, scale, shift, 2 * eps
        )

    def activate(self, s: Tensor, a: Tensor) -> None:
        """Writes the exact GELU, in the symmetric basis, into s and a `(b, l, h)`."""
        split_butterfly(F.gelu(self.z).mul_(SQRT_HALF), s, a)

    def backward(
        self, ds: Tensor, da: Tensor, out_s: Tensor, out_a: Tensor, d_affine: list[Tensor]
    ) -> None:
        """Writes the derivatives of the input into `out_s` and `out_a`, adds to `d_affine`."""
        dz = joined_butterfly(ds.to(self.z.dtype), da.to(self.z.dtype)).mul_(SQRT_HALF)
        dz = torch.ops.aten.gelu_backward(dz, self.z)
        dx, d_scale, d_shift = torch.ops.aten.native_layer_norm_backward(
            dz, self.x, self.shape, self.mean, self.inverse, *self.affine, [True, True, True]
        )
        split_butterfly(dx, out_s, out_a)
        d_affine[0] += d_scale
        d_affine[1] += d_shift


def joined_butterfly(s: Tensor, a: Tensor) -> Tensor:
    """`[s + a, s - a]`, side by side."""
    x = s.new_empty(*s.shape[:-1], 2 * s.shape[-1])
    u, v = x.chunk(2, -1)
    torch.add(s, a, out=u)
    torch.sub(s, a, out=v)
    return x


def split_butterfly(x: Tensor, s: Tensor, a: Tensor) -> None:
    """Writes `u + v` and `u - v` of `[u, v]` into s and a."""
    u, v = x.chunk(2, -1)
    torch.add(u, v, out=s)
    torch.sub(u, v, out=a)


def activated(
    s: Tensor, a: Tensor, scale: Tensor, shift: Tensor, eps: float, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Layer norm and GELU of all features, piece by piece."""
    p = s.new_empty(s.shape, dtype=dtype), a.new_empty(a.shape, dtype=dtype)
    for here in pieces(s.device, s.shape, 2 * s.shape[2]):
        Normalised(s[here], a[here], scale, shift, eps).activate(p[0][here], p[1][here])
    return p
