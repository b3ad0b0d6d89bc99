"""Models whose weights wait elsewhere until their layer runs, by accelerate."""

import pytest
import torch
from accelerate import cpu_offload, disk_offload

from hf_genomics import (
    VQDNAForMaskedLM,
    VQDNAForSequenceClassification,
    VQDNAForTokenClassification,
    VQDNAModel,
)
from tests.models.vqdna.tiny_language_model import mask_of, masked_batch, tiny_model
from tests.models.vqdna.tiny_quantizer import random_ids, tiny_quantizer

CPU = torch.device("cpu")
QUANTIZERS = [{}, {"codebook_dim": 4}, {"quantizer_type": "fsq", "fsq_levels": [4, 4]}]
HEADS = [VQDNAModel, VQDNAForSequenceClassification, VQDNAForTokenClassification]


def offloaded(model, where, folder):
    if where == "cpu":
        return cpu_offload(model, execution_device=CPU)
    return disk_offload(model, str(folder), execution_device=CPU)


def outputs_of(model, batch):
    with torch.no_grad():
        return model(**batch)


@pytest.mark.parametrize("where", ["cpu", "disk"])
@pytest.mark.parametrize("fields", QUANTIZERS, ids=str)
def test_an_offloaded_quantizer_gives_the_same(fields, where, tmp_path):
    model, ids = tiny_quantizer(**fields), random_ids(40, 20)
    expected, entries = outputs_of(model, {"input_ids": ids}), model.tokenize(ids)
    vectors, strings = model.get_codebook_entry(entries), model.detokenize(entries)
    model = offloaded(model, where, tmp_path)
    found = outputs_of(model, {"input_ids": ids})
    assert torch.equal(found.logits, expected.logits)
    assert torch.equal(found.codes, expected.codes)
    assert torch.equal(model.get_codebook_entry(entries), vectors)
    assert model.detokenize(entries) == strings


@pytest.mark.parametrize("where", ["cpu", "disk"])
@pytest.mark.parametrize("fields", QUANTIZERS, ids=str)
def test_an_offloaded_language_model_gives_the_same(fields, where, tmp_path):
    model, batch = tiny_model(quantizer=fields), masked_batch(40, 20)
    expected = outputs_of(model, batch)
    codes = model.tokenize(batch["input_ids"])
    model = offloaded(model, where, tmp_path)
    found = outputs_of(model, batch)
    assert torch.equal(found.logits, expected.logits)
    assert torch.equal(found.loss, expected.loss)
    assert torch.equal(model.tokenize(batch["input_ids"]), codes)


@pytest.mark.parametrize("cls", HEADS)
def test_every_head_can_be_offloaded(cls):
    model = tiny_model(cls)
    batch = {"input_ids": random_ids(40, 20), "attention_mask": mask_of(40, 20)}
    expected = outputs_of(model, batch)[0]
    assert torch.equal(outputs_of(cpu_offload(model, execution_device=CPU), batch)[0], expected)


def test_a_folder_is_read_from_the_disk_layer_by_layer(tmp_path):
    model, batch = tiny_model(quantizer={"codebook_dim": 4}), masked_batch(40, 20)
    expected = outputs_of(model, batch)
    model.save_pretrained(tmp_path / "model")
    loaded = VQDNAForMaskedLM.from_pretrained(
        tmp_path / "model", device_map={"": "disk"}, offload_folder=tmp_path / "offloaded"
    )
    torch.testing.assert_close(outputs_of(loaded, batch).logits, expected.logits)
