"""Saving, loading, configuration, and the Auto classes."""

import json

import pytest
import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

from hf_genomics import (
    VQDNAConfig,
    VQDNAForMaskedLM,
    VQDNAForSequenceClassification,
    VQDNAForTokenClassification,
    VQDNAModel,
    VQDNAQuantizerConfig,
)
from tests.models.vqdna.tiny_language_model import tiny_model
from tests.models.vqdna.tiny_quantizer import random_ids, tiny_config

AUTO = {
    AutoModel: VQDNAModel,
    AutoModelForMaskedLM: VQDNAForMaskedLM,
    AutoModelForSequenceClassification: VQDNAForSequenceClassification,
    AutoModelForTokenClassification: VQDNAForTokenClassification,
}


@pytest.mark.parametrize("quantizer", [{}, {"quantizer_type": "fsq", "fsq_levels": [4, 4]}])
@pytest.mark.parametrize(("auto", "cls"), AUTO.items())
def test_a_model_is_the_same_after_saving_and_loading(auto, cls, quantizer, tmp_path):
    model, ids = tiny_model(cls, quantizer=quantizer), random_ids(30)
    model.save_pretrained(tmp_path)
    loaded, info = auto.from_pretrained(tmp_path, output_loading_info=True)
    assert type(loaded) is cls
    assert not any(info.values())
    assert loaded.state_dict().keys() == model.state_dict().keys()
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    with torch.no_grad():
        torch.testing.assert_close(loaded.eval()(ids)[0], model(ids)[0])


def test_a_masked_model_gives_its_transformer_to_a_classifier(tmp_path):
    model = tiny_model()
    model.save_pretrained(tmp_path)
    classifier, info = VQDNAForSequenceClassification.from_pretrained(
        tmp_path, num_labels=3, output_loading_info=True
    )
    assert {name.partition(".")[0] for name in info["missing_keys"]} == {"classifier"}
    base, ids = VQDNAModel.from_pretrained(tmp_path), random_ids(30)
    with torch.no_grad():
        expected = model.model(ids).last_hidden_state
        for other in (classifier.model.eval(), base.eval()):
            torch.testing.assert_close(other(ids).last_hidden_state, expected)


def test_the_quantizers_configuration_is_saved_inside(tmp_path):
    config = VQDNAConfig(quantizer_config=tiny_config(codebook_sizes=[8, 8]), hidden_size=24)
    config.save_pretrained(tmp_path)
    loaded = AutoConfig.from_pretrained(tmp_path)
    assert type(loaded) is VQDNAConfig
    assert type(loaded.quantizer_config) is VQDNAQuantizerConfig
    assert loaded.to_dict() | {"_name_or_path": ""} == config.to_dict()
    assert json.loads((tmp_path / "config.json").read_text())["quantizer_config"][
        "codebook_sizes"
    ] == [8, 8]


def test_a_quantizer_may_be_given_as_a_dict():
    config = VQDNAConfig(quantizer_config={"codebook_sizes": [8], "auto_map": {"AutoModel": "x"}})
    assert config.quantizer_config.codebook_sizes == [8]
    assert not hasattr(config.quantizer_config, "auto_map")


def test_presets_bring_their_quantizers():
    paper, robust = VQDNAConfig.preset("paper"), VQDNAConfig.preset("robust", hidden_size=24)
    assert paper.mask_mode == "code"
    assert (paper.mean_span_length, paper.max_span_length) == (1.0, 1)
    assert paper.quantizer_config.codebook_sizes == [1024, 2048]
    assert robust.to_dict() == VQDNAConfig(hidden_size=24).to_dict()
    assert robust.mask_mode == "nucleotide"
    with pytest.raises(ValueError, match="preset must be one of"):
        VQDNAConfig.preset("big")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mask_mode": "token"}, "mask_mode must be one of"),
        ({"hidden_size": 30, "num_attention_heads": 3, "num_hidden_layers": 0}, "at least 1"),
        ({"hidden_size": 27, "num_attention_heads": 3}, "even multiple of num_attention_heads=3"),
        ({"mlm_probability": 1.0}, r"must lie in \(0, 1\)"),
        ({"mean_span_length": 0.2}, "mean_span_length must be at least 1"),
        ({"rope_theta": 0}, "rope_theta must be positive"),
        ({"hidden_dropout_prob": 1.5}, "from 0 to under 1"),
        ({"mask_token_id": 9}, "mask_token_id must be from 4"),
        ({"pad_token_id": 2}, r"0 to 3 are A, C, G, T"),
    ],
)
def test_impossible_configurations_are_refused(fields, message):
    with pytest.raises(ValueError, match=message) as raised:
        VQDNAConfig(**fields)
    assert isinstance(raised.value, StrictDataclassError)  # as of any configuration


def test_a_quantizers_folder_is_no_language_model(tmp_path):
    tiny_config().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="puts a language model on top of a quantizer"):
        VQDNAConfig.from_pretrained(tmp_path)
