"""The configuration: the paper's model by default, and no network that cannot be built."""

import json
from pathlib import Path

import pytest
import torch
from huggingface_hub.errors import StrictDataclassError

from hf_genomics import HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification
from hf_genomics.training.config_overrides import parse_config_overrides


def test_defaults_are_the_papers_single_curvature_network():
    config = HyperbolicCNNConfig()
    expected = {
        "geometry": "lorentz",
        "multi_curvature": False,
        "num_channels": 32,
        "embedding_dim": 528,
        "num_layers": 3,
        "kernel_size": 9,
        "head": "flatten",
        "initial_curvature": 1.0,
        "learnable_curvature": True,
        "max_radius": 10.0,
        "batch_norm_eps": 1e-5,
        "batch_norm_momentum": 0.1,
        "initializer_range": 0.02,
        "reverse_complement": None,
        "block": "plain",
        "batch_norm": "lorentz",
        "dropout": 0.0,
        "num_labels": 2,
    }
    assert {field: getattr(config, field) for field in expected} == expected


def test_the_paper_preset_is_the_defaults():
    assert HyperbolicCNNConfig.preset("paper").to_dict() == HyperbolicCNNConfig().to_dict()


def test_the_residual_preset_is_the_network_of_the_league():
    file = Path(__file__).parents[3] / "docs/results/league/gue.json"
    runs = json.loads(file.read_text())["runs"]
    overrides = {run["config_overrides"] for run in runs if run["model"] == "Hyperbolic-S"}
    (overrides,) = overrides
    league = HyperbolicCNNConfig(**parse_config_overrides(overrides, HyperbolicCNNConfig))
    assert HyperbolicCNNConfig.preset("residual").to_dict() == league.to_dict()


def test_a_preset_gives_way_to_what_is_asked_for():
    twin = HyperbolicCNNConfig.preset("residual", geometry="euclidean", num_channels=64)
    assert (twin.geometry, twin.num_channels, twin.kernel_size) == ("euclidean", 64, 7)
    assert HyperbolicCNNConfig.preset("residual", num_labels=5).num_labels == 5


def test_a_preset_reads_sequences_of_any_length_and_both_strands():
    model = HyperbolicCNNForSequenceClassification(HyperbolicCNNConfig.preset("residual")).eval()
    for length in (1, 30, 700):
        assert model(input_ids=torch.zeros(2, length, dtype=torch.long)).logits.shape == (2, 2)


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("best", {}, r"preset must be one of \['paper', 'residual'\], got 'best'"),
        ("residual", {"num_chanels": 3}, "has no field 'num_chanels'"),
    ],
)
def test_an_unknown_preset_or_field_is_refused(name, fields, message):
    with pytest.raises(ValueError, match=message):
        HyperbolicCNNConfig.preset(name, **fields)


def test_names_common_to_all_models_are_understood():
    config = HyperbolicCNNConfig(num_channels=16, num_layers=2)
    assert (config.hidden_size, config.num_hidden_layers) == (16, 2)


@pytest.mark.parametrize(
    ("geometry", "multi", "expected"),
    [("lorentz", False, 1), ("lorentz", True, 5), ("euclidean", False, 0), ("euclidean", True, 0)],
)
def test_number_of_curvatures(geometry, multi, expected):
    config = HyperbolicCNNConfig(geometry=geometry, multi_curvature=multi, num_layers=4)
    assert config.num_curvatures == expected


WRONG = [
    ({"geometry": "poincare"}, r"geometry must be one of .*'lorentz', 'euclidean'.*'poincare'"),
    ({"head": "mean"}, r"head must be one of .*'flatten', 'centroid'.*'mean'"),
    ({"reverse_complement": "sum"}, r"reverse_complement must be one of .*'average'.*'sum'"),
    ({"block": "dense"}, r"block must be one of .*'plain', 'residual'.*'dense'"),
    ({"batch_norm": "layer"}, r"batch_norm must be one of .*'lorentz', 'tangent'.*'layer'"),
    ({"block": "residual", "num_layers": 17}, "takes num_layers up to 16, got 17"),
    ({"oriented_parts": True}, "needs head='parts' .* got head='flatten' .*=None"),
    (
        {"oriented_parts": True, "head": "parts"},
        "reverse_complement='average', got head='parts' and reverse_complement=None",
    ),
    (
        {"oriented_parts": True, "head": "centroid", "reverse_complement": "average"},
        "needs head='parts' .* got head='centroid'",
    ),
    ({"num_parts": -1}, "num_parts must be at least 0, got -1"),
    ({"stem_kernel_size": 4}, "stem_kernel_size must be odd .* got 4"),
    ({"dropout": 1.0}, r"dropout must lie in \[0, 1\), got 1"),
    ({"parts_dropout": 1.0}, r"parts_dropout must lie in \[0, 1\), got 1"),
    ({"dropout": -0.1}, r"dropout must lie in \[0, 1\), got -0.1"),
    ({"dropout": float("nan")}, "dropout must lie .* got nan"),
    ({"num_channels": 1}, "num_channels must be at least 2, got 1"),
    ({"embedding_dim": 1}, "embedding_dim must be at least 2, got 1"),
    ({"num_layers": 0}, "num_layers must be at least 1, got 0"),
    ({"vocab_size": 4}, "vocab_size must be at least 5, got 4"),
    ({"kernel_size": 8}, "kernel_size must be odd .* got 8"),
    ({"max_length": None}, "needs max_length.* got None; pass max_length, or head='centroid'"),
    ({"max_length": 0}, "needs max_length.* got 0"),
    ({"initial_curvature": 0.0}, "initial_curvature must be positive and finite, got 0"),
    ({"initial_curvature": -1.0}, "initial_curvature must be positive and finite, got -1"),
    ({"initial_curvature": float("nan")}, "initial_curvature must be positive and finite, got nan"),
    ({"max_radius": 0.0}, "max_radius must be positive and finite, got 0"),
    ({"max_radius": 20.5}, "max_radius must be at most 20, got 20.5: .* overflow float32; leave"),
    ({"max_radius": float("inf")}, "max_radius must be positive and finite, got inf"),
    ({"initializer_range": float("nan")}, "initializer_range must be positive and finite, got nan"),
    ({"batch_norm_eps": 0.0}, "batch_norm_eps must be positive and finite, got 0"),
    ({"batch_norm_momentum": 1.5}, r"batch_norm_momentum must lie in \[0, 1\], got 1.5"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG, ids=lambda value: str(value)[:40])
def test_a_network_that_cannot_be_built_is_refused_with_the_value_and_what_is_allowed(
    fields, message
):
    with pytest.raises(ValueError, match=f"(?s){message}") as raised:
        HyperbolicCNNConfig(**fields)
    assert isinstance(raised.value, StrictDataclassError)  # as of any configuration


@pytest.mark.parametrize(
    "fields", [{"num_layers": "three"}, {"multi_curvature": "yes"}, {"kernel_size": 9.5}], ids=str
)
def test_a_value_of_another_type_is_refused(fields):
    with pytest.raises(StrictDataclassError, match=next(iter(fields))):
        HyperbolicCNNConfig(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"head": "centroid", "max_length": None},
        {"num_channels": 2, "embedding_dim": 2, "num_layers": 1, "kernel_size": 1, "max_length": 1},
        {"initial_curvature": 2, "max_radius": 5},
        {"max_radius": 20},
        {"pad_token_id": None},
        {"batch_norm_momentum": 1.0},
        {"num_labels": 1, "problem_type": "regression"},
    ],
    ids=str,
)
@pytest.mark.parametrize("geometry", ["lorentz", "euclidean"])
def test_the_smallest_and_rarest_choices_make_a_network(fields, geometry):
    small = {"num_channels": 4, "embedding_dim": 4, "max_length": 8}
    config = HyperbolicCNNConfig(**small | {"geometry": geometry} | fields)
    model = HyperbolicCNNForSequenceClassification(config)
    assert model.config.num_labels == len(model.config.id2label)


def test_a_dictionary_of_another_family_is_refused():
    with pytest.raises(ValueError, match="type 'bert', but HyperbolicCNNConfig builds"):
        HyperbolicCNNConfig.from_dict({"model_type": "bert", "hidden_size": 8})


def test_a_dictionary_gives_the_configuration_back():
    config = HyperbolicCNNConfig(num_channels=8, head="centroid", id2label={0: "no", 1: "yes"})
    again = HyperbolicCNNConfig.from_dict(config.to_dict())
    assert again.to_dict() == config.to_dict()
    assert again.id2label == {0: "no", 1: "yes"}
