"""Proof of an exported folder: people without this package get from it what its owner has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor

from hf_genomics.data.progress import bar

from .clean_process import outputs_of
from .errors import PublishingError

PROGRAM = Path(__file__).with_name("clean_process.py")
TIME_LIMIT = 900  # seconds
TICK = 0.5  # seconds, of the clock that is shown meanwhile
PROBE = "ACGTNACGTTGCATTAGGGACGTACGCCGCGGTACCATGATTACA"
LONGEST_PROBE = 600  # bases, and more for a network that reads more at once
TOLERANCE = 1e-6  # of the largest value; the same arithmetic in another process


def prove(folder: Path, repo_id: str, model: Any, tokenizer: Any) -> dict[str, float]:
    """Loads `folder` in a clean process and compares it with `model`.

    Args:
        folder: the exported folder.
        repo_id: the name of the repository that `example.py` uses.
        model: the model as this package loads it from the run; any head.
        tokenizer: its tokenizer.

    Returns:
        For each Auto class the largest difference to `model`, over the largest value.

    Raises:
        PublishingError: a class does not load or run there, misses weights, leaves some over, or
            gives other values.
    """
    inputs = dict(tokenizer(probes(model.config), padding=True, return_tensors="pt"))
    with one_thread():
        expected = outputs_of(model, inputs)
    reports, outputs = _run_clean_process(folder, repo_id, inputs)
    differences, problems = {}, []
    for auto, report in reports.items():
        same_class = report["class"] == type(model).__name__
        problems += [f"{auto}: {problem}" for problem in _loading_problems(report, same_class)]
        found = {name: outputs[f"{auto}:{name}"] for name in report["outputs"]}
        # With another head than the checkpoint's, what lies under both has to be equal.
        names = expected if same_class else found.keys() & {n for n in expected if "base." in n}
        differences[auto] = max(
            (_difference(found.get(name), expected[name]) for name in names), default=float("inf")
        )
        if not differences[auto] <= TOLERANCE:
            problems.append(f"{auto}: outputs differ by {differences[auto]:.1e} of the largest")
    if type(model).__name__ not in {report["class"] for report in reports.values()}:
        problems.append(f"no Auto class of config.json's auto_map leads to {type(model).__name__}")
    if problems:
        raise PublishingError(f"{folder} does not load as it should without hf_genomics:", problems)
    return differences


def probes(config: Any) -> list[str]:
    """Two sequences of different length that a model of this configuration can read."""
    fixed = getattr(config, "max_length", None) if getattr(config, "head", "") == "flatten" else 0
    longest = max(LONGEST_PROBE, getattr(config, "receptive_field", 0) * 5 // 4)
    length = min(fixed or longest, longest)
    text = PROBE * (length // len(PROBE) + 1)
    return [text[:length], text[3 : 3 + max(1, length * 9 // 10)]]


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums in one order, as in the clean process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def auto_class_of(config: dict[str, Any]) -> Any:
    """The Auto class of Transformers that builds the class which a checkpoint was saved from.

    Raises:
        PublishingError: `auto_map` of config.json does not name that class, or under no Auto class.
    """
    saved_from = (config.get("architectures") or [None])[0]
    for auto, target in config.get("auto_map", {}).items():
        if str(target).rpartition(".")[2] == saved_from and hasattr(transformers, auto):
            return getattr(transformers, auto)
    raise PublishingError(
        f"config.json was saved from {saved_from}, which its auto_map does not name under an Auto "
        "class of Transformers; save the model again with save_pretrained of this package."
    )


def _run_clean_process(
    folder: Path, repo_id: str, inputs: dict[str, Tensor]
) -> tuple[dict[str, dict[str, Any]], dict[str, Tensor]]:
    with tempfile.TemporaryDirectory(prefix="hf_genomics-proof-") as home:
        save_file(inputs, Path(home) / "inputs")
        command = [
            # -P: this folder, whose files have names like `templates`, stays off the path
            *(sys.executable, "-P", str(PROGRAM), str(folder.absolute()), repo_id),
            *(f"{home}/inputs", f"{home}/outputs"),
        ]
        environment = os.environ | {
            "HF_HOME": home,
            "HF_MODULES_CACHE": f"{home}/modules",
            "HF_HUB_OFFLINE": "1",
        }
        said = Path(home) / "said"
        if _wait_for(command, home, environment, said):
            lines = said.read_text(encoding="utf-8", errors="replace").splitlines()
            last = [line for line in lines if line.strip()][-8:]
            raise PublishingError(f"{folder} does not run in a process without hf_genomics:", last)
        reports = json.loads(Path(f"{home}/outputs.json").read_text(encoding="utf-8"))
        return reports, load_file(Path(home) / "outputs")


def _wait_for(command: list[str], folder: str, environment: dict[str, str], said: Path) -> int:
    """Runs a process under a clock; its exit status. What it says on stderr goes to `said`."""
    with (
        said.open("wb") as stderr,
        subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=stderr
        ) as process,
        bar(desc="Loading in a clean process", bar_format="{desc}: {elapsed}") as clock,
    ):
        for _ in range(int(TIME_LIMIT / TICK)):
            try:
                return process.wait(TICK)
            except subprocess.TimeoutExpired:
                clock.update()
        process.kill()
    said.write_text(f"It took longer than {TIME_LIMIT} seconds.")
    return -1


def _loading_problems(report: dict[str, Any], same_class: bool) -> list[str]:
    """Weights that are missing or left over; another head than the checkpoint's starts anew."""
    problems = []
    if not report["module"].startswith("transformers_modules."):
        problems.append(f"ran {report['module']}, not the code in the folder")
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
        keys = report.get(kind, [])
        if not same_class and kind == "unexpected_keys":
            continue  # the checkpoint's own head, of no use to another
        if not same_class and kind == "missing_keys" and report["base"] is not None:
            keys = [key for key in keys if key.startswith(f"{report['base']}.")]
        if keys:
            problems.append(f"{kind}: {', '.join(keys[:5])}{' ...' if len(keys) > 5 else ''}")
    return problems


def _difference(found: Tensor | None, expected: Tensor) -> float:
    if found is None or found.shape != expected.shape:
        return float("inf")
    if not expected.is_floating_point():
        return float((found != expected).any())
    scale = expected.abs().max().clamp_min(1e-12) if expected.numel() else torch.tensor(1.0)
    return float(((found - expected).abs().max() / scale) if expected.numel() else 0.0)
