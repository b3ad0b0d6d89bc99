"""Times callables against each other in one run, and writes results with where they came from."""

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
LEAST_ROUNDS = 7
NAMED_PACKAGES = ("torch", "transformers", "tokenizers", "geoopt", "numpy")


def compare(
    candidates: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 9,
    warm_up: int = 2,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Times each candidate once per round, in turn, so that a slow moment hits all of them.

    The order is rotated from round to round. A candidate that works on a GPU has to wait for it.

    Args:
        candidates: name -> what to time, called without arguments.
        rounds: timed rounds, at least 7.
        warm_up: rounds that are run first and not timed.
        clock: `time.perf_counter`, or `time.process_time` for one-threaded work on a busy machine.

    Returns:
        name -> seconds of each round, in the order of the rounds.

    Raises:
        ValueError: too few rounds for a median.
    """
    if rounds < LEAST_ROUNDS:
        raise ValueError(f"{rounds} rounds are too few for a median; take {LEAST_ROUNDS} or more.")
    names = list(candidates)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-warm_up, rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            begin = clock()
            candidates[name]()
            elapsed = clock() - begin
            if number >= 0:
                seconds[name].append(elapsed)
    return seconds


def summary(seconds: Mapping[str, list[float]]) -> dict[str, dict[str, float]]:
    """Median, fastest and slowest time of each candidate, in milliseconds."""
    return {
        name: {
            "median_ms": 1e3 * statistics.median(times),
            "min_ms": 1e3 * min(times),
            "max_ms": 1e3 * max(times),
        }
        for name, times in seconds.items()
    }


def ratio(seconds: Mapping[str, list[float]], numerator: str, denominator: str) -> float:
    """Median over the rounds of one candidate's time over another's in the same round."""
    pairs = zip(seconds[numerator], seconds[denominator], strict=True)
    return statistics.median(above / below for above, below in pairs)


def write_result(name: str, result: Mapping[str, Any], *, threads: int) -> Path:
    """Writes `benches/results/<name>.json` with the commit, machine and versions behind it.

    Args:
        name: file name without its ending.
        result: what was measured; with `run` if it is of an earlier run.
        threads: how many threads the measured code could use.

    Returns:
        The file.
    """
    run = result.get("run") or provenance(threads)
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = RESULTS / f"{name}.json"
    aside = file.with_suffix(f".{os.getpid()}.tmp")
    aside.write_text(json.dumps({**result, "run": run}, indent=2) + "\n", "utf-8")
    os.replace(aside, file)
    return file


def provenance(threads: int) -> dict[str, Any]:
    """Commit, date, processor, threads and versions of this run."""
    return {
        "commit": _commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": _processor(),
        "threads": threads,
        "python": platform.python_version(),
        **{name: _version(name) for name in NAMED_PACKAGES},
    }


def _commit() -> str:
    """The checked-out commit, marked `+` if a tracked file differs from it."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(RESULTS.parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "../hf_genomics", ".")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
