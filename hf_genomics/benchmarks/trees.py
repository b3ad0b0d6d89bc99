"""Rooted trees as arrays, and the random and regular shapes used in simulations.

Birth-death trees are drawn exactly, given their number of tips, as a coalescent point process
(Gernhard 2008, J. Theor. Biol. 253; Lambert and Stadler 2013, Theor. Popul. Biol. 90).
All shapes have height one; scale them to expected substitutions per site.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .parameters import TreeShape, check_death_rate

NO_PARENT = -1


@dataclass(frozen=True)
class RootedTree:
    """A rooted tree whose nodes are numbered so that a parent comes before its children.

    Attributes:
        parents: (num_nodes,) integers; node 0 is the root and has parent -1.
        branch_lengths: (num_nodes,) length of the branch above each node; 0 at the root.

    Raises:
        ValueError: if the arrays differ in length, the order is broken or a length is negative.
    """

    parents: NDArray[np.int64]
    branch_lengths: NDArray[np.float64]

    def __post_init__(self) -> None:
        parents, lengths = self.parents, self.branch_lengths
        if len(parents) != len(lengths):
            raise ValueError(
                f"branch_lengths has {len(lengths)} entries but the tree has {len(parents)} nodes; "
                "pass one length per node, 0 for the root."
            )
        ordered = bool((parents[1:] < np.arange(1, len(parents))).all()) and parents[1:].min() >= 0
        if parents[0] != NO_PARENT or not ordered:
            raise ValueError(
                "parents is not in order: node 0 must be the root (-1) and every other parent must "
                "come before its child."
            )
        if not (np.isfinite(lengths).all() and (lengths >= 0).all()):
            raise ValueError("branch_lengths must be finite and not negative.")

    @property
    def num_nodes(self) -> int:
        return len(self.parents)

    @cached_property
    def leaves(self) -> NDArray[np.int64]:
        """(num_leaves,) the nodes without children, in increasing order."""
        has_child = np.zeros(self.num_nodes, dtype=bool)
        has_child[self.parents[1:]] = True
        return np.flatnonzero(~has_child)

    @cached_property
    def depths(self) -> NDArray[np.int64]:
        """(num_nodes,) number of branches between each node and the root."""
        depths = np.zeros(self.num_nodes, dtype=np.int64)
        for node, parent in enumerate(self.parents[1:].tolist(), start=1):
            depths[node] = depths[parent] + 1
        return depths

    @cached_property
    def levels(self) -> list[NDArray[np.int64]]:
        """The nodes at depth 0, 1, 2, ... each as an array."""
        by_depth = np.argsort(self.depths, kind="stable")
        return np.split(by_depth, np.cumsum(np.bincount(self.depths))[:-1])

    @cached_property
    def heights(self) -> NDArray[np.float64]:
        """(num_nodes,) distance from the root, in the unit of the branch lengths."""
        heights = np.zeros(self.num_nodes)
        for level in self.levels[1:]:
            heights[level] = heights[self.parents[level]] + self.branch_lengths[level]
        return heights

    @cached_property
    def leaf_counts(self) -> NDArray[np.int64]:
        """(num_nodes,) number of leaves below each node; 1 for a leaf."""
        counts = np.zeros(self.num_nodes, dtype=np.int64)
        counts[self.leaves] = 1
        for level in reversed(self.levels[1:]):
            np.add.at(counts, self.parents[level], counts[level])
        return counts

    @cached_property
    def children(self) -> list[list[int]]:
        """For each node, its children in increasing order."""
        children: list[list[int]] = [[] for _ in range(self.num_nodes)]
        for node, parent in enumerate(self.parents[1:].tolist(), start=1):
            children[parent].append(node)
        return children

    def scaled(self, factor: float) -> "RootedTree":
        """The same tree with every branch length multiplied by `factor`."""
        return RootedTree(self.parents, self.branch_lengths * factor)

    def with_leaves_added(
        self, parents: NDArray[np.int64], branch_length: float
    ) -> tuple["RootedTree", NDArray[np.int64]]:
        """Hangs one new leaf below each of `parents`; old nodes keep their numbers.

        Args:
            parents: (num_added,) nodes; a node may occur several times.
            branch_length: of every new branch.

        Returns:
            The new tree and the (num_added,) numbers of the new leaves.
        """
        lengths = np.full(len(parents), branch_length)
        tree = RootedTree(
            np.concatenate([self.parents, parents]), np.concatenate([self.branch_lengths, lengths])
        )
        return tree, np.arange(self.num_nodes, tree.num_nodes)

    def restricted_to(self, leaves: NDArray[np.int64]) -> tuple["RootedTree", NDArray[np.int64]]:
        """The tree that connects `leaves`; nodes left with one child are merged into their branch.

        The root stays, so distances from it do not change.

        Returns:
            The new tree and the (len(leaves),) new numbers of the leaves.
        """
        kept = np.zeros(self.num_nodes, dtype=np.int64)  # kept leaves at or below each node
        kept[leaves] = 1
        num_kept_children = np.zeros(self.num_nodes, dtype=np.int64)
        for level in reversed(self.levels[1:]):
            np.add.at(kept, self.parents[level], kept[level])
            np.add.at(num_kept_children, self.parents[level], kept[level] > 0)
        stays = (kept > 0) & (num_kept_children != 1)
        stays[0] = True
        number = np.cumsum(stays) - 1
        ancestor = self.parents.copy()  # nearest ancestor that stays
        length = self.branch_lengths.copy()
        for level in self.levels[1:]:
            above = self.parents[level]
            merged = ~stays[above]
            ancestor[level] = np.where(merged, ancestor[above], above)
            length[level] += np.where(merged, length[above], 0.0)
        parents = number[ancestor[stays]]
        parents[0] = NO_PARENT
        return RootedTree(parents, length[stays]), number[leaves]

    def to_newick(self, names: Mapping[int, str] | None = None) -> str:
        """Newick text with branch lengths; leaves are named by `names` or `leaf_<node>`."""
        pieces: list[str] = []
        # An explicit stack: a caterpillar is deeper than Python's recursion limit.
        stack: list[tuple[int, bool]] = [(0, False)]
        while stack:
            node, closing = stack.pop()
            children = self.children[node]
            if closing or not children:
                name = ")" if children else (names or {}).get(node, f"leaf_{node}")
                length = f":{self.branch_lengths[node]:.10g}" if node else ""
                pieces.append(name + length)
                continue
            pieces.append("(")
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(children))
        return _with_commas(pieces) + ";"


def _with_commas(pieces: Sequence[str]) -> str:
    """Joins Newick pieces; siblings are neighbours where no bracket opens or closes between."""
    text = [pieces[0]]
    for before, after in zip(pieces, pieces[1:], strict=False):
        if before != "(" and not after.startswith(")"):
            text.append(",")
        text.append(after)
    return "".join(text)


def yule_tree(num_leaves: int, rng: np.random.Generator) -> RootedTree:
    """A pure-birth tree of height 1."""
    return birth_death_tree(num_leaves, rng, death_rate=0.0)


def birth_death_tree(
    num_leaves: int, rng: np.random.Generator, *, death_rate: float = 0.5
) -> RootedTree:
    """The tree of the surviving lineages of a birth-death process, scaled to height 1.

    Args:
        num_leaves: surviving tips, at least 2.
        rng: source of randomness.
        death_rate: per lineage, with birth rate 1; 0 <= death_rate < 1.
    """
    _need_leaves(num_leaves, 2)
    check_death_rate(death_rate)

    # Ages of the splits between neighbouring tips are i.i.d. with distribution function
    #   F(t) = (1 - e^(-rt)) / (1 - d e^(-rt)),  r = 1 - d,
    # below the age of the process, which itself is distributed as the largest of num_leaves draws.
    def age_at(probability: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.log((1 - death_rate * probability) / (1 - probability)) / (1 - death_rate)

    oldest = rng.random() ** (1 / num_leaves)
    ages = age_at(oldest * rng.random(num_leaves - 1))
    return _tree_of_split_ages(ages / ages.max())


def balanced_tree(num_leaves: int) -> RootedTree:
    """The perfectly balanced binary tree of height 1; `num_leaves` is a power of two."""
    _need_leaves(num_leaves, 2)
    if num_leaves & (num_leaves - 1):
        raise ValueError(
            f"a balanced tree has a power of two of leaves, not {num_leaves}; "
            f"try {2 ** (num_leaves.bit_length() - 1)} or {2 ** num_leaves.bit_length()}."
        )
    nodes = np.arange(2 * num_leaves - 1)
    parents = (nodes - 1) // 2  # heap order
    lengths = np.full(len(nodes), 1 / (num_leaves.bit_length() - 1))
    lengths[0] = 0.0
    return RootedTree(parents, lengths)


def caterpillar_tree(num_leaves: int) -> RootedTree:
    """The ladder: one tip leaves the backbone at each of `num_leaves - 1` even steps; height 1."""
    _need_leaves(num_leaves, 2)
    return _tree_of_split_ages(np.arange(num_leaves - 1, 0, -1) / (num_leaves - 1))


def star_tree(num_leaves: int) -> RootedTree:
    """Every tip hangs directly below the root, at distance 1."""
    _need_leaves(num_leaves, 2)
    parents = np.zeros(num_leaves + 1, dtype=np.int64)
    parents[0] = NO_PARENT
    return RootedTree(parents, np.concatenate([[0.0], np.ones(num_leaves)]))


def make_tree(
    shape: TreeShape, num_leaves: int, rng: np.random.Generator, *, death_rate: float = 0.5
) -> RootedTree:
    """The tree of the named shape with `num_leaves` tips and height 1."""
    shapes: dict[TreeShape, Callable[[], RootedTree]] = {
        TreeShape.YULE: lambda: yule_tree(num_leaves, rng),
        TreeShape.BIRTH_DEATH: lambda: birth_death_tree(num_leaves, rng, death_rate=death_rate),
        TreeShape.BALANCED: lambda: balanced_tree(num_leaves),
        TreeShape.CATERPILLAR: lambda: caterpillar_tree(num_leaves),
        TreeShape.STAR: lambda: star_tree(num_leaves),
    }
    return shapes[shape]()


def _need_leaves(num_leaves: int, least: int) -> None:
    if num_leaves < least:
        raise ValueError(f"num_leaves is {num_leaves}; a tree needs at least {least}.")


def _tree_of_split_ages(ages: NDArray[np.float64]) -> RootedTree:
    """The ultrametric binary tree in which neighbouring tips i and i + 1 split at ages[i].

    It is the Cartesian tree of the ages: a node's parent is the younger of the two nearest older
    splits, one on each side.

    Args:
        ages: (num_leaves - 1,) positive; equal ages are resolved from left to right.
    """
    num_splits = len(ages)
    # Splits are numbered by age, oldest first, so that parents precede children; tips come last.
    number = np.empty(num_splits, dtype=np.int64)
    number[np.argsort(-ages, kind="stable")] = np.arange(num_splits)
    left = _nearest_smaller(number)  # a smaller number is an older split
    right = num_splits - 1 - _nearest_smaller(number[::-1])[::-1]
    sentinel = np.append(number, NO_PARENT)  # index -1 and num_splits: no split on that side
    parents = np.empty(2 * num_splits + 1, dtype=np.int64)
    parents[number] = np.maximum(sentinel[left], sentinel[right])
    padded = np.concatenate([[NO_PARENT], number, [NO_PARENT]])
    parents[num_splits:] = np.maximum(padded[:-1], padded[1:])
    node_ages = np.zeros(2 * num_splits + 1)
    node_ages[number] = ages
    lengths = node_ages[parents] - node_ages
    lengths[0] = 0.0
    return RootedTree(parents, lengths)


def _nearest_smaller(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each entry the index of the nearest smaller one on its left; -1 where there is none."""
    nearest = np.full(len(values), -1, dtype=np.int64)
    stack: list[int] = []
    for index, value in enumerate(values.tolist()):
        while stack and values[stack[-1]] > value:
            stack.pop()
        if stack:
            nearest[index] = stack[-1]
        stack.append(index)
    return nearest
