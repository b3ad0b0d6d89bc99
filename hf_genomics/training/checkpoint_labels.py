"""What the labels of the data mean to a model that was trained before: which class is which."""

from __future__ import annotations

import copy
import logging
from typing import Any

import torch
from datasets import ClassLabel, DatasetDict, List
from transformers import PreTrainedConfig, PreTrainedModel

logger = logging.getLogger(__name__)


def label_settings(feature: Any) -> dict[str, Any]:
    """`num_labels`, `problem_type` and label names of a model for labels of this feature."""
    if isinstance(feature, ClassLabel):
        problem_type, names = "single_label_classification", list(feature.names)
    elif isinstance(feature, List):
        names = _numbers(feature.length)
        problem_type = "multi_label_classification"
    else:
        return {"num_labels": 1, "problem_type": "regression"}
    return {
        "num_labels": len(names),
        "problem_type": problem_type,
        "id2label": dict(enumerate(names)),
        "label2id": {name: number for number, name in enumerate(names)},
    }


def matching_settings(config: PreTrainedConfig, feature: Any, name_or_path: str) -> dict[str, Any]:
    """`label_settings` of a trained classifier that goes on with labels of this feature.

    | labels of the data | names of the checkpoint | outcome |
    | --- | --- | --- |
    | the same names, in any order | | the checkpoint's numbers; see `with_labels_of` |
    | numbers | as many of any kind | the checkpoint's names |
    | names | none (`LABEL_0`, ...), as many | the data's names, with a warning |
    | anything else | | an error |

    Args:
        config: Of the checkpoint.
        feature: Of the column `label`.
        name_or_path: Of the checkpoint, for messages.

    Raises:
        ValueError: The checkpoint solves another problem, or has other labels.
    """
    settings = label_settings(feature)
    remedy = "pass --ignore_mismatched_sizes to start a new head for the labels of the data"
    if config.problem_type not in (None, settings["problem_type"]):
        raise ValueError(
            f"{name_or_path} was trained for {config.problem_type}, but the labels of the data are "
            f"for {settings['problem_type']}; set --problem_type if they are meant otherwise, or "
            f"{remedy}."
        )
    if config.num_labels != settings["num_labels"]:
        raise ValueError(
            f"{name_or_path} predicts {config.num_labels} labels "
            f"({shown(label_names(config))}), but the data have "
            f"{settings['num_labels']} ({shown(_names_of(settings))}); {remedy}."
        )
    if settings["problem_type"] == "regression":
        return settings
    known, given = label_names(config), _names_of(settings)
    kept = {
        "num_labels": config.num_labels,
        "problem_type": settings["problem_type"],
        "id2label": dict(enumerate(known)),
        "label2id": {name: number for number, name in enumerate(known)},
    }
    if sorted(known) == sorted(given) or given == _numbers(len(given)):
        return kept
    if known == [f"LABEL_{number}" for number in range(len(known))]:
        logger.warning(
            "%s does not say what its labels are; they are taken to be %s, in this order.",
            name_or_path,
            shown(given),
        )
        return settings
    raise ValueError(
        f"{name_or_path} predicts the labels {shown(known)}, but those of the data are "
        f"{shown(given)}: rename the labels of the data, or {remedy}."
    )


def with_labels_of(dataset: DatasetDict, config: PreTrainedConfig) -> DatasetDict:
    """`dataset` with its classes numbered as a model numbers them, by name.

    Args:
        dataset: Splits with a column `label`.
        config: Of a model that `matching_settings` was asked about.
    """
    feature = next(iter(dataset.values())).features["label"]
    names = label_names(config)
    if not isinstance(feature, ClassLabel) or sorted(names) != sorted(feature.names):
        return dataset
    if names == feature.names:
        return dataset
    number = [names.index(name) for name in feature.names]
    renumbered = DatasetDict()
    for split, rows in dataset.items():
        labels = [number[label] for label in rows["label"]]
        rows = rows.remove_columns("label")
        renumbered[split] = rows.add_column("label", labels, feature=ClassLabel(names=names))
    return renumbered


@torch.no_grad()
def restart_head(model: PreTrainedModel) -> None:
    """Draws all weights anew that do not belong to the body of `model`."""
    fresh = type(model)(copy.deepcopy(model.config)).state_dict()
    for name, tensor in model.state_dict().items():
        if not name.startswith(f"{model.base_model_prefix}."):
            tensor.copy_(fresh[name])


def label_names(config: Any) -> list[str]:
    """Names of the labels 0, 1, ... of a model with this configuration."""
    return [str(config.id2label[number]) for number in range(config.num_labels)]


def shown(names: list[str]) -> str:
    """The names in a message: the first ten."""
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")


def _names_of(settings: dict[str, Any]) -> list[str]:
    return list(settings.get("id2label", {0: "a number"}).values())


def _numbers(count: int) -> list[str]:
    return [str(number) for number in range(count)]
