"""The names that users of VQDNA build on, with their arguments in order."""

import inspect

import pytest

import hf_genomics
from hf_genomics import VQDNAModel, VQDNAQuantizerModel

QUANTIZER = {
    "encode": ["input_ids", "attention_mask", "num_quantizers"],
    "decode": ["quantized_representation", "codes"],
    "tokenize": ["input_ids", "attention_mask", "chunk_size"],
    "detokenize": ["codes"],
    "get_codebook": ["level"],
    "get_codebook_entry": ["codes"],
    "get_codes_mask": ["attention_mask"],
    "get_encoded_length": ["length"],
    "codebook_usage": ["codes"],
    "freeze_codebook": [],
    "unfreeze_codebook": [],
}


def arguments(function) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


@pytest.mark.parametrize(("name", "expected"), QUANTIZER.items(), ids=QUANTIZER.keys())
def test_a_call_of_the_quantizer_takes_these_first(name, expected):
    assert arguments(getattr(VQDNAQuantizerModel, name))[: len(expected)] == expected


def test_a_language_model_tokenizes_as_its_quantizer_does():
    assert arguments(VQDNAModel.tokenize)[:2] == ["input_ids", "attention_mask"]
    assert arguments(VQDNAModel.detokenize)[:1] == ["codes"]


@pytest.mark.parametrize(
    ("config", "model_type", "models"),
    [
        ("VQDNAQuantizerConfig", "vqdna_quantizer", ["VQDNAQuantizerModel"]),
        (
            "VQDNAConfig",
            "vqdna",
            [
                "VQDNAModel",
                "VQDNAForMaskedLM",
                "VQDNAForSequenceClassification",
                "VQDNAForTokenClassification",
            ],
        ),
    ],
    ids=["quantizer", "language model"],
)
def test_classes_lie_in_the_package_itself(config, model_type, models):
    assert getattr(hf_genomics, config).model_type == model_type
    for model in models:
        assert getattr(hf_genomics, model).config_class is getattr(hf_genomics, config)
