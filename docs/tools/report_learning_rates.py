"""The search for the learning rate of the league: validation scores by model, rate and data set.

The runs are docs/results/learning_rates/RATE.json and RATE_*.json, each written by
`examples/repeat_finetuning.py --report ... -- --learning_rate RATE`.
"""

from __future__ import annotations

import statistics
from pathlib import Path

from league_scores import VALIDATION, Runs
from report_league import NO_RUN, in_order, span, spread
from report_tables import Rows, Table


def learning_rates(root: Path) -> Rows:
    """Validation MCC x 100, the best of a model's means in bold; test scores are not looked at.

    A mean is over the sets on which a model was tried, and of those rates that were tried on all.
    """
    files: dict[str, list[Path]] = {}
    for file in sorted((root / "docs" / "results" / "learning_rates").glob("*.json")):
        files.setdefault(file.stem.split("_")[0], []).append(file)
    by_rate = {rate: Runs.of(files[rate]) for rate in sorted(files, key=float)}
    sets = sorted({run["config"] for runs in by_rate.values() for run in runs.rows})
    rows = [["model", "learning rate", *sets, "mean", "seeds"]]
    for model in in_order(
        dict.fromkeys(name for runs in by_rate.values() for name in runs.models())
    ):
        scores = {
            rate: [[100 * run[VALIDATION] for run in runs.on(config, model)] for config in sets]
            for rate, runs in by_rate.items()
            if model in runs.models()
        }
        tried = [i for i in range(len(sets)) if any(of[i] for of in scores.values())]
        means = {
            rate: statistics.mean(statistics.mean(of[i]) for i in tried)
            for rate, of in scores.items()
            if all(of[i] for i in tried)
        }
        best = max(means, key=means.__getitem__) if len(means) > 1 else None
        for rate, of in scores.items():
            mean = f"{means[rate]:.1f}" if rate in means else "-"
            seeds = span(len(one) for one in of if one)
            rows.append(
                [model, rate, *map(spread, of), f"**{mean}**" if rate == best else mean, seeds]
            )
    return rows if by_rate else [*rows, [NO_RUN, *["-"] * (len(rows[0]) - 1)]]


TABLES: dict[str, Table] = {"learning_rates": learning_rates}
