"""Train a PhyloGPN on the columns of an alignment: the likelihood of other species, given one.

    python examples/pretrain_phylogpn.py --dataset_name path/to/alignment \\
        --config_overrides outer_dim=256,inner_dim=128,num_stacks=10 \\
        --held_out BRCA1 BRCA2_001 --validation FANCM_001 ATRX --output_dir runs/mammals

    accelerate launch examples/pretrain_phylogpn.py ...               the same command, launched
    torchrun --nproc_per_node 2 examples/pretrain_phylogpn.py ...     two processes

The data set is a folder that `hf-genomics build-alignment` has written. Loci, chromosomes or
stretches NAME:START-END named by --held_out are never touched; those of --validation select the
checkpoint with the highest conditional log-likelihood per site. --model_name_or_path goes on from
a trained model, with the data set's tree in place of its own. bf16: --bf16 true; several small
batches per step: --gradient_accumulation_steps.

Model, trainer_state.json and all_results.json are written to --output_dir, and
examples/evaluate_phylogpn.py reports on the held-out sites. A killed run goes on, to the same
weights, when its command is repeated with --resume_from_checkpoint true, which also serves the
first start.
"""

import sys
from typing import Any

from transformers import set_seed

from hf_genomics import DNATokenizer
from hf_genomics.data.alignment_collator import AlignmentCollator
from hf_genomics.data.alignment_windows import AlignmentWindows
from hf_genomics.evaluation.results import source_commit, write_results
from hf_genomics.training.alignment_loading import load_alignment
from hf_genomics.training.checkpoints import checkpoint_to_resume
from hf_genomics.training.phylogpn_arguments import SELECTION_METRIC, parse_phylogpn_arguments
from hf_genomics.training.phylogpn_models import build_phylogpn, phylogpn_config
from hf_genomics.training.phylogpn_trainer import PhyloGPNTrainer
from hf_genomics.training.processes import leave_process_group
from hf_genomics.training.run_records import provenance, training_results
from hf_genomics.training.trainer_options import require_batch
from hf_genomics.training.user_errors import interrupt_in_one_line, user_errors_in_one_line


def main() -> None:
    commit = source_commit()  # of the code that runs, not of what is checked out at the end
    # those of training keep their traceback
    with user_errors_in_one_line("pretrain_phylogpn.py"):
        model_args, data_args, training_args = parse_phylogpn_arguments(sys.argv[1:], __doc__)
        output_dir = str(training_args.output_dir)
        checkpoint = checkpoint_to_resume(output_dir, training_args.resume_from_checkpoint)
        set_seed(training_args.seed)

        config = phylogpn_config(model_args)
        alignment = load_alignment(
            data_args.dataset_name,
            held_out=data_args.held_out,
            validation=data_args.validation,
            flank=config.flank,
        )
        weights = data_args.weights()
        alignment.require_names(weights, "--name_weights")
        model = build_phylogpn(model_args, config, alignment.phylogeny, alignment.reference_leaf)
        windows: dict[str, Any] = {
            split: AlignmentWindows(rows, data_args.window, flank=config.flank)
            for split, rows in alignment.splits.items()
        }
        if data_args.other_references:  # another leaf's flanks are known only within a row
            windows["train"] = AlignmentWindows(
                alignment.splits["train"],
                data_args.window + 2 * config.flank,
                flank=config.flank,
                stride=data_args.window,
            )
        require_batch(training_args, len(windows["train"]))
        trainer = PhyloGPNTrainer(
            model=model,
            args=training_args,
            train_dataset=windows["train"],
            eval_dataset=windows.get("validation"),
            data_collator=AlignmentCollator(
                data_args.window,
                config.flank,
                reverse_complement=data_args.reverse_complement_probability,
                name_weights=weights or None,
                other_references=data_args.other_references,
                reference_leaf=alignment.phylogeny.leaf_index(alignment.reference_leaf),
                seed=training_args.seed,
            ),
            eval_collator=AlignmentCollator(data_args.window, config.flank),
            processing_class=DNATokenizer(),
        )

    trained = trainer.train(resume_from_checkpoint=checkpoint)
    trainer.save_model()  # the best checkpoint's: the Trainer has loaded it
    trainer.save_state()
    results = training_results(trainer, trained, checkpoint)
    results["best_step"] = trainer.state.best_global_step
    if "validation" in windows:
        scores = trainer.predict(windows["validation"], metric_key_prefix="validation").metrics
        name = f"validation_{SELECTION_METRIC}"
        results[name] = (scores or {})[name]
    results |= {
        "num_parameters": model.num_parameters(),
        "sites": alignment.num_sites(),
        "held_out": data_args.held_out,
        "validation": data_args.validation,
        "num_leaves": alignment.phylogeny.num_leaves,
        **provenance(
            training_args,
            commit=commit,
            arguments={"model_arguments": model_args, "data_arguments": data_args},
        ),
    }
    if trainer.is_world_process_zero():
        write_results(f"{output_dir}/all_results.json", results)
        for name in ("train_loss", f"validation_{SELECTION_METRIC}"):
            if name in results:
                print(f"{name} {results[name]:.5f}")
    if training_args.push_to_hub:
        trainer.push_to_hub()


if __name__ == "__main__":
    with interrupt_in_one_line():
        main()
        leave_process_group()
