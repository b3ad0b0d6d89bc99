"""A Trainer that reports how a quantizer's codes are used while it learns."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import EvalPrediction, TrainingArguments

from hf_genomics.models.vqdna.hierarchical_quantization import code_counts, perplexity
from hf_genomics.models.vqdna.modeling_vqdna_quantizer import VQDNAQuantizerModel
from hf_genomics.training.logged_means import LoggedMeansTrainer
from hf_genomics.training.trainer_options import (
    refuse_data_parallel,
    refuse_partial_evaluation,
    require_level,
)


class VQDNAQuantizerTrainer(LoggedMeansTrainer):
    """`Trainer` for a `VQDNAQuantizerModel`.

    With the training loss it logs the means since the last log, over this process, of
    `reconstruction_loss`, `commitment_loss`, `accuracy` (share of nucleotides read back) and
    `perplexity_i` of each level's codes within a batch. Evaluation reports, over the whole split,
    `accuracy`, `cross_entropy` (nats per nucleotide), and for each level `active_i` (percent of its
    codes that occur) and `perplexity_i`.

    Args:
        model: the model.
        args: `TrainingArguments`.
        kwargs: as for `Trainer`, without `compute_metrics`.

    Raises:
        ValueError: `args` choose the best model by a level that it does not have, have batches
            scored apart, or are of one process with several GPUs.
    """

    def __init__(self, model: Any = None, args: Any = None, **kwargs: Any) -> None:
        if args is not None:
            refuse_partial_evaluation(args)
            refuse_data_parallel(args)
        if args is not None and model is not None:
            require_level(args, len(model.config.codebook_sizes))
        super().__init__(model=model, args=args, compute_metrics=self._usage, **kwargs)

    def batch_measures(
        self, inputs: Mapping[str, Tensor | Any], outputs: Any
    ) -> Mapping[str, Tensor | float]:
        """Means over the nucleotides of a batch."""
        ids = inputs["input_ids"]
        known = is_known(ids, inputs.get("attention_mask"))
        right = (outputs.logits.argmax(2) == ids) & known
        result = {"accuracy": right.sum() / known.sum().clamp_min(1)}
        for name in ("reconstruction_loss", "commitment_loss"):
            result[name] = outputs[name].detach()
        for level, value in enumerate(outputs.codebook_perplexity):
            result[f"perplexity_{level}"] = value
        return result

    def prediction_step(
        self,
        model: Any,
        inputs: dict[str, Tensor | Any],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
    ) -> tuple[Tensor | None, Any, Tensor | None]:
        """Predicts codes `(B, T, Q)`; labels are bases read back, entropy, bases `(B, 3)`.

        T is dimension 1, the one that `Trainer` pads where batches differ in length.
        """
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            outputs = model(**inputs)
        ids, logits = inputs["input_ids"], outputs.logits.float()
        known = is_known(inputs["input_ids"], inputs.get("attention_mask"))
        targets = torch.where(known, ids, -100)
        entropy = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none").sum(1)
        right = ((logits.argmax(2) == ids) & known).sum(1)
        sums = torch.stack([right.float(), entropy, known.sum(1).float()], 1)
        return outputs.loss.detach(), outputs.codes.transpose(1, 2).int().contiguous(), sums

    def _usage(self, prediction: EvalPrediction) -> dict[str, float]:
        codes = torch.from_numpy(np.asarray(prediction.predictions))  # padded with -100
        right, entropy, known = np.asarray(prediction.label_ids, np.float64).sum(0)
        result = {"accuracy": right / known, "cross_entropy": entropy / known}
        model = self.accelerator.unwrap_model(self.model)
        for level, size in enumerate(model.config.codebook_sizes):
            counts = code_counts(codes[:, :, level].clamp_min(-1).long(), size).double()
            result[f"active_{level}"] = 100.0 * float((counts > 0).double().mean())
            result[f"perplexity_{level}"] = float(perplexity(counts))
        return {name: float(value) for name, value in result.items()}


def check_warm_up(
    model: VQDNAQuantizerModel, training: TrainingArguments, num_examples: int | None
) -> None:
    """Refuses a run that ends before its codebooks are first set.

    Args:
        model: as the run begins; of one that is resumed, as it began.
        training: arguments of the run.
        num_examples: of all processes in an epoch; None for a stream.

    Raises:
        ValueError: the run has no pass after the warm-up.
    """
    config = model.config
    passes = int(model.training_steps) + training_passes(training, num_examples)
    if config.codebook_frozen or config.kmeans_warmup_steps == 0:
        return
    if passes <= config.kmeans_warmup_steps:
        raise ValueError(
            f"training ends after {passes} forward passes, but the codebooks are first set after "
            f"a warm-up of {config.kmeans_warmup_steps} (kmeans_warmup_steps); train for longer, "
            "or start from random weights with --config_overrides "
            f"kmeans_warmup_steps={passes // 2}."
        )


def training_passes(training: TrainingArguments, num_examples: int | None) -> int:
    """Forward passes of a process in a whole run, of which accumulation takes several a step.

    At most these: an epoch's last step accumulates what is left of the epoch.
    """
    each = training.gradient_accumulation_steps
    if num_examples is None:
        return training.max_steps * each
    together = training.train_batch_size * training.world_size
    batches = (
        num_examples // together if training.dataloader_drop_last else ceil(num_examples / together)
    )
    steps = max(1, ceil(batches / each))  # of an epoch
    total = training.max_steps
    if total <= 0:
        total = ceil(training.num_train_epochs * steps)
    epochs, rest = divmod(total, steps)
    return epochs * batches + rest * each


def is_known(ids: Tensor, attention_mask: Tensor | None) -> Tensor:
    """`(B, L)` bool: A, C, G or T, and there."""
    known = (ids >= 0) & (ids < 4)
    return known if attention_mask is None else known & (attention_mask != 0)
