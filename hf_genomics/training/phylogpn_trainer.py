"""A Trainer that evaluates by the conditional log-likelihood per site."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import EvalPrediction

from hf_genomics.evaluation.model_likelihood import site_log_likelihoods, without_labels
from hf_genomics.training.label_smoothing import refuse_label_smoothing
from hf_genomics.training.optimizers import BIAS_NAMES, norm_parameters
from hf_genomics.training.phylogpn_arguments import SELECTION_METRIC
from hf_genomics.training.pushing import CompletePushTrainer
from hf_genomics.training.trainer_options import refuse_partial_evaluation


class PhyloGPNTrainer(CompletePushTrainer):
    """`Trainer` for a `PhyloGPNForMaskedLM`.

    The training loss is Trainer's: a mean over the counted sites of all batches and processes of an
    optimizer step. Evaluation reports `log_likelihood_per_site`, the mean over all sites of the
    split, whatever their weights in training and however they fall into batches, in natural units,
    and their number `sites`.

    Args:
        model: the model.
        args: `TrainingArguments`.
        eval_collator: makes batches for evaluation, as a rule without reverse complement;
            `data_collator` if None.
        kwargs: as for `Trainer`, without `compute_metrics`.

    Raises:
        ValueError: `args` ask for label smoothing, or have batches scored apart.
    """

    def __init__(
        self, model: Any = None, args: Any = None, *, eval_collator: Any = None, **kwargs: Any
    ) -> None:
        refuse_label_smoothing(args)
        if args is not None:
            refuse_partial_evaluation(args)
        super().__init__(model=model, args=args, compute_metrics=mean_over_sites, **kwargs)
        self.eval_collator = eval_collator or self.data_collator

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader:
        """As in `Trainer`, with `eval_collator`."""
        with self._evaluating():
            return super().get_eval_dataloader(eval_dataset)

    def get_test_dataloader(self, test_dataset: Any) -> DataLoader:
        """As in `Trainer`, with `eval_collator`."""
        with self._evaluating():
            return super().get_test_dataloader(test_dataset)

    def get_decay_parameter_names(self, model: nn.Module) -> list[str]:
        """All but biases and norms; `Trainer` takes `norm1` and its like for weights."""
        norms = set(map(id, norm_parameters(model)))
        return [
            name
            for name, parameter in model.named_parameters()
            if id(parameter) not in norms and name.rpartition(".")[2] not in BIAS_NAMES
        ]

    def prediction_step(
        self,
        model: Any,
        inputs: dict[str, Tensor | Any],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Sums of log-likelihoods (B,) as predictions, numbers of sites (B,) as labels."""
        inputs = self._prepare_inputs(inputs)
        labels = inputs["labels"]
        with torch.no_grad(), self.compute_loss_context_manager():
            logits = model(**without_labels(inputs)).logits
        sums = site_log_likelihoods(self.accelerator.unwrap_model(model), logits, labels).sum(-1)
        return None, sums, (labels != -100).any(-1).sum(-1)

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        data_collator, self.data_collator = self.data_collator, self.eval_collator
        try:
            yield
        finally:
            self.data_collator = data_collator


def mean_over_sites(prediction: EvalPrediction) -> dict[str, float]:
    """`compute_metrics`: sums and numbers of sites of each window to their mean."""
    sums, sites = np.asarray(prediction.predictions), np.asarray(prediction.label_ids)
    return {SELECTION_METRIC: float(sums.sum() / sites.sum()), "sites": int(sites.sum())}
