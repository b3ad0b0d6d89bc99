"""Times a codebook against vector-quantize-pytorch's, if that is installed, on one thread.

4,096 vectors of 384 channels, 1,024 codes, float32. A training step is forward, the step of the
moving averages, and backward to the vectors; evaluation is forward without gradients. The floor is
the product of vectors and codebook alone: 2 N K d operations. Run it with
`python benches/bench_vqdna_codebook.py`; it writes benches/results/vqdna_codebook.json.
"""

import functools
import json
import sys
from collections.abc import Callable
from typing import Any

import torch
from measure import compare, ratio, summary, write_result
from torch import nn

from hf_genomics.models.vqdna.codebook import Codebook
from hf_genomics.models.vqdna.products import product

THREADS = 1
ROUNDS = 11
VECTORS, CHANNELS, CODES = 4096, 384, 1024
OURS, PEER, FLOOR = "codebook", "vector-quantize-pytorch", "product alone"


def candidates(gradient: str) -> dict[str, nn.Module]:
    result: dict[str, nn.Module] = {
        OURS: Codebook(CODES, CHANNELS, gradient=gradient, kmeans_init=False)
    }
    try:
        from vector_quantize_pytorch import VectorQuantize
    except ImportError:
        print("vector-quantize-pytorch is not installed: no comparison", file=sys.stderr)
        return result
    result[PEER] = VectorQuantize(
        dim=CHANNELS,
        codebook_size=CODES,
        decay=0.99,
        threshold_ema_dead_code=2,
        rotation_trick=gradient == "rotation",
    )
    return result


def training_step(module: nn.Module, vectors: torch.Tensor) -> None:
    given = vectors.clone().requires_grad_()
    output = module(given)
    if isinstance(output, tuple):
        quantized, _, loss = output
    else:
        quantized, loss = output.quantized, output.commitment_loss
    (quantized.square().mean() + loss.sum()).backward()


def evaluation(module: nn.Module, vectors: torch.Tensor) -> None:
    with torch.no_grad():
        module(vectors)


def measured(
    modules: dict[str, nn.Module], run: Callable[[nn.Module, torch.Tensor], None]
) -> dict[str, Any]:
    vectors = torch.randn(1, VECTORS, CHANNELS)
    embed = torch.randn(CODES, CHANNELS)
    todo: dict[str, Callable[[], Any]] = {
        name: functools.partial(run, module, vectors) for name, module in modules.items()
    }
    todo[FLOOR] = functools.partial(product, vectors[0], embed)
    seconds = compare(todo, rounds=ROUNDS)
    result = summary(seconds)
    if PEER in modules:
        result["times faster than vector-quantize-pytorch"] = ratio(seconds, PEER, OURS)
    result["time over the product alone"] = ratio(seconds, OURS, FLOOR)
    return result


def main() -> None:
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    result: dict[str, Any] = {"method": f"median of {ROUNDS} interleaved rounds"}
    for gradient in ("straight_through", "rotation"):
        modules = candidates(gradient)
        for module in modules.values():
            module.train()
        result[f"training step, {gradient}"] = measured(modules, training_step)
    for module in modules.values():
        module.eval()
    result["evaluation"] = measured(modules, evaluation)
    print(json.dumps(result, indent=2))
    print(write_result("vqdna_codebook", result, threads=THREADS), file=sys.stderr)


if __name__ == "__main__":
    main()
