"""The conditions of examples/simulator_study.py, by name: arguments of the simulator.

Three families. `clade`: which clade a sequence is of, where validation and test are subtrees that
training never saw. `tips`: which of eight ancestors a sequence descends from, far along a branch
of its own, for four shapes of the tree above the eight. `control`: conditions without a tree behind
the labels, or with nothing to learn.
"""

from __future__ import annotations

from typing import Any

Condition = dict[str, Any]


def clade(tree: str, num_leaves: int, depth: int, height: float) -> Condition:
    """Clades cut `depth` branches below the root of a tree of this height, split by subtree."""
    return {
        "condition": "clade",
        "tree": tree,
        "num_leaves": num_leaves,
        "clade_depth": depth,
        "height": height,
        "split": "subtree",
    }


def tips(tree: str, depth: int) -> Condition:
    """Eight tips, each a class; from there to a sequence lies one substitution per site."""
    return {
        "condition": "clade",
        "tree": tree,
        "num_leaves": 8,
        "clade_depth": depth,  # as deep as the tips, or deeper
        "height": 0.5,
        "individual_branch_length": 1.0,
        "split": "random",
    }


# In Yule trees a clade near the root may be of few tips; of 512 every class has enough for a split.
GRID: dict[str, Condition] = {
    **{
        f"clade, balanced, depth {depth}, height {height:g}": clade("balanced", 64, depth, height)
        for depth in (1, 2, 3)
        for height in (0.5, 1.0, 2.0)
    },
    **{
        f"clade, yule, depth {depth}, height {height:g}": clade("yule", 512, depth, height)
        for depth in (1, 2)
        for height in (2.0, 4.0)
    },
    "tips, balanced": tips("balanced", 3),
    "tips, yule": tips("yule", 7),
    "tips, caterpillar": tips("caterpillar", 7),
    "tips, star": tips("star", 1),
    "control, motif": {"condition": "motif", "motif_length": 12},
    "control, decayed motif": clade("balanced", 64, 1, 2.0) | {"condition": "decayed-motif"},
    "control, transposon": clade("balanced", 64, 1, 0.5)
    | {"condition": "transposon", "element_length": 80},
    "control, permuted labels": clade("balanced", 64, 3, 1.0) | {"condition": "permuted"},
}

DRAWN = {
    "4 clades": clade("balanced", 64, 2, 0.5),
    "8 clades": clade("balanced", 64, 3, 0.5),
}
