"""What the record of every training says: how far it came, and what it was made by."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from transformers import Trainer, TrainingArguments
from transformers.trainer_utils import TrainOutput

from hf_genomics.evaluation.results import command_line, package_versions
from hf_genomics.training.resuming import training_seconds


def training_results(
    trainer: Trainer, trained: TrainOutput, checkpoint: str | None
) -> dict[str, Any]:
    """Loss, time and length of a training that went on from `checkpoint`, or began.

    `train_loss` is of the whole run, of its log where it was resumed. `train_seconds` counts what
    was trained before a checkpoint up to it, and is since the last start where the checkpoint does
    not say.
    """
    return {
        "train_loss": trained.training_loss if checkpoint is None else logged_loss(trainer),
        "train_seconds": training_seconds(trainer) or trained.metrics["train_runtime"],
        "resumed_from": checkpoint,
        "epochs": trainer.state.epoch,
        "steps": trainer.state.global_step,
    }


def logged_loss(trainer: Trainer) -> float | None:
    """Mean training loss over the steps up to the last that is in the log; None where none is."""
    total = step = 0.0
    for entry in trainer.state.log_history:
        if "loss" in entry:  # the mean since the entry before
            total += entry["loss"] * (entry["step"] - step)
            step = entry["step"]
    return total / step if step else None


def provenance(
    training: TrainingArguments, *, commit: str | None, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Arguments, seed, code, libraries and hardware of a run.

    Args:
        training: of the `Trainer`.
        commit: of the code that runs: asked for before training, for what is checked out at the end
            may be another.
        arguments: dataclasses of the command line by the name that they are recorded by.
    """
    return {
        **{name: asdict(given) for name, given in arguments.items()},
        "seed": training.seed,
        "num_processes": training.world_size,
        "commit": commit,
        "command": command_line(),
        "versions": package_versions(),
        "hardware": _hardware(training.device),
    }


def _hardware(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    count = torch.get_num_threads()
    threads = "1 thread" if count == 1 else f"{count} threads"
    return f"{platform.machine()} {device.type.upper()}, {threads}"
