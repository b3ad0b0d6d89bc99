"""Equality with the original HGE network in float64; see `tests/golden/README.md`."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from hf_genomics.models.hyperbolic_cnn.convert_hyperbolic_cnn_checkpoint import convert_state_dict
from tests.models.hyperbolic_cnn.tiny import random_ids, set_curvatures_, tiny_model

GOLDEN = Path(__file__).parents[2] / "golden"
TOLERANCE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-9}
OUR_BASES = "ACGTN"
# positions of A, C, G, T, N in the official one-hot encoding, which is in the order A, C, T, G, N
OFFICIAL_POSITIONS = [0, 1, 3, 2, 4]


class Golden:
    """Inputs and outputs of one official network."""

    def __init__(self, name):
        self.facts = json.loads((GOLDEN / f"hge_{name}.json").read_text())
        self.tensors = load_file(GOLDEN / f"hge_{name}.safetensors")
        length = self.facts["max_length"]
        self.ids = torch.tensor(
            [
                [OUR_BASES.index(base) for base in row] + [5] * (length - len(row))
                for row in self.facts["sequences"]
            ]
        )
        self.labels = self.tensors["labels"]

    def __getitem__(self, key):
        return self.tensors[key]

    def part(self, prefix):
        return {k[len(prefix) :]: t for k, t in self.tensors.items() if k.startswith(prefix)}

    def model(self):
        return convert_state_dict(
            self.part("state."),
            num_labels=self.facts["num_labels"],
            max_length=self.facts["max_length"],
            multi_curvature=self.facts["multi_curvature"],
        )

    def expected_gradients(self):
        """Official gradients under our names: free coordinates only, curvature left out."""
        state, grad = self.part("state."), self.part("grad.")
        length, width = self.facts["max_length"], self.facts["channels"] - 1
        expected = {"classifier.a": grad["mlr.a"], "classifier.z": grad["mlr.z"]}
        for i in range(self.facts["num_layers"]):
            for j, (conv, norm) in enumerate(((0, 1), (3, 4))):
                ours = f"model.blocks.{i}.layers.{j}"
                theirs = f"conv_layers.{i}.{conv}.linearized_kernel.weight"
                weight = grad[f"{theirs}.weight"]
                window = weight[1:, 1:].reshape(width, -1, 9)  # (out, in, window)
                if i == j == 0:
                    window = window[:, OFFICIAL_POSITIONS]
                expected |= {
                    f"{ours}.conv.time_weight": weight[1:, 0],
                    f"{ours}.conv.space.weight": window,
                    f"{ours}.conv.space.bias": grad[f"{theirs}.bias"][1:],
                    f"{ours}.norm.gamma": grad[f"conv_layers.{i}.{norm}.gamma"],
                }
                # beta_0 moves with the space coordinates: d beta_0 = beta_s / beta_0
                g, beta = (part[f"conv_layers.{i}.{norm}.beta"] for part in (grad, state))
                expected[f"{ours}.norm.beta"] = g[1:] + g[0] * beta[1:] / beta[0]
        weight = grad["fc_layer.weight.weight"][1:]
        by_position = weight[:, 1:].reshape(-1, length, width)
        expected |= {
            "model.pooler.linear.time_weight": weight[:, 0],
            "model.pooler.linear.space.weight": by_position.transpose(1, 2).flatten(1),
            "model.pooler.linear.space.bias": grad["fc_layer.weight.bias"][1:],
        }
        return expected


@pytest.fixture(scope="module", params=["single", "multi"])
def golden(request):
    return Golden(request.param)


def test_evaluation_logits_are_the_official_ones(golden):
    logits = golden.model()(golden.ids).logits  # for evaluation, as a loaded model is
    assert logits.dtype == torch.float64
    torch.testing.assert_close(logits, golden["logits_eval"], **TOLERANCE)


def test_training_logits_and_loss_are_the_official_ones(golden):
    output = golden.model().train()(golden.ids, labels=golden.labels)
    torch.testing.assert_close(output.logits, golden["logits_train"], **TOLERANCE)
    torch.testing.assert_close(output.loss, golden["loss_train"][0], **TOLERANCE)


def test_gradients_are_the_official_ones(golden):
    model = golden.model().train()
    model(golden.ids, labels=golden.labels).loss.backward()
    found = {name: p.grad for name, p in model.named_parameters() if "raw_curvature" not in name}

    expected = golden.expected_gradients()

    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        assert gradient.abs().max() > 0 or "bias" in name
        torch.testing.assert_close(found[name], gradient, **TOLERANCE, msg=lambda m, n=name: n + m)


def test_running_statistics_are_the_official_ones(golden):
    model = golden.model().train()
    model(golden.ids)
    state = model.state_dict()
    for i in range(golden.facts["num_layers"]):
        for j, norm in enumerate((1, 4)):
            ours, theirs = f"model.blocks.{i}.layers.{j}.norm", f"after.conv_layers.{i}.{norm}"
            assert golden[f"{theirs}.running_mean"][0] == 0  # tangent at the origin
            for name, cut in (("running_mean", 1), ("running_var", 0)):
                torch.testing.assert_close(
                    state[f"{ours}.{name}"], golden[f"{theirs}.{name}"][cut:], **TOLERANCE
                )
                before = golden[f"{theirs}.{name}".replace("after", "state")][cut:]
                assert not torch.equal(state[f"{ours}.{name}"], before)


def test_conversion_drops_only_rows_that_the_official_network_never_reads(golden):
    """Overwriting them in the official state dict changes no weight of ours."""
    expected = golden.model().state_dict()
    changed = Golden("multi" if golden.facts["multi_curvature"] else "single")
    for key, tensor in changed.part("state.").items():
        if "linearized_kernel.weight." in key or key.startswith("fc_layer.weight."):
            tensor[0] = float("nan")
    for key, tensor in changed.model().state_dict().items():
        assert torch.equal(tensor, expected[key]), key


def test_conversion_tells_single_from_multiple_curvatures_when_they_differ():
    state = Golden("multi").part("state.")
    for i in range(4):
        state[f"manifolds.{i}.k"] = torch.tensor(0.5 + 0.5 * i, dtype=torch.float64)
    model = convert_state_dict(state, num_labels=3, max_length=30)
    assert model.config.multi_curvature
    torch.testing.assert_close(
        model.curvatures(), torch.tensor([0.5, 1.0, 1.5, 2.0], dtype=torch.float64)
    )
    single = Golden("single")
    assert not convert_state_dict(
        single.part("state."), num_labels=2, max_length=40
    ).config.multi_curvature


BROKEN = [
    ({"max_length": 31}, {}, r"reads 30 positions, but max_length=31", None),
    ({"num_labels": 2}, {}, r"has 3 classes, but num_labels=2", None),
    ({"multi_curvature": False}, {"manifolds.1.k": 2.0}, "pass multi_curvature=True", None),
    ({}, {"manifolds.1.k": -1.0}, "curvatures must be positive", None),
    ({}, {}, r"lacks the key 'conv_layers.1.4.gamma'", "conv_layers.1.4.gamma"),
    ({}, {}, r"lacks the key 'mlr.z'", "mlr.z"),
    ({}, {}, r"lacks the key 'manifolds.3.k'", "manifolds.3.k"),
]


@pytest.mark.parametrize(("options", "values", "message", "missing"), BROKEN)
def test_conversion_says_what_does_not_fit(options, values, message, missing):
    state = Golden("multi").part("state.")
    state |= {key: torch.tensor(value, dtype=torch.float64) for key, value in values.items()}
    if missing:
        del state[missing]
    with pytest.raises(ValueError, match=message):
        convert_state_dict(state, **{"num_labels": 3, "max_length": 30} | options)


def test_conversion_refuses_a_state_dict_of_another_network():
    with pytest.raises(ValueError, match="not an official HGE state dict"):
        convert_state_dict({"weight": torch.zeros(3)}, num_labels=2, max_length=30)


@pytest.mark.parametrize("wrapper", ["state_dict", "model_state_dict", "model"])
def test_conversion_finds_the_weights_in_a_checkpoint_of_a_training_script(wrapper):
    state = Golden("single").part("state.")
    parallel = {f"module.{key}": tensor for key, tensor in state.items()}
    expected = convert_state_dict(state, num_labels=2, max_length=40).state_dict()
    for given in (parallel, {wrapper: state, "epoch": 3}, {wrapper: parallel, "epoch": 3}):
        model = convert_state_dict(given, num_labels=2, max_length=40)
        for key, tensor in model.state_dict().items():
            assert torch.equal(tensor, expected[key]), key


def test_conversion_keeps_the_dtype():
    state = {key: t.float() for key, t in Golden("single").part("state.").items()}
    model = convert_state_dict(state, num_labels=2, max_length=40)
    assert {t.dtype for t in model.state_dict().values()} == {torch.float32}


# ---------------------------------------------------------------- gradients without a golden number


def loss_of(model, ids, labels):
    return model(ids, labels=labels).loss


def difference_quotient(model, ids, labels, parameter, direction, step=1e-5):
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            parameter += sign * step * direction
            values.append(loss_of(model, ids, labels).item())
            parameter -= sign * step * direction
    return (values[0] - values[1]) / (2 * step)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("head", ["flatten", "centroid"])
@pytest.mark.parametrize("k", [[1.0], [0.5], [2.0], [0.6, 1.7, 0.9, 1.3]])
def test_every_gradient_is_that_of_finite_differences(k, head, training):
    """Of the curvatures too, through the whole network, where the official gradient is wrong."""
    model = tiny_model(head=head, multi_curvature=len(k) > 1, num_layers=3)
    set_curvatures_(model, k)
    model.train(training)
    ids, labels = random_ids(12, 9, 5), torch.tensor([0, 2, 1])
    loss_of(model, ids, labels).backward()
    assert model.model.curvature.raw_curvature.grad.abs().min() > 1e-6

    for name, parameter in model.named_parameters():
        for i in range(len(parameter)) if "raw_curvature" in name else [None]:
            direction = torch.randn_like(parameter)
            if i is not None:
                direction = torch.nn.functional.one_hot(torch.tensor(i), len(parameter)).double()
            expected = difference_quotient(model, ids, labels, parameter, direction)
            assert parameter.grad is not None
            found = (parameter.grad * direction).sum().item()
            assert found == pytest.approx(expected, rel=2e-6, abs=2e-9), name


def test_conversion_tells_the_kernel_size_from_the_weights():
    state = Golden("single").part("state.")
    whole = convert_state_dict(state, num_labels=2, max_length=40)
    for key, weight in state.items():
        if "linearized_kernel.weight.weight" in key:  # without the first and the last tap
            taps = weight[:, 1:].unflatten(1, (-1, 9))[:, :, 1:8].flatten(1)
            state[key] = torch.cat([weight[:, :1], taps], 1)
    model = convert_state_dict(state, num_labels=2, max_length=40)
    assert model.config.kernel_size == 7
    for found, expected in zip(model.model.blocks, whole.model.blocks, strict=True):
        for ours, theirs in zip(found.layers, expected.layers, strict=True):
            assert torch.equal(ours.conv.space.weight, theirs.conv.space.weight[:, :, 1:8])
