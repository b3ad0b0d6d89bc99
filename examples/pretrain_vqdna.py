"""Train a VQDNA language model: predict masked nucleotides, and their codes, of genomes.

    python examples/pretrain_vqdna.py --quantizer runs/tokenizer --genomes yeast.fa.gz \\
        --config_overrides hidden_size=256,num_hidden_layers=6,num_attention_heads=4 \\
        --held_out chrXVI --output_dir runs/language_model

    accelerate launch examples/pretrain_vqdna.py ...               the same command, launched
    torchrun --nproc_per_node 2 examples/pretrain_vqdna.py ...     two processes

The quantizer, trained by examples/train_vqdna_tokenizer.py, stays as it is; genomes and --held_out
are as for that script. --mask_mode code hides codes where `nucleotide`, the default, hides the
bases before they become codes. --kmer_size 6 trains the same Transformer on non-overlapping 6-mers,
--kmer_size 1 on single nucleotides, to compare with.

Model, trainer_state.json and all_results.json are written to --output_dir; examples/finetune.py
--model_name_or_path goes on from there. A killed run goes on, to the same weights, when its command
is repeated with --resume_from_checkpoint true, which also serves the first start.
"""

import sys
from dataclasses import asdict
from typing import Any

from kmer_transformer import KmerTransformerConfig, KmerTransformerForMaskedLM
from transformers import AutoModelForMaskedLM, PreTrainedModel, set_seed

from hf_genomics import DNATokenizer, VQDNAConfig, VQDNAForMaskedLM
from hf_genomics.data.vqdna_collator import SpanMaskingCollator
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
from hf_genomics.training.vqdna_language_arguments import (
    LanguageModelArguments,
    parse_language_model_arguments,
)
from hf_genomics.training.vqdna_language_trainer import VQDNALanguageModelTrainer


def main() -> None:
    model_args, data_args, training_args = parse_language_model_arguments(sys.argv[1:], __doc__)
    output_dir = str(training_args.output_dir)
    checkpoint = checkpoint_to_resume(output_dir, training_args.resume_from_checkpoint)
    set_seed(training_args.seed)
    commit = source_commit()  # of the code that runs, not of what is checked out at the end

    model = build_language_model(model_args)
    windows = load_windows(data_args, training_args)
    tokenizer = DNATokenizer()
    trainer = VQDNALanguageModelTrainer(
        model=model,
        args=training_args,
        train_dataset=windows.train,
        eval_dataset=windows.held_out,
        data_collator=SpanMaskingCollator(
            tokenizer,
            model.config.mlm_probability,
            mean_span_length=model.config.mean_span_length,
            max_span_length=model.config.max_span_length,
            unit=nucleotides_per_token(model),
            seed=training_args.seed,
        ),
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
        if getattr(model.config, "mask_mode", "nucleotide") == "code":
            # the same once more, with nothing of the masked nucleotides in their neighbours' codes
            model.config.mask_mode = "nucleotide"
            results |= trainer.evaluate(metric_key_prefix="held_out_nucleotides_hidden")
            model.config.mask_mode = "code"
    results |= {
        "num_parameters": model.num_parameters(),
        "num_trained_parameters": model.num_parameters(only_trainable=True),
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


def build_language_model(args: LanguageModelArguments) -> PreTrainedModel:
    """The model that the arguments name: random weights on a vocabulary, or trained ones."""
    if args.model_name_or_path is not None:
        return AutoModelForMaskedLM.from_pretrained(args.model_name_or_path)
    if args.kmer_size is not None:
        fields = parse_config_overrides(args.config_overrides, KmerTransformerConfig)
        config = KmerTransformerConfig(kmer_size=args.kmer_size, **fields)
        return KmerTransformerForMaskedLM(config)
    fields = parse_config_overrides(args.config_overrides, VQDNAConfig)
    quantizer = str(args.quantizer)
    return VQDNAForMaskedLM.from_quantizer(quantizer, mask_mode=args.mask_mode, **fields)


def nucleotides_per_token(model: PreTrainedModel) -> int:
    """How many nucleotides are masked together: one cannot hide part of a token."""
    if isinstance(model.config, KmerTransformerConfig):
        return model.config.kmer_size
    return int(model.config.quantizer_config.downsample_ratio)


if __name__ == "__main__":
    main()
    leave_process_group()
