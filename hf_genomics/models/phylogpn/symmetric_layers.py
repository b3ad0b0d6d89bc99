"""Layers in the symmetric basis: equivariant under reverse complement whatever their weights.

Legend: B batch, L positions, C channels (I in, O out), K taps. Features are `(B, L, C)` in the
symmetric basis of `reverse_complement.py`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .reverse_complement import SQRT_HALF, butterfly, fold_taps, from_pairs, join_embedding


class SymmetricEmbedding(nn.Module):
    """Embeds A, C, G, T, N; every other id is zero. T is the partner of A, and G of C.

    Args:
        channels: C, even.
        num_ids: number of ids, at least 6.
    """

    def __init__(self, channels: int, num_ids: int):
        super().__init__()
        self.num_ids = num_ids
        self.bases = nn.Parameter(torch.zeros(2, channels))
        self.unknown = nn.Parameter(torch.zeros(channels // 2))

    def table(self) -> Tensor:
        """Embeddings of all ids `(num_ids, C)`, or of the six tokens if there are fewer ids."""
        table = join_embedding(self.bases, self.unknown)
        return F.pad(table, (0, 0, 0, max(0, self.num_ids - len(table))))

    def forward(self, input_ids: Tensor) -> Tensor:
        """Ids `(B, L)` to features `(B, L, C)`."""
        return F.embedding(input_ids, self.table())


class SymmetricConv1d(nn.Module):
    """Convolution without padding that commutes with reverse complement.

    Two linear maps of half the width each: `symmetric` makes s, with the bias, and `antisymmetric`
    makes a. Any weights will do, also those of an adapter on either.

    Args:
        in_channels: I, even.
        out_channels: O, even.
        kernel_size: K, odd.
        dilation: distance of two taps.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 1, dilation: int = 1
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        width = in_channels // 2 * kernel_size
        self.symmetric = nn.Linear(width, out_channels // 2)
        self.antisymmetric = nn.Linear(width, out_channels // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Features `(B, L, I)` to `(B, L - (K - 1) * dilation, O)`."""
        s, a = fold_taps(x, kernel_size=self.kernel_size, dilation=self.dilation)
        return torch.cat([self.symmetric(s), self.antisymmetric(a)], -1)


class SymmetricNorm(nn.Module):
    """Layer norm, or group norm of one group, of features in the symmetric basis.

    Scale and shift are elementwise in the channels themselves, so the result is in pairs.

    Args:
        channels: C, even.
        eps: added to the variance.
        tied: one scale and shift for a channel and its partner, which commutes with reverse
            complement; if not, `2 * C` of them, in pairs.
        over_positions: statistics over channels and positions together (group norm).
    """

    def __init__(self, channels: int, *, eps: float, tied: bool, over_positions: bool):
        super().__init__()
        self.channels = channels
        self.eps = eps
        self.tied = tied
        self.over_positions = over_positions
        self.weight = nn.Parameter(torch.ones(channels // 2 if tied else channels))
        self.bias = nn.Parameter(torch.zeros(channels // 2 if tied else channels))

    def affine(self) -> tuple[Tensor, Tensor]:
        """Scale and shift `(C,)` each, in pairs."""
        if not self.tied:
            return self.weight, self.bias
        return self.weight.repeat(2), self.bias.repeat(2)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Features `(B, L, C)` to normalised features `(B, L, C)` in pairs.

        Args:
            mask: `(B, L)`, the positions that count in statistics over positions; all if `None`.
        """
        weight, bias = self.affine()
        x = butterfly(x)  # sqrt(2) times the channels in pairs: so is eps times 2, exactly
        if not self.over_positions:
            return F.layer_norm(x, (self.channels,), weight, bias, 2 * self.eps)
        exact = x.to(torch.promote_types(x.dtype, torch.float32))
        if mask is None:
            mean = exact.mean((1, 2), keepdim=True)
            variance = (exact - mean).square().mean((1, 2), keepdim=True)
        else:
            counted = mask.to(exact.dtype)[:, :, None]
            number = self.channels * counted.sum((1, 2), keepdim=True).clamp_min(1)
            mean = (exact * counted).sum((1, 2), keepdim=True) / number
            variance = ((exact - mean).square() * counted).sum((1, 2), keepdim=True) / number
        y = (exact - mean) * (variance + 2 * self.eps).rsqrt()
        return (y * weight + bias).to(x.dtype)


def gelu(x: Tensor) -> Tensor:
    """Exact GELU of features `(..., C)` in pairs; the result is in the symmetric basis."""
    return butterfly(F.gelu(x)) * SQRT_HALF


def channels_of_pairs(x: Tensor) -> Tensor:
    """Features `(..., C)` in pairs to channels in their own order."""
    return from_pairs(x)
