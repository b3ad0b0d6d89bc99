"""What the runs of examples/simulator_study.py say: means, intervals, correlations."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from hf_genomics.evaluation.paired_differences import paired_bootstrap, paired_t, rank_correlation

BASELINE = "Euclidean"
DISTANCES = ("tree", "hamming", "embedding")
Runs = list[dict[str, Any]]
Summary = dict[str, Any]


def summary(runs: Runs, models: list[str]) -> Summary:
    """All that docs/results/geometry.md shows, of complete pairs: models have the same data sets
    and rates. A model's run of a data set is the one of the rate whose validation MCC is highest.

    Raises:
        ValueError: no data set was run by all models, or one differs between them.
    """
    complete = complete_runs(runs, models)
    by_condition = paired(complete)
    rates: dict[str, set[float]] = defaultdict(set)
    for run in complete:
        rates[run["condition"]].add(run["learning_rate"])
    conditions = [
        of_condition(name, of, models) | {"rates": sorted(rates[name])}
        for name, of in by_condition.items()
    ]
    hyperbolic = [model for model in models if model != BASELINE]
    kept = [run for of in by_condition.values() for seed in of.values() for run in seed.values()]
    return {
        "tuning": tuning(complete, kept, models, rates),
        "parameters": parameters(kept),
        "by_condition": conditions,
        "by_factor": by_factor(by_condition, hyperbolic),
        "rank_correlations": correlations(conditions, hyperbolic),
        "runs": [flat(run) | {"chosen": run in kept} for run in complete],
    }


def complete_runs(runs: Runs, models: list[str]) -> Runs:
    """Of each condition the seeds that all models have run, at the rates that all have run."""
    of_condition: dict[str, Runs] = defaultdict(list)
    for run in sorted(runs, key=lambda run: (run["seed"], run["learning_rate"])):
        of_condition[run["condition"]].append(run)
    complete = []
    for condition, of in of_condition.items():
        shared = {seed: shared_rates(of, seed, models) for seed in {run["seed"] for run in of}}
        seeds = {seed for seed, rates in shared.items() if rates}
        rates = set.intersection(*(shared[seed] for seed in seeds)) if seeds else set()
        kept = [run for run in of if run["seed"] in seeds and run["learning_rate"] in rates]
        for seed in sorted(seeds):
            if len({run["data"] for run in kept if run["seed"] == seed}) > 1:
                raise ValueError(f"the data of {condition!r}, seed {seed}, differ between models.")
        complete += kept
    if not complete:
        raise ValueError("no data set was run by every model at one rate; go on with the runs.")
    return complete


def shared_rates(runs: Runs, seed: int, models: list[str]) -> set[float]:
    """The rates at which every model has run this seed."""
    found: dict[str, set[float]] = {model: set() for model in models}
    for run in runs:
        if run["seed"] == seed:
            found[run["model"]].add(run["learning_rate"])
    return set.intersection(*found.values())


def paired(complete: Runs) -> dict[str, dict[int, dict[str, Any]]]:
    """By condition, seed and model the run of the best validation MCC, of equals the lower rate."""
    found: dict[str, dict[int, dict[str, Any]]] = defaultdict(lambda: defaultdict(dict))
    for run in sorted(complete, key=lambda run: run["condition"]):
        of = found[run["condition"]][run["seed"]]
        best = of.get(run["model"])
        if best is None or run["validation_mcc"] > best["validation_mcc"]:
            of[run["model"]] = run
    return found


def of_condition(name: str, seeds: dict[int, dict[str, Any]], models: list[str]) -> Summary:
    """Means over the seeds of one condition."""
    runs = {model: [of[model] for of in seeds.values()] for model in models}
    scores = {model: [run["test_mcc"] for run in of] for model, of in runs.items()}
    baseline = runs[BASELINE]
    delta = {what: mean_delta(baseline, what) for what in ("tree", "hamming")}
    delta |= {f"embedding {model}": mean_delta(runs[model], "embedding") for model in models}
    return {
        "condition": name,
        "settings": baseline[0]["settings"]["condition"],
        "num_labels": sorted({run["num_labels"] for run in baseline}),
        "seeds": list(seeds),
        "mcc": {model: statistics.mean(of) for model, of in scores.items()},
        "difference": {
            model: difference(scores[model], scores[BASELINE])
            for model in models
            if model != BASELINE
        },
        "delta": delta,
        "curvature": {
            model: curvature(runs[model]) for model in models if runs[model][0]["curvature_after"]
        },
    }


def difference(ours: list[float], others: list[float]) -> Summary:
    """Mean difference with its bootstrap and Student intervals, and the number of pairs."""
    t = paired_t(ours, others)
    return {
        **asdict(paired_bootstrap(ours, others)),
        "t_low": t.low,
        "t_high": t.high,
        "pairs": len(ours),
    }


def mean_delta(runs: Runs, what: str) -> Summary | None:
    """Mean over the runs of the mean and the largest relative delta; None where one has none."""
    found = [run["delta"][what] for run in runs]
    if any(of is None for of in found):
        return None
    return {name: statistics.mean(of[name] for of in found) for name in ("mean", "largest")}


def curvature(runs: Runs) -> list[Summary]:
    """For each k of a network: where it starts, and mean and range of where it ends."""
    ends = zip(*(run["curvature_after"] for run in runs), strict=True)
    starts = runs[0]["curvature_before"]
    return [
        {"start": start, "mean": statistics.mean(end), "low": min(end), "high": max(end)}
        for start, end in zip(starts, ends, strict=True)
    ]


def by_factor(
    by_condition: dict[str, dict[int, dict[str, Any]]], hyperbolic: list[str]
) -> list[Summary]:
    """Differences over all data sets that share a level of a factor, and over each family."""
    groups: dict[tuple[str, str], Runs] = defaultdict(list)
    for name, seeds in by_condition.items():
        for of in seeds.values():
            for group in groups_of(name, of[BASELINE]["settings"]["condition"]):
                groups[group].append(of)
    return [
        {
            "factor": factor,
            "level": level,
            "difference": {
                model: difference(scores_of(pairs, model), scores_of(pairs, BASELINE))
                for model in hyperbolic
            },
        }
        for (factor, level), pairs in groups.items()
    ]


def groups_of(name: str, condition: dict[str, Any]) -> Iterable[tuple[str, str]]:
    family = name.partition(",")[0]
    yield "family", family
    if family == "clade":
        tree = condition["tree"]
        yield f"clade, {tree}: depth of the label", str(condition["clade_depth"])
        yield f"clade, {tree}: height of the tree", f"{condition['height']:g}"


def scores_of(pairs: Runs, model: str) -> list[float]:
    return [of[model]["test_mcc"] for of in pairs]


def correlations(conditions: list[Summary], hyperbolic: list[str]) -> list[Summary]:
    """Rank correlation over conditions of the difference with delta, and with what sets the trees.

    `baseline` is the score of the twin: how hard the condition is.
    """
    against: dict[str, Callable[[Summary, str], float | None]] = {
        "delta of the tree": lambda c, _: mean_of(c["delta"]["tree"]),
        "delta of Hamming distances": lambda c, _: mean_of(c["delta"]["hamming"]),
        "delta of embeddings": lambda c, model: mean_of(c["delta"][f"embedding {model}"]),
        "delta of the twin's embeddings": lambda c, _: mean_of(c["delta"][f"embedding {BASELINE}"]),
        "depth of the label": lambda c, _: of_clade(c, "clade_depth"),
        "height of the tree": lambda c, _: of_clade(c, "height"),
        "MCC of the twin": lambda c, _: c["mcc"][BASELINE],
    }
    rows = []
    for model in hyperbolic:
        for what, value in against.items():
            pairs = [(value(c, model), c["difference"][model]["value"]) for c in conditions]
            known = [(x, y) for x, y in pairs if x is not None]
            if len(known) > 1:
                estimate = rank_correlation(*zip(*known, strict=True))
                row = {"model": model, "against": what, "conditions": len(known)}
                rows.append(row | asdict(estimate))
    return rows


def mean_of(delta: Summary | None) -> float | None:
    return None if delta is None else delta["mean"]


def of_clade(condition: Summary, setting: str) -> float | None:
    """A setting of the family in which it varies."""
    is_clade = condition["condition"].startswith("clade")
    return condition["settings"][setting] if is_clade else None


def tuning(
    complete: Runs, kept: Runs, models: list[str], rates_of: dict[str, set[float]]
) -> list[Summary]:
    """Mean validation MCC of each model at each rate, and how often the rate was the best, over
    the data sets that were run at all rates."""
    rates = sorted(set.union(*rates_of.values()))
    complete, kept = (
        [run for run in runs if len(rates_of[run["condition"]]) == len(rates)]
        for runs in (complete, kept)
    )
    if not complete:
        return []
    return [
        {
            "model": model,
            "rates": [
                {
                    "rate": rate,
                    "validation_mcc": statistics.mean(
                        run["validation_mcc"] for run in at_rate(complete, model, rate)
                    ),
                    "chosen": len(at_rate(kept, model, rate)),
                }
                for rate in rates
            ],
        }
        for model in models
    ]


def at_rate(runs: Runs, model: str, rate: float) -> Runs:
    return [run for run in runs if (run["model"], run["learning_rate"]) == (model, rate)]


def parameters(runs: Runs) -> list[Summary]:
    """Parameters of each model by number of classes, and by how much they differ at most."""
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for run in runs:
        found[run["num_labels"]][run["model"]] = run["num_parameters"]
    return [
        {
            "num_labels": labels,
            **counts,
            "largest_over_smallest": max(counts.values()) / min(counts.values()),
        }
        for labels, counts in sorted(found.items())
    ]


KEPT = (
    *("condition", "model", "seed", "learning_rate", "validation_mcc", "test_mcc", "num_labels"),
    *("num_parameters", "steps", "best_step", "train_seconds", "data", "curvature_after"),
)


def flat(run: dict[str, Any]) -> Summary:
    """What is kept of a run: its settings are those of its condition."""
    delta = {f"delta_{what}": mean_of(run["delta"][what]) for what in DISTANCES}
    return {name: run[name] for name in KEPT} | delta
