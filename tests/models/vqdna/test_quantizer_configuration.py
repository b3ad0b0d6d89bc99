"""The configuration: presets, derived levels, round trips, and what is refused."""

import pytest
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig

from hf_genomics import VQDNAConfig, VQDNAQuantizerConfig


def test_the_defaults_are_the_robust_preset():
    assert VQDNAQuantizerConfig().to_dict() == VQDNAQuantizerConfig.preset("robust").to_dict()
    config = VQDNAQuantizerConfig()
    assert (config.codebook_sizes, config.quantizer_layers) == ([512, 1024], [3, 6])
    assert config.kmeans_init
    assert config.revival_threshold > 0
    assert config.code_dropout == 0.5


def test_the_paper_preset_has_none_of_our_measures():
    config = VQDNAQuantizerConfig.preset("paper")
    assert (config.codebook_sizes, config.quantizer_layers) == ([1024, 2048], [3, 6])
    assert not config.kmeans_init
    assert config.kmeans_warmup_steps == config.revival_threshold == config.code_dropout == 0
    assert (config.commitment_weight, config.codebook_decay) == (0.5, 0.99)


def test_plain_vq_is_one_level_after_the_last_block():
    config = VQDNAQuantizerConfig.preset("vq")
    assert (config.codebook_sizes, config.quantizer_layers) == ([512], [6])


def test_a_preset_gives_way_to_what_is_asked_for():
    config = VQDNAQuantizerConfig.preset("paper", codebook_sizes=[8, 9, 10], num_layers=9)
    assert (config.codebook_sizes, config.quantizer_layers) == ([8, 9, 10], [3, 6, 9])
    assert VQDNAQuantizerConfig.preset("paper", code_dropout=0.25).code_dropout == 0.25


@pytest.mark.parametrize(
    ("num_layers", "levels", "layers"),
    [(6, 1, [6]), (6, 2, [3, 6]), (6, 3, [2, 4, 6]), (2, 2, [1, 2]), (1, 2, [1, 1]), (1, 1, [1])],
)
def test_levels_are_spread_over_the_blocks(num_layers, levels, layers):
    config = VQDNAQuantizerConfig(num_layers=num_layers, codebook_sizes=[8] * levels)
    assert config.quantizer_layers == layers


def test_fsq_has_one_level_as_large_as_its_grid():
    config = VQDNAQuantizerConfig(quantizer_type="fsq", fsq_levels=(8, 5, 5))
    assert (config.codebook_sizes, config.quantizer_layers) == ([200], [6])
    assert config.num_quantizers == 1


def test_receptive_radius():
    assert VQDNAQuantizerConfig().receptive_radius == 20
    assert VQDNAQuantizerConfig(downsample_ratio=4).receptive_radius == 74
    assert VQDNAQuantizerConfig(num_layers=1, stem_kernel_size=1).receptive_radius == 3


@pytest.mark.parametrize(
    "fields",
    [{}, {"codebook_sizes": (4, 8, 16), "num_layers": 3}, {"quantizer_type": "fsq"}],
    ids=str,
)
def test_a_saved_configuration_comes_back(fields, tmp_path):
    config = VQDNAQuantizerConfig(**fields)
    config.save_pretrained(tmp_path)
    loaded = AutoConfig.from_pretrained(tmp_path)
    assert type(loaded) is VQDNAQuantizerConfig
    assert loaded.to_dict() == config.to_dict() | {"_name_or_path": loaded._name_or_path}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"codebook_sizes": []}, "codebook_sizes must name sizes of at least 2"),
        ({"codebook_sizes": [1]}, "codebook_sizes must name sizes of at least 2"),
        ({"quantizer_layers": [3, 5]}, "never falling and the last one 6, got"),
        ({"quantizer_layers": [6]}, "each of the 2 codebook_sizes"),
        ({"quantizer_layers": [0, 6]}, "one block from 1 to num_layers=6"),
        ({"codebook_sizes": [8, 8, 8], "quantizer_layers": [4, 3, 6]}, "never falling"),
        ({"downsample_ratio": 3}, r"downsample_ratio must be one of \(1, 2, 4\), got 3"),
        ({"kernel_size": 6}, "kernel_size must be odd"),
        ({"stem_kernel_size": 4}, "stem_kernel_size must be odd"),
        ({"code_dropout": 1.0}, "code_dropout must be from 0 to under 1"),
        ({"commitment_weight": -1}, "commitment_weight must not be negative"),
        ({"residual_rule": "sum"}, "residual_rule must be one of"),
        ({"quantizer_type": "lfq"}, "quantizer_type must be one of"),
        ({"codebook_distance": "dot"}, "codebook_distance must be one of"),
        ({"codebook_gradient": "gumbel"}, "codebook_gradient must be one of"),
        ({"kmeans_warmup_steps": -1}, "kmeans_warmup_steps must be at least 0"),
        ({"codebook_dim": 0}, "codebook_dim must be at least 1 or None"),
        ({"hidden_size": 0}, "hidden_size must be at least 1"),
        ({"layer_norm_eps": 0.0}, "layer_norm_eps must be positive"),
    ],
)
def test_what_cannot_be_built_is_refused(fields, reason):
    with pytest.raises(ValueError, match=reason) as raised:
        VQDNAQuantizerConfig(**fields)
    assert isinstance(raised.value, StrictDataclassError)  # as of any configuration


def test_an_unknown_preset_is_named():
    with pytest.raises(ValueError, match=r"one of \['paper', 'robust', 'vq'\], got 'papper'"):
        VQDNAQuantizerConfig.preset("papper")


@pytest.mark.parametrize("cls", [VQDNAQuantizerConfig, VQDNAConfig])
def test_a_preset_names_a_field_that_is_none(cls):
    with pytest.raises(ValueError, match=f"{cls.__name__} has no field 'hiden_size'; did you mean"):
        cls.preset("robust", hiden_size=32)
    config = cls.preset("robust", hidden_size=96, id2label={0: "a", 1: "b", 2: "c"})
    assert config.num_labels == 3
    assert cls.preset("robust", attn_implementation="eager")._attn_implementation == "eager"


def test_the_configuration_of_another_family_is_refused():
    with pytest.raises(ValueError, match="builds 'vqdna_quantizer'"):
        VQDNAQuantizerConfig.from_dict({"model_type": "phylogpn"})


@pytest.mark.parametrize(("layers", "taps"), [(4, [2, 4]), (12, [6, 12])])
def test_layers_may_be_numbered_by_their_other_name(layers, taps):
    config = VQDNAQuantizerConfig(num_hidden_layers=layers)
    assert (config.num_layers, config.num_hidden_layers) == (layers, layers)
    assert (
        config.quantizer_layers == taps == VQDNAQuantizerConfig(num_layers=layers).quantizer_layers
    )
    assert VQDNAQuantizerConfig.preset("vq", num_hidden_layers=layers).num_layers == layers
    fsq = VQDNAQuantizerConfig(quantizer_type="fsq", num_hidden_layers=layers)
    assert fsq.quantizer_layers == [layers]
