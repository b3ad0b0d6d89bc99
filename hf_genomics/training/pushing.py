"""Pushes to the Hub in the middle of training that are complete models."""

from __future__ import annotations

import shutil
from pathlib import Path

from transformers.trainer_utils import HubStrategy

from hf_genomics.training.resuming import ExactResumeTrainer


class CompletePushTrainer(ExactResumeTrainer):
    """`Trainer`, whose pushes of a checkpoint have the model's code beside the weights."""

    def _push_from_checkpoint(self, checkpoint_folder: str) -> None:
        """Pushes as `Trainer` does, which takes weights and configuration from the checkpoint but
        leaves the code there."""
        if self.is_world_process_zero() and self.args.hub_strategy != HubStrategy.END:
            for file in Path(checkpoint_folder).glob("*.py"):
                shutil.copy(file, str(self.args.output_dir))
        super()._push_from_checkpoint(checkpoint_folder)
