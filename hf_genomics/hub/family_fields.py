"""What a card says of a model that its configuration does not say in these words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import safe_open
from transformers import AutoConfig

from .errors import PublishingError
from .family_texts import PHYLOGPN_CITATION, PHYLOGPN_PAPER, VQDNA_CITATION, VQDNA_PAPER
from .runs import LIKELIHOOD, RESULTS, read_json
from .scores_table import number


def hyperbolic_cnn(config: dict[str, Any], folder: Path) -> dict[str, str]:
    """The network's name, its blocks and trained curvatures, and how long input may be."""
    shape = AutoConfig.for_model(**config)
    residual = shape.block == "residual"
    if shape.geometry == "euclidean":
        network = f"Euclidean twin of {'the residual network' if residual else 'HCNN'}"
        space = "vectors of flat space, to compare with the Lorentz model of hyperbolic space"
        curvatures, norm = "none, the space is flat", "one scale a channel"
    else:
        network = "HCNN-M" if shape.multi_curvature else "HCNN-S"
        space = "points of the Lorentz model of hyperbolic space"
        if residual:
            network = "residual network of Lorentz layers"
        raw = tensor_ending(folder, "raw_curvature").double().exp() * shape.initial_curvature
        curvatures = ", ".join(f"{k:.4g}" for k in raw.tolist())
        curvatures += " (trained)" if shape.learnable_curvature else " (fixed)"
        norm = {
            "lorentz": "Lorentz, one scale for all channels",
            "tangent": "in the tangent space at the origin, one scale a channel",
        }[shape.batch_norm]
    both = "no" if shape.reverse_complement is None else "yes"
    if both == "yes" and shape.head == "parts" and shape.oriented_parts:
        both = "yes, but for the parts, which are the given strand's"
    dropout = f"{shape.dropout:g}"
    if shape.parts_dropout:
        dropout += f", and all parts of {shape.parts_dropout:g} of the sequences"
    head = shape.head
    if head == "parts":
        head = f"centroid, maximum and {shape.num_parts} parts"
    return {
        "network": network,
        "space": space,
        "head": head,
        "dropout": dropout,
        "blocks": f"{shape.num_layers} of two convolutions"
        if not residual
        else f"{shape.num_layers} residual ones after a stem of {shape.stem_kernel_size} bases, "
        "each dilated twice as far as the one before",
        "batch_norm": norm,
        "embedding": f"{shape.embedding_width} wide, time component included"
        if shape.geometry == "lorentz"
        else f"{shape.embedding_width} wide",
        "both_strands": both,
        "curvatures": curvatures,
        "input_length": (
            f"up to {shape.max_length:,} bases" if shape.head == "flatten" else "any length"
        ),
    }


def phylogpn(config: dict[str, Any], folder: Path) -> dict[str, str]:
    """What one output reads, how strands are treated, and the likelihood of the test sites.

    Raises:
        PublishingError: the model was not evaluated on its test sites, or another was.
    """
    if is_classifier(config):
        return {"family": PHYLOGPN_PAPER, "citation": PHYLOGPN_CITATION} | classifier(folder)
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


def vqdna_quantizer(config: dict[str, Any], folder: Path) -> dict[str, str]:
    """Its codebooks, how far a code reads, and what was measured on the sequence kept aside."""
    shape = AutoConfig.for_model(**config)
    return {
        "num_levels": str(len(shape.codebook_sizes)),
        "codebook_sizes": ", ".join(map(str, shape.codebook_sizes)),
        "quantizer_layers": ", ".join(map(str, shape.quantizer_layers)),
        "receptive_radius": str(shape.receptive_radius),
        **held_out(folder),
    }


def vqdna(config: dict[str, Any], folder: Path) -> dict[str, str]:
    """The vocabulary it reads, and what was measured on the sequence kept aside."""
    if is_classifier(config):
        return {"family": VQDNA_PAPER, "citation": VQDNA_CITATION} | classifier(folder)
    sizes = AutoConfig.for_model(**config).quantizer_config.codebook_sizes
    return {"codebook_sizes": ", ".join(map(str, sizes)), **held_out(folder)}


def held_out(folder: Path) -> dict[str, str]:
    """What `all_results.json` says of the sequence that was kept from training.

    Raises:
        PublishingError: none was.
    """
    results = read_json(folder / RESULTS)
    names = results.get("data_arguments", {}).get("held_out") or []
    if not names:
        raise PublishingError(
            "The card needs results on sequence that was kept from training; train with --held_out."
        )
    rows = ["| measure | value |", "| --- | --- |"]
    for name, value in results.items():
        measure = name.removeprefix("held_out_")
        if measure != name and not measure.endswith(("runtime", "per_second")):
            rows.append(f"| {measure.replace('_', ' ')} | {number(value, '.4g')} |")
    return {"held_out": ", ".join(names), "held_out_table": "\n".join(rows)}


def is_classifier(config: dict[str, Any]) -> bool:
    return any(
        "ForSequenceClassification" in str(name) for name in config.get("architectures") or []
    )


def classifier(folder: Path) -> dict[str, str]:
    """How a classifier was trained: whole, or by LoRA."""
    given = read_json(folder / RESULTS).get("model_arguments", {})
    rank = f"rank {given.get('lora_rank')}, merged into the weights" if given.get("lora") else "no"
    return {"lora": rank}


def estimate(score: dict[str, float | None]) -> str:
    """A value with its interval."""
    return f"{number(score['value'])} [{number(score['low'])}, {number(score['high'])}]"


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
    "vqdna_quantizer": vqdna_quantizer,
    "vqdna": vqdna,
}
