"""The order in which a likelihood visits a tree: level by level, all nodes of a level at once."""

import heapq
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import torch
from torch import Tensor

from .phylogeny import Phylogeny


@dataclass(frozen=True, eq=False)
class Level:
    """Rows `start:stop` of a schedule, whose children are rows before them.

    Attributes:
        start, end_of_branches, stop: Rows `start:end_of_branches` have a branch above them; the
            rest have none: the root, and helpers, which are passed on as they are.
        children: (2, stop - start) first and second child of each row. A second child that is
            absent is the row behind all rows. None for the leaves.
    """

    start: int
    end_of_branches: int
    stop: int
    children: Tensor | None


@dataclass(frozen=True, eq=False)
class LevelSchedule:
    """A tree as rows, none with more than two children: the leaves, then level after level.

    A node with more than two children gets helper rows between, so that each row is the product of
    two messages. The last row is the root.

    Attributes:
        num_rows: Number of rows.
        leaves: (num_leaves,) which leaf of the phylogeny is in row 0, 1, 2, ...
        branch_lengths: (num_rows - 1,) float64; for helpers 1, which means nothing.
        levels: From the leaves, level 0, to the root.
        parents, siblings: (num_rows - 1,) row of the parent, and of the parent's other child.
        most_children: of any node, before there were helpers.
    """

    num_rows: int
    leaves: Tensor
    branch_lengths: Tensor
    levels: tuple[Level, ...]
    parents: Tensor
    siblings: Tensor
    most_children: int

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
    most_children = 0
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
            most_children = max(most_children, len(children))
        if row is not (children[0] if children else None):
            rows.append(row)
            row.length = 0.0
        if node < phylogeny.num_nodes - 1:
            row.length += phylogeny.lengths[node]
        tops[node] = row
    rows.sort(key=lambda row: (row.level, row.is_helper))
    for number, row in enumerate(rows):
        row.number = number
    return _arrays(rows, most_children, device)


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


def _arrays(rows: list[_Row], most_children: int, device: torch.device) -> LevelSchedule:
    absent = len(rows)
    parents, siblings = [absent] * len(rows), [absent] * len(rows)
    levels, start = [], 0
    for level, group in groupby(rows, key=lambda row: row.level):
        members = list(group)
        stop = start + len(members)
        num_branches = sum(not row.is_helper for row in members) if stop < absent else 0
        children = None
        if level:
            pairs = [(*(child.number for child in row.children), absent)[:2] for row in members]
            children = torch.tensor(pairs, device=device).T.contiguous()
            for parent, (first, second) in enumerate(pairs, start):
                parents[first], siblings[first] = parent, second
                if second != absent:
                    parents[second], siblings[second] = parent, first
        levels.append(Level(start, start + num_branches, stop, children))
        start = stop
    return LevelSchedule(
        num_rows=len(rows),
        leaves=torch.tensor([row.leaf for row in rows if not row.children], device=device),
        branch_lengths=torch.tensor(
            [row.length for row in rows[:-1]], dtype=torch.float64, device=device
        ),
        levels=tuple(levels),
        parents=torch.tensor(parents[:-1], device=device, dtype=torch.long),
        siblings=torch.tensor(siblings[:-1], device=device, dtype=torch.long),
        most_children=most_children,
    )
