"""A Trainer that reports how a quantizer's codes are used while it learns."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import EvalPrediction

from hf_genomics.models.vqdna.hierarchical_quantization import code_counts
from hf_genomics.training.pushing import CompletePushTrainer


class VQDNAQuantizerTrainer(CompletePushTrainer):
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
        self._sums: defaultdict[str, Tensor | float] = defaultdict(float)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Tensor | Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """As in `Trainer`; remembers what is logged."""
        loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        if model.training:
            with torch.no_grad():
                self._remember(inputs["input_ids"], outputs)
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Logs, with the means since the last time beside every training loss."""
        if "loss" in logs:
            batches = float(self._sums.pop("batches", 0.0))
            logs.update({name: float(total) / batches for name, total in self._sums.items()})
            self._sums.clear()
        super().log(logs, *args, **kwargs)

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

    def _remember(self, ids: Tensor, outputs: Any) -> None:
        known = (ids >= 0) & (ids < 4)
        right = (outputs.logits.argmax(2) == ids) & known
        self._sums["accuracy"] += right.sum() / known.sum().clamp_min(1)
        for name in ("reconstruction_loss", "commitment_loss"):
            self._sums[name] += outputs[name].detach()
        for level, value in enumerate(outputs.codebook_perplexity):
            self._sums[f"perplexity_{level}"] += value
        self._sums["batches"] += 1

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
