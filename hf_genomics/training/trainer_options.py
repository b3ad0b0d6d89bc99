"""What every command line of training says of options of Transformers' `Trainer`."""

from __future__ import annotations

import math
import os
import re
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from transformers import TrainingArguments
from transformers.integrations import get_available_reporting_integrations
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

from hf_genomics.evaluation.metrics import LOWER_IS_BETTER

# Options that nothing good comes of in any script: the value that they keep, and why.
UNSUPPORTED: dict[str, tuple[Any, str]] = {
    "prediction_loss_only": (False, "the scores are computed from predictions"),
    "eval_do_concat_batches": (True, "the scores are those of all batches of a split together"),
    "batch_eval_metrics": (False, "the scores are those of all batches of a split together"),
    "remove_unused_columns": (False, "the sequences are such a column: no model takes text"),
    "neftune_noise_alpha": (None, "most models here have no table of embeddings to add noise to"),
}
UNSUPPORTED_IN_PRETRAINING = UNSUPPORTED | {
    "label_names": (None, "the labels are made of the sequences"),
    "label_smoothing_factor": (0.0, "the loss is the model's own, which is not smoothed"),
}

# Services that Transformers knows and may not count as installed (azure_ml beside mlflow, say).
NOT_LOOKED_FOR = ("azure_ml", "flyte")


def unsupported(
    training: TrainingArguments, options: Mapping[str, tuple[Any, str]]
) -> Iterator[str]:
    """What is said of options that have another value than the one they keep."""
    for name, (kept, why) in options.items():
        if getattr(training, name) != kept:
            yield f"--{name} is {getattr(training, name)}, but {why}; leave it out"
    if training.train_sampling_strategy not in ("random", "sequential"):
        yield (
            f"--train_sampling_strategy {training.train_sampling_strategy} needs the number of "
            "tokens of each row, but rows are tokenized when they are read; use random or "
            "sequential"
        )


def refuse_partial_evaluation(training: TrainingArguments) -> None:
    """For trainers that score a split as a whole, whatever script or notebook they are made in.

    Raises:
        ValueError: batches are to be scored or kept apart.
    """
    whole = ("eval_do_concat_batches", "batch_eval_metrics")
    for name in whole:
        kept, why = UNSUPPORTED[name]
        if getattr(training, name) != kept:
            raise ValueError(f"{name} is {getattr(training, name)}, but {why}; leave it out.")


def refuse_data_parallel(training: TrainingArguments) -> None:
    """For trainers of models that tell means of a batch, which `nn.DataParallel` strings together.

    Raises:
        ValueError: `Trainer` would use it: there are several GPUs and one process.
    """
    if training.n_gpu > 1:
        raise ValueError(
            f"one process would train on {training.n_gpu} GPUs by nn.DataParallel, which mixes up "
            "what this model tells of a batch; start one process for each (torchrun "
            f"--nproc_per_node {training.n_gpu}, or accelerate launch), or show it one GPU by "
            "CUDA_VISIBLE_DEVICES=0."
        )


def out_of_bounds(training: TrainingArguments, as_it_is: str) -> Iterator[str]:
    """What is said of numbers that no training can have.

    They would end in a traceback when the data have been read; or, of epochs and steps, in a model
    that is scored and saved as it was drawn.

    Args:
        training: as the command line has it.
        as_it_is: how a trained model is scored without training.
    """
    for name in (
        "per_device_train_batch_size",
        "per_device_eval_batch_size",
        "gradient_accumulation_steps",
    ):
        if getattr(training, name) < 1:
            yield f"--{name} is {getattr(training, name)}; give 1 or more"
    if not 0 <= training.learning_rate < math.inf:
        yield f"--learning_rate is {training.learning_rate}; give 0 or a positive number"
    if not 0 <= training.label_smoothing_factor < 1:
        yield (
            f"--label_smoothing_factor is {training.label_smoothing_factor}; give 0 (none) or a "
            "number below 1"
        )
    if training.do_train and training.max_steps == 0:
        yield f"--max_steps is 0; give a positive number, or leave it out; {as_it_is}"
    counts_epochs = training.do_train and training.max_steps < 0
    if counts_epochs and not 0 < training.num_train_epochs < math.inf:
        yield (
            f"--num_train_epochs is {training.num_train_epochs}; give a positive number; {as_it_is}"
        )


def missing_reporters(training: TrainingArguments) -> Iterator[str]:
    """What is said of services to report to that are unknown, or whose package is not installed.

    `Trainer` itself says it in a traceback, when the data have been read.
    """
    installed = get_available_reporting_integrations()
    for name in training.report_to or ():  # a list, whatever was given
        if name not in INTEGRATION_TO_CALLBACK:
            known = ", ".join(sorted(INTEGRATION_TO_CALLBACK))
            yield f"--report_to {name} is unknown; choose none, all or some of {known}"
        elif name not in (*installed, *NOT_LOOKED_FOR):
            yield f"--report_to {name} needs a package that is not installed; install that"


def check_pretraining(
    parser: ArgumentParser,
    command: Sequence[str],
    training: TrainingArguments,
    *,
    metrics: Sequence[str],
    as_it_is: str,
) -> None:
    """What the scripts that train without labels ask alike of their command line.

    Exits with a message where it cannot be done, and has the best checkpoint be the one with the
    lowest loss or the highest score, unless the command says `--greater_is_better`.

    Args:
        parser: of the script.
        command: what it has read.
        training: what it has made of it.
        metrics: names of what an evaluation reports, with `<level>` for the number of a level.
        as_it_is: how a trained model is scored without training.
    """
    problems = unsupported(training, UNSUPPORTED_IN_PRETRAINING)
    for problem in (*problems, *out_of_bounds(training, as_it_is), *missing_reporters(training)):
        parser.error(problem)
    if not training.do_train:
        parser.error(f"--do_train is False, but this script trains; {as_it_is}")
    metric = training.metric_for_best_model
    if metric is None:
        return
    if plain_name(metric) not in metrics:
        parser.error(
            f"--metric_for_best_model is {metric!r}, but an evaluation reports "
            f"{', '.join(metrics)}; give one of these"
        )
    # Transformers takes every name for a score that does not end in "loss"
    if parser.parse_args([*command]).greater_is_better is None:
        training.greater_is_better = is_better_when_greater(metric)


def is_better_when_greater(metric: str | None) -> bool:
    """False of a loss or an error, which the recipes' default for the MCC must not outlive."""
    return plain_name(str(metric)) not in LOWER_IS_BETTER


def plain_name(metric: str) -> str:
    """Without the prefix of evaluations, and of any level: `code_loss_<level>`."""
    return re.sub(r"_\d+$", "_<level>", metric.removeprefix("eval_"))


def require_level(training: TrainingArguments, num_levels: int) -> None:
    """Refuses a metric of a level that the model does not have: its first evaluation would fail.

    Raises:
        ValueError: says which levels there are.
    """
    level = re.search(r"_(\d+)$", str(training.metric_for_best_model))
    if level is not None and int(level[1]) >= num_levels:
        raise ValueError(
            f"metric_for_best_model is {training.metric_for_best_model!r}, but of the {num_levels} "
            f"levels of this model the last is {num_levels - 1}."
        )


def require_batch(training: TrainingArguments, num_rows: int) -> None:
    """Refuses training rows that would all be left out, for they fill no batch.

    Raises:
        ValueError: says how many rows there are, and how many a batch has.
    """
    size = training.train_batch_size * training.world_size
    if training.do_train and training.dataloader_drop_last and num_rows < size:
        raise ValueError(
            f"there are {num_rows} training rows, fewer rows than a batch of {size}, and "
            "--dataloader_drop_last true leaves out what fills no batch: lower "
            "--per_device_train_batch_size, or leave --dataloader_drop_last out."
        )


def require_one_group(training: TrainingArguments) -> None:
    """Processes that do not know of one another would all write to `output_dir`."""
    launched = int(os.environ.get("WORLD_SIZE", "1"))
    if training.world_size != launched:
        raise ValueError(
            f"{launched} processes were launched, but the Trainer knows of {training.world_size}: "
            "pass --use_cpu where there is no GPU for each, or launch fewer."
        )
