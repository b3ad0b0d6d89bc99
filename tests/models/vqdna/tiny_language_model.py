"""Small language models on small quantizers, with every weight away from its initial value."""

from typing import Any

import torch
from torch import Tensor

from hf_genomics import VQDNAConfig, VQDNAForMaskedLM
from tests.models.vqdna.tiny_quantizer import MASK, PAD, N, random_ids, tiny_quantizer

IGNORED = -100


def tiny_model(
    cls: type = VQDNAForMaskedLM, *, quantizer: dict[str, Any] | None = None, **fields: Any
) -> Any:
    """A model of two layers in evaluation mode, on a quantizer whose codebooks are used."""
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3}
    model = cls.from_quantizer(
        tiny_quantizer(**quantizer or {}), **sizes | {"intermediate_size": 40} | fields
    ).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "quantizer_model" not in name:
                parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def tiny_config(**fields: Any) -> VQDNAConfig:
    return tiny_model(**fields).config


def messy_ids(*lengths: int) -> Tensor:
    """Random nucleotides with N, `[MASK]` and a gap here and there, padded on the right."""
    ids = random_ids(*lengths)
    for token in (N, MASK, PAD):
        places = (torch.rand(ids.shape) < 0.06) & (ids < 4)
        ids[places] = token
    return ids


def mask_of(*lengths: int) -> Tensor:
    """`(B, L)`, 1 at the first positions of each row."""
    return (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()


def masked_batch(*lengths: int, start: int = 5, size: int = 4) -> dict[str, Tensor]:
    """Complete nucleotides, with a span of each row behind `[MASK]`."""
    ids = random_ids(*lengths)
    labels = torch.full_like(ids, IGNORED)
    labels[:, start : start + size] = ids[:, start : start + size]
    hidden = ids.masked_fill(labels != IGNORED, MASK)
    return {"input_ids": hidden, "attention_mask": mask_of(*lengths), "labels": labels}
