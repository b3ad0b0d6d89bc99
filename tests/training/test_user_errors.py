"""What a user did wrong, or that a user stopped the program, is said in one line."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hf_genomics import VQDNAQuantizerConfig
from hf_genomics.training.user_errors import user_errors_in_one_line
from tests.examples.interrupting import heed_interrupts

REPOSITORY = Path(__file__).resolve().parents[2]


def no_file() -> None:
    raise FileNotFoundError("there is no file genome.fa")


def wrong_value() -> None:
    raise ValueError("no contig is named chrX")


def no_such_model() -> None:
    VQDNAQuantizerConfig(codebook_sizes=[1])


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [
        (no_file, "there is no file genome.fa"),
        (wrong_value, "no contig is named chrX"),
        (no_such_model, "codebook_sizes must name sizes of at least 2"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(mistake, reason, capsys):
    with pytest.raises(SystemExit) as stopped, user_errors_in_one_line("train.py"):
        mistake()
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"train.py: error: {reason}")
    assert said.count("\n") == 1


def test_a_fault_of_ours_keeps_its_traceback():
    with pytest.raises(RuntimeError, match="shapes"), user_errors_in_one_line("train.py"):
        raise RuntimeError("shapes do not fit")


TRAINS_FOR_EVER = """
import time
from hf_genomics.training.user_errors import interrupt_in_one_line

with interrupt_in_one_line():
    print("training", flush=True)
    while True:
        time.sleep(0.01)
"""


@pytest.mark.parametrize(("rank", "lines"), [(None, 1), ("0", 1), ("1", 0)])
def test_control_c_ends_with_how_to_go_on_said_by_the_first_process(rank, lines):
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)} | ({"RANK": rank} if rank else {})
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINS_FOR_EVER],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "training\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.split("\n") == lines * [
        "",  # ends the line of a progress bar
        "stopped; repeat the command with --resume_from_checkpoint true to go on from the last "
        "checkpoint",
    ] + [""]
