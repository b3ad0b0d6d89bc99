"""Pictures of embedded genomes in two dimensions, coloured by lineage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

NEIGHBOURS = 15  # of UMAP
PERPLEXITY = 30.0  # of t-SNE
UNNAMED_COLORS = {"none": "0.75", "recombinant": "0.45"}
_HUES = "1f77b4 ff7f0e 2ca02c d62728 9467bd 8c564b e377c2 bcbd22 17becf 000000 1b1b8f b8860b"
COLORS = tuple(f"#{hue}" for hue in _HUES.split())
MARKERS = "os^Dv"  # lineages beyond the twelfth take the colours again, in the next shape


def two_dimensions(features: Floats, *, seed: int = 0) -> tuple[Floats, str]:
    """Points `(n, 2)` in which near genomes stay near, and the name of the method.

    UMAP where umap-learn is installed, else t-SNE. Both see cosine distances of the vectors minus
    their mean; without that all genomes of one virus lie in one direction.

    Args:
        features: `(n, D)`, n at least 3.
        seed: Of the method.

    Raises:
        ValueError: Fewer than three genomes.
    """
    if len(features) < 3:
        raise ValueError(f"A picture needs three genomes or more, got {len(features)}.")
    centred = features - features.mean(0)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    # Of unit vectors the squared Euclidean distance is twice the cosine distance.
    directions = centred / np.where(lengths > 0, lengths, 1)
    try:
        from umap import UMAP  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return _tsne(directions, seed), "t-SNE"
    neighbours = min(NEIGHBOURS, len(features) - 1)
    umap = UMAP(n_neighbors=neighbours, metric="cosine", random_state=seed, n_jobs=1)
    return np.asarray(umap.fit_transform(directions), np.float64), "UMAP"


def lineage_panels(panels: Mapping[str, Floats], labels: NDArray[np.str_]) -> Figure:
    """A panel for each embedding, two in a row, with one legend.

    Args:
        panels: Points `(n, 2)` by the panel's title.
        labels: `(n,)`; those without a WHO name are grey and lie below the others.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise ImportError("Figures need matplotlib: pip install 'hf_genomics[plots]'") from missing
    rows = -(-len(panels) // 2)
    figure = Figure(figsize=(9.0, 3.8 * rows + 0.6), layout="constrained")
    grid = figure.subplots(rows, 2, squeeze=False)
    for axes, (title, points) in zip(grid.flat, panels.items(), strict=False):
        for label, style in _styles(labels).items():
            of_label = points[labels == label]
            axes.scatter(of_label[:, 0], of_label[:, 1], label=label, linewidth=0, **style)
        axes.set_title(title)
        axes.set(xticks=[], yticks=[])
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    handles, names = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=7, frameon=False)
    return figure


def _tsne(directions: Floats, seed: int) -> Floats:
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(directions) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init="pca", random_state=seed)
    return np.asarray(tsne.fit_transform(directions), np.float64)


def _styles(labels: NDArray[np.str_]) -> dict[str, dict[str, Any]]:
    """Colour and shape of each label, the unnamed ones first."""
    styles: dict[str, dict[str, Any]] = {
        label: {"color": color, "marker": "o", "s": 10}
        for label, color in UNNAMED_COLORS.items()
        if label in labels
    }
    named = [str(label) for label in np.unique(labels) if label not in UNNAMED_COLORS]
    for number, label in enumerate(named):
        marker = MARKERS[number // len(COLORS) % len(MARKERS)]
        styles[label] = {"color": COLORS[number % len(COLORS)], "marker": marker, "s": 22}
    return styles
