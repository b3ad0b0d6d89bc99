"""`hf-genomics export-vocabulary` as a process of its own, and what one that is killed leaves."""

import gzip
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from datasets import load_dataset
from typer.testing import CliRunner

from hf_genomics import VQDNAQuantizerConfig, VQDNAQuantizerModel
from hf_genomics.cli import app
from hf_genomics.evaluation.vocabulary import export_vocabulary

REPOSITORY = Path(__file__).parents[2]
SMALL = ["--k", "3", "--window", "64", "--device", "cpu"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the model `model` and the genomes `a.fa` and `b.fa`."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    torch.manual_seed(0)
    sizes = {"stem_dim": 8, "hidden_size": 12, "num_layers": 2, "kernel_size": 3}
    config = VQDNAQuantizerConfig(**sizes, codebook_sizes=[4, 8])
    VQDNAQuantizerModel(config).save_pretrained(tmp_path / "model")
    for name, seed in (("a", 0), ("b", 1)):
        letters = "".join(np.random.default_rng(seed).choice([*"ACGT"], 300))
        (tmp_path / f"{name}.fa").write_text(f">{name}\n{letters}\n")
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    found = [str(REPOSITORY), os.environ.get("PYTHONPATH")]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, found)),
        "HF_DATASETS_CACHE": str(folder / "cache"),
    }


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hf_genomics.cli", "export-vocabulary", *arguments],
        cwd=folder,
        env=environment(folder),
        text=True,
        capture_output=True,
    )


@pytest.mark.slow
def test_the_command_writes_a_folder_that_datasets_reads(folder):
    stretches = ["a:50-250", "b:0-100"]
    done = run(
        folder,
        *("model", "--genomes", "a.fa", "b.fa", "--held-out", *stretches),
        *("--output", "vocabulary", "--max-bases", "290", *SMALL),
    )
    assert done.returncode == 0, done.stderr
    assert "vocabulary/level_1.parquet: " in done.stdout
    codes = json.loads((folder / "vocabulary" / "codes.json").read_text())
    assert codes["data"]["sources"] == ["a.fa", "b.fa"]
    assert codes["data"]["held_out"] == stretches
    assert codes["data"]["bases"] == 290
    for level, size in enumerate([4, 8]):
        table = load_dataset(str(folder / "vocabulary"), f"level_{level}", split="train")
        assert len(table) == size
        assert sum(table["count"]) == codes["levels"][level]["codes_counted"]
        files = str(folder / "vocabulary" / f"level_{level}.parquet")
        assert len(load_dataset("parquet", data_files=files, split="train")) == size
    assert len(load_dataset(str(folder / "vocabulary"), split="train")) == 4  # the coarse level


def test_values_may_follow_one_option_or_repeat_it(folder):
    given = {
        "once": ["--genomes", str(folder / "a.fa"), str(folder / "b.fa")],
        "twice": ["--genomes", str(folder / "a.fa"), "--genomes", str(folder / "b.fa")],
    }
    for name, genomes in given.items():
        arguments = ["export-vocabulary", str(folder / "model"), *genomes, "--quiet", *SMALL]
        done = CliRunner().invoke(app, [*arguments, "--output", str(folder / name)])
        assert done.exit_code == 0, done.output
    tables = [(folder / name / "codes.json").read_text() for name in given]
    assert tables[0] == tables[1]


def test_mistakes_are_one_line_and_leave_nothing(folder):
    files = [str(folder / "model"), "--genomes", str(folder / "a.fa")]
    options = ["--output", str(folder / "v"), "--held-out", "c", *SMALL]
    done = CliRunner().invoke(app, ["export-vocabulary", *files, *options])
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].startswith("Error: no contig is named c; there are a")
    assert not (folder / "v").exists()


KILLED = """
import sys, time
from hf_genomics.evaluation import vocabulary, vocabulary_files

def wait(codes, checksums):
    print("writing", flush=True)
    time.sleep(600)

vocabulary_files.card = wait
vocabulary.export_vocabulary("model", ["a.fa"], "v", k=3, window=64, device="cpu")
"""


@pytest.mark.slow
def test_a_process_that_is_killed_while_it_writes_leaves_no_output(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED],
        cwd=folder,
        env=environment(folder),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    with process.stdout as lines:
        assert lines.readline() == "writing\n"
        process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (folder / "v").exists()
    export_vocabulary(str(folder / "model"), [folder / "a.fa"], folder / "v", k=3, window=64)
    assert (folder / "v" / "codes.json").is_file()


def test_the_page_says_what_works(folder, monkeypatch, capsys):
    page = (REPOSITORY / "docs" / "vqdna_vocabulary.md").read_text()
    (command,) = re.findall(r"^```sh\n(.*?)^```", page, re.S | re.M)
    (example,) = re.findall(r"^```python\n(.*?)^```", page, re.S | re.M)
    monkeypatch.chdir(folder)
    (folder / "runs").mkdir()
    (folder / "model").rename(folder / "runs" / "robust")
    genomes = (("chrXVI", 900_000, "yeast.fa.gz"), ("ecoli", 4_600_000, "ecoli.fa.gz"))
    for name, length, file in genomes:
        sequence = "N" * (length - 1000) + "ACGTTGCAAT" * 100
        Path(file).write_bytes(gzip.compress(f">{name}\n{sequence}\n".encode(), 1))
    done = CliRunner().invoke(app, shlex.split(command.replace("\\\n", ""))[1:])
    assert done.exit_code == 0, done.output
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", folder / "cache")
    exec(compile(example, "vqdna_vocabulary.md", "exec"), {})
    active = json.loads((folder / "vocabulary" / "codes.json").read_text())["levels"][0]["active"]
    assert len(capsys.readouterr().out.splitlines()) == active
    columns = set(pq.read_schema(folder / "vocabulary" / "level_0.parquet").names)
    named = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", page.partition("## Columns")[2], re.M)
    assert set(re.findall(r"\w+", " ".join(named))) == columns
