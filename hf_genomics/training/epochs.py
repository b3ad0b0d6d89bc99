"""Tells data sets that draw at random which epoch it is."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback


class EpochsOfDraws(TrainerCallback):
    """Calls `set_epoch` of a training set that is read by index, before it is read.

    `Trainer` leaves it to the loader of accelerate, which calls it in one process but not in
    several.
    """

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Sets the epoch, also that in the middle of which a resumed run goes on."""
        dataset = self.trainer.train_dataset
        if hasattr(dataset, "set_epoch") and hasattr(dataset, "__getitem__"):
            dataset.set_epoch(int(state.epoch or 0))
