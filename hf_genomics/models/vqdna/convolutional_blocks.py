"""Convolutions of VQDNA (Li et al., ICML 2024, section 3.2): stem, ConvNeXt block, mirrored stem.

Features are kept channels last, `(B, L, D)`, so that norms and linear layers meet contiguous memory
and no tensor is transposed between them.

Legend: B batch, L nucleotides, T codes (L / ratio, rounded up), D channels of the blocks, S
channels of the stem.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .linear_layers import RowwiseLinear, rowwise_linear

NUM_BASES = 4  # A, C, G, T


class DepthwiseConv1d(nn.Conv1d):
    """One filter per channel, over positions; zeros stand beyond the ends."""

    def __init__(self, channels: int, kernel_size: int):
        super().__init__(channels, channels, kernel_size, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, T, D)` to `(B, T, D)`."""
        # Seen as an image of height 1, (B, D, 1, T), contiguous features are in the memory format
        # channels_last, which convolutions of two dimensions read and write without a copy.
        image = x.transpose(1, 2).unsqueeze(2)
        padding = (0, self.kernel_size[0] // 2)
        y = F.conv2d(
            image, self.weight.unsqueeze(2), self.bias, padding=padding, groups=self.groups
        )
        return y.squeeze(2).transpose(1, 2)


class ConvNeXtBlock1d(nn.Module):
    """Depthwise convolution, norm, and a network of one hidden layer around a residual."""

    def __init__(self, channels: int, kernel_size: int, expansion: int, eps: float):
        super().__init__()
        self.depthwise = DepthwiseConv1d(channels, kernel_size)
        self.norm = nn.LayerNorm(channels, eps=eps)
        self.up = RowwiseLinear(channels, expansion * channels)
        self.down = RowwiseLinear(expansion * channels, channels)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Features `(B, T, D)`, zero where the mask `(B, T, 1)` is, to the same."""
        h = self.down(F.gelu(self.up(self.norm(self.depthwise(x)))))
        return (x + h) * mask


class Stem(nn.Module):
    """One-hot nucleotides to features: convolution, norm, GELU, and a linear layer."""

    def __init__(self, stem_dim: int, channels: int, kernel_size: int, ratio: int, eps: float):
        super().__init__()
        self.ratio = ratio
        self.conv = OneHotConv1d(stem_dim, kernel_size)
        self.norm = nn.LayerNorm(stem_dim, eps=eps)
        self.projection = RowwiseLinear(ratio * stem_dim, channels)

    def forward(self, one_hot: Tensor, mask: Tensor, code_mask: Tensor) -> Tensor:
        """`(B, L, 4)` to `(B, T, D)`.

        Args:
            one_hot: nucleotides, a row of zeros for none; L a multiple of the ratio.
            mask: `(B, L, 1)`, 1 at a nucleotide.
            code_mask: `(B, T, 1)`, 1 where there is a code.
        """
        h = F.gelu(self.norm(self.conv(one_hot))) * mask
        # (B, L, S) -> (B, T, ratio * S): the linear layer is a convolution of that width and stride
        h = h.reshape(h.shape[0], h.shape[1] // self.ratio, self.ratio * h.shape[2])
        return self.projection(h) * code_mask


class Head(nn.Module):
    """The stem in reverse: features to one logit per nucleotide."""

    def __init__(self, stem_dim: int, channels: int, kernel_size: int, ratio: int, eps: float):
        super().__init__()
        self.stem_dim = stem_dim
        self.projection = RowwiseLinear(channels, ratio * stem_dim)
        self.norm = nn.LayerNorm(stem_dim, eps=eps)
        self.deconv = NucleotideDeconv1d(stem_dim, kernel_size)

    def forward(self, x: Tensor, code_mask: Tensor) -> Tensor:
        """`(B, T, D)` to `(B, T * ratio, 4)`; `code_mask (B, T, 1)`, 1 where there is a code."""
        h = (self.projection(x) * code_mask).unflatten(2, (-1, self.stem_dim)).flatten(1, 2)
        ratio = h.shape[1] // max(x.shape[1], 1)
        h = F.gelu(self.norm(h)) * code_mask.repeat_interleave(ratio, 1)
        return self.deconv(h)


class OneHotConv1d(nn.Conv1d):
    """A convolution of the four bases, as one product with the windows of all positions."""

    def __init__(self, out_channels: int, kernel_size: int):
        super().__init__(NUM_BASES, out_channels, kernel_size)

    def forward(self, one_hot: Tensor) -> Tensor:
        """`(B, L, 4)` to `(B, L, S)`; zeros stand beyond the ends."""
        width = self.kernel_size[0]
        padded = F.pad(one_hot, (0, 0, width // 2, width // 2))
        windows = torch.stack(  # (B, L, 4, width)
            [padded[:, k : k + one_hot.shape[1]] for k in range(width)], -1
        )
        return rowwise_linear(windows.flatten(2), self.weight.flatten(1), self.bias)


class NucleotideDeconv1d(nn.ConvTranspose1d):
    """A transposed convolution to four channels: one product, then a sum of shifted columns."""

    def __init__(self, in_channels: int, kernel_size: int):
        super().__init__(in_channels, NUM_BASES, kernel_size, padding=kernel_size // 2)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """`(B, L, S)` to `(B, L, 4)`."""
        width, length = self.kernel_size[0], x.shape[1]
        taps = rowwise_linear(x, self.weight.flatten(1).t()).unflatten(2, (NUM_BASES, width))
        taps = F.pad(taps, (0, 0, 0, 0, width // 2, width // 2))
        # tap k of position p falls on position p + k - width // 2
        first, *others = (taps[:, width - 1 - k :][:, :length, :, k] for k in range(width))
        return sum(others, start=first) + self.bias
