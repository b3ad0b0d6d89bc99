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
from dataclasses import asdict
from typing import Any

from transformers import set_seed

from hf_genomics import DNATokenizer, VQDNAQuantizerConfig, VQDNAQuantizerModel
from hf_genomics.data.genome_windows import WindowCollator
from hf_genomics.evaluation.results import (
    command_line,
    package_versions,
    source_commit,
    write_results,
)
from hf_genomics.training.checkpoints import checkpoint_to_resume
from hf_genomics.training.config_overrides import parse_config_overrides
from hf_genomics.training.genome_loading import load_windows
from hf_genomics.training.processes import leave_process_group
from hf_genomics.training.vqdna_arguments import QuantizerArguments, parse_quantizer_arguments
from hf_genomics.training.vqdna_trainer import VQDNAQuantizerTrainer


def main() -> None:
    model_args, data_args, training_args = parse_quantizer_arguments(sys.argv[1:], __doc__)
    output_dir = str(training_args.output_dir)
    checkpoint = checkpoint_to_resume(output_dir, training_args.resume_from_checkpoint)
    set_seed(training_args.seed)
    commit = source_commit()  # of the code that runs, not of what is checked out at the end

    model = build_quantizer(model_args)
    windows = load_windows(data_args, training_args)
    tokenizer = DNATokenizer()
    trainer = VQDNAQuantizerTrainer(
        model=model,
        args=training_args,
        train_dataset=windows.train,
        eval_dataset=windows.held_out,
        data_collator=WindowCollator(tokenizer),
        processing_class=tokenizer,
    )

    trained = trainer.train(resume_from_checkpoint=checkpoint)
    trainer.save_model()
    trainer.save_state()
    results: dict[str, Any] = {
        "train_loss": trained.training_loss,
        "train_seconds": trained.metrics["train_runtime"],  # since the last start
        "resumed_from": checkpoint,
        "epochs": trainer.state.epoch,
        "steps": trainer.state.global_step,
    }
    if windows.held_out is not None:
        results |= trainer.evaluate(metric_key_prefix="held_out")
    results |= {
        "num_parameters": model.num_parameters(),
        **windows.summary(),
        "model_arguments": asdict(model_args),
        "data_arguments": asdict(data_args),
        "seed": training_args.seed,
        "num_processes": training_args.world_size,
        "commit": commit,
        "command": command_line(),
        "versions": package_versions(),
    }
    if trainer.is_world_process_zero():
        write_results(f"{output_dir}/all_results.json", results)
        for name, value in results.items():
            if name.startswith("held_out_") and isinstance(value, float):
                print(f"{name} {value:.5g}")
    if training_args.push_to_hub:
        trainer.push_to_hub()


def build_quantizer(args: QuantizerArguments) -> VQDNAQuantizerModel:
    """The quantizer that the arguments name: random weights, or trained ones."""
    if args.model_name_or_path is not None:
        return VQDNAQuantizerModel.from_pretrained(args.model_name_or_path)
    overrides: dict[str, Any] = parse_config_overrides(args.config_overrides, VQDNAQuantizerConfig)
    for name in ("codebook_sizes", "quantizer_layers"):
        if getattr(args, name):
            overrides[name] = getattr(args, name)
    return VQDNAQuantizerModel(VQDNAQuantizerConfig.preset(args.preset, **overrides))


if __name__ == "__main__":
    main()
    leave_process_group()
