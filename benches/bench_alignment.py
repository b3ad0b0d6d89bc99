"""Speed of building and reading an alignment data set on one thread, and the memory it takes.

Run it with `python benches/bench_alignment.py`; it writes benches/results/alignment.json. The input
is a made-up MAF of 60 species in blocks of 200 columns, plain text; the larger one is four times as
long, so equal peaks of memory mean that memory does not grow with the input. "unsorted" is the
smaller one with its blocks shuffled. Reading is of windows of 1,024 sites in batches of 12.
"""

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

THREADS = 1
os.environ |= {"OMP_NUM_THREADS": str(THREADS), "OPENBLAS_NUM_THREADS": str(THREADS)}

import numpy as np  # noqa: E402  (the environment above comes first)
from datasets import Dataset, load_dataset  # noqa: E402
from datasets.utils.logging import disable_progress_bar  # noqa: E402
from measure import compare, summary, write_result  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402

from hf_genomics.data.alignment_collator import AlignmentCollator  # noqa: E402
from hf_genomics.data.alignment_datasets import build_alignment  # noqa: E402
from hf_genomics.data.alignment_windows import AlignmentWindows  # noqa: E402
from hf_genomics.models.phylogpn.phylogeny import Phylogeny  # noqa: E402

NUM_SPECIES, BLOCK, NUM_BLOCKS = 60, 200, 1500
NAMES = [f"s{number}" for number in range(NUM_SPECIES)]
TREE = f"({','.join(f'{name}:0.1' for name in NAMES)});"
WINDOW, FLANK, BATCH = 1024, 240, 12


def write_maf(path: Path, num_blocks: int, *, shuffled: bool = False) -> int:
    """Adjacent blocks, 2 % of the bases changed and 10 % gaps; the number of reference bases."""
    generator = np.random.default_rng(0)
    order = list(range(num_blocks))
    if shuffled:
        random.Random(0).shuffle(order)
    letters = np.frombuffer(b"ACGT", np.uint8)
    with open(path, "w", encoding="ascii") as file:
        file.write("##maf version=1\n")
        for number in order:
            bases = generator.integers(4, size=BLOCK)
            file.write("a score=0\n")
            for name in NAMES:
                changed = generator.random(BLOCK) < 0.02
                row = letters[np.where(changed, generator.integers(4, size=BLOCK), bases)].copy()
                if name != NAMES[0]:
                    row[generator.random(BLOCK) < 0.1] = ord("-")
                size = BLOCK - int((row == ord("-")).sum())
                text = row.tobytes().decode()
                file.write(f"s {name}.chr1 {number * BLOCK} {size} + 1000000000 {text}\n")
            file.write("\n")
    return num_blocks * BLOCK


def build(maf: Path, folder: Path) -> None:
    tree = Phylogeny.from_newick(TREE)
    build_alignment([maf], folder, tree=tree, reference=NAMES[0], overwrite=True)


def peak_memory_of_build(maf: Path, folder: Path) -> float:
    """Largest resident set in MiB of a process of its own that builds."""
    command = [sys.executable, __file__, "--build", str(maf), str(folder)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def read_windows(rows: Dataset) -> None:
    windows = AlignmentWindows(rows, WINDOW, flank=FLANK)
    collator = AlignmentCollator(WINDOW, FLANK, reverse_complement=0.5)
    for _ in DataLoader(windows, batch_size=BATCH, shuffle=True, collate_fn=collator):  # type: ignore[arg-type]
        pass


def stream(folder: Path) -> None:
    rows = load_dataset(str(folder), split="train", streaming=True).with_format("numpy")
    collator = AlignmentCollator(WINDOW, FLANK, sampling="tiled")
    for _ in DataLoader(rows, batch_size=1, collate_fn=collator):
        pass


def main() -> None:
    disable_progress_bar()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sites = write_maf(folder / "small.maf", NUM_BLOCKS)
        write_maf(folder / "large.maf", 4 * NUM_BLOCKS)
        write_maf(folder / "unsorted.maf", NUM_BLOCKS, shuffled=True)
        result: dict[str, Any] = {
            "peak_mib_of_build": {
                name: peak_memory_of_build(folder / f"{name}.maf", folder / f"{name}.out")
                for name in ("small", "large", "unsorted")
            }
        }
        rows = load_dataset(
            str(folder / "small.out"), split="train", cache_dir=str(folder / "cache")
        )
        candidates: dict[str, Callable[[], object]] = {
            "build": lambda: build(folder / "small.maf", folder / "out"),
            "build, unsorted": lambda: build(folder / "unsorted.maf", folder / "out"),
            "windows": lambda: read_windows(rows),
            "stream": lambda: stream(folder / "small.out"),
        }
        times = compare(candidates, rounds=7, warm_up=1, clock=time.process_time)
    for name, row in summary(times).items():
        result[name] = {**row, "columns_per_second": sites / row["median_ms"] * 1e3}
    note = (
        f"median of 7 interleaved rounds, seconds of processor time of one thread; {sites} columns "
        f"of {NUM_SPECIES} species"
    )
    print(json.dumps(result, indent=2))
    print(write_result("alignment", {"method": note, **result}, threads=THREADS))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--build"]:
        build(Path(sys.argv[2]), Path(sys.argv[3]))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    else:
        main()
