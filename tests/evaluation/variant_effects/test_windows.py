"""Chunks are as cheap as they can be, and batches hold everything once."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_genomics.evaluation.variant_effects.windows import batches_of, plan_chunks


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


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 120))
def test_batches_hold_every_window_once_within_their_bound(lengths, max_positions):
    lengths = np.array(lengths, np.int64)
    batches = list(batches_of(lengths, max_positions=max_positions))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= max_positions


@pytest.mark.parametrize("max_positions", [1, 10, 30])
def test_windows_of_one_length_fill_their_batches(max_positions):
    sizes = [len(batch) for batch in batches_of(np.full(7, 10), max_positions=max_positions)]
    assert sizes == {1: [1] * 7, 10: [1] * 7, 30: [3, 3, 1]}[max_positions]
