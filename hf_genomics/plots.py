"""Figures of scored regions: a sequence logo, a heat map of all SNVs, and the rate of each site.

Every function draws on matplotlib axes that it is given; `region_figure` puts them together. They
take the table that `hf-genomics score-variants --region ... --output region.parquet` writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

try:
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties
    from matplotlib.patches import PathPatch
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D
except ImportError as missing:
    raise ImportError("Figures need matplotlib: pip install 'hf_genomics[plots]'") from missing

from hf_genomics.data.sequence import BASES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

# Okabe and Ito's colours, which are told apart by nearly everybody.
BASE_COLORS = {"A": "#009E73", "C": "#0072B2", "G": "#E69F00", "T": "#D55E00"}
MOST_LETTERS = 300  # bases; beyond that letters are thinner than a line, and bars are drawn instead
WIDEST = 16.0  # inches


@dataclass(frozen=True)
class ScoredSites:
    """Scores of the n bases of a region.

    Args:
        contig: Name of the contig.
        position: 1-based positions `(n,)`, one after the other.
        reference: States `(n,)`: 0 to 3 are A, C, G, T, and 4 is N.
        llr: Log-likelihood ratio of each base to the reference `(n, 4)`: 0 for the reference
            itself, NaN where it is N.
        rate: Expected substitutions per unit branch length `(n,)`, NaN where the reference is N.
    """

    contig: str
    position: NDArray[np.int64]
    reference: NDArray[np.int64]
    llr: Floats
    rate: Floats

    @classmethod
    def from_table(
        cls, table: pd.DataFrame, *, start: int | None = None, end: int | None = None
    ) -> ScoredSites:
        """The sites of a scored region, or those from `start` to `end` (1-based, included).

        Raises:
            ValueError: The table lacks a column, or is not of every base of one stretch.
        """
        needed = ("chrom", "pos", "ref", "alt", "llr", "expected_substitutions")
        lacking = [name for name in needed if name not in table]
        if lacking:
            raise ValueError(
                f"The table has no column {', '.join(lacking)}; make it by hf-genomics "
                "score-variants --region ... --output region.parquet with a PhyloGPN."
            )
        first = table["pos"].min() if start is None else start
        last = table["pos"].max() if end is None else end
        rows = table[table["pos"].between(first, last)]
        position = np.arange(first, last + 1)
        contigs = rows["chrom"].unique()
        if len(contigs) != 1 or not np.array_equal(rows["pos"].unique(), position):
            raise ValueError(
                f"The table does not hold every base from {first} to {last} of one contig in "
                f"order (contigs: {', '.join(map(str, contigs)) or 'none'}); score the region."
            )
        site = rows["pos"].to_numpy() - first
        reference = np.full(len(position), len(BASES))
        reference[site] = [BASES.find(base) for base in rows["ref"]]
        reference[reference < 0] = len(BASES)
        llr = np.full((len(position), 4), np.nan)
        known = rows["alt"].isin(list(BASES)).to_numpy()
        alternative = [BASES.index(base) for base in rows["alt"][known]]
        llr[site[known], alternative] = rows["llr"][known]
        bases = np.flatnonzero(reference < len(BASES))
        llr[bases, reference[bases]] = 0
        rate = np.full(len(position), np.nan)
        rate[site] = rows["expected_substitutions"]
        return cls(str(contigs[0]), position, reference, llr, rate)

    @property
    def probabilities(self) -> Floats:
        """Stationary distribution pi `(n, 4)` of the bases A, C, G, T at each site."""
        with np.errstate(invalid="ignore"):
            largest = np.max(self.llr, 1, keepdims=True)
            weights = np.exp(self.llr - largest)
        return weights / weights.sum(1, keepdims=True)


def region_figure(sites: ScoredSites, *, title: str | None = None) -> Figure:
    """Logo, heat map of all SNVs, and expected substitutions of a region, one above the other."""
    width = min(WIDEST, max(6.0, 0.12 * len(sites.position)))
    figure = Figure(figsize=(width, 5.0), layout="constrained")
    panels = figure.subplots(3, 1, sharex=True, height_ratios=(2, 2, 1))
    logo, heat, rate = panels
    sequence_logo(logo, sites.probabilities, start=int(sites.position[0]))
    image = llr_heat_map(heat, sites)
    figure.colorbar(image, ax=heat, label="llr", pad=0.01)
    rate_track(rate, sites)
    rate.set_xlabel(f"position on {sites.contig}")
    logo.set_title(title or f"{sites.contig}:{sites.position[0]:,}-{sites.position[-1]:,}")
    return figure


def sequence_logo(axes: Axes, probabilities: Floats, *, start: int = 1) -> None:
    """Letters of A, C, G and T on top of each other, as high as their information.

    A stack is as high as the information content `2 - H(pi)` of its site, in bits, and a letter's
    share of it is its probability (Schneider and Stephens 1990); the likeliest is on top.

    Args:
        axes: Where to draw.
        probabilities: `(n, 4)` in the order A, C, G, T; a row of NaN is left empty.
        start: Position of the first site.

    Raises:
        ValueError: A row is not a distribution.
    """
    pi = np.asarray(probabilities, np.float64)
    known = ~np.isnan(pi.sum(1))
    if np.any(pi[known] < 0) or not np.allclose(pi[known].sum(1), 1):
        raise ValueError("A row of probabilities is no distribution: it must sum to 1, from 0 on.")
    heights = np.where(known[:, None], pi * information_content(pi)[:, None], 0)
    if len(pi) > MOST_LETTERS:
        axes.bar(start + np.arange(len(pi)), heights.sum(1), width=1.0, color="0.3")
    else:
        for x, stack in enumerate(heights, start=start):
            bottom = 0.0
            for state in np.argsort(stack, kind="stable"):
                if stack[state] > 0:
                    axes.add_patch(_letter(BASES[state], x - 0.5, bottom, stack[state]))
                    bottom += stack[state]
    axes.set(xlim=(start - 0.5, start + len(pi) - 0.5), ylim=(0, 2), ylabel="bits")
    axes.xaxis.get_major_formatter().set_useOffset(False)  # type: ignore[attr-defined]


def llr_heat_map(axes: Axes, sites: ScoredSites) -> Any:
    """Log-likelihood ratios of all SNVs: a row for each base, a dot on the reference.

    Red is less likely than the reference, blue is more; the colours are as far from white on
    either side. Returns the image, for a colour bar.
    """
    extent = (sites.position[0] - 0.5, sites.position[-1] + 0.5, 3.5, -0.5)
    finite = np.abs(sites.llr[np.isfinite(sites.llr)])
    bound = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    image = axes.imshow(
        sites.llr.T,
        aspect="auto",
        cmap="RdBu",
        vmin=-bound,
        vmax=bound,
        extent=extent,
        interpolation="nearest",
    )
    known = sites.reference < len(BASES)
    axes.plot(sites.position[known], sites.reference[known], ".", color="0.2", markersize=2)
    axes.set_yticks(range(len(BASES)), list(BASES))
    return image


def rate_track(axes: Axes, sites: ScoredSites) -> None:
    """Expected substitutions per unit branch length, a bar for each base."""
    axes.bar(sites.position, np.nan_to_num(sites.rate), width=1.0, color="0.3")
    axes.set_ylabel("substitutions")


def information_content(probabilities: Floats) -> Floats:
    """Information content `(n,)` in bits of distributions `(n, 4)`: `2 - H(pi)`, 0 to 2."""
    pi = np.asarray(probabilities, np.float64)
    terms = pi * np.log2(np.where(pi > 0, pi, 1))
    return np.clip(2 + terms.sum(-1), 0, 2)


def _letter(base: str, left: float, bottom: float, height: float) -> PathPatch:
    """The outline of a letter, stretched over a box of width 1."""
    path = TextPath((0, 0), base, size=1, prop=FontProperties(family="DejaVu Sans", weight="bold"))
    box = path.get_extents()
    stretch = (
        Affine2D()
        .translate(-box.x0, -box.y0)
        .scale(0.96 / box.width, height / box.height)
        .translate(left + 0.02, bottom)
    )
    return PathPatch(stretch.transform_path(path), facecolor=BASE_COLORS[base], edgecolor="none")
