"""Where the codons of a coding sequence lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STOP_CODONS = ("TAA", "TAG", "TGA")


def stop_codons(sequence: str) -> tuple[int, int, int]:
    """Stop codons of the standard code in the three frames of the sequence as it stands.

    Args:
        sequence: Bases in upper case. Codons with another letter than A, C, G, T count as no stop.
    """
    first, second, third = (
        sum(sequence[i : i + 3] in STOP_CODONS for i in range(frame, len(sequence) - 2, 3))
        for frame in range(3)
    )
    return first, second, third


def reading_frame(sequence: str) -> int:
    """The frame with the fewest stop codons, the first of them where several have as few.

    An open stretch of a hundred codons is rarely matched by chance: other frames of coding sequence
    have a stop about every 20 to 60 codons.

    Returns:
        0, 1 or 2: how many bases come before the first whole codon.
    """
    counts = stop_codons(sequence)
    return counts.index(min(counts))


def codon_positions(sequence: str, frame: int | None = None) -> NDArray[np.int8]:
    """Position of each base in its codon, 0, 1 or 2, shape (len(sequence),).

    Args:
        sequence: Coding sequence of the plus strand, introns and gaps removed, in upper case.
        frame: Bases before the first whole codon; `reading_frame(sequence)` where it is None.

    Raises:
        ValueError: The frame is none of 0, 1, 2.
    """
    frame = reading_frame(sequence) if frame is None else frame
    if frame not in (0, 1, 2):
        raise ValueError(f"frame is {frame}; a reading frame is 0, 1 or 2 bases from the start.")
    return ((np.arange(len(sequence)) - frame) % 3).astype(np.int8)
