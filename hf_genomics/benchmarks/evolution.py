"""Sequences evolve down a tree: one random base per site and branch, drawn from P(t)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .substitution import SubstitutionModel
from .trees import RootedTree

# Sites drawn at a time: intermediate arrays stay in the processor's cache.
BLOCK_SITES = 2**16


@dataclass(frozen=True)
class PlantedMotif:
    """Bases written over a node's sequence; its descendants inherit them.

    Attributes:
        offset: 0-based position of the first base.
        states: (motif_length,) bases as 0..3.
    """

    offset: int
    states: NDArray[np.uint8]


def random_bases(
    shape: tuple[int, ...], pi: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Independent bases (0..3 = A, C, G, T) of the given shape with frequencies pi (4,)."""
    thresholds = np.cumsum(pi)[:-1]
    flat = np.empty(int(np.prod(shape)), dtype=np.uint8)
    for start in range(0, len(flat), BLOCK_SITES):
        u = rng.random(min(BLOCK_SITES, len(flat) - start))
        flat[start : start + len(u)] = sum((u >= c).view(np.uint8) for c in thresholds)
    return flat.reshape(shape)


def evolve(
    tree: RootedTree,
    root_states: NDArray[np.uint8],
    model: SubstitutionModel,
    *,
    rng: np.random.Generator,
    class_rates: NDArray[np.float64] | None = None,
    planted: Mapping[int, PlantedMotif] | None = None,
) -> NDArray[np.uint8]:
    """The sequence at every node.

    Args:
        tree: branch lengths in expected substitutions per site.
        root_states: (length,) bases 0..3 at the root.
        model: substitution model of every branch.
        rng: source of randomness.
        class_rates: (num_classes,) relative rates; every site gets one class for the whole tree.
            None = rate 1 everywhere.
        planted: motifs written at some nodes after the branch above them has evolved.

    Returns:
        (num_nodes, length) bases 0..3.
    """
    length = len(root_states)
    rates = np.ones(1) if class_rates is None else np.asarray(class_rates)
    site_class = rng.integers(len(rates), size=length)
    states = np.empty((tree.num_nodes, length), dtype=np.uint8)
    states[0] = root_states
    rows_at_once = max(1, BLOCK_SITES // max(1, length))
    planted = planted or {}
    if 0 in planted:
        _plant(states, 0, planted[0])
    for level in tree.levels[1:]:
        for start in range(0, len(level), rows_at_once):
            nodes = level[start : start + rows_at_once]
            t = tree.branch_lengths[nodes, None] * rates  # (rows, classes)
            P = model.transition_probabilities(t)  # (rows, classes, 4, 4)
            states[nodes] = _substitute(states[tree.parents[nodes]], P, site_class, rng)
            for node in planted.keys() & set(nodes.tolist()):
                _plant(states, node, planted[node])
    return states


def _substitute(
    parents: NDArray[np.uint8],
    P: NDArray[np.float64],
    site_class: NDArray[np.int64],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Draws children (rows, length) of `parents` (rows, length) from P (rows, classes, 4, 4)."""
    rows, classes = P.shape[:2]
    u = rng.random(parents.shape)
    # Where a site looks in the flattened P: the row of its sequence, rate class and parent base.
    lookup = (np.arange(rows) * (classes * 4))[:, None] + site_class * 4 + parents
    stay = np.diagonal(P, axis1=-2, axis2=-1).reshape(-1)
    moved = np.flatnonzero(u >= stay[lookup])
    # Inverse transform with the parent's own base first, so that only moved sites need more work.
    off_diagonal = np.where(np.eye(4, dtype=bool), 0.0, P)
    cumulative = np.cumsum(off_diagonal, axis=-1).reshape(-1, 4)
    where = lookup.ravel()[moved]
    # `stay` and the row's sum are rounded separately: keep the remainder inside the row.
    rest = np.minimum(u.ravel()[moved] - stay[where], np.nextafter(cumulative[where, 3], 0.0))
    children = parents.copy()
    thresholds = cumulative[where]
    children.ravel()[moved] = sum((rest >= thresholds[:, base]).view(np.uint8) for base in range(3))
    return children


def _plant(states: NDArray[np.uint8], node: int, motif: PlantedMotif) -> None:
    states[node, motif.offset : motif.offset + len(motif.states)] = motif.states
