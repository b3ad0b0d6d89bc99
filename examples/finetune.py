"""Fine-tune a sequence classifier: select on validation, report test once.

    python examples/finetune.py --model_type hyperbolic_cnn --recipe modern \
        --dataset_name path/to/gue --dataset_config_name prom_core_tata --output_dir runs/tata

    accelerate launch examples/finetune.py ...                         the same command, launched
    torchrun --nproc_per_node 2 examples/finetune.py --use_cpu ...     two processes (gloo on CPU)

Explicit flags win over the recipe. The best epoch on validation is kept; model, tokenizer,
trainer_state.json and all_results.json are written to --output_dir. A killed run goes on, to the
same weights, when its command is repeated with --resume_from_checkpoint true (which also serves
the first start: without a checkpoint it begins anew).
"""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from dataclasses import asdict, dataclass, field

from datasets import DatasetDict
from transformers import HfArgumentParser, TrainingArguments, set_seed

from hf_genomics.data.augmentation import ReverseComplementAugmentation
from hf_genomics.data.collators import SequenceClassificationCollator
from hf_genomics.data.sequence_datasets import (
    load_sequence_dataset,
    load_sequence_files,
    require_splits,
    split_off_validation,
)
from hf_genomics.evaluation.classification import model_summary, score_splits
from hf_genomics.evaluation.metrics import compute_classification_metrics
from hf_genomics.evaluation.results import command_line, package_versions, write_results
from hf_genomics.training.checkpoints import checkpoint_to_resume
from hf_genomics.training.finetuning import (
    check_lengths,
    length_limit,
    new_model,
    pretrained_model,
    sample_rows,
    selection_metric,
)
from hf_genomics.training.recipes import RECIPES, Recipe
from hf_genomics.training.trainer import GenomicsTrainer


@dataclass
class ModelArguments:
    """Which model, and how it is trained."""

    model_name_or_path: str | None = field(
        default=None, metadata={"help": "Folder or Hub id of a trained model to start from."}
    )
    model_type: str | None = field(
        default=None,
        metadata={"help": "Instead: type of a model with random weights, e.g. hyperbolic_cnn."},
    )
    config_overrides: str = field(
        default="",
        metadata={
            "help": "With --model_type: configuration fields, e.g. geometry=euclidean,num_layers=3."
        },
    )
    recipe: str = field(
        default="modern",
        metadata={"help": "Training recipe; its numbers become defaults.", "choices": [*RECIPES]},
    )
    trust_remote_code: bool = field(
        default=False, metadata={"help": "Run the code that comes with --model_name_or_path."}
    )
    ignore_mismatched_sizes: bool = field(
        default=False, metadata={"help": "Start a new head if the checkpoint has other labels."}
    )


@dataclass
class DataArguments:
    """Which sequences, and how they are read."""

    dataset_name: str | None = field(
        default=None,
        metadata={
            "help": "Hub id, folder (README configurations, or files named train, dev and test, "
            "or a tree of such folders), or one CSV, TSV or Parquet file of training rows."
        },
    )
    dataset_config_name: str | None = field(
        default=None, metadata={"help": "Configuration, e.g. prom_core_tata or mouse/2."}
    )
    train_file: str | None = field(
        default=None, metadata={"help": "Instead of --dataset_name: file of training rows."}
    )
    validation_file: str | None = field(default=None, metadata={"help": "File to select on."})
    test_file: str | None = field(default=None, metadata={"help": "File to report on."})
    validation_fraction: float | None = field(
        default=None, metadata={"help": "Without validation rows: share of train to set aside."}
    )
    sequence_column: str = field(default="sequence", metadata={"help": "Column of sequences."})
    label_column: str = field(
        default="label",
        metadata={"help": "Column of labels: classes, numbers (regression) or 0/1 lists."},
    )
    max_length: int | None = field(
        default=None, metadata={"help": "Most bases of a sequence [the longest of all splits]."}
    )
    truncation: bool = field(default=False, metadata={"help": "Cut longer sequences."})
    max_train_samples: int | None = field(default=None, metadata={"help": "Draw so many rows."})
    max_eval_samples: int | None = field(default=None, metadata={"help": "Draw so many rows."})
    max_test_samples: int | None = field(default=None, metadata={"help": "Draw so many rows."})
    reverse_complement_probability: float | None = field(
        default=None,
        metadata={"help": "Share of training sequences read from the other strand [recipe's]."},
    )
    cache_dir: str | None = field(default=None, metadata={"help": "Where Hub files are kept."})


def main() -> None:
    model_args, data_args, training_args, recipe = parse_arguments(sys.argv[1:])
    set_seed(training_args.seed)
    dataset = load_data(data_args, training_args.seed)
    feature = dataset["train"].features["label"]
    training_args.metric_for_best_model = selection_metric(
        training_args.metric_for_best_model, feature
    )

    if model_args.model_name_or_path:
        model, tokenizer = pretrained_model(
            model_args.model_name_or_path,
            dataset,
            trust_remote_code=model_args.trust_remote_code,
            ignore_mismatched_sizes=model_args.ignore_mismatched_sizes,
            cache_dir=data_args.cache_dir,
        )
    else:
        model, tokenizer = new_model(
            model_args.model_type, model_args.config_overrides, dataset, data_args.max_length
        )
    limit = length_limit(model.config, data_args.max_length)
    if not data_args.truncation:
        check_lengths(dataset, tokenizer, limit)

    probability = data_args.reverse_complement_probability
    trainer = GenomicsTrainer(
        model=model,
        args=training_args,
        recipe=recipe,
        train_dataset=ReverseComplementAugmentation(
            dataset["train"],
            recipe.reverse_complement_probability if probability is None else probability,
            seed=training_args.seed,
        ),
        eval_dataset=dataset["validation"],
        data_collator=SequenceClassificationCollator(
            tokenizer, limit, truncation=data_args.truncation
        ),
        compute_metrics=compute_classification_metrics,
        processing_class=tokenizer,
    )
    results = {}
    if training_args.do_train:
        checkpoint = checkpoint_to_resume(
            training_args.output_dir, training_args.resume_from_checkpoint
        )
        trained = trainer.train(resume_from_checkpoint=checkpoint)
        trainer.save_model()  # the best epoch's, which the Trainer has just loaded
        trainer.save_state()
        results = {
            "train_loss": trained.training_loss,
            "train_seconds": trained.metrics["train_runtime"],
            "resumed_from": checkpoint,
            "epochs": trainer.state.epoch,
            "best_step": trainer.state.best_global_step,
        }
    results |= score_splits(trainer, dataset, ["validation", "test"])
    results |= model_summary(model) | {
        "rows": {split: len(rows) for split, rows in dataset.items()},
        "model": asdict(model_args),
        "data": asdict(data_args),
        "seed": training_args.seed,
        "command": command_line(),
        "versions": package_versions(),
    }
    if trainer.is_world_process_zero():
        write_results(f"{training_args.output_dir}/all_results.json", results)
        print({key: value for key, value in results.items() if key.startswith("test_")})
    if training_args.push_to_hub:
        trainer.push_to_hub()


def parse_arguments(
    command: list[str],
) -> tuple[ModelArguments, DataArguments, TrainingArguments, Recipe]:
    """The recipe is read first, because it sets the defaults of everything else."""
    first = ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--recipe", default="modern", choices=[*RECIPES])
    recipe = RECIPES[first.parse_known_args(command)[0].recipe]
    parser = HfArgumentParser(
        (ModelArguments, DataArguments, TrainingArguments),
        description=__doc__,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.set_defaults(**recipe.training_arguments(), do_train=True, remove_unused_columns=False)
    model_args, data_args, training_args = parser.parse_args_into_dataclasses(command)
    if bool(model_args.model_name_or_path) == bool(model_args.model_type):
        parser.error("give either --model_name_or_path or --model_type")
    if bool(data_args.dataset_name) == bool(data_args.train_file):
        parser.error("give either --dataset_name or --train_file")
    return model_args, data_args, training_args, recipe


def load_data(args: DataArguments, seed: int) -> DatasetDict:
    columns = {"sequence_column": args.sequence_column, "label_column": args.label_column}
    if args.dataset_name:
        dataset = load_sequence_dataset(
            args.dataset_name, args.dataset_config_name, cache_dir=args.cache_dir, **columns
        )
    else:
        files = {
            "train": args.train_file,
            "validation": args.validation_file,
            "test": args.test_file,
        }
        dataset = load_sequence_files({s: f for s, f in files.items() if f}, **columns)
    if args.validation_fraction and "validation" not in dataset:
        dataset = split_off_validation(dataset, args.validation_fraction, seed)
    require_splits(dataset, "train", "validation")
    limits = (args.max_train_samples, args.max_eval_samples, args.max_test_samples)
    return sample_rows(
        dataset, dict(zip(("train", "validation", "test"), limits, strict=True)), seed
    )


if __name__ == "__main__":
    main()
