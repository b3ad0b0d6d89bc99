"""What tells one model from another, as far as its scores go."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import torch


def identity_of(model: Any) -> dict[str, Any]:
    """Class, configuration, weights, dtype and device: what the bits of a score depend on."""
    config = {
        key: value
        for key, value in model.config.to_dict().items()
        if not key.startswith("_") and key != "transformers_version"
    }
    weights = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        weights.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        flat = tensor.detach().cpu().contiguous().flatten()
        weights.update(flat.view(torch.uint8).numpy().data if flat.numel() else b"")
    return {
        "model": type(model).__name__,
        "config": json.loads(json.dumps(config, default=str, sort_keys=True)),
        "weights": weights.hexdigest(),
        "dtype": str(model.dtype),
        "device": model.device.type,
    }


def precision_of(model: Any) -> np.dtype[Any]:
    """float64 for the scores of a float64 model, else float32."""
    return np.dtype(np.float64 if model.dtype == torch.float64 else np.float32)
