"""A replica of `nn.DataParallel`, whose parameters are elsewhere, computes as the model does."""

import copy

import pytest
import torch

from hf_genomics import (
    HyperbolicCNNForSequenceClassification,
    PhyloGPNForSequenceClassification,
    VQDNAForSequenceClassification,
)
from tests.models.hyperbolic_cnn.tiny import RESIDUAL
from tests.models.hyperbolic_cnn.tiny import tiny_config as tiny_hyperbolic_cnn
from tests.models.phylogpn.tiny import tiny_config as tiny_phylogpn
from tests.models.vqdna.tiny_language_model import tiny_config as tiny_vqdna

MODELS = {
    "hyperbolic": lambda: HyperbolicCNNForSequenceClassification(tiny_hyperbolic_cnn()),
    "residual": lambda: HyperbolicCNNForSequenceClassification(tiny_hyperbolic_cnn(**RESIDUAL)),
    "twin": lambda: HyperbolicCNNForSequenceClassification(
        tiny_hyperbolic_cnn(geometry="euclidean")
    ),
    "phylogpn": lambda: PhyloGPNForSequenceClassification(
        tiny_phylogpn(num_labels=3, token_padding="same")
    ),
    "vqdna": lambda: VQDNAForSequenceClassification(
        tiny_vqdna(num_labels=3, hidden_dropout_prob=0.0)
    ),
}


def replica_of(model):
    """What `torch.nn.parallel.replicate` makes for a device, here for the one that there is."""
    modules = list(model.modules())
    replicas = {module: module._replicate_for_data_parallel() for module in modules}
    for module, replica in replicas.items():
        replica._former_parameters = {}
        for name, child in module._modules.items():
            replica._modules[name] = None if child is None else replicas[child]
            if child is not None:
                setattr(replica, name, replicas[child])
        for name, parameter in module._parameters.items():
            if parameter is None:
                replica._parameters[name] = None
            else:
                tensor = parameter * 1  # copied by an operation, as to another device
                setattr(replica, name, tensor)
                replica._former_parameters[name] = tensor
        for name, buffer in module._buffers.items():
            if buffer is not None:
                setattr(replica, name, buffer)
    return replicas[model]


@pytest.mark.parametrize("name", MODELS)
def test_a_replica_gives_the_gradients_and_statistics_of_the_model(name):
    torch.manual_seed(0)
    model = MODELS[name]().train()
    alone = copy.deepcopy(model)
    ids, labels = torch.randint(0, 4, (4, 18)), torch.tensor([0, 1, 2, 0])
    losses = [net(input_ids=ids, labels=labels).loss for net in (replica_of(model), alone)]
    for loss in losses:
        loss.backward()
    assert losses[0] == losses[1]
    for one, other in zip(model.parameters(), alone.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None)
        if one.grad is not None:
            torch.testing.assert_close(one.grad, other.grad)
    for one, other in zip(model.buffers(), alone.buffers(), strict=True):
        assert torch.equal(one, other)
