"""Train a VQDNA quantizer, the learnable tokenizer, to read genomes back from its codes.

    python examples/train_vqdna_tokenizer.py --genomes yeast.fa.gz ecoli.fa.gz --held_out chrXVI \\
        --preset robust --output_dir runs/tokenizer

    accelerate launch examples/train_vqdna_tokenizer.py ...               the same command, launched
    torchrun --nproc_per_node 2 examples/train_vqdna_tokenizer.py ...     two processes

Genomes are FASTA files or data sets with a column of sequences. Contigs NAME or stretches
NAME:START-END named by --held_out are never trained on; the codes' use, reconstruction accuracy and
cross-entropy on them are reported at the end (and while training with --eval_strategy steps). bf16:
--bf16 true.

Model, trainer_state.json and all_results.json are written to --output_dir. A killed run goes on, to
the same weights and codebooks, when its command is repeated with --resume_from_checkpoint true,
which also serves the first start.
"""

import sys
from typing import Any

import torch
from transformers import set_seed

from hf_genomics import DNATokenizer, VQDNAQuantizerConfig, VQDNAQuantizerModel
from hf_genomics.data.genome_windows import GenomeWindows, WindowCollator
from hf_genomics.evaluation.loaded_weights import load_whole
from hf_genomics.evaluation.results import source_commit
from hf_genomics.training.checkpoints import checkpoint_to_resume
from hf_genomics.training.config_overrides import override_pairs, parse_config_overrides
from hf_genomics.training.genome_loading import load_windows
from hf_genomics.training.genome_runs import train_and_record
from hf_genomics.training.processes import leave_process_group
from hf_genomics.training.user_errors import interrupt_in_one_line, user_errors_in_one_line
from hf_genomics.training.vqdna_arguments import QuantizerArguments, parse_quantizer_arguments
from hf_genomics.training.vqdna_trainer import VQDNAQuantizerTrainer, check_warm_up


def main() -> None:
    commit = source_commit()  # of the code that runs, not of what is checked out at the end
    # those of training keep their traceback
    with user_errors_in_one_line("train_vqdna_tokenizer.py"):
        model_args, data_args, training_args = parse_quantizer_arguments(sys.argv[1:], __doc__)
        output_dir = str(training_args.output_dir)
        checkpoint = checkpoint_to_resume(output_dir, training_args.resume_from_checkpoint)
        set_seed(training_args.seed)
        model = build_quantizer(model_args)
        windows = load_windows(data_args, training_args)
        num_windows = len(windows.train) if isinstance(windows.train, GenomeWindows) else None
        check_warm_up(model, training_args, num_windows)
    tokenizer = DNATokenizer()
    trainer = VQDNAQuantizerTrainer(
        model=model,
        args=training_args,
        train_dataset=windows.train,
        eval_dataset=windows.held_out,
        data_collator=WindowCollator(tokenizer),
        processing_class=tokenizer,
    )

    train_and_record(
        trainer,
        windows,
        checkpoint=checkpoint,
        commit=commit,
        arguments={"model_arguments": model_args, "data_arguments": data_args},
    )


def build_quantizer(args: QuantizerArguments) -> VQDNAQuantizerModel:
    """The quantizer that the arguments name: random weights, or trained ones."""
    if args.model_name_or_path is not None:
        # small steps vanish in weights of bfloat16, as which a checkpoint may have been saved
        return load_whole(VQDNAQuantizerModel, args.model_name_or_path, dtype=torch.float32)
    lists = ("codebook_sizes", "quantizer_layers")
    for name, _ in override_pairs(args.config_overrides):
        if name in lists:
            raise ValueError(
                f"--config_overrides cannot read the list {name}; give it by --{name}."
            )
    overrides: dict[str, Any] = parse_config_overrides(args.config_overrides, VQDNAQuantizerConfig)
    for name in lists:
        if getattr(args, name):
            overrides[name] = getattr(args, name)
    return VQDNAQuantizerModel(VQDNAQuantizerConfig.preset(args.preset, **overrides))


if __name__ == "__main__":
    with interrupt_in_one_line():
        main()
        leave_process_group()
