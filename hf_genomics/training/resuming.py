"""Going on from a checkpoint behind which there is nothing left to train."""

from __future__ import annotations

import time
from typing import Any

from transformers import IntervalStrategy, Trainer, TrainerCallback
from transformers.trainer_callback import ExportableState

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


class SavesAfterEpochs(TrainerCallback):
    """Puts off a save at the last step of an epoch until the epoch's evaluation is done.

    A run that goes on from such a checkpoint begins the next epoch, and would never have evaluated
    this one: early stopping would count another number of them.
    """

    def __init__(self) -> None:
        self.is_put_off = False

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        is_last = state.epoch is not None and abs(state.epoch - round(state.epoch)) < 1e-9
        if control.should_save and is_last and args.eval_strategy == IntervalStrategy.EPOCH:
            control.should_save, self.is_put_off = False, True

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.is_put_off:
            control.should_save, self.is_put_off = True, False


class TrainingClock(TrainerCallback, ExportableState):
    """Seconds of training up to a checkpoint, so that a run that goes on from it counts them."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._before, self._start = 0.0, time.perf_counter()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        saved = state.stateful_callbacks.get(type(self).__name__, {}) if state.global_step else {}
        self._before = saved.get("attributes", {}).get("seconds", 0.0)
        self._start = time.perf_counter()

    def state(self) -> dict[str, Any]:
        self.seconds = self._before + time.perf_counter() - self._start
        return {"args": {}, "attributes": {"seconds": self.seconds}}

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        state.stateful_callbacks[type(self).__name__] = self.state()


def training_seconds(trainer: Trainer) -> float | None:
    """Seconds of the training that is behind a trainer; None where nobody took the time."""
    states: Any = trainer.state.stateful_callbacks
    saved = states.get(TrainingClock.__name__)
    return round(saved["attributes"]["seconds"], 4) if saved else None


class ExactResumeTrainer(Trainer):
    """`Trainer` that trains no step more when it goes on from the last checkpoint of a run.

    `Trainer` looks at the number of steps only after a step, and so would take one beyond it. Its
    training set knows the epoch that it goes on in, no evaluation is lost between epochs, and the
    time that was taken before is counted.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._nothing_left = NothingLeft()
        self.add_callback(self._nothing_left)
        self.add_callback(EpochsOfDraws(self))
        self.add_callback(SavesAfterEpochs())
        self.add_callback(TrainingClock())

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        """The batches of the next step, none if there is nothing left to train."""
        if self._nothing_left.is_done:
            return [], None
        return super().get_batch_samples(*args, **kwargs)

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        # `Trainer` takes it that every callback was there when the checkpoint gone on from was made
        states: Any = self.state.stateful_callbacks
        for callback in self.callback_handler.callbacks:
            if isinstance(callback, ExportableState):
                states.setdefault(type(callback).__name__, callback.state())
        super()._save_checkpoint(*args, **kwargs)
