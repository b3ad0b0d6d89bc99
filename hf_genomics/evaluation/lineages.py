"""How well vectors of genomes tell lineages apart: silhouette, neighbours, and folds for a probe.

Two genomes of one Pango lineage may be next to copies of each other, and a score that finds the
copy says nothing of the variant that both belong to. So the folds, and one of the scores of
neighbours, keep Pango lineages apart: all genomes of one are on the same side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import silhouette_score
from sklearn.metrics.pairwise import cosine_distances

Floats = NDArray[np.float64]
Names = NDArray[np.str_]


def repeated_labels(labels: Names, groups: Names) -> Names:
    """The labels with at least two groups: only those can be told with groups kept apart."""
    pairs = {(str(label), str(group)) for label, group in zip(labels, groups, strict=True)}
    several = [label for label in np.unique(labels) if sum(a == label for a, _ in pairs) > 1]
    return np.array(several, dtype=labels.dtype)


def neighbour_scores(
    features: Floats, labels: Names, groups: Names, *, neighbours: int = 10
) -> dict[str, float]:
    """Scores of cosine distances, once as they are and once of the vectors minus their mean.

    Means over a genome of 30,000 letters, of which 50 differ, are nearly parallel. Without their
    common direction, the angles are those of the differences.

    Args:
        features: `(n, D)`.
        labels: `(n,)`.
        groups: `(n,)`, one label each.
        neighbours: Of the purity.

    Returns:
        `silhouette` (mean over genomes, -1 to 1), `purity` (mean share of nearest neighbours with
        the genome's label, 0 to 1; a label with m genomes can reach (m - 1) / `neighbours`),
        `apart` (share of genomes whose nearest one of another group has their label, mean over the
        labels with several groups), and the same with `_centred`.

    Raises:
        ValueError: Fewer than two labels.
    """
    if len(np.unique(labels)) < 2:
        raise ValueError(f"Lineages cannot be told apart: all genomes are {str(labels[0])!r}.")
    scores = {}
    for suffix, vectors in (("", features), ("_centred", features - features.mean(0))):
        distances = cosine_distances(vectors)
        np.fill_diagonal(distances, 0)
        silhouette = silhouette_score(distances, labels, metric="precomputed")
        scores[f"silhouette{suffix}"] = float(silhouette)
        scores[f"purity{suffix}"] = purity(distances, labels, neighbours)
        scores[f"apart{suffix}"] = nearest_apart(distances, labels, groups)
    return scores


def variance_explained(features: Floats, covariates: Floats) -> float:
    """Share of the features' variance that is linear in covariates, 0 to 1.

    Args:
        features: `(n, D)`.
        covariates: `(n, C)`, fewer than n.
    """
    centred, known = features - features.mean(0), covariates - covariates.mean(0)
    fitted = known @ np.linalg.lstsq(known, centred, rcond=None)[0]
    total = np.square(centred).sum()
    return float(np.square(fitted).sum() / total) if total > 0 else 0.0


def variance_in_axes(features: Floats, axes: int = 2) -> float:
    """Share of the features' `(n, D)` variance in their first principal axes, 0 to 1."""
    centred = features - features.mean(0)
    variances = np.square(np.linalg.svd(centred, compute_uv=False))
    return float(variances[:axes].sum() / variances.sum()) if variances.sum() > 0 else 1.0


def purity(distances: Floats, labels: Names, neighbours: int) -> float:
    """Mean share of the nearest `neighbours` of an item that have its label.

    Args:
        distances: `(n, n)`. Of items as far away, the first ones are nearer.
        labels: `(n,)`.
        neighbours: At most n - 1 are there.
    """
    others = distances + np.diag(np.full(len(distances), np.inf))
    nearest = np.argsort(others, 1, kind="stable")[:, : min(neighbours, len(labels) - 1)]
    return float((labels[nearest] == labels[:, None]).mean())


def nearest_apart(distances: Floats, labels: Names, groups: Names) -> float:
    """Share of items whose nearest item of another group has their label.

    The mean over the labels with several groups, NaN where there are none.
    """
    others = np.where(groups[:, None] == groups, np.inf, distances)
    right = labels[others.argmin(1)] == labels
    shares = [right[labels == label].mean() for label in repeated_labels(labels, groups)]
    return float(np.mean(shares)) if shares else float("nan")


def group_folds(labels: Names, groups: Names, num_folds: int, seed: int) -> NDArray[np.int64]:
    """The fold `(n,)` of each item: groups stay whole, and those of a label are spread out.

    Label by label, groups in random order go to the fold with the fewest items of that label; so
    every label with two groups is in two folds, and is known when either of them is tested.
    """
    generator = np.random.default_rng(seed)
    folds = np.zeros(len(labels), np.int64)
    totals = np.zeros(num_folds, np.int64)
    for label in np.unique(labels):
        of_label = np.zeros(num_folds, np.int64)
        for group in generator.permutation(np.unique(groups[labels == label])):
            chosen = np.lexsort((totals, of_label))[0]
            members = (labels == label) & (groups == group)
            folds[members] = chosen
            of_label[chosen] += members.sum()
            totals[chosen] += members.sum()
    return folds
