"""Which nucleotides of a sequence to mask: spans of random lengths, up to a share of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def masked_spans(
    is_base: NDArray[np.bool_],
    generator: np.random.Generator,
    *,
    share: float = 0.25,
    mean_length: float = 6.0,
    max_length: int = 20,
    unit: int = 1,
) -> NDArray[np.bool_]:
    """Draws spans of geometric length until they cover a share of the nucleotides.

    Starts are uniform, lengths geometric and cut at `max_length` (6 and 20 give a mean of 5.8), and
    spans may overlap. The last one is cut where the share is reached, so that at least that many
    nucleotides are masked, and less than one (one unit) more.

    Args:
        is_base: `(L,)`, True at A, C, G and T: only these count, and only these are masked.
        generator: of the draws.
        share: of the nucleotides to mask, from 0 to 1.
        mean_length: in positions, before the cut; 1 gives single positions.
        max_length: in positions.
        unit: positions that are masked together, counted from the first; lengths are multiples.

    Returns:
        `(L,)`, True at a nucleotide to mask.
    """
    length = len(is_base)
    blocks = -(-length // unit)
    bases = np.add.reduceat(is_base, np.arange(0, length, unit)) if length else np.zeros(0, int)
    missing = share * bases.sum() * (1 - 1e-12)  # 0.3 * 10 is 3, not a little more
    masked = np.zeros(blocks, bool)
    stop_at = max(1, max_length // unit)
    while missing > 0:
        starts = generator.integers(0, blocks, 64)
        lengths = generator.geometric(min(1.0, unit / mean_length), 64).clip(max=stop_at)
        for start, size in zip(starts.tolist(), lengths.tolist(), strict=True):
            new = np.flatnonzero(~masked[start : start + size]) + start
            before = missing - np.cumsum(bases[new]) + bases[new]
            new = new[before > 0]
            masked[new] = True
            missing -= bases[new].sum()
            if missing <= 0:
                break
    return np.repeat(masked, unit)[:length] & is_base
