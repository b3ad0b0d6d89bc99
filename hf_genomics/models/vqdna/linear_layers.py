"""Linear layers that are fast in float32 on any processor, and the same bits in every batch.

A code is the nearest of many vectors: where the last bit of a feature depended on the rows beside
it, so would, now and then, a code.

Legend: N rows, I channels in, O channels out.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .products import has_fast_products, product, product_over_rows


class RowwiseLinear(nn.Linear):
    """`nn.Linear` by [`rowwise_linear`]."""

    def forward(self, input: Tensor) -> Tensor:
        """`(..., I)` to `(..., O)`."""
        return rowwise_linear(input, self.weight, self.bias)


def rowwise_linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`x weight^T + bias`, `(..., I)` to `(..., O)`; as `F.linear` under autocast and elsewhere.

    Args:
        x: `(..., I)`.
        weight: `(O, I)`.
        bias: `(O,)`, if any.
    """
    if (
        not has_fast_products(x)
        or weight.dtype != x.dtype
        or torch.is_autocast_enabled(x.device.type)
    ):
        return F.linear(x, weight, bias)
    y: Tensor = RowwiseProduct.apply(x.reshape(-1, x.shape[-1]), weight, bias)
    return y.view(*x.shape[:-1], len(weight))


class RowwiseProduct(torch.autograd.Function):
    """The product of a linear layer, and its derivatives by the same means."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return product(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        dy = dy.contiguous()
        by_x, by_weight, by_bias = ctx.needs_input_grad
        return (
            product(dy, weight.t().contiguous()) if by_x else None,
            product_over_rows(dy, x) if by_weight else None,
            dy.sum(0) if by_bias else None,
        )
