"""The function that keeps only its input gives the values and derivatives of the plain layers."""

import pytest
import torch
from torch import nn

from hf_genomics.models.phylogpn import symmetric_functions
from hf_genomics.models.phylogpn.reverse_complement import from_pairs, to_symmetric
from hf_genomics.models.phylogpn.symmetric_functions import (
    NormGeluConv,
    pieces,
)
from hf_genomics.models.phylogpn.symmetric_layers import (
    SymmetricConv1d,
    SymmetricNorm,
    gelu,
    norm_gelu_conv,
)

TOLERANCE = {
    torch.float64: {"rtol": 1e-11, "atol": 1e-11},
    torch.float32: {"rtol": 1e-4, "atol": 1e-5},
}
kernels = pytest.mark.parametrize(("kernel_size", "dilation"), [(1, 1), (3, 2), (5, 5)])
dtypes = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)


def layers(kernel_size=1, dilation=1, dtype=torch.float64, tied=False):
    norm = SymmetricNorm(8, eps=1e-3, tied=tied, over_positions=False)
    conv = SymmetricConv1d(8, 6, kernel_size, dilation)
    for parameter in (*norm.parameters(), *conv.parameters()):
        nn.init.normal_(parameter, std=0.7)
    return norm.to(dtype), conv.to(dtype)


def features(*shape, dtype=torch.float64):
    return [torch.randn(*shape, dtype=dtype, requires_grad=True) for _ in range(2)]


def value_and_gradients(function, norm, conv, s, a):
    y = function(norm, conv, s, a)
    leaves = [s, a, *norm.parameters(), *conv.parameters()]
    weights = [torch.linspace(-1, 1, part.numel()).view_as(part).to(part) for part in y]
    loss = sum((part * weight).sum() for part, weight in zip(y, weights, strict=True))
    return [*y, *torch.autograd.grad(loss, leaves)]


def plainly(norm, conv, s, a):
    return conv(*gelu(norm(s, a)))


@dtypes
@kernels
@pytest.mark.parametrize("tied", [True, False])
def test_values_and_gradients_are_those_of_the_plain_layers(dtype, kernel_size, dilation, tied):
    norm, conv = layers(kernel_size, dilation, dtype, tied)
    s, a = features(3, 33, 4, dtype=dtype)
    expected = value_and_gradients(plainly, norm, conv, s, a)
    found = value_and_gradients(norm_gelu_conv, norm, conv, s, a)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, **TOLERANCE[dtype])


@kernels
def test_bfloat16_is_as_near_to_the_truth_as_the_plain_layers(kernel_size, dilation):
    norm, conv = layers(kernel_size, dilation)
    s, a = features(3, 33, 4)
    truth = value_and_gradients(plainly, norm, conv, s, a)
    low = [x.detach().bfloat16().requires_grad_() for x in (s, a)]
    norm, conv = norm.bfloat16(), conv.bfloat16()
    errors = [
        [
            ((one.double() - other).norm() / other.norm()).item()
            for one, other in zip(value_and_gradients(way, norm, conv, *low), truth, strict=True)
        ]
        for way in (norm_gelu_conv, plainly)
    ]
    for found, plain in zip(*errors, strict=True):
        assert found < max(1.5 * plain, 0.02)


@pytest.mark.parametrize("numbers", [1, 40, 200, 10**6])
@kernels
def test_the_size_of_the_pieces_changes_nothing(numbers, kernel_size, dilation, monkeypatch):
    norm, conv = layers(kernel_size, dilation)
    s, a = features(3, 33, 4)
    expected = value_and_gradients(plainly, norm, conv, s, a)
    monkeypatch.setattr(symmetric_functions, "CPU_PIECE", numbers)
    found = value_and_gradients(norm_gelu_conv, norm, conv, s, a)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, **TOLERANCE[torch.float64])


@pytest.mark.parametrize("shape", [(1, 1), (1, 100), (7, 3), (3, 50), (20, 1), (2, 0), (0, 4)])
@pytest.mark.parametrize("width", [1, 10, 300])
def test_pieces_cover_every_row_once(shape, width, monkeypatch):
    monkeypatch.setattr(symmetric_functions, "CPU_PIECE", 100 // torch.get_num_threads())
    count = torch.zeros(shape)
    for here in pieces(torch.device("cpu"), shape, width):
        assert count[here].numel() <= max(1, 100 // width)
        count[here] += 1
    assert (count == 1).all()


@kernels
def test_derivatives_are_those_of_finite_differences(kernel_size, dilation):
    norm, conv = layers(kernel_size, dilation)
    s, a = features(2, 22, 4)
    inputs = [s, a, *norm.affine(), conv.symmetric.weight, conv.symmetric.bias]
    inputs += [conv.antisymmetric.weight]
    options = 1e-3, kernel_size, dilation, torch.float64
    assert torch.autograd.gradcheck(lambda *x: NormGeluConv.apply(*x, *options), inputs)


def test_no_gradient_is_made_for_what_is_frozen():
    norm, conv = layers()
    conv.symmetric.weight.requires_grad_(False)
    conv.symmetric.bias.requires_grad_(False)
    s, a = features(2, 5, 4)
    y = norm_gelu_conv(norm, conv, s, a)
    (y[0].sum() + y[1].sum()).backward()
    assert conv.symmetric.weight.grad is None
    assert conv.symmetric.bias.grad is None
    assert conv.antisymmetric.weight.grad.abs().sum() > 0
    assert s.grad.abs().sum() > 0


def test_second_derivatives_are_refused_not_wrong():
    norm, conv = layers()
    s, a = features(1, 5, 4)
    y = norm_gelu_conv(norm, conv, s, a)
    (ds,) = torch.autograd.grad(y[0].square().sum(), s, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        ds.sum().backward()


@kernels
def test_only_the_input_is_kept_for_the_backward_pass(kernel_size, dilation):
    norm, conv = layers(kernel_size, dilation, torch.float32)
    s, a = features(2, 50, 4, dtype=torch.float32)
    parameters = {p.untyped_storage().data_ptr() for p in (*norm.parameters(), *conv.parameters())}
    kept = {}

    def keep(tensor):
        if tensor.untyped_storage().data_ptr() not in parameters:
            kept[tensor.untyped_storage().data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        y = norm_gelu_conv(norm, conv, s, a)
    assert y[0].requires_grad
    assert sum(kept.values()) <= s.numel() + a.numel() + 2 * 8


def test_autocast_computes_products_in_bfloat16_and_norms_in_float32():
    norm, conv = layers(3, 1, torch.float32)
    s, a = features(2, 20, 4, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found = value_and_gradients(norm_gelu_conv, norm, conv, s, a)
        expected = value_and_gradients(plainly, norm, conv, s, a)
    assert found[0].dtype == found[1].dtype == torch.bfloat16
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=0.05, atol=0.05)


def test_autocast_leaves_float64_alone():
    norm, conv = layers()
    s, a = features(1, 5, 4)
    with torch.autocast("cpu", torch.bfloat16):
        y = norm_gelu_conv(norm, conv, s, a)
    torch.testing.assert_close(y, norm_gelu_conv(norm, conv, s, a), rtol=0, atol=0)


class Doubled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


def test_a_replaced_layer_is_called():
    """An adapter on one of the halves, which knows nothing of the function."""
    norm, conv = layers()
    s, a = features(1, 5, 4)
    before = norm_gelu_conv(norm, conv, s, a)
    doubled = Doubled(4, 3, bias=False).double()
    doubled.weight = conv.antisymmetric.weight
    conv.antisymmetric = doubled
    after = norm_gelu_conv(norm, conv, s, a)
    torch.testing.assert_close(after[0], before[0])
    torch.testing.assert_close(after[1], 2 * before[1])


@pytest.mark.parametrize("place", ["norm", "conv", "conv.symmetric", "conv.antisymmetric"])
@pytest.mark.parametrize(
    "kind", ["forward_hook", "forward_pre_hook", "full_backward_hook", "full_backward_pre_hook"]
)
def test_a_hook_is_called(place, kind):
    both = nn.ModuleDict(dict(zip(("norm", "conv"), layers(), strict=True)))
    inputs = features(1, 5, 4)
    plain = norm_gelu_conv(both.norm, both.conv, *inputs)
    seen = []
    handle = getattr(both.get_submodule(place), f"register_{kind}")(lambda *_: seen.append(1))
    y = norm_gelu_conv(both.norm, both.conv, *inputs)
    (y[0] + y[1]).sum().backward()
    assert seen == [1]
    torch.testing.assert_close(y, plain)
    handle.remove()
    again = norm_gelu_conv(both.norm, both.conv, *inputs)
    assert type(again[0].grad_fn).__name__ == "NormGeluConvBackward"


@pytest.mark.parametrize("place", ["norm", "conv", "conv.symmetric", "conv.antisymmetric"])
def test_a_forward_in_place_of_the_method_is_called(place):
    """As accelerate's hooks are, which fetch the weights."""
    both = nn.ModuleDict(dict(zip(("norm", "conv"), layers(), strict=True)))
    module = both.get_submodule(place)
    seen, forward = [], module.forward
    module.forward = lambda *inputs: seen.append(1) or forward(*inputs)
    norm_gelu_conv(both.norm, both.conv, *features(1, 5, 4))
    assert seen == [1]
    module.forward = forward
    y = norm_gelu_conv(both.norm, both.conv, *features(1, 5, 4))
    assert type(y[0].grad_fn).__name__ == "NormGeluConvBackward"


def test_a_wrapped_norm_is_called():
    norm, conv = layers()
    inputs = features(1, 5, 4)
    wrapped = nn.Sequential()
    wrapped.forward = lambda s, a, mask: 2 * norm(s, a, mask)
    expected = conv(*gelu(2 * norm(*inputs)))
    torch.testing.assert_close(norm_gelu_conv(wrapped, conv, *inputs), expected)


def test_the_layers_use_the_function_in_eager_mode():
    y = norm_gelu_conv(*layers(), *features(1, 5, 4))
    assert type(y[0].grad_fn).__name__ == "NormGeluConvBackward"


@pytest.mark.parametrize("masked", [False, True])
def test_a_group_norm_is_torchs_of_one_group(masked):
    x = 0.1 * torch.randn(2, 5, 6, dtype=torch.float64)
    norm = SymmetricNorm(6, eps=0.5, tied=False, over_positions=True).double()
    mask = torch.ones(2, 5) if masked else None
    found = from_pairs(norm(*to_symmetric(x).chunk(2, -1), mask))
    expected = nn.functional.group_norm(x.transpose(1, 2), 1, eps=0.5).transpose(1, 2)
    torch.testing.assert_close(found, expected)
