"""Linear layers whose weights are int8, as libraries of quantization leave them."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Int8Linear(nn.Module):
    """A linear layer with one scale for all its weights; `weight.dtype` is int8."""

    def __init__(self, layer: nn.Linear):
        super().__init__()
        scale = layer.weight.detach().abs().max() / 127
        self.register_buffer("weight", (layer.weight.detach() / scale).round().to(torch.int8))
        self.register_buffer("scale", scale)
        self.bias = layer.bias

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x.dtype) * self.scale, self.bias)


def with_int8_weights(model: nn.Module) -> nn.Module:
    """A copy of a model with every `nn.Linear`, subclasses excepted, in int8."""
    model = copy.deepcopy(model)
    for parent in [*model.modules()]:
        for name, layer in parent.named_children():
            if type(layer) is nn.Linear:
                setattr(parent, name, Int8Linear(layer))
    return model
