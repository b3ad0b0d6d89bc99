"""The functions with derivatives by hand against the same formulas in ordinary autograd."""

import itertools

import pytest
import torch

from hf_genomics.models.hyperbolic_cnn import lorentz_functions
from hf_genomics.models.hyperbolic_cnn.lorentz_batch_norm import LorentzBatchNorm
from hf_genomics.models.hyperbolic_cnn.lorentz_functions import (
    AddRankOne,
    BatchNormReLU,
    batch_slices,
    cache_slices,
)
from hf_genomics.models.hyperbolic_cnn.tangent_batch_norm import TangentBatchNorm
from hf_genomics.models.hyperbolic_cnn.tangent_functions import TangentBatchNormReLU

CASES = list(itertools.product([True, False], repeat=3))
EPS = 1e-5
BY_HAND = {"lorentz": BatchNormReLU.apply, "tangent": TangentBatchNormReLU.apply}
FORMULA = {"lorentz": LorentzBatchNorm.formula, "tangent": TangentBatchNorm.formula}
of_either_norm = pytest.mark.parametrize("norm", BY_HAND)


def normal(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype).requires_grad_()


def inputs_of_batch_norm(
    norm, B, C, L, of_batch, masked, with_residual, gamma=1.3, dtype=torch.float64
):
    """Arguments of a batch norm's function; those that a layer learns from ask for a gradient."""
    mask = None
    if masked:
        lengths = torch.randint(1, L + 1, (B, 1, 1))
        mask = (torch.arange(L) < lengths).to(dtype)
    tangent = norm == "tangent"  # a scale for every channel; its running statistics are constants
    scales = torch.linspace(0.5, 1.5, C, dtype=dtype) if tangent else torch.ones(1, dtype=dtype)
    spreads = scales.flip(0)
    return [
        normal(B, C, L, dtype=dtype),
        torch.tensor(0.6, dtype=dtype, requires_grad=True),
        (gamma * scales).requires_grad_(),
        (0.4 * normal(C, dtype=dtype)).detach().requires_grad_(),
        None if of_batch else (0.4 * normal(C, dtype=dtype)).detach().requires_grad_(not tangent),
        None if of_batch else (1.7 * spreads).requires_grad_(not tangent),
        mask,
        normal(B, C, L, dtype=dtype) if with_residual else None,
    ]


def assert_same(norm, inputs, max_radius, accuracy=1e-11):
    results = []
    wanted = [t for t in inputs if t is not None and t.requires_grad]
    for function in (BY_HAND[norm], FORMULA[norm]):
        *found, mean, spread = function(*inputs, EPS, max_radius)  # x and |x|^2
        loss = sum((y.flatten() * torch.cos(torch.arange(y.numel()))).sum() for y in found)
        results.append((*found, mean, spread, torch.autograd.grad(loss, wanted)))
    for ours, plain in zip(results[0][:4], results[1][:4], strict=True):
        torch.testing.assert_close(ours, plain, rtol=accuracy, atol=accuracy)
    for ours, plain in zip(results[0][4], results[1][4], strict=True):
        scale = plain.abs().max().item()
        torch.testing.assert_close(ours, plain, rtol=accuracy, atol=accuracy * max(scale, 1))


@of_either_norm
@pytest.mark.parametrize(("of_batch", "masked", "with_residual"), CASES)
@pytest.mark.parametrize("max_radius", [10.0, 0.9], ids=["free", "clamped"])
@pytest.mark.parametrize("gamma", [1.3, -0.8])
def test_batch_norm_by_hand_is_the_formula(
    norm, of_batch, masked, with_residual, max_radius, gamma
):
    inputs = inputs_of_batch_norm(norm, 4, 5, 7, of_batch, masked, with_residual, gamma)
    assert_same(norm, inputs, max_radius)


@of_either_norm
@pytest.mark.parametrize(("of_batch", "masked", "with_residual"), CASES)
def test_batch_norm_in_several_slices_is_the_formula(
    norm, of_batch, masked, with_residual, monkeypatch
):
    """A batch larger than what is worked on at once, with a last slice that is not full."""
    for size in ("SLICE_ELEMENTS", "CACHE_ELEMENTS"):
        monkeypatch.setattr(lorentz_functions, size, 4 * 16 * 50)
    inputs = inputs_of_batch_norm(norm, 7, 16, 50, of_batch, masked, with_residual)
    for slices in (batch_slices(inputs[0]), cache_slices(inputs[0])):
        assert [len(inputs[0][part]) for part in slices] == [4, 3]
    assert_same(norm, inputs, 10.0, accuracy=1e-9)


@of_either_norm
@pytest.mark.parametrize(
    "asking", [["y"], ["beta"], ["gamma"], ["k"], ["residual"], ["y", "residual"], ["beta", "k"]]
)
def test_only_the_gradients_that_are_asked_for_are_needed(norm, asking):
    inputs = inputs_of_batch_norm(norm, 3, 4, 6, True, False, True)
    names = ["y", "k", "gamma", "beta", "mean", "spread", "mask", "residual"]
    for name, tensor in zip(names, inputs, strict=True):
        if tensor is not None:
            tensor.requires_grad_(name in asking)
    assert_same(norm, inputs, 10.0)


@of_either_norm
def test_batch_norm_does_not_change_what_it_is_given(norm):
    inputs = inputs_of_batch_norm(norm, 3, 4, 6, True, True, True)
    before = [None if t is None else t.detach().clone() for t in inputs]
    x, *_ = BY_HAND[norm](*inputs, EPS, 10.0)
    gradient = torch.randn_like(x)
    kept = gradient.clone()
    x.backward(gradient)
    assert torch.equal(gradient, kept)
    for tensor, copy in zip(inputs, before, strict=True):
        assert tensor is None or torch.equal(tensor, copy)


@of_either_norm
def test_a_gradient_may_be_taken_twice_when_the_graph_is_kept(norm):
    inputs = inputs_of_batch_norm(norm, 3, 4, 6, True, True, True)
    x, *_ = BY_HAND[norm](*inputs, EPS, 10.0)
    first, second = (
        torch.autograd.grad(x.sum(), [inputs[0], inputs[7]], retain_graph=True) for _ in range(2)
    )
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a, b)


@of_either_norm
def test_batch_norm_takes_tensors_that_are_not_contiguous(norm):
    inputs = inputs_of_batch_norm(norm, 3, 6, 6, True, False, True)
    plain, *_ = BY_HAND[norm](*inputs, EPS, 10.0)
    turned = list(inputs)
    for i in (0, 7):
        turned[i] = inputs[i].detach().transpose(1, 2).contiguous().transpose(1, 2).requires_grad_()
        assert not turned[i].is_contiguous()
    found, *_ = BY_HAND[norm](*turned, EPS, 10.0)
    torch.testing.assert_close(found, plain)
    assert_same(norm, turned, 10.0)


@of_either_norm
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [0.5, 0.0], ids=["a point", "the origin"])
def test_batch_norm_by_hand_is_finite_where_all_points_are_equal(norm, dtype, value):
    inputs = inputs_of_batch_norm(norm, 3, 4, 6, True, False, False, dtype=dtype)
    inputs[0] = torch.full((3, 4, 6), value, dtype=dtype, requires_grad=True)
    x, *_ = BY_HAND[norm](*inputs, EPS, 10.0)
    gradients = torch.autograd.grad(x.sum(), [t for t in inputs if t is not None])
    assert all(g.isfinite().all() for g in gradients)


@pytest.mark.parametrize("shape", [(3, 4, 6), (7, 16, 4000), (1, 1, 1)])
def test_adding_a_rank_one_term_by_hand_is_that_of_autograd(shape):
    y, w, t = normal(*shape), normal(shape[1]), normal(shape[0], 1, shape[2])
    out, plain = AddRankOne.apply(y, w, t), y + w[:, None] * t
    torch.testing.assert_close(out, plain)
    gradients = [torch.autograd.grad(result.sin().sum(), [y, w, t]) for result in (out, plain)]
    for ours, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, expected)
