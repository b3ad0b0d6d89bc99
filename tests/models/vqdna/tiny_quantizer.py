"""Small quantizers with every weight away from its initial value, and codebooks that are used."""

from typing import Any

import torch
from torch import Tensor

from hf_genomics import VQDNAQuantizerConfig, VQDNAQuantizerModel

N, PAD, MASK = 4, 5, 6


def tiny_config(**fields: Any) -> VQDNAQuantizerConfig:
    """Two blocks of 16 channels, a level after each: a code reads 8 nucleotides on either side."""
    sizes = {"stem_dim": 12, "hidden_size": 16, "num_layers": 2, "expansion": 2}
    levels = {"codebook_sizes": [32, 64], "kmeans_warmup_steps": 0}
    return VQDNAQuantizerConfig(**sizes | levels | fields)


def tiny_quantizer(**fields: Any) -> VQDNAQuantizerModel:
    """A quantizer in evaluation mode whose codebooks hold vectors of its own encoder."""
    model = VQDNAQuantizerModel(tiny_config(**fields)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        if model.config.quantizer_type == "vq" and model.config.codebook_dim is None:
            fill_codebooks(model)
    return model


def fill_codebooks(model: VQDNAQuantizerModel) -> None:
    """Makes each codebook of encoder outputs, level by level."""
    ids = random_ids(700, 700)
    for level, codebook in enumerate(model.quantizer.codebooks):
        latents = model.encode(ids, num_quantizers=level + 1).latents[level].flatten(0, 1)
        codebook.embed.copy_(latents[torch.randperm(len(latents))[: len(codebook.embed)]])


def random_ids(*lengths: int, pad_to: int | None = None) -> Tensor:
    """Random A, C, G and T, padded on the right with `-`."""
    ids = torch.full((len(lengths), pad_to or max(lengths)), PAD)
    for row, length in zip(ids, lengths, strict=True):
        row[:length] = torch.randint(0, 4, (length,))
    return ids
