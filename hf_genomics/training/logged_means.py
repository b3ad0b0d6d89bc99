"""A Trainer that logs more than the loss: means of what each training batch tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hf_genomics.training.pushing import CompletePushTrainer


class LoggedMeansTrainer(CompletePushTrainer):
    """`Trainer` that logs the means since the last log, over this process, of `batch_measures`.

    Args:
        model: the model.
        args: `TrainingArguments`.
        kwargs: as for `Trainer`.
    """

    def __init__(self, model: Any = None, args: Any = None, **kwargs: Any) -> None:
        super().__init__(model=model, args=args, **kwargs)
        self._sums: defaultdict[str, Tensor | float] = defaultdict(float)

    def batch_measures(
        self, inputs: Mapping[str, Tensor | Any], outputs: Any
    ) -> Mapping[str, Tensor | float]:
        """What is logged of a training batch, by name; nothing, until a trainer says more."""
        return {}

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
                for name, value in self.batch_measures(inputs, outputs).items():
                    self._sums[name] += value
                self._sums["batches"] += 1
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Logs, with the means since the last time beside every training loss."""
        if "loss" in logs:
            batches = float(self._sums.pop("batches", 0.0))
            logs.update({name: float(total) / batches for name, total in self._sums.items()})
            self._sums.clear()
        super().log(logs, *args, **kwargs)
