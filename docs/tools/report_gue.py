"""Table of the networks and recipes on four sets of GUE."""

from __future__ import annotations

import statistics
from pathlib import Path

from report_league import spread
from report_tables import Rows, Table, numbers, read

NAMES = {"S": "HCNN-S", "M": "HCNN-M", "Euclidean": "Euclidean twin"}


def recipes(root: Path) -> Rows:
    """Test MCC x 100 by recipe and network, mean and standard deviation over seeds."""
    runs = read(root, "gue")["runs"]
    configs = list(dict.fromkeys(run["config"] for run in runs))
    rows = [["recipe", "network", *configs, "mean", "seeds", "steps", "training seconds"]]
    for recipe, model in dict.fromkeys((run["recipe"], run["model"]) for run in runs):
        mine = [run for run in runs if (run["recipe"], run["model"]) == (recipe, model)]
        scores = [
            [100 * run["test_matthews_correlation"] for run in mine if run["config"] == config]
            for config in configs
        ]
        cells = [
            *map(spread, scores),
            f"{statistics.mean(map(statistics.mean, scores)):.1f}" if all(scores) else "-",
            str(min(map(len, scores))),
            numbers([sum(run["steps"] for run in mine)], 0),
            numbers([sum(run["train_seconds"] for run in mine)], 0),
        ]
        rows.append([recipe, NAMES.get(model, model), *cells])
    return rows


TABLES: dict[str, Table] = {"gue_recipes": recipes}
