"""The data-generating conditions: what the labels mean and where the sequences come from.

Every condition is a function of parameters and a random generator to `SimulatedRows`. Rows
come in the order train, validation, test. Letters: n rows, L bases.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .clades import clades_at_depth, deal_by_subtree, leaves_below
from .evolution import PlantedMotif, evolve, random_bases
from .parameters import ALPHABET, Condition, SimulationParameters, SplitRule
from .substitution import SubstitutionModel, discrete_gamma_rates, make_model
from .trees import RootedTree, make_tree

MAX_REDRAWS = 100  # of background sequences that hold the motif by chance


@dataclass(frozen=True)
class SimulatedRows:
    """Sequences and labels of all three splits.

    Attributes:
        states: (n, L) bases 0..3 = A, C, G, T.
        labels: (n,) class of each row.
        label_names: name of each class.
        tree: the tree that the rows descend from; None where there is none.
        leaves: (n,) leaf of the tree that is each row; -1 for rows outside the tree.
        motif: the planted motif, if any.
    """

    states: NDArray[np.uint8]
    labels: NDArray[np.int64]
    label_names: list[str]
    tree: RootedTree | None
    leaves: NDArray[np.int64]
    motif: str | None = None


def simulate_clade(parameters: SimulationParameters, rng: np.random.Generator) -> SimulatedRows:
    """Label = the clade, `clade_depth` branches below the root, that a sequence descends from."""
    tree = _species_tree(parameters, rng)
    clades = clades_at_depth(tree, parameters.clade_depth)
    labels = _balanced_labels(parameters, len(clades), rng)
    tips = _draw_tips(tree, np.split(clades, len(clades)), labels, parameters, rng)
    tree, rows = tree.with_leaves_added(tips, parameters.individual_branch_length)
    states = _evolve_from_random_root(tree, parameters.length, parameters, rng)
    names = [f"clade_{index}" for index in range(len(clades))]
    return SimulatedRows(states[rows], labels, names, tree, rows)


def simulate_permuted(parameters: SimulationParameters, rng: np.random.Generator) -> SimulatedRows:
    """The clade condition, labels shuffled within each split: class counts stay, signal goes."""
    rows = simulate_clade(parameters, rng)
    starts = np.cumsum(parameters.num_rows)[:-1]
    labels = np.concatenate([rng.permutation(part) for part in np.split(rows.labels, starts)])
    return SimulatedRows(rows.states, labels, rows.label_names, rows.tree, rows.leaves)


def simulate_motif(parameters: SimulationParameters, rng: np.random.Generator) -> SimulatedRows:
    """Label = whether a motif was planted, at a random offset, in i.i.d. bases that lack it."""
    model = _model(parameters)
    motif = _motif(parameters, model, rng)
    labels = _balanced_labels(parameters, 2, rng)
    states = _background_without(motif, (len(labels), parameters.length), model, rng)
    positive = np.flatnonzero(labels)
    _insert(states, positive, np.tile(motif, (len(positive), 1)), rng)
    names = ["background", "motif"]
    no_leaf = np.full(len(labels), -1)
    return SimulatedRows(states, labels, names, None, no_leaf, _as_text(motif))


def simulate_decayed_motif(
    parameters: SimulationParameters, rng: np.random.Generator
) -> SimulatedRows:
    """Label = descent from the one clade whose ancestor got a motif, which mutated ever since.

    The clade is the one at `clade_depth` that comes closest to half of the tips.
    """
    tree = _species_tree(parameters, rng)
    model = _model(parameters)
    clades = clades_at_depth(tree, parameters.clade_depth)
    chosen = int(np.argmin(np.abs(2 * tree.leaf_counts[clades] - len(tree.leaves))))
    motif = _motif(parameters, model, rng)
    offset = int(rng.integers(parameters.length - len(motif) + 1))
    labels = _balanced_labels(parameters, 2, rng)
    classes = [np.delete(clades, chosen), clades[chosen : chosen + 1]]
    tips = _draw_tips(tree, classes, labels, parameters, rng)
    tree, rows = tree.with_leaves_added(tips, parameters.individual_branch_length)
    states = _evolve_from_random_root(
        tree, parameters.length, parameters, rng, {int(clades[chosen]): PlantedMotif(offset, motif)}
    )
    names = ["background", "motif_clade"]
    return SimulatedRows(states[rows], labels, names, tree, rows, _as_text(motif))


def simulate_transposon(
    parameters: SimulationParameters, rng: np.random.Generator
) -> SimulatedRows:
    """Label = whether i.i.d. background holds a copy of a family that evolved along the tree.

    A negative holds such a copy too, with its bases shuffled: copies and decoys agree in
    composition (GC included), length and offsets, and differ in homology alone.
    """
    tree = _species_tree(parameters, rng)
    labels = _balanced_labels(parameters, 2, rng)
    everything = np.zeros(1, dtype=np.int64)  # the root: both classes draw from the whole family
    tips = _draw_tips(tree, [everything, everything], labels, parameters, rng)
    tree, copies = tree.with_leaves_added(tips, parameters.individual_branch_length)
    elements = _evolve_from_random_root(tree, parameters.copy_length, parameters, rng)[copies]
    decoys = np.flatnonzero(labels == 0)
    elements[decoys] = rng.permuted(elements[decoys], axis=1)
    states = random_bases((len(labels), parameters.length), _model(parameters).pi, rng)
    _insert(states, np.arange(len(labels)), elements, rng)
    leaves = np.where(labels == 1, copies, -1)
    return SimulatedRows(states, labels, ["background", "transposon"], tree, leaves)


CONDITIONS: dict[
    Condition, Callable[[SimulationParameters, np.random.Generator], SimulatedRows]
] = {
    Condition.CLADE: simulate_clade,
    Condition.PERMUTED: simulate_permuted,
    Condition.MOTIF: simulate_motif,
    Condition.DECAYED_MOTIF: simulate_decayed_motif,
    Condition.TRANSPOSON: simulate_transposon,
}


def contains_motif(states: NDArray[np.uint8], motif: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(n,) whether each row of states (n, L) holds the motif (m,) at any offset."""
    num_offsets = states.shape[1] - len(motif) + 1
    found = np.ones((len(states), max(0, num_offsets)), dtype=bool)
    for position, base in enumerate(motif):
        found &= states[:, position : position + found.shape[1]] == base
    return np.asarray(found.any(axis=1))


def _species_tree(parameters: SimulationParameters, rng: np.random.Generator) -> RootedTree:
    tree = make_tree(parameters.tree, parameters.num_leaves, rng, death_rate=parameters.death_rate)
    return tree.scaled(parameters.height)


def _model(parameters: SimulationParameters) -> SubstitutionModel:
    return make_model(
        parameters.model, kappa=parameters.kappa, base_frequencies=parameters.base_frequencies
    )


def _balanced_labels(
    parameters: SimulationParameters, num_classes: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """(n,) labels in random order; within a split the classes differ by at most one row."""
    for split, num_rows in zip(("train", "validation", "test"), parameters.num_rows, strict=True):
        if num_rows < num_classes:
            raise ValueError(
                f"num_{split} is {num_rows} but there are {num_classes} classes; give at least one "
                "row per class, or cut fewer clades."
            )
    return np.concatenate(
        [rng.permutation(np.arange(num_rows) % num_classes) for num_rows in parameters.num_rows]
    )


def _draw_tips(
    tree: RootedTree,
    classes: list[NDArray[np.int64]],
    labels: NDArray[np.int64],
    parameters: SimulationParameters,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """(n,) the tip that each row is an individual of, spread evenly over the tips allowed to it.

    Args:
        tree: the species tree.
        classes: for each label, the disjoint clades it is drawn from.
        labels: (n,) class of each row.
        parameters: sizes and the split rule.
        rng: source of randomness.
    """
    split = np.repeat(np.arange(len(parameters.num_rows)), parameters.num_rows)
    tips = np.empty(len(labels), dtype=np.int64)
    # Classes made of the same clades share one deal, so that they hold out the same subtrees.
    deals: dict[tuple[int, ...], list[NDArray[np.int64]]] = {}
    for label, nodes in enumerate(classes):
        key = tuple(nodes.tolist())
        if key not in deals:
            deals[key] = (
                deal_by_subtree(tree, nodes, parameters.num_rows, rng)
                if parameters.split is SplitRule.SUBTREE
                else [leaves_below(tree, nodes)] * len(parameters.num_rows)
            )
        for part, allowed in enumerate(deals[key]):
            rows = np.flatnonzero((labels == label) & (split == part))
            tips[rows] = np.resize(rng.permutation(allowed), len(rows))
    return tips


def _evolve_from_random_root(
    tree: RootedTree,
    length: int,
    parameters: SimulationParameters,
    rng: np.random.Generator,
    planted: dict[int, PlantedMotif] | None = None,
) -> NDArray[np.uint8]:
    """(num_nodes, length) bases; the root is drawn from the stationary distribution."""
    model = _model(parameters)
    shape = parameters.gamma_shape
    rates = None if shape is None else discrete_gamma_rates(shape)
    root = random_bases((length,), model.pi, rng)
    return evolve(tree, root, model, rng=rng, class_rates=rates, planted=planted)


def _motif(
    parameters: SimulationParameters, model: SubstitutionModel, rng: np.random.Generator
) -> NDArray[np.uint8]:
    if parameters.motif is None:
        return random_bases((parameters.motif_length,), model.pi, rng)
    return np.array([ALPHABET.index(base) for base in parameters.motif], dtype=np.uint8)


def _background_without(
    motif: NDArray[np.uint8],
    shape: tuple[int, int],
    model: SubstitutionModel,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Random rows, redrawn until none holds the motif."""
    states = random_bases(shape, model.pi, rng)
    for _ in range(MAX_REDRAWS):
        chance = np.flatnonzero(contains_motif(states, motif))
        if len(chance) == 0:
            return states
        states[chance] = random_bases((len(chance), shape[1]), model.pi, rng)
    raise ValueError(
        f"the motif {_as_text(motif)} occurs by chance in nearly every sequence of {shape[1]} "
        "bases; give a longer motif or shorter sequences."
    )


def _insert(
    states: NDArray[np.uint8],
    rows: NDArray[np.int64],
    inserts: NDArray[np.uint8],
    rng: np.random.Generator,
) -> None:
    """Overwrites each of `rows` of states (n, L) with its insert (m,) at a uniform offset."""
    size = inserts.shape[1]
    offsets = rng.integers(states.shape[1] - size + 1, size=len(rows))
    states[rows[:, None], offsets[:, None] + np.arange(size)] = inserts


def _as_text(states: NDArray[np.uint8]) -> str:
    return "".join(ALPHABET[state] for state in states)
