"""The Euclidean twins of the Lorentz layers, with the same call signatures.

`k` and `squared` are accepted and not used, so that one network definition serves both geometries.

Legend: B batch, C channels, L positions.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class EuclideanLinear(nn.Linear):
    """`y = W x + b`."""

    def forward(self, x: Tensor, k: Tensor | None = None) -> Tensor:
        """`(B, in_features)` to `(B, out_features)`."""
        return super().forward(x.to(self.weight.dtype)).to(x.dtype)


class SameConv1d(nn.Conv1d):
    """A convolution padded with zeros to keep the length.

    Takes every option of `nn.Conv1d`, from which adapters such as LoRA's are built. Those hand on
    the padding but not the dilation, so the one follows from the other, whichever is given.

    Args:
        in_channels, out_channels: channels in and out.
        kernel_size: odd width K.
        stride: step between windows.
        padding: zeros on either side, `dilation (K // 2)`.
        dilation: distance between the positions of a window.
        options: as for `nn.Conv1d`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int],
        stride: int | tuple[int] = 1,
        padding: int | tuple[int] | None = None,
        dilation: int | tuple[int] | None = None,
        **options: Any,
    ):
        half = (kernel_size if isinstance(kernel_size, int) else kernel_size[0]) // 2
        if padding is None:
            step = dilation if isinstance(dilation, int) else (dilation or (1,))[0]
            padding = step * half
        elif dilation is None:
            padded = padding if isinstance(padding, int) else padding[0]
            dilation = max(1, padded // half) if half else 1
        super().__init__(
            *(in_channels, out_channels, kernel_size, stride, padding, dilation or 1), **options
        )


class EuclideanConv1d(SameConv1d):
    """A convolution that keeps the length, with the signature of `LorentzConv1d`."""

    def forward(self, x: Tensor, squared: Tensor | None = None, k: Tensor | None = None) -> Tensor:
        """`(B, in_channels, L)` to `(B, out_channels, L)`."""
        return super().forward(x.to(self.weight.dtype)).to(x.dtype)


class EuclideanBatchNorm(nn.Module):
    """Batch norm with residual and ReLU built in; padding stays at zero and out of the statistics.

    Without a mask the result is that of `torch.nn.BatchNorm1d`, running statistics included. These
    are moved by [`update_running_statistics_`] and not in `forward`, so that a forward pass which
    gradient checkpointing repeats counts once.

    Args:
        num_features: channels C.
        eps: added to the variance.
        momentum: weight of the newest batch in the running statistics.
        max_radius: accepted and not used.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        max_radius: float | None = None,
    ):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.weight = nn.Parameter(torch.empty(num_features))
        self.bias = nn.Parameter(torch.empty(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(
        self,
        y: Tensor,
        k: Tensor | None = None,
        mask: Tensor | None = None,
        residual: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None, tuple[Tensor, Tensor] | None]:
        """Normalises `y (B, C, L)`, adds `residual`, applies ReLU, sets padding to zero.

        Args:
            y: features `(B, C, L)`.
            k: not used.
            mask: `(B, 1, L)`, 1 for a position that counts and 0 for padding.
            residual: `(B, C, L)`, added before the ReLU.

        Returns:
            `(B, C, L)`; `None` for the squared norms, which only points need; and the batch's mean
            and unbiased variance, `(C,)` each, in training mode.
        """
        with torch.autocast(y.device.type, enabled=False):
            out, statistics = self.normalize(y, k, mask)
            if residual is not None:
                out = out + residual
            out = F.relu(out)
            return (out if mask is None else out * mask), None, statistics

    def normalize(
        self, y: Tensor, k: Tensor | None, mask: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
        """The normalised features alone, any value at padding, and the batch's statistics."""
        weight, bias = self.weight.to(y.dtype), self.bias.to(y.dtype)
        if not self.training:
            mean, var = self.running_mean.to(y.dtype), self.running_var.to(y.dtype)
            return F.batch_norm(y, mean, var, weight, bias, False, 0.0, self.eps), None
        if mask is None:
            out, mean, inverse_std = torch.native_batch_norm(
                y, weight, bias, None, None, True, 0.0, self.eps
            )
            return out, (mean, unbiased(inverse_std**-2 - self.eps, y, mask))
        count = positions(y, mask)
        mean = (y * mask).sum((0, 2)) / count
        centred = (y - mean[:, None]) * mask
        var = (centred * centred).sum((0, 2)) / count
        out = centred * (weight * (var + self.eps).rsqrt())[:, None] + bias[:, None]
        return out, (mean, unbiased(var, y, mask))

    @torch.no_grad()
    def update_running_statistics_(
        self, mean: Tensor, var: Tensor, k: Tensor | None = None
    ) -> None:
        """Moves the running statistics towards a batch's `mean` and unbiased `var`, `(C,)` each."""
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(var.to(self.running_var.dtype), self.momentum)

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"


def positions(y: Tensor, mask: Tensor | None) -> Tensor | int:
    """How many positions of features `(B, C, L)` count by a mask `(B, 1, L)`; 1 for none."""
    return y.shape[0] * y.shape[2] if mask is None else mask.sum().clamp_min(1)


def unbiased(var: Tensor, y: Tensor, mask: Tensor | None) -> Tensor:
    """A variance over the positions of `y`, as one estimates it from a sample."""
    count = positions(y, mask)
    return var * (count / (max(count - 1, 1) if mask is None else (count - 1).clamp_min(1)))
