"""Times the whole tokenizer of VQDNA: `tokenize` on a million bases, and a step of its training.

Full size, preset `robust`, float32. `tokenize` reads 1,000,000 bases in chunks; the floor is the
products of its layers alone, timed on the same number of rows. Peak memory is that of a process of
its own that reads 50,000 or 1,000,000 bases in chunks of the same size. Of a training step (8
windows of 512 bases, codebooks on) the quantizer's share is that of both levels' search, averages
and losses, timed by themselves on the same number of vectors. Run it with
`python benches/bench_vqdna_tokenizer.py`; it writes benches/results/vqdna_tokenizer.json.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from typing import Any

import torch
from measure import compare, ratio, summary, write_result

from hf_genomics import VQDNAQuantizerConfig, VQDNAQuantizerModel
from hf_genomics.models.vqdna.products import product

THREADS = 2
ROUNDS = 7
LENGTH, SHORT, CHUNK = 1_000_000, 50_000, 4096
WINDOWS, WINDOW = 8, 512


def quantizer() -> VQDNAQuantizerModel:
    torch.manual_seed(0)
    return VQDNAQuantizerModel(VQDNAQuantizerConfig.preset("robust", kmeans_warmup_steps=0))


def bases(length: int) -> torch.Tensor:
    return torch.randint(0, 4, (1, length))


def throughput() -> dict[str, Any]:
    """Bases a second over a million bases, thrice; and what of it the products alone would take."""
    model, ids = quantizer().eval(), bases(LENGTH)
    model.tokenize(ids[:, :CHUNK], chunk_size=CHUNK)
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        model.tokenize(ids, chunk_size=CHUNK)
        seconds.append(time.perf_counter() - begin)
    taken = statistics.median(seconds)
    rows = {
        "chunk": lambda: model.tokenize(ids[:, :CHUNK], chunk_size=CHUNK),
        "products": lambda: products(model),
    }
    chunk = compare(rows, rounds=ROUNDS)
    return {
        "bases": LENGTH,
        "seconds": taken,
        "bases per second": LENGTH / taken,
        "multiplications per base": multiplications(model),
        "multiplications per second": multiplications(model) * LENGTH / taken,
        "time over the products alone": ratio(chunk, "chunk", "products"),
    }


def shapes(model: VQDNAQuantizerModel) -> list[tuple[int, int]]:
    """Inputs and outputs of every product that a base passes on its way to its codes."""
    config = model.config
    width, hidden = config.hidden_size, config.hidden_size * config.expansion
    blocks = [(width, hidden), (hidden, width)] * config.num_layers
    codebooks = [(width, size) for size in config.codebook_sizes]
    return [(config.stem_dim, width), *blocks, *codebooks]


def multiplications(model: VQDNAQuantizerModel) -> int:
    return sum(inputs * outputs for inputs, outputs in shapes(model))


def products(model: VQDNAQuantizerModel) -> None:
    with torch.no_grad():
        for inputs, outputs in shapes(model):
            product(torch.empty(CHUNK, inputs).fill_(0.5), torch.empty(outputs, inputs).fill_(0.5))


def training() -> dict[str, Any]:
    """A training step, and the quantizer's part of it."""
    model = quantizer().train()
    ids = torch.randint(0, 4, (WINDOWS, WINDOW))
    model(ids)  # k-means
    levels = [
        torch.randn(WINDOWS, WINDOW, model.config.hidden_size) for _ in model.config.codebook_sizes
    ]

    def step() -> None:
        model(ids).loss.backward()
        model.zero_grad()

    def codebooks() -> None:
        for codebook, vectors in zip(model.quantizer.codebooks, levels, strict=True):
            given = vectors.clone().requires_grad_()
            output = codebook(given)
            (output.quantized.sum() + output.commitment_loss).backward()

    seconds = compare({"training step": step, "quantizer": codebooks}, rounds=ROUNDS)
    return summary(seconds) | {
        "bases per second": WINDOWS * WINDOW / statistics.median(seconds["training step"]),
        "share of the quantizer": ratio(seconds, "quantizer", "training step"),
    }


def memory(which: str) -> int:
    """Bytes of memory of this process: now (`"VmRSS"`) or at most so far (`"VmHWM"`)."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(which):
                return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {which}; peak memory is measured on Linux only.")


def peak(length: int) -> int:
    """Bytes that reading so many bases takes beyond the model and the sequence itself."""
    model, ids = quantizer().eval(), bases(length)
    model.tokenize(ids[:, :128])
    before = memory("VmRSS")
    model.tokenize(ids, chunk_size=CHUNK)
    return memory("VmHWM") - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peak", type=int, help="print the peak memory of reading so many bases")
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    if arguments.peak:
        print(peak(arguments.peak))
        return
    result: dict[str, Any] = {"method": f"median of {ROUNDS} interleaved rounds"}
    result["tokenize"] = throughput()
    for length in (SHORT, LENGTH):
        command = [sys.executable, __file__, "--peak", str(length)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        result["tokenize"][f"peak memory of {length} bases, MiB"] = int(printed) / 2**20
    result["training"] = training()
    print(json.dumps(result, indent=2))
    print(write_result("vqdna_tokenizer", result, threads=THREADS), file=sys.stderr)


if __name__ == "__main__":
    main()
