"""Speed of DNATokenizer against the same tokenizer.json in the generic class, on one thread.

Run it with `python benches/bench_tokenizer.py`; it writes benches/results/tokenizer.json.

The floor is what no encoder can avoid: 8 bytes of `input_ids` and 8 of `attention_mask` written
per base to fresh memory (and 1 byte read). It is measured by filling two such arrays.
"""

import functools
import json
import os
import random
import tempfile
import time
from typing import Any

THREADS = 1
os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": str(THREADS),
    "TOKENIZERS_PARALLELISM": "false",  # `tokenizers` would use every core
}


import numpy as np  # noqa: E402  (the environment above comes first)
import torch  # noqa: E402
from measure import compare, ratio, summary, write_result  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

from hf_genomics import DNATokenizer  # noqa: E402

FASTA_WIDTH = 60


def batches() -> dict[str, list[str]]:
    """One million bases each."""
    source = random.Random(0)

    def bases(length: int, letters: str = "ACGT") -> str:
        return "".join(source.choices(letters, k=length))

    def wrapped(sequence: str) -> str:
        lines = range(0, len(sequence), FASTA_WIDTH)
        return "\n".join(sequence[i : i + FASTA_WIDTH] for i in lines)

    return {
        "1000 x 1000": [bases(1000) for _ in range(1000)],
        "1000 x 500-1500, soft-masked": [
            bases(source.randint(500, 1500), "ACGTacgtN") for _ in range(1000)
        ],
        "5000 x 200": [bases(200) for _ in range(5000)],
        "1000 x 1000, FASTA lines": [wrapped(bases(1000)) for _ in range(1000)],
        "1 x 1000000": [bases(1_000_000)],
    }


def fill_outputs(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Writes arrays of the size of the two results: the floor."""
    return np.full(shape, 3, np.int64), np.full(shape, 1, np.int64)


def measured(batch: list[str], ours: DNATokenizer, generic: Any) -> dict[str, Any]:
    """Times and ratios for one batch, after checking that both give the same."""
    encoded = ours(batch, padding=True, return_tensors="np")
    expected = generic(batch, padding=True, return_tensors="np")
    assert all((encoded[key] == expected[key]).all() for key in expected)
    ids = encoded["input_ids"]
    bases = int(encoded["attention_mask"].sum())

    def call(tokenizer: Any, tensors: str | None) -> Any:
        return functools.partial(tokenizer, batch, padding=True, return_tensors=tensors)

    seconds = compare(
        {
            "ours, numpy": call(ours, "np"),
            "ours, torch": call(ours, "pt"),
            "ours, lists": call(ours, None),
            "generic, numpy": call(generic, "np"),
            "ours, decode": functools.partial(ours.batch_decode, ids),
            "generic, decode": functools.partial(generic.batch_decode, ids),
            "floor": functools.partial(fill_outputs, ids.shape),
        },
        clock=time.process_time,
    )
    result: dict[str, Any] = {"bases": bases, **summary(seconds)}
    for name, times in result.items():
        if name not in ("bases", "floor"):
            times["million_bases_per_second"] = bases / times["median_ms"] / 1e3
    result["generic / ours"] = {
        kind: ratio(seconds, f"generic, {kind}", f"ours, {kind}") for kind in ("numpy", "decode")
    }
    result["ours / floor, numpy"] = ratio(seconds, "ours, numpy", "floor")
    return result


def main() -> None:
    torch.set_num_threads(THREADS)
    ours = DNATokenizer()
    with tempfile.TemporaryDirectory() as folder:
        ours.save_pretrained(folder)
        generic = AutoTokenizer.from_pretrained(folder)
    result = {name: measured(batch, ours, generic) for name, batch in batches().items()}
    print(json.dumps(result, indent=2))
    note = "median of 9 interleaved rounds, seconds of processor time of one thread"
    print(write_result("tokenizer", {"method": note, **result}, threads=THREADS))


if __name__ == "__main__":
    main()
