"""Where the codons of a coding sequence lie."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

STOP_CODONS = ("TAA", "TAG", "TGA")


def stop_codons(sequence: str, start: int = 0) -> tuple[int, int, int]:
    """Stop codons of the standard code in each of three frames.

    Args:
        sequence: Bases in upper case. Codons with another letter than A, C, G, T count as no stop.
        start: Position of the first base.

    Returns:
        Their number among the codons at positions 0, 3, 6, ...; at 1, 4, ...; at 2, 5, ...
    """
    counts = [0, 0, 0]
    for offset in range(3):
        codons = (sequence[i : i + 3] for i in range(offset, len(sequence) - 2, 3))
        counts[(start + offset) % 3] = sum(codon in STOP_CODONS for codon in codons)
    return counts[0], counts[1], counts[2]


def reading_frame(stretches: Iterable[tuple[int, str]]) -> int:
    """The frame with the fewest stop codons, the first of them where several have as few.

    A wrong frame of coding sequence has a stop about every 20 to 60 codons, so a hundred codons
    tell the right one.

    Args:
        stretches: Start and bases (upper case) of the parts of one coding sequence, plus strand,
            in coordinates that leave introns and gaps out.

    Returns:
        0, 1 or 2: the remainder by 3 of the positions at which codons begin.
    """
    counts = np.zeros(3, np.int64)
    for start, sequence in stretches:
        counts += stop_codons(sequence, start)
    return int(counts.argmin())
