"""What a card says of a model that its configuration does not say in these words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import safe_open
from transformers import AutoConfig

from .errors import PublishingError
from .runs import LIKELIHOOD, RESULTS, read_json


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


def phylogpn(config: dict[str, Any], folder: Path) -> dict[str, str]:
    """What one output reads, how strands are treated, and the likelihood of the test sites.

    Raises:
        PublishingError: the model was not evaluated on its test sites, or another was.
    """
    if not (folder / LIKELIHOOD).is_file():
        raise PublishingError(
            f"The card needs the likelihood of the test sites: run examples/evaluate_phylogpn.py "
            f"with --model and --output_dir both the folder of the run; it writes {LIKELIHOOD}."
        )
    evaluation, results = read_json(folder / LIKELIHOOD), read_json(folder / RESULTS)
    if evaluation.get("training", {}).get("train_loss") != results["train_loss"]:
        raise PublishingError(
            f"{LIKELIHOOD} is of another model than {RESULTS}; evaluate this one, with "
            "examples/evaluate_phylogpn.py."
        )
    table = ["| rates | log-likelihood per site | lead of the model |", "| --- | --- | --- |"]
    for row in evaluation["rates"]:
        lead = "its own" if row["lead"] is None else estimate(row["lead"])
        table.append(f"| {row['rates']} | {estimate(row['log_likelihood'])} | {lead} |")
    shape = AutoConfig.for_model(**config)
    exact = config["tie_norm_symmetry"] or config["reverse_complement"] == "average"
    return {
        "flank": str(shape.flank),
        "receptive_field": str(shape.receptive_field),
        "blocks": str(shape.num_hidden_layers),
        "strands": "equivariant, exactly" if exact else "equivariant but for the norms",
        "output_length": "L" if config["token_padding"] == "same" else f"L - {2 * shape.flank}",
        "likelihood_table": "\n".join(table),
        "num_blocks": str(evaluation["num_blocks"]),
    }


def estimate(score: dict[str, float]) -> str:
    """A value with its interval."""
    return f"{score['value']:.4f} [{score['low']:.4f}, {score['high']:.4f}]"


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
    "phylogpn": phylogpn,
}
