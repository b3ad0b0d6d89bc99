"""Small networks with every weight and statistic away from its initial value."""

from typing import Any

import torch
from torch import Tensor

from hf_genomics import HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification
from hf_genomics.models.hyperbolic_cnn.modeling_hyperbolic_cnn import HyperbolicCNNCurvature

PAD = 5

# Every option of the configuration that is not the paper's network.
RESIDUAL: dict[str, Any] = {
    "block": "residual",
    "batch_norm": "tangent",
    "head": "parts",
    "num_parts": 3,
    "kernel_size": 3,
    "stem_kernel_size": 5,
    "embedding_dim": None,
}


def tiny_config(**fields: Any) -> HyperbolicCNNConfig:
    """Three blocks of 6 channels, embeddings of 12, at most 20 positions, 3 labels."""
    sizes = {"num_channels": 6, "embedding_dim": 12, "max_length": 20, "num_labels": 3}
    return HyperbolicCNNConfig(**sizes | fields)


def randomize_(model: torch.nn.Module) -> None:
    """Moves every parameter and running statistic, curvature excepted, away from initialisation."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if "raw_curvature" in name:
                continue
            if name.endswith(("gamma", "running_var", "norm.weight")):
                tensor.uniform_(0.5, 1.5)
            elif name.endswith(("beta", "running_mean")):
                tensor.normal_(std=0.3)
            elif "time_weight" in name or tensor.dim() < 2:
                tensor.normal_(std=0.2)
            else:
                tensor.normal_(std=tensor[0].numel() ** -0.5)


def set_curvatures_(model: torch.nn.Module, k: list[float]) -> None:
    """Sets every k: one, or one per block and one for the head."""
    curvature = model.get_submodule("model.curvature")
    assert isinstance(curvature, HyperbolicCNNCurvature)
    with torch.no_grad():
        values = torch.tensor(k, dtype=torch.float64) / curvature.initial_curvature
        curvature.raw_curvature.copy_(values.log())


def tiny_model(
    dtype: torch.dtype = torch.float64, **fields: Any
) -> HyperbolicCNNForSequenceClassification:
    """A classifier with random weights, in training mode."""
    model = HyperbolicCNNForSequenceClassification(tiny_config(**fields))
    randomize_(model)
    torch.nn.Module.to(model, dtype)  # in place
    return model.train()


def random_ids(*lengths: int, pad_to: int | None = None) -> Tensor:
    """Random bases A, C, G, T and N, padded on the right."""
    width = pad_to or max(lengths)
    ids = torch.full((len(lengths), width), PAD)
    for row, length in zip(ids, lengths, strict=True):
        row[:length] = torch.randint(0, 5, (length,))
    return ids
