"""Configurations: a valid one comes back from JSON, any other is refused by the field's name."""

import json

import pytest
from huggingface_hub.errors import StrictDataclassError
from hypothesis import strategies as st

from hf_genomics import (
    HyperbolicCNNConfig,
    PhyloGPNConfig,
    VQDNAConfig,
    VQDNAQuantizerConfig,
)
from tests.fuzz.cases import COUNTS, fuzz
from tests.fuzz.damage import damages

ODD = st.integers(0, 20).map(lambda n: 2 * n + 1)
EVEN = st.integers(1, 50).map(lambda n: 2 * n)
SIZES = st.integers(2, 64)
POSITIVE = st.one_of(st.integers(1, 10), st.floats(1e-9, 1e9))
FRACTION = st.floats(0, 0.999)
ONE_STRAND_OR_BOTH = st.sampled_from([None, "average"])

HYPERBOLIC = {
    "geometry": st.sampled_from(["lorentz", "euclidean"]),
    "multi_curvature": st.booleans(),
    "num_channels": SIZES,
    "embedding_dim": st.none() | SIZES,
    "num_layers": st.integers(1, 6),
    "kernel_size": ODD,
    "block": st.sampled_from(["plain", "residual"]),
    "stem_kernel_size": ODD,
    "batch_norm": st.sampled_from(["lorentz", "tangent"]),
    "max_length": st.integers(1, 10_000),
    "head": st.sampled_from(["flatten", "centroid", "parts"]),
    "num_parts": st.integers(0, 100),
    "parts_dropout": st.floats(0, 1, exclude_max=True),
    "dropout": st.floats(0, 1, exclude_max=True),
    "oriented_parts": st.booleans(),
    "initial_curvature": POSITIVE,
    "learnable_curvature": st.booleans(),
    "max_radius": st.one_of(st.integers(1, 20), st.floats(1e-9, 20)),
    "mask_padding": st.booleans(),
    "reverse_complement": ONE_STRAND_OR_BOTH,
    "batch_norm_eps": POSITIVE,
    "batch_norm_momentum": st.floats(0, 1),
    "initializer_range": POSITIVE,
}
PHYLOGPN = {
    "outer_dim": EVEN,
    "inner_dim": EVEN,
    "stack_size": st.integers(1, 4),
    "num_stacks": st.integers(1, 30),
    "kernel_size": ODD,
    "norm": st.sampled_from(["layer_norm", "group_norm"]),
    "tie_norm_symmetry": st.booleans(),
    "token_padding": st.sampled_from(["valid", "same"]),
    "fill_token_id": st.sampled_from([4, 5]),
    "reverse_complement": ONE_STRAND_OR_BOTH,
    "substitution_model": st.sampled_from(["f81", "jc69", "hky85"]),
    "kappa": POSITIVE,
    "layer_norm_eps": POSITIVE,
}
QUANTIZER = {
    "stem_dim": SIZES,
    "hidden_size": SIZES,
    "num_layers": st.integers(2, 6),
    "kernel_size": ODD,
    "stem_kernel_size": ODD,
    "expansion": st.integers(1, 8),
    "codebook_sizes": st.lists(st.integers(2, 4096), min_size=1, max_size=2),
    "codebook_dim": st.one_of(st.none(), SIZES),
    "codebook_decay": FRACTION,
    "kmeans_init": st.booleans(),
    "kmeans_warmup_steps": st.integers(0, 1000),
    "revival_threshold": FRACTION,
    "code_dropout": FRACTION,
    "commitment_weight": POSITIVE,
    "residual_rule": st.sampled_from(["paper", "mean"]),
    "downsample_ratio": st.sampled_from([1, 2, 4]),
    "codebook_seed": st.integers(0, 1 << 31),
    "layer_norm_eps": POSITIVE,
}
LANGUAGE_MODEL = {
    "num_attention_heads": st.sampled_from([1, 2, 3, 4, 6, 12]),
    "hidden_size": st.integers(1, 20).map(lambda n: 24 * n),
    "num_hidden_layers": st.integers(1, 12),
    "intermediate_size": SIZES,
    "rope_theta": POSITIVE,
    "hidden_dropout_prob": FRACTION,
    "attention_probs_dropout_prob": FRACTION,
    "layer_norm_eps": POSITIVE,
    "mask_mode": st.sampled_from(["nucleotide", "code"]),
    "mlm_probability": st.floats(0.01, 0.99),
    "mean_span_length": st.floats(1, 50),
    "max_span_length": st.integers(1, 50),
    "freeze_quantizer": st.booleans(),
}
FAMILIES = {
    HyperbolicCNNConfig: HYPERBOLIC,
    PhyloGPNConfig: PHYLOGPN,
    VQDNAQuantizerConfig: QUANTIZER,
    VQDNAConfig: LANGUAGE_MODEL,
}
ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 70), 1 << 70),
    st.integers(-2, 3),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(-2, 3), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
each_family = pytest.mark.parametrize(
    ("configuration", "fields"), FAMILIES.items(), ids=[one.model_type for one in FAMILIES]
)


@each_family
@fuzz(data=st.data())
def test_valid_fields_come_back_from_json(configuration, fields, data, folder):
    given = data.draw(st.fixed_dictionaries({}, optional=fields))
    if given.get("oriented_parts"):
        given |= {"head": "parts", "reverse_complement": "average"}
    config = configuration(**given)
    assert {name: getattr(config, name) for name in given} == given
    again = configuration.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again.to_dict() == config.to_dict()
    config.save_pretrained(folder)
    assert configuration.from_pretrained(folder).to_dict() == config.to_dict()


@each_family
@fuzz(data=st.data())
def test_an_odd_value_is_refused_by_its_name_or_makes_a_configuration(configuration, fields, data):
    name = data.draw(st.sampled_from(list(fields)))
    value = data.draw(ODD_VALUES)
    config, error = made(lambda: configuration(**{name: value}))
    if error is not None:
        # the field itself, or one that has to fit it
        assert name in str(error) or "quantizer_layers" in str(error), repr(error)
        return
    # what was taken is finite, and comes back
    written = json.dumps(config.to_dict(), allow_nan=False)
    assert configuration.from_dict(json.loads(written)).to_dict() == config.to_dict()


@each_family
@fuzz(data=st.data(), damage=damages())
def test_damaged_file_is_a_configuration_or_an_error(configuration, fields, data, damage, folder):
    del fields, data
    path = folder / "config.json"
    path.write_bytes(damage(configuration().to_json_string(use_diff=False).encode()))
    config, error = made(lambda: configuration.from_pretrained(folder))
    if error is None:
        assert configuration.from_dict(config.to_dict()).to_dict() == config.to_dict()
    elif isinstance(error, OSError):  # of Transformers, where the file is no JSON
        assert str(path) in str(error)


def made(build):
    """A configuration, or the error of one that cannot be."""
    try:
        found = build(), None
    except (StrictDataclassError, ValueError, TypeError, OSError) as error:
        found = None, error
    COUNTS["read" if found[1] is None else "refused"] += 1
    return found
