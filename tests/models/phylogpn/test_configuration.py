"""What a configuration accepts, what it derives, and what it says of a mistake."""

import re

import pytest
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig

from hf_genomics import PhyloGPNConfig
from tests.models.phylogpn.tiny import TREE, tiny_config

SONGLABS = {
    "outer_dim": 960,
    "inner_dim": 480,
    "stack_size": 2,
    "num_stacks": 20,
    "kernel_size": 5,
    "model_type": "phylogpn",
    "architectures": ["PhyloGPNModel"],
    "auto_map": {"AutoModel": "modeling_phylogpn.PhyloGPNModel"},
    "torch_dtype": "float32",
}


def test_the_defaults_are_the_published_network():
    config = PhyloGPNConfig()
    assert config.receptive_field == 481
    assert config.flank == 240
    assert config.num_hidden_layers == 40
    assert config.dilations == [1, 5] * 20
    for field in ("outer_dim", "inner_dim", "stack_size", "num_stacks", "kernel_size"):
        assert getattr(config, field) == SONGLABS[field]


def test_songlabs_configuration_is_read_as_it_is():
    config = PhyloGPNConfig.from_dict(SONGLABS | {"inner_dim": 16})
    assert config.inner_dim == 16
    assert config.receptive_field == 481


@pytest.mark.parametrize(
    ("sizes", "field"),
    [
        ({"kernel_size": 1}, 1),
        ({"kernel_size": 3, "stack_size": 3, "num_stacks": 2}, 1 + 2 * 2 * (1 + 3 + 9)),
        ({"kernel_size": 9, "stack_size": 1, "num_stacks": 4}, 33),
    ],
)
def test_the_receptive_field_follows_from_the_sizes(sizes, field):
    assert PhyloGPNConfig(**sizes).receptive_field == field


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("norm", "batch_norm", "norm must be one of ('layer_norm', 'group_norm'), got"),
        ("token_padding", "full", "token_padding must be one of ('valid', 'same'), got 'full'"),
        ("fill_token_id", 0, "fill_token_id must be one of (4, 5), got 0"),
        ("transition", "exp", "transition must be one of"),
        ("substitution_model", "gtr", "substitution_model must be one of"),
        ("reverse_complement", "both", "reverse_complement must be one of (None, 'average')"),
        ("outer_dim", 5, "outer_dim must be even"),
        ("inner_dim", 7, "inner_dim must be even"),
        ("outer_dim", 0, "outer_dim must be at least 2, got 0"),
        ("num_stacks", 0, "num_stacks must be at least 1"),
        ("kernel_size", 4, "kernel_size must be odd to have a centre, got 4"),
        ("layer_norm_eps", 0.0, "layer_norm_eps must be positive and finite, got 0.0"),
        ("kappa", float("inf"), "kappa must be positive and finite, got inf"),
        ("kappa", -1.0, "kappa must be positive"),
        ("vocab_size", 4, "vocab_size must be at least 5, got 4"),
    ],
)
def test_a_mistake_is_refused_with_its_value(field, value, message):
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        PhyloGPNConfig(**{field: value})
    assert isinstance(raised.value, StrictDataclassError)  # as of any configuration


def test_a_value_of_another_type_is_refused():
    with pytest.raises(StrictDataclassError, match="outer_dim"):
        PhyloGPNConfig(outer_dim="wide")


def test_the_sigmoid_belongs_to_f81():
    with pytest.raises(ValueError, match="is a form of F81"):
        PhyloGPNConfig(transition="sigmoid", substitution_model="hky85")


def test_a_configuration_survives_its_folder(tmp_path):
    config = tiny_config(
        norm="group_norm",
        tie_norm_symmetry=False,
        token_padding="same",
        fill_token_id=5,
        reverse_complement="average",
        transition="sigmoid",
    )
    config.save_pretrained(tmp_path)
    for loader in (PhyloGPNConfig, AutoConfig):
        loaded = loader.from_pretrained(tmp_path)
        assert type(loaded) is PhyloGPNConfig
        assert loaded.phylogeny == TREE
        assert loaded.to_dict() | {"_name_or_path": ""} == config.to_dict()


def test_a_configuration_of_another_family_is_refused():
    with pytest.raises(ValueError, match="type 'bert', but PhyloGPNConfig builds 'phylogpn'"):
        PhyloGPNConfig.from_dict({"model_type": "bert"})
