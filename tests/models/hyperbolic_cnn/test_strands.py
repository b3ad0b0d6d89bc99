"""`reverse_complement="average"`: both strands of a sequence get the same answer."""

import pytest
import torch

from hf_genomics.models.hyperbolic_cnn.lorentz import centroid
from hf_genomics.models.hyperbolic_cnn.modeling_hyperbolic_cnn import reverse_complement
from tests.models.hyperbolic_cnn.tiny import PAD, RESIDUAL, random_ids, tiny_model

COMPLEMENT = torch.tensor([3, 2, 1, 0, 4])


def other_strand(ids):
    """The reverse complement of every row, padding kept on the right."""
    out = torch.full_like(ids, PAD)
    for row, result in zip(ids, out, strict=True):
        bases = row[row != PAD]
        result[: len(bases)] = COMPLEMENT[bases].flip(0)
    return out


variants = pytest.mark.parametrize(
    "options",
    [
        {"geometry": geometry, **network}
        for geometry in ("lorentz", "euclidean")
        for network in ({"head": "flatten"}, {"head": "centroid"}, RESIDUAL)
    ],
    ids=lambda options: f"{options['geometry']}-{options['head']}",
)


@variants
@pytest.mark.parametrize("training", [True, False])
def test_logits_of_both_strands_are_equal(options, training):
    model = tiny_model(reverse_complement="average", initial_curvature=0.6, **options)
    model.train(training)
    ids = random_ids(14, 9, 5, 1, pad_to=17)
    assert not torch.equal(ids, other_strand(ids))
    logits = [model(strand).logits for strand in (ids, other_strand(ids))]
    torch.testing.assert_close(*logits, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("geometry", ["lorentz", "euclidean"])
@pytest.mark.parametrize("embedding_dim", [None, 12])
def test_oriented_parts_are_those_of_the_given_strand_and_the_rest_is_of_both(
    geometry, embedding_dim
):
    fields = RESIDUAL | {"geometry": geometry, "reverse_complement": "average"}
    oriented = tiny_model(oriented_parts=True, **fields | {"embedding_dim": embedding_dim}).eval()
    ids = random_ids(14, 9)
    strands = (ids, other_strand(ids))
    first, second = (oriented(strand).logits for strand in strands)
    assert (first - second).abs().max() > 1e-3
    if embedding_dim is None:
        both, one = (
            tiny_model(**fields | options).eval() for options in ({}, {"reverse_complement": None})
        )
        for model in (both, one):
            model.load_state_dict(oriented.state_dict())
        found, average, given = (
            model.model(ids).pooler_output[:, int(geometry == "lorentz") :].unflatten(1, (-1, 5))
            for model in (oriented, both, one)
        )
        torch.testing.assert_close(found[:, :, 2:], given[:, :, 2:])
        if geometry == "euclidean":
            torch.testing.assert_close(found[:, :, :2], average[:, :, :2])


def test_motifs_of_oriented_parts_are_the_midpoint_of_those_of_the_strands():
    """Centroid and maximum are two points, each averaged by itself."""
    fields = RESIDUAL | {"initial_curvature": 2.0}
    oriented = tiny_model(oriented_parts=True, reverse_complement="average", **fields).eval()
    one = tiny_model(**fields).eval()
    one.load_state_dict(oriented.state_dict())
    ids, k = random_ids(14, 9), torch.tensor(2.0, dtype=torch.float64)

    def motifs(model, strand):
        return model.model(strand).pooler_output[:, 1:].unflatten(1, (-1, 5))[:, :, :2]

    ends = torch.stack([motifs(one, strand) for strand in (ids, other_strand(ids))])
    expected = centroid(ends, k=k, dim=2, over=0)
    torch.testing.assert_close(motifs(oriented, ids), expected)


@variants
def test_without_the_option_the_strands_differ(options):
    model = tiny_model(**options).eval()
    ids = random_ids(14, 9)
    assert (model(ids).logits - model(other_strand(ids)).logits).abs().max() > 1e-3


@variants
def test_hidden_states_are_those_of_the_given_strand(options):
    both = tiny_model(reverse_complement="average", **options).eval()
    one = tiny_model(**options).eval()
    one.load_state_dict(both.state_dict())
    ids = random_ids(14, 9)
    found, expected = (m.model(ids, output_hidden_states=True) for m in (both, one))
    torch.testing.assert_close(found.last_hidden_state, expected.last_hidden_state)
    assert found.pooler_output.shape == expected.pooler_output.shape
    for a, b in zip(found.hidden_states, expected.hidden_states, strict=True):
        torch.testing.assert_close(a, b)


def test_embedding_is_the_midpoint_of_those_of_the_strands():
    both = tiny_model(reverse_complement="average", initial_curvature=2.0).eval()
    one = tiny_model(initial_curvature=2.0).eval()
    one.load_state_dict(both.state_dict())
    ids = random_ids(14, 9)
    middle = both.model(ids).pooler_output
    ends = [one.model(strand).pooler_output for strand in (ids, other_strand(ids))]
    manifold = both.manifold()
    total = manifold.dist(*ends)
    for end in ends:
        torch.testing.assert_close(manifold.dist(middle, end), total / 2, rtol=1e-8, atol=1e-8)


def test_reverse_complement_of_features_by_hand():
    """ACG and padding: the other strand is CGT and padding."""
    eye = torch.eye(5)
    x = torch.stack([*eye[[0, 1, 2]], torch.zeros(5)], 1)[None]
    mask = torch.tensor([[[1.0, 1.0, 1.0, 0.0]]])
    expected = torch.stack([*eye[[1, 2, 3]], torch.zeros(5)], 1)[None]
    other, other_mask = reverse_complement(x, mask)
    assert torch.equal(other, expected)
    assert torch.equal(other_mask, mask)
    other, other_mask = reverse_complement(x[..., :3], None)
    assert torch.equal(other, expected[..., :3])
    assert other_mask is None


def test_reverse_complement_twice_is_the_sequence():
    ids = random_ids(14, 9, 0, 1)
    mask = (ids != PAD).double()[:, None]
    x = torch.nn.functional.one_hot(ids, 6)[..., :5].double().transpose(1, 2)
    assert torch.equal(reverse_complement(*reverse_complement(x, mask))[0], x)


MASKS = {
    "whole": ([1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]),
    "right": ([1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 0, 0]),
    "left": ([0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1]),
    "both": ([0, 1, 1, 1, 1, 0], [0, 1, 1, 1, 1, 0]),
    "inside": ([1, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 1]),
    "inside_and_left": ([0, 1, 0, 1, 1, 1], [0, 1, 1, 1, 0, 1]),
    "inside_and_right": ([1, 1, 0, 1, 0, 0], [1, 0, 1, 1, 0, 0]),
    "none": ([0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]),
}


@pytest.mark.parametrize(("mask", "expected"), MASKS.values(), ids=MASKS)
def test_the_mask_goes_with_the_bases_and_padding_stays(mask, expected):
    mask = torch.tensor([[mask]]).double()
    x = torch.arange(1.0, 31.0).double().reshape(1, 5, 6) * mask
    other, other_mask = reverse_complement(x, mask)
    assert other_mask.tolist() == [[expected]]
    assert torch.equal(other != 0, (other_mask != 0).expand_as(other))


@variants
def test_logits_of_both_strands_are_equal_with_masked_positions_inside(options):
    """The other strand's bases were mirrored, but not its mask."""
    model = tiny_model(reverse_complement="average", initial_curvature=0.6, **options).eval()
    ids = torch.randint(0, 5, (2, 8))
    mask = torch.tensor([[1, 0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 0, 1]])
    given = model(ids, attention_mask=mask).logits
    other = model(COMPLEMENT[ids].flip(1), attention_mask=mask.flip(1)).logits
    torch.testing.assert_close(given, other, rtol=1e-10, atol=1e-10)
    assert (given - model(ids).logits).abs().max() > 1e-4  # the mask is not without effect
