"""Pictures of points of the hyperbolic plane in the Poincare disk.

The disk is the hyperboloid seen from `(-sqrt(k), 0)`, scaled to radius 1 for every k (Cannon et
al., "Hyperbolic geometry", 1997): angles are kept, and the rim is infinitely far.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

# Okabe and Ito's colours, which are told apart by nearly everybody.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#000000")
MARKERS = "os^Dv"  # classes beyond the eighth take the colours again, in the next shape
CIRCLES = (1, 2, 3)  # distances from the origin, in units of sqrt(k)
PANEL = 4.2  # inches


def poincare_disk(points: ArrayLike, k: float) -> Floats:
    """Points of the hyperboloid in the Poincare disk.

    Args:
        points: `(n, d + 1)`, time component first, with `<x, x> = -k`.
        k: curvature parameter, as geoopt's (the sectional curvature is `-1 / k`).

    Returns:
        `(n, d)`, of norm below 1: `x_s / (x_0 + sqrt(k))`.

    Raises:
        ValueError: k is not positive, or a point is not on the hyperboloid.
    """
    x = np.asarray(points, np.float64)
    if not k > 0:
        raise ValueError(f"k is {k}; the curvature parameter must be above 0.")
    if x.ndim != 2 or x.shape[1] < 2:
        raise ValueError(f"points must be (n, d + 1), time component first, got {x.shape}.")
    time, space = x[:, :1], x[:, 1:]
    expected = np.sqrt(k + np.square(space).sum(1, keepdims=True))
    if not np.allclose(time, expected, rtol=1e-4):
        worst = float(np.nanmax(np.abs(time - expected)))
        raise ValueError(
            f"a point is {worst:.3g} off the hyperboloid of k = {k:g}; pass points with the time "
            "component first, and the k of their manifold."
        )
    # from the space components alone: float32 rounds the time component of far points
    return np.asarray(space / (expected + np.sqrt(k)))


def disk_panels(panels: Mapping[str, tuple[ArrayLike, ArrayLike, float]]) -> Figure:
    """A disk for each embedding, side by side, with dotted circles at distances of 1, 2, 3 sqrt(k).

    Args:
        panels: by the panel's title: points `(n, 3)` of the hyperboloid, the class `(n,)` of each
            as whole numbers, and k.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there is no panel, or its points are not those of a hyperbolic plane of this k.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.patches import Circle
    except ImportError as missing:
        raise ImportError("Figures need matplotlib: pip install 'hf_genomics[plots]'") from missing

    if not panels:
        raise ValueError("there is nothing to draw; give one panel or more.")
    figure = Figure(figsize=(PANEL * len(panels), PANEL + 0.3), layout="constrained")
    all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, (points, classes, k)) in zip(all_axes, panels.items(), strict=True):
        disk, labels = poincare_disk(points, k), np.asarray(classes)
        if disk.shape[1] != 2:
            raise ValueError(
                f"panel {title!r} has points in {disk.shape[1]} dimensions; a disk shows 2. Train "
                "with embedding_dim=3 (one time and two space components) for an exact picture."
            )
        axes.add_patch(Circle((0, 0), 1, facecolor="0.97", edgecolor="0.2"))
        for distance in CIRCLES:
            rim = np.tanh(distance / 2)
            axes.add_patch(Circle((0, 0), rim, fill=False, edgecolor="0.6", linestyle=":"))
        for number, label in enumerate(np.unique(labels)):
            of_label = disk[labels == label]
            shape = MARKERS[number // len(COLORS) % len(MARKERS)]
            color = COLORS[number % len(COLORS)]
            axes.plot(*of_label.T, shape, color=color, markersize=3, alpha=0.7, label=f"{label}")
        axes.set(title=title, xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal")
        axes.axis("off")
        axes.legend(fontsize="x-small", loc="lower left", frameon=False)
    return figure
