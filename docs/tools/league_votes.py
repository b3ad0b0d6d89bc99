"""The league of GUE once more, for three networks of one recipe that vote.

A model's seeds are networks that differ in nothing but their start and the order of the rows. What
most of three say is a classifier too, of three times the parameters, and is compared like one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from league_scores import TEST, Runs
from numpy.typing import NDArray

from hf_genomics.evaluation.metrics import matthews_correlation
from hf_genomics.evaluation.predictions import packed, unpacked

VOTERS = 3


def votes(runs: Runs) -> Runs:
    """One run for every model and data set that has VOTERS seeds with predictions.

    The lowest seeds vote. Training seconds are those of all voters together.
    """
    found = Runs(labels=runs.labels)
    for config in dict.fromkeys(run["config"] for run in runs.rows):
        for model in runs.models():
            on = [run for run in runs.on(config, model) if "test_predictions" in run]
            voters = sorted(on, key=lambda run: run["seed"])[:VOTERS]
            if len(voters) == VOTERS:
                found.rows.append(_vote(runs, config, model, voters))
    return found


def _vote(runs: Runs, config: str, model: str, voters: list[dict[str, Any]]) -> dict[str, Any]:
    classes = runs.labels[config]["classes"]
    chosen = majority(np.stack([unpacked(run["test_predictions"]) for run in voters]), classes)
    sums = {
        name: sum(run[name] for run in voters)
        for name in ("num_parameters", "train_seconds")
        if all(name in run for run in voters)
    }
    return sums | {
        "name": model,
        "config": config,
        TEST: matthews_correlation(unpacked(runs.labels[config]), chosen),
        "test_predictions": packed(chosen, classes),
    }


def majority(predicted: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    """The class (rows,) that most of the voters (voters, rows) chose; of several, the first voter's
    if it is one of them, else the lowest."""
    chosen = np.eye(classes)[predicted]  # (voters, rows, classes)
    return np.asarray((chosen.sum(0) + chosen[0] / 2).argmax(1))
