"""No NaN and no infinity, forward and backward, in every precision; and how exact each one is."""

import pytest
import torch

from tests.models.hyperbolic_cnn.tiny import RESIDUAL, random_ids, set_curvatures_, tiny_model
from tests.models.int8 import with_int8_weights

PER_BLOCK = [0.5, 2.0, 0.8, 1.6]

geometries = pytest.mark.parametrize("geometry", ["lorentz", "euclidean"])
heads = pytest.mark.parametrize("head", ["flatten", "centroid"])
networks = pytest.mark.parametrize(
    "network",
    [{"head": "flatten"}, {"head": "centroid"}, RESIDUAL],
    ids=["flatten", "centroid", "residual"],
)


def assert_all_finite(model, output):
    output.loss.backward()
    for tensor in (output.loss, output.logits, *output.hidden_states, *model.buffers()):
        assert tensor.isfinite().all()
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all(), name


def run(model, *lengths):
    ids = random_ids(*lengths)
    labels = torch.arange(len(lengths)) % 3
    return model(ids, labels=labels, output_hidden_states=True)


WEIGHTS = {
    "origin": 0.0,  # every point of the network is the origin
    "near_origin": 1e-8,
    "tiny": 1e-3,
    "large": 10.0,
    "huge": 1e4,  # the radius is clamped everywhere
}


@pytest.mark.parametrize("scale", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("k", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("training", [True, False])
@networks
def test_everything_is_finite_from_the_origin_to_the_clamp(scale, k, dtype, training, network):
    model = tiny_model(dtype, multi_curvature=True, initial_curvature=k, **network)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if any(part in name for part in (".conv.", ".linear.", ".stem.")):
                parameter.mul_(scale)
            elif name.endswith("beta"):
                parameter.mul_(min(scale, 1.0))
            elif name.endswith("gamma"):
                parameter.mul_(min(scale, 10.0))
    assert_all_finite(model, run(model.train(training), 14, 9, 1))


@pytest.mark.parametrize("k", [1e-2, 1.0, 64.0, 1e4])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("head", ["flatten", "centroid"])
def test_everything_is_finite_at_the_largest_radius(k, training, head):
    fields = {"max_radius": 20, "initial_curvature": k, "head": head}
    model = tiny_model(torch.float32, **fields)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("gamma"):
                parameter.fill_(1e9)  # the radius is clamped everywhere
    output = run(model.train(training), 14, 9, 5)
    assert output.hidden_states[1][..., 0].max() > 1e7 * k**0.5  # cosh(20) is 2.4e8
    assert_all_finite(model, output)


@pytest.mark.parametrize("offset", [10.0, 50.0, -50.0, 1000.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_everything_is_finite_for_any_offset_of_the_classifier(offset, dtype):
    model = tiny_model(dtype, initial_curvature=0.5)
    model.classifier.a.data.fill_(offset)
    output = run(model, 14, 9)
    assert output.logits.abs().max() > abs(offset) / 10
    assert_all_finite(model, output)


@pytest.mark.parametrize("training", [True, False])
def test_sequences_that_are_all_alike_have_no_spread_and_finite_gradients(training):
    model = tiny_model(torch.float32, initial_curvature=2.0).train(training)
    ids = torch.zeros(4, 20, dtype=torch.long)
    labels = torch.tensor([0, 1, 2, 0])
    assert_all_finite(model, model(ids, labels=labels, output_hidden_states=True))


@geometries
@heads
@pytest.mark.parametrize("training", [True, False])
def test_everything_is_finite_under_bfloat16_autocast(geometry, head, training):
    model = tiny_model(torch.float32, geometry=geometry, head=head, multi_curvature=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = run(model.train(training), 14, 9, 1)
    assert_all_finite(model, output)


@pytest.mark.parametrize("scale", [1e-8, 1e4])
def test_far_and_near_inputs_are_finite_under_bfloat16_autocast(scale):
    model = tiny_model(torch.float32, multi_curvature=True)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if any(part in name for part in (".conv.", ".linear.", ".stem.")):
                parameter.mul_(scale)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = run(model, 14, 9, 1)
    assert_all_finite(model, output)


@heads
def test_geometry_stays_in_float32_under_autocast(head):
    """Points are on their manifold to float32 rounding, and the convolution is in bfloat16."""
    model = tiny_model(torch.float32, multi_curvature=True, head=head)
    set_curvatures_(model, PER_BLOCK)
    seen = []
    conv = model.model.blocks[0].layers[0].conv.space
    conv.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    ids = random_ids(14, 9)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = model.model(ids, output_hidden_states=True)
        logits = model(ids).logits
    assert seen == [torch.bfloat16] * 2
    assert logits.dtype == torch.float32
    for i, state in enumerate((*output.hidden_states, output.pooler_output)):
        k = model.curvatures().double()[min(i, 3)]
        assert state.dtype == torch.float32
        x = state.double()
        inner = -x[..., 0].square() + x[..., 1:].square().sum(-1)
        error = (inner + k).abs() / x[..., 0].square()
        assert error.max() < 5e-7
    assert model.model.curvature.at(0).dtype == torch.float32


def test_parts_and_classifier_are_the_same_under_autocast():
    """What follows the convolutions and has none is not rounded to bfloat16 by autocast."""
    model = tiny_model(torch.float32, head="parts", num_parts=4, embedding_dim=None).eval()
    x, k = torch.rand(3, model.config.num_channels - 1, 9), torch.tensor(2.0)

    def logits():
        return model.classifier(model.model.pooler(x, None, k), k)

    expected = logits()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(logits(), expected)


def relative_difference(found, expected):
    """Root mean square of the difference over that of what is expected."""
    found, expected = found.double(), expected.double()
    return ((found - expected).square().mean() / expected.square().mean()).sqrt().item()


def logits_in(dtype, ids, autocast=None, training=False, **options):
    torch.manual_seed(3)
    model = tiny_model(torch.float64, **options).train(training)
    model = cast(model, dtype)
    with torch.autocast("cpu", dtype=autocast or torch.bfloat16, enabled=autocast is not None):
        return model(ids).logits


def cast(model, dtype):
    """What `from_pretrained(..., dtype=dtype)` makes: norms, curvatures, classifier in float32."""
    keep = model._keep_in_fp32_modules_strict if dtype == torch.bfloat16 else []
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        kept = any(part in name.split(".") for part in keep)
        tensor.data = tensor.data.to(torch.float32 if kept else dtype)
    return model


# measured on a CPU over all cases below: 1e-7 to 3e-6 in float32, 0.001 to 0.010 in bfloat16
PRECISIONS = {
    "float32": ({"dtype": torch.float32}, 1e-5),
    "bfloat16 autocast": ({"dtype": torch.float32, "autocast": torch.bfloat16}, 0.03),
    "bfloat16 weights": ({"dtype": torch.bfloat16}, 0.03),
}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("training", [True, False])
@geometries
@heads
def test_logits_of_every_precision_are_close_to_float64(precision, training, geometry, head):
    options, bound = PRECISIONS[precision]
    model = {"geometry": geometry, "head": head, "training": training, "num_channels": 8}
    ids = random_ids(*range(5, 21))
    exact = logits_in(torch.float64, ids, **model)
    found = logits_in(ids=ids, **options, **model)
    assert relative_difference(found, exact) < bound


@networks
def test_blocks_read_features_of_bfloat16(network):
    """FSDP with mixed precision casts what enters a block, and the curvature with it."""
    model = tiny_model(torch.float32, **network).eval()
    ids = random_ids(20, 20)
    expected = model(ids).logits

    def cast(block, inputs):
        return tuple(x if x is None else x.to(torch.bfloat16) for x in inputs)

    for block in model.model.blocks:
        block.register_forward_pre_hook(cast)
    logits = model(ids).logits
    torch.testing.assert_close(logits, expected, rtol=0.05, atol=0.05)
    assert not torch.equal(logits, expected)


@pytest.mark.parametrize("geometry", ["lorentz", "euclidean"])
def test_linear_layers_may_be_quantized(geometry):
    model = tiny_model(torch.float32, geometry=geometry, head="centroid").eval()
    ids = random_ids(20, 20)
    quantized = with_int8_weights(model)
    torch.testing.assert_close(quantized(ids).logits, model(ids).logits, rtol=0.05, atol=0.05)
