"""Conditional log-likelihood per site of several sets of rates, on the same held-out sites.

The score of a site is the log-probability of the other species' bases given the reference's. Higher
is better; 0 is the score of a site that no other species covers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hf_genomics.evaluation.bootstrap import NUM_RESAMPLES, Estimate, block_means


def compare_rates(
    values: Mapping[str, NDArray[np.floating]],
    blocks: NDArray[np.integer],
    *,
    ours: str,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Mean of each set of rates, and how far ours is ahead of it.

    Args:
        values: Name to the log-likelihood of each site, (n,).
        blocks: (n,), see `AlignmentSites.blocks`.
        ours: Which of the names the others are compared with.
        num_resamples: Bootstrap samples of blocks, the same for all names.
        seed: Of the draws.

    Returns:
        Rows with `rates` (the name), `log_likelihood` and `lead`, both `Estimate`s of natural
        units per site; `lead` is the mean of ours minus that of the row, None for ours itself.

    Raises:
        ValueError: `ours` is none of the names.
    """
    if ours not in values:
        raise ValueError(f"{ours!r} is none of {', '.join(values)}; name one of them.")
    others = [name for name in values if name != ours]
    stacked = [values[name] for name in (ours, *others)]
    stacked += [values[ours] - values[name] for name in others]
    estimates = block_means(np.stack(stacked), blocks, num_resamples=num_resamples, seed=seed)
    leads: list[Estimate | None] = [None, *estimates[len(values) :]]
    return [
        {"rates": name, "log_likelihood": mean, "lead": lead}
        for name, mean, lead in zip((ours, *others), estimates[: len(values)], leads, strict=True)
    ]


def means_by_block(
    values: Mapping[str, NDArray[np.floating]], blocks: NDArray[np.integer], names: list[str]
) -> dict[str, dict[str, float]]:
    """Mean log-likelihood per site within each block, and its number of sites.

    Args:
        values: Name to (n,).
        blocks: (n,), numbers from 0.
        names: What to call each block.
    """
    sizes = np.bincount(blocks, minlength=len(names))
    means = {name: np.bincount(blocks, v, len(names)) / sizes for name, v in values.items()}
    return {
        block: {"sites": int(sizes[number])}
        | {name: float(mean[number]) for name, mean in means.items()}
        for number, block in enumerate(names)
    }


def markdown_table(rows: list[dict[str, Any]]) -> str:
    """The rows of `compare_rates` as a table."""
    lines = [
        "| rates | log-likelihood per site | lead of the model |",
        "| --- | --- | --- |",
    ]
    for row in rows:
        lead = "" if row["lead"] is None else str(row["lead"])
        lines.append(f"| {row['rates']} | {row['log_likelihood']} | {lead} |")
    return "\n".join(lines) + "\n"
