"""Tables of the networks of the paper on GUE: by two recipes on four sets, by its own on more."""

from __future__ import annotations

import statistics
from pathlib import Path

from league_scores import Runs
from report_league import SETS, files, spread, standings
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


def paper_recipe(root: Path) -> Rows:
    """The networks by the recipe of the paper on the ten sets of the league."""
    of_four_sets = root / "docs" / "results" / "gue.json"
    runs = Runs.of([of_four_sets, *files(root, folder="paper_recipe")])
    runs.rows = [run for run in runs.rows if run["recipe"] == "paper"]
    for run in runs.rows:
        run["name"] = NAMES[run["model"]]
    return standings(runs, SETS)


TABLES: dict[str, Table] = {"gue_recipes": recipes, "paper_recipe": paper_recipe}
