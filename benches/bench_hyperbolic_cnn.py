"""Times a training step (forward and backward) of hyperbolic CNNs against their Euclidean twin.

The published size (32 channels, 3 blocks, flatten head) and the preset `residual`, batch 100.
Beside the times: the bytes that autograd keeps for the backward pass, and the floor, which is the
time of the twin's products alone (convolutions and matrix products, forward and backward): the
same arithmetic in either geometry.
"""

import contextlib
import functools
import itertools
import json
import sys
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from measure import compare, ratio, summary, write_result
from torch import Tensor, nn

from hf_genomics import HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification

THREADS = 2
BATCH = 100
ROUNDS = 11
LENGTHS = (200, 1000)
TWIN = "Euclidean"
# preset: models
NETWORKS: dict[str, dict[str, dict[str, Any]]] = {
    "paper": {
        TWIN: {"geometry": "euclidean"},
        "HCNN-S": {},
        "HCNN-M": {"multi_curvature": True},
    },
    "residual": {
        TWIN: {"geometry": "euclidean", "num_channels": 64},
        "Hyperbolic-S": {},
    },
}


def training_step(model: nn.Module, inputs: dict[str, Tensor], autocast: bool) -> None:
    model.zero_grad()
    with torch.autocast(inputs["input_ids"].device.type, torch.bfloat16, enabled=autocast):
        loss = model(**inputs).loss
    loss.backward()
    if loss.device.type == "cuda":
        torch.cuda.synchronize()


def products(model: nn.Module, inputs: dict[str, Tensor]) -> Callable[[], None]:
    """Forward and backward of the convolutions and matrix products of a model, and nothing else."""
    calls: list[tuple[nn.Module, Tensor]] = []

    def record(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        x = torch.randn_like(args[0]).requires_grad_(args[0].requires_grad)
        calls.append((module, x))

    with contextlib.ExitStack() as hooks:
        for module in model.modules():
            if isinstance(module, nn.Conv1d | nn.Linear):
                hooks.callback(module.register_forward_pre_hook(record).remove)
        model(**inputs)

    def run() -> None:
        for module, x in calls:
            if isinstance(module, nn.Conv1d):
                options = module.stride, module.padding, module.dilation, module.groups
                y = F.conv1d(x, module.weight, None, *options)
            else:
                y = F.linear(x, module.weight)
            wanted = [t for t in (x, module.weight) if t.requires_grad]
            torch.autograd.grad(y, wanted, torch.ones_like(y))
        if inputs["input_ids"].device.type == "cuda":
            torch.cuda.synchronize()

    return run


def saved_mebibytes(model: nn.Module, inputs: dict[str, Tensor]) -> float:
    """Memory that autograd keeps between forward and backward, parameters not counted."""
    storages: dict[int, int] = {}
    parameters = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = model(**inputs).loss
    del loss
    return sum(storages.values()) / 2**20


def measured(
    preset: str, length: int, device: str, *, autocast: bool, compiled: bool
) -> dict[str, Any]:
    torch.manual_seed(0)
    inputs = {
        "input_ids": torch.randint(0, 4, (BATCH, length), device=device),
        "labels": torch.randint(0, 2, (BATCH,), device=device),
    }
    models = {
        name: HyperbolicCNNForSequenceClassification(
            HyperbolicCNNConfig.preset(preset, max_length=length, num_labels=2, **options)
        ).to(device)
        for name, options in NETWORKS[preset].items()
    }
    steps: dict[str, Callable[[], None]] = {
        name: functools.partial(
            training_step,
            torch.compile(model, fullgraph=True) if compiled else model,
            inputs,
            autocast,
        )
        for name, model in models.items()
    }
    floor = products(models[TWIN], inputs)
    seconds = compare({**steps, "products alone": floor}, rounds=ROUNDS)
    saved = {name: saved_mebibytes(model, inputs) for name, model in models.items()}
    return {
        **summary(seconds),
        f"time over {TWIN}": {name: ratio(seconds, name, TWIN) for name in steps},
        "time over products alone": {
            name: ratio(seconds, name, "products alone") for name in steps
        },
        "saved for backward, MiB": saved,
        f"saved over {TWIN}": {name: saved[name] / saved[TWIN] for name in steps},
    }


def main() -> None:
    torch.set_num_threads(THREADS)
    cuda = torch.cuda.is_available()
    result: dict[str, Any] = {"method": f"batch {BATCH}, median of {ROUNDS} interleaved rounds"}
    # compiled code is measured where it pays: a graphics processor is bound by small launches
    for device, compiled, autocast in (
        [("cpu", False, False)]
        if not cuda
        else [("cuda", compiled, bf16) for compiled in (False, True) for bf16 in (False, True)]
    ):
        how = f"{device}, {'compiled' if compiled else 'eager'}, {'bf16' if autocast else 'fp32'}"
        for preset, length in itertools.product(NETWORKS, LENGTHS):
            result[f"{preset}, {how}, L={length}"] = measured(
                preset, length, device, autocast=autocast, compiled=compiled
            )
    print(json.dumps(result, indent=2))
    print(write_result("hyperbolic_cnn", result, threads=THREADS), file=sys.stderr)


if __name__ == "__main__":
    main()
