"""Clades: all leaves below one node. Labels and splits are made of whole clades."""

import numpy as np
from numpy.typing import NDArray

from .trees import RootedTree

# A class is dealt to the splits in about this many subtrees: few enough to stay large, enough to
# meet the wanted proportions.
SUBTREES_PER_CLASS = 16
NUM_SPLITS = 3


def clades_at_depth(tree: RootedTree, depth: int) -> NDArray[np.int64]:
    """The (num_clades,) nodes `depth` branches below the root, and leaves that end above it.

    Every leaf lies below exactly one of them.

    Raises:
        ValueError: if fewer than two clades result.
    """
    is_leaf = np.zeros(tree.num_nodes, dtype=bool)
    is_leaf[tree.leaves] = True
    nodes = np.flatnonzero((tree.depths == depth) | (is_leaf & (tree.depths < depth)))
    if len(nodes) < 2:
        raise ValueError(
            f"depth {depth} cuts the tree into {len(nodes)} clade; use a depth of 1 or more."
        )
    return nodes


def clade_of_each_node(tree: RootedTree, clades: NDArray[np.int64]) -> NDArray[np.int64]:
    """(num_nodes,) index into `clades` of the clade a node lies in, -1 outside of all."""
    clade = np.full(tree.num_nodes, -1, dtype=np.int64)
    clade[clades] = np.arange(len(clades))
    for level in tree.levels[1:]:
        inherited = clade[tree.parents[level]]
        clade[level] = np.where(inherited >= 0, inherited, clade[level])
    return clade


def subtrees_of(tree: RootedTree, nodes: NDArray[np.int64], num_subtrees: int) -> list[int]:
    """Splits the clades of `nodes` into disjoint subtrees, opening the largest one first.

    Returns:
        At least `num_subtrees` nodes, or all leaves of smaller clades.
    """
    subtrees = nodes.tolist()
    while len(subtrees) < num_subtrees:
        largest = max(subtrees, key=lambda root: int(tree.leaf_counts[root]))
        if tree.leaf_counts[largest] == 1:
            break
        subtrees.remove(largest)
        subtrees.extend(tree.children[largest])
    return subtrees


def leaves_below(tree: RootedTree, nodes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The leaves at or below any of the disjoint `nodes`, in increasing order."""
    return tree.leaves[clade_of_each_node(tree, nodes)[tree.leaves] >= 0]


def deal_by_subtree(
    tree: RootedTree,
    nodes: NDArray[np.int64],
    shares: tuple[int, int, int],
    rng: np.random.Generator,
) -> list[NDArray[np.int64]]:
    """Deals the tips below `nodes` to train, validation and test in whole subtrees.

    Args:
        tree: the species tree.
        nodes: disjoint clades that make up one class.
        shares: wanted proportions of the three splits, in any unit.
        rng: source of randomness.

    Returns:
        Three arrays of leaves, none empty; no subtree is shared.

    Raises:
        ValueError: if there are fewer than three tips.
    """
    subtrees = subtrees_of(tree, nodes, SUBTREES_PER_CLASS)
    if len(subtrees) < NUM_SPLITS:
        raise ValueError(
            f"a class of {len(subtrees)} tips cannot be split by subtree into train, validation "
            "and test; raise num_leaves, lower clade_depth or use the random split."
        )
    order = rng.permutation(subtrees)
    held_out = (len(order) - 1) // 2  # at most, for either split: train keeps a subtree
    num_validation, num_test = (
        min(max(1, round(share * len(order) / sum(shares))), held_out) for share in shares[1:]
    )
    starts = [len(order) - num_validation - num_test, len(order) - num_test]
    return [leaves_below(tree, part) for part in np.split(order, starts)]
