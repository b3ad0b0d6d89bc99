"""The whole network against slow twins: full points with geoopt's maps, and plain torch layers."""

import pytest
import torch

from tests.models.hyperbolic_cnn.tiny import random_ids, set_curvatures_, tiny_model
from tests.references.hyperbolic_cnn import EuclideanNetwork, lorentz_network

LENGTHS = (8, 5, 1)
CURVATURES = [[1.0], [0.5], [2.0], [0.5, 2.0, 0.8]]

variants = pytest.mark.parametrize(
    "options",
    [
        {"head": "flatten"},
        {"head": "centroid"},
        {"head": "flatten", "mask_padding": False},
        {"head": "centroid", "mask_padding": False},
        {"head": "flatten", "reverse_complement": "average"},
        {"head": "centroid", "reverse_complement": "average"},
        {"head": "flatten", "max_radius": 1.0, "batch_norm_eps": 0.1, "batch_norm_momentum": 0.4},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("k", CURVATURES, ids=lambda k: f"k={k}")
@variants
def test_network_is_that_of_full_points(options, k, training):
    sizes = {"num_layers": 2, "kernel_size": 5, "max_length": 9, "num_channels": 5}
    model = tiny_model(**sizes, embedding_dim=7, multi_curvature=len(k) > 1, **options)
    set_curvatures_(model, k)
    model.train(training)
    ids = random_ids(*LENGTHS)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    per_block = torch.tensor(k * 3 if len(k) == 1 else k, dtype=torch.float64).unbind()
    expected, statistics = lorentz_network(before, ids, list(per_block), model.config, training)

    logits = model(ids).logits

    torch.testing.assert_close(logits, expected, rtol=1e-7, atol=1e-7)
    after = model.state_dict()
    assert len(statistics) == (8 if training else 0)
    for name, value in statistics.items():
        torch.testing.assert_close(after[name], value, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("training", [True, False])
@variants
def test_euclidean_twin_is_a_network_of_torch_layers(options, training):
    model = tiny_model(geometry="euclidean", num_layers=3, **options)
    ids, labels = random_ids(12, 9, 5, 1), torch.tensor([0, 1, 2, 1])
    twin = EuclideanNetwork(model.config).double().load(model.state_dict())
    for network in (model, twin):
        network.train(training)

    logits, expected = model(ids).logits, twin(ids)

    torch.testing.assert_close(logits, expected, rtol=1e-10, atol=1e-10)
    for output in (logits, expected):
        torch.nn.functional.cross_entropy(output, labels).backward()
    for i in range(6):
        ours = model.model.blocks[i // 2].layers[i % 2]
        for name in ("running_mean", "running_var"):
            torch.testing.assert_close(getattr(ours.norm, name), getattr(twin.norms[i], name))
        for found, wanted in ((ours.conv, twin.convs[i]), (ours.norm, twin.norms[i])):
            for name in ("weight", "bias"):
                torch.testing.assert_close(
                    getattr(found, name).grad, getattr(wanted, name).grad, rtol=1e-8, atol=1e-10
                )
    for found, wanted in (
        (model.model.pooler.linear, twin.embed),
        (model.classifier, twin.classify),
    ):
        torch.testing.assert_close(found.weight.grad, wanted.weight.grad, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("k", [0.5, 1.0, 2.0])
def test_equal_curvatures_make_the_multiple_curvature_network_the_single_one(k, training):
    single, multi = tiny_model(initial_curvature=k), tiny_model(multi_curvature=True)
    state = single.state_dict()
    multi.load_state_dict(state | {"model.curvature.raw_curvature": torch.zeros(4).double()})
    set_curvatures_(multi, [k] * 4)
    ids = random_ids(12, 7)
    logits = [model.train(training)(ids).logits for model in (single, multi)]
    torch.testing.assert_close(*logits, rtol=1e-10, atol=1e-10)
