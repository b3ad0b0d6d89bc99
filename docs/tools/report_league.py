"""Tables of the league of GUE: our models beside published ones, their differences, ablations.

The runs are docs/results/league/*.json, each written by `examples/repeat_finetuning.py --report`;
files named ablation*.json are variants of the model that they name first. Published numbers are
docs/results/published_gue.json.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from league_scores import TEST, VALIDATION, Floats, Runs, interval
from league_votes import votes
from report_tables import Rows, Table, read, short_commit

from hf_genomics.evaluation.bootstrap import Estimate

# The sets of GUE whose official training, validation and test rows are all at hand.
SETS = (
    *("mouse/0", "mouse/2", "mouse/3", "prom_core_all", "prom_core_notata", "prom_core_tata"),
    *("tf/0", "tf/2", "tf/3", "tf/4"),
)
# Models whose names begin so are shown in this order, others after them.
SHOWN_FIRST = ("Hyperbolic-M", "Hyperbolic-S", "HCNN", "Euclidean twin", "plain CNN")
# What the names of the models of this package begin with, and of those that they are compared with.
OURS = ("Hyperbolic", "PhyloGPN", "VQDNA")
PEERS = ("Hyperbolic", "Euclidean twin", "plain CNN")
PUBLISHED_PEER = "DNABERT-2"
NO_RUN = "(no run is there)"


def files(root: Path, *, ablation: bool = False, folder: str = "league") -> list[Path]:
    """The files of runs in a folder of the results, or those of ablations."""
    found = sorted((root / "docs" / "results" / folder).glob("*.json"))
    return [file for file in found if file.name.startswith("ablation") == ablation]


def in_order(models: Iterable[str]) -> list[str]:
    """Those of SHOWN_FIRST first, the others as they come."""
    models = list(models)

    def place(name: str) -> int:
        known = (i for i, first in enumerate(SHOWN_FIRST) if name.startswith(first))
        return next(known, len(SHOWN_FIRST))

    return sorted(models, key=place)


def spread(scores: list[float]) -> str:
    """`80.2 ± 0.8`, mean and standard deviation; without the latter for one score, `-` for none."""
    if not scores:
        return "-"
    deviation = f" ± {statistics.stdev(scores):.1f}" if len(scores) > 1 else ""
    return f"{statistics.mean(scores):.1f}{deviation}"


def span(values: Iterable[float]) -> str:
    """`1,190,905` or, of several, the smallest and the largest."""
    values = sorted(set(values))
    ends = values[:1] + values[1:][-1:]
    return " to ".join(f"{value:,.0f}" for value in ends) or "-"


def shown(estimate: Estimate) -> str:
    """`1.2 [0.3, 2.1]`; the number alone where there is no interval."""
    ends = f" [{estimate.low:+.1f}, {estimate.high:+.1f}]" if np.isfinite(estimate.low) else ""
    return f"{estimate.value:+.1f}{ends}"


def standings(runs: Runs, sets: Sequence[str]) -> Rows:
    """Test MCC x 100 by model and set, mean and standard deviation over seeds."""
    rows = [["model", "parameters", *sets, "mean", "training seconds a run", "seeds"]]
    for model in in_order(runs.models()):
        mine = [run for run in runs.rows if run["name"] == model and run["config"] in sets]
        scores = [[100 * run[TEST] for run in runs.on(config, model)] for config in sets]
        seconds = [run["train_seconds"] for run in mine if "train_seconds" in run]
        rows.append(
            [
                model,
                span(run["num_parameters"] for run in mine if "num_parameters" in run),
                *map(spread, scores),
                f"{statistics.mean(map(statistics.mean, scores)):.1f}" if all(scores) else "-",
                f"{statistics.mean(seconds):,.0f}" if seconds else "-",
                span(len(of) for of in scores if of),
            ]
        )
    return rows if runs.rows else [*rows, [NO_RUN, *["-"] * (len(sets) + 4)]]


def standings_of(folder: str) -> Table:
    """The table of other sets than the league's, without published models."""

    def table(root: Path) -> Rows:
        runs = Runs.of(files(root, folder=folder))
        return standings(runs, sorted({run["config"] for run in runs.rows}))

    return table


def league(root: Path) -> Rows:
    """The standings of the ten sets, beside published models."""
    rows = standings(Runs.of(files(root)), SETS)
    for model, published in read(root, "published_gue")["models"].items():
        scores = [published[TEST][config] for config in SETS if config in published[TEST]]
        cells = [
            f"{published[TEST][config]:.1f}" if config in published[TEST] else "-"
            for config in SETS
        ]
        mean = f"{statistics.mean(scores):.1f}" if len(scores) == len(SETS) else "-"
        rows.append([f"{model}, published", published["parameters"] or "-", *cells, mean, "-", "-"])
    return rows


def mean_score(runs: Runs, config: str, model: str, score: str = TEST) -> float:
    """MCC x 100, mean over seeds."""
    return 100 * statistics.mean(run[score] for run in runs.on(config, model))


def over_sets(parts: list[tuple[float, Floats | None]]) -> Estimate:
    """The mean over data sets of differences, each with its samples, drawn independently."""
    values, samples = zip(*parts, strict=True)
    known = [of for of in samples if of is not None]
    return interval(
        statistics.mean(values),
        np.mean(known, 0) if len(known) == len(samples) else None,
    )


def league_votes(root: Path) -> Rows:
    """The standings of the votes, without the number of seeds: there is one vote."""
    return [row[:-1] for row in standings(votes(Runs.of(files(root))), SETS)]


def differences(root: Path) -> Rows:
    """Test MCC x 100 of each model of OURS minus others on each set, with 95 % intervals."""
    return _differences(root, Runs.of(files(root)))


def vote_differences(root: Path) -> Rows:
    """The same of the votes."""
    return _differences(root, votes(Runs.of(files(root))))


def _differences(root: Path, runs: Runs) -> Rows:
    published = read(root, "published_gue")["models"]
    names = in_order(runs.models())
    ours = [name for name in names if name.startswith(OURS)]
    peers = [name for name in names if name.startswith(PEERS) and ours != [name]]
    heads = [f"minus {peer}" for peer in peers]
    heads += ["minus the best published", f"minus {PUBLISHED_PEER}"]
    rows = [["model", "set", *heads]]
    for model in ours:
        columns: list[list[tuple[float, Floats | None]]] = [[] for _ in heads]
        for config in SETS:
            if not runs.on(config, model):
                continue
            own, samples = mean_score(runs, config, model), runs.samples(config, model)
            cells = []
            for peer, column in zip(peers, columns, strict=False):
                if peer == model or not runs.on(config, peer):
                    cells.append("-")
                    continue
                theirs = runs.samples(config, peer)
                paired = None if samples is None or theirs is None else samples - theirs
                column.append((own - mean_score(runs, config, peer), paired))
                cells.append(shown(interval(*column[-1])))
            best = max(published, key=lambda name: published[name][TEST][config])
            for name, column, note in (
                (best, columns[-2], f" ({best})"),
                (PUBLISHED_PEER, columns[-1], ""),
            ):
                theirs_is = published[name][TEST][config]
                column.append((own - theirs_is, None if samples is None else samples - theirs_is))
                cells.append(shown(interval(*column[-1])) + note)
            rows.append([model, config, *cells])
        means = [shown(over_sets(of)) if len(of) == len(SETS) else "-" for of in columns]
        rows.append([model, "mean", *means])
    return rows if ours else [*rows, [NO_RUN, *["-"] * (len(heads) + 1)]]


def ablation(root: Path) -> Rows:
    """Variants beside the full model, which their file names first; MCC x 100 of the same runs."""
    rows = [
        [
            *("variant", "what it changes", "sets", "runs", "validation", "minus full"),
            *("test", "minus full"),
        ]
    ]
    for file in files(root, ablation=True):
        runs = Runs.of([file])
        full, *_ = runs.models()
        for model in runs.models():
            rows.append(_ablated(runs, model, full))
    return rows if len(rows) > 1 else [*rows, [NO_RUN, *["-"] * (len(rows[0]) - 1)]]


def _ablated(runs: Runs, model: str, full: str) -> list[str]:
    shared = {
        config: runs.seeds(config, model) & runs.seeds(config, full)
        for config in dict.fromkeys(run["config"] for run in runs.rows)
    }
    shared = {config: seeds for config, seeds in shared.items() if seeds}
    overrides = next(run["config_overrides"] for run in runs.rows if run["name"] == model)
    start = [model, f"`{overrides}`" if overrides else "", str(len(shared))]
    if not shared:
        return [*start, "0", "-", "-", "-", "-"]

    def score(name: str, of: str, config: str) -> float:
        chosen = [run for run in runs.on(config, name) if run["seed"] in shared[config]]
        return 100 * statistics.mean(run[of] for run in chosen)

    cells = []
    for of in (VALIDATION, TEST):
        parts: list[tuple[float, Floats | None]] = []
        for config, seeds in shared.items():
            mine, theirs = (
                runs.samples(config, name, seeds) if of == TEST else None for name in (model, full)
            )
            paired = None if mine is None or theirs is None else mine - theirs
            parts.append((score(model, of, config) - score(full, of, config), paired))
        cells.append(f"{statistics.mean(score(model, of, config) for config in shared):.1f}")
        cells.append("" if model == full else shown(over_sets(parts)))
    return [*start, str(sum(map(len, shared.values()))), *cells]


def league_runs(root: Path) -> Rows:
    """Where each file's numbers come from; its command is in the file."""
    rows = [["file", "models", "runs", "commits", "hardware", "torch"]]
    for file in files(root) + files(root, ablation=True):
        runs = Runs.of([file])
        rows.append(
            [
                f"[{file.name}](league/{file.name})",
                ", ".join(runs.models()),
                str(len(runs.rows)),
                _distinct(short_commit(run["commit"]) for run in runs.rows),
                _distinct(run.get("hardware", "") for run in runs.rows),
                _distinct(run.get("versions", {}).get("torch", "") for run in runs.rows),
            ]
        )
    return rows if len(rows) > 1 else [*rows, [NO_RUN, *["-"] * (len(rows[0]) - 1)]]


def _distinct(values: Iterable[Any]) -> str:
    return ", ".join(dict.fromkeys(value for value in values if value)) or "-"


TABLES: dict[str, Table] = {
    "league": league,
    "dev_to_test": standings_of("dev_to_test"),
    "yeast_ty": standings_of("yeast_ty"),
    "league_differences": differences,
    "league_votes": league_votes,
    "league_vote_differences": vote_differences,
    "league_ablation": ablation,
    "league_runs": league_runs,
}
