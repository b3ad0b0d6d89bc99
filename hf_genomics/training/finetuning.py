"""The steps of `examples/finetune.py` that are the same for every model: model, data, checks."""

from __future__ import annotations

import logging
from typing import Any

import torch
from datasets import ClassLabel, DatasetDict, List
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from hf_genomics.data.collators import length_limit
from hf_genomics.data.sequence_datasets import longest_sequence
from hf_genomics.data.shared_sequences import shared_rows
from hf_genomics.evaluation.classification import (
    QUANTIZER,
    require_classifier,
    require_model,
    require_trained,
)
from hf_genomics.evaluation.loaded_weights import naming_weights
from hf_genomics.evaluation.metrics import CLASSIFICATION_METRICS, REGRESSION_METRICS
from hf_genomics.tokenization_dna import DNATokenizer
from hf_genomics.training.arguments import ModelArguments
from hf_genomics.training.checkpoint_labels import (
    label_names,
    label_settings,
    matching_settings,
    restart_head,
    shown,
)
from hf_genomics.training.config_overrides import (
    DTYPE_IS_SET,
    override_pairs,
    parse_config_overrides,
)
from hf_genomics.training.recipes import SELECTION_METRIC

logger = logging.getLogger(__name__)

NO_LIMIT = int(1e30)  # what Transformers writes for a tokenizer that cuts nothing
REGRESSION_SELECTION_METRIC = "pearson"
SET_OTHERWISE = {
    "id2label": "the names of the labels come with the data",
    "label2id": "the names of the labels come with the data",
    "num_labels": "the number of labels comes with the data",
    "problem_type": "--problem_type says what the labels are",
    "dtype": DTYPE_IS_SET,
}


def build_model(
    args: ModelArguments,
    dataset: DatasetDict,
    max_length: int | None,
    cache_dir: str | None = None,
    *,
    is_trained: bool = False,
) -> tuple[PreTrainedModel, Any]:
    """The model and tokenizer that the arguments name, with a head for the labels of `dataset`.

    Args:
        args: Name of a trained model, or type and preset of a new one; overrides of either.
        dataset: Splits with the columns `sequence` and `label`.
        max_length: See `new_model` and `pretrained_model`.
        cache_dir: Where models of the Hub are kept.
        is_trained: Whether it is to be used as it is.

    Raises:
        ValueError: See `new_model` and `pretrained_model`; or the model has no such attention.
    """
    if args.model_type is not None:
        model, tokenizer = new_model(
            args.model_type, args.config_overrides, dataset, max_length, preset=args.preset
        )
    else:
        model, tokenizer = pretrained_model(
            str(args.model_name_or_path),
            dataset,
            args.config_overrides,
            trust_remote_code=args.trust_remote_code,
            ignore_mismatched_sizes=args.ignore_mismatched_sizes,
            max_length=max_length,
            is_trained=is_trained,
            cache_dir=cache_dir,
        )
    if args.attn_implementation is not None:
        model.set_attn_implementation(args.attn_implementation)
    return model, tokenizer


def selection_metric(chosen: str | None, feature: Any) -> str | None:
    """The metric that picks the best epoch: as chosen, but a correlation for regression where the
    choice is the default of classification.

    Raises:
        ValueError: No such score is computed for these labels.
    """
    regression = label_settings(feature)["problem_type"] == "regression"
    if regression and chosen == SELECTION_METRIC:
        return REGRESSION_SELECTION_METRIC
    known = ("loss", *(REGRESSION_METRICS if regression else CLASSIFICATION_METRICS))
    if chosen is not None and chosen.removeprefix("eval_") not in known:
        raise ValueError(
            f"--metric_for_best_model is {chosen!r}; for these labels it is one of "
            f"{', '.join(known)}."
        )
    return chosen


def new_model(
    model_type: str,
    config_overrides: str,
    dataset: DatasetDict,
    max_length: int | None,
    *,
    preset: str | None = None,
) -> tuple[PreTrainedModel, Any]:
    """A model with random weights for the labels of `dataset`, and its tokenizer.

    Args:
        model_type: Registered with Transformers, such as "hyperbolic_cnn".
        config_overrides: See `parse_config_overrides`.
        dataset: Splits with columns `sequence` and `label`.
        max_length: Positions of a model of fixed length; the longest sequence of all splits if
            None and not among the overrides.
        preset: Name of the configuration that the overrides change; None for the defaults.

    Raises:
        ValueError: The type or its preset is unknown, the type is that of a quantizer, or an
            override does not fit the configuration.
    """
    if model_type not in CONFIG_MAPPING:
        raise ValueError(
            f"Transformers knows no model type {model_type!r}; this package brings "
            "'hyperbolic_cnn', and a trained model is named with --model_name_or_path."
        )
    if model_type == QUANTIZER:
        raise ValueError(
            f"Model type {model_type!r} is a quantizer, and no classifier; --model_type vqdna "
            "trains one on a random vocabulary, --model_name_or_path on that of a trained model."
        )
    config_class = CONFIG_MAPPING[model_type]
    overrides = _overrides(config_overrides, config_class)
    if hasattr(config_class(), "max_length"):
        overrides.setdefault("max_length", max_length or longest_sequence(dataset))
    labels = label_settings(_label_feature(dataset))
    if preset is None:
        config = AutoConfig.for_model(model_type, **labels, **overrides)
    elif hasattr(config_class, "preset"):
        config = config_class.preset(preset, **labels, **overrides)
    else:
        raise ValueError(f"{config_class.__name__} has no presets; leave --preset out.")
    model = AutoModelForSequenceClassification.from_config(config)
    if model_type == "vqdna" and config.freeze_quantizer:
        logger.warning(
            "The vocabulary of this vqdna model is random and is not trained, which is a control; "
            "--model_name_or_path takes a model that was pretrained on a trained one."
        )
    # a model of any length gets a tokenizer that cuts nothing, but for a limit of one's own
    limit = length_limit(config) or max_length
    return model, DNATokenizer(model_max_length=limit or NO_LIMIT)


def _overrides(text: str, config_class: type[PreTrainedConfig]) -> dict[str, Any]:
    # by name and before any is read: not all of them are fields that a line of text can set
    for name in sorted(SET_OTHERWISE.keys() & dict(override_pairs(text)).keys()):
        raise ValueError(f"--config_overrides cannot set {name}: {SET_OTHERWISE[name]}.")
    return parse_config_overrides(text, config_class)


def pretrained_model(
    name_or_path: str,
    dataset: DatasetDict,
    config_overrides: str = "",
    *,
    trust_remote_code: bool = False,
    ignore_mismatched_sizes: bool = False,
    max_length: int | None = None,
    is_trained: bool = False,
    cache_dir: str | None = None,
) -> tuple[PreTrainedModel, Any]:
    """A trained model and its tokenizer, with a head for the labels of `dataset`.

    A head that was trained for these labels keeps its weights and its numbering of the classes:
    pass the data through `with_labels_of` before training.

    Args:
        name_or_path: Folder or Hub id.
        dataset: Splits with the columns `sequence` and `label`.
        config_overrides: Fields of the configuration that are to differ, see
            `parse_config_overrides`; only those that leave every weight its name and shape.
        trust_remote_code: Run the code that comes with the model.
        ignore_mismatched_sizes: Start a new head where the model has one for other labels.
        max_length: Most bases of a sequence in training; a model of any length keeps it in its
            tokenizer, in place of the one before.
        is_trained: Whether it is to be used as it is.
        cache_dir: Where models of the Hub are kept.

    Raises:
        ValueError: There is no such folder; it holds a quantizer; the checkpoint has other labels
            than the data (see `matching_settings`) and `ignore_mismatched_sizes` is False; its
            head is new though `is_trained`; its weights cannot be read; or an override is no field
            or does not fit the weights.
        StrictDataclassError: An override has a value that the configuration refuses.
    """
    require_model(name_or_path)
    feature = _label_feature(dataset)
    options: dict[str, Any] = {"trust_remote_code": trust_remote_code, "cache_dir": cache_dir}
    config = AutoConfig.from_pretrained(name_or_path, **options)
    require_classifier(config, name_or_path)
    overrides = _overrides(config_overrides, type(config))
    if overrides:
        changed = type(config).from_dict(config.to_dict() | overrides)  # which checks its fields
        require_same_weights(config, changed, trust_remote_code=trust_remote_code)
    classifies = any("SequenceClassification" in name for name in config.architectures or [])
    labels, new_head = label_settings(feature), False
    if classifies:
        try:
            labels = matching_settings(config, feature, name_or_path)
        except ValueError:
            if not ignore_mismatched_sizes or is_trained:
                raise
            new_head = True
    with naming_weights(name_or_path):
        model, loading = AutoModelForSequenceClassification.from_pretrained(
            name_or_path,
            output_loading_info=True,
            ignore_mismatched_sizes=ignore_mismatched_sizes,
            # small steps vanish in weights of bfloat16, as which a checkpoint may have been saved
            dtype=torch.float32,
            **overrides,
            **labels,
            **options,
        )
    if new_head:
        restart_head(model)
    if is_trained:
        require_trained(loading, name_or_path)
    tokenizer = AutoTokenizer.from_pretrained(name_or_path, **options)
    has_limit = length_limit(model.config) is not None or not hasattr(tokenizer, "on_invalid")
    if not (is_trained or has_limit):  # that of another's tokenizer may be the model's
        tokenizer.model_max_length = max_length or NO_LIMIT
        tokenizer.init_kwargs["model_max_length"] = tokenizer.model_max_length  # which is saved
    return model, tokenizer


def require_same_weights(
    config: PreTrainedConfig, changed: PreTrainedConfig, *, trust_remote_code: bool = False
) -> None:
    """Refuses a changed configuration whose network would not have the weights of the trained one.

    Transformers would give the weights that it does not find random values.

    Raises:
        ValueError: Names a weight that is in one network only, or has another shape.
    """
    with torch.device("meta"):  # names and shapes, without memory for the numbers
        before, after = (
            {
                name: tuple(weight.shape)
                for name, weight in AutoModelForSequenceClassification.from_config(
                    one, trust_remote_code=trust_remote_code
                )
                .state_dict()
                .items()
            }
            for one in (config, changed)
        )
    different = sorted(name for name in before | after if before.get(name) != after.get(name))
    if different:
        name = different[0]
        raise ValueError(
            f"--config_overrides would give {len(different)} weights of the trained model another "
            f"shape, {name} for one: {before.get(name, 'none')} became {after.get(name, 'none')}. "
            "Leave out what decides weights, or train a new model with --model_type."
        )


def data_summary(dataset: DatasetDict, config: PreTrainedConfig) -> str:
    """One line for people: what is predicted, and from how many rows; a second one where rows of
    validation or test stand in train too."""
    feature = _label_feature(dataset)
    if isinstance(feature, ClassLabel):
        kind = "classes"
    else:
        kind = "labels, any number of them a row," if isinstance(feature, List) else ""
    names = label_names(config)
    what = f"{len(names)} {kind} ({shown(names)})" if kind else "regression of one number"
    rows = ", ".join(f"{split} {len(rows)}" for split, rows in dataset.items())
    line = f"{what}; rows: {rows}"
    shared = ", ".join(f"{count} of {split}" for split, count in shared_rows(dataset).items())
    if shared:
        line += f"\nrows that stand in train too: {shared} (--drop_shared_rows trains without them)"
    return line


def _label_feature(dataset: DatasetDict) -> Any:
    return next(iter(dataset.values())).features["label"]
