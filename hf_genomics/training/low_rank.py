"""LoRA (Hu et al., ICLR 2022, arXiv 2106.09685) for `examples/finetune.py`, by PEFT.

A product of two narrow matrices is added to each adapted layer, and it alone and the head are
trained. At the end it is added to the weights, so that the model is saved as any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn
from transformers import PreTrainedModel

# What is adapted, and what is trained whole because training moves it besides.
TARGETS: dict[str, tuple[list[str], list[str]]] = {
    "vqdna": (
        ["q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj"],  # not the quantizer
        ["classifier"],
    ),
    "kmer_transformer": (
        ["q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj"],
        ["classifier"],
    ),
    "phylogpn": (["symmetric", "antisymmetric"], ["classifier"]),
    "hyperbolic_cnn": (["space"], ["norm", "classifier"]),  # batch norms have running statistics
}


FROZEN = "quantizer_model"  # the name of a quantizer in a model on its codes


def with_lora(
    model: PreTrainedModel,
    *,
    rank: int = 8,
    alpha: int = 16,
    dropout: float = 0.05,
    target_modules: Sequence[str] = (),
) -> Any:
    """The model with LoRA layers, a `PeftModel`: they and the head are trained.

    Args:
        model: a sequence classifier.
        rank: of the products, r.
        alpha: the products are added `alpha / rank` times.
        dropout: of what enters the products.
        target_modules: names of the layers to adapt, or ends of their paths; by default those of
            the model's family, and for other families what PEFT knows. Never of a quantizer, which
            is frozen.

    Raises:
        ValueError: PEFT is not installed; the rank is under 1; no layer has such a name; or the
            quantizer of the model is not frozen.
    """
    try:
        from peft import LoraConfig, TaskType, get_peft_model
    except ImportError as error:
        raise ValueError("LoRA needs PEFT: pip install 'hf_genomics[peft]'.") from error

    if rank < 1:
        raise ValueError(f"the rank of LoRA is {rank}; give 1 or more, such as 8.")
    if not getattr(model.config, "freeze_quantizer", True):
        raise ValueError(
            "the quantizer of this model is not frozen: its codebooks move in training, and LoRA "
            "does not save them; set freeze_quantizer=true (--config_overrides, or "
            "model.freeze_quantizer()), or train without LoRA."
        )
    targets, whole = TARGETS.get(model.config.model_type, (None, None))
    if model.config.model_type == "hyperbolic_cnn" and model.config.geometry == "euclidean":
        names = {name.rpartition(".")[2] for name, _ in model.named_modules()}
        targets = sorted(names & {"stem", "conv", "linear"})
    targets = [*target_modules] or targets
    if targets is not None:
        _require_layers(model, targets)
    has_quantizer = any(FROZEN in name.split(".") for name, _ in model.named_modules())
    options = LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=targets,
        exclude_modules=rf"(.*\.)?{FROZEN}\..*" if has_quantizer else None,
        modules_to_save=whole,
    )
    return get_peft_model(model, options)


def _require_layers(model: PreTrainedModel, names: Sequence[str]) -> None:
    paths = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | nn.Conv1d) and FROZEN not in name.split(".")
    ]
    layers = {path.rpartition(".")[2] for path in paths}
    missing = sorted(
        name for name in {*names} if not any(f".{path}".endswith(f".{name}") for path in paths)
    )
    if missing:
        raise ValueError(
            f"no layer of {type(model).__name__} is named {', '.join(missing)}; its linear layers "
            f"and convolutions are named {', '.join(sorted(layers))}."
        )


def merge_lora(model: Any, folder: str | Path, *, save: bool = True) -> PreTrainedModel:
    """The trained model without LoRA layers: their products are in its weights.

    Args:
        model: of `with_lora`.
        folder: where the layers alone are saved, a few megabytes; `PeftModel.from_pretrained` puts
            them on the model that training began with.
        save: False for a process that writes nothing.
    """
    if save:
        model.save_pretrained(str(folder))
    merged: PreTrainedModel = model.merge_and_unload()
    return merged
