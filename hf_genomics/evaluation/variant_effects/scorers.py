"""From a model to the scores of substitutions.

`VariantScorer` is all the rest of the package knows of a model. `scorer_of` finds the one for a
model of the families; a class of your own with the same attributes can be passed in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from hf_genomics.data.indexed_genome import IndexedGenome
from hf_genomics.evaluation.devices import usable_device
from hf_genomics.evaluation.loaded_weights import load_whole
from hf_genomics.evaluation.variant_effects.alleles import Substitutions
from hf_genomics.evaluation.variant_effects.classifier_scorer import ClassifierScorer
from hf_genomics.evaluation.variant_effects.log_rate_scorer import LogRateScorer
from hf_genomics.evaluation.variant_effects.model_windows import without_adapters
from hf_genomics.evaluation.variant_effects.scores import Floats
from hf_genomics.models import FAMILIES

DEFAULTS = {"batch_size": 32, "rc_average": False, "embeddings": False, "window": None}
DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


@runtime_checkable
class VariantScorer(Protocol):
    """What scores substitutions.

    Attributes:
        columns: Name of each score to a sentence that describes it, in the order of the scores.
        context: Bases to the left and right of a site that its scores depend on.
        precision: numpy dtype of the scores in the output.
        identity: What tells this scorer from another one; a resumed run has to find it unchanged.
    """

    @property
    def columns(self) -> Mapping[str, str]: ...

    @property
    def context(self) -> tuple[int, int]: ...

    @property
    def precision(self) -> np.dtype[Any]: ...

    @property
    def identity(self) -> Mapping[str, Any]: ...

    def __call__(self, substitutions: Substitutions, genome: IndexedGenome) -> Floats:
        """Scores `(n, len(columns))` of the substitutions, in their order."""
        ...


def scorer_of(model: Any, **options: Any) -> VariantScorer:
    """The scorer of a model, or the scorer that was given.

    Args:
        model: A model of the families, or a `VariantScorer`.
        **options: As `LogRateScorer` and `ClassifierScorer` have them.

    Raises:
        ValueError: No score is defined for the model.
    """
    if not isinstance(model, torch.nn.Module):
        if isinstance(model, VariantScorer):
            given = [name for name, value in options.items() if value != DEFAULTS[name]]
            if given:
                raise ValueError(
                    f"{', '.join(given)} are options of a model; a scorer of your own takes its "
                    "options when it is made."
                )
            return model
        raise ValueError(
            f"{type(model).__name__} is neither a model nor a scorer: a scorer has columns, "
            "context, precision, identity and __call__(substitutions, genome), see VariantScorer."
        )
    plain = without_adapters(model)
    name, model_type = type(plain).__name__, getattr(model.config, "model_type", "")
    kinds = [kind.__name__ for kind in type(plain).__mro__]  # a subclass may have any name
    masked = any(kind.endswith("ForMaskedLM") for kind in kinds)
    # A base model has the log rates too, unless it was made for another head.
    has_rates = masked or getattr(plain, "rate_head", None) is not None
    if model_type == "phylogpn" and has_rates:
        return LogRateScorer(model, **options)
    classifier = "AutoModelForSequenceClassification"
    families = [family.model_type for family in FAMILIES if classifier in family.auto_classes]
    if model_type in families and any(kind.endswith("ForSequenceClassification") for kind in kinds):
        return ClassifierScorer(model, **options)
    raise ValueError(
        f"No variant score is defined for {name} (model_type {model_type!r}). Load "
        "PhyloGPNForMaskedLM or PhyloGPNModel (log rates), or a sequence classification model of "
        f"{', '.join(families)} (log odds), or pass an object with the attributes of VariantScorer."
    )


def load_model(
    name_or_path: str,
    *,
    device: str | None = None,
    dtype: str = "float32",
    trust_remote_code: bool = False,
) -> Any:
    """The model of a folder or of the Hub with the head that its scores need, ready to run.

    Raises:
        ValueError: The dtype is not one of `DTYPES`, PyTorch cannot use the device, or weights
            cannot be read, are missing or have another shape than the configuration says.
        OSError: There is no such model.
    """
    from transformers import AutoConfig, AutoModelForMaskedLM, AutoModelForSequenceClassification

    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}; give one of {', '.join(DTYPES)}.")
    where = usable_device(device)  # known before the weights are read
    trust = {"trust_remote_code": trust_remote_code}
    config = AutoConfig.from_pretrained(name_or_path, **trust)
    names = config.architectures or [""]
    classifier = names[0].endswith("ForSequenceClassification")
    if not classifier and config.model_type != "phylogpn":
        raise ValueError(
            f"No variant score is defined for {names[0] or 'the model'} in {name_or_path} "
            f"(model_type {config.model_type!r}): give a PhyloGPN, or a model fine-tuned for "
            "sequence classification."
        )
    auto = AutoModelForSequenceClassification if classifier else AutoModelForMaskedLM
    return load_whole(auto, name_or_path, dtype=DTYPES[dtype], **trust).to(where).eval()
