"""The order in which a likelihood visits a tree: level by level, all nodes of a level at once."""

import heapq
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from .phylogeny import Phylogeny


@dataclass(frozen=True, eq=False)
class Level:
    """Internal rows `start:stop` of a schedule, which need only rows before them.

    Attributes:
        start, num_branches, stop: `start:start + num_branches` have a branch above them; the rest
            are helpers that bring together children of one node and are passed on as they are.
        children: Two index tensors; row `start + k` has the children `children[0][k]` and
            `children[1][k]`. A second child that is absent is the row behind all rows.
    """

    start: int
    num_branches: int
    stop: int
    children: tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class LevelSchedule:
    """A tree as rows, every one of them with two children: the leaves, then level after level.

    A node with more than two children gets helper rows between, so that each row is the product of
    two messages. The last row is the root.

    Attributes:
        num_rows: Number of rows.
        leaves: (num_leaves,) which leaf of the phylogeny is in row 0, 1, 2, ...
        branch_lengths: (num_rows - 1,) float64; 1 for helpers, where it means nothing.
        levels: From the leaves to the root.
        parents, siblings: (num_rows - 1,) row of the parent, and of the parent's other child.
    """

    num_rows: int
    leaves: Tensor
    branch_lengths: Tensor
    levels: tuple[Level, ...]
    parents: Tensor
    siblings: Tensor

    @property
    def num_leaves(self) -> int:
        return len(self.leaves)


@dataclass(eq=False)
class _Row:
    children: "tuple[_Row, ...]" = ()
    leaf: int = -1
    level: int = 0
    is_helper: bool = False
    length: float = 1.0
    number: int = -1


@lru_cache(maxsize=256)
def level_schedule(
    phylogeny: Phylogeny,
    present: tuple[bool, ...],
    dissolve: bool,
    device: torch.device,
) -> LevelSchedule:
    """Schedule of the part of a phylogeny that leads to the leaves that are present.

    Args:
        phylogeny: The tree.
        present: For each leaf whether it is wanted; at least one is.
        dissolve: Whether nodes with one child are replaced by one longer branch, which only models
            that are semigroups allow; else they stay and the root is that of the phylogeny.
        device: Where the index tensors are put.
    """
    tops: dict[int, _Row] = {}
    rows: list[_Row] = []
    for node, below in enumerate(phylogeny.children):
        children = [tops[child] for child in below if child in tops]
        if node < phylogeny.num_leaves:
            if not present[node]:
                continue
            row = _Row(leaf=node)
        elif not children:
            continue
        elif len(children) == 1 and dissolve:
            row = children[0]
        else:
            row = _joined(children, rows)
        if row is not (children[0] if children else None):
            rows.append(row)
            row.length = 0.0
        if node < phylogeny.num_nodes - 1:
            row.length += phylogeny.lengths[node]
        tops[node] = row
    rows.sort(key=lambda row: (row.level, row.is_helper))
    for number, row in enumerate(rows):
        row.number = number
    return _arrays(rows, device)


def _joined(children: list[_Row], rows: list[_Row]) -> _Row:
    """A row over the children, the shallowest of them joined first by helpers added to `rows`."""
    heap = [(child.level, order, child) for order, child in enumerate(children)]
    heapq.heapify(heap)
    while len(heap) > 2:
        pair = heapq.heappop(heap)[2], heapq.heappop(heap)[2]
        helper = _Row(pair, level=1 + max(row.level for row in pair), is_helper=True)
        rows.append(helper)
        heapq.heappush(heap, (helper.level, len(rows) + len(children), helper))
    ends = tuple(row for _, _, row in heap)
    return _Row(ends, level=1 + max(row.level for row in ends))


def _arrays(rows: list[_Row], device: torch.device) -> LevelSchedule:
    num_rows = len(rows)
    parents, siblings = [0] * num_rows, [num_rows] * num_rows
    for row in rows:
        for child in row.children:
            parents[child.number] = row.number
        if len(row.children) == 2:
            first, second = (child.number for child in row.children)
            siblings[first], siblings[second] = second, first

    def index(values: list[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.long, device=device)

    leaves = [row.leaf for row in rows if not row.children]
    levels, start = [], len(leaves)
    while start < num_rows:
        group = [row for row in rows[start:] if row.level == rows[start].level]
        first = [row.children[0].number for row in group]
        second = [row.children[1].number if len(row.children) > 1 else num_rows for row in group]
        num_branches = sum(not row.is_helper for row in group)
        stop = start + len(group)
        levels.append(Level(start, num_branches, stop, (index(first), index(second))))
        start = stop
    return LevelSchedule(
        num_rows=num_rows,
        leaves=index(leaves),
        branch_lengths=torch.tensor(
            [row.length for row in rows[:-1]], dtype=torch.float64, device=device
        ),
        levels=tuple(levels),
        parents=index(parents[:-1]),
        siblings=index(siblings[:-1]),
    )
