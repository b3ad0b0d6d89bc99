"""Repeats and, for each, a stretch of the same chromosome that is none.

The recipe is our own. A negative has the length and strand of its positive, a GC content within 5
percentage points of it, and overlaps no repeat and no other negative.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hf_genomics.data.indexed_genome import UNKNOWN, encode
from hf_genomics.data.sequence import BASES, opposite_strand

from .repeat_annotation import Repeat

MIN_LENGTH = 20
MAX_UNKNOWN = 0.1  # share of bases that may be N
MAX_GC_DIFFERENCE = 0.05
TRIES = 20_000  # places that are tried for a negative, before every place is


@dataclass(frozen=True)
class Example:
    """A positive or negative: a stretch, 0-based and half-open, and its sequence."""

    contig: str
    start: int
    end: int
    strand: str
    family: str
    label: int
    sequence: str


def merge_overlapping(repeats: Sequence[Repeat]) -> list[Repeat]:
    """Repeats of one contig with those that overlap joined; strand and family of the longest.

    Repeats that only touch stay apart.
    """
    merged: list[Repeat] = []
    longest = 0
    for repeat in sorted(repeats, key=lambda row: (row.start, row.end)):
        size = repeat.end - repeat.start
        if merged and repeat.start < merged[-1].end:
            last = merged[-1]
            kept = repeat if size > longest else last
            longest = max(longest, size)
            merged[-1] = Repeat(
                last.contig,
                last.start,
                max(last.end, repeat.end),
                kept.strand,
                kept.family,
                True,
                kept.where,
            )
        else:
            merged.append(repeat)
            longest = size
    return merged


def pairs_of_contig(
    contig: str,
    sequence: str,
    repeats: Sequence[Repeat],
    *,
    max_length: int,
    rng: np.random.Generator,
    counts: Counter[str],
) -> list[tuple[Example, Example]]:
    """Positives of a contig, each with its negative.

    Args:
        contig: name.
        sequence: all of its bases.
        repeats: all its annotated repeats, wanted or not.
        max_length: longest repeat; those beyond it are left out whole.
        rng: source of randomness.
        counts: what was left out and why is added to it.

    Returns:
        The pairs in the order of position.

    Raises:
        ValueError: A repeat lies beyond the contig.
    """
    for repeat in repeats:
        if repeat.end > len(sequence):
            raise ValueError(
                f"{repeat.where}: position {repeat.end} is beyond {contig}, which has "
                f"{len(sequence):,} bases; is the annotation of another assembly?"
            )
    states = encode(sequence)
    blocked = np.zeros(len(states), dtype=bool)
    for repeat in repeats:
        blocked[repeat.start : repeat.end] = True
    wanted = [repeat for repeat in repeats if repeat.wanted]
    merged = merge_overlapping(wanted)
    counts["annotated"] += len(wanted)
    counts["joined_with_an_overlapping_one"] += len(wanted) - len(merged)
    pairs = []
    for repeat in merged:
        size = repeat.end - repeat.start
        own = states[repeat.start : repeat.end]
        if size < MIN_LENGTH:
            counts["shorter_than_20_bases"] += 1
        elif size > max_length:
            counts["longer_than_max_length"] += 1
        elif _unknown(own) > MAX_UNKNOWN:
            counts["more_than_10_percent_n"] += 1
        else:
            start = _place(states, blocked, own, rng)
            if start is None:
                counts["no_matching_background"] += 1
                continue
            blocked[start : start + size] = True
            pairs.append(
                (
                    _example(contig, repeat.start, own, repeat, 1),
                    _example(contig, start, states[start : start + size], repeat, 0),
                )
            )
    return pairs


def _place(
    states: NDArray[np.uint8],
    blocked: NDArray[np.bool_],
    own: NDArray[np.uint8],
    rng: np.random.Generator,
) -> int | None:
    """A start drawn uniformly from all that are allowed; None where there is none."""
    size, wanted = len(own), _gc(own)
    places = len(states) - size + 1

    def allowed(start: int) -> bool:
        end = start + size
        if blocked[start:end].any():
            return False
        other = states[start:end]
        return _unknown(other) <= MAX_UNKNOWN and abs(_gc(other) - wanted) <= MAX_GC_DIFFERENCE

    for start in rng.integers(places, size=min(TRIES, 20 * places)).tolist():
        if allowed(start):
            return int(start)
    everything = [start for start in range(places) if allowed(start)] if places <= TRIES else []
    return int(rng.choice(everything)) if everything else None


def _unknown(states: NDArray[np.uint8]) -> float:
    return float(np.count_nonzero(states == UNKNOWN)) / len(states)


def _gc(states: NDArray[np.uint8]) -> float:
    """Share of G and C among the known bases."""
    known = int(np.count_nonzero(states != UNKNOWN))
    return int(np.count_nonzero((states == 1) | (states == 2))) / max(1, known)


def _example(contig: str, start: int, states: NDArray[np.uint8], of: Repeat, label: int) -> Example:
    text = "".join(np.array(list(BASES + "N"))[states])
    sequence = opposite_strand(text) if of.strand == "-" else text
    family = of.family if label else "background"
    return Example(contig, start, start + len(states), of.strand, family, label, sequence)
