"""The command line of `examples/train_vqdna_tokenizer.py`: arguments, help and defaults."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from transformers import HfArgumentParser, TrainingArguments

from hf_genomics.models.vqdna.configuration_vqdna_quantizer import PRESETS
from hf_genomics.training.trainer_options import check_pretraining, require_one_group

# The paper names AdamW, a rate of 1e-4 at batches of 1,024, and a cosine. The rate here is five
# times that, and was not searched; what the paper does not name is ConvNeXt's and BERT's custom.
DEFAULTS = {
    "learning_rate": 5e-4,
    "weight_decay": 0.05,
    "adam_beta2": 0.95,
    "lr_scheduler_type": "cosine",
    "warmup_steps": 0.02,
    "max_grad_norm": 1.0,
    "per_device_train_batch_size": 32,
    "per_device_eval_batch_size": 32,
    "num_train_epochs": 1,
    "eval_strategy": "no",
    "save_strategy": "steps",
    "save_steps": 200,
    "save_total_limit": 1,
    "logging_steps": 20,
    "report_to": "none",
    "do_train": True,
    "remove_unused_columns": False,  # the collator needs the column of strings
    # Each process moves the codebooks by the sums of all; DDP must not overwrite them by one's.
    "ddp_broadcast_buffers": False,
    "dataloader_pin_memory": torch.cuda.is_available(),
    # Without this, processes started on a machine without a GPU do not find one another.
    "use_cpu": not torch.accelerator.is_available(),
}

# What an evaluation reports. The perplexity of a level's codes is their use: more is better.
METRICS = ("loss", "accuracy", "cross_entropy", "active_<level>", "perplexity_<level>")


@dataclass
class QuantizerArguments:
    """Which quantizer to start from."""

    preset: str = field(
        default="robust",
        metadata={
            "help": "Settings for random weights: robust, paper or vq (one codebook).",
            "choices": [*PRESETS],
        },
    )
    config_overrides: str = field(
        default="",
        metadata={
            "help": "Fields of VQDNAQuantizerConfig that differ, as hidden_size=96,num_layers=4; "
            "codebook sizes and taps by --codebook_sizes and --quantizer_layers."
        },
    )
    codebook_sizes: list[int] = field(
        default_factory=list, metadata={"help": "Codes of each level, coarse to fine."}
    )
    quantizer_layers: list[int] = field(
        default_factory=list, metadata={"help": "The block after which each level reads."}
    )
    model_name_or_path: str | None = field(
        default=None, metadata={"help": "Instead: folder or Hub id of a quantizer to go on from."}
    )


@dataclass
class GenomeArguments:
    """Which genomes, and how they are read."""

    genomes: list[str] = field(
        metadata={
            "help": "FASTA files, plain or gzip, or folders of such; or folders or Hub ids of data "
            "sets with a column `sequence`."
        }
    )
    held_out: list[str] = field(
        default_factory=list,
        metadata={
            "help": "Contigs NAME, or stretches NAME:START-END (0-based, half-open), to test on."
        },
    )
    window: int = field(default=512, metadata={"help": "Bases of a training example."})
    reverse_complement_probability: float = field(
        default=0.5, metadata={"help": "Share of training examples read from the other strand."}
    )
    sequence_column: str = field(
        default="sequence", metadata={"help": "Column of a data set that holds the sequences."}
    )
    dataset_config_name: str | None = field(
        default=None, metadata={"help": "Configuration of a data set that has several."}
    )
    dataset_split: str = field(default="train", metadata={"help": "Split of a data set."})
    streaming: bool = field(
        default=False,
        metadata={
            "help": "Read the genomes while training goes on, and keep nothing on disk; needs "
            "--max_steps. What is held out is read first, and kept."
        },
    )

    def problem(self, training: TrainingArguments) -> str | None:
        """What contradicts the training arguments, if anything does."""
        if training.eval_strategy != "no" and not self.held_out:
            return "name contigs to evaluate on with --held_out, or pass --eval_strategy no"
        if self.streaming and training.max_steps <= 0:
            return "--streaming does not know how long the genomes are; say --max_steps"
        return None


def parse_quantizer_arguments(
    command: Sequence[str], description: str | None = None
) -> tuple[QuantizerArguments, GenomeArguments, TrainingArguments]:
    """Reads a command line.

    Exits with a message, as argparse does, where arguments are unknown or contradict one another.
    """
    parser = HfArgumentParser(
        [QuantizerArguments, GenomeArguments, TrainingArguments],  # type: ignore[list-item]
        description=description,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(**DEFAULTS)
    model, data, training = parser.parse_args_into_dataclasses([*command])
    chosen = model.config_overrides or model.codebook_sizes or model.quantizer_layers
    if model.model_name_or_path is not None and (chosen or model.preset != "robust"):
        parser.error(
            "--preset, --config_overrides, --codebook_sizes and --quantizer_layers are for random "
            "weights; a trained quantizer keeps its shape"
        )
    if problem := data.problem(training):
        parser.error(problem)
    check_pretraining(
        parser,
        command,
        training,
        metrics=METRICS,
        as_it_is="examples/evaluate_codebooks.py measures a trained quantizer as it is",
    )
    require_one_group(training)
    return model, data, training
