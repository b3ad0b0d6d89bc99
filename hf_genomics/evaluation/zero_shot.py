"""Scores of variants against measured effects, without any training on the effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hf_genomics.evaluation.bootstrap import Estimate, row_scores
from hf_genomics.evaluation.metrics import auprc, auroc, spearman

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
            on the variants that have all of them.
        effects: The truth.
        num_resamples: Bootstrap samples, drawn among damaging, other and unlabelled variants.
        seed: Of the draws.

    Returns:
        Rows with `kind`, `score`, `variants`, `damaging`, and `Estimate`s `auroc`, `auprc` (both
        None below `MIN_OF_A_KIND`) and `spearman`.
    """
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
        if of_kind.sum() < MIN_OF_A_KIND:
            continue
        for name, values in present.items():
            row = _score_row(
                values[of_kind].astype(np.float64),
                effects.damaging[of_kind],
                effects.effect[of_kind],
                num_resamples,
                seed,
            )
            rows.append({"kind": kind, "score": name, **row})
    return rows


def _score_row(
    score: NDArray[np.float64],
    damaging: NDArray[np.float64],
    effect: NDArray[np.float64],
    num_resamples: int,
    seed: int,
) -> dict[str, Any]:
    labelled = np.flatnonzero(np.isfinite(damaging))
    truth = damaging[labelled].astype(np.int64)
    row: dict[str, Any] = {"variants": len(score), "damaging": int(truth.sum())}
    options = {"num_resamples": num_resamples, "seed": seed}
    enough = min(truth.sum(), len(truth) - truth.sum()) >= MIN_OF_A_KIND
    for name, metric in (("auroc", auroc), ("auprc", auprc)):
        row[name] = _labelled(metric, truth, score[labelled], options) if enough else None
    strata = np.nan_to_num(damaging, nan=-1.0)
    row["spearman"] = row_scores(
        lambda rows: spearman(effect[rows], score[rows]), len(score), strata=strata, **options
    )
    return row


def _labelled(
    metric: Any, truth: NDArray[np.int64], score: NDArray[np.float64], options: dict[str, Any]
) -> Estimate:
    return row_scores(
        lambda rows: metric(truth[rows], score[rows]), len(truth), strata=truth, **options
    )


def markdown_table(rows: list[dict[str, Any]]) -> str:
    """The rows of `compare_scores` as a table, intervals beside the values."""
    lines = [
        "| variants | score | n | damaging | AUROC | AUPRC | Spearman |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        cells = [row["kind"], row["score"], f"{row['variants']:,}", f"{row['damaging']:,}"]
        cells += [
            "" if row[metric] is None else _cell(row[metric])
            for metric in ("auroc", "auprc", "spearman")
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
