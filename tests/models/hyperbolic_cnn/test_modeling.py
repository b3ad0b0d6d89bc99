"""The public face of the model: shapes, manifolds, curvatures, losses, inputs, checkpointing."""

import warnings

import pytest
import torch
import torch.nn.functional as F

from hf_genomics import (
    HyperbolicCNNConfig,
    HyperbolicCNNForSequenceClassification,
    HyperbolicCNNModel,
)
from tests.models.hyperbolic_cnn.tiny import (
    PAD,
    RESIDUAL,
    random_ids,
    set_curvatures_,
    tiny_config,
    tiny_model,
)

geometries = pytest.mark.parametrize("geometry", ["lorentz", "euclidean"])
heads = pytest.mark.parametrize("head", ["flatten", "centroid"])
networks = pytest.mark.parametrize(
    "network",
    [{"head": "flatten"}, {"head": "centroid"}, RESIDUAL, RESIDUAL | {"batch_norm": "lorentz"}],
    ids=["flatten", "centroid", "residual", "residual-lorentz_norm"],
)
PER_BLOCK = [0.5, 2.0, 0.8, 1.6]


# ---------------------------------------------------------------- shapes


@geometries
@heads
def test_outputs_have_the_documented_shapes(geometry, head):
    model = tiny_model(torch.float32, geometry=geometry, head=head)
    output = model(random_ids(14, 9), output_hidden_states=True)
    assert output.logits.shape == (2, 3)
    assert output.loss is None
    time = int(geometry == "lorentz")
    shapes = [tuple(state.shape) for state in output.hidden_states]
    assert shapes == [(2, 14, 5 + time)] + [(2, 14, 6)] * 3
    backbone = model.model(random_ids(14, 9))
    assert backbone.last_hidden_state.shape == (2, 14, 6)
    assert backbone.pooler_output.shape == (2, 12)
    assert backbone.hidden_states is None


@geometries
@pytest.mark.parametrize("embedding_dim", [None, 12])
def test_a_residual_network_has_the_documented_shapes_at_any_length(geometry, embedding_dim):
    fields = RESIDUAL | {"embedding_dim": embedding_dim, "max_length": None}
    model = tiny_model(torch.float32, geometry=geometry, **fields)
    time = int(geometry == "lorentz")
    width = model.config.embedding_width
    assert width == (embedding_dim or (6 - time) * 5 + time)  # centroid, maximum, three parts
    for length in (300, 14, 2, 1):
        output = model.model(random_ids(length, 1), output_hidden_states=True)
        assert output.pooler_output.shape == (2, width)
        shapes = [tuple(state.shape) for state in output.hidden_states]
        assert shapes == [(2, length, 5 + time)] + [(2, length, 6)] * 3
    assert model(random_ids(14, 9)).logits.shape == (2, 3)


@geometries
def test_outputs_are_a_tuple_on_request(geometry):
    model = tiny_model(geometry=geometry).eval()
    ids, labels = random_ids(14), torch.tensor([1])
    loss, logits = model(ids, labels=labels, return_dict=False)
    output = model(ids, labels=labels)
    assert torch.equal(loss, output.loss)
    assert torch.equal(logits, output.logits)
    hidden, pooled = model.model(ids, return_dict=False)
    assert hidden.shape == (1, 14, 6)
    assert pooled.shape == (1, 12)


@geometries
def test_a_single_base_is_a_sequence(geometry):
    model = tiny_model(geometry=geometry)
    assert model(torch.tensor([[2]])).logits.isfinite().all()


@geometries
def test_the_centroid_head_reads_any_length(geometry):
    model = tiny_model(geometry=geometry, head="centroid", max_length=None).eval()
    assert model(random_ids(300, 7)).logits.shape == (2, 3)


# ---------------------------------------------------------------- points and manifolds


@pytest.mark.parametrize("k", [[0.5], [1.0], [2.0], PER_BLOCK])
@networks
@pytest.mark.parametrize("strands", [None, "average"])
@pytest.mark.parametrize("training", [True, False])
def test_points_are_on_their_manifold_after_every_block(k, network, strands, training):
    model = tiny_model(multi_curvature=len(k) > 1, reverse_complement=strands, **network)
    set_curvatures_(model, k)
    output = model.train(training).model(random_ids(14, 9), output_hidden_states=True)

    expected = k if len(k) > 1 else k * 4
    assert len(output.hidden_states) == len(expected) == 4
    for i, (state, curvature) in enumerate(zip(output.hidden_states, expected, strict=True)):
        manifold = model.manifold(i)
        assert manifold.k.item() == pytest.approx(curvature, rel=1e-12)
        ok, reason = manifold.check_point_on_manifold(state, explain=True, atol=1e-9)
        assert ok, reason
        assert (state[..., 0] > 0).all()
    assert torch.equal(output.last_hidden_state, output.hidden_states[-1])
    assert model.manifold(-1).check_point_on_manifold(output.pooler_output, atol=1e-9)
    assert model.manifold().k == model.manifold(3).k == model.manifold(-1).k


def test_embedded_bases_are_at_one_distance_from_the_origin_and_padding_at_it():
    model = tiny_model(initial_curvature=0.5)
    states = model(random_ids(14, 9), output_hidden_states=True).hidden_states
    distances = model.manifold(0).dist0(states[0])
    torch.testing.assert_close(distances[0], distances[0, 0].expand(14))
    assert distances[0, 0].item() == pytest.approx(
        0.5**0.5 * torch.asinh(torch.tensor(2.0).sqrt()).item()
    )
    torch.testing.assert_close(distances[1, 9:], torch.zeros(5).double(), rtol=0, atol=1e-6)


def test_a_hidden_state_that_does_not_exist_has_no_manifold():
    model = tiny_model()
    assert model.manifold(-4).k == model.manifold(0).k
    for i in (4, -5):
        with pytest.raises(IndexError, match=f"hidden state {i} was asked for, but .* has 4"):
            model.manifold(i)


def test_the_euclidean_twin_has_a_flat_manifold_and_no_points():
    import geoopt

    model = tiny_model(geometry="euclidean")
    assert isinstance(model.manifold(), geoopt.Euclidean)
    assert list(model.manifold_points()) == []
    assert model.curvatures().shape == (0,)
    assert not any("curvature" in name for name in model.state_dict())


@pytest.mark.parametrize("part", ["classifier", "backbone"])
def test_manifold_points_are_the_betas_with_the_curvature_of_their_block(part):
    model = tiny_model(multi_curvature=True)
    set_curvatures_(model, PER_BLOCK)
    module = model if part == "classifier" else model.model
    parameters = dict(module.named_parameters())
    points = list(module.manifold_points())
    assert [name for name, _, _ in points] == [n for n in parameters if n.endswith("beta")]
    assert len(points) == 6
    for i, (name, parameter, curvature) in enumerate(points):
        assert parameters[name] is parameter
        assert curvature().item() == pytest.approx(PER_BLOCK[i // 2], rel=1e-12)
    set_curvatures_(model, [3.0, 1.0, 1.0, 1.0])
    assert points[0][2]().item() == pytest.approx(3.0)


def test_points_of_residual_blocks_are_those_of_lorentz_norms_alone():
    fields = RESIDUAL | {"multi_curvature": True}
    assert list(tiny_model(**fields).manifold_points()) == []
    model = tiny_model(**fields | {"batch_norm": "lorentz"})
    set_curvatures_(model, PER_BLOCK)
    points = list(model.manifold_points())
    assert [name for name, _, _ in points] == [
        n for n, _ in model.named_parameters() if "beta" in n
    ]
    found = [curvature().item() for _, _, curvature in points]
    assert found == pytest.approx([0.5, 2.0, 0.8, 0.8])  # the last block has two norms


def test_flattening_a_thousand_origins_at_curvature_0_9_is_the_origin():
    """The official flatten gives NaN here: it subtracts (L - 1) / k where (L - 1) k is right."""
    model = tiny_model(torch.float32, max_length=1000, initial_curvature=0.9)
    pooler, k = model.model.pooler, model.model.curvature.at(-1)
    with torch.no_grad():
        pooled = pooler(torch.zeros(1, 5, 1000), None, k)
    linear = pooler.linear
    expected = F.relu(linear.space.bias + linear.time_weight * 0.9**0.5)
    torch.testing.assert_close(pooled[0], expected)
    output = model(torch.full((1, 1000), PAD), labels=torch.tensor([0]))
    output.loss.backward()
    assert output.logits.isfinite().all()
    assert model.model.curvature.raw_curvature.grad.isfinite().all()


# ---------------------------------------------------------------- curvatures


@pytest.mark.parametrize("multi", [False, True])
@pytest.mark.parametrize("learnable", [True, False])
def test_every_curvature_has_one_owner(multi, learnable):
    model = tiny_model(multi_curvature=multi, learnable_curvature=learnable)
    state = model.state_dict()
    owners = [name for name in state if "curvature" in name]
    assert owners == ["model.curvature.raw_curvature"]
    assert state[owners[0]].shape == (4 if multi else 1,) == model.curvatures().shape
    assert (owners[0] in dict(model.named_parameters())) == learnable
    assert (owners[0] in dict(model.named_buffers())) != learnable
    addresses = [tensor.data_ptr() for tensor in state.values()]
    assert len(set(addresses)) == len(addresses), "two entries share memory"


@pytest.mark.parametrize("k", [1, 0.1, 0.7, 3.3])
@pytest.mark.parametrize("multi", [False, True])
def test_curvatures_start_exactly_at_the_configured_one(k, multi):
    model = HyperbolicCNNModel(tiny_config(initial_curvature=k, multi_curvature=multi))
    expected = torch.full((4 if multi else 1,), k, dtype=torch.float32)
    assert torch.equal(model.curvatures(), expected)


def test_curvatures_stay_positive_whatever_the_parameter():
    model = tiny_model(torch.float32, multi_curvature=True)
    with torch.no_grad():
        model.model.curvature.raw_curvature.copy_(torch.tensor([-20.0, -3.0, 0.0, 5.0]))
    assert (model.curvatures() > 0).all()


def train_a_little(model, steps=3):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    ids, labels = random_ids(14, 9, 12), torch.tensor([0, 1, 2])
    for _ in range(steps):
        optimizer.zero_grad()
        model(ids, labels=labels).loss.backward()
        optimizer.step()


@pytest.mark.parametrize("multi", [False, True])
def test_learned_curvature_moves_and_fixed_curvature_stays_through_training_and_loading(
    multi, tmp_path
):
    learned = tiny_model(torch.float32, multi_curvature=multi, initial_curvature=0.9)
    start = learned.curvatures().detach().clone()
    train_a_little(learned)
    assert (learned.curvatures() - start).abs().min() > 1e-3

    fixed = tiny_model(
        torch.float32, multi_curvature=multi, initial_curvature=0.9, learnable_curvature=False
    )
    train_a_little(fixed)
    assert torch.equal(fixed.curvatures(), start)
    set_curvatures_(fixed, [0.3, 0.4, 0.5, 0.6] if multi else [0.3])
    fixed.save_pretrained(tmp_path)
    loaded = type(fixed).from_pretrained(tmp_path).train()
    assert torch.equal(loaded.curvatures(), fixed.curvatures())
    train_a_little(loaded)
    assert torch.equal(loaded.curvatures(), fixed.curvatures())


def test_points_stay_on_their_manifold_while_the_curvature_is_trained():
    model = tiny_model(multi_curvature=True)
    train_a_little(model, steps=10)
    for i, state in enumerate(model(random_ids(14), output_hidden_states=True).hidden_states):
        assert model.manifold(i).check_point_on_manifold(state, atol=1e-9)


# ---------------------------------------------------------------- losses


@geometries
def test_single_label_loss_is_the_mean_cross_entropy(geometry):
    model = tiny_model(geometry=geometry).eval()
    labels = torch.tensor([2, 0, 1])
    output = model(random_ids(14, 9, 3), labels=labels)
    log_probabilities = output.logits - output.logits.exp().sum(1, keepdim=True).log()
    torch.testing.assert_close(output.loss, -log_probabilities[[0, 1, 2], labels].mean())


def test_a_label_of_minus_100_does_not_count():
    model, ids = tiny_model().eval(), random_ids(14, 9, 3)
    some = model(ids, labels=torch.tensor([2, -100, 1])).loss
    torch.testing.assert_close(some, model(ids[[0, 2]], labels=torch.tensor([2, 1])).loss)


@geometries
@pytest.mark.parametrize("problem_type", ["regression", None])
def test_regression_loss_is_the_mean_squared_error(geometry, problem_type):
    model = tiny_model(geometry=geometry, num_labels=1, problem_type=problem_type).eval()
    labels = torch.tensor([0.3, -1.2, 4.0], dtype=torch.float64)
    output = model(random_ids(14, 9, 3), labels=labels)
    assert output.logits.shape == (3, 1)
    torch.testing.assert_close(output.loss, (output.logits[:, 0] - labels).square().mean())


@pytest.mark.parametrize("problem_type", ["multi_label_classification", None])
def test_multi_label_loss_is_the_mean_binary_cross_entropy(problem_type):
    model = tiny_model(problem_type=problem_type).eval()
    labels = torch.tensor([[1, 0, 1], [0, 0, 0]]).double()
    output = model(random_ids(14, 9), labels=labels)
    p = torch.sigmoid(output.logits)
    expected = -(labels * p.log() + (1 - labels) * (1 - p).log()).mean()
    torch.testing.assert_close(output.loss, expected)


KINDS = {
    "single_label_classification": ([2, 0, 1], [torch.int32, torch.int16, torch.uint8]),
    "multi_label_classification": (
        [[1, 0, 1], [0, 0, 0], [0, 1, 0]],
        [torch.bool, torch.uint8, torch.int32, torch.int64, torch.float32, torch.bfloat16],
    ),
    "regression": (
        [[3, 0, 1], [0, 2, 0], [1, 1, 1]],
        [torch.uint8, torch.int32, torch.int64, torch.float32, torch.bfloat16],
    ),
}


@geometries
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("kind", "labels", "label_dtype"),
    [(kind, labels, dtype) for kind, (labels, dtypes) in KINDS.items() for dtype in dtypes],
)
def test_labels_of_any_dtype_give_one_loss(geometry, dtype, kind, labels, label_dtype):
    """Labels of several classes crashed the loss as integers, those of one class as int32."""
    exact = torch.long if kind == "single_label_classification" else dtype
    model = tiny_model(dtype, geometry=geometry, problem_type=kind).eval()
    ids, gradients = random_ids(14, 9, 3), []
    for given in (exact, label_dtype):
        model.zero_grad()
        loss = model(ids, labels=torch.tensor(labels, dtype=given)).loss
        assert loss.dtype == dtype
        loss.backward()
        gradients.append((loss.detach(), model.classifier.get_parameter(LAST[geometry]).grad))
    assert all(map(torch.equal, *gradients))


LAST = {"lorentz": "z", "euclidean": "weight"}


@pytest.mark.parametrize(
    ("num_labels", "labels", "kind"),
    [
        (3, torch.tensor([[1, 0, 1], [0, 0, 0]]), "multi_label_classification"),
        (3, torch.tensor([[True, False, True], [False] * 3]), "multi_label_classification"),
        (2, torch.tensor([[1, 0], [1, 1]]), "multi_label_classification"),
        (3, torch.tensor([2, 0], dtype=torch.int32), "single_label_classification"),
        (3, torch.tensor([2, 0], dtype=torch.uint8), "single_label_classification"),
        (2, torch.tensor([True, False]), "single_label_classification"),
        (3, torch.tensor([[2], [0]]), "single_label_classification"),
        (1, torch.tensor([2, 0]), "regression"),
        (1, torch.tensor([[2], [0]]), "regression"),
    ],
    ids=str,
)
def test_the_kind_of_whole_numbers_is_told_from_their_shape(num_labels, labels, kind):
    """A wrong guess would be no crash but another loss."""
    ids, losses = random_ids(14, 9), []
    model = tiny_model(num_labels=num_labels).eval()
    for problem_type in (None, kind):
        model.config.problem_type = problem_type
        loss = model(ids, labels=labels).loss
        loss.backward()
        losses.append(loss)
        assert model.config.problem_type == kind
    assert torch.equal(*losses)


def test_fractions_are_no_classes():
    model = tiny_model(problem_type="single_label_classification")
    with pytest.raises(RuntimeError):
        model(random_ids(14, 9), labels=torch.tensor([1.7, 0.0]))


@pytest.mark.parametrize("geometry", ["lorentz", "euclidean"])
def test_whole_numbers_of_a_regression_train_under_autocast(geometry):
    model = tiny_model(torch.float32, geometry=geometry, num_labels=1)
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(random_ids(14, 9), labels=torch.tensor([300, 257])).loss
    assert loss.dtype == torch.float32
    loss.backward()


def test_the_loss_is_a_mean_over_the_batch_and_trainers_are_told_so():
    assert HyperbolicCNNForSequenceClassification.accepts_loss_kwargs is False
    model, ids, labels = tiny_model().eval(), random_ids(14, 9), torch.tensor([0, 1])
    plain = model(ids, labels=labels).loss
    assert torch.equal(model(ids, labels=labels, num_items_in_batch=64).loss, plain)


@pytest.mark.parametrize("wrong", [3, -1])
def test_a_label_outside_the_range_is_refused_with_its_value(wrong):
    model = tiny_model()
    with pytest.raises(ValueError, match=rf"label {wrong} is outside the range 0\.\.2 of a model"):
        model(random_ids(14, 9), labels=torch.tensor([0, wrong]))


# ---------------------------------------------------------------- inputs


@geometries
@heads
def test_one_hot_bases_give_the_logits_of_ids_and_a_gradient(geometry, head):
    model = tiny_model(geometry=geometry, head=head).eval()
    ids = random_ids(14, 9)
    mask = (ids != PAD).long()
    bases = F.one_hot(ids, 6)[..., :5].double().requires_grad_()
    logits = model(inputs_embeds=bases, attention_mask=mask).logits
    torch.testing.assert_close(logits, model(ids).logits, rtol=1e-12, atol=1e-12)

    (gradient,) = torch.autograd.grad(logits[:, 0].sum(), bases)

    assert gradient.isfinite().all()
    assert gradient[0].abs().sum(1).min() > 0
    assert not gradient[1, 9:].any()


@geometries
def test_gradient_of_soft_bases_is_that_of_finite_differences(geometry):
    model = tiny_model(geometry=geometry, reverse_complement="average").eval()
    bases = torch.rand(1, 8, 5, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: model(inputs_embeds=x).logits, bases)


def test_input_mistakes_are_refused_with_what_was_given():
    model = tiny_model()
    ids, bases = random_ids(14, 9), torch.zeros(2, 14, 5)
    for inputs in ({}, {"input_ids": ids, "inputs_embeds": bases}):
        with pytest.raises(ValueError, match="either input_ids .* or inputs_embeds"):
            model(**inputs)
    for inputs in ({"input_ids": ids[0]}, {"inputs_embeds": bases[..., :4]}):
        with pytest.raises(ValueError, match=r"inputs_embeds \(B, L, 5\), got \("):
            model(**inputs)
    with pytest.raises(ValueError, match=r"shape \(2, 14\) of the input, got \(2, 13\)"):
        model(ids, attention_mask=torch.ones(2, 13))


@pytest.mark.parametrize("name", ["input_ids", "attention_mask", "inputs_embeds"])
def test_what_is_no_tensor_is_refused(name):
    inputs = {name: [[0] * 14]}
    if name == "attention_mask":
        inputs["input_ids"] = random_ids(14)
    with pytest.raises(ValueError, match=f"{name} must be a tensor, got a list; tokenize strings"):
        tiny_model()(**inputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bool, torch.complex64])
def test_ids_that_are_no_integers_are_refused(dtype):
    """Compared with bases, 0.3 would be none of them, and the sequence would be empty."""
    with pytest.raises(ValueError, match=f"which are integers, got {dtype}; pass the tokenizer's"):
        tiny_model()(random_ids(14).to(dtype))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.uint16])
def test_ids_of_any_integer_dtype_are_the_same(dtype):
    model, ids = tiny_model().eval(), random_ids(14, 9)
    assert torch.equal(model(ids.to(dtype)).logits, model(ids).logits)


@pytest.mark.parametrize("geometry", ["lorentz", "euclidean"])
@pytest.mark.parametrize("shape", [(0, 12), (2, 0)])
def test_a_batch_holds_a_sequence_and_a_sequence_a_base(geometry, shape):
    model = tiny_model(geometry=geometry)
    message = rf"the shape \({shape[0]}, {shape[1]}.*; give at least one sequence .*one position"
    with pytest.raises(ValueError, match=message):
        model(input_ids=torch.zeros(shape, dtype=torch.long))
    with pytest.raises(ValueError, match=message):
        model(inputs_embeds=torch.zeros(*shape, 5))


@pytest.mark.parametrize("mask_padding", [True, False])
def test_a_sequence_too_long_for_the_flatten_head_is_refused_with_both_lengths(mask_padding):
    model = tiny_model(mask_padding=mask_padding)
    with pytest.raises(ValueError, match=r"21 positions, but .* max_length=20; truncate"):
        model(random_ids(21, 4))


@pytest.mark.parametrize("wrong", [7, -1])
def test_a_token_id_outside_the_vocabulary_is_refused_with_its_value(wrong):
    ids = random_ids(14, 9)
    ids[1, 3] = wrong
    with pytest.raises(ValueError, match=f"input_ids hold {wrong}, but .* ids 0 to 6"):
        tiny_model()(ids)


def test_there_is_no_embedding_table_to_resize():
    model = tiny_model()
    assert model.get_input_embeddings() is None
    with pytest.raises(ValueError, match=r"no table of embeddings to resize; .*vocab_size"):
        model.resize_token_embeddings(8)


# ---------------------------------------------------------------- checkpointing, statistics


# renamed in recent versions of Transformers; the old name is in all that we support
@pytest.mark.filterwarnings("ignore:`gradient_checkpointing_enable` is deprecated:FutureWarning")
@geometries
@pytest.mark.parametrize("learnable", [True, False])
@pytest.mark.parametrize("use_reentrant", [True, False])
@pytest.mark.parametrize("network", [{}, RESIDUAL], ids=["plain", "residual"])
def test_gradient_checkpointing_repeats_the_blocks_and_changes_nothing(
    geometry, learnable, use_reentrant, network
):
    options = {"geometry": geometry, "multi_curvature": True, "learnable_curvature": learnable}
    options |= network
    ids, labels = random_ids(14, 9, 4), torch.tensor([0, 1, 2])
    plain, checkpointed = tiny_model(**options), tiny_model(**options)
    checkpointed.load_state_dict(plain.state_dict())
    checkpointed.gradient_checkpointing_enable({"use_reentrant": use_reentrant})
    calls = []
    for block in checkpointed.model.blocks:
        layer = block.conv if network else block.layers[0]
        layer.register_forward_hook(lambda *_: calls.append(1))

    for _ in range(2):
        for model in (plain, checkpointed):
            model(ids, labels=labels).loss.backward()

    assert len(calls) == 2 * 2 * 3  # two passes, each forward twice through three blocks
    for (name, found), expected in zip(
        checkpointed.named_parameters(), plain.parameters(), strict=True
    ):
        torch.testing.assert_close(found.grad, expected.grad, msg=lambda m, n=name: f"{n}: {m}")
    for found, expected in zip(checkpointed.buffers(), plain.buffers(), strict=True):
        assert torch.equal(found, expected)


@geometries
def test_running_statistics_move_in_training_only(geometry):
    model = tiny_model(geometry=geometry)
    ids = random_ids(14, 9)
    for training in (False, True):
        before = {name: buffer.clone() for name, buffer in model.named_buffers()}
        assert len(before) == 12
        model.train(training)(ids)
        for name, buffer in model.named_buffers():
            assert torch.equal(buffer, before[name]) != training, name


@geometries
def test_inference_without_gradients_and_in_inference_mode_agree(geometry):
    model, ids = tiny_model(geometry=geometry).eval(), random_ids(14, 9)
    expected = model(ids).logits
    with torch.no_grad():
        assert torch.equal(model(ids).logits, expected)
    with torch.inference_mode():
        assert torch.equal(model(ids).logits, expected)


# ---------------------------------------------------------------- initialisation, sizes


def parameters_of(config):
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = HyperbolicCNNForSequenceClassification(config)
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("length", [70, 200, 1000])
@pytest.mark.parametrize("classes", [2, 3, 9])
def test_the_paper_models_have_the_published_number_of_parameters(length, classes):
    """The official networks' counts; for HCNN without the rows and scalars they never use."""
    config = HyperbolicCNNConfig(max_length=length, num_labels=classes)
    single = parameters_of(config)
    assert single == 16337 * length + 46259 + 528 * classes
    if classes == 2:
        assert single == {70: 1_190_905, 200: 3_314_715, 1000: 16_384_315}[length]
    config.multi_curvature = True
    assert parameters_of(config) == single + 3
    config.geometry = "euclidean"
    assert parameters_of(config) == 16896 * length + 48624 + 529 * classes


def test_lorentz_layers_start_as_the_official_ones():
    model = HyperbolicCNNForSequenceClassification(tiny_config(num_channels=32))
    state = model.state_dict()
    for name, tensor in state.items():
        if name.endswith(("conv.space.weight", "linear.space.weight", "time_weight")):
            assert 0.015 < tensor.abs().max() <= 0.02, name
        elif name.endswith(("space.bias", "beta", "running_mean", "raw_curvature")):
            assert not tensor.any(), name
        elif name.endswith(("gamma", "running_var")):
            assert (tensor == 1).all(), name
        else:
            assert name.startswith("classifier"), name
            assert 0 < tensor.abs().max() <= 11**-0.5


def test_euclidean_layers_start_as_torch_does():
    model = HyperbolicCNNForSequenceClassification(tiny_config(geometry="euclidean"))
    weight = model.model.blocks[1].layers[0].conv.weight
    bound = (6 * 9) ** -0.5  # one over the root of the fan-in
    assert 0.9 * bound < weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.15)


@pytest.mark.parametrize("options", [{}, RESIDUAL, {"geometry": "euclidean"}])
@pytest.mark.parametrize("training", [True, False])
def test_a_norm_follows_its_own_mode(options, training):
    """Frozen norms in a model that trains; norms that are set anew in a model that does not."""
    model = tiny_model(**options).train(training)
    norms = [module for name, module in model.named_modules() if hasattr(module, "running_var")]
    for norm in norms[:-1]:
        norm.train(not training)
    before = [norm.running_var.clone() for norm in norms]
    model(input_ids=random_ids(9, 7, 4), labels=torch.tensor([0, 1, 2])).loss.backward()
    moved = [
        not torch.equal(old, norm.running_var) for old, norm in zip(before, norms, strict=True)
    ]
    assert moved == [not training] * (len(norms) - 1) + [training]


@pytest.mark.parametrize("options", [{}, RESIDUAL])
def test_a_block_that_is_frozen_keeps_its_statistics(options):
    model = tiny_model(**options).train()
    block = model.model.blocks[0].eval()
    before = [buffer.clone() for buffer in block.buffers()]
    model(input_ids=random_ids(9, 7), labels=torch.tensor([0, 1])).loss.backward()
    for old, buffer in zip(before, block.buffers(), strict=True):
        assert torch.equal(old, buffer)
