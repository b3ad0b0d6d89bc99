"""Train a VQDNA language model: predict masked nucleotides, and their codes, of genomes.

    python examples/pretrain_vqdna.py --quantizer runs/tokenizer --genomes yeast.fa.gz \\
        --config_overrides hidden_size=256,num_hidden_layers=6,num_attention_heads=4 \\
        --held_out chrXVI --output_dir runs/language_model

    accelerate launch examples/pretrain_vqdna.py ...               the same command, launched
    torchrun --nproc_per_node 2 examples/pretrain_vqdna.py ...     two processes

The quantizer, trained by examples/train_vqdna_tokenizer.py, stays as it is; genomes and --held_out
are as for that script. --mask_mode code hides codes where `nucleotide`, the default of a new model,
hides the bases before they become codes. --kmer_size 6 trains the same Transformer on
non-overlapping 6-mers, --kmer_size 1 on single nucleotides, to compare with.

Model, trainer_state.json and all_results.json are written to --output_dir; examples/finetune.py
--model_name_or_path goes on from there. A killed run goes on, to the same weights, when its command
is repeated with --resume_from_checkpoint true, which also serves the first start.
"""

import sys

import torch
from kmer_transformer import KmerTransformerConfig, KmerTransformerForMaskedLM
from transformers import AutoModelForMaskedLM, PreTrainedModel, set_seed

from hf_genomics import DNATokenizer, VQDNAConfig, VQDNAForMaskedLM, VQDNAQuantizerModel
from hf_genomics.data.vqdna_collator import SpanMaskingCollator
from hf_genomics.evaluation.loaded_weights import load_whole, naming_weights
from hf_genomics.evaluation.results import source_commit
from hf_genomics.models.vqdna.codebook import Codebook
from hf_genomics.training.checkpoints import checkpoint_to_resume
from hf_genomics.training.config_overrides import parse_config_overrides
from hf_genomics.training.genome_loading import load_windows
from hf_genomics.training.genome_runs import train_and_record
from hf_genomics.training.processes import leave_process_group
from hf_genomics.training.user_errors import interrupt_in_one_line, user_errors_in_one_line
from hf_genomics.training.vqdna_language_arguments import (
    LanguageModelArguments,
    parse_language_model_arguments,
)
from hf_genomics.training.vqdna_language_trainer import VQDNALanguageModelTrainer


def main() -> None:
    commit = source_commit()  # of the code that runs, not of what is checked out at the end
    with user_errors_in_one_line("pretrain_vqdna.py"):  # those of training keep their traceback
        model_args, data_args, training_args = parse_language_model_arguments(sys.argv[1:], __doc__)
        output_dir = str(training_args.output_dir)
        checkpoint = checkpoint_to_resume(output_dir, training_args.resume_from_checkpoint)
        set_seed(training_args.seed)
        model = build_language_model(model_args)
        model_args.mask_mode = getattr(model.config, "mask_mode", None)  # results say which it was
        if model_args.attn_implementation is not None:
            model.set_attn_implementation(model_args.attn_implementation)
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

    train_and_record(
        trainer,
        windows,
        checkpoint=checkpoint,
        commit=commit,
        arguments={"model_arguments": model_args, "data_arguments": data_args},
        more=lambda: nucleotides_hidden(trainer) if windows.held_out is not None else {},
    )


def build_language_model(args: LanguageModelArguments) -> PreTrainedModel:
    """The model that the arguments name: random weights on a vocabulary, or trained ones."""
    if args.model_name_or_path is not None:
        # small steps vanish in weights of bfloat16, as which a checkpoint may have been saved
        with naming_weights(args.model_name_or_path):
            model = AutoModelForMaskedLM.from_pretrained(
                args.model_name_or_path, dtype=torch.float32
            )
        if args.mask_mode is not None:
            if not hasattr(model.config, "mask_mode"):
                raise ValueError(
                    f"--mask_mode is for models on codes, but {args.model_name_or_path} is of type "
                    f"{model.config.model_type!r}; leave it out."
                )
            model.config.mask_mode = args.mask_mode  # no weight depends on it
        return model
    if args.kmer_size is not None:
        fields = parse_config_overrides(args.config_overrides, KmerTransformerConfig)
        if "kmer_size" in fields:
            raise ValueError("kmer_size is set by --kmer_size; leave it out of --config_overrides.")
        config = KmerTransformerConfig(kmer_size=args.kmer_size, **fields)
        if config.hidden_size % (2 * config.num_attention_heads):
            raise ValueError(
                f"hidden_size is {config.hidden_size}, which {config.num_attention_heads} heads "
                "(num_attention_heads) do not share in even parts."
            )
        return KmerTransformerForMaskedLM(config)
    fields = parse_config_overrides(args.config_overrides, VQDNAConfig)
    quantizer = load_whole(VQDNAQuantizerModel, str(args.quantizer))
    if any(
        isinstance(module, Codebook) and module.kmeans_init and not module.num_updates
        for module in quantizer.modules()
    ):
        raise ValueError(
            f"the codebooks of {args.quantizer} were never set: they wait for the k-means of its "
            "training. Train it with examples/train_vqdna_tokenizer.py; for codes that mean "
            "nothing, to compare with, make it with kmeans_init=False."
        )
    if args.mask_mode is not None:
        fields["mask_mode"] = args.mask_mode
    return VQDNAForMaskedLM.from_quantizer(quantizer, **fields)


def nucleotides_hidden(trainer: VQDNALanguageModelTrainer) -> dict[str, float]:
    """Of a model that was trained with masked codes: the same measures once more, with nothing of
    the masked nucleotides in their neighbours' codes."""
    config = trainer.accelerator.unwrap_model(trainer.model).config
    if getattr(config, "mask_mode", "nucleotide") != "code":
        return {}
    config.mask_mode = "nucleotide"
    try:
        return trainer.evaluate(metric_key_prefix="held_out_nucleotides_hidden")
    finally:
        config.mask_mode = "code"


def nucleotides_per_token(model: PreTrainedModel) -> int:
    """How many nucleotides are masked together: one cannot hide part of a token."""
    if isinstance(model.config, KmerTransformerConfig):
        return model.config.kmer_size
    return int(model.config.quantizer_config.downsample_ratio)


if __name__ == "__main__":
    with interrupt_in_one_line():
        main()
        leave_process_group()
