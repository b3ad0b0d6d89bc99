"""Times an optimizer step: ours, PyTorch's fused AdamW, geoopt's Riemannian Adam.

All of them move the same weights of a single-curvature hyperbolic CNN. Wall time on two threads is
what a user waits for; processor time on one thread is comparable on a busy machine too.
"""

import functools
import json
import os
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from measure import compare, ratio, summary, write_result
from torch import nn

from hf_genomics import HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification
from hf_genomics.training.optimizers import RiemannianAdamW, manifold_points, parameter_groups
from hf_genomics.training.recipes import MODERN

with warnings.catch_warnings():
    # geoopt 0.5.1 compiles its maps with torch.jit.script, which torch calls deprecated
    warnings.simplefilter("ignore")
    import geoopt

THREADS = 2
ROUNDS = 15
STEPS_PER_TURN = {200: 10, 1000: 3}  # by length of the model
BASELINE = "fused AdamW"


def optimizers(model: nn.Module) -> dict[str, torch.optim.Optimizer]:
    """The contenders, all over the weights of one model."""
    groups = parameter_groups(model, MODERN)
    plain_groups = [{key: g[key] for key in ("params", "lr", "weight_decay")} for g in groups]
    weights = list(model.parameters())
    return {
        BASELINE: torch.optim.AdamW(weights, fused=True),
        "fused AdamW, our groups": torch.optim.AdamW(plain_groups, fused=True),
        "RiemannianAdamW": RiemannianAdamW(groups, points=manifold_points(model)),
        "geoopt RiemannianAdam": geoopt.optim.RiemannianAdam(weights),
    }


def repeat(function: Callable[[], Any], times: int) -> None:
    for _ in range(times):
        function()


def measured(length: int) -> dict[str, Any]:
    """Times and ratios for a model of `length` bases."""
    model = HyperbolicCNNForSequenceClassification(HyperbolicCNNConfig(max_length=length))
    for parameter in model.parameters():
        parameter.grad = 1e-3 * torch.randn_like(parameter)
    steps = STEPS_PER_TURN[length]
    turns = {
        name: functools.partial(repeat, optimizer.step, steps)
        for name, optimizer in optimizers(model).items()
    }
    result: dict[str, Any] = {
        "weights": sum(parameter.numel() for parameter in model.parameters()),
        "points": len(manifold_points(model)),
    }
    for kind, threads, clock in (
        ("wall, 2 threads", THREADS, time.perf_counter),
        ("processor, 1 thread", 1, time.process_time),
    ):
        torch.set_num_threads(threads)
        seconds = compare(turns, rounds=ROUNDS, clock=clock)
        per_step = {name: [t / steps for t in times] for name, times in seconds.items()}
        ratios = {name: ratio(seconds, name, BASELINE) for name in seconds if name != BASELINE}
        result[kind] = {**summary(per_step), f"over {BASELINE}": ratios}
    return result


def main() -> None:
    load = os.getloadavg()[0]  # wall times are worth little where it is far above 0
    result = {f"L={length}": measured(length) for length in STEPS_PER_TURN}
    print(json.dumps(result, indent=2))
    note = f"per step, median of {ROUNDS} interleaved rounds"
    print(
        write_result(
            "optimizer", {"method": note, "load_average_before": load, **result}, threads=THREADS
        )
    )


if __name__ == "__main__":
    main()
