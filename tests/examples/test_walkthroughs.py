"""The walk-throughs run as a reader runs them, and are cells that a notebook shows as such."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "examples/walkthroughs"
NAMES = ["hyperbolic_cnn", "phylogpn", "vqdna"]
# The last thing each of them says, once what it asserts has held.
LAST_WORDS = {
    "hyperbolic_cnn": "The model is in ",
    "phylogpn": "The model is in ",
    "vqdna": "The models are in ",
}


def cells(name: str) -> list[str]:
    """The cells of a walk-through, each with its first line."""
    text = (FOLDER / f"{name}.py").read_text()
    return re.split(r"^(?=# %%)", text, flags=re.MULTILINE)


def test_every_family_has_a_walk_through():
    assert sorted(path.stem for path in FOLDER.glob("*.py")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_shows_text_as_text_and_code_as_code(name):
    nothing_before, first, *others = cells(name)
    assert nothing_before == ""
    assert first.startswith("# %% [markdown]\n# # ")
    for cell in [first, *others]:
        head, _, body = cell.partition("\n")
        lines = body.rstrip().splitlines()
        assert head in ("# %%", "# %% [markdown]")
        assert lines
        if head == "# %% [markdown]":
            assert all(line.startswith("#") for line in lines), cell
        else:
            compile(body, f"{name}.py", "exec")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_walk_through_runs_in_an_empty_folder(name, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "temporary").mkdir()
    caches = {"HF_HOME": str(tmp_path / "cache"), "TMPDIR": str(tmp_path / "temporary")}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(FOLDER / f"{name}.py")],
        cwd=empty,
        env=os.environ | caches | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith(LAST_WORDS[name])
    assert not list(empty.iterdir())
