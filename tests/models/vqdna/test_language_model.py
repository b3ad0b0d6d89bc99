"""The Transformer over codes: what changes its features, and what must not."""

import math

import pytest
import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import flash_attention_mask

from hf_genomics import (
    VQDNAConfig,
    VQDNAForMaskedLM,
    VQDNAForSequenceClassification,
    VQDNAForTokenClassification,
    VQDNAModel,
)
from hf_genomics.models.vqdna.rotary_embedding import turned, turns
from tests.models.vqdna.tiny_language_model import mask_of, messy_ids, tiny_model
from tests.models.vqdna.tiny_quantizer import MASK, N, random_ids

CLASSES = [
    VQDNAModel,
    VQDNAForMaskedLM,
    VQDNAForSequenceClassification,
    VQDNAForTokenClassification,
]
QUANTIZERS = {
    "plain": {},
    "four nucleotides to a code": {"downsample_ratio": 4},
    "one level, two nucleotides": {"codebook_sizes": [16], "downsample_ratio": 2},
    "narrow, cosine": {"codebook_dim": 4, "codebook_distance": "cosine"},
    "grid": {"quantizer_type": "fsq", "fsq_levels": [4, 4]},
}


def features(model, ids, mask):
    with torch.no_grad():
        return model(ids, mask)[0]


@pytest.mark.parametrize("quantizer", QUANTIZERS.values(), ids=QUANTIZERS.keys())
@pytest.mark.parametrize("cls", CLASSES)
def test_shapes_and_finite_values(cls, quantizer):
    model = tiny_model(cls, quantizer=quantizer, num_labels=5)
    ratio, levels = (
        model.config.quantizer_config.downsample_ratio,
        model.config.quantizer_config.codebook_sizes,
    )
    ids, mask = messy_ids(26, 13, 0), mask_of(26, 13, 0)
    with torch.no_grad():
        outputs = model(ids, mask, output_hidden_states=True)
    codes = -(-26 // ratio)
    assert all(state.shape == (3, codes, 24) for state in outputs.hidden_states)
    assert len(outputs.hidden_states) == 3
    if cls is VQDNAModel:
        assert outputs.codes.shape == (3, len(levels), codes)
        assert torch.equal(outputs.codes, model.tokenize(ids, mask))
        assert torch.equal(outputs.hidden_states[-1], outputs.last_hidden_state)
    if cls is VQDNAForMaskedLM:
        assert outputs.logits.shape == (3, 26, 7)
        assert [one.shape for one in outputs.code_logits] == [(3, codes, k) for k in levels]
    if cls is VQDNAForSequenceClassification:
        assert outputs.logits.shape == (3, 5)
    if cls is VQDNAForTokenClassification:
        assert outputs.logits.shape == (3, 26, 5)
    assert outputs[0].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("cls", CLASSES)
def test_padding_on_either_side_changes_nothing(cls, dtype):
    tolerance = {torch.float32: 2e-5, torch.float64: 1e-12}[dtype]
    model = tiny_model(cls).to(dtype)
    ids = messy_ids(30)
    alone = features(model, ids, torch.ones_like(ids))
    pads = torch.full((1, 7), 5)
    for side in ("left", "right"):
        parts = (pads, ids) if side == "left" else (ids, pads)
        padded = torch.cat(parts, 1)
        there = torch.cat([torch.ones_like(part) * (part is ids) for part in parts], 1)
        found = features(model, padded, there)
        if found.dim() == 3:
            found = found[:, there[0].bool()]
        torch.testing.assert_close(found, alone, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("ratio", [1, 4])
@pytest.mark.parametrize("cls", CLASSES)
def test_a_batch_gives_what_its_rows_give_alone(cls, ratio):
    model = tiny_model(cls, quantizer={"downsample_ratio": ratio}).double()
    lengths = (29, 8, 17, 1)
    ids, mask = messy_ids(*lengths), mask_of(*lengths)
    together = features(model, ids, mask)
    for row, length in enumerate(lengths):
        alone = features(model, ids[row : row + 1, :length], mask[row : row + 1, :length])
        found = together[row : row + 1]
        if found.dim() == 3:
            found = found[:, : alone.shape[1]]
        torch.testing.assert_close(found, alone, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32])
@pytest.mark.parametrize("cls", CLASSES)
def test_ids_of_any_integer_type_are_read(cls, dtype):
    model, ids = tiny_model(cls, quantizer={"downsample_ratio": 2}), messy_ids(30, 20)
    for mask in (None, mask_of(30, 20)):
        assert torch.equal(features(model, ids.to(dtype), mask), features(model, ids, mask))


def test_without_a_mask_padding_is_told_by_its_id():
    model, ids = tiny_model(), random_ids(20, 11)
    assert torch.equal(features(model, ids, None), features(model, ids, mask_of(20, 11)))


@pytest.mark.parametrize("quantizer", QUANTIZERS.values(), ids=QUANTIZERS.keys())
def test_sdpa_gives_what_eager_gives(quantizer):
    model = tiny_model(quantizer=quantizer).double()
    ids, mask = messy_ids(30, 9), mask_of(30, 9)
    model.set_attn_implementation("sdpa")
    sdpa = features(model, ids, mask)
    model.set_attn_implementation("eager")
    assert model.model.layers[0].attention.config._attn_implementation == "eager"
    eager = features(model, ids, mask)
    ratio = model.config.quantizer_config.downsample_ratio
    there = model.model.per_code(mask).any(2).repeat_interleave(ratio, 1)[:, :30]
    torch.testing.assert_close(sdpa[there], eager[there], rtol=1e-12, atol=1e-12)


def test_attentions_are_of_positions_that_are_there():
    model = tiny_model(VQDNAModel)
    model.set_attn_implementation("eager")
    ids = random_ids(12, 7)
    with torch.no_grad():
        attentions = model(ids, mask_of(12, 7), output_attentions=True).attentions
    assert [one.shape for one in attentions] == [(2, 3, 12, 12)] * 2
    for one in attentions:
        torch.testing.assert_close(one.sum(-1), torch.ones(2, 3, 12))
        assert (one[1, :, :, 7:] == 0).all()


def test_flash_attention_is_declared_and_asked_of_the_transformer_alone():
    assert VQDNAModel._supports_flash_attn
    assert VQDNAModel._supports_sdpa
    model = tiny_model()
    assert model.config._attn_implementation == "sdpa"
    assert model.quantizer_model.config._attn_implementation == "eager"


def padding_free_attention(module, query, key, value, attention_mask, **options):
    """With the inputs and outputs of flash attention: a mask `(B, T)`, and a result `(B, T, H, d)`.

    Rows are attended to without their padding, one by one.
    """
    assert options["is_causal"] is False
    result = torch.zeros_like(query)
    there = torch.ones(len(query), query.shape[2]) if attention_mask is None else attention_mask
    for row, kept in enumerate(there.bool()):
        parts = [x[row : row + 1, :, kept] for x in (query, key, value)]
        attended = torch.nn.functional.scaled_dot_product_attention(
            *parts, scale=options["scaling"]
        )
        result[row, :, kept] = attended[0]
    return result.transpose(1, 2), None


def test_attention_without_padding_gives_the_same_at_what_is_there():
    AttentionInterface.register("padding_free", padding_free_attention)
    AttentionMaskInterface.register("padding_free", flash_attention_mask)
    model = tiny_model().double()
    ids, mask = messy_ids(30, 9, 22), mask_of(30, 9, 22)
    expected = features(model, ids, mask)
    model.set_attn_implementation("padding_free")
    found = features(model, ids, mask)
    there = mask.bool()
    torch.testing.assert_close(found[there], expected[there], rtol=1e-12, atol=1e-12)


def test_turns_depend_on_distances_alone():
    x, y = torch.randn(2, 1, 1, 1, 8, dtype=torch.float64)
    cos, sin = turns(50, 8, theta=100.0, dtype=torch.float64, device=x.device)
    products = turned(x.expand(1, 1, 50, 8), cos, sin) @ turned(y.expand(1, 1, 50, 8), cos, sin).mT
    for distance in (0, 3, 20):
        diagonal = products[0, 0].diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))
    torch.testing.assert_close(products[0, 0, 0, 0], (x * y).sum())


def test_turns_equal_complex_multiplication():
    x = torch.randn(1, 1, 5, 6, dtype=torch.float64)
    cos, sin = turns(5, 6, theta=10_000.0, dtype=torch.float64, device=x.device)
    found = turned(x, cos, sin)
    for t in range(5):
        for i in range(3):
            angle = t * 10_000.0 ** (-2 * i / 6)
            pair = complex(x[0, 0, t, i], x[0, 0, t, i + 3])
            pair *= complex(math.cos(angle), math.sin(angle))
            assert found[0, 0, t, i].item() == pytest.approx(pair.real)
            assert found[0, 0, t, i + 3].item() == pytest.approx(pair.imag)


def test_turns_of_bfloat16_are_float32():
    cos, _ = turns(2000, 8, theta=1e4, dtype=torch.bfloat16, device=torch.device("cpu"))
    assert cos.dtype == torch.float32


def test_the_transformer_tells_n_from_mask_and_gap():
    model, ids = tiny_model(VQDNAModel).double(), random_ids(20)
    mask, found = torch.ones_like(ids), []
    for token in (N, 5, MASK):
        ids[0, 9] = token
        found.append(features(model, ids, mask))
        codes = model.tokenize(ids, mask)
        assert (codes[0, :, 9] == -1).all()
    assert not torch.allclose(found[0], found[1])
    assert not torch.allclose(found[1], found[2])


def test_more_tokens_may_be_added():
    model, ids = tiny_model(), random_ids(20)
    before = features(model, ids, None)
    model.resize_token_embeddings(9, mean_resizing=False)
    assert model.config.vocab_size == 9
    torch.testing.assert_close(features(model, ids, None)[..., :7], before)
    classed = torch.cat([torch.full((1, 1), 8), ids], 1)
    assert features(model, classed, None).shape == (1, 21, 9)
    assert torch.equal(model.tokenize(classed)[:, :, 1:], model.tokenize(ids))
    with pytest.raises(ValueError, match=r"hold 9, but the model knows the ids 0 to 8"):
        model(torch.full((1, 3), 9))


@pytest.mark.filterwarnings("ignore:`gradient_checkpointing_enable` is deprecated:FutureWarning")
@pytest.mark.parametrize("reentrant", [False, True])
def test_gradient_checkpointing_changes_no_gradient(reentrant):
    gradients = []
    model = tiny_model(hidden_dropout_prob=0.0).train()
    ids = random_ids(24)
    labels = torch.where(torch.rand(ids.shape) < 0.3, ids, -100)
    for checkpointing in (False, True):
        if checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": reentrant})
        model.zero_grad()
        model(ids, labels=labels).loss.backward()
        gradients.append(
            {name: p.grad.clone() for name, p in model.named_parameters() if p.requires_grad}
        )
    assert model.model.layers[0].gradient_checkpointing
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, msg=name)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((None,), "input_ids must be token ids of shape"),
        ((torch.zeros(4, dtype=torch.long),), r"got \(4,\)"),
        (("ACGT",), "got a str; tokenize strings with DNATokenizer"),
        ((torch.zeros(1, 4),), "input_ids must be integers, got torch.float32"),
        ((torch.full((1, 3), 7),), "hold 7, but the model knows the ids 0 to 6"),
        ((torch.full((1, 3), -1),), "hold -1"),
        ((torch.zeros(1, 3).long(), torch.ones(1, 4)), "attention_mask must have the shape"),
        ((torch.zeros(1, 0).long(),), "no positions"),
        ((torch.zeros(0, 4).long(),), r"\(0, 4\).*attention needs at least one row; leave empty"),
    ],
)
@pytest.mark.parametrize("cls", CLASSES)
def test_bad_input_is_refused(cls, inputs, message):
    with pytest.raises(ValueError, match=message):
        tiny_model(cls)(*inputs)


def test_a_code_mask_of_another_shape_is_refused():
    model = tiny_model(VQDNAModel, quantizer={"downsample_ratio": 4})
    with pytest.raises(ValueError, match=r"\(1, 5\) of the codes, got \(1, 20\)"):
        model(random_ids(20), code_mask=torch.zeros(1, 20).bool())


def test_base_sizes_are_those_of_the_paper():
    with torch.device("meta"):
        model = VQDNAModel(VQDNAConfig.preset("paper"))
    transformer = sum(
        p.numel() for name, p in model.named_parameters() if "quantizer_model" not in name
    )
    assert round(transformer / 1e6, 1) == 85.4  # 85.05 M of layers and the projection, 0.3 M


def test_bases_that_the_mask_hides_are_in_no_target():
    model, ids = tiny_model(), random_ids(40)
    labels, hidden, mask = torch.full_like(ids, -100), ids.clone(), mask_of(40)
    labels[:, 20:24] = ids[:, 20:24]
    hidden[:, 20:24] = MASK
    mask[:, 26:] = 0
    other = hidden.clone()
    other[:, 26:] = 3 - other[:, 26:]
    with torch.no_grad():
        losses = [model(one, mask, labels=labels).code_losses for one in (hidden, other)]
    torch.testing.assert_close(*losses)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_attention_is_dropped_in_training_alone(attention):
    model = tiny_model(VQDNAModel, attention_probs_dropout_prob=0.5, hidden_dropout_prob=0.0)
    plain = tiny_model(VQDNAModel)
    plain.load_state_dict(model.state_dict())
    for one in (model, plain):
        one.set_attn_implementation(attention)
    ids = random_ids(30)
    mask = torch.ones_like(ids)
    expected = features(plain, ids, mask)
    torch.testing.assert_close(features(model, ids, mask), expected)
    assert (features(model.train(), ids, mask) - expected).abs().max() > 1e-3


def test_the_wavelengths_of_positions_are_those_of_the_configuration():
    model = tiny_model(VQDNAModel)
    other = tiny_model(VQDNAModel, rope_theta=100.0)
    other.load_state_dict(model.state_dict())
    ids = random_ids(30)
    found, expected = (features(one, ids, torch.ones_like(ids)) for one in (other, model))
    assert (found - expected).abs().max() > 1e-3


def test_each_position_without_a_nucleotide_adds_its_share_to_a_code():
    model = tiny_model(VQDNAModel, quantizer={"downsample_ratio": 4}).double()
    embeddings, ids = model.embeddings, torch.tensor([[[0, N, 2, MASK], [1, 2, 3, N]]])
    vectors = torch.randn(1, 2, model.config.quantizer_config.hidden_size, dtype=torch.float64)
    others = embeddings.tokens.weight[[N, MASK]]
    shares = torch.stack([others.sum(0), others[0]]) / 4
    expected = embeddings.norm(embeddings.projection(vectors) + shares)
    found = embeddings(vectors, ids, ids < 4, torch.ones_like(ids, dtype=torch.bool))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("given", ["sdpa", {"": "sdpa"}, {"quantizer_config": "sdpa"}])
def test_another_attention_is_never_that_of_the_quantizer(given):
    model = tiny_model()
    model.set_attn_implementation("eager")
    model.set_attn_implementation(given)
    assert model.config._attn_implementation == ("sdpa" if "" in given else "eager")
    assert model.quantizer_model.config._attn_implementation == "eager"
    assert model.config.quantizer_config._attn_implementation == "eager"
