"""What the card of a hyperbolic CNN says of its network."""

import pytest

from hf_genomics import HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification
from hf_genomics.hub.family_fields import hyperbolic_cnn

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
