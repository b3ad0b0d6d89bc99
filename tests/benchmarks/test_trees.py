"""Trees: order, heights, counts, restriction and Newick."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_genomics.benchmarks.parameters import TreeShape
from hf_genomics.benchmarks.trees import (
    RootedTree,
    balanced_tree,
    birth_death_tree,
    caterpillar_tree,
    make_tree,
    star_tree,
    yule_tree,
)

BINARY = [TreeShape.YULE, TreeShape.BIRTH_DEATH, TreeShape.CATERPILLAR]


def leaf_distances(tree: RootedTree, leaves: np.ndarray) -> np.ndarray:
    """Path lengths between leaves, by walking to the root (slow and obvious)."""

    def ancestors(node: int) -> list[int]:
        path = [node]
        while tree.parents[path[-1]] >= 0:
            path.append(int(tree.parents[path[-1]]))
        return path

    distances = np.zeros((len(leaves), len(leaves)))
    for i, a in enumerate(leaves):
        above = ancestors(int(a))
        for j, b in enumerate(leaves):
            common = next(node for node in ancestors(int(b)) if node in above)
            distances[i, j] = tree.heights[a] + tree.heights[b] - 2 * tree.heights[common]
    return distances


@pytest.mark.parametrize("shape", list(TreeShape))
@pytest.mark.parametrize("num_leaves", [2, 8, 64])
def test_every_tip_is_at_height_one(shape, num_leaves):
    tree = make_tree(shape, num_leaves, np.random.default_rng(1))
    assert len(tree.leaves) == num_leaves
    np.testing.assert_allclose(tree.heights[tree.leaves], 1.0, atol=1e-12)
    assert (tree.branch_lengths[1:] > 0).all()


@settings(deadline=None)  # a shared machine pauses now and then
@given(num_leaves=st.integers(2, 60), seed=st.integers(0, 2**32), shape=st.sampled_from(BINARY))
def test_binary_shapes_have_two_children_everywhere(num_leaves, seed, shape):
    tree = make_tree(shape, num_leaves, np.random.default_rng(seed))
    assert tree.num_nodes == 2 * num_leaves - 1
    assert {len(children) for children in tree.children} <= {0, 2}
    assert tree.leaf_counts[0] == num_leaves


def test_balanced_tree_doubles_at_every_level():
    assert [len(level) for level in balanced_tree(16).levels] == [1, 2, 4, 8, 16]


def test_caterpillar_loses_one_tip_per_step():
    tree = caterpillar_tree(5)
    assert sorted(tree.depths[tree.leaves]) == [1, 2, 3, 4, 4]
    np.testing.assert_allclose(
        np.sort(tree.branch_lengths[tree.leaves]), [0.25, 0.25, 0.5, 0.75, 1]
    )


def test_star_has_no_inner_node():
    assert star_tree(7).depths.max() == 1


def test_yule_clade_sizes_below_the_root_are_uniform():
    # A classical property: the root splits n tips into (k, n - k) with equal chance for each k.
    rng = np.random.default_rng(0)
    repeats, num_leaves = 4000, 5
    left = [
        int(t.leaf_counts[t.children[0][0]]) for t in (yule_tree(5, rng) for _ in range(repeats))
    ]
    larger = np.bincount(np.maximum(left, num_leaves - np.array(left)), minlength=5)[3:]
    # (3, 2) and (4, 1): one half each; five standard errors.
    np.testing.assert_allclose(larger / repeats, 0.5, atol=5 * np.sqrt(0.25 / repeats))


def test_yule_split_ages_follow_the_known_means():
    # Unscaled, n tips wait 1/k for the next split while there are k lineages, so the ratio of
    # the second split's age to the root's is checked through a slow forward simulation.
    rng = np.random.default_rng(3)
    repeats, num_leaves = 3000, 6

    def forward() -> float:
        waits = [rng.exponential(1 / k) for k in range(2, num_leaves + 1)]
        return 1 - waits[0] / sum(waits)

    ours = np.array([1 - min(yule_tree(num_leaves, rng).heights[1:]) for _ in range(repeats)])
    theirs = np.array([forward() for _ in range(repeats)])
    error = np.sqrt((ours.var() + theirs.var()) / repeats)
    assert abs(ours.mean() - theirs.mean()) < 5 * error


def test_death_pulls_the_splits_towards_the_present():
    rng = np.random.default_rng(0)

    def mean_split_height(death_rate: float) -> float:
        trees = [birth_death_tree(20, rng, death_rate=death_rate) for _ in range(300)]
        return float(np.mean([np.delete(t.heights, t.leaves).mean() for t in trees]))

    assert mean_split_height(0.9) > mean_split_height(0.0) + 0.05


@settings(deadline=None)
@given(num_leaves=st.integers(3, 30), seed=st.integers(0, 2**32), data=st.data())
def test_restriction_keeps_distances_and_merges_single_children(num_leaves, seed, data):
    tree = yule_tree(num_leaves, np.random.default_rng(seed))
    picked = data.draw(st.lists(st.sampled_from(tree.leaves.tolist()), min_size=2, unique=True))
    small, leaves = tree.restricted_to(np.array(picked))
    assert sorted(small.leaves) == sorted(leaves)
    assert all(len(c) != 1 for c in small.children[1:])
    np.testing.assert_allclose(
        leaf_distances(small, leaves), leaf_distances(tree, np.array(picked)), atol=1e-12
    )


def test_newick_names_every_leaf_and_length():
    tree = RootedTree(np.array([-1, 0, 0, 1, 1]), np.array([0, 0.5, 1, 0.25, 0.125]))
    assert tree.to_newick({3: "a", 4: "b"}) == "((a:0.25,b:0.125):0.5,leaf_2:1);"


def test_newick_of_a_deep_ladder_needs_no_recursion():
    assert caterpillar_tree(5000).to_newick().count("(") == 4999


def test_added_leaves_hang_below_their_parents():
    tree, added = balanced_tree(4).with_leaves_added(np.array([3, 3, 5]), 0.125)
    assert tree.parents[added].tolist() == [3, 3, 5]
    np.testing.assert_allclose(tree.heights[added], 1.125)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: star_tree(1), "at least 2"),
        (lambda: balanced_tree(6), "power of two of leaves, not 6; try 4 or 8"),
        (
            lambda: birth_death_tree(5, np.random.default_rng(0), death_rate=1.0),
            "death_rate is 1.0",
        ),
        (lambda: RootedTree(np.array([-1, 0]), np.zeros(3)), "3 entries but the tree has 2 nodes"),
        (lambda: RootedTree(np.array([-1, 2, 0]), np.zeros(3)), "not in order"),
        (lambda: RootedTree(np.array([-1, 0]), np.array([0, -1.0])), "not negative"),
    ],
)
def test_impossible_trees_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_tree_restricted_to_one_side_of_the_root_keeps_the_root():
    tree = balanced_tree(8)
    pair = tree.leaves[:2]
    restricted, leaves = tree.restricted_to(pair)
    assert restricted.num_nodes == 4  # the root, what joins the pair, the pair
    assert restricted.branch_lengths[0] == 0
    np.testing.assert_allclose(restricted.heights[leaves], tree.heights[pair])
