"""The public face of the model: shapes, strands, padding, losses, inputs, checkpointing."""

import re

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_genomics import (
    Phylogeny,
    PhyloGPNConfig,
    PhyloGPNForMaskedLM,
    PhyloGPNForSequenceClassification,
    PhyloGPNModel,
)
from hf_genomics.models.phylogpn.phylogenetic_likelihood import conditional_log_likelihood
from hf_genomics.models.phylogpn.reverse_complement import merge_weight
from hf_genomics.models.phylogpn.substitution_models import F81, HKY85, JC69
from tests.models.phylogpn.tiny import (
    LEAVES,
    PAD,
    TREE,
    random_ids,
    random_labels,
    randomize_,
    reverse_complement,
    tiny_config,
    tiny_model,
)

norms = pytest.mark.parametrize("norm", ["layer_norm", "group_norm"])
paddings = pytest.mark.parametrize("padding", ["valid", "same"])
CLASSIFIER = PhyloGPNForSequenceClassification
FLANK = 8  # of the tiny network
EXACT = {"rtol": 1e-10, "atol": 1e-10}

# ---------------------------------------------------------------- shapes


@norms
def test_valid_outputs_are_those_whose_window_is_in_the_input(norm):
    model = tiny_model(norm=norm)
    output = model(random_ids(30, 30), output_hidden_states=True)
    assert output.logits.shape == (2, 14, 4)
    assert output.last_hidden_state.shape == (2, 14, 12)
    assert output.loss is None
    lengths = [state.shape[1] for state in output.hidden_states]
    assert lengths == [30, 28, 22, 20, 14]
    assert all(state.shape[2] == 12 for state in output.hidden_states)
    assert model(random_ids(17)).logits.shape == (1, 1, 4)


@pytest.mark.parametrize("fill", [4, 5])
def test_same_outputs_are_valid_ones_of_the_filled_input(fill):
    valid, same = tiny_model(), tiny_model(token_padding="same", fill_token_id=fill)
    same.load_state_dict(valid.state_dict())
    ids = random_ids(20, 20)
    filled = F.pad(ids, (FLANK, FLANK), value=fill)
    found, expected = same(ids), valid(filled)
    assert found.logits.shape == (2, 20, 4)
    torch.testing.assert_close(found.logits, expected.logits, **EXACT)
    torch.testing.assert_close(found.last_hidden_state, expected.last_hidden_state, **EXACT)
    assert same(random_ids(1)).logits.shape == (1, 1, 4)


def test_the_four_bases_are_columns_of_the_log_rates():
    output = tiny_model()(random_ids(30))
    for column, base in enumerate("ACGT"):
        assert base in output
        assert torch.equal(output[base], output.logits[:, :, column])
        assert torch.equal(output.get(base), output[base])
    assert "N" not in output
    assert "hidden_states" not in output
    assert output.get("N", 7) == 7
    assert torch.equal(output["logits"], output.logits)
    assert torch.equal(output[0], output.last_hidden_state)
    with pytest.raises(KeyError):
        output["N"]


def test_outputs_are_a_tuple_on_request():
    model, ids = tiny_model(), random_ids(30)
    hidden, logits = model(ids, return_dict=False)
    assert torch.equal(logits, model(ids).logits)
    assert hidden.shape == (1, 14, 12)
    loss, *_ = model(ids, labels=random_labels(1, 14), return_dict=False)
    assert loss.shape == ()


def test_embeddings_are_the_last_hidden_state():
    model, ids = tiny_model(), random_ids(30, 30)
    for part in (model, model.model):
        assert torch.equal(part.get_embeddings(ids), model(ids).last_hidden_state)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_an_output_depends_on_its_window_and_nothing_else(padding):
    model = tiny_model(token_padding=padding).eval()
    ids = random_ids(40)
    start = 8 if padding == "same" else 0
    logits = model(ids).logits[0, start : start + 24]
    for i in (0, 11, 23):
        window = ids[:, i : i + 17]
        alone = model(window).logits[0, 8 if padding == "same" else 0]
        torch.testing.assert_close(logits[i], alone, **EXACT)
        outside = ids.clone()
        outside[:, :i] = outside[:, i + 17 :] = 2
        again = model(outside).logits[0, start + i]
        torch.testing.assert_close(again, logits[i], **EXACT)


# ---------------------------------------------------------------- strands


@settings(deadline=None, max_examples=25)
# A layer norm of two channels is the sign of their difference: rounding turns it over.
@given(
    outer=st.integers(3, 8),
    inner=st.integers(3, 8),
    stack=st.integers(1, 2),
    stacks=st.integers(1, 2),
    kernel=st.sampled_from([1, 3, 5]),
    norm=st.sampled_from(["layer_norm", "group_norm"]),
    padding=st.sampled_from(["valid", "same"]),
    scale=st.sampled_from([0.0, 0.3, 3.0]),
    seed=st.integers(0, 10**6),
)
def test_reverse_complement_commutes_with_the_model_whatever_its_weights(
    outer, inner, stack, stacks, kernel, norm, padding, scale, seed
):
    torch.manual_seed(seed)
    config = PhyloGPNConfig(
        outer_dim=2 * outer,
        inner_dim=2 * inner,
        stack_size=stack,
        num_stacks=stacks,
        kernel_size=kernel,
        norm=norm,
        token_padding=padding,
    )
    model = PhyloGPNModel(config).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(scale * torch.randn_like(parameter))
    ids = torch.randint(0, 7, (2, config.receptive_field + 5))
    given_strand, other = model(ids), model(reverse_complement(ids))
    torch.testing.assert_close(other.logits.flip(1, 2), given_strand.logits, **EXACT)
    torch.testing.assert_close(
        other.last_hidden_state.flip(1, 2), given_strand.last_hidden_state, **EXACT
    )


@norms
@paddings
def test_untied_norms_commute_only_when_strands_are_averaged(norm, padding):
    options = {"norm": norm, "token_padding": padding, "tie_norm_symmetry": False}
    model = tiny_model(**options)
    averaged = tiny_model(**options, reverse_complement="average")
    averaged.load_state_dict(model.state_dict())
    ids = random_ids(30, 30)
    for network, commutes in ((model, False), (averaged, True)):
        one, other = network(ids), network(reverse_complement(ids))
        for name in ("logits", "last_hidden_state"):
            difference = (other[name].flip(1, 2) - one[name]).abs().max()
            assert (difference < 1e-10) == commutes
    both = (model(ids).logits + model(reverse_complement(ids)).logits.flip(1, 2)) / 2
    torch.testing.assert_close(averaged(ids).logits, both, **EXACT)
    states = [
        network(ids, output_hidden_states=True).hidden_states for network in (model, averaged)
    ]
    for state, expected in zip(states[1], states[0], strict=True):
        torch.testing.assert_close(state, expected, **EXACT)


def test_averaging_changes_nothing_where_norms_are_tied():
    model, averaged = tiny_model(), tiny_model(reverse_complement="average")
    averaged.load_state_dict(model.state_dict())
    ids = random_ids(30, 25)
    mask = (ids != PAD).long()
    torch.testing.assert_close(averaged(ids, mask).logits, model(ids, mask).logits, **EXACT)


@pytest.mark.parametrize("options", [{}, {"tie_norm_symmetry": False}])
@paddings
def test_a_classifier_gives_both_strands_the_same_logits(options, padding):
    options = dict(options, token_padding=padding)
    if options.get("tie_norm_symmetry") is False:
        options["reverse_complement"] = "average"
    model = tiny_model(kind=CLASSIFIER, num_labels=3, **options).eval()
    ids = random_ids(30, 30)
    logits = model(ids).logits
    assert logits.shape == (2, 3)
    torch.testing.assert_close(model(reverse_complement(ids)).logits, logits, **EXACT)


# ---------------------------------------------------------------- padding and masks


@norms
@paddings
@pytest.mark.parametrize("fill", [4, 5])
@pytest.mark.parametrize("kind", [PhyloGPNForMaskedLM, CLASSIFIER])
def test_a_sequence_gives_the_same_alone_and_padded_in_a_batch(norm, padding, fill, kind):
    model = tiny_model(kind=kind, norm=norm, token_padding=padding, fill_token_id=fill).eval()
    lengths = (40, 23, 31)
    ids = random_ids(*lengths)
    mask = (ids != PAD).long()
    batch = model(ids, attention_mask=mask).logits
    for row, length in enumerate(lengths):
        alone = model(ids[row : row + 1, :length]).logits[0]
        found = batch[row] if kind is CLASSIFIER else batch[row, : len(alone)]
        torch.testing.assert_close(found, alone, **EXACT)


@norms
def test_what_is_written_at_masked_positions_does_not_matter(norm):
    model = tiny_model(norm=norm).eval()
    ids = random_ids(40, 30)
    mask = (ids != PAD).long()
    other = torch.where(mask.bool(), ids, torch.randint(0, 7, ids.shape))
    assert torch.equal(model(other, mask).logits, model(ids, mask).logits)


def test_masked_positions_are_gaps_and_gaps_are_zero():
    model = tiny_model().eval()
    ids = random_ids(40, 30)
    mask = (ids != PAD).long()
    assert torch.equal(model(ids, mask).logits, model(ids).logits)
    assert not model.model.embedding(torch.tensor([5, 6])).any()


@norms
def test_a_full_mask_is_no_mask(norm):
    model = tiny_model(norm=norm).eval()
    ids = random_ids(30, 30)
    torch.testing.assert_close(model(ids, torch.ones_like(ids)).logits, model(ids).logits, **EXACT)


@norms
@pytest.mark.parametrize("kind", [PhyloGPNForMaskedLM, CLASSIFIER])
def test_a_row_of_padding_alone_is_finite(norm, kind):
    model = tiny_model(torch.float32, kind=kind, norm=norm)
    ids = random_ids(30, 0)
    logits = model(ids, (ids != PAD).long()).logits
    assert logits.isfinite().all()
    logits.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


# ---------------------------------------------------------------- pooling of PhyloGPN-X


def test_embeddings_are_the_same_where_outputs_are_tuples():
    model, ids = tiny_model(torch.float32).eval(), random_ids(40, 40)
    expected = model.get_embeddings(ids)
    model.config.return_dict = False
    assert torch.equal(model.get_embeddings(ids), expected)


def test_phylogpn_x_adds_a_fixed_map_of_the_mean_over_its_window():
    model = tiny_model(torch.float32).eval()
    ids = random_ids(40, 40)
    embeddings = model.get_embeddings(ids)
    torch.manual_seed(42)
    mixing = torch.empty(12, 12).normal_(0, 1)
    # 40 bases are far fewer than the window of 6,001: all are in it, and the rest count as zero
    mean = embeddings.sum(1, keepdim=True) / (6001 - 17 + 1)
    expected = embeddings + mean @ mixing.T
    torch.testing.assert_close(model.get_embeddings(ids, pooling="phylogpn_x"), expected)


def test_the_window_of_phylogpn_x_is_a_sliding_mean(monkeypatch):
    from hf_genomics.models.phylogpn import modeling_phylogpn

    monkeypatch.setattr(modeling_phylogpn, "POOLED_FIELD", 17 + 8)
    model = tiny_model().eval()
    ids, seed = random_ids(40, 40), torch.Generator().manual_seed(42)
    embeddings = model.get_embeddings(ids)
    mixing = torch.empty(12, 12, dtype=torch.float32).normal_(generator=seed).double()
    mean = F.avg_pool1d(embeddings.transpose(1, 2), 9, 1, 4).transpose(1, 2)
    found = model.get_embeddings(ids, pooling="phylogpn_x")
    torch.testing.assert_close(found, embeddings + mean @ mixing.T, **EXACT)


def test_masked_positions_count_as_zero_in_phylogpn_x():
    model = tiny_model(token_padding="same").eval()
    ids = random_ids(30, 20)
    found = model.get_embeddings(ids, (ids != PAD).long(), pooling="phylogpn_x")
    alone = model.get_embeddings(ids[1:, :20], pooling="phylogpn_x")
    torch.testing.assert_close(found[1:, :20], alone, **EXACT)


def test_another_pooling_is_refused():
    with pytest.raises(ValueError, match="pooling must be None or 'phylogpn_x', got 'mean'"):
        tiny_model().get_embeddings(random_ids(30), pooling="mean")


def test_the_window_of_phylogpn_x_must_hold_that_of_an_embedding():
    model = tiny_model(kernel_size=3, stack_size=8, num_stacks=1)
    with pytest.raises(
        ValueError, match=r"windows of 6001 bases, but .* reads 6561 already; leave"
    ):
        model.get_embeddings(random_ids(6561), pooling="phylogpn_x")


# ---------------------------------------------------------------- the loss of aligned species


@pytest.mark.parametrize(
    ("options", "substitution_model"),
    [
        ({}, F81()),
        ({"transition": "sigmoid"}, F81(transition="sigmoid")),
        ({"substitution_model": "jc69"}, JC69()),
        ({"substitution_model": "hky85", "kappa": 3.0}, HKY85(kappa=3.0)),
    ],
    ids=str,
)
def test_the_loss_is_the_mean_conditional_log_likelihood(options, substitution_model):
    model, ids, labels = tiny_model(**options), random_ids(30, 30), random_labels(2, 14)
    output = model(ids, labels=labels)
    per_site = conditional_log_likelihood(
        output.logits,
        labels,
        Phylogeny.from_newick(TREE),
        reference_leaf="H",
        substitution_model=substitution_model,
    )
    torch.testing.assert_close(output.loss, -per_site.mean(), **EXACT)
    output.loss.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_each_row_may_be_the_sequence_of_another_leaf():
    model, ids, labels = tiny_model(), random_ids(30, 30), random_labels(2, 14)
    tree = Phylogeny.from_newick(TREE)
    output = model(ids, labels=labels, reference_leaves=torch.tensor([3, 1]))
    per_site = [
        conditional_log_likelihood(output.logits[i], labels[i], tree, reference_leaf=leaf)
        for i, leaf in enumerate([3, 1])
    ]
    torch.testing.assert_close(output.loss, -torch.stack(per_site).mean(), **EXACT)


@pytest.mark.parametrize("dtype", [torch.int8, torch.int32, torch.int64], ids=str)
def test_sites_of_minus_100_do_not_count(dtype):
    model, ids, labels = tiny_model(), random_ids(30), random_labels(1, 14)
    some = labels.clone()
    some[:, 5:] = -100
    expected = model(ids[:, : 16 + 5], labels=labels[:, :5]).loss
    torch.testing.assert_close(model(ids, labels=some.to(dtype)).loss, expected, **EXACT)


def test_no_site_at_all_is_a_loss_of_zero_with_zero_gradients():
    model = tiny_model()
    loss = model(random_ids(30), labels=torch.full((1, 14, 5), -100)).loss
    loss.backward()
    assert loss == 0
    assert not any(p.grad.any() for p in model.parameters() if p.grad is not None)


def test_weights_multiply_sites():
    model, ids, labels = tiny_model(), random_ids(30), random_labels(1, 14)
    weights = torch.zeros(1, 14).double()
    weights[0, 3] = 7
    one = model(ids[:, 3 : 3 + 17], labels=labels[:, 3:4]).loss
    found = model(ids, labels=labels, position_weights=weights).loss
    torch.testing.assert_close(found, one / 2, **EXACT)  # seven times one of fourteen
    ones = torch.ones(1, 14)
    torch.testing.assert_close(
        model(ids, labels=labels, position_weights=ones).loss, model(ids, labels=labels).loss
    )


@pytest.mark.parametrize("as_tensor", [True, False])
def test_accumulated_losses_are_the_loss_of_the_whole_batch(as_tensor):
    """Trainer gives the number of labels other than -100 in all batches of a step."""
    model, ids, labels = tiny_model(), random_ids(30, 30, 30), random_labels(3, 14)
    labels[0, 2:9] = labels[2, :, :] = -100
    items = (labels != -100).sum()
    items = items if as_tensor else items.item()
    parts = sum(
        model(ids[i : i + 1], labels=labels[i : i + 1], num_items_in_batch=items).loss
        for i in range(3)
    )
    torch.testing.assert_close(parts, model(ids, labels=labels).loss, **EXACT)


def test_a_loss_needs_a_tree_and_a_reference():
    labels = random_labels(1, 14)
    for fields in ({"phylogeny": None, "reference_leaf": None}, {"reference_leaf": None}):
        with pytest.raises(ValueError, match=r"set config\.phylogeny .* config\.reference_leaf"):
            tiny_model(**fields)(random_ids(30), labels=labels)


def test_a_reference_that_is_no_leaf_is_refused():
    with pytest.raises(ValueError, match="reference_leaf 'human' is not among the 5 leaves"):
        tiny_model(reference_leaf="human")


def test_labels_and_weights_of_another_shape_are_refused_with_both_shapes():
    model, ids, labels = tiny_model(), random_ids(30), random_labels(1, 14)
    message = "labels must be (1, 14, 5), the states of 5 leaves for every output position, got"
    for wrong in (labels[:, 1:], labels[..., 1:], labels[0]):
        with pytest.raises(ValueError, match=re.escape(message)):
            model(ids, labels=wrong)
    with pytest.raises(ValueError, match=r"position_weights must be \(1, 14\), .* got \(14,\)"):
        model(ids, labels=labels, position_weights=torch.ones(14))
    with pytest.raises(ValueError, match=r"reference_leaves must be \(2,\), .* got \(1,\)"):
        model(random_ids(30, 30), labels=random_labels(2, 14), reference_leaves=torch.tensor([3]))


def test_training_recovers_conservation():
    """A position where all species agree gets a lower rate than one where they differ."""
    torch.manual_seed(1)
    model = PhyloGPNForMaskedLM(tiny_config(outer_dim=24, inner_dim=16))
    ids = random_ids(116)
    labels = ids[0, 8:-8, None].repeat(1, len(LEAVES)).clamp(max=3)[None]
    changed = ids[0, 8:-8] == 2  # every G is anything in the other species
    labels[0, changed, 1:] = torch.randint(0, 4, (int(changed.sum()), 4))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = model(ids, labels=labels).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    rates = model(ids).logits.logsumexp(2)[0]
    assert losses[-1] < losses[0] / 2
    assert rates[changed].mean() > rates[~changed].mean() + 1


# ---------------------------------------------------------------- classification losses


def test_single_label_loss_is_the_mean_cross_entropy():
    model = tiny_model(kind=CLASSIFIER, num_labels=3)
    ids, labels = random_ids(30, 30, 30), torch.tensor([2, -100, 1])
    output = model(ids, labels=labels)
    log_p = output.logits.log_softmax(1)
    torch.testing.assert_close(output.loss, -(log_p[0, 2] + log_p[2, 1]) / 2)


@pytest.mark.parametrize("problem_type", ["regression", None])
def test_regression_loss_is_the_mean_squared_error(problem_type):
    model = tiny_model(kind=CLASSIFIER, num_labels=1, problem_type=problem_type)
    labels = torch.tensor([0.3, -1.2]).double()
    output = model(random_ids(30, 30), labels=labels)
    torch.testing.assert_close(output.loss, (output.logits[:, 0] - labels).square().mean())


@pytest.mark.parametrize("problem_type", ["multi_label_classification", None])
def test_multi_label_loss_is_the_mean_binary_cross_entropy(problem_type):
    model = tiny_model(kind=CLASSIFIER, num_labels=3, problem_type=problem_type)
    labels = torch.tensor([[1, 0, 1], [0, 0, 0]]).double()
    output = model(random_ids(30, 30), labels=labels)
    p = output.logits.sigmoid()
    torch.testing.assert_close(
        output.loss, -(labels * p.log() + (1 - labels) * (1 - p).log()).mean()
    )


@pytest.mark.parametrize("wrong", [3, -1])
def test_a_label_outside_the_range_is_refused_with_its_value(wrong):
    model = tiny_model(kind=CLASSIFIER, num_labels=3)
    with pytest.raises(ValueError, match=rf"label {wrong} is outside the range 0\.\.2"):
        model(random_ids(30, 30), labels=torch.tensor([0, wrong]))


def test_trainers_are_told_how_the_losses_are_normalised():
    assert CLASSIFIER.accepts_loss_kwargs is False
    assert getattr(PhyloGPNForMaskedLM, "accepts_loss_kwargs", None) is not False


# ---------------------------------------------------------------- inputs


@paddings
@pytest.mark.parametrize("kind", [PhyloGPNForMaskedLM, CLASSIFIER])
def test_one_hot_bases_give_the_logits_of_ids_and_a_gradient(padding, kind):
    model = tiny_model(kind=kind, token_padding=padding).eval()
    ids = random_ids(30, 25)
    mask = (ids != PAD).long()
    bases = F.one_hot(ids, 6)[..., :5].double().requires_grad_()
    logits = model(inputs_embeds=bases, attention_mask=mask).logits
    torch.testing.assert_close(logits, model(ids, mask).logits, **EXACT)
    (gradient,) = torch.autograd.grad(logits.square().sum(), bases)
    assert gradient.isfinite().all()
    assert gradient[0].abs().sum(1).min() > 0
    assert not gradient[1, 25:].any()


@paddings
def test_one_hot_bases_are_embedded_in_float32_under_autocast_as_ids_are(padding):
    model = tiny_model(token_padding=padding).float().eval()
    ids = torch.randint(0, 4, (2, 40))
    bases = F.one_hot(ids, 5).float()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        by_ids = model(ids, output_hidden_states=True)
        by_bases = model(inputs_embeds=bases, output_hidden_states=True)
    for one, other in zip(by_ids.hidden_states, by_bases.hidden_states, strict=True):
        assert torch.equal(one, other)
        assert one.dtype == torch.float32
    assert torch.equal(by_ids.logits, by_bases.logits)


def test_input_mistakes_are_refused_with_what_was_given():
    model = tiny_model()
    ids, bases = random_ids(30, 30), torch.zeros(2, 30, 5)
    for inputs in ({}, {"input_ids": ids, "inputs_embeds": bases}):
        with pytest.raises(ValueError, match="either input_ids .* or inputs_embeds"):
            model(**inputs)
    for inputs in ({"input_ids": ids[0]}, {"inputs_embeds": bases[..., :4]}):
        with pytest.raises(ValueError, match=r"inputs_embeds \(B, L, 5\), got \("):
            model(**inputs)
    with pytest.raises(ValueError, match=r"shape \(2, 30\) of the input, got \(2, 29\)"):
        model(ids, attention_mask=torch.ones(2, 29))


@pytest.mark.parametrize("name", ["input_ids", "attention_mask", "inputs_embeds"])
def test_what_is_no_tensor_is_refused(name):
    inputs = {name: [[0] * 30]}
    if name == "attention_mask":
        inputs["input_ids"] = random_ids(30)
    with pytest.raises(ValueError, match=f"{name} must be a tensor, got a list; tokenize strings"):
        tiny_model()(**inputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bool, torch.complex64])
def test_ids_that_are_no_integers_are_refused(dtype):
    with pytest.raises(ValueError, match=f"which are integers, got {dtype}; pass the tokenizer's"):
        tiny_model()(random_ids(30).to(dtype))


@paddings
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.uint16])
def test_ids_of_any_integer_dtype_are_the_same(dtype, padding):
    model, ids = tiny_model(token_padding=padding), random_ids(30, 24)
    mask = (ids != PAD).long()
    assert torch.equal(model(ids.to(dtype), mask.to(dtype)).logits, model(ids, mask).logits)


@norms
@paddings
@pytest.mark.parametrize("fill", [4, 5])
def test_one_hot_bases_are_filled_like_ids(norm, padding, fill):
    model = tiny_model(norm=norm, token_padding=padding, fill_token_id=fill)
    ids = random_ids(30, 24)
    mask = (ids != PAD).long()
    bases = F.one_hot(ids, 6)[..., :5].double()
    found = model(inputs_embeds=bases, attention_mask=mask).logits
    torch.testing.assert_close(found, model(ids, mask).logits, **EXACT)


@paddings
@pytest.mark.parametrize("one_hot", [False, True])
def test_hooks_of_every_layer_are_called_once(padding, one_hot):
    """Of the embedding too, where positions are filled in: attributions replace what it gives."""
    model, ids = tiny_model(token_padding=padding), random_ids(30)
    inputs = {"input_ids": ids, "attention_mask": torch.ones(1, 30)}
    if one_hot:
        inputs["inputs_embeds"] = F.one_hot(inputs.pop("input_ids"), 6)[..., :5].double()
    expected = model(**inputs).logits
    calls = dict.fromkeys((name for name, _ in model.named_modules()), 0)
    for name, module in model.named_modules():
        module.register_forward_hook(lambda *_, name=name: calls.update({name: calls[name] + 1}))
    torch.testing.assert_close(model(**inputs).logits, expected, **EXACT)
    del calls["model.blocks"]  # a list, which is not called
    assert set(calls.values()) == {1}


def test_an_input_shorter_than_a_window_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"16 positions, but an output reads 17; pad it with 8"):
        tiny_model()(random_ids(16))
    with pytest.raises(ValueError, match="0 positions, but"):
        tiny_model(token_padding="same")(torch.zeros(1, 0, dtype=torch.long))


def test_a_classifier_refuses_a_sequence_that_a_longer_one_of_the_batch_hides():
    """By itself it is too short, and beside the other it would be answered by the bias."""
    ids, mask = random_ids(30, 30), torch.ones(2, 30, dtype=torch.long)
    mask[1, 16:] = 0
    with pytest.raises(ValueError, match=r"sequence 1 of the batch has 16 positions, .* reads 17"):
        tiny_model(kind=CLASSIFIER)(ids, attention_mask=mask)
    assert tiny_model(kind=CLASSIFIER, token_padding="same")(ids, attention_mask=mask).logits.any()
    mask[1, 16] = 1
    assert tiny_model(kind=CLASSIFIER)(ids, attention_mask=mask).logits[1].any()


@pytest.mark.parametrize("wrong", [7, -1])
def test_a_token_id_outside_the_vocabulary_is_refused_with_its_value(wrong):
    ids = random_ids(30, 30)
    ids[1, 3] = wrong
    with pytest.raises(ValueError, match=f"input_ids hold {wrong}, but .* ids 0 to 6"):
        tiny_model()(ids)


def test_there_is_no_embedding_table_to_resize():
    model = tiny_model()
    assert model.get_input_embeddings() is None
    with pytest.raises(ValueError, match=r"no table to resize; .*vocab_size"):
        model.resize_token_embeddings(8)


# ---------------------------------------------------------------- numerics, checkpointing


@norms
@pytest.mark.parametrize("kind", [PhyloGPNForMaskedLM, CLASSIFIER])
@pytest.mark.parametrize("size", [1.0, 30.0])
def test_float32_is_finite_and_near_float64(norm, kind, size):
    model = tiny_model(kind=kind, norm=norm).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "conv" in name or "embedding" in name:
                parameter.mul_(size)
    ids = random_ids(30, 30)
    expected = model(ids).logits
    single = model.float()
    found = single(ids).logits
    torch.testing.assert_close(found.double(), expected, rtol=1e-3, atol=1e-3)
    found.square().mean().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in single.parameters())


@pytest.mark.parametrize("kind", [PhyloGPNForMaskedLM, CLASSIFIER])
def test_autocast_to_bfloat16_is_near_float32_and_trains(kind):
    model = tiny_model(torch.float32, kind=kind, num_labels=3)
    ids = random_ids(30, 30)
    labels = random_labels(2, 14) if kind is PhyloGPNForMaskedLM else torch.tensor([0, 2])
    exact = model(ids, labels=labels)
    with torch.autocast("cpu", torch.bfloat16):
        output = model(ids, labels=labels)
    torch.testing.assert_close(output.logits.float(), exact.logits, rtol=0.1, atol=0.3)
    torch.testing.assert_close(output.loss, exact.loss, rtol=0.1, atol=0.1)
    assert output.loss.dtype == torch.float32
    output.loss.backward()
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            assert parameter.grad.dtype == torch.float32, name
            assert parameter.grad.isfinite().all(), name


@norms
def test_a_bfloat16_model_is_finite(norm):
    model = tiny_model(torch.bfloat16, norm=norm)
    output = model(random_ids(30, 30), labels=random_labels(2, 14))
    assert output.logits.dtype == torch.bfloat16
    assert output.loss.isfinite()
    output.loss.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


# renamed in recent versions of Transformers; the old name is in all that we support
@pytest.mark.filterwarnings("ignore:`gradient_checkpointing_enable` is deprecated:FutureWarning")
@norms
@pytest.mark.parametrize("use_reentrant", [True, False])
@pytest.mark.parametrize("frozen", [True, False])
def test_gradient_checkpointing_repeats_the_blocks_and_changes_nothing(norm, use_reentrant, frozen):
    plain, checkpointed = tiny_model(norm=norm), tiny_model(norm=norm)
    checkpointed.load_state_dict(plain.state_dict())
    checkpointed.gradient_checkpointing_enable({"use_reentrant": use_reentrant})
    for model in (plain, checkpointed):
        model.model.embedding.requires_grad_(not frozen)
    calls = []
    for block in checkpointed.model.blocks:
        block.norm1.affine = lambda affine=block.norm1.affine: calls.append(1) or affine()
    ids, labels = random_ids(30, 30), random_labels(2, 14)
    for model in (plain, checkpointed):
        model(ids, labels=labels).loss.backward()
    assert len(calls) == 2 * 4
    for (name, found), expected in zip(
        checkpointed.named_parameters(), plain.parameters(), strict=True
    ):
        if found.requires_grad:
            torch.testing.assert_close(
                found.grad, expected.grad, **EXACT, msg=lambda m, n=name: f"{n}: {m}"
            )


@norms
def test_inference_without_gradients_and_in_inference_mode_agree(norm):
    model, ids = tiny_model(norm=norm).eval(), random_ids(30, 30)
    expected = model(ids).logits
    with torch.no_grad():
        assert torch.equal(model(ids).logits, expected)
    with torch.inference_mode():
        assert torch.equal(model(ids).logits, expected)


# ---------------------------------------------------------------- initialisation, sizes


@pytest.mark.parametrize(("tied", "expected"), [(False, 41_670_242), (True, 41_592_482)])
def test_the_published_network_has_half_the_published_parameters(tied, expected):
    """Half of the convolutions of the 83,185,924, 2,400 of the embedding, and the norms."""
    with torch.device("meta"):
        model = PhyloGPNModel(PhyloGPNConfig(tie_norm_symmetry=tied))
    norms_total = 40 * 2 * (960 + 480 + 480) + 2 * 960
    convolutions = (83_185_924 - norms_total - 5_760) // 2
    assert sum(p.numel() for p in model.parameters()) == expected
    assert expected == convolutions + norms_total // (2 if tied else 1) + 2_400


def test_effective_weights_start_with_half_the_variance_of_torchs_default():
    torch.manual_seed(0)
    model = PhyloGPNModel(PhyloGPNConfig(outer_dim=128, inner_dim=64, num_stacks=1))
    block = model.blocks[0]
    for conv, kernel, fan_in in (
        (block.conv1, 1, 128),
        (block.conv2, 5, 320),
        (block.conv3, 1, 64),
    ):
        weight = merge_weight(conv.symmetric.weight, conv.antisymmetric.weight, kernel_size=kernel)
        assert weight.var().item() == pytest.approx(1 / (6 * fan_in), rel=0.05)
    assert model.embedding.bases.var().item() == pytest.approx(0.5, rel=0.3)
    assert (block.norm1.weight == 1).all()
    assert not block.norm1.bias.any()


def test_two_models_of_one_seed_are_equal():
    states = []
    for _ in range(2):
        torch.manual_seed(5)
        states.append(PhyloGPNModel(tiny_config()).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_every_parameter_gets_a_gradient():
    model = PhyloGPNForMaskedLM(tiny_config(tie_norm_symmetry=False))
    randomize_(model)
    model(random_ids(40, 40), labels=random_labels(2, 24)).loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.filterwarnings("ignore")  # what Transformers deprecates, peft still reads
def test_an_adapter_on_the_halves_is_equivariant_and_can_be_merged():
    peft = pytest.importorskip("peft", reason="peft is in the extra `peft`")
    options = peft.LoraConfig(
        r=4, target_modules=["symmetric", "antisymmetric"], init_lora_weights=False
    )
    plain = tiny_model().eval()
    ids = random_ids(30, 30)
    before = plain(ids).logits
    model = peft.get_peft_model(plain, options).double().eval()
    after = model(input_ids=ids).logits
    assert (after - before).abs().max() > 0.01
    other = model(input_ids=reverse_complement(ids)).logits
    torch.testing.assert_close(other.flip(1, 2), after, **EXACT)
    torch.testing.assert_close(model.merge_and_unload()(ids).logits, after, **EXACT)


@paddings
def test_averaged_strands_count_their_own_positions(padding):
    options = {"reverse_complement": "average", "norm": "group_norm", "token_padding": padding}
    model = tiny_model(tie_norm_symmetry=False, **options).eval()
    ids = random_ids(40, 23)
    batch = model(ids, attention_mask=(ids != PAD).long()).logits
    alone = model(ids[1:, :23]).logits[0]
    torch.testing.assert_close(batch[1, : len(alone)], alone, **EXACT)


def test_the_window_of_phylogpn_x_may_be_that_of_an_embedding(monkeypatch):
    monkeypatch.setattr("hf_genomics.models.phylogpn.modeling_phylogpn.POOLED_FIELD", 17)
    model, ids = tiny_model().eval(), random_ids(40)
    embeddings, seed = model.get_embeddings(ids), torch.Generator().manual_seed(42)
    mixing = torch.empty(12, 12, dtype=torch.float32).normal_(generator=seed).double()
    found = model.get_embeddings(ids, pooling="phylogpn_x")
    torch.testing.assert_close(found, embeddings + embeddings @ mixing.T, **EXACT)
