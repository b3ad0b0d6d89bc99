"""The quantizer inside a language model: a fixed vocabulary, unless it is set free."""

import copy

import pytest
import torch

from hf_genomics import (
    VQDNAForMaskedLM,
    VQDNAForSequenceClassification,
    VQDNAForTokenClassification,
    VQDNAModel,
    VQDNAQuantizerModel,
)
from tests.models.vqdna.tiny_language_model import masked_batch, tiny_model
from tests.models.vqdna.tiny_quantizer import random_ids, tiny_quantizer

SIZES = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}


def state(model):
    return copy.deepcopy(model.quantizer_model.state_dict())


def train(model, steps=3):
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        model(**masked_batch(40, 40)).loss.backward()
        optimizer.step()


def test_a_frozen_quantizer_does_not_change_in_training():
    model = tiny_model()
    before = state(model)
    train(model)
    for name, value in model.quantizer_model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(p.grad is None for p in model.quantizer_model.parameters())


def test_a_frozen_quantizer_stays_in_evaluation_mode():
    model = tiny_model().train()
    assert model.training
    assert model.model.layers[0].training
    assert not any(module.training for module in model.quantizer_model.modules())


def test_a_frozen_quantizer_is_safe_from_what_is_done_to_it_by_hand():
    model = tiny_model().train()
    model.quantizer_model.train().requires_grad_(True)
    before = state(model)
    model(**masked_batch(40, 40)).loss.backward()
    assert all(p.grad is None for p in model.quantizer_model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in state(model).items())


@pytest.mark.parametrize("cls", [VQDNAModel, VQDNAForMaskedLM])
def test_loading_keeps_the_quantizer_frozen(cls, tmp_path):
    tiny_model(cls).save_pretrained(tmp_path)
    loaded = cls.from_pretrained(tmp_path)
    assert not any(p.requires_grad for p in loaded.quantizer_model.parameters())
    assert all(p.requires_grad for n, p in loaded.named_parameters() if "quantizer" not in n)


def test_an_unfrozen_quantizer_is_trained_but_for_its_decoder(tmp_path):
    model = tiny_model(freeze_quantizer=False)
    before = state(model)
    train(model)
    after = model.quantizer_model.state_dict()
    moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert any(name.startswith("encoder.") for name in moved)
    assert "quantizer.codebooks.0.embed" in moved
    assert "quantizer.codebooks.1.embed" in moved
    assert not any(name.startswith("decoder.") for name in moved)
    model.eval()
    before = state(model)
    model(**masked_batch(40))
    assert all(torch.equal(value, before[name]) for name, value in state(model).items())

    model.save_pretrained(tmp_path)
    loaded = VQDNAForMaskedLM.from_pretrained(tmp_path)
    assert any(p.requires_grad for p in loaded.quantizer_model.parameters())


def test_an_unfrozen_quantizer_adds_its_commitment_loss():
    model = tiny_model()
    batch = masked_batch(40)
    frozen = model(**batch).loss
    model.unfreeze_quantizer()
    loss = model.model(batch["input_ids"], batch["attention_mask"]).quantizer_loss
    assert loss > 0
    torch.testing.assert_close(model(**batch).loss, frozen + loss)
    model.freeze_quantizer()
    torch.testing.assert_close(model(**batch).loss, frozen)


def test_every_trainable_parameter_of_an_unfrozen_model_gets_a_gradient():
    model = tiny_model(freeze_quantizer=False).train()
    model(**masked_batch(40, 33)).loss.backward()
    without = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []


def test_a_language_model_has_the_vocabulary_of_its_quantizer(tmp_path):
    quantizer, ids = tiny_quantizer(), random_ids(50)
    model = VQDNAForSequenceClassification.from_quantizer(quantizer, num_labels=3, **SIZES)
    assert torch.equal(model.tokenize(ids), quantizer.tokenize(ids))
    assert torch.equal(model.tokenize(ids, chunk_size=8), quantizer.tokenize(ids))
    assert model.detokenize(model.tokenize(ids)) == quantizer.detokenize(quantizer.tokenize(ids))
    assert model.config.quantizer_config.codebook_sizes == [32, 64]
    assert quantizer.config is not model.config.quantizer_config

    quantizer.save_pretrained(tmp_path)
    again = VQDNAModel.from_quantizer(tmp_path, **SIZES)
    assert torch.equal(again.tokenize(ids), quantizer.tokenize(ids))
    assert "auto_map" not in again.config.quantizer_config.to_dict()


def test_from_quantizer_takes_no_second_quantizer():
    with pytest.raises(ValueError, match="leave it out"):
        VQDNAModel.from_quantizer(tiny_quantizer(), quantizer_config={})


def test_from_quantizer_names_a_field_that_is_none():
    with pytest.raises(ValueError, match="no field 'hiden_size'; did you mean hidden_size"):
        VQDNAModel.from_quantizer(tiny_quantizer(), hiden_size=8)
    assert VQDNAModel.from_quantizer(tiny_quantizer(), num_labels=3, **SIZES).config.num_labels == 3


def test_the_folder_of_a_language_model_gives_its_quantizer_or_says_where_it_is(tmp_path):
    """Its configuration has a quantizer's inside; weights of other names would be random."""
    model, ids = tiny_model(), random_ids(50)
    model.model.save_pretrained(tmp_path / "base")
    quantizer = VQDNAQuantizerModel.from_pretrained(tmp_path / "base")
    assert torch.equal(quantizer.tokenize(ids), model.tokenize(ids))
    model.save_pretrained(tmp_path / "head")
    for load in (VQDNAQuantizerModel.from_pretrained, VQDNAModel.from_quantizer):
        with pytest.raises(ValueError, match="head holds a language model, not a quantizer"):
            load(tmp_path / "head")


@pytest.mark.parametrize(
    "quantizer",
    [
        {},
        {"codebook_dim": 4, "codebook_distance": "cosine"},
        {"quantizer_type": "fsq", "fsq_levels": [4, 4]},
        {"code_dropout": 0.0},
    ],
)
def test_codes_are_the_same_in_bfloat16(tmp_path, quantizer):
    model = tiny_model(VQDNAModel, quantizer=quantizer)
    ids = random_ids(300, 200)
    codes = model.tokenize(ids)
    model.save_pretrained(tmp_path)
    loaded = VQDNAModel.from_pretrained(tmp_path, dtype=torch.bfloat16).eval()
    assert loaded.dtype == torch.bfloat16
    assert loaded.quantizer_model.training_steps.dtype == torch.int64
    assert {p.dtype for p in loaded.quantizer_model.parameters()} == {torch.float32}
    assert torch.equal(loaded.tokenize(ids), codes)
    with torch.no_grad():
        outputs = loaded(ids)
    assert outputs.last_hidden_state.dtype == torch.bfloat16
    assert torch.equal(outputs.codes, codes)


def test_codes_are_the_same_under_autocast():
    model, ids = tiny_model(VQDNAModel), random_ids(300, 200)
    codes = model.tokenize(ids)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(model(ids).codes, codes)
        assert torch.equal(model.tokenize(ids), codes)


def test_the_quantizer_can_be_taken_out_and_saved_alone(tmp_path):
    model, ids = tiny_model(), random_ids(50)
    model.quantizer_model.save_pretrained(tmp_path)
    alone = VQDNAQuantizerModel.from_pretrained(tmp_path)
    assert torch.equal(alone.tokenize(ids), model.tokenize(ids))


@pytest.mark.parametrize("cls", [VQDNAForSequenceClassification, VQDNAForTokenClassification])
def test_classifiers_on_an_unfrozen_quantizer_add_its_commitment_loss(cls):
    model, ids = tiny_model(cls, num_labels=3), random_ids(40)
    labels = ids % 3 if cls is VQDNAForTokenClassification else torch.tensor([1])
    frozen = model(ids, labels=labels).loss
    model.unfreeze_quantizer()
    loss = model.model(ids).quantizer_loss
    assert loss > 0
    torch.testing.assert_close(model(ids, labels=labels).loss, frozen + loss)


def test_frozen_codebooks_stay_frozen_in_a_quantizer_that_is_set_free(tmp_path):
    model = tiny_model(quantizer={"codebook_frozen": True, "codebook_dim": 4})
    model.unfreeze_quantizer()
    model.save_pretrained(tmp_path)
    for one in (model, VQDNAForMaskedLM.from_pretrained(tmp_path)):
        parts = one.quantizer_model
        assert all(p.requires_grad for p in parts.encoder.parameters())
        assert [p.requires_grad for p in parts.quantizer.parameters()] == [False] * 8


def test_models_of_one_configuration_are_frozen_each_for_itself(tmp_path):
    frozen = tiny_model()
    other = VQDNAForMaskedLM(frozen.config)
    other.unfreeze_quantizer()
    before = state(frozen)
    train(frozen)
    assert all(torch.equal(value, before[name]) for name, value in state(frozen).items())
    for model, trains in ((frozen, False), (other, True)):
        model.save_pretrained(tmp_path)
        loaded = VQDNAForMaskedLM.from_pretrained(tmp_path)
        assert any(p.requires_grad for p in loaded.quantizer_model.parameters()) == trains
