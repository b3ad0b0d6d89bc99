"""Early stopping that lets the learning rate arrive first, and says when it has stopped."""

from __future__ import annotations

import logging
from typing import Any

from transformers import EarlyStoppingCallback

logger = logging.getLogger(__name__)


class EarlyStopping(EarlyStoppingCallback):
    """`EarlyStoppingCallback` that counts no evaluation before the learning rate has warmed up.

    With few rows the warm-up of a recipe is many epochs long, in which a model hardly moves: it
    would be stopped before it has been trained. Scores of the warm-up still count as best scores.
    """

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Counts from 0 in a new training; asks to stop at once where the checkpoint gone on from
        was the one stopped at."""
        super().on_train_begin(args, state, control, **kwargs)
        if state.global_step == 0:  # the same trainer may train again
            self.early_stopping_patience_counter = 0
        if self.early_stopping_patience_counter >= self.early_stopping_patience:
            control.should_training_stop = True

    def on_evaluate(self, args: Any, state: Any, control: Any, *given: Any, **kwargs: Any) -> None:
        """Counts evaluations without a better score, and asks to stop after too many."""
        asked_before = control.should_training_stop
        super().on_evaluate(args, state, control, *given, **kwargs)
        if state.global_step <= args.get_warmup_steps(state.max_steps):
            self.early_stopping_patience_counter = 0
            control.should_training_stop = asked_before
        elif control.should_training_stop and not asked_before and state.is_world_process_zero:
            logger.warning(
                "Training stopped after epoch %g of %g: %s has not been better than %s in %d "
                "evaluations. --early_stopping_patience N waits longer, 0 for ever.",
                round(state.epoch or 0, 2),
                state.num_train_epochs,
                args.metric_for_best_model,
                "ever" if state.best_metric is None else f"{state.best_metric:.4f}",
                self.early_stopping_patience,
            )
