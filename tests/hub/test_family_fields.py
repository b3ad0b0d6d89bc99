"""What a card says of its network, and of scores that are not defined."""

import json

import pytest

from hf_genomics import HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification, PhyloGPNConfig
from hf_genomics.hub.family_fields import classifier, held_out, hyperbolic_cnn, phylogpn

RESIDUAL = {
    **{"block": "residual", "batch_norm": "tangent", "head": "parts", "embedding_dim": None},
    **{"num_parts": 3, "reverse_complement": "average", "oriented_parts": True},
}


def fields_of(folder, **options):
    sizes = {"num_channels": 5, "embedding_dim": 6, "num_layers": 2, "max_length": 1500}
    model = HyperbolicCNNForSequenceClassification(HyperbolicCNNConfig(**sizes | options))
    model.save_pretrained(folder)
    return hyperbolic_cnn(model.config.to_dict(), folder)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"multi_curvature": True, "initial_curvature": 2.0},
            {
                "network": "HCNN-M",
                "space": "points of the Lorentz model of hyperbolic space",
                "head": "flatten",
                "dropout": "0",
                "blocks": "2 of two convolutions",
                "batch_norm": "Lorentz, one scale for all channels",
                "embedding": "6 wide, time component included",
                "both_strands": "no",
                "curvatures": "2, 2, 2 (trained)",
                "input_length": "up to 1,500 bases",
            },
        ),
        (
            RESIDUAL | {"learnable_curvature": False},
            {
                "network": "residual network of Lorentz layers",
                "space": "points of the Lorentz model of hyperbolic space",
                "head": "centroid, maximum and 3 parts",
                "dropout": "0",
                "blocks": "2 residual ones after a stem of 15 bases, "
                "each dilated twice as far as the one before",
                "batch_norm": "in the tangent space at the origin, one scale a channel",
                "embedding": "21 wide, time component included",
                "both_strands": "yes, but for the parts, which are the given strand's",
                "curvatures": "1 (fixed)",
                "input_length": "any length",
            },
        ),
        (
            RESIDUAL
            | {"geometry": "euclidean", "oriented_parts": False}
            | {"dropout": 0.3, "parts_dropout": 0.5},
            {
                "network": "Euclidean twin of the residual network",
                "space": "vectors of flat space, to compare with the Lorentz model of hyperbolic "
                "space",
                "head": "centroid, maximum and 3 parts",
                "dropout": "0.3, and all parts of 0.5 of the sequences",
                "blocks": "2 residual ones after a stem of 15 bases, "
                "each dilated twice as far as the one before",
                "batch_norm": "one scale a channel",
                "embedding": "25 wide",
                "both_strands": "yes",
                "curvatures": "none, the space is flat",
                "input_length": "any length",
            },
        ),
    ],
    ids=["paper", "residual", "twin"],
)
def test_the_card_describes_the_network_that_was_trained(options, expected, tmp_path):
    assert fields_of(tmp_path, **options) == expected


def test_a_held_out_score_that_is_not_defined_is_called_so(tmp_path):
    results = {
        **{"held_out_loss": None, "held_out_accuracy": 0.6875},
        "data_arguments": {"held_out": ["chr1"]},
    }
    (tmp_path / "all_results.json").write_text(json.dumps(results))
    rows = held_out(tmp_path)["held_out_table"].splitlines()
    assert rows[2:] == ["| loss | not defined |", "| accuracy | 0.6875 |"]


def phylogpn_fields_of(folder, **options):
    likelihood = {"value": -2.0, "low": None, "high": None}
    evaluation = {
        "rates": [{"rates": "one vector", "log_likelihood": likelihood, "lead": None}],
        **{"num_blocks": 1, "training": {"train_loss": 1.5}},
    }
    (folder / "likelihood.json").write_text(json.dumps(evaluation))
    (folder / "all_results.json").write_text(json.dumps({"train_loss": 1.5}))
    return phylogpn(PhyloGPNConfig(**options).to_dict(), folder)


@pytest.mark.parametrize(("padding", "length"), [("same", "L"), ("valid", "L - 480")])
def test_outputs_are_fewer_than_bases_by_both_flanks(padding, length, tmp_path):
    fields = phylogpn_fields_of(tmp_path, token_padding=padding)
    assert (fields["flank"], fields["output_length"]) == ("240", length)


@pytest.mark.parametrize(
    ("options", "strands"),
    [
        ({}, "equivariant, exactly"),
        ({"tie_norm_symmetry": False}, "equivariant but for the norms"),
        ({"tie_norm_symmetry": False, "reverse_complement": "average"}, "equivariant, exactly"),
    ],
)
def test_strands_are_exact_where_the_norms_are_tied_or_both_are_averaged(
    options, strands, tmp_path
):
    assert phylogpn_fields_of(tmp_path, **options)["strands"] == strands


@pytest.mark.parametrize(
    ("given", "lora"),
    [
        ({"lora": True, "lora_rank": 4}, "rank 4, merged into the weights"),
        ({"lora": False, "lora_rank": 8}, "no"),
        ({}, "no"),
    ],
)
def test_a_classifier_was_trained_whole_or_by_lora(given, lora, tmp_path):
    (tmp_path / "all_results.json").write_text(json.dumps({"model_arguments": given}))
    assert classifier(tmp_path) == {"lora": lora}


def test_an_interval_that_is_not_defined_is_called_so(tmp_path):
    table = phylogpn_fields_of(tmp_path)["likelihood_table"]
    assert table.endswith("| one vector | -2.0000 [not defined, not defined] | its own |")
