"""The geometry on space components against geoopt's full points, and its theorems."""

import math

import mpmath
import pytest
import torch

from hf_genomics.models.hyperbolic_cnn.lorentz import (
    add_time,
    asinh,
    boost_from_origin,
    boost_to_origin,
    centroid,
    change_curvature,
    distance0,
    expmap0,
    inner0,
    logmap0,
    normalize_time_like,
    safe_sqrt,
    sinh_cosh,
    squared_norm,
    time_component,
)
from tests.references import lorentz_layers as slow

CURVATURES = [0.5, 1.0, 2.0]
COUNT, N = 12, 5

curvatures = pytest.mark.parametrize("k", CURVATURES)
dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def scalar(k, dtype=torch.float64):
    return torch.tensor(k, dtype=dtype)


def points(radius=1.0, dtype=torch.float64):
    """Space components `(COUNT, N)`: random directions, distances to the origin around `radius`."""
    directions = torch.nn.functional.normalize(torch.randn(COUNT, N, dtype=dtype), dim=1)
    return directions * torch.sinh(radius * (0.5 + torch.rand(COUNT, 1, dtype=dtype)))


def tangent(v):
    """Space components of a tangent vector at the origin, with its time component 0."""
    return torch.cat([torch.zeros_like(v[..., :1]), v], -1)


def assert_close(found, expected, accuracy=1e-9):
    torch.testing.assert_close(found, expected, rtol=accuracy, atol=accuracy)


# ---------------------------------------------------------------- against geoopt


@curvatures
def test_points_with_time_added_are_on_the_hyperboloid(k):
    manifold = slow.lorentz(scalar(k))
    for radius in (1e-8, 1.0, 5.0):
        x = add_time(points(radius), k=scalar(k), dim=1)
        assert manifold.check_point_on_manifold(x, atol=1e-10 * x.square().max().item())
    assert_close(
        manifold.origin(N + 1).double(), add_time(torch.zeros(N).double(), k=scalar(k), dim=0)
    )


@curvatures
def test_maps_at_the_origin_are_those_of_geoopt(k):
    manifold, x = slow.lorentz(scalar(k)), points()
    full = add_time(x, k=scalar(k))
    assert_close(time_component(x, k=scalar(k)), full[:, :1])
    assert_close(distance0(x, k=scalar(k))[:, 0], manifold.dist0(full))
    assert_close(tangent(logmap0(x, k=scalar(k))), manifold.logmap0(full))
    assert_close(add_time(expmap0(x, k=scalar(k)), k=scalar(k)), manifold.expmap0(tangent(x)))


@curvatures
def test_inner_product_is_that_of_geoopt(k):
    x, y = points(), points(2.0)
    expected = slow.lorentz(scalar(k)).inner(
        None, add_time(x, k=scalar(k)), add_time(y, k=scalar(k)), keepdim=True
    )
    assert_close(inner0(x, y, k=scalar(k)), expected)
    assert_close(inner0(x, x, k=scalar(k)), -scalar(k).expand(COUNT, 1))


@curvatures
def test_boost_is_the_transported_logarithm(k):
    """log_o(boost(x)) = PT_{m -> o}(log_m(x)), and back: exp_m(PT_{o -> m}(log_o(z)))."""
    k = scalar(k)
    manifold, x, m = slow.lorentz(k), points(), points(2.0)
    X, M = add_time(x, k=k), add_time(m, k=k)
    z = boost_to_origin(x, m, k=k)

    assert_close(tangent(logmap0(z, k=k)), manifold.transp0back(M, manifold.logmap(M, X)))
    back = manifold.expmap(M, manifold.transp0(M, tangent(logmap0(z, k=k))))
    assert_close(back, X)
    assert_close(boost_from_origin(z, m, k=k), x)


@curvatures
def test_boost_is_an_isometry_that_takes_its_point_to_the_origin(k):
    k = scalar(k)
    x, y, m = points(), points(1.5), points(2.0)[:1]
    assert_close(boost_to_origin(m, m, k=k), torch.zeros_like(m))
    moved = [boost_to_origin(p, m, k=k) for p in (x, y)]
    assert_close(inner0(*moved, k=k), inner0(x, y, k=k))
    assert_close(
        distance0(moved[0], k=k)[:, 0], slow.lorentz(k).dist(*(add_time(p, k=k) for p in (x, m)))
    )


@curvatures
def test_change_of_curvature_is_expmap_of_logmap_and_keeps_distance_and_direction(k):
    k, x = scalar(k), points(2.0)
    for new_k in map(scalar, (0.3, 1.0, 4.0)):
        y = change_curvature(x, k=k, new_k=new_k)
        expected = slow.change_curvature(add_time(x, k=k), k, new_k)
        assert_close(add_time(y, k=new_k), expected)
        assert_close(distance0(y, k=new_k), distance0(x, k=k))
        unit = torch.nn.functional.normalize
        assert_close(unit(y, dim=1), unit(x, dim=1))
    assert_close(change_curvature(x, k=k, new_k=k), x)


@curvatures
def test_change_of_curvature_reaches_no_further_than_the_largest_radius(k):
    k, new_k = scalar(k), scalar(0.25)
    x = expmap0(points(20.0), k=k)
    y = change_curvature(x, k=k, new_k=new_k, max_radius=3.0)
    assert_close(distance0(y, k=new_k), torch.full((COUNT, 1), 1.5).double())


@curvatures
def test_exponential_map_clamps_the_radius_and_keeps_the_direction(k):
    k, v = scalar(k), points(3.0) * 40
    x = expmap0(v, k=k, max_radius=2.0)
    assert_close(distance0(x, k=k), (2.0 * k.sqrt()).expand(COUNT, 1))
    unit = torch.nn.functional.normalize
    assert_close(unit(x, dim=1), unit(v, dim=1))
    assert expmap0(v, k=k).abs().max() > x.abs().max()


# ---------------------------------------------------------------- theorems


@curvatures
@dtypes
@pytest.mark.parametrize("radius", [1e-10, 1e-3, 1.0, 8.0])
def test_exponential_and_logarithm_undo_each_other(k, dtype, radius):
    k = scalar(k, dtype)
    v = torch.nn.functional.normalize(torch.randn(COUNT, N, dtype=dtype), dim=1) * radius * k.sqrt()
    accuracy = {torch.float32: 2e-5, torch.float64: 1e-12}[dtype]
    torch.testing.assert_close(logmap0(expmap0(v, k=k), k=k), v, rtol=accuracy, atol=0)
    torch.testing.assert_close(expmap0(logmap0(v, k=k), k=k), v, rtol=accuracy, atol=0)


def test_maps_keep_the_origin_exactly():
    zero, k = torch.zeros(1, N), torch.tensor(2.0)
    for result in (
        expmap0(zero, k=k),
        logmap0(zero, k=k),
        boost_to_origin(zero, zero, k=k),
        change_curvature(zero, k=k, new_k=k / 2),
        centroid(zero[None], k=k, dim=2, over=1),
    ):
        assert not result.any()
    assert distance0(zero, k=k).item() < 1e-14


@curvatures
def test_centroid_is_the_normalised_sum_of_full_points(k):
    k, x = scalar(k), points()
    weights = torch.rand(COUNT, 1, dtype=torch.float64)
    rows = list(add_time(x, k=k))
    for given in (None, weights):
        expected = slow.centroid(rows, k, None if given is None else given[:, 0].tolist())
        found = centroid(x, given, k=k, dim=1, over=0)
        assert_close(found, expected[1:])


@curvatures
@dtypes
@pytest.mark.parametrize("radius", [0.0, 1e-6, 1.0, 5.0])
def test_centroid_of_equal_points_is_the_point(k, dtype, radius):
    k = scalar(k, dtype)
    direction = torch.nn.functional.normalize(torch.randn(1, N, dtype=dtype), dim=1)
    x = expmap0(direction * radius * k.sqrt(), k=k).expand(7, N)
    # -<a, a>_L = k is the difference of two squares of size k cosh(radius)^2
    rounding = 8 * torch.finfo(dtype).eps * math.cosh(radius) ** 2
    torch.testing.assert_close(centroid(x, k=k, dim=1, over=0), x[0], rtol=rounding, atol=1e-15)


@dtypes
def test_centroid_of_equal_far_points_stays_in_their_direction_and_no_further_out(dtype):
    """At radius 10 the time-like square is rounding alone in float32; it is held at k."""
    k = scalar(1.0, dtype)
    direction = torch.nn.functional.normalize(torch.randn(50, 1, N, dtype=dtype), dim=2)
    x = expmap0(direction * 10, k=k, dim=2).expand(50, 7, N)
    found = centroid(x, k=k, dim=2, over=1)
    torch.testing.assert_close(torch.nn.functional.normalize(found, dim=1), direction[:, 0])
    assert (found.norm(dim=1) <= x[:, 0].norm(dim=1) * (1 + 1e-5)).all()
    assert (found.norm(dim=1) >= x[:, 0].norm(dim=1) / 20).all()


@curvatures
def test_centroid_moves_with_an_isometry_and_does_not_depend_on_the_order(k):
    k, x, m = scalar(k), points(), points(1.5)[:1]
    c = centroid(x, k=k, dim=1, over=0)
    moved = centroid(boost_to_origin(x, m, k=k), k=k, dim=1, over=0)
    assert_close(moved, boost_to_origin(c[None], m, k=k)[0])
    assert_close(centroid(x.flip(0), k=k, dim=1, over=0), c)


@curvatures
def test_centroid_is_the_stationary_point_of_the_squared_lorentzian_distance(k):
    k, x = scalar(k), points()
    c = centroid(x, k=k, dim=1, over=0).requires_grad_()
    squared_distance = -2 * k - 2 * inner0(x, c[None], k=k)  # |x - c|_L^2, Law et al. 2019
    (gradient,) = torch.autograd.grad(squared_distance.mean(), c)
    assert_close(gradient, torch.zeros(N).double())


def test_points_of_weight_zero_do_not_enter_the_centroid():
    k, x = scalar(0.5), points()
    weights = torch.ones(COUNT, 1, dtype=torch.float64)
    weights[4:] = 0
    assert_close(
        centroid(x, weights, k=k, dim=1, over=0), centroid(x[:4], k=k, dim=1, over=0), 1e-13
    )


def test_weights_that_are_all_zero_are_equal_weights():
    k, x = scalar(0.5), points()
    zero = torch.zeros(COUNT, 1, dtype=torch.float64)
    assert_close(centroid(x, zero, k=k, dim=1, over=0), centroid(x, k=k, dim=1, over=0), 1e-13)


def test_normalising_keeps_a_point_and_brings_a_multiple_back():
    k, x = scalar(0.7), points()
    x0 = time_component(x, k=k)
    assert_close(normalize_time_like(x, x0, k=k), x)
    assert_close(normalize_time_like(3 * x, 3 * x0, k=k), x)


@pytest.mark.parametrize("k", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("radius", [12.0, 16.0, 20.0])
def test_points_whose_square_is_rounding_alone_stay_finite(k, radius):
    """In float32 `x_0^2 - |x_s|^2` may be -1e7 where k is meant: k is not lost beside it."""
    k = scalar(k, torch.float32).requires_grad_()
    direction = torch.nn.functional.normalize(torch.randn(400, N), dim=1)
    x = (direction * k.detach().sqrt() * math.sinh(radius)).requires_grad_()
    normalized = normalize_time_like(x, time_component(x, k=k), k=k)
    normalized.sum().backward()
    assert torch.isfinite(normalized).all()
    assert torch.isfinite(x.grad).all()
    assert torch.isfinite(k.grad)
    # no further out than it was, but for rounding, and in the same direction
    assert (normalized.norm(dim=1) <= x.norm(dim=1) * (1 + 1e-5)).all()
    assert_close(torch.nn.functional.normalize(normalized, dim=1), direction, 1e-5)


# ---------------------------------------------------------------- numerics


@dtypes
@pytest.mark.parametrize("where", [0.0, 1e-20, 1e-4, 1.0, 10.0])
def test_gradients_are_finite_from_the_origin_to_radius_10(where, dtype):
    k = torch.tensor(0.5, dtype=dtype, requires_grad=True)
    new_k = torch.tensor(2.0, dtype=dtype, requires_grad=True)
    v = torch.nn.functional.normalize(torch.randn(COUNT, N, dtype=dtype), dim=1)
    v = (v * where * k.detach().sqrt()).requires_grad_()
    x = expmap0(v, k=k)
    results = (
        x,
        logmap0(x, k=k),
        distance0(x, k=k),
        boost_to_origin(x, x[:1], k=k),
        boost_from_origin(x, x[:1], k=k),
        change_curvature(x, k=k, new_k=new_k),
        centroid(x, k=k, dim=1, over=0),
        centroid(x[:1].expand(3, N), k=k, dim=1, over=0),
    )
    for result in results:
        assert result.isfinite().all()
        gradients = torch.autograd.grad(result.sum(), [v, k], retain_graph=True)
        assert all(g.isfinite().all() for g in gradients)


@curvatures
def test_maps_have_slope_one_at_the_origin(k):
    zero = torch.zeros(N, dtype=torch.float64)
    for f in (expmap0, logmap0):
        jacobian = torch.autograd.functional.jacobian(lambda x, f=f: f(x, k=scalar(k), dim=0), zero)
        assert_close(jacobian, torch.eye(N).double(), 1e-12)


FUNCTIONS = {
    "expmap0": lambda x, y, k: expmap0(x, k=k),
    "clamped expmap0": lambda x, y, k: expmap0(x, k=k, max_radius=0.8),
    "logmap0": lambda x, y, k: logmap0(x, k=k),
    "distance0": lambda x, y, k: distance0(x, k=k),
    "boost_to_origin": lambda x, y, k: boost_to_origin(x, y, k=k),
    "change_curvature": lambda x, y, k: change_curvature(x, k=k, new_k=2 * k),
    "centroid": lambda x, y, k: centroid(x, y.square(), k=k, dim=1, over=0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_are_those_of_finite_differences(name):
    x, y = points()[:4].requires_grad_(), points()[:4].requires_grad_()
    k = scalar(1.3).requires_grad_()
    assert torch.autograd.gradcheck(lambda *inputs: FUNCTIONS[name](*inputs), (x, y, k))


@dtypes
def test_asinh_is_exact_for_every_size_of_argument(dtype):
    x = torch.logspace(-30, 18, 97, dtype=torch.float64).to(dtype)
    expected = torch.tensor([float(mpmath.asinh(v)) for v in x.tolist()], dtype=torch.float64)
    rounding = 4 * torch.finfo(dtype).eps
    torch.testing.assert_close(asinh(x).double(), expected, rtol=rounding, atol=0)
    assert asinh(torch.zeros(1, dtype=dtype)).item() == 0


@dtypes
def test_sinh_and_cosh_are_exact_for_every_radius(dtype):
    u = torch.logspace(-30, 1, 63, dtype=torch.float64).to(dtype)
    u = torch.cat([-u, u])
    sinh, cosh = sinh_cosh(u)
    with mpmath.workdps(50):
        expected = [
            [float(f(mpmath.mpf(v))) for v in u.tolist()] for f in (mpmath.sinh, mpmath.cosh)
        ]
    for found, values in zip((sinh, cosh), expected, strict=True):
        torch.testing.assert_close(
            found.double(),
            torch.tensor(values, dtype=torch.float64),
            rtol=8 * torch.finfo(dtype).eps,
            atol=0,
        )


@dtypes
def test_safe_square_root_is_the_square_root_with_a_finite_slope_at_zero(dtype):
    x = torch.tensor([0.0, 1e-28, 0.25, 4.0], dtype=dtype, requires_grad=True)
    root = safe_sqrt(x)
    torch.testing.assert_close(root[1:], x[1:].sqrt())
    assert 0 <= root[0] < 1e-14
    (slope,) = torch.autograd.grad(root.sum(), x)
    assert slope[0] == 0
    torch.testing.assert_close(slope[2:], 0.5 / x[2:].sqrt())


def test_squared_norm_keeps_its_dimension():
    x = torch.tensor([[[3.0], [4.0]]])
    assert torch.equal(squared_norm(x), torch.tensor([[[25.0]]]))
    assert squared_norm(x, dim=0).shape == (1, 2, 1)


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_every_map_works_along_any_dimension(dim):
    k, x = scalar(0.5), points().reshape(COUNT, 1, N).expand(COUNT, 3, N)
    y = x.movedim(2, dim)
    for f in (expmap0, logmap0):
        assert torch.equal(f(y, k=k, dim=dim), f(x, k=k, dim=2).movedim(2, dim))
    moved = boost_to_origin(y, y, k=k, dim=dim)
    assert_close(moved, boost_to_origin(x, x, k=k, dim=2).movedim(2, dim), 1e-14)
