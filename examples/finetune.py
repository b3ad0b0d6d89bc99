"""Fine-tune a sequence classifier: select on validation, report test once.

    python examples/finetune.py --model_type hyperbolic_cnn --preset residual --recipe one_cycle \\
        --dataset_name path/to/gue --dataset_config_name prom_core_tata --output_dir runs/tata

    accelerate launch examples/finetune.py ...               the same command, launched
    torchrun --nproc_per_node 2 examples/finetune.py ...     two processes (gloo where no GPU is)

Two processes on the CPU through accelerate:
    ACCELERATE_USE_CPU=true accelerate launch --multi_gpu --num_processes 2 examples/finetune.py ...

The epoch with the best validation score is kept, and the test split is predicted once, with its
weights. Model, tokenizer, trainer_state.json, all_results.json and test_predictions.parquet (row,
label and logits of every test row) are written to --output_dir.
A killed run goes on, to the same weights, when its command is repeated with
--resume_from_checkpoint true, which also serves the first start: where there is no checkpoint,
training begins anew. The resumed run must have the same arguments and number of processes.

--lora trains low-rank changes of the weights and the head alone. The saved model has them merged,
and the folder lora in --output_dir has them by themselves.

docs/finetuning.md has the formats of tables and labels, and what the files of results hold.
"""

import sys
from pathlib import Path
from typing import Any

from datasets import DatasetDict
from transformers import set_seed

from hf_genomics.data.augmentation import SequenceAugmentation
from hf_genomics.data.collators import SequenceClassificationCollator, length_limit
from hf_genomics.evaluation.classification import model_summary, score_splits, set_on_invalid
from hf_genomics.evaluation.metrics import compute_classification_metrics
from hf_genomics.evaluation.results import source_commit, write_results
from hf_genomics.training.arguments import DataArguments, ModelArguments, parse_arguments
from hf_genomics.training.checkpoint_labels import with_labels_of
from hf_genomics.training.checkpoints import checkpoint_to_resume
from hf_genomics.training.finetuning import build_model, data_summary, selection_metric
from hf_genomics.training.input_checks import check_sequences
from hf_genomics.training.low_rank import merge_lora, with_lora
from hf_genomics.training.processes import leave_process_group
from hf_genomics.training.run_records import provenance, training_results
from hf_genomics.training.trainer import GenomicsTrainer
from hf_genomics.training.trainer_options import require_batch
from hf_genomics.training.user_errors import interrupt_in_one_line, user_errors_in_one_line


def main() -> None:
    with user_errors_in_one_line("finetune.py"):  # those of training keep their traceback
        run = prepare()
    train_and_report(*run)


def prepare() -> tuple[GenomicsTrainer, DatasetDict, str | None, ModelArguments, DataArguments]:
    """Arguments, data and model, checked before the first step of training."""
    model_args, data_args, training_args, recipe = parse_arguments(sys.argv[1:], __doc__)
    output_dir = str(training_args.output_dir)
    checkpoint = None
    if training_args.do_train:
        checkpoint = checkpoint_to_resume(output_dir, training_args.resume_from_checkpoint)
    set_seed(training_args.seed)

    dataset = data_args.load(training_args.seed)
    model, tokenizer = build_model(
        model_args,
        dataset,
        data_args.max_length,
        data_args.cache_dir,
        is_trained=not training_args.do_train,
    )
    if model_args.lora:
        model = with_lora(
            model,
            rank=model_args.lora_rank,
            alpha=model_args.lora_alpha,
            dropout=model_args.lora_dropout,
            target_modules=model_args.lora_target_modules,
        )
    set_on_invalid(tokenizer, data_args.on_invalid)
    limit = length_limit(model.config, data_args.max_length)
    check_sequences(dataset, tokenizer, limit, truncation=data_args.truncation)
    dataset = with_labels_of(dataset, model.config)
    require_batch(training_args, len(dataset["train"]))
    training_args.metric_for_best_model = selection_metric(
        training_args.metric_for_best_model, dataset["train"].features["label"]
    )

    trainer = GenomicsTrainer(
        model=model,
        args=training_args,
        recipe=recipe,
        train_dataset=SequenceAugmentation(
            dataset["train"],
            training_args.seed,
            reverse_complement_probability=recipe.reverse_complement_probability,
            base_masking_probability=recipe.base_masking_probability,
        ),
        eval_dataset=dataset["validation"],
        data_collator=SequenceClassificationCollator(
            tokenizer, limit, truncation=data_args.truncation
        ),
        compute_metrics=compute_classification_metrics,
        processing_class=tokenizer,
    )
    if trainer.is_world_process_zero():
        print(data_summary(dataset, model.config), flush=True)
    return trainer, dataset, checkpoint, model_args, data_args


def train_and_report(
    trainer: GenomicsTrainer,
    dataset: DatasetDict,
    checkpoint: str | None,
    model_args: ModelArguments,
    data_args: DataArguments,
) -> None:
    """Trains, scores validation, then test, and writes what came out."""
    model: Any = trainer.model
    training_args = trainer.args
    output_dir = Path(str(training_args.output_dir))
    commit = source_commit()
    results = {}
    if training_args.do_train:
        trained = trainer.train(resume_from_checkpoint=checkpoint)
        if model_args.lora:
            first = trainer.is_world_process_zero()
            model = merge_lora(trainer.model, output_dir / "lora", save=first)
            trainer.model = trainer.model_wrapped = model
        trainer.save_model()  # the best epoch's: the Trainer has loaded it
        trainer.save_state()
        results = training_results(trainer, trained, checkpoint) | {
            "best_step": trainer.state.best_global_step,
            "stopped_early": trainer.state.global_step < trainer.state.max_steps,
        }
    results |= model_summary(model) | {
        "rows": {split: len(rows) for split, rows in dataset.items()},
        **provenance(
            training_args,
            commit=commit,
            arguments={"model_arguments": model_args, "data_arguments": data_args},
        ),
    }
    results |= score_splits(trainer, dataset, ["validation"])
    if trainer.is_world_process_zero():  # whatever may happen to the test split
        write_results(output_dir / "validation_results.json", results)
    results |= score_splits(trainer, dataset, ["test"], predictions_folder=output_dir)

    if trainer.is_world_process_zero():
        write_results(output_dir / "all_results.json", results)
        for name, value in results.items():
            if name.startswith(("validation_", "test_")):
                print(f"{name} {value:.4f}")
    if training_args.push_to_hub:
        trainer.push_to_hub()


if __name__ == "__main__":
    with interrupt_in_one_line():
        main()
        leave_process_group()
