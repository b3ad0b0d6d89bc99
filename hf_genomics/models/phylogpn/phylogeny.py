"""Rooted phylogenies as arrays, read from and written to Newick text."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from pathlib import Path

import torch
from torch import Tensor

from .newick import check_length, parse_newick

NO_PARENT = -1

_NEEDS_QUOTES = re.compile(r"[\s(),:;'\[\]]")


@dataclass(frozen=True)
class Phylogeny:
    """A rooted tree with branch lengths and named leaves; immutable, equal and hashed by content.

    Nodes are numbered: first the leaves in the order of the Newick text, then the internal nodes in
    postorder (children before their parent, in the order of the text). The root is the last node.

    Args:
        node_names: One name per node; "" for an internal node without one.
        parents: Number of the parent of each node; -1 for the root.
        lengths: Length of the branch above each node but the root, in the unit of the tree, as a
            rule expected substitutions per site. Finite and not negative; 0 is a legal length.

    Raises:
        ValueError: The arrays do not describe such a tree, or it has fewer than two leaves, a leaf
            without a name or two leaves of one name.
    """

    node_names: tuple[str, ...]
    parents: tuple[int, ...]
    lengths: tuple[float, ...]

    def __post_init__(self) -> None:
        sizes = len(self.node_names), len(self.parents), len(self.lengths)
        if not sizes[0] == sizes[1] == sizes[2] + 1:
            raise ValueError(
                f"{sizes[0]} names, {sizes[1]} parents and {sizes[2]} lengths are no tree; pass "
                "one name and one parent per node, and one length per node but the root."
            )
        if self.parents[-1] != NO_PARENT or any(
            not node < parent < self.num_nodes for node, parent in enumerate(self.parents[:-1])
        ):
            raise ValueError(
                "parents is not in order: every parent comes after its children, and the last node "
                f"is the root, whose parent is {NO_PARENT}."
            )
        if list(self._postorder()) != list(range(self.num_nodes)):
            raise ValueError(
                "nodes are not numbered as they must be: leaves in the order of the text, then "
                "internal nodes in postorder; use Phylogeny.from_newick."
            )
        self._check_leaves()
        for name, length in zip(self.node_names, self.lengths, strict=False):
            check_length(length, f"the branch above {name!r}")

    @classmethod
    def from_newick(cls, text_or_path: str | os.PathLike[str]) -> "Phylogeny":
        """Read one tree in Newick format.

        Quoted labels, comments in brackets, polytomies, names of internal nodes and white space
        are understood; underscores stay underscores. A length above the root is checked and
        dropped: under a stationary model no likelihood depends on it.

        Args:
            text_or_path: The text or the file that holds it. A string is a path if a file of this
                name exists, or if it has no parenthesis and is not empty.

        Raises:
            ValueError: The text is not one tree with a length on every branch and a name at every
                leaf; the message names the file, if it is one, and the position, counted from 1,
                or the node.
            FileNotFoundError: There is no such file.
        """
        path = path_of(text_or_path)
        if path is None:
            return cls._from_text(str(text_or_path))
        try:
            return cls._from_text(path.read_bytes().decode("utf-8-sig"))
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"There is no file {str(path)!r} to read a phylogeny from; give the path of one, "
                "or the tree itself as Newick text, as in '(A:0.1,B:0.2);'."
            ) from error
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not UTF-8 text: {error}; is it another format?") from error
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    @classmethod
    def _from_text(cls, text: str) -> "Phylogeny":
        nodes = parse_newick(text)
        leaves = [node for node in nodes if node.is_leaf]
        ordered = [*leaves, *(node for node in nodes if not node.is_leaf)]
        numbers = {id(node): number for number, node in enumerate(ordered)}
        return cls(
            tuple(node.name for node in ordered),
            tuple(NO_PARENT if n.parent is None else numbers[id(n.parent)] for n in ordered),
            tuple(node.length or 0.0 for node in ordered[:-1]),
        )

    @property
    def num_nodes(self) -> int:
        return len(self.parents)

    @cached_property
    def num_leaves(self) -> int:
        return self.num_nodes - len(set(self.parents[:-1]))

    @property
    def leaf_names(self) -> list[str]:
        """Names of the leaves, in the order of the Newick text and of all leaf states."""
        return list(self.node_names[: self.num_leaves])

    @property
    def branch_lengths(self) -> Tensor:
        """(num_nodes - 1,) float64: the length of the branch above each node, without the root."""
        return torch.tensor(self.lengths, dtype=torch.float64)

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """For each node its children in the order of the text; () for a leaf."""
        children: list[list[int]] = [[] for _ in self.parents]
        first_leaf = list(range(self.num_nodes))
        for node, parent in enumerate(self.parents[:-1]):
            if children[node]:
                first_leaf[node] = min(first_leaf[child] for child in children[node])
            children[parent].append(node)
        return tuple(tuple(sorted(group, key=first_leaf.__getitem__)) for group in children)

    def leaf_index(self, leaf: str | int) -> int:
        """Position of a leaf among `leaf_names`, given its name or the position itself.

        Raises:
            ValueError: There is no such leaf.
        """
        if isinstance(leaf, str) and leaf in self._leaf_numbers:
            return self._leaf_numbers[leaf]
        if not isinstance(leaf, str) and 0 <= leaf < self.num_leaves:
            return int(leaf)
        raise ValueError(
            f"no leaf {leaf!r}: the tree has {self.num_leaves} leaves, from 0 = "
            f"{self.node_names[0]!r} to {self.num_leaves - 1} = "
            f"{self.node_names[self.num_leaves - 1]!r}; see leaf_names."
        )

    def restrict_to(self, names: Iterable[str]) -> "Phylogeny":
        """The tree that connects some of the leaves.

        Nodes that are left with one child are dissolved and the lengths of their branches added;
        the root becomes the last common ancestor. Leaves stay in the order of this tree, whatever
        the order of `names`.

        Raises:
            ValueError: A name is not a leaf (all such names are listed), occurs twice, or fewer
                than two names are given.
        """
        wanted = _unique(names, known=self._leaf_numbers)
        if len(wanted) < 2:
            raise ValueError(f"{len(wanted)} leaves were asked for; a phylogeny needs two or more.")
        lengths: dict[int, float] = {}
        parents: dict[int, int] = {}
        # What stands for each subtree: its top node, and the length from there up to the subtree's.
        tops: dict[int, tuple[int, float]] = {}
        for node, below in enumerate(self.children):
            present = [child for child in below if child in tops]
            if len(present) == 1:
                top, length = tops[present[0]]
                tops[node] = top, length + self.lengths[present[0]]
            elif present or self.node_names[node] in wanted and not below:
                tops[node] = node, 0.0
                for child in present:
                    top, length = tops[child]
                    parents[top], lengths[top] = node, length + self.lengths[child]
        root = tops[self.num_nodes - 1][0]
        kept = [*sorted(parents), root]
        numbers = {node: number for number, node in enumerate(kept)}
        return Phylogeny(
            tuple(self.node_names[node] for node in kept),
            (*(numbers[parents[node]] for node in kept[:-1]), NO_PARENT),
            tuple(lengths[node] for node in kept[:-1]),
        )

    def to_newick(self) -> str:
        """The tree as text: `from_newick` of it is equal to this tree."""
        pieces: list[str] = []
        todo: list[int | str] = [self.num_nodes - 1]
        while todo:
            item = todo.pop()
            if isinstance(item, str):
                pieces.append(item)
                continue
            length = "" if item == self.num_nodes - 1 else f":{self.lengths[item]!r}"
            label = _quoted(self.node_names[item]) + length
            if not self.children[item]:
                pieces.append(label)
                continue
            todo.append(")" + label)
            for place, child in reversed(list(enumerate(self.children[item]))):
                todo += [child, "," if place else "("]
        return "".join(pieces) + ";"

    @cached_property
    def _leaf_numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.leaf_names)}

    def _postorder(self) -> Iterator[int]:
        """All leaves and then all internal nodes, each kind as a walk through the tree meets it."""
        walk, todo = [], [self.num_nodes - 1]
        while todo:
            node = todo.pop()
            walk.append(node)
            todo += self.children[node]
        walk.reverse()
        is_leaf = [not self.children[node] for node in walk]
        yield from compress(walk, is_leaf)
        yield from compress(walk, (not leaf for leaf in is_leaf))

    def _check_leaves(self) -> None:
        if self.num_leaves < 2:
            raise ValueError(f"the tree has {self.num_leaves} leaf; a phylogeny needs two or more.")
        if "" in self._leaf_numbers:
            raise ValueError(f"leaf {self._leaf_numbers['']} has no name; every leaf needs one.")
        _unique(self.leaf_names, known=self._leaf_numbers)


def path_of(text_or_path: str | os.PathLike[str]) -> Path | None:
    """The file that is meant, None for a text."""
    if not isinstance(text_or_path, str):
        return Path(text_or_path)
    try:
        is_path = "(" not in text_or_path or Path(text_or_path).is_file()
    except (OSError, ValueError):  # too long for a name, or with a character that no name has
        is_path = False
    return Path(text_or_path) if is_path and text_or_path.strip() else None


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "''") + "'" if _NEEDS_QUOTES.search(name) else name


def _unique(names: Iterable[str], *, known: dict[str, int]) -> set[str]:
    """The names as a set, after checks that each is one of `known` and occurs once."""
    names = list(names)
    unknown = sorted({name for name in names if name not in known})
    if unknown:
        raise ValueError(
            f"{len(unknown)} names are not leaves of the tree: {unknown}; see leaf_names."
        )
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise ValueError(f"leaf names occur more than once: {twice}; every leaf needs its own.")
    return set(names)
