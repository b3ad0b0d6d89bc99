"""A Trainer that reports how a quantizer's codes are used while it learns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import EvalPrediction

from hf_genomics.models.vqdna.hierarchical_quantization import code_counts
from hf_genomics.training.logged_means import LoggedMeansTrainer


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
    """

    def __init__(self, model: Any = None, args: Any = None, **kwargs: Any) -> None:
        super().__init__(model=model, args=args, compute_metrics=self._usage, **kwargs)

    def batch_measures(
        self, inputs: Mapping[str, Tensor | Any], outputs: Any
    ) -> Mapping[str, Tensor | float]:
        """Means over the nucleotides of a batch."""
        ids = inputs["input_ids"]
        known = (ids >= 0) & (ids < 4)
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
        """Predicts codes `(B, Q, T)`; labels are bases read back, entropy, bases `(B, 3)`."""
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            outputs = model(**inputs)
        ids, logits = inputs["input_ids"], outputs.logits.float()
        known = is_known(inputs["input_ids"], inputs.get("attention_mask"))
        targets = torch.where(known, ids, -100)
        entropy = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none").sum(1)
        right = ((logits.argmax(2) == ids) & known).sum(1)
        sums = torch.stack([right.float(), entropy, known.sum(1).float()], 1)
        return outputs.loss.detach(), outputs.codes.int(), sums

    def _usage(self, prediction: EvalPrediction) -> dict[str, float]:
        codes = torch.from_numpy(np.asarray(prediction.predictions))  # padded with -100
        right, entropy, known = np.asarray(prediction.label_ids, np.float64).sum(0)
        result = {"accuracy": right / known, "cross_entropy": entropy / known}
        model = self.accelerator.unwrap_model(self.model)
        for level, size in enumerate(model.config.codebook_sizes):
            counts = code_counts(codes[:, level].clamp_min(-1).long(), size).double()
            frequencies = counts / counts.sum().clamp_min(1)
            bits = -torch.special.xlogy(frequencies, frequencies).sum()
            result[f"active_{level}"] = 100.0 * float((counts > 0).double().mean())
            result[f"perplexity_{level}"] = float(bits.exp())
        return {name: float(value) for name, value in result.items()}


def is_known(ids: Tensor, attention_mask: Tensor | None) -> Tensor:
    """`(B, L)` bool: A, C, G or T, and there."""
    known = (ids >= 0) & (ids < 4)
    return known if attention_mask is None else known & (attention_mask != 0)
