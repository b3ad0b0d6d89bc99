"""The steps of `examples/finetune.py` that are the same for every model: model, data, checks."""

from __future__ import annotations

from typing import Any

import pyarrow.compute as pc
from datasets import ClassLabel, DatasetDict, List
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from hf_genomics.data.sequence_datasets import longest_sequence
from hf_genomics.tokenization_dna import DNATokenizer
from hf_genomics.training.arguments import ModelArguments
from hf_genomics.training.config_overrides import parse_config_overrides
from hf_genomics.training.recipes import SELECTION_METRIC

REGRESSION_SELECTION_METRIC = "pearson"


def build_model(
    args: ModelArguments, dataset: DatasetDict, max_length: int | None, cache_dir: str | None = None
) -> tuple[PreTrainedModel, Any]:
    """The model and tokenizer that the arguments name, with a head for the labels of `dataset`.

    Args:
        args: Name of a trained model, or type and overrides of a new one.
        dataset: Splits with the columns `sequence` and `label`.
        max_length: See `new_model`.
        cache_dir: Where models of the Hub are kept.

    Raises:
        ValueError: See `new_model` and `pretrained_model`.
    """
    if args.model_type is not None:
        return new_model(args.model_type, args.config_overrides, dataset, max_length)
    return pretrained_model(
        str(args.model_name_or_path),
        dataset,
        trust_remote_code=args.trust_remote_code,
        ignore_mismatched_sizes=args.ignore_mismatched_sizes,
        cache_dir=cache_dir,
    )


def label_settings(feature: Any) -> dict[str, Any]:
    """`num_labels`, `problem_type` and label names of a model for labels of this feature."""
    if isinstance(feature, ClassLabel):
        problem_type, names = "single_label_classification", list(feature.names)
    elif isinstance(feature, List):
        names = [str(number) for number in range(feature.length)]
        problem_type = "multi_label_classification"
    else:
        return {"num_labels": 1, "problem_type": "regression"}
    return {
        "num_labels": len(names),
        "problem_type": problem_type,
        "id2label": dict(enumerate(names)),
        "label2id": {name: number for number, name in enumerate(names)},
    }


def selection_metric(chosen: str | None, feature: Any) -> str | None:
    """The metric that picks the best epoch: as chosen, but a correlation for regression where the
    choice is the default of classification."""
    regression = label_settings(feature)["problem_type"] == "regression"
    return REGRESSION_SELECTION_METRIC if regression and chosen == SELECTION_METRIC else chosen


def new_model(
    model_type: str, config_overrides: str, dataset: DatasetDict, max_length: int | None
) -> tuple[PreTrainedModel, Any]:
    """A model with random weights for the labels of `dataset`, and its tokenizer.

    Args:
        model_type: Registered with Transformers, such as "hyperbolic_cnn".
        config_overrides: See `parse_config_overrides`.
        dataset: Splits with columns `sequence` and `label`.
        max_length: Positions of a model of fixed length; the longest sequence of all splits if
            None and not among the overrides.

    Raises:
        ValueError: The type is unknown, or an override does not fit the configuration.
    """
    if model_type not in CONFIG_MAPPING:
        raise ValueError(
            f"Transformers knows no model type {model_type!r}; this package brings "
            "'hyperbolic_cnn', and a trained model is named with --model_name_or_path."
        )
    config_class = CONFIG_MAPPING[model_type]
    overrides = parse_config_overrides(config_overrides, config_class)
    if hasattr(config_class(), "max_length"):
        overrides.setdefault("max_length", max_length or longest_sequence(dataset))
    labels = label_settings(_label_feature(dataset))
    config = AutoConfig.for_model(model_type, **labels, **overrides)
    model = AutoModelForSequenceClassification.from_config(config)
    return model, DNATokenizer(model_max_length=overrides.get("max_length") or int(1e30))


def pretrained_model(
    name_or_path: str,
    dataset: DatasetDict,
    *,
    trust_remote_code: bool = False,
    ignore_mismatched_sizes: bool = False,
    cache_dir: str | None = None,
) -> tuple[PreTrainedModel, Any]:
    """A trained model and its tokenizer, with a head for the labels of `dataset`.

    Raises:
        ValueError: The checkpoint classifies into another number of labels than the data have and
            `ignore_mismatched_sizes` is False.
    """
    labels = label_settings(_label_feature(dataset))
    options: dict[str, Any] = {"trust_remote_code": trust_remote_code, "cache_dir": cache_dir}
    config = AutoConfig.from_pretrained(name_or_path, **options)
    classifies = any("SequenceClassification" in name for name in config.architectures or [])
    if classifies and config.num_labels != labels["num_labels"] and not ignore_mismatched_sizes:
        raise ValueError(
            f"{name_or_path} predicts {config.num_labels} labels, but the data have "
            f"{labels['num_labels']}; pass --ignore_mismatched_sizes to start a new head."
        )
    model = AutoModelForSequenceClassification.from_pretrained(
        name_or_path, ignore_mismatched_sizes=ignore_mismatched_sizes, **labels, **options
    )
    return model, AutoTokenizer.from_pretrained(name_or_path, **options)


def length_limit(config: PreTrainedConfig, max_length: int | None) -> int | None:
    """Most tokens of a sequence: `max_length`, but no more than a model of fixed length reads."""
    fixed = (
        getattr(config, "max_length", None) if getattr(config, "head", "") == "flatten" else None
    )
    limits = [limit for limit in (fixed, max_length) if limit is not None]
    return min(limits) if limits else None


def check_lengths(dataset: DatasetDict, tokenizer: Any, limit: int | None) -> None:
    """Raises ValueError, naming split and row, if a sequence has more tokens than `limit`.

    Found before training starts, not in the middle of the first epoch.
    """
    for split, rows in dataset.items():
        lengths = pc.utf8_length(rows.with_format("arrow")[:]["sequence"])
        row = pc.index(lengths, pc.max(lengths)).as_py()
        tokens = len(tokenizer(rows[row]["sequence"])["input_ids"])
        if limit is not None and tokens > limit:
            raise ValueError(
                f"Row {row} of split {split!r} has {tokens} tokens, but the model reads at most "
                f"max_length={limit}: raise --max_length, cut sequences with --truncation, or "
                "use a head for any length (--config_overrides head=centroid)."
            )


def _label_feature(dataset: DatasetDict) -> Any:
    return next(iter(dataset.values())).features["label"]
