"""Padding changes nothing: not the logits, not the gradients, not the running statistics."""

import pytest
import torch

from tests.models.hyperbolic_cnn.tiny import PAD, RESIDUAL, random_ids, tiny_model

TOLERANCE = 1e-10
SHOWN = ("geometry", "head", "reverse_complement", "batch_norm", "oriented_parts")

variants = pytest.mark.parametrize(
    "options",
    [
        {"geometry": geometry, "head": head, "reverse_complement": strands}
        for geometry in ("lorentz", "euclidean")
        for head in ("flatten", "centroid")
        for strands in (None, "average")
    ]
    + [
        {**RESIDUAL, "geometry": geometry, "batch_norm": norm, "reverse_complement": strands}
        for geometry, norm in (
            ("lorentz", "lorentz"),
            ("lorentz", "tangent"),
            ("euclidean", "lorentz"),
        )
        for strands in (None, "average")
    ]
    + [
        {**RESIDUAL, "geometry": geometry, "reverse_complement": "average", "oriented_parts": True}
        for geometry in ("lorentz", "euclidean")
    ],
    ids=lambda options: "-".join(str(options[name]) for name in options if name in SHOWN),
)


def assert_close(found, expected):
    torch.testing.assert_close(found, expected, rtol=TOLERANCE, atol=TOLERANCE)


@variants
def test_a_batch_gives_what_its_sequences_give_one_by_one(options):
    model = tiny_model(initial_curvature=0.7, **options).eval()
    ids = random_ids(20, 13, 7, 1)
    singly = [model(row[row != PAD][None]).logits for row in ids]
    assert_close(model(ids).logits, torch.cat(singly))


@variants
@pytest.mark.parametrize("training", [True, False])
def test_the_amount_of_padding_changes_nothing(options, training):
    ids, labels = random_ids(12, 9, 4), torch.tensor([0, 1, 2])
    results = []
    for width in (12, 15, 20):
        torch.manual_seed(0)
        model = tiny_model(multi_curvature=True, **options).train(training)
        padded = torch.nn.functional.pad(ids, (0, width - 12), value=PAD)
        output = model(padded, labels=labels)
        output.loss.backward()
        results.append((output.logits, model))
    for logits, model in results[1:]:
        assert_close(logits, results[0][0])
        for found, expected in zip(model.parameters(), results[0][1].parameters(), strict=True):
            assert_close(found.grad, expected.grad)
        for found, expected in zip(model.buffers(), results[0][1].buffers(), strict=True):
            assert_close(found, expected)


@variants
def test_padding_on_the_left_changes_nothing_or_is_refused(options):
    model = tiny_model(**options).eval()
    ids = random_ids(12, 9, 4)
    left = torch.stack([torch.cat([row[row == PAD], row[row != PAD]]) for row in ids])
    if options["head"] == "flatten":
        with pytest.raises(ValueError, match="padded on the left; pad on the right"):
            model(left)
    else:
        assert_close(model(left).logits, model(ids).logits)


@variants
def test_padding_stays_at_the_origin_after_every_block(options):
    model = tiny_model(**options).train()
    ids = random_ids(12, 5)
    for state in model(ids, output_hidden_states=True).hidden_states:
        space = state[..., 1:] if options["geometry"] == "lorentz" else state
        assert not space[1, 5:].any()
        assert space[0].abs().sum(1).min() > 0


@variants
def test_the_mask_is_derived_from_the_padding_token_or_given(options):
    model = tiny_model(**options).eval()
    ids = random_ids(12, 9, 4)
    mask = (ids != PAD).long()
    expected = model(ids).logits
    assert_close(model(ids, attention_mask=mask).logits, expected)
    assert_close(model(ids, attention_mask=mask.bool()).logits, expected)
    # what stands behind the mask does not matter
    hidden = torch.where(mask == 1, ids, 2)
    assert_close(model(hidden, attention_mask=mask).logits, expected)
    assert (model(hidden).logits - expected).abs().max() > 1e-3


def test_without_a_padding_token_only_the_given_mask_counts():
    model = tiny_model(pad_token_id=None).eval()
    ids = random_ids(12, 9)
    mask = (ids != PAD).long()
    assert (model(ids).logits - model(ids, attention_mask=mask).logits).abs().max() > 1e-4


@variants
@pytest.mark.parametrize("training", [True, False])
def test_a_sequence_of_padding_alone_is_finite_and_leaves_the_others_alone(options, training):
    ids, labels = random_ids(12, 9, 0), torch.tensor([0, 1, 2])
    assert (ids[2] == PAD).all()
    model = tiny_model(**options).train(training)
    output = model(ids, labels=labels, output_hidden_states=True)
    output.loss.backward()

    for tensor in (output.loss, output.logits, *output.hidden_states, *model.buffers()):
        assert tensor.isfinite().all()
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all(), name
    torch.manual_seed(1)
    model, same = (tiny_model(**options).train(training) for _ in range(2))
    same.load_state_dict(model.state_dict())
    assert_close(model(ids).logits[:2], same(ids[:2]).logits)
    for found, expected in zip(model.buffers(), same.buffers(), strict=True):
        assert_close(found, expected)


@variants
def test_other_special_tokens_stand_at_the_origin_but_count(options):
    """Id 6 is a mask token: not a base, and not padding."""
    model = tiny_model(**options).eval()
    ids = random_ids(12)
    masked = ids.clone()
    masked[0, 6:8] = 6
    states = model(masked, output_hidden_states=True).hidden_states
    embedded = states[0][..., 1:] if options["geometry"] == "lorentz" else states[0]
    assert not embedded[0, 6:8].any()
    assert (embedded[0].sum(1) == 1).sum() == 10
    assert states[1][0, 6:8].abs().sum() > 0
    assert (model(masked).logits - model(ids).logits).abs().max() > 1e-6


@pytest.mark.parametrize("geometry", ["lorentz", "euclidean"])
def test_without_mask_padding_the_flatten_head_still_does_not_see_how_much_is_padded(geometry):
    """As the official network: always `max_length` positions, padding convolved like any base."""
    first, second, masked = (
        tiny_model(geometry=geometry, mask_padding=option) for option in (False, False, True)
    )
    for model in (second, masked):
        model.load_state_dict(first.state_dict())
    ids = random_ids(12, 9)
    wide = torch.nn.functional.pad(ids, (0, 8), value=PAD)

    logits = first(ids).logits

    assert_close(second(wide).logits, logits)
    for found, expected in zip(second.buffers(), first.buffers(), strict=True):
        assert_close(found, expected)
    assert (masked(ids).logits - logits).abs().max() > 1e-4


def test_without_mask_padding_padded_positions_leave_the_origin():
    model = tiny_model(mask_padding=False).eval()
    states = model(random_ids(12, 5), output_hidden_states=True).hidden_states
    assert not states[0][1, 5:, 1:].any()
    assert states[1][1, 5:, 1:].any()


@pytest.mark.parametrize("strands", [None, "average"])
@pytest.mark.parametrize("geometry", ["lorentz", "euclidean"])
def test_without_mask_padding_the_features_are_those_of_the_given_positions(geometry, strands):
    """The flatten head fills up to `max_length`; nobody asked for features of what it fills in."""
    model = tiny_model(geometry=geometry, mask_padding=False, reverse_complement=strands).eval()
    ids = random_ids(12, 9)
    wide = torch.nn.functional.pad(ids, (0, 8), value=PAD)
    given, all_ = (model.model(x, output_hidden_states=True) for x in (ids, wide))
    for found, expected in zip(given.hidden_states, all_.hidden_states, strict=True):
        assert found.shape[:2] == (2, 12)
        assert_close(found, expected[:, :12])
    assert given.last_hidden_state.shape[:2] == (2, 12)


@pytest.mark.parametrize("geometry", ["lorentz", "euclidean"])
def test_without_mask_padding_the_pooled_positions_are_still_those_of_the_sequence(geometry):
    options = {"head": "centroid", "embedding_dim": None, "mask_padding": False}
    model = tiny_model(geometry=geometry, **options).eval()
    output = model.model(random_ids(12, 5))
    total = output.last_hidden_state[1, :5].sum(0)
    expected = total / 5
    if geometry == "lorentz":
        norm = (total[0].square() - total[1:].square().sum()).sqrt()
        expected = model.curvatures()[0].sqrt() * total / norm
    assert_close(output.pooler_output[1], expected)
