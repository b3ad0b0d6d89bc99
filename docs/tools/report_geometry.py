"""Tables of docs/results/geometry.md: matched networks on the simulator, delta, curvatures.

The numbers are docs/results/geometry/*.json, written by examples/simulator_study.py.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from report_tables import Rows, Table, numbers, read, short_commit

MODELS = {"S": "HCNN-S", "M": "HCNN-M", "Euclidean": "Euclidean"}
HYPERBOLIC = ("S", "M")
MARK = "\\*"  # Student's interval, too, leaves 0 out
Row = dict[str, Any]


def study(root: Path) -> Any:
    return read(root, "geometry/simulator")


def geometry_matching(root: Path) -> Rows:
    """Parameters, and what the networks came to at each rate."""
    found = study(root)
    rates = [of["rate"] for of in found["tuning"][0]["rates"]]
    head = [f"parameters, {of['num_labels']} classes" for of in found["parameters"]]
    rows = [["network", *head, *(f"rate {rate:g}" for rate in rates)]]
    for row in found["tuning"]:
        counts = [numbers([of[row["model"]]], 0) for of in found["parameters"]]
        scores = [f"{100 * of['validation_mcc']:.1f}, best {of['chosen']} x" for of in row["rates"]]
        rows.append([MODELS[row["model"]], *counts, *scores])
    return rows


def geometry_conditions(root: Path) -> Rows:
    """MCC x 100 by condition, and the paired differences."""
    rows = [["condition", "classes", "seeds", "rates", *MODELS.values(), *differences_head()]]
    for row in study(root)["by_condition"]:
        labels = " or ".join(map(str, row["num_labels"]))
        scores = [numbers([100 * row["mcc"][model]]) for model in MODELS]
        counts = [str(len(row[name])) for name in ("seeds", "rates")]
        rows.append([row["condition"], labels, *counts, *scores, *differences(row["difference"])])
    return rows


def geometry_factors(root: Path) -> Rows:
    """The differences over all data sets of a level of what was varied."""
    rows = [["over", "", "data sets", *differences_head()]]
    for row in study(root)["by_factor"]:
        pairs = str(row["difference"]["S"]["pairs"])
        rows.append([row["factor"], row["level"], pairs, *differences(row["difference"])])
    return rows


def differences_head() -> list[str]:
    return [f"{MODELS[model]} - Euclidean" for model in HYPERBOLIC]


def differences(of: dict[str, Row]) -> list[str]:
    """`+1.2 [0.3, 2.1]*` for each hyperbolic network."""
    return [difference(of[model]) for model in HYPERBOLIC]


def difference(of: Row) -> str:
    """MCC x 100; None, which JSON has for infinity, is the interval of a single pair."""
    value, low, high = (100 * of[name] for name in ("value", "low", "high"))
    known = of["t_low"] is not None and of["t_high"] is not None
    clear = known and (of["t_low"] > 0 or of["t_high"] < 0)
    return f"{value:+.1f} [{low:.1f}, {high:.1f}]{MARK if clear else ''}"


def geometry_correlations(root: Path) -> Rows:
    """Spearman's correlation over the conditions."""
    by_what: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    for row in study(root)["rank_correlations"]:
        by_what[row["against"], row["conditions"]][row["model"]] = correlation(row)
    rows = [["against", "conditions", *differences_head()]]
    for (what, conditions), of in by_what.items():
        rows.append([what, str(conditions), *(of[model] for model in HYPERBOLIC)])
    return rows


def correlation(row: Row) -> str:
    if row["value"] is None:
        return "none: one value only"
    return f"{row['value']:+.2f} [{row['low']:.2f}, {row['high']:.2f}]"


def geometry_delta(root: Path) -> Rows:
    """Mean relative delta of three kinds of distances between the same rows of test."""
    rows = [["condition", "tree", "Hamming", *(f"embeddings, {name}" for name in MODELS.values())]]
    for row in study(root)["by_condition"]:
        of = [row["delta"][name] for name in ("tree", "hamming")]
        of += [row["delta"][f"embedding {model}"] for model in MODELS]
        rows.append([row["condition"], *("-" if x is None else f"{x['mean']:.4f}" for x in of)])
    return rows


def geometry_calibration(root: Path) -> Rows:
    """Delta of spaces that are known, over the seeds."""
    by_space: dict[str, list[Row]] = defaultdict(list)
    for row in read(root, "geometry/calibration")["rows"]:
        by_space[row["space"]].append(row)
    shown = {
        "mean": "mean",
        "median": "quantile_0.5",
        "99 %": "quantile_0.99",
        "largest": "largest",
    }
    rows = [["space", "points", "draws", *shown, "seconds", "CPU seconds"]]
    for space, of in by_space.items():
        means = [f"{mean(row[name] for row in of):.4f}" for name in shown.values()]
        times = [f"{max(row[name] for row in of):.1f}" for name in ("seconds", "cpu_seconds")]
        rows.append([space, str(of[0]["num_points"]), str(len(of)), *means, *times])
    return rows


def geometry_curvatures(root: Path) -> Rows:
    """k at the end of training: mean over the seeds, with the range."""
    conditions = study(root)["by_condition"]
    layers = len(conditions[0]["curvature"]["M"])
    blocks = [f"HCNN-M, block {layer + 1}" for layer in range(layers - 1)]
    rows = [["condition", "at the start", "HCNN-S", *blocks, "HCNN-M, head"]]
    for row in conditions:
        of = [*row["curvature"]["S"], *row["curvature"]["M"]]
        ends = (f"{k['mean']:.2f} ({k['low']:.2f} to {k['high']:.2f})" for k in of)
        rows.append([row["condition"], f"{of[0]['start']:g}", *ends])
    return rows


def geometry_runs(root: Path) -> Rows:
    """Behind the tables above: what ran where."""
    found = study(root)
    calibration, figure = (read(root, f"geometry/{name}") for name in ("calibration", "poincare"))
    rows = [["what", "commit", "command", "hardware"]]
    for of in found["origins"]:
        what = f"{of['runs']} runs, {of['train_seconds'] / 60:.0f} minutes of training"
        command, cut, _ = of["command"].partition(" --conditions")  # as long as their names
        rows.append(
            [what, short_commit(of["commit"]), f"`{command}{cut and ' ...'}`", of["hardware"]]
        )
    for what, of in (("summary", found), ("calibration", calibration), ("figure", figure)):
        rows.append([what, short_commit(of["commit"]), f"`{of['command']}`", of["hardware"]])
    return rows


def mean(values: Iterable[float]) -> float:
    return statistics.mean(values)


TABLES: dict[str, Table] = {
    "geometry_matching": geometry_matching,
    "geometry_conditions": geometry_conditions,
    "geometry_factors": geometry_factors,
    "geometry_correlations": geometry_correlations,
    "geometry_delta": geometry_delta,
    "geometry_calibration": geometry_calibration,
    "geometry_curvatures": geometry_curvatures,
    "geometry_runs": geometry_runs,
}
