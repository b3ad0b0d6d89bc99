"""What a card says of a model that its configuration does not say in these words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import safe_open


def hyperbolic_cnn(config: dict[str, Any], folder: Path) -> dict[str, str]:
    """The paper's name of the network, its trained curvatures, and how long input may be."""
    if config["geometry"] == "euclidean":
        network, curvatures = "Euclidean twin of HCNN", "none, the space is flat"
    else:
        network = "HCNN-M" if config["multi_curvature"] else "HCNN-S"
        raw = tensor_ending(folder, "raw_curvature").double().exp() * config["initial_curvature"]
        curvatures = ", ".join(f"{k:.4g}" for k in raw.tolist())
        curvatures += " (trained)" if config["learnable_curvature"] else " (fixed)"
    flatten = config["head"] == "flatten"
    return {
        "network": network,
        "curvatures": curvatures,
        "input_length": f"up to {config['max_length']:,} bases" if flatten else "any length",
    }


def fields_of(config: dict[str, Any], folder: Path) -> dict[str, str]:
    """The fields of the family that `config` belongs to; none for a family without any."""
    fields = _FIELDS.get(config["model_type"])
    return fields(config, folder) if fields else {}


def tensor_ending(folder: Path, name: str) -> Any:
    """The one saved tensor whose last name is `name`."""
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            for key in tensors.keys():  # noqa: SIM118  (is no mapping)
                if key.rpartition(".")[2] == name:
                    return tensors.get_tensor(key)
    raise KeyError(f"no tensor {name} in the weights of {folder}")


_FIELDS: dict[str, Callable[[dict[str, Any], Path], dict[str, str]]] = {
    "hyperbolic_cnn": hyperbolic_cnn,
}
