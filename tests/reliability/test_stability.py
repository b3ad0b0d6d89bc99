"""The hyperbolic network at ten times its recipe's learning rates: nothing overflows, ever.

Two hundred steps by default; HF_GENOMICS_SOAK_STEPS=10000 (`make soak`) for the long run.
"""

import os
from dataclasses import replace

import pytest
import torch

from hf_genomics import HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification
from hf_genomics.training.optimizers import RiemannianAdamW, parameter_groups
from hf_genomics.training.recipes import RECIPES

STEPS = int(os.environ.get("HF_GENOMICS_SOAK_STEPS", 200))
FACTOR = 10
CHECK_EVERY = 50
# The network that each recipe is for, where it is not the paper's.
NETWORKS = {
    "one_cycle": {
        **{"block": "residual", "batch_norm": "tangent", "head": "parts", "embedding_dim": None},
        **{"num_parts": 3, "reverse_complement": "average", "oriented_parts": True, "dropout": 0.3},
    }
}
SIZES = {"num_channels": 6, "embedding_dim": 8, "num_layers": 2, "kernel_size": 5, "max_length": 24}


def faster(recipe):
    """The recipe with all of its rates times `FACTOR`."""
    names = ("learning_rate", "point_learning_rate", "curvature_learning_rate")
    return replace(recipe, **{name: FACTOR * getattr(recipe, name) for name in names})


def not_finite(tensors):
    return [name for name, tensor in tensors if not torch.isfinite(tensor).all()]


def states(optimizer):
    for number, state in enumerate(optimizer.state.values()):
        for name, value in state.items():
            yield f"{name} of parameter {number}", torch.as_tensor(value, dtype=torch.float64)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize(
    "multi_curvature",
    [
        pytest.param(False, id="one_curvature", marks=pytest.mark.slow),
        pytest.param(True, id="many"),
    ],
)
def test_nothing_overflows_at_ten_times_the_learning_rates(recipe, multi_curvature, request):
    torch.set_num_threads(1)
    recipe = faster(recipe)
    model = HyperbolicCNNForSequenceClassification(
        HyperbolicCNNConfig(
            **SIZES | NETWORKS.get(recipe.name, {}), multi_curvature=multi_curvature
        )
    ).train()
    optimizer = RiemannianAdamW(parameter_groups(model, recipe), points=model.manifold_points())
    largest = 0.0
    for step in range(1, STEPS + 1):
        input_ids = torch.randint(0, 5, (8, SIZES["max_length"]))
        # half of the labels can be learned, half are noise: the loss never comes to rest
        labels = (input_ids[:, 0] > 1).long()
        labels[::2] = torch.randint(0, 2, (4,))
        loss = model(input_ids, labels=labels).loss
        assert torch.isfinite(loss), f"the loss of step {step} is {loss.item()}"
        largest = max(largest, loss.item())
        optimizer.zero_grad()
        loss.backward()
        if recipe.max_grad_norm:
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.max_grad_norm)
        optimizer.step()
        if step % CHECK_EVERY == 0 or step == STEPS:
            assert not not_finite(model.state_dict().items()), f"at step {step}"
            assert not not_finite(states(optimizer)), f"at step {step}"
    model.eval()
    assert torch.isfinite(model(input_ids).logits).all()
    request.node.user_properties.append(
        (f"soak {recipe.name}", f"steps={STEPS} factor={FACTOR} largest_loss={largest:.3g}")
    )
