"""Times the loss of PhyloGPN, value and gradient, on trees of 58, 241 and 447 leaves.

Beside it: the same value by ordinary autograd, node by node, and what the loss adds to a training
step of the network of published size, timed in the same run. Run with
`python benches/bench_phylogenetic_likelihood.py`; it writes
benches/results/phylogenetic_likelihood.json. The batch of the paper is 12 x 10,000 sites: all times
are per site, so that fewer are enough.
"""

import json
import multiprocessing
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import compare, ratio, summary, write_result
from torch import Tensor, nn

from hf_genomics import Phylogeny, PhyloGPNConfig, PhyloGPNForMaskedLM
from hf_genomics.benchmarks.trees import birth_death_tree
from hf_genomics.models.phylogpn.phylogenetic_likelihood import (
    conditional_log_likelihood,
    log_likelihood,
)
from hf_genomics.models.phylogpn.substitution_models import F81, HKY85

THREADS = 2
ROUNDS = 7
LEAVES = (58, 241, 447)
SITES = {"cpu": 6_000, "cuda": 120_000}
TWIN_SITES = {"cpu": 2_000, "cuda": 20_000}
# Positions of one step of the network, flanks included; and of the paper's batch.
NETWORK_POSITIONS = {"cpu": 1_504, "cuda": 40_480}
BATCH_SITES, BATCH_POSITIONS = 12 * 10_000, 12 * 10_480
OURS, VALUE, HKY, TWIN, NETWORK = "value and gradient", "value", "HKY85", "autograd", "network"


def inputs(num_leaves: int, num_sites: int, device: str) -> tuple[Phylogeny, Tensor, Tensor]:
    """A tree of height 0.3, log rates, and columns: one base, a tenth others, a tenth gaps."""
    generator = torch.Generator().manual_seed(0)
    tree = birth_death_tree(num_leaves, np.random.default_rng(0)).scaled(0.3)
    states = torch.randint(0, 4, (num_sites, 1), generator=generator).repeat(1, num_leaves)
    other = torch.randint(0, 5, states.shape, generator=generator)
    states = torch.where(torch.rand(states.shape, generator=generator) < 0.15, other, states)
    log_rates = torch.randn(num_sites, 4, generator=generator).to(device)
    phylogeny = Phylogeny.from_newick(tree.to_newick())
    return phylogeny, log_rates.requires_grad_(), states.to(torch.int8).to(device)


def loss_step(num_leaves: int, num_sites: int, device: str) -> Callable[[], None]:
    phylogeny, log_rates, states = inputs(num_leaves, num_sites, device)

    def step() -> None:
        value = conditional_log_likelihood(log_rates, states, phylogeny, reference_leaf=0)
        torch.autograd.grad(value.mean(), log_rates)

    return step


def by_autograd(log_rates: Tensor, states: Tensor, phylogeny: Phylogeny) -> Tensor:
    """The joint F81 log-likelihood written down node by node; autograd does the rest."""
    pi, total = log_rates.softmax(-1), log_rates.exp().sum(-1, keepdim=True)
    known = torch.nn.functional.one_hot(states.long(), 5).to(pi.dtype)
    partials = [known[:, leaf, :4] + known[:, leaf, 4:] for leaf in range(phylogeny.num_leaves)]
    scale = torch.zeros_like(total)
    for below in phylogeny.children[phylogeny.num_leaves :]:
        product = torch.ones_like(pi)
        for child in below:
            stay = torch.exp(-total * phylogeny.lengths[child])
            average = (pi * partials[child]).sum(-1, keepdim=True)
            product = product * (stay * partials[child] + (1 - stay) * average)
        largest = product.amax(-1, keepdim=True).detach()
        partials.append(product / largest)
        scale = scale + largest.log()
    return ((pi * partials[-1]).sum(-1, keepdim=True).log() + scale)[:, 0]


def network_step(device: str) -> Callable[[], None]:
    """Forward and backward of the network of published size, with a loss that costs nothing."""
    model: nn.Module = PhyloGPNForMaskedLM(PhyloGPNConfig())
    model.to(device)
    input_ids = torch.randint(0, 4, (1, NETWORK_POSITIONS[device]), device=device)

    def step() -> None:
        model.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            logits = model(input_ids).logits
        logits.float().square().mean().backward()

    return step


def synchronized(step: Callable[[], object], device: str) -> Callable[[], None]:
    def run() -> None:
        step()
        if device == "cuda":
            torch.cuda.synchronize()

    return run


def measured(num_leaves: int, device: str) -> dict[str, Any]:
    num_sites, twin_sites = SITES[device], TWIN_SITES[device]
    phylogeny, log_rates, states = inputs(num_leaves, num_sites, device)
    _, few_rates, few_states = inputs(num_leaves, twin_sites, device)

    def gradient_of(function: Callable[[], Tensor], log_rates: Tensor) -> Callable[[], object]:
        return lambda: torch.autograd.grad(function().mean(), log_rates)

    def value() -> None:
        with torch.no_grad():
            conditional_log_likelihood(log_rates, states, phylogeny, reference_leaf=0)

    def joint(model: Any) -> Tensor:
        return log_likelihood(few_rates, few_states, phylogeny, substitution_model=model)

    twin = by_autograd(few_rates, few_states, phylogeny)
    torch.testing.assert_close(joint(F81()), twin, rtol=1e-4, atol=1e-3)
    candidates: dict[str, Callable[[], object]] = {
        OURS: loss_step(num_leaves, num_sites, device),
        VALUE: value,
        HKY: gradient_of(lambda: joint(HKY85(2.0)), few_rates),
        TWIN: gradient_of(lambda: by_autograd(few_rates, few_states, phylogeny), few_rates),
    }
    if num_leaves == max(LEAVES):
        candidates[NETWORK] = network_step(device)
    runs = {name: synchronized(step, device) for name, step in candidates.items()}
    seconds = compare(runs, rounds=ROUNDS, warm_up=1)
    per_site = {OURS: num_sites, VALUE: num_sites, HKY: twin_sites, TWIN: twin_sites}
    per_second = {
        name: count / (1e-3 * summary(seconds)[name]["median_ms"])
        for name, count in per_site.items()
    }
    copy = 16 * phylogeny.num_nodes * num_sites
    # Partial likelihoods of internal nodes once written and twice read, states once read.
    floor = num_sites * (3 * 16 * (phylogeny.num_nodes - num_leaves) + num_leaves)
    result: dict[str, Any] = {
        "milliseconds": summary(seconds),
        "sites": per_site,
        "sites per second": per_second,
        f"time over {TWIN}, per site": ratio(seconds, OURS, TWIN) * twin_sites / num_sites,
        "peak memory in copies of the partial likelihoods": peak_memory(num_leaves, device) / copy,
        "floor, bytes per site": floor / num_sites,
        "floor over time, GB/s": floor / num_sites * per_second[OURS] / 1e9,
    }
    if NETWORK in candidates:
        share = ratio(seconds, OURS, NETWORK) / num_sites * NETWORK_POSITIONS[device]
        result["time over the network's, batch of 12 x 10,000 sites"] = (
            share * BATCH_SITES / BATCH_POSITIONS
        )
    return result


def peak_memory(num_leaves: int, device: str) -> float:
    """Bytes that the loss and its gradient need beside the inputs, in a process of their own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_memory, (num_leaves, device))


def _peak_memory(num_leaves: int, device: str) -> float:
    torch.set_num_threads(THREADS)
    loss_step(num_leaves, 10, device)()  # libraries load what they need
    step = loss_step(num_leaves, SITES[device], device)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        allocated = torch.cuda.memory_allocated()
        step()
        return torch.cuda.max_memory_allocated() - allocated
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far (Linux)
    before = resident("VmRSS")
    step()
    return resident("VmHWM") - before


def resident(field: str) -> float:
    """Bytes of main memory that this process holds (VmRSS) or has held at most (VmHWM)."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return 1024 * next(float(line.split()[1]) for line in lines if line.startswith(field))


def main() -> None:
    torch.set_num_threads(THREADS)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    result: dict[str, Any] = {
        "method": f"{device}, median of {ROUNDS} interleaved rounds, float32, network in "
        + ("bf16" if device == "cuda" else "float32")
    }
    for num_leaves in LEAVES:
        result[f"{num_leaves} leaves"] = measured(num_leaves, device)
    print(json.dumps(result, indent=2))
    print(write_result("phylogenetic_likelihood", result, threads=THREADS), file=sys.stderr)


if __name__ == "__main__":
    main()
