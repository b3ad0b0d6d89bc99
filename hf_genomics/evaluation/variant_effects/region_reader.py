"""Every base of a region, with every base it can change to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hf_genomics.data.indexed_genome import UNKNOWN, IndexedGenome, shortened
from hf_genomics.data.sequence import BASES
from hf_genomics.evaluation.variant_effects.alleles import CODES, Status, Substitutions


class RegionSource:
    """Every possible change of one base in a region.

    Args:
        region: `contig`, `contig:start-end` or `contig:start`; 1-based, the end included.
        genome: The reference.

    Raises:
        ValueError: The contig is unknown or the region does not lie within it.
    """

    path: Path | None = None

    def __init__(self, region: str, genome: IndexedGenome) -> None:
        self.contig, self.start, self.end = parse_region(region, genome)
        self._genome = genome

    def schema(self) -> pa.Schema:
        return RegionBlock(self.contig, 0, np.empty(0, np.uint8)).table().schema

    def blocks(self, num_rows: int) -> Iterator[RegionBlock]:
        for start in range(self.start, self.end, num_rows):
            end = min(start + num_rows, self.end)
            yield RegionBlock(self.contig, start, self._genome.states(self.contig, start, end))


class RegionBlock:
    """Every base of a stretch of a contig, each with the three bases it can change to.

    A base that is N has one row without an alternative.

    Args:
        contig: Name of the contig.
        start: First base, 0-based.
        states: The reference there `(n,)`.
    """

    def __init__(self, contig: str, start: int, states: NDArray[np.uint8]) -> None:
        self.contig = contig
        self.start = start
        self.states = states
        self.num_rows = len(states)
        copies = np.where(states == UNKNOWN, 1, 3)
        self._site = np.repeat(np.arange(len(states)), copies)
        self._reference = states[self._site]
        first = np.concatenate([[0], np.cumsum(copies)[:-1]]).astype(np.int64)
        place = np.arange(len(self._site)) - first[self._site]  # 0, 1, 2
        self._alternative = (place + (place >= self._reference)).astype(np.uint8)
        self.known = self._reference < UNKNOWN

    @property
    def position(self) -> NDArray[np.int64]:
        """0-based position of each row."""
        return self.start + self._site

    def confirm(
        self, genome: IndexedGenome, *, context: tuple[int, int]
    ) -> tuple[Substitutions, NDArray[np.uint8]]:
        position = self.position
        inside = (position >= context[0]) & (position + context[1] < genome.lengths[self.contig])
        codes = np.where(inside, CODES[Status.OK], CODES[Status.CONTIG_END]).astype(np.uint8)
        codes[~self.known] = CODES[Status.REF_IS_N]
        row = np.flatnonzero(self.known)
        substitutions = Substitutions(
            (self.contig,),
            np.zeros(len(row), np.int64),
            position[row],
            self._reference[row],
            self._alternative[row],
            row,
        )
        return substitutions, codes

    def table(self) -> pa.Table:
        letters = np.array([*BASES, "N"])
        alternative = pa.array(letters[self._alternative], mask=~self.known)
        return pa.table(
            {
                "chrom": pa.array([self.contig] * len(self._site), pa.string()),
                "pos": pa.array(self.position + 1, pa.int64()),
                "ref": pa.array(letters[self._reference], pa.string()),
                "alt": alternative.cast(pa.string()),
            }
        )


def parse_region(region: str, genome: IndexedGenome) -> tuple[str, int, int]:
    """Contig, start and end, 0-based half-open, of `contig:start-end` (1-based, end included)."""
    contig, start, end = region, 1, None
    # The name of a contig may itself hold a colon.
    if region not in genome.lengths:
        match = re.fullmatch(r"(.+):(\d[\d,]*)(?:(-)(\d[\d,]*)?)?", region)
        if match and match[1] in genome.lengths:
            contig, start = match[1], int(match[2].replace(",", ""))
            digits = (match[4] or "").replace(",", "")
            end = int(digits) if digits else (None if match[3] else start)
        else:
            raise ValueError(
                f"The region {region!r} is on no contig of {genome.path}, which has "
                f"{shortened(genome.lengths)}; write it as contig:start-end."
            )
    length = genome.lengths[contig]
    end = length if end is None else end
    if not 1 <= start <= end <= length:
        raise ValueError(
            f"The region {region!r} is not within {contig}, which has the bases 1 to {length}."
        )
    return contig, start - 1, end
