"""Scores of variants against measured effects, without any training on the effects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hf_genomics.evaluation.bootstrap import (
    Estimate,
    block_means,
    percentile_interval,
    row_counts,
)
from hf_genomics.evaluation.metrics import auprc, auroc, spearman
from hf_genomics.evaluation.resampled_metrics import (
    CountedRanks,
    Floats,
    Ties,
    auroc_and_auprc_of_resamples,
    spearman_of_resamples,
)

METRICS = ("auroc", "auprc", "spearman")
MIN_OF_A_KIND = 10  # positives, and negatives, that an AUROC needs to say something
MIN_COVERAGE = 0.9  # of a kind's variants; a score of fewer would restrict the others too much
ALL_VARIANTS = "all"


@dataclass(frozen=True, eq=False)
class MeasuredEffects:
    """What an assay found for each of n variants.

    Attributes:
        damaging: float (n,), 1 damaging, 0 not, NaN for variants that are in between.
        effect: float (n,), measured effect, larger where a variant does more damage.
        kind: (n,) class of the variant, such as its consequence.
    """

    damaging: NDArray[np.float64]
    effect: NDArray[np.float64]
    kind: NDArray[np.str_]


def compare_scores(
    scores: Mapping[str, NDArray[np.floating]],
    effects: MeasuredEffects,
    *,
    num_resamples: int = 1000,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """How well each score tells damaging variants, over all of them and within each kind.

    Args:
        scores: Name to (n,), larger for variants thought to be more damaging; NaN for none. A score
            is compared within the kinds of which it covers `MIN_COVERAGE`, and all scores of a kind
            on the variants that have all of them. A kind that no score covers so is left out, as
            is one with fewer than `MIN_OF_A_KIND` of these variants.
        effects: The truth.
        num_resamples: Bootstrap samples, drawn among damaging, other and unlabelled variants.
        seed: Of the draws.

    Returns:
        Rows with `kind`, `score`, `variants`, `damaging`, and `Estimate`s `auroc`, `auprc` (both
        None below `MIN_OF_A_KIND`) and `spearman`; and under `lead` by how much the kind's first
        score is ahead of this one, estimates under the same names, of the same bootstrap samples
        (paired), and None for the first score itself.
    """
    if ALL_VARIANTS in effects.kind:
        raise ValueError(
            f"A kind of variants is called {ALL_VARIANTS!r}, which stands for all kinds together; "
            "give it another name."
        )
    rows = []
    for kind in (ALL_VARIANTS, *sorted(set(effects.kind))):
        of_kind = np.isfinite(effects.effect)
        if kind != ALL_VARIANTS:
            of_kind &= effects.kind == kind
        present = {
            name: values
            for name, values in scores.items()
            if np.isfinite(values[of_kind]).sum() >= max(1, MIN_COVERAGE * of_kind.sum())
        }
        for values in present.values():
            of_kind = of_kind & np.isfinite(values)
        if not present or of_kind.sum() < MIN_OF_A_KIND:
            continue
        compared = _compare_on(
            np.stack([values[of_kind] for values in present.values()]).astype(np.float64),
            effects.damaging[of_kind],
            effects.effect[of_kind],
            {"num_resamples": num_resamples, "seed": seed},
        )
        rows += [
            {"kind": kind, "score": name, **row}
            for name, row in zip(present, compared, strict=True)
        ]
    return rows


def _compare_on(
    scores: Floats, damaging: Floats, effect: Floats, options: dict[str, int]
) -> list[dict[str, Any]]:
    """A row for each of K scores (K, n) of the same n variants."""
    labelled = np.flatnonzero(np.isfinite(damaging))
    truth = damaging[labelled].astype(np.int64)
    found: dict[str, tuple[list[float], Floats]] = {}  # values of the K scores, and of samples
    if min(truth.sum(), len(truth) - truth.sum()) >= MIN_OF_A_KIND:
        samples = _labelled_samples(scores[:, labelled], truth, options)
        for metric, of_metric in zip((auroc, auprc), samples, strict=True):
            values = [metric(truth, score) for score in scores[:, labelled]]
            found[metric.__name__] = (values, of_metric)
    values = [spearman(effect, score) for score in scores]
    found["spearman"] = (values, _spearman_samples(scores, damaging, effect, options))
    rows: list[dict[str, Any]] = []
    for k in range(len(scores)):
        row: dict[str, Any] = {"variants": len(effect), "damaging": int(truth.sum())}
        lead: dict[str, Estimate | None] = {}
        for metric_name in METRICS:
            row[metric_name] = lead[metric_name] = None
            if metric_name in found:
                values, drawn = found[metric_name]
                row[metric_name] = percentile_interval(values[k], drawn[k])
                lead[metric_name] = percentile_interval(values[0] - values[k], drawn[0] - drawn[k])
        rows.append({**row, "lead": lead if k else None})
    return rows


def _labelled_samples(
    scores: Floats, truth: NDArray[np.int64], options: dict[str, int]
) -> tuple[Floats, Floats]:
    """AUROC and AUPRC of every score on every bootstrap sample, each (K, num_resamples)."""
    ties = [Ties(score) for score in scores]
    parts = [
        [auroc_and_auprc_of_resamples(of_score, truth, counts) for of_score in ties]
        for counts in row_counts(truth, **options)
    ]
    areas, precisions = np.moveaxis(np.concatenate(parts, axis=2), 1, 0)
    return areas, precisions


def _spearman_samples(
    scores: Floats, damaging: Floats, effect: Floats, options: dict[str, int]
) -> Floats:
    """Spearman correlation of every score on every bootstrap sample, (K, num_resamples)."""
    ties, ties_of_effect = [Ties(score) for score in scores], Ties(effect)
    correlations = []
    for counts in row_counts(np.nan_to_num(damaging, nan=-1.0), **options):
        ranks = CountedRanks(ties_of_effect, counts)
        correlations.append(
            [spearman_of_resamples(ranks, CountedRanks(t, counts), counts) for t in ties]
        )
    return np.concatenate(correlations, axis=1)


def mean_over_kinds(
    rows: list[dict[str, Any]], block_of: Callable[[str], str] = str
) -> list[dict[str, Any]]:
    """Mean Spearman correlation over kinds, each counting once however many variants it has.

    Args:
        rows: Of `compare_scores`. Scores that not every kind has are left out.
        block_of: The block of a kind; the interval is bootstrapped over blocks, so kinds that are
            not independent belong to one.

    Returns:
        Rows with `score`, `kinds` (how many), the `Estimate` `spearman` and `lead`, by how much the
        first score is ahead on the same bootstrap samples (None for the first); none without kinds.
    """
    kinds = list(dict.fromkeys(row["kind"] for row in rows if row["kind"] != ALL_VARIANTS))
    by_score: dict[str, dict[str, float]] = {}
    for row in rows:
        by_score.setdefault(row["score"], {})[row["kind"]] = row["spearman"].value
    complete = {s: values for s, values in by_score.items() if set(kinds) <= values.keys()}
    if not kinds or not complete:
        return []
    values = np.array([[of[kind] for kind in kinds] for of in complete.values()])  # (K, kinds)
    _, blocks = np.unique([block_of(kind) for kind in kinds], return_inverse=True)
    estimates = block_means(np.concatenate([values, values[:1] - values]), blocks)
    means, leads = estimates[: len(values)], estimates[len(values) :]
    return [
        {"score": score, "kinds": len(kinds), "spearman": mean, "lead": lead if number else None}
        for number, (score, mean, lead) in enumerate(zip(complete, means, leads, strict=True))
    ]


def markdown_table(rows: list[dict[str, Any]]) -> str:
    """The rows of `compare_scores` as a table, intervals beside the values."""
    lines = [
        "| variants | score | n | damaging | AUROC | AUPRC | Spearman |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        cells = [row["kind"], row["score"], f"{row['variants']:,}", f"{row['damaging']:,}"]
        lines.append(_line(cells + [_cell(row[metric]) for metric in METRICS]))
    return "\n".join(lines) + "\n"


def lead_table(rows: list[dict[str, Any]]) -> str:
    """By how much the first score is ahead of each other one over all variants, as a table."""
    of_all = [row for row in rows if row["kind"] == ALL_VARIANTS]
    if len(of_all) < 2:
        return ""
    lines = [
        f"| {of_all[0]['score']} minus | AUROC | AUPRC | Spearman |",
        "| --- | --- | --- | --- |",
    ]
    for row in of_all[1:]:
        lines.append(_line([row["score"], *(_cell(row["lead"][metric]) for metric in METRICS)]))
    return "\n".join(lines) + "\n"


def mean_table(means: list[dict[str, Any]]) -> str:
    """The rows of `mean_over_kinds` as a table."""
    if not means:
        return ""
    lines = [
        f"| mean over {means[0]['kinds']} kinds | Spearman | {means[0]['score']} minus it |",
        "| --- | --- | --- |",
    ]
    lines += [_line([row["score"], _cell(row["spearman"]), _cell(row["lead"])]) for row in means]
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
