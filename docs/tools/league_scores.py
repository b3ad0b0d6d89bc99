"""Runs of the league of GUE, and Matthews correlations of their predictions on drawn test rows."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hf_genomics.evaluation.bootstrap import Estimate, percentile_interval, row_counts
from hf_genomics.evaluation.predictions import PackedClasses, unpacked

Floats = NDArray[np.float64]
Packed = tuple[int, int, str]  # rows, classes, base64: a PackedClasses that can be looked up

TEST, VALIDATION = "test_matthews_correlation", "validation_matthews_correlation"


@dataclass
class Runs:
    """What `examples/repeat_finetuning.py --report` wrote, of one file or several.

    Args:
        rows: One run each; `name` is its model, with the recipe where the model has several.
        labels: The test rows of each data set.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    labels: dict[str, PackedClasses] = field(default_factory=dict)

    @classmethod
    def of(cls, files: Iterable[Path]) -> Runs:
        """Reads and merges.

        Raises:
            ValueError: A run is in two files, or two files have other test rows of a data set.
        """
        runs = cls()
        seen: dict[tuple[Any, ...], Path] = {}
        for file in files:
            document = json.loads(file.read_text("utf-8"))
            for config, labels in document.get("test_labels", {}).items():
                if runs.labels.setdefault(config, labels) != labels:
                    raise ValueError(
                        f"the test rows of {config} in {file.name} are not those of the other "
                        "files; the scores cannot stand in one table."
                    )
            for run in document["runs"]:
                run["file"] = file.name
                key = tuple(run[part] for part in ("model", "recipe", "config", "seed"))
                if key in seen:
                    raise ValueError(
                        f"the run {key} is in {seen[key].name} and in {file.name}; keep one."
                    )
                seen[key] = file
                runs.rows.append(run)
        recipes: dict[str, set[str]] = {}
        for run in runs.rows:
            recipes.setdefault(run["model"], set()).add(run["recipe"])
        for run in runs.rows:
            several = len(recipes[run["model"]]) > 1
            run["name"] = f"{run['model']} ({run['recipe']})" if several else run["model"]
        return runs

    def models(self) -> list[str]:
        """Names in the order of the files."""
        return list(dict.fromkeys(run["name"] for run in self.rows))

    def on(self, config: str, model: str | None = None) -> list[dict[str, Any]]:
        """The runs on a data set, all of them or one model's, in the order of the files."""
        return [
            run
            for run in self.rows
            if run["config"] == config and (model is None or run["name"] == model)
        ]

    def seeds(self, config: str, model: str) -> set[int]:
        """Seeds that a model was trained with on a data set."""
        return {run["seed"] for run in self.on(config, model)}

    def samples(self, config: str, model: str, seeds: Iterable[int] | None = None) -> Floats | None:
        """Test MCC x 100, the mean over a model's seeds, on drawn rows: (num_resamples,).

        The same rows are drawn for all models, so differences are paired. None if a run has no
        predictions.
        """
        chosen = self.on(config, model)
        if seeds is not None:
            chosen = [run for run in chosen if run["seed"] in seeds]
        everyone = [run for run in self.on(config) if "test_predictions" in run]
        if not chosen or any("test_predictions" not in run for run in chosen):
            return None
        drawn = resampled_mcc(
            _key(self.labels[config]),
            tuple(_key(run["test_predictions"]) for run in everyone),
            seed=zlib.crc32(config.encode()),  # data sets are drawn independently
        )
        columns = [next(i for i, one in enumerate(everyone) if one is run) for run in chosen]
        return 100 * drawn[:, columns].mean(1)


def interval(value: float, samples: Floats | None) -> Estimate:
    """A score beside its 95 % interval, which is NaN without samples."""
    return percentile_interval(value, np.array([np.nan]) if samples is None else samples)


@lru_cache(maxsize=64)  # the tables of a page ask for the same
def resampled_mcc(labels: Packed, predictions: tuple[Packed, ...], *, seed: int) -> Floats:
    """MCC of each prediction on rows drawn with replacement, class by class.

    Returns:
        (num_resamples, predictions), the same rows for all predictions.

    Raises:
        ValueError: A prediction has another number of rows or classes than the labels.
    """
    for one in predictions:
        if one[:2] != labels[:2]:
            raise ValueError(
                f"{one[0]} rows of {one[1]} classes were predicted, but the test split has "
                f"{labels[0]} rows of {labels[1]} classes."
            )
    true = _unpacked(labels)
    classes = labels[1]
    cells = np.stack([true * classes + _unpacked(one) for one in predictions], 1)  # (n, P)
    # (n, P * C * C): one where a row is in that cell of that prediction's confusion matrix
    indicators = np.eye(classes**2, dtype=np.float64)[cells].reshape(len(true), -1)
    shape = (-1, len(predictions), classes, classes)
    draws = row_counts(true, seed=seed)
    return np.concatenate([matthews((counts @ indicators).reshape(shape)) for counts in draws])


def matthews(confusion: Floats) -> Floats:
    """MCC of confusion matrices (..., true, predicted); 0 where the formula is 0/0."""
    total = confusion.sum((-2, -1))
    true, predicted = confusion.sum(-1), confusion.sum(-2)
    covariance = confusion.trace(axis1=-2, axis2=-1) * total - (true * predicted).sum(-1)
    variances = (total**2 - (true**2).sum(-1)) * (total**2 - (predicted**2).sum(-1))
    return covariance / np.sqrt(np.where(variances > 0, variances, np.inf))


def _key(classes: PackedClasses) -> Packed:
    return classes["rows"], classes["classes"], classes["base64"]


def _unpacked(key: Packed) -> NDArray[np.int64]:
    return unpacked({"rows": key[0], "classes": key[1], "base64": key[2]})
