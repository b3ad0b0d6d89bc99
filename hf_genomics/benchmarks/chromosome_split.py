"""Whole chromosomes for validation and test, so that no stretch of a genome is on two sides."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

SHARES = (0.05, 0.09)  # of the positives, that validation and test are each to hold
TARGET = 0.07
_MOST_FOR_PAIRS = 60  # contigs with positives, up to which pairs and triples are compared


def split_by_chromosome(counts: Mapping[str, int]) -> dict[str, list[str]]:
    """Contigs of each split; test is chosen first, then validation, train is the rest.

    Each is the set of one to three contigs (in an assembly of many scaffolds: of the first ones, in
    the order of their names) whose share of the positives is nearest to 7 %.

    Args:
        counts: positives of each contig.

    Returns:
        Split to its contigs.

    Raises:
        ValueError: Fewer than three contigs have positives.
    """
    names = [name for name, count in counts.items() if count]
    if len(names) < 3:
        raise ValueError(
            f"The repeats lie on {len(names)} contigs ({', '.join(names) or 'none'}), but train, "
            "validation and test need one each; give a genome with more chromosomes."
        )
    total = sum(counts.values())
    test = _nearest({name: counts[name] for name in names}, total, leave=2)
    rest = {name: counts[name] for name in names if name not in test}
    validation = _nearest(rest, total, leave=1)
    train = [name for name in rest if name not in validation]
    return {"train": train, "validation": validation, "test": test}


def _nearest(counts: Mapping[str, int], total: int, leave: int) -> list[str]:
    """Contigs whose share of `total` is nearest to the target; `leave` or more are left."""
    most = len(counts) - leave
    if len(counts) > _MOST_FOR_PAIRS:
        return _first_ones(counts, total, most)
    sizes = [size for size in (1, 2, 3) if size <= most]
    sets = [list(chosen) for size in sizes for chosen in combinations(counts, size)]
    return min(sets, key=lambda chosen: (_distance(chosen, counts, total), len(chosen), chosen))


def _first_ones(counts: Mapping[str, int], total: int, most: int) -> list[str]:
    chosen: list[str] = []
    for name in sorted(counts):
        longer = [*chosen, name]
        if len(longer) <= most and (
            not chosen or _distance(longer, counts, total) < _distance(chosen, counts, total)
        ):
            chosen = longer
    return chosen


def _distance(chosen: list[str], counts: Mapping[str, int], total: int) -> float:
    return abs(sum(counts[name] for name in chosen) / total - TARGET)
