"""The command line of `examples/pretrain_vqdna.py`: arguments, help and defaults."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from dataclasses import dataclass, field

from transformers import HfArgumentParser, TrainingArguments

from hf_genomics.models.vqdna.configuration_vqdna import MASK_MODES
from hf_genomics.training.trainer_options import check_pretraining, require_one_group
from hf_genomics.training.vqdna_arguments import DEFAULTS as QUANTIZER_DEFAULTS
from hf_genomics.training.vqdna_arguments import GenomeArguments

# The paper names 5e-4 and a cosine, for a batch of 2,048.
DEFAULTS = QUANTIZER_DEFAULTS | {"warmup_steps": 0.05}

# What an evaluation reports.
METRICS = ("loss", "accuracy", "nucleotide_loss", "code_loss_<level>", "perplexity")


@dataclass
class LanguageModelArguments:
    """Which language model to start from."""

    quantizer: str | None = field(
        default=None,
        metadata={"help": "Folder or Hub id of the trained quantizer: its codes are what is read."},
    )
    mask_mode: str | None = field(
        default=None,
        metadata={
            "help": "What is hidden where the input is masked: the nucleotide, before the "
            "quantizer reads it, or the code alone, which its neighbours tell of. Default: as a "
            "trained model was trained, nucleotide for a new one.",
            "choices": [*MASK_MODES],
        },
    )
    config_overrides: str = field(
        default="",
        metadata={
            "help": "Fields of VQDNAConfig that differ, as hidden_size=256,num_hidden_layers=6,"
            "num_attention_heads=4,intermediate_size=1024."
        },
    )
    kmer_size: int | None = field(
        default=None,
        metadata={
            "help": "Instead of --quantizer: the same Transformer on non-overlapping k-mers of so "
            "many nucleotides (1 for single nucleotides), to compare with."
        },
    )
    model_name_or_path: str | None = field(
        default=None, metadata={"help": "Instead: folder or Hub id of a language model to go on."}
    )
    attn_implementation: str | None = field(
        default=None,
        metadata={
            "help": "Attention: sdpa, eager or flash_attention_2. Default: what Transformers "
            "chooses."
        },
    )


def parse_language_model_arguments(
    command: Sequence[str], description: str | None = None
) -> tuple[LanguageModelArguments, GenomeArguments, TrainingArguments]:
    """Reads a command line.

    Exits with a message, as argparse does, where arguments are unknown or contradict one another.
    """
    parser = HfArgumentParser(
        [LanguageModelArguments, GenomeArguments, TrainingArguments],  # type: ignore[list-item]
        description=description,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(**DEFAULTS)
    model, data, training = parser.parse_args_into_dataclasses([*command])
    starts = {
        "--quantizer": model.quantizer,
        "--kmer_size": model.kmer_size,
        "--model_name_or_path": model.model_name_or_path,
    }
    given = [name for name, value in starts.items() if value is not None]
    if len(given) != 1:
        parser.error(
            f"give one of {', '.join(starts)}, got {' and '.join(given) or 'none'}; a quantizer is "
            "trained by examples/train_vqdna_tokenizer.py"
        )
    if model.model_name_or_path is not None and model.config_overrides:
        parser.error("--config_overrides is for new models; a trained one keeps its shape")
    if model.kmer_size is not None:
        if model.mask_mode is not None:
            parser.error("--mask_mode is for models on codes; k-mers are masked as they are")
        if not 1 <= model.kmer_size <= 8:
            parser.error(f"--kmer_size must be from 1 to 8, got {model.kmer_size}")
        if data.window % model.kmer_size:
            parser.error(
                f"--window {data.window} must be a multiple of --kmer_size {model.kmer_size}: "
                "what is left over cannot be predicted"
            )
    if problem := data.problem(training):
        parser.error(problem)
    check_pretraining(
        parser,
        command,
        training,
        metrics=METRICS,
        as_it_is="--max_steps 1 --learning_rate 0 measures a trained model as it is",
    )
    require_one_group(training)
    return model, data, training
