"""A Trainer that reports what a masked language model of DNA predicts, nucleotides and codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import EvalPrediction

from hf_genomics.training.label_smoothing import refuse_label_smoothing
from hf_genomics.training.logged_means import LoggedMeansTrainer
from hf_genomics.training.trainer_options import (
    refuse_data_parallel,
    refuse_partial_evaluation,
    require_level,
)

IGNORED = -100
NUM_BASES = 4


class VQDNALanguageModelTrainer(LoggedMeansTrainer):
    """`Trainer` for a `VQDNAForMaskedLM`, or a model with its outputs.

    With the training loss it logs `nucleotide_loss`, `code_loss_i` of each level (nats) and
    `accuracy` (share of the masked nucleotides that are predicted right). Evaluation reports the
    same over the whole split, each masked nucleotide and code counted once, and `perplexity`, the
    exponential of `nucleotide_loss`: 4 for a guess. Only A, C, G and T compete, for nothing else is
    ever masked; the model's own `nucleotide_loss`, a part of `loss`, has every id compete and is
    above this one.

    Args:
        model: the model.
        args: `TrainingArguments`.
        kwargs: as for `Trainer`, without `compute_metrics`.

    Raises:
        ValueError: `args` ask for label smoothing, choose the best model by a level that it does
            not have, have batches scored apart, or are of one process with several GPUs; or there
            is a `compute_loss_func`.
    """

    def __init__(self, model: Any = None, args: Any = None, **kwargs: Any) -> None:
        refuse_label_smoothing(args)
        if kwargs.get("compute_loss_func") is not None:
            raise ValueError(
                "compute_loss_func is given, but what is logged and evaluated are the losses that "
                "the model computes from the labels; leave it out, or use Trainer."
            )
        if args is not None:
            refuse_partial_evaluation(args)
            refuse_data_parallel(args)
        if args is not None and model is not None:
            require_level(args, num_levels(model))
        super().__init__(model=model, args=args, compute_metrics=measures, **kwargs)

    def batch_measures(
        self, inputs: Mapping[str, Tensor | Any], outputs: Any
    ) -> Mapping[str, Tensor | float]:
        """Means over the masked nucleotides and codes of a batch."""
        return measures_of(sums_of(outputs, inputs["labels"]).sum(0))

    def prediction_step(
        self,
        model: Any,
        inputs: dict[str, Tensor | Any],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
    ) -> tuple[Tensor | None, Any, Tensor | None]:
        """Predictions are the sums of each row, see `sums_of`."""
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            outputs = model(**inputs)
        sums = sums_of(outputs, inputs["labels"])
        return outputs.loss.detach(), sums, inputs["labels"][:, :1]


def num_levels(model: Any) -> int:
    """Of the codes that the model reads; k-mers, which it may be compared with, are of one."""
    quantizer = getattr(model.config, "quantizer_config", None)
    return 1 if quantizer is None else len(quantizer.codebook_sizes)


def sums_of(outputs: Any, labels: Tensor) -> Tensor:
    """What is predicted of each row: `(B, 4 + Q)` float64.

    Columns: masked nucleotides, those predicted right, their nats, masked codes, and for each level
    the nats of these.
    """
    logits = outputs.logits[..., :NUM_BASES].float()
    # as the model reads them: what is no base is not predicted, as a masked N
    labels = torch.where((labels >= 0) & (labels < NUM_BASES), labels, IGNORED)
    is_masked = labels != IGNORED
    count = is_masked.sum(1)
    right = ((logits.argmax(2) == labels) & is_masked).sum(1)
    nats = F.cross_entropy(
        logits.transpose(1, 2), labels, ignore_index=IGNORED, reduction="none"
    ).sum(1)
    masked_codes = getattr(outputs, "masked_codes", None)
    if masked_codes is None:  # code that an older folder brought along does not tell
        masked_codes = count
    # a batch's mean, which its rows share by what they have masked
    codes = masked_codes[:, None] * outputs.code_losses[None].float()
    return torch.cat([torch.stack([count, right, nats, masked_codes], 1), codes], 1).double()


def measures_of(sums: Tensor) -> dict[str, float]:
    """Means from the sums `(4 + Q,)` of `sums_of`."""
    count, right, nats, masked_codes, *codes = sums.tolist()
    count, masked_codes = max(count, 1.0), max(masked_codes, 1.0)
    result = {"accuracy": right / count, "nucleotide_loss": nats / count}
    return result | {
        f"code_loss_{level}": value / masked_codes for level, value in enumerate(codes)
    }


def measures(prediction: EvalPrediction) -> dict[str, float]:
    """Of a whole split."""
    sums = torch.from_numpy(np.asarray(prediction.predictions)).sum(0)
    result = measures_of(sums)
    return result | {"perplexity": float(np.exp(result["nucleotide_loss"]))}
