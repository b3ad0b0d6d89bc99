"""An average of the weights of the last steps, which is what is validated and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model, save_model
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

LAST_WEIGHTS = "last_weights.safetensors"


class WeightAverage:
    """Exponential moving average of a model's parameters and buffers over the steps of training.

    It begins with the weights of the first step. From the next on it is `d average + (1 - d)
    weights`, where after n steps `d = min(decay, (1 + n) / (10 + n))`: it reaches over a ninth of
    the steps at first, later over `1 / (1 - decay)` of them, so that where training began is soon
    forgotten. Buffers are averaged as weights are: the running statistics of batch norms fit the
    averaged weights. So are points of a hyperboloid, which are kept as space components: the
    average is a point again.

    Args:
        model: the model in training, without the wrappers of distributed training.
        decay: above 0 and below 1.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = model
        self._average = AveragedModel(model, multi_avg_fn=_moving(decay), use_buffers=True)

    def update(self) -> None:
        """Takes the weights of a step into the average."""
        self._average.update_parameters(self.model)

    @torch.no_grad()
    def swap(self) -> None:
        """Puts the average into the model, and keeps the model's weights in its place; the next
        call puts them back."""
        other: nn.Module = self._average.module
        for x, y in zip(_tensors(self.model), _tensors(other), strict=True):
            kept = x.clone()
            x.copy_(y)
            y.copy_(kept)

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """The model has the average within, and its own weights again after."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def save_last_weights(self, folder: str | Path) -> None:
        """While swapped: writes what to go on from beside the averaged weights."""
        save_model(self._average, str(Path(folder) / LAST_WEIGHTS))

    def resume(self, folder: str | Path) -> None:
        """Goes on from a checkpoint of whose averaged weights the model has been loaded.

        Raises:
            ValueError: the checkpoint is of training without an average.
        """
        file = Path(folder) / LAST_WEIGHTS
        if not file.is_file():
            raise ValueError(
                f"{folder} has no {LAST_WEIGHTS}: its run did not average weights, or saved the "
                "model alone (--save_only_model). Without an average go on by --averaging_decay 0, "
                "as it was trained; else begin anew in another folder."
            )
        load_model(self._average, str(file))
        self.swap()


def _moving(decay: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]:
    """How `AveragedModel` takes new tensors of one dtype into their averages after `steps`."""

    @torch.no_grad()
    def update(averages: Sequence[Tensor], weights: Sequence[Tensor], steps: Any) -> None:
        n = int(steps)
        d = min(decay, (1 + n) / (10 + n))
        for average, x in zip(averages, weights, strict=True):
            if average.is_floating_point():
                average.lerp_(x, 1 - d)
            else:  # a count
                average.copy_(x)

    return update


def _tensors(model: nn.Module) -> Iterator[Tensor]:
    return chain(model.parameters(), model.buffers())


def refuse_sharded_weights(trainer: Any) -> None:
    """Raises a `ValueError` where no process has all weights."""
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        raise ValueError(
            f"recipe {trainer.recipe.name!r} averages weights over steps, which FSDP and DeepSpeed "
            "split among processes; set --averaging_decay 0."
        )
