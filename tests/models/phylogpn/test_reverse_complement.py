"""The symmetric basis: equivariant maps fall apart into halves, and nothing is lost."""

import pytest
import torch
import torch.nn.functional as F

from hf_genomics.models.phylogpn.reverse_complement import (
    fold_taps,
    from_pairs,
    from_symmetric,
    join_embedding,
    merge_bias,
    merge_weight,
    split_bias,
    split_embedding,
    split_weight,
    to_pairs,
    to_symmetric,
    unfold_taps_,
)

DOUBLE = {"dtype": torch.float64}
EXACT = {"rtol": 1e-12, "atol": 1e-12}
kernels = pytest.mark.parametrize(("kernel_size", "dilation"), [(1, 1), (3, 1), (5, 2), (7, 5)])
widths = pytest.mark.parametrize(("inputs", "outputs"), [(2, 2), (8, 2), (2, 6), (10, 8)])


def symmetrised(weight):
    return (weight + weight.flip(0, 1, 2)) / 2


@pytest.mark.parametrize("channels", [2, 4, 10])
def test_the_basis_is_orthonormal_and_its_own_way_back(channels):
    x = torch.randn(3, 5, channels, **DOUBLE)
    torch.testing.assert_close(from_symmetric(to_symmetric(x)), x, **EXACT)
    torch.testing.assert_close(to_symmetric(x).norm(dim=-1), x.norm(dim=-1), **EXACT)
    assert torch.equal(from_pairs(to_pairs(x)), x)


def test_exchanging_partners_keeps_s_and_changes_the_sign_of_a():
    x = torch.randn(7, 6, **DOUBLE)
    s, a = to_symmetric(x).chunk(2, -1)
    torch.testing.assert_close(to_symmetric(x.flip(-1)), torch.cat([s, -a], -1), **EXACT)


def test_the_basis_of_four_channels_by_hand():
    x = torch.tensor([1.0, 2.0, 3.0, 5.0], **DOUBLE)
    expected = torch.tensor([6.0, 5.0, -4.0, -1.0], **DOUBLE) / 2**0.5
    torch.testing.assert_close(to_symmetric(x), expected, **EXACT)
    assert to_pairs(x).tolist() == [1.0, 2.0, 5.0, 3.0]


@kernels
@widths
def test_folded_convolution_is_the_whole_one(kernel_size, dilation, inputs, outputs):
    weight = symmetrised(torch.randn(outputs, inputs, kernel_size, **DOUBLE))
    x = torch.randn(2, inputs, 41, **DOUBLE)
    expected = F.conv1d(x, weight, dilation=dilation).transpose(1, 2)

    s, a = to_symmetric(x.transpose(1, 2)).chunk(2, -1)
    features = fold_taps(s, a, kernel_size=kernel_size, dilation=dilation)
    halves = [f @ w.T for f, w in zip(features, split_weight(weight), strict=True)]

    torch.testing.assert_close(from_symmetric(torch.cat(halves, -1)), expected, **EXACT)


@kernels
@widths
def test_merging_is_the_inverse_of_splitting(kernel_size, dilation, inputs, outputs):
    weight = torch.randn(outputs, inputs, kernel_size, **DOUBLE)
    halves = split_weight(weight)
    merged = merge_weight(*halves, kernel_size=kernel_size)
    torch.testing.assert_close(merged, symmetrised(weight), **EXACT)
    for again, half in zip(split_weight(merged), halves, strict=True):
        torch.testing.assert_close(again, half, **EXACT)
    assert 2 * sum(half.numel() for half in halves) == weight.numel()


@kernels
def test_any_halves_make_an_equivariant_convolution(kernel_size, dilation):
    halves = (torch.randn(3, 4 * kernel_size, **DOUBLE) for _ in range(2))
    weight = merge_weight(*halves, kernel_size=kernel_size)
    assert torch.equal(weight, weight.flip(0, 1, 2))


def test_the_norm_of_one_tap_is_kept():
    """So weight decay and step sizes mean what they mean for the whole weight."""
    weight = symmetrised(torch.randn(8, 6, 1, **DOUBLE))
    squares = sum(half.square().sum() for half in split_weight(weight))
    torch.testing.assert_close(squares, weight.square().sum())


@kernels
def test_unfolding_is_the_transpose_of_folding(kernel_size, dilation):
    """<fold(x), y> = <x, unfold(y)>, which makes it the derivative."""
    s, a = (torch.randn(2, 40, 3, **DOUBLE) for _ in range(2))
    folded = fold_taps(s, a, kernel_size=kernel_size, dilation=dilation)
    y = tuple(torch.randn_like(half) for half in folded)
    ds, da = torch.zeros_like(s), torch.zeros_like(a)
    unfold_taps_(ds, da, y, kernel_size=kernel_size, dilation=dilation)
    left = sum((f * g).sum() for f, g in zip(folded, y, strict=True))
    torch.testing.assert_close((s * ds).sum() + (a * da).sum(), left, **EXACT)


def test_biases_are_symmetric_and_come_back():
    bias = torch.randn(10, **DOUBLE)
    merged = merge_bias(split_bias(bias))
    torch.testing.assert_close(merged, (bias + bias.flip(0)) / 2, **EXACT)
    torch.testing.assert_close(split_bias(merged), split_bias(bias), **EXACT)


def test_embeddings_of_partners_are_reversed():
    table = torch.randn(6, 8, **DOUBLE)
    table[5] = 0
    joined = from_symmetric(join_embedding(*split_embedding(table)))
    a, c, g, t, n, gap = joined
    torch.testing.assert_close(joined, (table + table[[3, 2, 1, 0, 4, 5]].flip(1)) / 2, **EXACT)
    for one, other in ((a, t), (c, g), (n, n)):
        torch.testing.assert_close(one, other.flip(0), **EXACT)
    assert not gap.any()
