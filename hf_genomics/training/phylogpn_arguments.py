"""The command line of `examples/pretrain_phylogpn.py`: arguments, help and defaults."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from transformers import HfArgumentParser, TrainingArguments

from hf_genomics.training.trainer_options import check_pretraining, require_one_group

SELECTION_METRIC = "log_likelihood_per_site"

# What a small network trained from random weights needs; the published one was trained with a
# constant 1e-5 and no decay for far longer.
DEFAULTS = {
    "learning_rate": 1e-3,
    "weight_decay": 0.01,
    "lr_scheduler_type": "cosine",
    "warmup_steps": 0.05,
    "max_grad_norm": 1.0,
    "per_device_train_batch_size": 8,
    "per_device_eval_batch_size": 8,
    "num_train_epochs": 10,
    "eval_strategy": "epoch",
    "save_strategy": "epoch",
    "logging_steps": 50,
    "load_best_model_at_end": True,
    "metric_for_best_model": SELECTION_METRIC,
    "save_total_limit": 1,
    "report_to": "none",
    "do_train": True,
    "remove_unused_columns": False,  # the collator needs columns that no model takes
    "dataloader_pin_memory": torch.cuda.is_available(),
    # Without this, processes started on a machine without a GPU do not find one another.
    "use_cpu": not torch.accelerator.is_available(),
}


@dataclass
class PhyloGPNArguments:
    """Which network to start from."""

    config_overrides: str = field(
        default="",
        metadata={
            "help": "Fields of PhyloGPNConfig for a network with random weights, as "
            "outer_dim=256,inner_dim=128,num_stacks=10."
        },
    )
    model_name_or_path: str | None = field(
        default=None,
        metadata={
            "help": "Instead: folder or Hub id of a trained network to go on from; its tree is "
            "replaced by the data set's."
        },
    )


@dataclass
class AlignmentArguments:
    """Which columns, and how they are read."""

    dataset_name: str = field(
        metadata={"help": "Folder (or Hub id) that `hf-genomics build-alignment` has written."}
    )
    held_out: list[str] = field(
        default_factory=list,
        metadata={"help": "Loci or chromosomes kept from training, or stretches NAME:START-END."},
    )
    validation: list[str] = field(
        default_factory=list,
        metadata={"help": "The same: kept from training, and used to select the best checkpoint."},
    )
    window: int = field(default=1024, metadata={"help": "Sites of one training example."})
    reverse_complement_probability: float = field(
        default=0.5, metadata={"help": "Share of training examples read from the other strand."}
    )
    other_references: float = field(
        default=0.0,
        metadata={
            "help": "Share of training examples whose input is another leaf's sequence, at the "
            "reference's sites; the likelihood is then conditional on that leaf. Helps where the "
            "reference is short."
        },
    )
    name_weights: list[str] = field(
        default_factory=list,
        metadata={
            "help": "Weights of the sites of a chromosome or locus, as chrX=0.75 chrY=0.25; "
            "1 for those not named."
        },
    )

    def weights(self) -> dict[str, float]:
        """`name_weights` as numbers.

        Raises:
            ValueError: One is no pair, no number, negative, or given twice.
        """
        weights: dict[str, float] = {}
        for pair in self.name_weights:
            name, equals, text = pair.rpartition("=")
            try:
                weight = float(text)
            except ValueError:
                weight = float("nan")
            if not equals or not name or not 0 <= weight < float("inf"):
                raise ValueError(
                    f"--name_weights has {pair!r}; write NAME=WEIGHT with a weight of 0 or more, "
                    "as chrX=0.75."
                )
            if name in weights:
                raise ValueError(f"--name_weights names {name} twice; give it one weight.")
            weights[name] = weight
        return weights


def parse_phylogpn_arguments(
    command: Sequence[str], description: str | None = None
) -> tuple[PhyloGPNArguments, AlignmentArguments, TrainingArguments]:
    """Reads a command line.

    Exits with a message, as argparse does, where arguments are unknown or contradict one another.
    """
    parser = HfArgumentParser(
        [PhyloGPNArguments, AlignmentArguments, TrainingArguments],  # type: ignore[list-item]
        description=description,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(**DEFAULTS)
    model, data, training = parser.parse_args_into_dataclasses([*command])
    if model.model_name_or_path is not None and model.config_overrides:
        parser.error("--config_overrides is for random weights; a trained network keeps its shape")
    if training.eval_strategy != "no" and not data.validation:
        parser.error(
            "name loci or stretches to select the best checkpoint on with --validation, or pass "
            "--eval_strategy no --load_best_model_at_end false"
        )
    if data.window < 1:
        parser.error(f"--window is {data.window}; an example has at least one site")
    check_pretraining(
        parser,
        command,
        training,
        metrics=[SELECTION_METRIC],
        as_it_is="examples/evaluate_phylogpn.py measures a trained network as it is",
    )
    require_one_group(training)
    return model, data, training
