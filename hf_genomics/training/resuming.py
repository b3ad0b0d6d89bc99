"""Going on from a checkpoint behind which there is nothing left to train."""

from __future__ import annotations

from typing import Any

from transformers import Trainer, TrainerCallback

from .epochs import EpochsOfDraws


class NothingLeft(TrainerCallback):
    """Knows whether training begins at its end: a run was killed after its last checkpoint, before
    it had saved its model."""

    def __init__(self) -> None:
        self.is_done = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.is_done = state.global_step >= state.max_steps

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        # Early stopping may have asked for the end before anything was trained.
        self.is_done = self.is_done or control.should_training_stop

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.is_done:  # what the end of an epoch asks for was done before the checkpoint
            control.should_log = control.should_evaluate = control.should_save = False
            control.should_training_stop = True


class ExactResumeTrainer(Trainer):
    """`Trainer` that trains no step more when it goes on from the last checkpoint of a run.

    `Trainer` looks at the number of steps only after a step, and so would take one beyond it. And
    whose training set knows the epoch that it goes on in.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._nothing_left = NothingLeft()
        self.add_callback(self._nothing_left)
        self.add_callback(EpochsOfDraws(self))

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        """The batches of the next step, none if there is nothing left to train."""
        if self._nothing_left.is_done:
            return [], None
        return super().get_batch_samples(*args, **kwargs)
