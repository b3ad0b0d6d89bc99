"""Speed of the simulator on one thread, in million bases per second, tree to data set.

Run it with `python benches/bench_simulator.py`; it writes benches/results/simulator.json. Each data
set holds 2,000 rows of 1,000 bases; "write" adds Parquet, card and Newick on disk.
"""

import functools
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

THREADS = 1
os.environ |= {"OMP_NUM_THREADS": str(THREADS), "OPENBLAS_NUM_THREADS": str(THREADS)}


from datasets.utils.logging import disable_progress_bar  # noqa: E402  (the environment above comes first)
from measure import compare, summary, write_result  # noqa: E402

from hf_genomics.benchmarks.parameters import Condition, SimulationParameters  # noqa: E402
from hf_genomics.benchmarks.simulator import simulate  # noqa: E402
from hf_genomics.benchmarks.writing import write_dataset  # noqa: E402

NUM_ROWS, LENGTH = 2000, 1000


def parameters(**options: Any) -> SimulationParameters:
    """The standard size, split 80 : 10 : 10."""
    sizes = {"num_train": 1600, "num_validation": 200, "num_test": 200, "length": LENGTH, "seed": 0}
    return SimulationParameters(**{"condition": Condition.CLADE, **sizes, **options})


def cases() -> dict[str, SimulationParameters]:
    """Every condition, and the trees and rates that cost most."""
    return {condition.value: parameters(condition=condition) for condition in Condition} | {
        "clade, gamma rates": parameters(gamma_shape=0.5),
        "clade, one tip per row": parameters(num_leaves=NUM_ROWS),
        "clade, caterpillar of 512": parameters(tree="caterpillar", num_leaves=512),
    }


def main() -> None:
    disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:

        def simulate_and_write() -> None:
            simulation = simulate(parameters())
            target = Path(folder) / "data"
            write_dataset(simulation.dataset, target, simulation.facts, overwrite=True)

        candidates: dict[str, Callable[[], object]] = {
            name: functools.partial(simulate, case) for name, case in cases().items()
        }
        candidates["clade, write"] = simulate_and_write
        times = compare(candidates, clock=time.process_time)
    result = summary(times)
    for row in result.values():
        row["million_bases_per_second"] = NUM_ROWS * LENGTH / row["median_ms"] / 1e3
    print(json.dumps(result, indent=2))
    note = "median of 9 interleaved rounds, seconds of processor time of one thread"
    print(write_result("simulator", {"method": note, **result}, threads=THREADS))


if __name__ == "__main__":
    main()
