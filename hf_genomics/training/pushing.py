"""Pushes to the Hub in the middle of training that are complete models, and hold no token."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from transformers.trainer_utils import HubStrategy

from hf_genomics.training.resuming import ExactResumeTrainer


class UnsavedToken(str):
    """A token that pushes as any other, but is None wherever it is read back from a file."""

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return type(None), ()

    # Copies within this process are by way of __reduce__ too, unless they are made here.
    def __copy__(self) -> UnsavedToken:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> UnsavedToken:
        return self


class CompletePushTrainer(ExactResumeTrainer):
    """`Trainer`, whose pushes of a checkpoint have the model's code beside the weights.

    Nothing that it pushes holds the token it pushes by.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.args.hub_token is not None:
            # `Trainer` saves its arguments as training_args.bin, and pushes that.
            self.args.hub_token = UnsavedToken(self.args.hub_token)

    def _push_from_checkpoint(self, checkpoint_folder: str) -> None:
        """Pushes as `Trainer` does, which takes weights and configuration from the checkpoint but
        leaves the code there."""
        if self.is_world_process_zero() and self.args.hub_strategy != HubStrategy.END:
            for file in Path(checkpoint_folder).glob("*.py"):
                shutil.copy(file, str(self.args.output_dir))
        super()._push_from_checkpoint(checkpoint_folder)
