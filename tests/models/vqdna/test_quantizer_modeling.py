"""What the quantizer returns, how it trains its codebooks, and what it refuses."""

import pytest
import torch
import torch.nn.functional as F
from transformers import AutoModel, AutoModelForPreTraining

from hf_genomics import VQDNAQuantizerConfig, VQDNAQuantizerModel
from tests.models.vqdna.tiny_quantizer import (
    PAD,
    N,
    random_ids,
    tiny_config,
    tiny_quantizer,
)


def count(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def codebook_state(model):
    return {name: value.clone() for name, value in model.quantizer.codebooks.state_dict().items()}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def test_the_plain_vq_model_has_the_size_of_the_papers():
    """16 M are reported; the parts that the paper describes come to 14.6 M."""
    model = VQDNAQuantizerModel(VQDNAQuantizerConfig.preset("vq"))
    assert count(model.encoder.blocks[0]) == 1_185_408
    assert count(model.encoder) == 7_217_024
    vectors = model.get_codebook(0).numel()
    assert vectors == 512 * 384
    whole = count(model.encoder) + count(model.decoder) + vectors
    assert whole == 14_630_276
    assert count(model) == whole - vectors + 384  # and the vector that stands for a dropped code


@pytest.mark.parametrize("name", ["paper", "robust"])
def test_a_second_level_adds_its_codebook_alone(name):
    one = VQDNAQuantizerModel(VQDNAQuantizerConfig.preset(name, codebook_sizes=[512]))
    two = VQDNAQuantizerModel(VQDNAQuantizerConfig.preset(name))
    assert count(one) == count(two)
    assert [tuple(two.get_codebook(n).shape) for n in (0, 1)] == [
        (size, 384) for size in two.config.codebook_sizes
    ]


def test_auto_classes_build_it():
    for auto in (AutoModel, AutoModelForPreTraining):
        assert type(auto.from_config(tiny_config())) is VQDNAQuantizerModel


@pytest.mark.parametrize("ratio", [1, 2, 4])
def test_shapes(ratio):
    model = tiny_quantizer(downsample_ratio=ratio, codebook_sizes=[8, 16, 32], num_layers=3)
    ids = random_ids(21, 10)
    codes = -(-21 // ratio)
    outputs = model(ids)
    assert outputs.logits.shape == (2, 21, 4)
    assert outputs.codes.shape == (2, 3, codes)
    assert outputs.codes.dtype == torch.int64
    assert outputs.quantized_representation.shape == (2, codes, 16)
    assert outputs.codebook_perplexity.shape == (3,)
    assert outputs.loss.shape == outputs.reconstruction_loss.shape == ()
    encoded = model.encode(ids)
    assert torch.equal(encoded.codes, outputs.codes)
    assert [latent.shape for latent in encoded.latents] == [(2, codes, 16)] * 3
    assert model.decode(codes=encoded.codes).logits.shape == (2, codes * ratio, 4)
    for level, (size, vectors) in enumerate(zip([8, 16, 32], outputs.codes.unbind(1), strict=True)):
        assert model.get_codebook(level).shape == (size, 16)
        assert vectors.max() < size


def test_outputs_as_a_tuple():
    model, ids = tiny_quantizer(), random_ids(21)
    for found, expected in zip(model(ids, return_dict=False), model(ids).to_tuple(), strict=True):
        assert torch.equal(found, expected)


def test_the_loss_is_cross_entropy_and_commitment():
    model = tiny_quantizer(commitment_weight=0.3)
    ids = random_ids(40, 25)
    ids[0, 3:6] = N
    outputs, encoded = model(ids), model.encode(ids)
    there = ids < 4
    expected = F.cross_entropy(outputs.logits[there], ids[there])
    torch.testing.assert_close(outputs.reconstruction_loss, expected)
    commitment = 0.0
    for level, latent in enumerate(encoded.latents):
        vectors = model.get_codebook(level)[outputs.codes[:, level].clamp_min(0)]
        commitment += F.mse_loss(latent[there], vectors[there])
    torch.testing.assert_close(outputs.commitment_loss, commitment)
    torch.testing.assert_close(outputs.loss, expected + 0.3 * commitment)
    torch.testing.assert_close(encoded.loss, 0.3 * commitment)


def test_the_loss_is_the_same_with_more_padding():
    model, ids = tiny_quantizer(), random_ids(40, 25)
    wide = F.pad(ids, (0, 33), value=PAD)
    torch.testing.assert_close(model(wide).loss, model(ids).loss)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32], ids=str)
def test_ids_of_any_integer_type_are_read(dtype):
    model, ids = tiny_quantizer(), random_ids(40, 25)
    found, expected = model(ids.to(dtype)), model(ids)
    assert torch.equal(found.loss, expected.loss)
    assert torch.equal(found.codes, expected.codes)
    assert torch.equal(model.tokenize(ids.to(dtype), chunk_size=16), expected.codes)


def test_losses_can_be_left_out():
    outputs = tiny_quantizer()(random_ids(20), return_loss=False)
    assert outputs.loss is outputs.reconstruction_loss is outputs.commitment_loss is None
    assert outputs.logits is not None


def test_what_is_quantized_follows_equation_6():
    model, ids = tiny_quantizer(), random_ids(30)
    outputs = model.encode(ids)
    mask = torch.ones(1, 30, 1)
    one_hot = F.one_hot(ids, 4).float()
    z1, z2 = model.encoder(one_hot, mask, mask, 2)
    e1, e2 = (model.get_codebook(n)[outputs.codes[:, n]] for n in (0, 1))
    torch.testing.assert_close(outputs.latents[0], z1)
    torch.testing.assert_close(outputs.latents[1], 2 * z2 - e1)
    torch.testing.assert_close(outputs.quantized_representation, (e1 + e2) / 2)
    nearest = torch.cdist(outputs.latents[1][0].double(), model.get_codebook(1).double()).argmin(1)
    assert torch.equal(outputs.codes[0, 1], nearest)


@pytest.mark.parametrize("ratio", [1, 4])
@pytest.mark.parametrize("gradient", ["straight_through", "rotation"])
def test_every_weight_learns(ratio, gradient):
    model = tiny_quantizer(downsample_ratio=ratio, codebook_gradient=gradient).train()
    model(random_ids(40, 25)).loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_a_coarse_code_is_not_pulled_by_the_level_after_it():
    """The vector that level 2 subtracts is a constant: of H_2 only Z_2 has a gradient."""
    model = tiny_quantizer(quantizer_layers=[2, 2]).train()
    ids = random_ids(40)
    model.encode(ids).latents[1].sum().backward()
    grad = model.encoder.blocks[1].down.bias.grad.clone()
    model.zero_grad()
    (2 * model.encode(ids).latents[0]).sum().backward()
    torch.testing.assert_close(model.encoder.blocks[1].down.bias.grad, grad)


@pytest.mark.parametrize("how", ["eval", "no_grad", "frozen"])
def test_codebooks_stand_still(how):
    model = tiny_quantizer()
    model.train(how != "eval")
    if how == "frozen":
        model.freeze_codebook()
    before, steps = codebook_state(model), model.training_steps.clone()
    with torch.set_grad_enabled(how != "no_grad"):
        model(random_ids(300))
        model.tokenize(random_ids(300))
    assert_same(codebook_state(model), before)
    assert model.training_steps == steps


def test_codebooks_move_in_training():
    model = tiny_quantizer().train()
    before = codebook_state(model)
    model(random_ids(300))
    after = codebook_state(model)
    assert not torch.equal(after["0.embed"], before["0.embed"])
    assert not torch.equal(after["1.embed"], before["1.embed"])
    assert model.training_steps == 1


def test_a_thawed_codebook_moves_again():
    model = tiny_quantizer(codebook_frozen=True, codebook_dim=4).train()
    inner = list(model.quantizer.codebooks.parameters())
    assert inner
    assert not any(parameter.requires_grad for parameter in inner)
    model.unfreeze_codebook()
    assert all(parameter.requires_grad for parameter in inner)
    assert not model.config.codebook_frozen
    before = codebook_state(model)
    model(random_ids(300))
    assert not torch.equal(codebook_state(model)["0.embed"], before["0.embed"])


@pytest.mark.filterwarnings("ignore:`gradient_checkpointing_enable` is deprecated:FutureWarning")
@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointing_moves_the_codebooks_once_and_to_the_same_place(reentrant):
    plain = tiny_quantizer(code_dropout=0.0).train()
    other = VQDNAQuantizerModel(plain.config).train()
    other.load_state_dict(plain.state_dict())
    other.gradient_checkpointing_enable({"use_reentrant": reentrant})
    ids = random_ids(300)
    for model in (plain, other):
        model(ids).loss.backward()
    assert_same(codebook_state(other), codebook_state(plain))
    assert other.training_steps == 1
    for (name, found), expected in zip(other.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad, msg=lambda m, n=name: f"{n}: {m}")


def test_nothing_is_quantized_during_the_warm_up():
    model = VQDNAQuantizerModel(tiny_config(kmeans_warmup_steps=2, code_dropout=0.0)).train()
    ids = random_ids(300)
    before = codebook_state(model)
    for _ in range(2):
        outputs = model(ids)
        assert (outputs.codes == -1).all()
        assert outputs.commitment_loss == 0
        assert outputs.codebook_perplexity.tolist() == [0, 0]
        assert (outputs.quantized_representation != 0).all()
        assert_same(codebook_state(model), before)
    outputs = model(ids)
    assert (outputs.codes >= 0).all()
    assert not torch.equal(codebook_state(model)["0.embed"], before["0.embed"])
    assert model.training_steps == 3


def test_evaluation_quantizes_during_the_warm_up():
    model = VQDNAQuantizerModel(tiny_config(kmeans_warmup_steps=2)).eval()
    assert (model(random_ids(30)).codes >= 0).all()
    assert model.training_steps == 0


def test_dropped_codes_are_hidden_from_the_decoder_in_training_only():
    model = tiny_quantizer(code_dropout=0.5)
    seen = []
    model.decoder.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    ids = random_ids(2000, 1000)
    for training in (True, False):
        model.train(training)
        outputs = model(ids)
        dropped = (seen[-1] == model.dropped_code).all(2)
        there = outputs.codes[:, 0] >= 0
        assert not dropped[~there].any()
        kept = there & ~dropped
        assert torch.equal(seen[-1][kept], outputs.quantized_representation[kept])
        share = dropped[there].float().mean()
        assert 0.45 < share < 0.55 if training else share == 0


def test_without_code_dropout_there_is_no_vector_for_it():
    assert VQDNAQuantizerModel(tiny_config(code_dropout=0.0)).dropped_code is None


@pytest.mark.parametrize(
    "fields",
    [
        {"quantizer_type": "fsq", "fsq_levels": [4, 4, 4]},
        {"codebook_dim": 4, "codebook_distance": "cosine"},
        {"codebook_sizes": [16]},
        {"codebook_sizes": [8, 16, 32], "num_layers": 3, "residual_rule": "mean"},
        {"quantizer_layers": [2, 2]},
        {"codebook_gradient": "rotation", "downsample_ratio": 2},
    ],
    ids=str,
)
def test_every_kind_of_codebook_trains_and_decodes_its_codes(fields):
    model = tiny_quantizer(**fields).train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    for _ in range(3):
        optimizer.zero_grad()
        model(random_ids(200, 150)).loss.backward()
        optimizer.step()
    ids = random_ids(60, 31)
    outputs = model.eval()(ids)
    assert outputs.loss.isfinite()
    assert torch.equal(model.decode(codes=outputs.codes).logits[:, :60], outputs.logits)
    assert torch.equal(model.tokenize(ids, chunk_size=8), outputs.codes)
    assert [u.counts.sum() for u in model.codebook_usage(outputs.codes)] == [
        (level >= 0).sum() for level in outputs.codes.unbind(1)
    ]


def test_a_code_whose_vector_is_zero_is_still_a_code():
    """The centre of a grid whose map back has no bias: one like the others, not a place without."""
    model = tiny_quantizer(quantizer_type="fsq", fsq_levels=[3, 3])
    with torch.no_grad():
        model.quantizer.codebooks[0].project_out.bias.zero_()
    centre = (model.get_codebook_entry(torch.arange(9)[None, None])[0] == 0).all(1)
    assert centre.tolist() == [code == 4 for code in range(9)]
    ids = random_ids(600, 310)
    outputs = model(ids)
    assert (outputs.codes == 4).any()
    assert torch.equal(model.decode(codes=outputs.codes).logits, outputs.logits)


def test_autocast_gives_the_losses_of_float32_with_float32_codebooks():
    model = VQDNAQuantizerModel(tiny_config(code_dropout=0.0)).train()
    model(random_ids(3000))  # k-means
    ids = random_ids(400)
    before = codebook_state(model)
    with torch.no_grad():
        expected = model(ids)
    with torch.autocast("cpu", torch.bfloat16):
        outputs = model(ids)
    outputs.loss.backward()
    torch.testing.assert_close(outputs.loss, expected.loss, rtol=0.05, atol=0)
    assert (outputs.codes == expected.codes).float().mean() > 0.8
    after = codebook_state(model)
    assert not torch.equal(after["0.embed"], before["0.embed"])
    assert all(value.dtype in (torch.float32, torch.int64) for value in after.values())


def test_bfloat16_weights_run():
    model = tiny_quantizer().to(torch.bfloat16).train()
    model(random_ids(100)).loss.backward()
    assert model.tokenize(random_ids(100)).min() >= 0
    assert len(model.detokenize(model.tokenize(random_ids(100)))[0]) == 100


def test_the_same_seeds_give_the_same_codebooks():
    states = []
    for _ in range(2):
        torch.manual_seed(1)
        model = VQDNAQuantizerModel(tiny_config(kmeans_warmup_steps=1)).train()
        optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
        for _ in range(4):
            optimizer.zero_grad()
            model(random_ids(500)).loss.backward()
            optimizer.step()
        states.append(model.state_dict())
    assert_same(*states)


def test_the_codebooks_draw_from_a_seed_of_their_own():
    """Not from the global generator: the seed of the training says nothing on k-means."""

    weights, ids = VQDNAQuantizerModel(tiny_config()).encoder.state_dict(), random_ids(500)

    def after_a_step(codebook_seed, global_seed):
        model = VQDNAQuantizerModel(tiny_config(codebook_seed=codebook_seed)).train()
        model.encoder.load_state_dict(weights)
        torch.manual_seed(global_seed)
        model(ids)
        return codebook_state(model)

    assert_same(after_a_step(3, 10), after_a_step(3, 11))
    assert not torch.equal(after_a_step(3, 10)["0.embed"], after_a_step(4, 10)["0.embed"])


def test_inputs_that_cannot_be_are_refused():
    model, ids = tiny_quantizer(), random_ids(20)
    for call, reason in (
        (lambda: model(), r"shape \(B, L\), got nothing"),
        (lambda: model(ids[0]), r"shape \(B, L\), got \(20,\)"),
        (lambda: model(ids[:, :0]), "no positions"),
        (lambda: model.tokenize("ACGT"), r"got a str; tokenize strings with DNATokenizer"),
        (lambda: model({"input_ids": ids}), r"got a dict; .* pass its batch as model\(\*\*batch\)"),
        (lambda: model.tokenize(ids.float()), "input_ids must be integers, got torch.float32"),
        (lambda: model.tokenize(ids > 1), "input_ids must be integers, got torch.bool"),
        (lambda: model.tokenize(ids * 1j), "input_ids must be integers, got torch.complex64"),
        (
            lambda: model.decode(codes=ids[:, None].float()),
            "tensor of integers .*got torch.float32",
        ),
        (lambda: model.detokenize([[[0, 1], [0, 1]]]), "tensor of integers .*got a list"),
        (lambda: model(ids, ids[:, 1:]), r"the shape \(1, 20\) of the input, got \(1, 19\)"),
        (lambda: model(ids + 4), "but the model knows the ids 0 to 6"),
        (lambda: model(ids - 4), "input_ids hold -"),
        (lambda: model.encode(ids, num_quantizers=3), "num_quantizers must be from 1 to 2"),
        (lambda: model.encode(ids, num_quantizers=0), "num_quantizers must be from 1 to 2"),
        (lambda: model.decode(), "either quantized_representation"),
        (lambda: model.decode(torch.zeros(1, 2, 15)), r"must be \(B, T, 16\), got \(1, 2, 15\)"),
        (lambda: model.decode(codes=ids), r"codes must be \(B, Q, T\)"),
        (lambda: model.decode(codes=ids[:, None] * 0 + 32), "codes of level 0 hold 32"),
        (lambda: model.codebook_usage(ids[:, None] * 0 - 2), "codes of level 0 hold -2"),
        (lambda: model.detokenize(ids[:, None], chunk_size=0), "chunk_size must be at least 1"),
        (lambda: model.resize_token_embeddings(9), "set config.vocab_size"),
    ):
        with pytest.raises(ValueError, match=reason):
            call()
    with pytest.raises(IndexError, match="level 2 was asked for, but there are levels 0 to 1"):
        model.get_codebook(2)
