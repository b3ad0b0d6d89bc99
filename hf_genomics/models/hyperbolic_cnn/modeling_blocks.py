"""The blocks of the hyperbolic CNN: the paper's, and residual ones whose norm comes first.

Legend: B batch, L positions, `width` space channels. A block returns the batch statistics of its
norms and does not keep them, because gradient checkpointing runs `forward` twice; see
`update_running_statistics_`. `squared`, beside features, is `|x_s|^2 (B, 1, L)` of them, which a
Lorentz convolution asks for and a norm returns; `None` where it is not known, and in flat space.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_layers import GradientCheckpointingLayer

from .configuration_hyperbolic_cnn import HyperbolicCNNConfig
from .euclidean_layers import EuclideanBatchNorm, EuclideanConv1d
from .lorentz_batch_norm import LorentzBatchNorm
from .lorentz_layers import LorentzConv1d
from .tangent_batch_norm import TangentBatchNorm

NUM_BASES = 5  # A, C, G, T, N: the space components of an embedded position

Statistics = list[tuple[Tensor, Tensor] | None]


def convolution(config: HyperbolicCNNConfig, *sizes: int, **options: Any) -> nn.Module:
    """A convolution in the configuration's geometry."""
    lorentz = config.geometry == "lorentz"
    return (LorentzConv1d if lorentz else EuclideanConv1d)(*sizes, **options)


def on_the_manifold(
    x: Tensor, squared: Tensor | None, k: Tensor | None
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Points in float32 at least, as the geometry needs them; features of flat space as they are.

    They come so, but that FSDP with mixed precision casts what enters a block.
    """
    if k is None:
        return x, squared, k
    dtype = torch.promote_types(x.dtype, torch.float32)
    return x.to(dtype), None if squared is None else squared.to(dtype), k.to(dtype)


def batch_norm(config: HyperbolicCNNConfig, width: int) -> nn.Module:
    """The batch norm, ReLU included, in the configuration's geometry."""
    hyperbolic = {"lorentz": LorentzBatchNorm, "tangent": TangentBatchNorm}[config.batch_norm]
    return (hyperbolic if config.geometry == "lorentz" else EuclideanBatchNorm)(
        width,
        eps=config.batch_norm_eps,
        momentum=config.batch_norm_momentum,
        max_radius=config.max_radius,
    )


class HyperbolicCNNConvLayer(nn.Module):
    """Convolution, batch norm, residual, ReLU."""

    def __init__(self, config: HyperbolicCNNConfig, in_channels: int, out_channels: int):
        super().__init__()
        self.conv = convolution(config, in_channels, out_channels, config.kernel_size)
        self.norm = batch_norm(config, out_channels)

    def forward(
        self,
        x: Tensor,
        squared: Tensor | None,
        k: Tensor | None,
        mask: Tensor | None,
        residual: Tensor | None,
    ) -> tuple[Tensor, Tensor | None, tuple[Tensor, Tensor] | None]:
        return self.norm(self.conv(x, squared, k), k, mask, residual)


class HyperbolicCNNBlock(GradientCheckpointingLayer):
    """Two convolution layers; all blocks but the first add their input before the last ReLU."""

    def __init__(self, config: HyperbolicCNNConfig, index: int):
        super().__init__()
        time = int(config.geometry == "lorentz")
        width = config.num_channels - time
        self.residual = index > 0
        self.layers = nn.ModuleList(
            HyperbolicCNNConvLayer(config, in_channels, width)
            for in_channels in (width if self.residual else NUM_BASES, width)
        )
        points = config.batch_norm == "lorentz"
        self.points = [f"layers.{i}.norm.beta" for i in range(2)] if points else []

    def forward(
        self, x: Tensor, squared: Tensor | None, k: Tensor | None, mask: Tensor | None
    ) -> tuple[Tensor, Tensor | None, Statistics]:
        """Features `(B, width, L)` to features, with the batch statistics of the two norms.

        The statistics are returned and not kept, because gradient checkpointing runs `forward`
        twice: see [`update_running_statistics_`].
        """
        x, squared, k = on_the_manifold(x, squared, k)
        first, second = self.layers
        residual = x if self.residual else None
        y, squared, first_statistics = first(x, squared, k, mask, None)
        y, squared, second_statistics = second(y, squared, k, mask, residual)
        return y, squared, [first_statistics, second_statistics]

    def update_running_statistics_(self, statistics: Statistics, k: Tensor | None) -> None:
        """Moves the running statistics of the norms in training towards those of a batch."""
        for layer, batch_statistics in zip(self.layers, statistics, strict=True):
            if batch_statistics is not None:
                layer.norm.update_running_statistics_(*batch_statistics, k)


class HyperbolicCNNNormLayer(nn.Module):
    """A norm that is a layer of its own; held as `norm`, as all norms are that train as norms."""

    def __init__(self, config: HyperbolicCNNConfig, width: int):
        super().__init__()
        self.norm = batch_norm(config, width)

    def forward(
        self, x: Tensor, k: Tensor | None, mask: Tensor | None
    ) -> tuple[Tensor, Tensor | None, tuple[Tensor, Tensor] | None]:
        return self.norm(x, k, mask)


class HyperbolicCNNResidualBlock(GradientCheckpointingLayer):
    """`x + conv(relu(norm(x)))`, the sum being that of the space components.

    The order is that of pre-activation networks (He et al. 2016): what is added to is never
    clipped, so gradients reach the stem unchanged. The i-th convolution has a dilation of `2^i`.
    The first block makes its features from the bases by the stem; the last ends with a norm of
    its own, so that what it returns is normalised and not negative.
    """

    def __init__(self, config: HyperbolicCNNConfig, index: int):
        super().__init__()
        width = config.num_channels - int(config.geometry == "lorentz")
        self.stem = (
            convolution(config, NUM_BASES, width, config.stem_kernel_size) if index == 0 else None
        )
        self.norm = batch_norm(config, width)
        self.conv = convolution(config, width, width, config.kernel_size, dilation=2**index)
        last = index == config.num_layers - 1
        self.last = HyperbolicCNNNormLayer(config, width) if last else None
        points = config.batch_norm == "lorentz"
        self.points = ["norm.beta", *(["last.norm.beta"] if last else [])] if points else []

    def forward(
        self, x: Tensor, squared: Tensor | None, k: Tensor | None, mask: Tensor | None
    ) -> tuple[Tensor, Tensor | None, Statistics]:
        """Features `(B, width, L)` to features, with the batch statistics of the norms.

        `squared` is read by the stem and returned by the last block alone: it is known of what
        comes out of a norm.
        """

        def masked(y: Tensor) -> Tensor:
            return y if mask is None else y * mask

        x, squared, k = on_the_manifold(x, squared, k)
        if self.stem is not None:
            x = masked(self.stem(x, squared, k))
        y, squared, statistics = self.norm(x, k, mask)
        x = x + masked(self.conv(y, squared, k))
        if self.last is None:
            return x, None, [statistics]
        x, squared, last_statistics = self.last(x, k, mask)
        return x, squared, [statistics, last_statistics]

    def update_running_statistics_(self, statistics: Statistics, k: Tensor | None) -> None:
        """Moves the running statistics of the norms in training towards those of a batch."""
        norms = [self.norm] if self.last is None else [self.norm, self.last.norm]
        for norm, batch_statistics in zip(norms, statistics, strict=True):
            if batch_statistics is not None:
                norm.update_running_statistics_(*batch_statistics, k)
