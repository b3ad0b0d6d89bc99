"""The channels-last layers are the convolutions they stand for; HRQ is its equations."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hf_genomics.models.vqdna.convolutional_blocks import (
    DepthwiseConv1d,
    NucleotideDeconv1d,
    OneHotConv1d,
    Stem,
)
from hf_genomics.models.vqdna.hierarchical_quantization import (
    HierarchicalQuantizer,
    code_counts,
    perplexity,
    usage,
)
from hf_genomics.models.vqdna.linear_layers import RowwiseLinear

WIDTHS = pytest.mark.parametrize("width", [1, 3, 7])
LENGTHS = pytest.mark.parametrize("length", [1, 2, 20])


@pytest.fixture(autouse=True)
def _float64():
    torch.set_default_dtype(torch.float64)


@WIDTHS
@LENGTHS
def test_depthwise_convolution(width, length):
    layer, x = DepthwiseConv1d(6, width), torch.randn(2, length, 6)
    expected = F.conv1d(
        x.transpose(1, 2), layer.weight, layer.bias, padding=width // 2, groups=6
    ).transpose(1, 2)
    found = layer(x)
    torch.testing.assert_close(found, expected)
    assert found.is_contiguous()


@WIDTHS
@LENGTHS
def test_convolution_of_one_hot_nucleotides(width, length):
    layer, x = OneHotConv1d(5, width), torch.randn(2, length, 4)
    expected = F.conv1d(x.transpose(1, 2), layer.weight, layer.bias, padding=width // 2)
    torch.testing.assert_close(layer(x), expected.transpose(1, 2))


@WIDTHS
@LENGTHS
def test_transposed_convolution_to_nucleotides(width, length):
    layer, x = NucleotideDeconv1d(5, width), torch.randn(2, length, 5)
    expected = F.conv_transpose1d(x.transpose(1, 2), layer.weight, layer.bias, padding=width // 2)
    torch.testing.assert_close(layer(x), expected.transpose(1, 2))


@pytest.mark.parametrize("ratio", [2, 4])
def test_the_linear_layer_of_a_stem_is_a_strided_convolution(ratio):
    stem, x = Stem(5, 6, 3, ratio, 1e-6), torch.randn(2, 8, 4)
    h = F.gelu(stem.norm(stem.conv(x))).transpose(1, 2)
    kernel = stem.projection.weight.unflatten(1, (ratio, 5)).transpose(1, 2)
    expected = F.conv1d(h, kernel, stem.projection.bias, stride=ratio).transpose(1, 2)
    ones = torch.ones(2, 8, 1), torch.ones(2, 8 // ratio, 1)
    torch.testing.assert_close(stem(x, *ones), expected)


FLOAT32 = {"rtol": 1e-5, "atol": 1e-5}


@pytest.mark.parametrize("shape", [(1, 5), (0, 5), (37, 5), (3, 200, 5)], ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_a_rowwise_linear_layer_is_a_linear_layer(shape, bias):
    layer = RowwiseLinear(5, 7, bias=bias, dtype=torch.float32)
    x, dy = torch.randn(shape).float().requires_grad_(), torch.randn(*shape[:-1], 7).float()
    inputs = (x, *layer.parameters())
    expected = F.linear(x, layer.weight, layer.bias)
    found = layer(x)
    torch.testing.assert_close(found, expected, **FLOAT32)
    for one, other in zip(
        torch.autograd.grad(found, inputs, dy),
        torch.autograd.grad(expected, inputs, dy),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_a_rowwise_linear_layer_differentiates_what_is_asked_for():
    layer = RowwiseLinear(5, 7, dtype=torch.float32).requires_grad_(False)
    x = torch.randn(3, 5).float().requires_grad_()
    layer(x).sum().backward()
    torch.testing.assert_close(x.grad, layer.weight.sum(0).expand(3, 5), **FLOAT32)
    assert layer.weight.grad is None
    assert not layer(x.detach()).requires_grad


def test_a_rowwise_linear_layer_obeys_autocast():
    layer = RowwiseLinear(5, 7, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.randn(3, 5).float()).dtype == torch.bfloat16


class Rounding(nn.Module):
    """A codebook of the integers, with the straight-through gradient."""

    def forward(self, vectors, mask):
        rounded = vectors.round() * mask[..., None]
        codes = torch.where(mask, rounded[..., 0].long(), -1)
        loss = (vectors - rounded.detach()).square().mean()
        return type(
            "Output",
            (),
            {
                "quantized": vectors + (rounded - vectors).detach(),
                "codes": codes,
                "commitment_loss": loss,
            },
        )

    def lookup(self, codes):
        return codes.clamp_min(0)[..., None].double()


def rounding(levels, rule="paper"):
    return HierarchicalQuantizer([Rounding() for _ in range(levels)], rule)


def features(*values):
    return [torch.tensor(value).view(1, 1, 1).requires_grad_() for value in values]


EVERYWHERE = torch.ones(1, 1, dtype=torch.bool)


def test_two_levels_worked_by_hand():
    """Z = 3.3, 4.4: e_1 = 3; H_2 = 8.8 - 3 = 5.8, e_2 = 6; mean 4.5."""
    z = features(3.3, 4.4)
    output = rounding(2)(z, EVERYWHERE)
    assert output.codes.tolist() == [[[3], [6]]]
    assert output.quantized.item() == pytest.approx(4.5)
    assert [h.item() for h in output.latents] == pytest.approx([3.3, 5.8])
    assert output.commitment_loss.item() == pytest.approx(0.3**2 + 0.2**2)


def test_a_third_level_by_either_rule():
    """Paper: H_3 = 2 * 7.3 - 6; mean: H_3 = 3 * 7.3 - (3 + 6)."""
    for rule, latent, code in (("paper", 8.6, 9), ("mean", 12.9, 13)):
        output = rounding(3, rule)(features(3.3, 4.4, 7.3), EVERYWHERE)
        assert output.latents[2].item() == pytest.approx(latent)
        assert output.codes[0, 2].item() == code
        assert output.quantized.item() == pytest.approx((3 + 6 + code) / 3)


def test_the_rules_agree_for_two_levels():
    z = [torch.randn(2, 5, 3) for _ in range(2)]
    mask = torch.ones(2, 5, dtype=torch.bool)
    paper, mean = rounding(2)(z, mask), rounding(2, "mean")(z, mask)
    assert torch.equal(paper.quantized, mean.quantized)


def test_under_the_mean_rule_all_levels_average_to_the_last_feature():
    z = [torch.randn(2, 5, 3) for _ in range(4)]
    output = rounding(4, "mean")(z, torch.ones(2, 5, dtype=torch.bool))
    torch.testing.assert_close(output.quantized, z[-1], atol=0.5 / 4 + 1e-12, rtol=0)


def test_no_gradient_goes_through_the_vector_that_is_subtracted():
    z = features(3.3, 4.4)
    rounding(2)(z, EVERYWHERE).quantized.sum().backward()
    # (e_1 + e_2) / 2 with de_1/dZ_1 = 1, de_2/dZ_2 = 2, and none from level 2 to Z_1
    assert [h.grad.item() for h in z] == [0.5, 1.0]


def test_unquantized_levels_average_to_the_last_feature():
    z = features(3.3, 4.4)
    output = rounding(2)(z, EVERYWHERE, quantize=False)
    assert output.quantized.item() == pytest.approx(4.4)
    assert (output.codes == -1).all()
    assert output.commitment_loss == 0


def test_fewer_features_are_fewer_levels():
    output = rounding(3)(features(3.3), EVERYWHERE)
    assert output.quantized.item() == pytest.approx(3)
    assert output.codes.shape == (1, 1, 1)


def test_looking_up_codes_gives_what_quantizing_gave():
    z = [torch.rand(2, 5, 1) * 9 + 5 for _ in range(3)]
    quantizer = rounding(3, "mean")
    output = quantizer(z, torch.ones(2, 5, dtype=torch.bool))
    torch.testing.assert_close(quantizer.lookup(output.codes), output.quantized)


def test_counts_and_perplexity():
    codes = torch.tensor([[0, 0, 2, -1], [2, -1, -1, -1]])
    counts = code_counts(codes, 4)
    assert counts.tolist() == [2, 0, 2, 0]
    assert perplexity(counts).item() == pytest.approx(2)
    assert perplexity(torch.zeros(4, dtype=torch.long)).item() == 0
    assert perplexity(torch.ones(7, dtype=torch.long)).item() == pytest.approx(7)


def test_usage_of_two_levels():
    codes = torch.tensor([[[0, 1, 2, 3], [5, 5, 5, -1]]])
    coarse, fine = usage(codes, [4, 8])
    assert coarse.active_percent == 100
    assert coarse.perplexity == pytest.approx(4)
    assert fine.active_percent == 12.5
    assert fine.perplexity == pytest.approx(1)
    assert fine.counts.tolist() == [0, 0, 0, 0, 0, 3, 0, 0]
