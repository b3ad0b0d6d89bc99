"""What a card says of its network, and of scores that are not defined."""

import json

import pytest

from hf_genomics import HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification, PhyloGPNConfig
from hf_genomics.hub.family_fields import held_out, hyperbolic_cnn, phylogpn

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


def test_an_interval_that_is_not_defined_is_called_so(tmp_path):
    likelihood = {"value": -2.0, "low": None, "high": None}
    evaluation = {
        "rates": [{"rates": "one vector", "log_likelihood": likelihood, "lead": None}],
        **{"num_blocks": 1, "training": {"train_loss": 1.5}},
    }
    (tmp_path / "likelihood.json").write_text(json.dumps(evaluation))
    (tmp_path / "all_results.json").write_text(json.dumps({"train_loss": 1.5}))
    table = phylogpn(PhyloGPNConfig().to_dict(), tmp_path)["likelihood_table"]
    assert table.endswith("| one vector | -2.0000 [not defined, not defined] | its own |")
