"""Times PhyloGPN against the same network computed as the original code computes it.

The published size, float32, one sequence. The original makes every weight anew from its
parametrised tensor in each forward pass, and convolves channels first; "weights made once" is that
without the first. The floor is the time of the products alone, in our basis. A training step is
forward, backward and fused AdamW. Peak memory is that of a process of its own that makes one such
step, beyond what the imports take.
"""

import argparse
import functools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from measure import compare, ratio, summary, write_result
from torch import nn

from hf_genomics import PhyloGPNConfig, PhyloGPNModel
from hf_genomics.models.phylogpn.convert_phylogpn_checkpoint import convert_state_dict
from hf_genomics.models.phylogpn.products import product
from tests.references.phylogpn_original import OriginalPhyloGPN

THREADS = 2
ROUNDS = 7
LENGTHS = (481, 1504)
STEP_LENGTH = 1504
OFFICIAL, OURS = "official way", "symmetric basis"
MEBIBYTE = 2**20


def networks() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    original = OriginalPhyloGPN("layer_norm")
    return {OFFICIAL: original, OURS: convert_state_dict(original.state_dict()).model}


def log_rates(network: nn.Module, input_ids: torch.Tensor) -> torch.Tensor:
    output = network(input_ids)
    return torch.stack([output[base] for base in "ACGT"], 2)


def forward(network: nn.Module, input_ids: torch.Tensor) -> None:
    with torch.inference_mode():
        log_rates(network, input_ids)


def training_step(
    network: nn.Module, input_ids: torch.Tensor, optimizer: torch.optim.Optimizer | None
) -> None:
    network.zero_grad()
    log_rates(network, input_ids).square().mean().backward()
    if optimizer is not None:
        optimizer.step()


def adamw(network: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(network.parameters(), lr=1e-5, fused=True)


def products(length: int, *, backward: bool) -> Callable[[], None]:
    """The products of all blocks and nothing else, forward and if so asked backward."""
    config = PhyloGPNConfig()
    outer, inner, taps = config.outer_dim // 2, config.inner_dim // 2, config.kernel_size
    pairs = []
    for dilation in config.dilations:
        after = length - (taps - 1) * dilation
        shapes = ((length, outer, inner), (after, inner * taps, inner), (after, inner, outer))
        pairs += [(torch.randn(n, i), torch.randn(o, i)) for n, i, o in shapes]
        length = after

    def run() -> None:
        for x, w in pairs:
            for _ in range(2):  # the two halves
                y = product(x, w)
                if backward:
                    product(y, w.t())
                    product(y.t(), x.t())

    return run


def measured(candidates: dict[str, Callable[[], None]]) -> dict[str, Any]:
    seconds = compare(candidates, rounds=ROUNDS)
    floor = "products alone"
    return {
        **summary(seconds),
        "times faster than the official way": {
            name: ratio(seconds, OFFICIAL, name) for name in candidates if name != floor
        },
        "time over products alone": ratio(seconds, OURS, floor),
    }


def times() -> dict[str, Any]:
    models = networks()
    result: dict[str, Any] = {}
    ids = {length: torch.randint(0, 4, (1, length)) for length in LENGTHS}
    with torch.inference_mode():
        difference = log_rates(models[OFFICIAL], ids[481]) - log_rates(models[OURS], ids[481])
    result["largest difference of log rates"] = difference.abs().max().item()
    once = networks()[OFFICIAL]
    for module in list(once.modules()):
        for name in list(getattr(module, "parametrizations", {})):
            nn.utils.parametrize.remove_parametrizations(module, name)
    for length in LENGTHS:
        candidates: dict[str, Callable[[], None]] = {
            name: functools.partial(forward, network, ids[length])
            for name, network in {**models, "official, weights made once": once}.items()
        }
        candidates["products alone"] = products(length, backward=False)
        result[f"forward, {length} bases"] = measured(candidates)
    del once
    for title, optimizers in (
        ("forward and backward", dict.fromkeys(models)),
        ("training step", {name: adamw(network) for name, network in models.items()}),
    ):
        candidates = {
            name: functools.partial(training_step, network, ids[STEP_LENGTH], optimizers[name])
            for name, network in models.items()
        }
        candidates["products alone"] = products(STEP_LENGTH, backward=True)
        result[f"{title}, {STEP_LENGTH} bases"] = measured(candidates)
    return result


def memory(which: str) -> int:
    """Bytes of memory of this process: now (`"VmRSS"`) or at most so far (`"VmHWM"`)."""
    # not `resource.getrusage`: its maximum starts at what the parent took before it made this one
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith(f"{which}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {which}; peak memory is measured on Linux only.")


def peak(name: str, optimize: bool) -> int:
    """Bytes that a training step takes at most, with the network, in this process."""
    before = memory("VmRSS")
    network: nn.Module = (
        OriginalPhyloGPN("layer_norm") if name == OFFICIAL else PhyloGPNModel(PhyloGPNConfig())
    )
    optimizer = adamw(network) if optimize else None
    training_step(network.train(), torch.randint(0, 4, (1, STEP_LENGTH)), optimizer)
    return memory("VmHWM") - before


def peaks() -> dict[str, Any]:
    result: dict[str, Any] = {}
    for title, options in (("forward and backward", []), ("training step", ["--optimize"])):
        bytes_of = {
            name: int(
                subprocess.run(
                    [sys.executable, __file__, "--peak", name, *options],
                    capture_output=True,
                    check=True,
                    text=True,
                ).stdout.split()[-1]
            )
            for name in (OFFICIAL, OURS)
        }
        result[f"peak memory, {title}, {STEP_LENGTH} bases"] = {
            **{f"{name}, MiB": value / MEBIBYTE for name, value in bytes_of.items()},
            "ours over the official way": bytes_of[OURS] / bytes_of[OFFICIAL],
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--peak", help="print the peak memory of one step of this network, alone")
    parser.add_argument("--optimize", action="store_true", help="with a step of AdamW")
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    if arguments.peak:
        print(peak(arguments.peak, arguments.optimize))
        return
    result = {"method": f"median of {ROUNDS} interleaved rounds", **times(), **peaks()}
    print(json.dumps(result, indent=2))
    print(write_result("phylogpn", result, threads=THREADS), file=sys.stderr)


if __name__ == "__main__":
    main()
