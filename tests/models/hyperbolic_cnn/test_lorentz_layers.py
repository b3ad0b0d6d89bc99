"""The Lorentz layers against slow twins on full points, and the properties they must have."""

import itertools
from typing import Any

import mpmath
import pytest
import torch

from hf_genomics.models.hyperbolic_cnn.lorentz import boost_to_origin, centroid, expmap0
from hf_genomics.models.hyperbolic_cnn.lorentz_batch_norm import LorentzBatchNorm
from hf_genomics.models.hyperbolic_cnn.lorentz_layers import (
    LorentzConv1d,
    LorentzLinear,
    LorentzMLR,
    asinh_exp,
)
from tests.references import lorentz_layers as slow

CURVATURES = [0.5, 1.0, 2.0]
B, C, L = 3, 4, 6
LENGTHS = [6, 4, 1]
EXACT: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-9}  # geoopt's arcosh costs some digits

curvatures = pytest.mark.parametrize("k", CURVATURES)


def curvature(k):
    return torch.tensor(k, dtype=torch.float64, requires_grad=True)


def points(*shape, scale=0.8, offset=0.3):
    """Space components, away from the origin."""
    return (torch.randn(*shape, dtype=torch.float64) * scale + offset).requires_grad_()


def length_mask(lengths=LENGTHS, size=L):
    mask = torch.arange(size) < torch.tensor(lengths)[:, None]
    return mask.double()[:, None]


def full(x, k):
    """Space components `(B, C, L)` to full points `(B, L, C + 1)`."""
    return slow.lift(x.transpose(1, 2), k)


def space(x):
    """Full points `(B, L, C + 1)` to space components `(B, C, L)`."""
    return x[..., 1:].transpose(1, 2)


def randomize(module, scale=0.4):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=scale)
    return module.double()


def assert_same_gradients(ours, theirs, inputs):
    """Both results have the same gradient with respect to every input, in a random direction."""
    direction = torch.randn_like(ours)
    found = torch.autograd.grad((ours * direction).sum(), inputs, retain_graph=True)
    expected = torch.autograd.grad((theirs * direction).sum(), inputs, retain_graph=True)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-8)


# ---------------------------------------------------------------- linear, convolution


@curvatures
def test_linear_layer_is_that_of_full_points(k):
    k = curvature(k)
    layer, x = randomize(LorentzLinear(C, 5)), points(B, C)
    weight = torch.cat([layer.time_weight[:, None], layer.space.weight], 1)
    expected = torch.stack([slow.linear(slow.lift(p, k), weight, layer.space.bias, k) for p in x])

    y = layer(x, k)

    torch.testing.assert_close(y, expected[:, 1:], **EXACT)
    assert_same_gradients(y, expected[:, 1:], [x, k, *layer.parameters()])


@curvatures
@pytest.mark.parametrize("kernel_size", [1, 3, 9])
def test_convolution_is_a_linear_layer_on_the_direct_concatenation_of_windows(k, kernel_size):
    k = curvature(k)
    layer, x = randomize(LorentzConv1d(C, 5, kernel_size)), points(B, C, L)
    # ours is (out, n, K), the twin's (out, K n) with a position's components together
    weight = layer.space.weight.transpose(1, 2).flatten(1)
    weight = torch.cat([layer.time_weight[:, None], weight], 1)
    expected = space(slow.conv(full(x, k), weight, layer.space.bias, k))

    y = layer(x, x.square().sum(1, keepdim=True), k)

    torch.testing.assert_close(y, expected, **EXACT)
    assert_same_gradients(y, expected, [x, k, *layer.parameters()])


# ---------------------------------------------------------------- batch norm


def batch_norm(training=True, max_radius=10.0, gamma=1.3):
    norm = LorentzBatchNorm(C, eps=1e-5, momentum=0.1, max_radius=max_radius).double()
    with torch.no_grad():
        norm.beta.copy_(torch.tensor([0.3, -0.2, 0.5, 0.1]))
        norm.gamma.fill_(gamma)
        norm.running_mean.copy_(torch.tensor([0.4, 0.1, -0.3, 0.2]))
        norm.running_var.fill_(1.7)
    return norm.train(training)


def statistics_of(norm, y, k, mask):
    """The mean and spread by which the twin normalises."""
    if norm.training:
        counted = torch.ones(B, 1, L) if mask is None else mask
        return slow.batch_mean_and_spread(full(y, k), k, counted[:, 0].bool().tolist())
    tangent = torch.cat([torch.zeros(1, dtype=torch.float64), norm.running_mean])
    return slow.expmap0(tangent, k, norm.max_radius), norm.running_var


def slow_batch_norm(norm, y, k, mask, residual):
    mean, spread = statistics_of(norm, y, k, mask)
    out = slow.batch_norm(
        full(y, k),
        k,
        mean=mean,
        spread=spread,
        beta=slow.lift(norm.beta, k),
        gamma=norm.gamma,
        eps=norm.eps,
        max_radius=norm.max_radius,
    )
    out = space(slow.relu(out, k, None if residual is None else full(residual, k)))
    return (out if mask is None else out * mask), mean, spread


BATCH_NORM_CASES = list(itertools.product([True, False], [True, False], [True, False]))


@curvatures
@pytest.mark.parametrize(("training", "masked", "with_residual"), BATCH_NORM_CASES)
@pytest.mark.parametrize("max_radius", [10.0, 1.0], ids=["free", "clamped"])
def test_batch_norm_is_log_transport_scale_transport_exp(
    k, training, masked, with_residual, max_radius
):
    k, y = curvature(k), points(B, C, L)
    norm = batch_norm(training, max_radius)
    mask = length_mask() if masked else None
    residual = points(B, C, L) if with_residual else None
    expected, mean, spread = slow_batch_norm(norm, y, k, mask, residual)

    out, squared, statistics = norm(y, k, mask, residual)

    torch.testing.assert_close(out, expected, **EXACT)
    torch.testing.assert_close(squared, expected.square().sum(1, keepdim=True), **EXACT)
    inputs = [y, k, norm.beta, norm.gamma] + ([residual] if with_residual else [])
    assert_same_gradients(out, expected, inputs)
    if training:
        torch.testing.assert_close(statistics[0], mean[1:], **EXACT)
        torch.testing.assert_close(statistics[1], spread[None], **EXACT)
    else:
        assert statistics is None


def test_the_clamped_case_above_really_clamps():
    k, y, norm = curvature(1.0), points(B, C, L), batch_norm(max_radius=1.0)
    free, *_ = batch_norm()(y, k)
    clamped, *_ = norm(y, k)
    assert not torch.allclose(free, clamped)


@pytest.mark.parametrize(("training", "masked", "with_residual"), BATCH_NORM_CASES)
@pytest.mark.parametrize("gamma", [1.3, -0.7])
def test_batch_norm_gradients_are_those_of_finite_differences(
    training, masked, with_residual, gamma
):
    norm = batch_norm(training, gamma=gamma)
    mask = length_mask() if masked else None

    def run(y, k, beta, gamma, residual):
        values = {"beta": beta, "gamma": gamma}
        return torch.func.functional_call(
            norm, values, (y, k, mask, residual if with_residual else None)
        )[0]

    inputs = [points(B, C, L), curvature(1.3), norm.beta, norm.gamma, points(B, C, L)]
    assert torch.autograd.gradcheck(run, inputs)


@curvatures
@pytest.mark.parametrize("masked", [False, True])
def test_running_statistics_are_a_weighted_centroid_and_average(k, masked):
    k, y, norm = torch.tensor(k, dtype=torch.float64), points(B, C, L), batch_norm()
    mean, spread = statistics_of(norm, y, k, length_mask() if masked else None)
    tangent = torch.cat([torch.zeros(1, dtype=torch.float64), norm.running_mean])
    old = slow.expmap0(tangent, k)
    expected = slow.running_statistics(old, norm.running_var, mean, spread, k, 0.1)

    *_, statistics = norm(y, k, length_mask() if masked else None)
    norm.update_running_statistics_(*statistics, k)

    torch.testing.assert_close(norm.running_mean, expected[0][1:], **EXACT)
    torch.testing.assert_close(norm.running_var, expected[1], **EXACT)


def test_running_statistics_settle_at_those_of_a_batch_that_repeats():
    k, y = torch.tensor(0.7, dtype=torch.float64), points(B, C, L).detach()
    norm = batch_norm()
    for _ in range(300):
        expected, _, statistics = norm(y, k)
        norm.update_running_statistics_(*statistics, k)

    torch.testing.assert_close(norm.eval()(y, k)[0], expected, rtol=1e-9, atol=1e-9)


def without_relu(norm, y, k, mask=None):
    """The batch norm alone: a large residual keeps the ReLU open and is taken off again."""
    residual = torch.full_like(y, 1000.0)
    return norm(y, k, mask, residual)[0] - 1000.0


@curvatures
def test_batch_norm_puts_points_at_mean_distance_gamma_from_beta(k):
    k, norm = torch.tensor(k, dtype=torch.float64), batch_norm()
    out = full(without_relu(norm, points(B, C, L), k), k)
    distances = slow.lorentz(k).dist(slow.lift(norm.beta, k), out)
    torch.testing.assert_close(distances.mean(), norm.gamma[0], rtol=1e-4, atol=0)


def pairwise_distances(x, k):
    flat = full(x, k).flatten(0, 1)
    return slow.lorentz(k).dist(flat[:, None], flat[None]) * (1 - torch.eye(len(flat)))


@curvatures
@pytest.mark.parametrize("masked", [False, True])
def test_moving_the_batch_by_an_isometry_only_turns_the_output_about_beta(k, masked):
    k, norm, mask = torch.tensor(k, dtype=torch.float64), batch_norm(), None
    if masked:
        mask = length_mask()
    y = points(B, C, L).detach()
    m = torch.tensor([0.7, -1.1, 0.4, 0.2], dtype=torch.float64)[None, :, None]
    moved = boost_to_origin(y, m, k=k)

    before, after = (without_relu(norm, x, k, mask) for x in (y, moved))

    if masked:  # only positions that count are normalised
        before, after = (
            before.transpose(1, 2)[mask[:, 0] > 0],
            after.transpose(1, 2)[mask[:, 0] > 0],
        )
        before, after = before.T[None], after.T[None]
    torch.testing.assert_close(
        pairwise_distances(before, k), pairwise_distances(after, k), rtol=1e-6, atol=1e-6
    )
    assert not torch.allclose(before, after, atol=1e-3)


@curvatures
def test_moving_the_batch_along_its_own_mean_changes_nothing(k):
    k, norm, y = torch.tensor(k, dtype=torch.float64), batch_norm(), points(B, C, L).detach()
    *_, (mean, _) = norm(y, k)
    moved = boost_to_origin(y, 0.6 * mean[None, :, None], k=k)
    torch.testing.assert_close(norm(moved, k)[0], norm(y, k)[0], rtol=1e-9, atol=1e-9)


def test_batch_norm_output_turns_with_its_input_when_beta_is_the_origin():
    k, norm, y = torch.tensor(2.0, dtype=torch.float64), batch_norm(), points(B, C, L).detach()
    norm.beta.data.zero_()
    rotation, _ = torch.linalg.qr(torch.randn(C, C, dtype=torch.float64))
    turned = torch.einsum("ij,bjl->bil", rotation, y)
    expected = torch.einsum("ij,bjl->bil", rotation, without_relu(norm, y, k))
    torch.testing.assert_close(without_relu(norm, turned, k), expected, rtol=1e-9, atol=1e-9)


def test_padding_of_any_content_and_amount_changes_nothing_in_batch_norm():
    k, mask, y = torch.tensor(1.5, dtype=torch.float64), length_mask(), points(B, C, L).detach()
    expected, _, statistics = batch_norm()(y, k, mask)
    garbage = torch.where(mask > 0, y, 7.0)
    wider = torch.nn.functional.pad(garbage, (0, 5), value=-3.0)
    out, _, found = batch_norm()(wider, k, torch.nn.functional.pad(mask, (0, 5)))

    torch.testing.assert_close(out[..., :L], expected, rtol=1e-12, atol=1e-12)
    assert not out[..., L:].any()
    assert not out[:, :, :L].masked_select(mask == 0).any()
    torch.testing.assert_close(found, statistics, rtol=1e-12, atol=1e-12)


def test_a_sequence_of_padding_alone_leaves_the_statistics_of_the_others():
    k, y = torch.tensor(1.5, dtype=torch.float64), points(B, C, L).detach()
    mask = length_mask([6, 4, 0])
    *_, with_empty = batch_norm()(y, k, mask)
    *_, without = batch_norm()(y[:2], k, mask[:2])
    torch.testing.assert_close(with_empty, without, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    "where", ["origin", "one_point", "tiny_spread", "far", "one_far_among_origins"]
)
def test_batch_norm_is_finite_on_degenerate_batches(where, masked, dtype):
    y = torch.zeros(B, C, L, dtype=dtype)
    if where == "one_point":
        y += 2.0
    elif where == "tiny_spread":
        y += 1.0 + 1e-6 * torch.randn_like(y)
    elif where == "far":
        y = 1e4 * torch.randn_like(y)
    elif where == "one_far_among_origins":
        y[0, 0, 0] = 1.1e4
    y.requires_grad_()
    k = torch.tensor(0.5, dtype=dtype, requires_grad=True)
    norm = batch_norm().to(dtype)

    out, squared, statistics = norm(y, k, length_mask().to(dtype) if masked else None)
    gradients = torch.autograd.grad(out.sum(), [y, k, norm.beta, norm.gamma])

    norm.update_running_statistics_(*statistics, k)
    for tensor in (out, squared, *gradients, *statistics, norm.running_mean, norm.running_var):
        assert tensor.isfinite().all()


@pytest.mark.parametrize("spread", [1.0, 1e-2, 1e-3])
def test_batch_norm_in_float32_keeps_its_digits_when_the_batch_is_close_together(spread):
    y = 0.5 + spread * torch.randn(B, C, L, dtype=torch.float64)
    k, exact, single = torch.tensor(1.0, dtype=torch.float64), batch_norm(), batch_norm().float()
    expected, *_ = exact(y.float().double(), k)
    found, *_ = single(y.float(), k.float())
    assert (found - expected).abs().max() / expected.abs().max() < 2e-6 / spread


# ---------------------------------------------------------------- multinomial logistic regression


def classifier(a, n=C, num_classes=None):
    layer = LorentzMLR(n, len(a)).double()
    with torch.no_grad():
        layer.a.copy_(torch.tensor(a, dtype=torch.float64))
        layer.z.normal_(std=0.6)
    return layer


@curvatures
def test_a_logit_is_the_scaled_signed_distance_to_a_hyperplane(k):
    k, x = curvature(k), points(B, C)
    layer = classifier([0.0, 0.7, -1.2, 2.0])
    expected = torch.stack(
        [
            torch.stack(
                [
                    slow.mlr_logit(slow.lift(p, k), a, z, k)
                    for a, z in zip(layer.a, layer.z, strict=True)
                ]
            )
            for p in x
        ]
    )

    logits = layer(x, k)

    torch.testing.assert_close(logits, expected, rtol=1e-7, atol=1e-7)
    assert_same_gradients(logits, expected, [x, k, layer.a, layer.z])


@curvatures
def test_a_point_on_the_hyperplane_has_logit_zero_and_a_step_along_z_its_length(k):
    """The geodesic from the origin along z meets the hyperplane at distance a, at a right angle."""
    k = torch.tensor(k, dtype=torch.float64)
    layer = classifier([0.4, -0.9])
    for i, a in enumerate(layer.a.tolist()):
        z = layer.z[i].detach()
        direction = z / z.norm()
        steps = torch.tensor([-1.3, 0.0, 0.5, 2.0], dtype=torch.float64)
        x = expmap0((a + steps)[:, None] * direction, k=k, dim=1)
        torch.testing.assert_close(layer(x, k)[:, i], steps * z.norm(), rtol=1e-9, atol=1e-9)


def exact_logit(x, a, z, k):
    """The formula of the paper in 200 digits."""
    with mpmath.workdps(200):
        s = mpmath.sqrt(mpmath.mpf(k))
        x, z, a = [mpmath.mpf(v) for v in x], [mpmath.mpf(v) for v in z], mpmath.mpf(a)
        x0 = mpmath.sqrt(mpmath.mpf(k) + sum(v * v for v in x))
        norm = mpmath.sqrt(sum(v * v for v in z))
        dot = sum(v * w for v, w in zip(x, z, strict=True))
        alpha = mpmath.cosh(a / s) * dot - mpmath.sinh(a / s) * norm * x0
        return float(s * norm * mpmath.asinh(alpha / (s * norm)))


@curvatures
@pytest.mark.parametrize("a", [0.0, 1e-6, 0.5, -9.0, 10.0, 50.0, -50.0, 500.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_logits_are_exact_for_any_offset(k, a, dtype):
    layer = classifier([a]).to(dtype)
    x = torch.cat([points(4, C).detach(), torch.zeros(1, C), 1e4 * torch.randn(2, C)]).to(dtype)
    expected = [exact_logit(p.tolist(), layer.a.item(), layer.z[0].tolist(), k) for p in x]

    logits = layer(x, torch.tensor(k, dtype=dtype))[:, 0]

    accuracy = {torch.float32: 2e-4, torch.float64: 1e-11}[dtype]
    scale = max(1.0, abs(a))
    torch.testing.assert_close(
        logits.double(),
        torch.tensor(expected, dtype=torch.float64),
        rtol=accuracy,
        atol=accuracy * scale,
    )


@curvatures
@pytest.mark.parametrize("a", [10.0, 50.0, -50.0])
def test_logits_with_large_offsets_have_the_right_gradients_in_float32(k, a):
    layer, x = classifier([a, -a / 2]), points(B, C).detach().requires_grad_()
    k = curvature(k)
    s, z_norm = k.sqrt(), layer.z.norm(dim=1)
    x0 = (k + x.square().sum(1, keepdim=True)).sqrt()
    alpha = (layer.a / s).cosh() * (x @ layer.z.T) - (layer.a / s).sinh() * z_norm * x0
    textbook = s * z_norm * (alpha / (s * z_norm)).asinh()
    expected = torch.autograd.grad(textbook.sum(), [x, k, layer.a, layer.z])

    single = classifier([a, -a / 2]).float()
    single.load_state_dict(layer.state_dict())
    x32, k32 = (t.detach().float().requires_grad_() for t in (x, k))
    logits = single(x32, k32)
    found = torch.autograd.grad(logits.sum(), [x32, k32, single.a, single.z])

    assert logits.dtype == torch.float32
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_class_without_direction_has_logit_zero_and_finite_gradients(dtype):
    layer = classifier([0.0, 3.0]).to(dtype)
    layer.z.data.zero_()
    x = points(B, C).detach().to(dtype).requires_grad_()
    logits = layer(x, torch.tensor(1.0, dtype=dtype))
    gradients = torch.autograd.grad(logits.sum(), [x, layer.a, layer.z])
    assert logits.abs().max() < 1e-15
    assert all(g.isfinite().all() for g in gradients)


def test_classifier_gradients_are_those_of_finite_differences():
    layer = classifier([0.0, 0.7, -1.2])

    def run(x, k, a, z):
        return torch.func.functional_call(layer, {"a": a, "z": z}, (x, k))

    assert torch.autograd.gradcheck(run, [points(B, C), curvature(0.7), layer.a, layer.z])


@pytest.mark.parametrize(("dtype", "accuracy"), [(torch.float32, 1e-6), (torch.float64, 1e-14)])
@pytest.mark.parametrize("sign", [1, -1])
def test_asinh_exp_is_right_on_both_sides_of_its_switch_and_across_it(dtype, accuracy, sign):
    switch = -0.5 * float(torch.tensor(torch.finfo(dtype).eps, dtype=torch.float64).log())
    for c in (0.0, 1.0, 5.0, 30.0, 100.0, 1000.0):
        # exp(c) |r| from far below to far above 1 / sqrt(eps)
        exponents = torch.tensor([-60, -2, -1e-3, 0, 1e-3, 2, 60], dtype=torch.float64)
        r = (switch + exponents - c).clamp(-60, 60).exp().to(dtype) * sign
        c_tensor = torch.tensor(c, dtype=dtype)
        r.requires_grad_()
        with mpmath.workdps(600):
            expected = [float(mpmath.asinh(mpmath.exp(c) * mpmath.mpf(v))) for v in r.tolist()]

        value = asinh_exp(r, c_tensor)
        (slope,) = torch.autograd.grad(value.sum(), r)

        torch.testing.assert_close(
            value.double(), torch.tensor(expected, dtype=torch.float64), rtol=accuracy * 4, atol=0
        )
        assert slope.isfinite().all()
        assert (slope >= 0).all()


def test_asinh_exp_at_zero_is_zero():
    assert asinh_exp(torch.zeros(1), torch.tensor(50.0)).item() == 0.0


def test_centroid_of_a_batch_norm_matches_the_public_function():
    """Sequences of equal length: the two stages are two calls of `lorentz.centroid`."""
    k, y = torch.tensor(0.5, dtype=torch.float64), points(B, C, L).detach()
    *_, (mean, _) = batch_norm()(y, k)
    expected = centroid(centroid(y, k=k, dim=1, over=2), k=k, dim=1, over=0)
    torch.testing.assert_close(mean, expected, rtol=1e-12, atol=1e-12)


def test_the_running_centroid_reaches_no_further_than_the_largest_radius():
    k, far = torch.tensor(1.0), torch.tensor([-3.0, 0.0])
    norm = LorentzBatchNorm(2, max_radius=1.0)
    torch.nn.init.zeros_(norm.beta)
    torch.nn.init.ones_(norm.gamma)
    norm.running_mean.copy_(far)
    mean = expmap0(far, k=k, dim=0, max_radius=1.0)
    norm.eval()
    at_mean = norm(mean[None, :, None], k)[0]
    torch.testing.assert_close(at_mean, torch.zeros(1, 2, 1), atol=1e-6, rtol=0)
    norm.update_running_statistics_(mean, torch.ones(1), k)
    torch.testing.assert_close(norm.running_mean, far / 3)
