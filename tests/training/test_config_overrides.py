"""Configuration fields from one line of text."""

import pytest
from transformers import BertConfig

from hf_genomics import HyperbolicCNNConfig
from hf_genomics.training.config_overrides import parse_config_overrides


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("geometry=euclidean", {"geometry": "euclidean"}),
        (" num_layers = 3 , multi_curvature=True,", {"num_layers": 3, "multi_curvature": True}),
        ("learnable_curvature=false", {"learnable_curvature": False}),
        ("initial_curvature=0.5", {"initial_curvature": 0.5}),
        ("initial_curvature=2", {"initial_curvature": 2}),
        ("max_radius=1e1", {"max_radius": 10.0}),
        ("max_length=none", {"max_length": None}),
        ("reverse_complement=average", {"reverse_complement": "average"}),
        ("reverse_complement=None", {"reverse_complement": None}),
    ],
)
def test_values_take_the_type_of_their_field(text, expected):
    overrides = parse_config_overrides(text, HyperbolicCNNConfig)
    assert overrides == expected
    assert {name: type(value) for name, value in overrides.items()} == {
        name: type(value) for name, value in expected.items()
    }


def test_overrides_build_a_configuration():
    overrides = parse_config_overrides("geometry=euclidean,num_layers=1", HyperbolicCNNConfig)
    assert HyperbolicCNNConfig(**overrides).num_layers == 1


def test_any_configuration_of_transformers_will_do():
    overrides = parse_config_overrides("hidden_size=24,hidden_dropout_prob=0.5", BertConfig)
    assert overrides == {"hidden_size": 24, "hidden_dropout_prob": 0.5}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("num_layer=3", "HyperbolicCNNConfig has no field 'num_layer'; did you mean num_layers"),
        ("geometry", "'geometry' is no configuration override; write name=value"),
        ("num_layers=three", "num_layers takes int, got 'three'"),
        ("num_layers=2.5", "num_layers takes int, got '2.5'"),
        ("multi_curvature=yes", "multi_curvature takes bool, got 'yes'"),
        ("max_length=long", "max_length takes int or none, got 'long'"),
        ("num_layers=1,num_layers=2", "num_layers is overridden twice"),
        ("dtype=bfloat16", "dtype cannot be overridden: weights train in float32, and --bf16"),
        ("torch_dtype=float16", "torch_dtype cannot be overridden"),
    ],
)
def test_mistakes_are_explained(text, message):
    with pytest.raises(ValueError, match=message):
        parse_config_overrides(text, HyperbolicCNNConfig)


def test_fields_of_few_words_take_words():
    overrides = parse_config_overrides("problem_type=regression", HyperbolicCNNConfig)
    assert overrides == {"problem_type": "regression"}
    assert HyperbolicCNNConfig(**overrides).problem_type == "regression"
