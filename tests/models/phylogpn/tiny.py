"""Small networks with every weight away from its initial value."""

from typing import Any

import torch
from torch import Tensor, nn

from hf_genomics import PhyloGPNConfig, PhyloGPNForMaskedLM

PAD = 5
TREE = "((H:0.01,C:0.02):0.05,(M:0.2,R:0.25):0.1,D:0.3);"
LEAVES = ["H", "C", "M", "R", "D"]
PARTNERS = torch.tensor([3, 2, 1, 0, 4, 5, 6])


def tiny_config(**fields: Any) -> PhyloGPNConfig:
    """Four blocks of 12 and 8 channels with three taps: 17 bases are read."""
    sizes = {"outer_dim": 12, "inner_dim": 8, "num_stacks": 2, "kernel_size": 3}
    tree = {"phylogeny": TREE, "reference_leaf": "H"}
    return PhyloGPNConfig(**sizes | tree | fields)


def randomize_(model: nn.Module) -> None:
    """Moves every parameter away from initialisation, norms and biases too."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))


def tiny_model(
    dtype: torch.dtype = torch.float64, kind: type = PhyloGPNForMaskedLM, **fields: Any
) -> Any:
    """A model with random weights, in training mode."""
    model = kind(tiny_config(**fields))
    randomize_(model)
    return model.to(dtype).train()


def random_ids(*lengths: int, pad_to: int | None = None) -> Tensor:
    """Random bases A, C, G, T and N, padded on the right with `-`."""
    width = pad_to or max(lengths)
    ids = torch.full((len(lengths), width), PAD)
    for row, length in zip(ids, lengths, strict=True):
        row[:length] = torch.randint(0, 5, (length,))
    return ids


def random_labels(batch: int, length: int) -> Tensor:
    """Random states of the leaves, the reference always known."""
    labels = torch.randint(0, 5, (batch, length, len(LEAVES)))
    labels[..., 0] %= 4
    return labels


def reverse_complement(ids: Tensor) -> Tensor:
    return PARTNERS[ids].flip(1)
