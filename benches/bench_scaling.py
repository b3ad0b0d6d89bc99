"""Times every family by length (200 to 100,000 bases) and by batch (1 to 256), on one thread.

Run it with `python benches/bench_scaling.py`; it writes benches/results/scaling.json. `--sizes` and
`--only` measure a part, which is printed and not written; `--only ... --replace` writes it over its
part of the file, with a record of its own of the run. What is measured, and on which sizes, says
scaling_subjects.py.

The cost of a doubling is 2 to the slope of a line through the logarithms of time and size, fitted
by least squares to all sizes, and once more to the four largest: what a call costs whatever its
size hides the slope at the short end. Peak memory is what a process of its own takes during one
call beyond the model and the input, after a call of the smallest size. Calls that take less than
10 ms are repeated until these have passed.
"""

# ruff: noqa: E402  (imports stand below the environment, which torch and tokenizers read when imported)

import argparse
import ctypes
import gc
import json
import math
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

THREADS = 1
os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": str(THREADS),
    "OPENBLAS_NUM_THREADS": str(THREADS),
    "TOKENIZERS_PARALLELISM": "false",  # `tokenizers` would use every core
}

import torch
from bench_phylogenetic_likelihood import resident
from measure import RESULTS, compare, provenance, ratio, summary, write_result
from scaling_subjects import Call, Make, Subject, subjects

ROUNDS = 7
LONG_END = 4  # sizes
LEAST_SECONDS = 0.01  # of what is timed at once; a call on cold caches says little
MEBIBYTE = 2**20


def cost_of_doubling(sizes: Sequence[int], times: Sequence[float]) -> float | None:
    """How many times as long twice the size takes; None for one size."""
    if len(sizes) < 2:
        return None
    slope = statistics.linear_regression(
        [math.log2(size) for size in sizes], [math.log2(time) for time in times]
    ).slope
    return float(2**slope)


def measured(subject: Subject, peaks: dict[str, list[float]]) -> dict[str, Any]:
    """Times and what follows from them.

    Args:
        subject: what to measure.
        peaks: the peak memory of each of its calls in MiB.
    """
    calls, times_each = {}, {}
    for name, make in subject.makes.items():
        for size in subject.sizes:
            key = f"{name}, {size}"
            calls[key], times_each[key] = repeated(make(size))
    gc.collect()
    gc.disable()  # as timeit does: what one call leaves would be another's time
    try:
        found = compare(calls, rounds=ROUNDS, warm_up=1, clock=time.process_time)
    finally:
        gc.enable()
    seconds = {key: [each / times_each[key] for each in found[key]] for key in found}
    times = summary(seconds)
    result: dict[str, Any] = {"by": subject.by, "unit": subject.unit, "sizes": subject.sizes}
    for name in subject.makes:
        medians = [times[f"{name}, {size}"]["median_ms"] for size in subject.sizes]
        result[name] = {
            "median_ms": medians,
            "a second": [
                1e3 * size * subject.units_each / median
                for size, median in zip(subject.sizes, medians, strict=True)
            ],
            "peak, MiB": peaks[name],
            "times when doubled": cost_of_doubling(subject.sizes, medians),
            "times when doubled, long end": cost_of_doubling(
                subject.sizes[-LONG_END:], medians[-LONG_END:]
            ),
        }
    ours, *others = subject.makes
    result["ours over"] = {
        other: [ratio(seconds, f"{ours}, {size}", f"{other}, {size}") for size in subject.sizes]
        for other in others
    }
    return result


def repeated(call: Call) -> tuple[Call, int]:
    """A call that does it so often that LEAST_SECONDS pass, and how often that is."""
    call()
    begin = time.process_time()
    call()
    count = max(1, math.ceil(LEAST_SECONDS / max(time.process_time() - begin, 1e-6)))

    def run() -> None:
        for _ in range(count):
            call()

    return run, count


def peaks(subject: Subject) -> dict[str, list[float]]:
    """Peak memory of each call in MiB, by what is measured."""
    return {
        name: [peak_mebibytes(make, size, subject.sizes[0]) for size in subject.sizes]
        for name, make in subject.makes.items()
    }


def peak_mebibytes(make: Make, size: int, smallest: int) -> float:
    """Of one call, in a process of its own, which has the imports from this one."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_send_peak, args=(sending, make, size, smallest))
    process.start()
    sending.close()
    try:
        peak: float = receiving.recv()
    except EOFError:
        raise RuntimeError(f"the process that measures memory at size {size} failed.") from None
    process.join()
    return peak


def _send_peak(sending: Connection, make: Make, size: int, smallest: int) -> None:
    make(smallest)()  # libraries load what they need
    call = make(size)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what is free and yet held would hide what the call takes
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far (Linux)
    before = resident("VmRSS")
    call()
    sending.send((resident("VmHWM") - before) / MEBIBYTE)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, help="so many of the smallest sizes, and print only")
    parser.add_argument("--only", help="subjects whose name contains this, and print only")
    parser.add_argument("--replace", action="store_true", help="write what --only measured")
    arguments = parser.parse_args()
    if arguments.replace and (arguments.sizes or not arguments.only):
        parser.error("--replace writes all sizes of a part: give --only, and no --sizes")
    torch.set_num_threads(THREADS)
    series: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        chosen = [
            subject.at_first(arguments.sizes)
            for subject in subjects(Path(folder))
            if (arguments.only or "") in subject.name
        ]
        # memory first: processes forked from one that has worked would use what it has freed
        taken = [peaks(subject) for subject in chosen]
        for subject, peak in zip(chosen, taken, strict=True):
            begin = time.perf_counter()
            series[subject.name] = measured(subject, peak)
            print(f"{subject.name}: {time.perf_counter() - begin:.0f} s", file=sys.stderr)
    note = f"median of {ROUNDS} interleaved rounds, seconds of processor time of one thread"
    result = {"method": note, "series": series}
    print(json.dumps(result, indent=2))
    if arguments.replace:
        print(replace_part(series), file=sys.stderr)
    elif not (arguments.sizes or arguments.only):
        print(write_result("scaling", result, threads=THREADS), file=sys.stderr)


def replace_part(series: dict[str, Any]) -> Path:
    """Writes some series over those of the file, each with where it was measured."""
    result = json.loads((RESULTS / "scaling.json").read_text("utf-8"))
    for name, measured_anew in series.items():
        result["series"][name] = {**measured_anew, "run": provenance(THREADS)}
    return write_result("scaling", result, threads=THREADS)


if __name__ == "__main__":
    main()
