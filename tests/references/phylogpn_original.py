"""The original PhyloGPN network, both generations, written from its description: slow and obvious.

Every convolution, bias and embedding is a parametrised tensor V; the network computes with
`(V + reverse complement of V) / 2`, made anew in every forward pass. Names of the state dict are
those of the published files, so this reads what their code reads.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization

STRANDS = {"tokens": [3, 2, 1, 0, 4, 5], "bases": [3, 2, 1, 0]}


class Symmetrised(nn.Module):
    """The mean of a tensor and its image: the first axes permuted (None: reversed), others flipped.

    The published code also picks channels by lists of indices and flips the taps.
    """

    def __init__(self, *axes: list[int] | None):
        super().__init__()
        self.axes = axes

    def forward(self, v: Tensor) -> Tensor:
        image = v
        for axis, order in enumerate(self.axes):
            order = list(range(v.shape[axis]))[::-1] if order is None else order
            indices = torch.tensor(order, device=v.device)
            image = image[indices] if axis == 0 else image[:, indices]
        for axis in range(len(self.axes), v.dim()):
            image = image.flip(axis)
        return (v + image) / 2


def convolution(
    i: int, o: int, kernel: int = 1, dilation: int = 1, bases: bool = False
) -> nn.Conv1d:
    conv = nn.Conv1d(i, o, kernel, dilation=dilation)
    outputs = STRANDS["bases"] if bases else None
    register_parametrization(conv, "weight", Symmetrised(outputs, None))
    register_parametrization(conv, "bias", Symmetrised(outputs))
    return conv


class ChannelsLayerNorm(nn.LayerNorm):
    """Layer norm over the channels of `(B, C, L)`."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class LayerNormBlock(nn.Module):
    """Since April 2026."""

    def __init__(self, outer: int, inner: int, kernel: int, dilation: int):
        super().__init__()
        self.layer_norm1 = ChannelsLayerNorm(outer)
        self.conv1 = convolution(outer, inner)
        self.layer_norm2 = ChannelsLayerNorm(inner)
        self.conv2 = convolution(inner, inner, kernel, dilation)
        self.layer_norm3 = ChannelsLayerNorm(inner)
        self.conv3 = convolution(inner, outer)
        self.crop = (kernel - 1) // 2 * dilation

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(nn.functional.gelu(self.layer_norm1(x)))
        h = self.conv2(nn.functional.gelu(self.layer_norm2(h)))
        h = self.conv3(nn.functional.gelu(self.layer_norm3(h)))
        return h + x[:, :, self.crop : x.shape[2] - self.crop]


class GroupNormBlock(nn.Module):
    """Before."""

    def __init__(self, outer: int, inner: int, kernel: int, dilation: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.GroupNorm(1, outer),
            nn.GELU(),
            convolution(outer, inner),
            nn.GroupNorm(1, inner),
            nn.GELU(),
            convolution(inner, inner, kernel, dilation),
            nn.GroupNorm(1, inner),
            nn.GELU(),
            convolution(inner, outer),
        )
        self.crop = (kernel - 1) // 2 * dilation

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) + x[:, :, self.crop : x.shape[2] - self.crop]


class OriginalNetwork(nn.Module):
    """Token ids `(B, L)` to log rates `(B, L', 4)`.

    Args:
        norm: `"layer_norm"` or `"group_norm"`, the generation.
    """

    def __init__(
        self,
        norm: str,
        outer_dim: int = 960,
        inner_dim: int = 480,
        stack_size: int = 2,
        num_stacks: int = 20,
        kernel_size: int = 5,
    ):
        super().__init__()
        self.embedding = nn.Embedding(6, outer_dim, padding_idx=5)
        register_parametrization(self.embedding, "weight", Symmetrised(STRANDS["tokens"], None))
        block = LayerNormBlock if norm == "layer_norm" else GroupNormBlock
        self.blocks = nn.Sequential(
            *(
                block(outer_dim, inner_dim, kernel_size, kernel_size**i)
                for _ in range(num_stacks)
                for i in range(stack_size)
            )
        )
        head = convolution(outer_dim, 4, bases=True)
        if norm == "layer_norm":
            self.output_layer_norm = ChannelsLayerNorm(outer_dim)
            self.output_conv = head
        else:
            self.output_layers = nn.Sequential(nn.GroupNorm(1, outer_dim), nn.GELU(), head)
        self.norm = norm

    def forward(self, input_ids: Tensor) -> Tensor:
        x = self.blocks(self.embedding(input_ids).transpose(1, 2))
        if self.norm == "layer_norm":
            x = self.output_conv(nn.functional.gelu(self.output_layer_norm(x)))
        else:
            x = self.output_layers(x)
        return x.transpose(1, 2)

    def get_embeddings(self, input_ids: Tensor) -> Tensor:
        x = self.blocks(self.embedding(input_ids).transpose(1, 2))
        norm = self.output_layer_norm if self.norm == "layer_norm" else self.output_layers[0]
        return norm(x).transpose(1, 2)


class OriginalPhyloGPN(nn.Module):
    """The published model: the network as `_model`, four columns by name."""

    def __init__(self, norm: str, **sizes: int):
        super().__init__()
        self._model = OriginalNetwork(norm, **sizes)

    def forward(self, input_ids: Tensor) -> dict[str, Tensor]:
        return dict(zip("ACGT", self._model(input_ids).unbind(2), strict=True))

    def get_embeddings(self, input_ids: Tensor) -> Tensor:
        return self._model.get_embeddings(input_ids)


def randomize_(model: nn.Module) -> nn.Module:
    """Moves scale and shift of every norm away from 1 and 0, unequal on the two strands."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "parametrizations" not in name:
                parameter.add_(0.3 * torch.randn_like(parameter))
    return model
