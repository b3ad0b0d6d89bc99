"""The command line of `examples/finetune.py`: arguments, help, and the data they name."""

from __future__ import annotations

import dataclasses
import math
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from datasets import DatasetDict
from transformers import HfArgumentParser, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME

from hf_genomics.data.label_kinds import PROBLEM_TYPES
from hf_genomics.data.sequence_datasets import load_sequence_dataset, load_sequence_files
from hf_genomics.data.shared_sequences import without_shared_rows
from hf_genomics.data.splits import require_splits, sample_rows, split_off_validation
from hf_genomics.training.recipes import RECIPES, Recipe
from hf_genomics.training.trainer_options import (
    UNSUPPORTED,
    is_better_when_greater,
    missing_reporters,
    out_of_bounds,
    require_one_group,
    unsupported,
)

UNSUPPORTED_HERE = UNSUPPORTED | {"label_names": (None, "the labels are those of --label_column")}
AS_IT_IS = "--do_train false scores a trained model as it is"


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
    preset: str | None = field(
        default=None,
        metadata={
            "help": "With --model_type: a named configuration of it, e.g. residual, the stronger "
            "hyperbolic network. Default: the defaults of its fields."
        },
    )
    config_overrides: str = field(
        default="",
        metadata={
            "help": "Fields of the configuration (of the preset, if one is named) that are to "
            "differ, as geometry=euclidean,num_layers=3,reverse_complement=none. Of a trained "
            "model only those that change no weights, as token_padding=same of PhyloGPN."
        },
    )
    attn_implementation: str | None = field(
        default=None,
        metadata={
            "help": "Attention of a model that has any: sdpa, eager or flash_attention_2. "
            "Default: what Transformers chooses."
        },
    )
    recipe: str = field(
        default="modern",
        metadata={
            "help": "Training recipe. Its numbers become the defaults of the other arguments.",
            "choices": [*RECIPES],
        },
    )
    early_stopping_patience: int | None = field(
        default=None,
        metadata={
            "help": "Stop after so many evaluations without a better score once the learning rate "
            "has warmed up; 0 for never. Default: the recipe's."
        },
    )
    averaging_decay: float | None = field(
        default=None,
        metadata={
            "help": "Validate and keep the moving average of the weights with this decay, about "
            "1 / (1 - decay) steps; 0 for the last weights. Default: the recipe's."
        },
    )
    curvature_learning_rate: float | None = field(
        default=None,
        metadata={
            "help": "Learning rate of the logarithm of a hyperbolic model's curvature, at its "
            "highest. Default: the recipe's."
        },
    )
    trust_remote_code: bool = field(
        default=False, metadata={"help": "Run the code that comes with --model_name_or_path."}
    )
    ignore_mismatched_sizes: bool = field(
        default=False,
        metadata={"help": "Start a new head where the checkpoint's does not fit the labels."},
    )
    lora: bool = field(
        default=False,
        metadata={"help": "Train LoRA layers and the head alone; the saved model has them merged."},
    )
    lora_rank: int = field(default=8, metadata={"help": "Rank of the LoRA layers."})
    lora_alpha: int = field(
        default=16, metadata={"help": "LoRA layers count lora_alpha / lora_rank times."}
    )
    lora_dropout: float = field(default=0.05, metadata={"help": "Dropout before LoRA layers."})
    lora_target_modules: list[str] = field(
        default_factory=list,
        metadata={"help": "Names of the layers to adapt. Default: those of the model's family."},
    )


@dataclass
class DataArguments:
    """Which sequences, and how they are read."""

    dataset_name: str | None = field(
        default=None,
        metadata={
            "help": "Hub id; or a folder: with README configurations, with tables named train, "
            "dev or validation, and test, or a tree of such folders; or one table of training "
            "rows. Tables are CSV, TSV (both also .gz) or Parquet."
        },
    )
    dataset_config_name: str | None = field(
        default=None,
        metadata={
            "help": "Configuration of the data set, e.g. prom_core_tata or mouse/2. May be left "
            "out where there is only one."
        },
    )
    train_file: str | None = field(
        default=None, metadata={"help": "Instead of --dataset_name: table of training rows."}
    )
    validation_file: str | None = field(
        default=None, metadata={"help": "With --train_file: table to select the best epoch on."}
    )
    test_file: str | None = field(
        default=None, metadata={"help": "With --train_file: table to report on, once."}
    )
    validation_fraction: float | None = field(
        default=None,
        metadata={"help": "Where there are no validation rows: share of train to set aside."},
    )
    drop_shared_rows: bool = field(
        default=False,
        metadata={
            "help": "Leave out training rows whose sequence, on either strand, is in the "
            "validation or the test split."
        },
    )
    sequence_column: str = field(
        default="sequence", metadata={"help": "Column that holds the sequences."}
    )
    label_column: str = field(
        default="label",
        metadata={
            "help": "Column that holds the labels: integers from 0 or text (classes), other "
            "numbers (regression), lists of 0 and 1 such as [1, 0, 1] (several labels a row)."
        },
    )
    problem_type: str | None = field(
        default=None,
        metadata={
            "help": "What the labels are, where the training rows do not tell: integers that are "
            "targets of a regression, classes written 0.0 and 1.0.",
            "choices": [*PROBLEM_TYPES],
        },
    )
    max_length: int | None = field(
        default=None,
        metadata={"help": "Most bases of a sequence. Default: the longest of all splits."},
    )
    truncation: bool = field(
        default=False, metadata={"help": "Cut longer sequences, instead of an error."}
    )
    on_invalid: str | None = field(
        default=None,
        metadata={
            "help": "What a letter that is no nucleotide code leads to: 'error', or 'n' to read it "
            "as N. Default: as the model's tokenizer was saved, 'error' for a new model.",
            "choices": ["error", "n"],
        },
    )
    max_train_samples: int | None = field(
        default=None, metadata={"help": "Train on so many rows, drawn with --seed."}
    )
    max_eval_samples: int | None = field(
        default=None,
        metadata={"help": "The same for the validation split, the same rows for every seed."},
    )
    max_test_samples: int | None = field(
        default=None,
        metadata={"help": "The same for the test split, the same rows for every seed."},
    )
    reverse_complement_probability: float | None = field(
        default=None,
        metadata={
            "help": "Share of training sequences read from the other strand. Default: the recipe's."
        },
    )
    base_masking_probability: float | None = field(
        default=None,
        metadata={
            "help": "Share of the bases of training sequences read as N. Default: the recipe's."
        },
    )
    cache_dir: str | None = field(
        default=None, metadata={"help": "Where data and models of the Hub are kept."}
    )

    def load(self, seed: int) -> DatasetDict:
        """The splits that the arguments name, at least `train` and `validation`.

        Sets `dataset_config_name` where it was left out.

        Raises:
            ValueError: As `load_sequence_dataset`, `split_off_validation`, `without_shared_rows`
                and `sample_rows`, or there are no validation rows.
        """
        if self.dataset_name is not None:
            dataset = load_sequence_dataset(
                self.dataset_name,
                self.dataset_config_name,
                sequence_column=self.sequence_column,
                label_column=self.label_column,
                problem_type=self.problem_type,
                cache_dir=self.cache_dir,
            )
            if self.dataset_config_name is None:  # results and cards say which it was
                self.dataset_config_name = next(iter(dataset.values())).info.config_name
        else:
            files = {
                "train": self.train_file,
                "validation": self.validation_file,
                "test": self.test_file,
            }
            dataset = load_sequence_files(
                {split: file for split, file in files.items() if file is not None},
                sequence_column=self.sequence_column,
                label_column=self.label_column,
                problem_type=self.problem_type,
            )
        if self.validation_fraction is not None and "validation" not in dataset:
            dataset = split_off_validation(dataset, self.validation_fraction, seed)
        require_splits(dataset, "train", "validation")
        if self.drop_shared_rows:
            dataset = without_shared_rows(dataset)
        limits = {
            "train": self.max_train_samples,
            "validation": self.max_eval_samples,
            "test": self.max_test_samples,
        }
        return sample_rows(dataset, limits, seed)


def parse_arguments(
    command: Sequence[str], description: str | None = None
) -> tuple[ModelArguments, DataArguments, TrainingArguments, Recipe]:
    """Reads a command line; explicit flags win over the recipe's defaults.

    Exits with a message, as argparse does, where arguments are unknown or contradict one another.
    """
    # The recipe is read first, because it sets the defaults of everything else.
    first = ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--recipe", default="modern")
    # in either spelling, as the parser below reads them
    first.add_argument("--output_dir", "--output-dir")
    first.add_argument("--greater_is_better", "--greater-is-better")
    named = first.parse_known_args(command)[0]
    recipe = RECIPES.get(named.recipe)
    parser = HfArgumentParser(
        [ModelArguments, DataArguments, TrainingArguments],  # type: ignore[list-item]
        description=description,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(
        **(recipe.training_arguments() if recipe else {}),
        do_train=True,
        remove_unused_columns=False,  # the collator needs `sequence`, which no model takes
        dataloader_pin_memory=torch.cuda.is_available(),
        # Without this, processes started on a machine without a GPU do not find one another: each
        # trains the whole model, and all write to one folder.
        use_cpu=not torch.accelerator.is_available(),
    )
    model, data, training = parser.parse_args_into_dataclasses([*command])
    if (model.model_name_or_path is None) == (model.model_type is None):
        parser.error("give one of --model_name_or_path and --model_type")
    if model.preset and model.model_type is None:
        parser.error("--preset needs --model_type; a trained model keeps its own shape")
    if model.lora and not training.do_train:
        parser.error("--lora is a way to train; leave it out with --do_train false")
    if (data.dataset_name is None) == (data.train_file is None):
        parser.error("give one of --dataset_name and --train_file")
    if not training.do_train and model.model_type is not None:
        parser.error("--do_train false needs --model_name_or_path; a new model has random weights")
    problems = (*_without_effect(model, data), *unsupported(training, UNSUPPORTED_HERE))
    for problem in (*problems, *out_of_bounds(training, AS_IT_IS), *missing_reporters(training)):
        parser.error(problem)
    if data.max_length is not None and data.max_length < 1:
        parser.error(f"--max_length is {data.max_length}; give 1 or more")
    if named.output_dir is None:
        parser.error("give --output_dir, the folder for the model and its results")
    if not training.do_train and (Path(named.output_dir) / TRAINER_STATE_NAME).exists():
        parser.error(
            f"{named.output_dir} has the results of a training, which those of --do_train false "
            "would replace; give another --output_dir"
        )
    assert recipe is not None  # argparse has refused other names by now
    if named.greater_is_better is None:
        training.greater_is_better = is_better_when_greater(training.metric_for_best_model)
    patience = model.early_stopping_patience
    if patience is not None:
        if patience < 0:
            parser.error(f"--early_stopping_patience is {patience}; give 0 (never) or more")
        recipe = dataclasses.replace(recipe, early_stopping_patience=patience or None)
    if model.averaging_decay is not None and not 0 <= model.averaging_decay < 1:
        parser.error(
            f"--averaging_decay is {model.averaging_decay}; give 0 (none) or a number below 1"
        )
    rate = model.curvature_learning_rate
    if rate is not None and not 0 <= rate < math.inf:
        parser.error(f"--curvature_learning_rate is {rate}; give 0 (fixed) or a positive number")
    given = {
        "averaging_decay": model.averaging_decay,
        "curvature_learning_rate": rate,
        "reverse_complement_probability": data.reverse_complement_probability,
        "base_masking_probability": data.base_masking_probability,
    }
    recipe = dataclasses.replace(recipe, **{k: v for k, v in given.items() if v is not None})
    require_one_group(training)
    return model, data, training, recipe


def _without_effect(model: ModelArguments, data: DataArguments) -> Iterator[str]:
    """What is said of options that would be ignored beside the others.

    Not of --trust_remote_code and --ignore_mismatched_sizes beside --model_type: they permit what a
    new model has no use for, and `examples/repeat_finetuning.py` gives new and trained models the
    same options.
    """
    if data.dataset_name is not None and (data.validation_file or data.test_file):
        yield (
            "--validation_file and --test_file go with --train_file; a data set has its own "
            "splits, and of a single table name it by --train_file"
        )
    if data.train_file is not None and data.dataset_config_name is not None:
        yield "--dataset_config_name needs --dataset_name; a file has no configurations"
    if not model.lora:
        for name, default in vars(ModelArguments()).items():
            if name.startswith("lora_") and getattr(model, name) != default:
                yield f"--{name} needs --lora"
    elif model.curvature_learning_rate:
        yield "--curvature_learning_rate has no effect with --lora, which trains no curvature"
