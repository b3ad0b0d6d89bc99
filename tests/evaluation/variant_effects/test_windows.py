"""Chunks are as cheap as they can be, and batches hold everything once."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_genomics.evaluation.variant_effects.windows import MAX_CHUNK, STEP, Budget, plan_chunks


def cost(chunks, overhead):
    return sum(end - start + overhead for start, end in chunks)


def cheapest(positions, overhead):
    """The least cost over every way to cut the row of positions into chunks."""
    costs = []
    for cuts in product([False, True], repeat=len(positions) - 1):
        edges = [0, *(i + 1 for i, cut in enumerate(cuts) if cut), len(positions)]
        chunks = [(positions[a], positions[b - 1] + 1) for a, b in pairwise(edges)]
        costs.append(cost(chunks, overhead))
    return min(costs)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=8), st.integers(0, 12))
def test_no_other_chunks_are_cheaper(positions, overhead):
    sites = sorted(positions)
    chunks = plan_chunks(np.array(sites), overhead=overhead)
    assert cost(chunks, overhead) == cheapest(sites, overhead)


@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=60), st.integers(0, 40), st.integers(1, 50)
)
def test_every_position_is_in_one_chunk_and_none_is_too_long(positions, overhead, max_sites):
    sites = np.sort(np.array(positions))
    chunks = plan_chunks(sites, overhead=overhead, max_sites=max_sites)
    inside = (sites[:, None] >= chunks[:, 0]) & (sites[:, None] < chunks[:, 1])
    assert (inside.sum(1) == 1).all()
    assert (chunks[:, 1] - chunks[:, 0] <= max_sites).all()
    assert (chunks[1:, 0] >= chunks[:-1, 1]).all()


def test_near_sites_share_a_chunk_and_far_ones_do_not():
    chunks = plan_chunks(np.array([100, 300, 341, 1000]), overhead=240)
    assert chunks.tolist() == [[100, 342], [1000, 1001]]


def test_no_positions_are_no_chunks():
    assert plan_chunks(np.array([], np.int64), overhead=5).shape == (0, 2)


@given(
    st.lists(st.integers(1, 500), max_size=40),
    st.integers(0, 20),
    st.integers(1, 2000),
)
def test_batches_hold_every_chunk_once_within_their_bounds(sites, overhead, max_positions):
    budget = Budget(overhead, max_positions)
    sites = np.minimum(np.array(sites, np.int64), budget.max_sites)
    batches = list(budget.batches(sites))
    assert sorted(i for _, batch in batches for i in batch) == list(range(len(sites)))
    for size, batch in batches:
        assert size in budget.sizes
        assert (sites[batch] <= size).all()
        assert len(batch) == 1 or len(batch) * (size + overhead) <= max_positions


@given(st.integers(0, 300), st.integers(1, 5000))
def test_sizes_are_few_and_padding_to_them_is_little(overhead, max_positions):
    budget = Budget(overhead, max_positions)
    assert budget.sizes[0] == 1
    assert budget.max_sites <= max(1, max_positions - overhead)
    costs = budget.sizes + overhead
    assert (costs[1:] <= np.maximum(costs[:-1] * (1 + STEP), costs[:-1] + 1)).all()


def test_published_size_has_few_sizes_and_the_longest_chunk_is_one():
    budget = Budget(240, 64 * 241)
    assert len(budget.sizes) < 40
    assert budget.max_sites > 0.85 * MAX_CHUNK


@pytest.mark.parametrize(("max_positions", "sizes"), [(7, [1] * 7), (10, [1] * 7), (21, [3, 3, 1])])
def test_sites_alone_fill_their_batches(max_positions, sizes):
    batches = Budget(6, max_positions).batches(np.full(7, 1))
    assert [len(batch) for _, batch in batches] == sizes


@pytest.mark.parametrize(
    ("max_positions", "batches", "cost"),
    [
        (80, [(41, [1]), (41, [2]), (5, [0])], 41 + 41 + 5 + 3 * 10),
        # The 5 would be padded by 36, which is more than the 12.5 of a call.
        (100, [(41, [1, 2]), (5, [0])], 2 * 41 + 5 + 2 * 12.5),
        (400, [(41, [1, 2, 0])], 3 * 41 + 50),
    ],
)
def test_cost_counts_padding_and_calls(max_positions, batches, cost):
    budget = Budget(overhead=0, max_positions=max_positions)
    sites = np.array([5, 40, 38])
    assert [(size, batch.tolist()) for size, batch in budget.batches(sites)] == batches
    assert budget.cost(sites) == cost


def test_no_chunks_are_no_batches():
    assert list(Budget(3, 9).batches(np.array([], np.int64))) == []
