"""Scores of a model as cards and leaderboards want them, each traced to the file it was read from.

The published checkpoint is one run with one seed. Runs of the same command with other seeds say how
far its scores are to be trusted.
"""

from __future__ import annotations

import math
import shlex
import statistics
from collections.abc import Sequence
from typing import Any

from scipy.stats import norm, t

from hf_genomics.evaluation.commands import options_of

from .errors import PublishingError

SUMMARY = "results_summary.json"
CONFIDENCE = 0.95
SPLITS = ("test", "validation")
# Options by which a run is no other one: its seed, where it is, and what it says on the way.
NOT_COMPARED = {
    *("seed", "data_seed", "output_dir", "overwrite_output_dir", "resume_from_checkpoint"),
    *("disable_tqdm", "report_to", "run_name", "push_to_hub", "save_total_limit"),
}
NOT_COMPARED_FAMILIES = ("logging_", "log_", "hub_")
METRIC_NAMES = {
    "matthews_correlation": "Matthews correlation",
    "f1_macro": "macro F1",
    "accuracy": "accuracy",
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "pearson": "Pearson correlation",
    "spearman": "Spearman correlation",
    "mse": "mean squared error",
    "log_likelihood_per_site": "conditional log-likelihood per site",
    "loss": "loss",
}


def summarize(runs: Sequence[dict[str, Any]], sources: Sequence[str]) -> dict[str, Any]:
    """Every score of the first run, with mean, spread and interval.

    Over several seeds the interval is Student's for the mean, with standard deviations over n - 1.
    With one seed only accuracy has an interval: Wilson's for a share of `rows[split]` rows.

    Args:
        runs: results of the published run, then those of the other seeds.
        sources: the files they come from, in the same order.

    Returns:
        `confidence`, `sources`, `seeds`, and `scores` by key, such as `test_accuracy`: `value` of
        the published run and where known `mean`, `standard_deviation`, `interval` and
        `interval_of`.

    Raises:
        PublishingError: the runs differ in more than the seed, by their records or the options of
            their commands, or two have the same seed.
    """
    _check_repeats(runs, sources)
    scores = {}
    for split in SPLITS:
        for metric in METRIC_NAMES:
            key = f"{split}_{metric}"
            if key not in runs[0]:
                continue
            values = [run.get(key) for run in runs]
            rows = (runs[0].get("rows") or {}).get(split)
            scores[key] = {"value": values[0]} | _spread(metric, values, rows)
    return {
        "confidence": CONFIDENCE,
        "sources": list(sources),
        "seeds": [run.get("seed") for run in runs],
        "scores": scores,
    }


def _spread(metric: str, values: list[Any], rows: int | None) -> dict[str, Any]:
    if len(values) > 1 and None not in values:
        mean, deviation = statistics.fmean(values), statistics.stdev(values)
        reach = t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * deviation / math.sqrt(len(values))
        return {
            "mean": mean,
            "standard_deviation": deviation,
            "interval": [mean - reach, mean + reach],
            "interval_of": "mean over seeds (Student)",
        }
    if metric == "accuracy" and rows and values[0] is not None:
        return {"interval": wilson(values[0], rows), "interval_of": "rows of the split (Wilson)"}
    return {}


def wilson(share: float, rows: int) -> list[float]:
    """Wilson's score interval of a share of `rows` independent rows, [low, high]."""
    z = float(norm.ppf((1 + CONFIDENCE) / 2))
    centre = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    reach = z * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    reach /= 1 + z * z / rows
    return [centre - reach, centre + reach]


def _check_repeats(runs: Sequence[dict[str, Any]], sources: Sequence[str]) -> None:
    problems = []
    for run, source in zip(runs[1:], sources[1:], strict=True):
        for key in ("model_type", "num_parameters", "model_arguments", "data_arguments", "rows"):
            if run.get(key) != runs[0].get(key):
                problems.append(
                    f"{source}: {key} is {run.get(key)}, of the published run {runs[0].get(key)}"
                )
        problems += [f"{source}: {problem}" for problem in _other_options(run, runs[0])]
    seeds = [run.get("seed") for run in runs]
    if len(set(seeds)) < len(seeds):
        problems.append(f"the seeds are {seeds}; give each run once")
    if problems:
        raise PublishingError("These runs are no repetitions with other seeds:", problems)


def _other_options(run: dict[str, Any], published: dict[str, Any]) -> list[str]:
    """What the commands of two runs differ in; nothing where one is not known."""
    theirs, ours = _options(run), _options(published)
    if theirs is None or ours is None:
        return []
    problems = []
    for name in sorted(theirs.keys() | ours.keys()):
        if name in NOT_COMPARED or name.startswith(NOT_COMPARED_FAMILIES):
            continue
        if any(name in (run.get(kept) or {}) for kept in ("model_arguments", "data_arguments")):
            continue  # compared with defaults filled in
        has, had = (
            f"--{name} {options[name]}".rstrip() if name in options else f"no --{name}"
            for options in (theirs, ours)
        )
        if name not in theirs or name not in ours or not _same(theirs[name], ours[name]):
            problems.append(f"its command has {has}, that of the published run {had}")
    return problems


def _options(run: dict[str, Any]) -> dict[str, str] | None:
    command = run.get("command")
    if not isinstance(command, str):
        return None  # of an older run
    try:
        return options_of(shlex.split(command))
    except ValueError:
        return None  # written or cut by hand


def _same(value: str, other: str) -> bool:
    """Whether two spellings are one value: 1e-3 and 0.001, --bf16 and --bf16 True."""
    try:
        return float(value) == float(other)
    except ValueError:
        value, other = (
            text.capitalize() if text in ("true", "false") else text or "True"
            for text in (value, other)
        )
        return value == other


def primary_metric(summary: dict[str, Any]) -> str | None:
    """The metric that stands for a model where there is room for one: the first in the table; None
    without a score of the test split."""
    for metric in METRIC_NAMES:
        if summary["scores"].get(f"test_{metric}", {}).get("value") is not None:
            return metric
    return None
