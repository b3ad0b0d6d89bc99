"""The script as its users run it: it trains, resumes to the same bytes, and is measured."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from hf_genomics import VQDNAQuantizerModel
from hf_genomics.training.vqdna_arguments import QuantizerArguments
from tests.examples.interrupting import interrupt
from tests.examples.test_finetune import HOW_TO_GO_ON
from tests.models.vqdna.tiny_quantizer import tiny_quantizer

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "examples/train_vqdna_tokenizer.py"
sys.path.insert(0, str(SCRIPT.parent))

from train_vqdna_tokenizer import build_quantizer  # noqa: E402  (found by the line above)

OPTIONS = [
    *("--held_out", "chr2", "--window", "64", "--codebook_sizes", "8", "16"),
    *("--config_overrides", "hidden_size=16,stem_dim=8,num_layers=2,kmeans_warmup_steps=3"),
    *("--per_device_train_batch_size", "8", "--max_steps", "24", "--save_steps", "4"),
    *("--disable_tqdm", "true", "--use_cpu", "true"),
]


@pytest.fixture
def genome(tmp_path) -> Path:
    generator = np.random.default_rng(0)
    path = tmp_path / "genome.fa"
    with path.open("w") as file:
        for name, length in (("chr1", 20_000), ("chr2", 2_000)):
            bases = "".join("ACGT"[i] for i in generator.integers(0, 4, length))
            file.write(f">{name}\n{bases}\n")
    return path


def environment(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "HF_DATASETS_CACHE": str(tmp_path / "cache"),
        "PYTHONPATH": str(REPOSITORY),
    }


def command(genome: Path, output_dir: Path, *more: str) -> list[str]:
    start = [sys.executable, str(SCRIPT), "--genomes", str(genome), "--output_dir", str(output_dir)]
    return [*start, *OPTIONS, *more]


def run(genome: Path, output_dir: Path, *more: str) -> str:
    finished = subprocess.run(
        command(genome, output_dir, *more),
        env=environment(genome.parent),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_bytes(genome, tmp_path):
    printed = run(genome, tmp_path / "whole")
    assert "held_out_accuracy" in printed
    results = json.loads((tmp_path / "whole/all_results.json").read_text())
    for level in (0, 1):
        assert 0 < results[f"held_out_active_{level}"] <= 100
    assert results["windows"]["held_out"] == 2000 // 64
    log = json.loads((tmp_path / "whole/trainer_state.json").read_text())["log_history"]
    assert {"accuracy", "perplexity_0", "perplexity_1", "commitment_loss"} <= log[0].keys()

    killed = subprocess.Popen(
        command(genome, tmp_path / "killed"),
        env=environment(tmp_path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "killed/checkpoint-8/trainer_state.json").exists():
        assert killed.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    run(genome, tmp_path / "killed", "--resume_from_checkpoint", "true")
    whole, resumed = (tmp_path / name / "model.safetensors" for name in ("whole", "killed"))
    assert whole.read_bytes() == resumed.read_bytes()

    model = VQDNAQuantizerModel.from_pretrained(tmp_path / "killed")
    assert model.config.codebook_sizes == [8, 16]

    finished = subprocess.run(
        [sys.executable, str(REPOSITORY / "examples/evaluate_codebooks.py")]
        + ["--models", f"tiny={tmp_path / 'whole'}", "--genomes", str(genome)]
        + ["--held_out", "chr2", "--window", "64", "--output_dir", str(tmp_path / "measured")],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    measured = json.loads((tmp_path / "measured/codebooks.json").read_text())["models"]["tiny"]
    assert measured["accuracy"] == pytest.approx(results["held_out_accuracy"], abs=1e-6)
    assert measured["active_0"] == results["held_out_active_0"]
    assert "| accuracy |" in (tmp_path / "measured/codebooks.md").read_text()


@pytest.mark.slow
def test_a_run_that_is_interrupted_says_how_to_go_on(genome, tmp_path):
    output = tmp_path / "interrupted"
    endless = [*command(genome, output), "--max_steps", "100000"]
    checkpoint = output / "checkpoint-4/trainer_state.json"
    status, said = interrupt(endless, environment(tmp_path), checkpoint)
    assert status == 130, said
    assert said.endswith(HOW_TO_GO_ON)
    assert "Traceback" not in said


@pytest.mark.slow
def test_two_processes_train_one_model(genome, tmp_path):
    arguments = command(genome, tmp_path / "two", "--per_device_train_batch_size", "4")[1:]
    finished = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
        + ["--master_addr", "127.0.0.1", "--master_port", "0", "--standalone", *arguments],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    results = json.loads((tmp_path / "two/all_results.json").read_text())
    assert results["num_processes"] == 2
    run(genome, tmp_path / "one")
    alone = json.loads((tmp_path / "one/all_results.json").read_text())
    assert results["held_out_accuracy"] == pytest.approx(alone["held_out_accuracy"], abs=0.1)


def test_a_quantizer_that_was_saved_in_bfloat16_trains_in_float32(tmp_path):
    tiny_quantizer().to(torch.bfloat16).save_pretrained(tmp_path)
    assert VQDNAQuantizerModel.from_pretrained(tmp_path).dtype == torch.bfloat16
    model = build_quantizer(QuantizerArguments(model_name_or_path=str(tmp_path)))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("name", ["codebook_sizes", "quantizer_layers"])
def test_a_list_among_the_overrides_is_sent_to_the_option_that_reads_it(name):
    with pytest.raises(ValueError, match=f"list {name}; give it by --{name}"):
        build_quantizer(QuantizerArguments(config_overrides=f"hidden_size=16,{name}=8"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--model_name_or_path", "x"], "a trained quantizer keeps its shape"),
        (["--eval_strategy", "steps", "--held_out"], "--held_out"),
        (["--preset", "best"], "invalid choice"),
        (
            ["--max_steps", "3"],
            "after 3 forward passes, but the codebooks are first set after a warm",
        ),
        (["--held_out", "chrX"], "error: no contig is named chrX; there are chr1, chr2"),
        (
            ["--dataloader_drop_last", "true", "--per_device_train_batch_size", "999"],
            "there are 312 training rows, fewer rows than a batch of 999",
        ),
        (["--load_best_model_at_end", "true"], "tokenizer.py: error: --load_best_model_at_end re"),
    ],
)
def test_mistakes_are_said_before_anything_runs(genome, tmp_path, more, message):
    finished = subprocess.run(
        command(genome, tmp_path / "out", *more),
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert finished.returncode == 2
    assert message in finished.stderr
    assert "Traceback" not in finished.stderr
