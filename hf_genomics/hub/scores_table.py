"""Scores as a table of Markdown, as `model-index` and as `.eval_results`."""

from __future__ import annotations

import re
from typing import Any

import yaml
from huggingface_hub import EvalResult

from .runs import RESULTS, DataFacts
from .scores import METRIC_NAMES, SPLITS, primary_metric


def results_table(summary: dict[str, Any]) -> str:
    """One row for each metric: test and validation score, and over several seeds their spread."""
    several = len(summary["seeds"]) > 1
    header = ["metric", "test", "validation"]
    if several:
        header.append(f"test, mean of {len(summary['seeds'])} seeds (standard deviation)")
    header.append(f"{summary['confidence']:.0%} interval, test")
    rows = [header, ["---"] * len(header)]
    for metric, name in METRIC_NAMES.items():
        cells = [summary["scores"].get(f"{split}_{metric}") for split in SPLITS]
        if cells[0] is None:
            continue
        row = [name, *(number(cell and cell["value"]) for cell in cells)]
        if several:
            spread = number(cells[0].get("standard_deviation"))
            row.append(f"{number(cells[0].get('mean'))} ({spread})")
        row.append(interval(cells[0]))
        rows.append(row)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def interval(score: dict[str, Any]) -> str:
    if "interval" not in score:
        return "none: one seed"
    low, high = map(number, score["interval"])
    return f"{low} to {high}, {score['interval_of']}"


def number(value: float | None, form: str = ".4f") -> str:
    """Four decimals; a score that is not defined on these rows was written as null."""
    return "not defined" if value is None else format(value, form)


def model_index(
    summary: dict[str, Any], data: DataFacts, config_name: str, task: str, source_url: str
) -> list[EvalResult]:
    """The scores of the published checkpoint, for the metadata of the card."""
    return [
        EvalResult(
            task_type=task,
            dataset_type=data.hub_id or slug(data.name),
            dataset_name=data.name,
            dataset_config=config_name,
            dataset_split=split,
            metric_type=metric,
            metric_name=f"{METRIC_NAMES[metric]} ({split})",
            metric_value=summary["scores"][f"{split}_{metric}"]["value"],
            source_name=RESULTS,
            source_url=source_url,
        )
        for split in SPLITS
        for metric in METRIC_NAMES
        if metric != "loss"
        and summary["scores"].get(f"{split}_{metric}", {}).get("value") is not None
    ]


def eval_results(
    summary: dict[str, Any], data: DataFacts, config_name: str, source_url: str
) -> dict[str, str]:
    """`.eval_results/<data>.yaml`: the primary test score. Empty without one, and for data that are
    not on the Hub, for an entry has to name a data set there."""
    metric = primary_metric(summary)
    if data.hub_id is None or metric is None:
        return {}
    entry = {
        "dataset": {"id": data.hub_id, "task_id": config_name},
        "value": summary["scores"][f"test_{metric}"]["value"],
        "source": {"url": source_url, "name": RESULTS},
        "notes": f"{METRIC_NAMES[metric]}, test split, seed {summary['seeds'][0]}, "
        "checkpoint chosen on validation",
    }
    text = yaml.safe_dump([entry], sort_keys=False, allow_unicode=True)
    return {f".eval_results/{slug(data.hub_id)}.yaml": text}


def slug(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-").lower()
