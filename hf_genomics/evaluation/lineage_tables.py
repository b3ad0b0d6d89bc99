"""The tables of a study of lineages in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hf_genomics.evaluation.bootstrap import Estimate

LEVELS = ("coarse", "fine")


def embedding_table(scores: Mapping[str, Mapping[str, Any]]) -> str:
    """A row for each embedding; of scores that are there twice, `plain / centred`."""
    lines = [
        "| embedding | channels | variance from length and N | in two axes | silhouette | "
        "10-nearest purity | nearest of another lineage | probe macro-F1 | minus 6-mers |",
        "| " + " | ".join(["---"] * 9) + " |",
    ]
    for name, row in scores.items():
        twice = [
            f"{row[score]:.3f} / {row[score + '_centred']:.3f}"
            for score in ("silhouette", "purity", "apart")
        ]
        shares = [f"{100 * row[share]:.0f} %" for share in ("from_leak", "in_two_axes")]
        scored = [_interval(row["macro_f1"]), _interval(row["lead"])]
        lines.append(_line([name, f"{row['channels']:,}", *shares, *twice, *scored]))
    return "\n".join(lines) + "\n"


def mutation_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A row for each mutation of a `marker_table` of two levels."""
    lines = [
        "| variant | mutation | nucleotides | genomes with it | coarse code at it | changed | "
        "coarse marker | its genomes | fine code at it | changed | fine marker | its genomes |",
        "| " + " | ".join(["---"] * 12) + " |",
    ]
    for row in rows:
        cells = [row["lineage"], row["mutation"], row["nucleotides"], _shares(row["substituted"])]
        for level in LEVELS:
            cells += _level_cells(row[level])
        lines.append(_line(cells))
    return "\n".join(lines) + "\n"


def mutation_summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Per level: means over the mutations of a `marker_table`.

    Returns:
        For each level `mutations`, `changed_at_site` (share of mutations whose own position has
        another code with it), `changed_codes` (mean number), `radius` (the furthest change),
        `agrees` (mean share of genomes that have both the marker and the substitution, or
        neither), `in_lineage`, `elsewhere` (mean shares with the marker) and
        `anywhere_in_reference` (mean number of places in the reference with the marker's code).
    """
    summary = {}
    for level in LEVELS:
        offsets = [row[level]["changed_offsets"] for row in rows]
        markers = [row[level]["marker"] for row in rows if row[level]["marker"] is not None]
        summary[level] = {
            "mutations": len(rows),
            "changed_at_site": float(np.mean([0 in changed for changed in offsets])),
            "changed_codes": float(np.mean([len(changed) for changed in offsets])),
            "radius": max((abs(offset) for changed in offsets for offset in changed), default=0),
        }
        for name in ("agrees", "in_lineage", "elsewhere", "anywhere_in_reference"):
            values = [marker[name] for marker in markers]
            summary[level][name] = float(np.nanmean(values)) if values else float("nan")
    return summary


def summary_table(summaries: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """A row for each quantizer and level of `mutation_summary`."""
    lines = [
        "| quantizer | level | code at the mutation changes | codes changed | furthest | "
        "marker and mutation agree | marker in variant | elsewhere | "
        "places in reference with the marker's code |",
        "| " + " | ".join(["---"] * 9) + " |",
    ]
    for name, levels in summaries.items():
        for level, row in levels.items():
            shares = [f"{100 * row[key]:.1f} %" for key in ("agrees", "in_lineage", "elsewhere")]
            cells = [name, level, f"{100 * row['changed_at_site']:.0f} %"]
            cells += [f"{row['changed_codes']:.1f}", f"{row['radius']:.0f}", *shares]
            lines.append(_line([*cells, f"{row['anywhere_in_reference']:.0f}"]))
    return "\n".join(lines) + "\n"


def _level_cells(of_level: Mapping[str, Any]) -> list[str]:
    changed = of_level["changed_offsets"]
    codes = f"{of_level['reference_code']} to {of_level['variant_code']}"
    if of_level["reference_code"] == of_level["variant_code"]:
        codes = f"{of_level['variant_code']}, same"
    span = f"{len(changed)} ({changed[0]:+d} to {changed[-1]:+d})" if changed else "0"
    marker = of_level["marker"]
    if marker is None:
        return [codes, span, "", ""]
    return [codes, span, f"{marker['code']} at {marker['offset']:+d}", _shares(marker)]


def _shares(shares: Mapping[str, Any]) -> str:
    """Share of genomes in the variant and elsewhere, in per cent; a dash where there are none."""
    found = ((shares["in_lineage"], ".0f"), (shares["elsewhere"], ".1f"))
    return " / ".join("-" if np.isnan(x) else format(100 * x, form) for x, form in found) + " %"


def _interval(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
