"""Delta-hyperbolicity: known spaces, a slow twin, and what it must not depend on."""

import itertools

import numpy as np
import pytest
import torch

from hf_genomics.evaluation.geometry import (
    CALIBRATION,
    DeltaDistribution,
    delta_distribution,
    hyperbolic_distances,
    max_min_product,
    plane_distances,
    sphere_distances,
    tree_distances,
)

CYCLE = np.array([[0, 1, 2, 1], [1, 0, 1, 2], [2, 1, 0, 1], [1, 2, 1, 0]])


def slow_deltas(d):
    """Every value, by the definition."""
    points = range(len(d))

    def product(x, y, w):
        return (d[x][w] + d[y][w] - d[x][y]) / 2

    return np.array(
        [
            max(min(product(x, z, w), product(z, y, w)) for z in points) - product(x, y, w)
            for w, x, y in itertools.product(points, repeat=3)
        ]
    )


def test_four_points_on_a_circle():
    # opposite corners seen from a third: (0 | 2)_1 = 0, and through 3 min((0|3)_1, (3|2)_1) = 1
    found = delta_distribution(CYCLE)
    assert found.diameter == 2
    assert found.largest == 1
    assert found.mean == pytest.approx(slow_deltas(CYCLE).mean())
    assert found.counts.sum() == 4**3
    assert found.counts[-1] == (slow_deltas(CYCLE) == 1).sum()


@pytest.mark.parametrize("space", CALIBRATION)
def test_it_equals_the_definition(space):
    d = CALIBRATION[space](9, 1)
    found, slow = delta_distribution(d), 2 * slow_deltas(d) / d.max()
    assert found.largest == pytest.approx(slow.max(), abs=1e-12)
    assert found.mean == pytest.approx(slow.mean(), abs=1e-12)
    for share in (0.5, 0.9):
        assert found.quantile(share) == pytest.approx(np.quantile(slow, share), abs=0.03)


@pytest.mark.parametrize("seed", range(3))
def test_a_tree_has_none(seed):
    assert delta_distribution(tree_distances(40, seed)).largest < 1e-12


def test_spaces_come_in_the_order_of_their_curvature():
    deltas = [delta_distribution(CALIBRATION[name](60, 0)).mean for name in CALIBRATION]
    assert deltas == sorted(deltas, reverse=True)
    assert deltas[0] > 0.15
    assert deltas[2] < 0.08


def test_points_that_reach_far_out_look_like_a_tree():
    means = [delta_distribution(hyperbolic_distances(50, 0, scale=s)).mean for s in (0.01, 1, 9)]
    assert means == sorted(means, reverse=True)
    flat = delta_distribution(plane_distances(50, 0)).mean
    assert means[0] == pytest.approx(flat, rel=1e-3)  # the same draws, nearly flat


@pytest.mark.parametrize("space", [sphere_distances, plane_distances, hyperbolic_distances])
@pytest.mark.parametrize("dim", [2, 5])
def test_distances_are_distances(space, dim):
    d = space(25, 3, dim)
    assert (d[~np.eye(25, dtype=bool)] > 0).all()
    np.testing.assert_allclose(d, d.T, atol=1e-12)
    assert (d[:, None, :] <= d[:, :, None] + d[None] + 1e-9).all()  # triangle inequality


@pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")  # geoopt's import
def test_hyperbolic_distances_are_geoopt_s():
    import geoopt

    tangents = 3.0 * np.random.default_rng(5).normal(size=(12, 2))
    manifold = geoopt.Lorentz(k=torch.tensor(1.0, dtype=torch.float64))
    origin = torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64)
    vectors = torch.cat([torch.zeros(12, 1, dtype=torch.float64), torch.tensor(tangents)], 1)
    points = manifold.expmap(origin, vectors)
    expected = manifold.dist(points[:, None], points[None]).numpy()
    off = ~np.eye(12, dtype=bool)
    np.testing.assert_allclose(hyperbolic_distances(12, 5)[off], expected[off], rtol=1e-5)


def test_scale_and_order_do_not_matter():
    d = plane_distances(20, 4)
    order = np.random.default_rng(0).permutation(20)
    first, second = delta_distribution(d), delta_distribution(7 * d[np.ix_(order, order)])
    assert second.largest == pytest.approx(first.largest)
    assert second.mean == pytest.approx(first.mean)


def test_the_given_matrix_stays():
    d = plane_distances(10, 4)
    before = d.copy()
    delta_distribution(d)
    np.testing.assert_array_equal(d, before)


def test_max_min_product():
    a = torch.tensor([[3.0, 1.0, 2.0], [1.0, 5.0, 0.0], [2.0, 0.0, 4.0]])
    expected = [[max(min(a[x, z], a[z, y]) for z in range(3)) for y in range(3)] for x in range(3)]
    assert max_min_product(a).tolist() == [[float(v) for v in row] for row in expected]


@pytest.mark.parametrize(
    ("d", "message"),
    [
        (np.zeros((3, 3)), "in one place"),
        (np.ones((2, 3)), "square matrix"),
        (np.zeros((1, 1)), "2 points or more"),
        (np.array([[0, 1], [2, 0]]), "symmetric"),
        (np.array([[1, 1], [1, 0]]), "0 from a point to itself"),
        (np.array([[0, -1], [-1, 0]]), "not negative"),
        (np.array([[0, np.nan], [np.nan, 0]]), "finite"),
    ],
)
def test_bad_distances(d, message):
    with pytest.raises(ValueError, match=message):
        delta_distribution(d)


def test_a_quantile_is_the_upper_end_of_its_thousandth():
    counts = np.zeros(1000, np.int64)
    counts[[0, 249, 999]] = 50, 40, 10
    found = DeltaDistribution(5, 1.0, 1.0, 0.2, counts)
    assert [found.quantile(share) for share in (0.5, 0.9, 0.99)] == [0.001, 0.25, 1.0]
