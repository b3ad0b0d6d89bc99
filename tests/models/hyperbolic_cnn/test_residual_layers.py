"""What residual networks are made of: tangent norm, dilated convolution, parts, dropout."""

import geoopt
import pytest
import torch
from torch import nn

from hf_genomics.models.hyperbolic_cnn.euclidean_layers import (
    EuclideanBatchNorm,
    EuclideanConv1d,
    SameConv1d,
)
from hf_genomics.models.hyperbolic_cnn.lorentz import centroid
from hf_genomics.models.hyperbolic_cnn.lorentz_layers import LorentzConv1d
from hf_genomics.models.hyperbolic_cnn.pooling import HyperbolicCNNPooler, part_weights
from hf_genomics.models.hyperbolic_cnn.tangent_batch_norm import TangentBatchNorm
from tests.models.hyperbolic_cnn.tiny import RESIDUAL, random_ids, tiny_config, tiny_model

B, C, L = 3, 4, 7
CURVATURES = [0.5, 1.0, 9.0]
curvatures = pytest.mark.parametrize("k", CURVATURES)


def points(*shape):
    return torch.randn(*shape, dtype=torch.float64) * 0.8 + 0.3


def tensor(k):
    return torch.tensor(k, dtype=torch.float64)


def norm(cls, **options):
    module = cls(C, **options).double()
    for name, value in module.state_dict().items():
        value.uniform_(0.5, 1.5) if "var" in name or "weight" in name else value.normal_(std=0.3)
    return module


def length_mask(*lengths):
    return (torch.arange(L) < torch.tensor(lengths)[:, None]).double()[:, None]


# ---------------------------------------------------------------- tangent batch norm


@curvatures
@pytest.mark.parametrize("training", [True, False])
def test_tangent_norm_is_a_batch_norm_between_geoopts_maps_of_the_origin(k, training):
    module, y = norm(TangentBatchNorm).train(training), points(B, C, L)
    found, squared, statistics = module(y, tensor(k))

    lorentz = geoopt.Lorentz(k=tensor(k))
    time = (k + (y * y).sum(1, keepdim=True)).sqrt()
    tangent = lorentz.logmap0(torch.cat([time, y], 1).transpose(1, 2))[..., 1:].transpose(1, 2)
    twin = nn.BatchNorm1d(C).double().train(training)
    twin.load_state_dict(module.state_dict(), strict=False)
    v = twin(tangent).transpose(1, 2)
    v = torch.cat([torch.zeros_like(v[..., :1]), v], 2)
    expected = lorentz.expmap0(v)[..., 1:].transpose(1, 2).relu()

    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(squared, found.square().sum(1, keepdim=True))
    if training:
        module.update_running_statistics_(*statistics, tensor(k))
        torch.testing.assert_close(module.running_mean, twin.running_mean, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(module.running_var, twin.running_var, rtol=1e-8, atol=1e-8)
    else:
        assert statistics is None


def test_tangent_norm_becomes_the_euclidean_one_as_k_grows():
    y, mask, residual = points(B, C, L), length_mask(7, 4, 1), points(B, C, L)
    module = norm(TangentBatchNorm)
    flat = EuclideanBatchNorm(C).double()
    flat.load_state_dict(module.state_dict())
    expected, *_ = flat(y, None, mask, residual)
    errors = [
        (module(y, tensor(k), mask, residual)[0] - expected).abs().max().item()
        for k in (1e2, 1e4, 1e6)
    ]
    assert errors[2] < 1e-5
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.1)  # of the order of 1 / k


@curvatures
def test_tangent_norm_has_the_gradients_of_finite_differences(k):
    module, mask = norm(TangentBatchNorm), length_mask(7, 4, 1)
    y, raw = points(B, C, L).requires_grad_(), tensor(k).requires_grad_()
    assert torch.autograd.gradcheck(lambda y, k: module(y, k, mask)[:2], (y, raw))


@pytest.mark.parametrize("value", [0.0, 1e-12, 1e12])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tangent_norm_is_finite_at_the_edges(value, dtype):
    module, k = norm(TangentBatchNorm).to(dtype), torch.ones((), dtype=dtype, requires_grad=True)
    y = torch.full((B, C, L), value, dtype=dtype, requires_grad=True)
    out, *_ = module(y, k)
    out.sum().backward()
    for found in (out, y.grad, k.grad, module.weight.grad, module.bias.grad):
        assert found.isfinite().all()


def test_tangent_norm_reaches_no_further_than_the_radius():
    module, k = norm(TangentBatchNorm, max_radius=2.0), tensor(1.0)
    module.weight.data.fill_(100.0)
    out, *_ = module(points(B, C, L), k)
    assert out.norm(dim=1).max() <= torch.sinh(tensor(2.0)) + 1e-9


def test_tangent_norm_without_a_curvature_is_refused():
    with pytest.raises(ValueError, match="needs the curvature k"):
        norm(TangentBatchNorm)(points(B, C, L))


# ---------------------------------------------------------------- dilation


@curvatures
@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_a_dilated_lorentz_convolution_is_a_linear_layer_on_every_dilated_window(k, dilation):
    conv = LorentzConv1d(C, 5, 3, dilation=dilation).double()
    nn.init.normal_(conv.time_weight)
    x = points(B, C, L)
    found = conv(x, (x * x).sum(1, keepdim=True), tensor(k))

    def at(position):
        return x[:, :, position] if 0 <= position < L else torch.zeros(B, C).double()

    for i in range(L):
        window = torch.stack([at(i + step * dilation) for step in (-1, 0, 1)], 2)  # (B, C, 3)
        time = (k + (window * window).sum((1, 2))).sqrt()
        expected = torch.einsum("bck,ock->bo", window, conv.space.weight) + conv.space.bias
        expected = expected + conv.time_weight * time[:, None]
        torch.testing.assert_close(found[:, :, i], expected, rtol=1e-10, atol=1e-10)


def test_a_dilated_euclidean_convolution_keeps_the_length():
    conv = EuclideanConv1d(C, 5, 7, dilation=4)
    assert conv(torch.randn(B, C, L)).shape == (B, 5, L)
    assert conv.padding == (12,)


def test_the_dilation_follows_from_the_padding_and_the_padding_from_the_dilation():
    """Adapters hand on the padding alone."""
    for dilation in (1, 2, 4):
        conv = SameConv1d(C, 5, 7, dilation=dilation)
        adapter = SameConv1d(C, 2, conv.kernel_size, conv.stride, conv.padding, bias=False)
        assert adapter.dilation == conv.dilation == (dilation,)
    assert SameConv1d(C, 5, 1).dilation == SameConv1d(C, 5, (1,), (1,)).dilation == (1,)


# ---------------------------------------------------------------- parts


def test_positions_are_dealt_to_parts_by_hand():
    """Seven bases in three parts: 0 1 2, 3 4, 5 6; four bases: 0 1, 2, 3; two: 0, 1, none..."""
    weights = part_weights(points(3, C, L), length_mask(7, 4, 2), 3)
    third, half = 1 / 3, 0.5
    expected = torch.zeros(3, L, 3).double()
    expected[0, :3, 0], expected[0, 3:5, 1], expected[0, 5:, 2] = third, half, half
    expected[1, :2, 0], expected[1, 2, 1], expected[1, 3, 2] = half, 1, 1
    expected[2, 0, 0], expected[2, 1, 1] = 1, 1
    torch.testing.assert_close(weights, expected)


@curvatures
@pytest.mark.parametrize("geometry", ["lorentz", "euclidean"])
def test_parts_are_the_centroids_of_their_positions(k, geometry):
    config = tiny_config(**RESIDUAL | {"geometry": geometry, "num_channels": C + 1})
    pooler = HyperbolicCNNPooler(config)
    x, mask, k = points(2, C, L).relu(), length_mask(7, 4), tensor(k)
    x = x * mask[:2]
    found = pooler(x, mask, k).unflatten(1, (C, 5))

    def middle(part):
        return centroid(part, k=k, dim=0, over=1) if geometry == "lorentz" else part.mean(1)

    for row, cuts in ((0, (0, 3, 5, 7)), (1, (0, 2, 3, 4))):
        parts = [x[row, :, a:b] for a, b in zip(cuts, cuts[1:], strict=False)]
        whole = x[row, :, : cuts[-1]]
        expected = [middle(whole), whole.amax(1), *(middle(part) / 3**0.5 for part in parts)]
        torch.testing.assert_close(found[row], torch.stack(expected, 1), rtol=1e-9, atol=1e-9)


def test_without_parts_the_centroid_and_the_maximum_are_left():
    fields = RESIDUAL | {"num_channels": C + 1}
    with_parts = HyperbolicCNNPooler(tiny_config(**fields))
    without = HyperbolicCNNPooler(tiny_config(**fields | {"num_parts": 0}))
    x, k = points(2, C, L).relu(), tensor(1.0)
    expected = with_parts(x, None, k).unflatten(1, (C, 5))[:, :, :2].flatten(1)
    torch.testing.assert_close(without(x, None, k), expected)


def test_padding_that_is_not_at_the_origin_is_no_maximum():
    """With mask_padding=False the blocks leave something there."""
    pooler = HyperbolicCNNPooler(tiny_config(**RESIDUAL | {"num_channels": C + 1}))
    x, mask, k = points(3, C, L).abs(), length_mask(7, 4, 2), tensor(1.0)
    torch.testing.assert_close(pooler(x, mask, k), pooler(x * mask, mask, k))


def test_a_part_without_a_position_is_the_origin():
    pooler = HyperbolicCNNPooler(tiny_config(**RESIDUAL | {"num_channels": C + 1}))
    pooled = pooler(points(1, C, 2).abs(), None, tensor(1.0)).unflatten(1, (C, 5))
    assert not pooled[0, :, 4].any()
    assert pooled[0, :, :4].all()


# ---------------------------------------------------------------- the network


def test_both_geometries_start_with_the_same_convolutions():
    weights = []
    for geometry, width in (("lorentz", 9), ("euclidean", 8)):
        torch.manual_seed(3)
        model = tiny_model_at_start(geometry=geometry, num_channels=width)
        weights.append([block.conv for block in model.model.blocks])
    for hyperbolic, flat in zip(*weights, strict=True):
        assert not hyperbolic.time_weight.any()
        assert not hyperbolic.space.bias.any()
        assert not flat.bias.any()
        spread = (2 / (8 * 3)) ** 0.5  # He et al.: sqrt(2 / inputs of a window)
        for weight in (hyperbolic.space.weight, flat.weight):
            assert weight.std().item() == pytest.approx(spread, rel=0.25)


def tiny_model_at_start(**fields):
    from hf_genomics import HyperbolicCNNForSequenceClassification

    return HyperbolicCNNForSequenceClassification(tiny_config(**RESIDUAL | fields))


@pytest.mark.parametrize("geometry", ["lorentz", "euclidean"])
def test_dropout_works_in_training_alone(geometry):
    model = tiny_model(geometry=geometry, **RESIDUAL, dropout=0.5)
    plain = tiny_model(geometry=geometry, **RESIDUAL)
    plain.load_state_dict(model.state_dict())
    ids = random_ids(14, 9)
    torch.testing.assert_close(model.eval()(ids).logits, plain.eval()(ids).logits)
    torch.manual_seed(0)
    first, second = (model.train()(ids).logits for _ in range(2))
    assert (first - second).abs().max() > 1e-3


@pytest.mark.parametrize("geometry", ["lorentz", "euclidean"])
def test_dropped_parts_are_those_of_whole_sequences_and_at_the_origin(geometry):
    pooler = HyperbolicCNNPooler(tiny_config(**RESIDUAL, geometry=geometry, parts_dropout=0.75))
    channels = 6 - int(geometry == "lorentz")
    x, k = torch.rand(400, channels, 9, dtype=torch.float64), torch.tensor(2.0).double()
    kept_whole = pooler.eval()(x, None, k).unflatten(1, (channels, 2 + 3))
    pooled = pooler.train()(x, None, k).unflatten(1, (channels, 2 + 3))
    motifs, parts = pooled[..., :2], pooled[..., 2:]
    assert motifs.equal(kept_whole[..., :2])
    dropped = parts.flatten(1).eq(0).all(1)
    torch.testing.assert_close(parts[~dropped], 4 * kept_whole[~dropped][..., 2:])
    assert 0.65 < dropped.double().mean() < 0.85  # 4.6 standard deviations


def test_the_stem_and_the_dilations_see_as_far_as_they_say():
    """Stem 5 and convolutions 3 with dilations 1, 2, 4 reach 2 + 1 + 2 + 4 = 9 bases."""
    model = tiny_model(**RESIDUAL, initial_curvature=4.0).eval()
    ids = random_ids(20)
    changed = ids.clone()
    changed[0, 0] = (ids[0, 0] + 1) % 4
    found, expected = (model.model(x).last_hidden_state[0] for x in (changed, ids))
    differs = (found - expected).abs().amax(1) > 1e-12
    assert differs[9]
    assert not differs[10:].any()
