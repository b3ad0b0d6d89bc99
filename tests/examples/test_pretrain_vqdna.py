"""Stage 2 as its users run it: it trains in either mode, resumes to the same bytes, loads on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from hf_genomics import (
    DNATokenizer,
    VQDNAForMaskedLM,
    VQDNAForSequenceClassification,
    VQDNAQuantizerConfig,
    VQDNAQuantizerModel,
)
from hf_genomics.training.vqdna_language_arguments import LanguageModelArguments
from tests.examples.interrupting import interrupt
from tests.examples.test_finetune import HOW_TO_GO_ON

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "examples/pretrain_vqdna.py"
sys.path.insert(0, str(SCRIPT.parent))

from pretrain_vqdna import build_language_model  # noqa: E402  (found by the line above)

SIZES = "hidden_size=16,num_hidden_layers=1,num_attention_heads=2,intermediate_size=32"
OPTIONS = [
    *("--held_out", "chr2", "--window", "60", "--config_overrides", SIZES),
    *("--per_device_train_batch_size", "8", "--max_steps", "20", "--save_steps", "4"),
    *("--logging_steps", "5", "--disable_tqdm", "true", "--use_cpu", "true"),
]


@pytest.fixture(scope="module")
def start(tmp_path_factory) -> Path:
    """A folder with a genome, and a quantizer in `quantizer`."""
    folder = tmp_path_factory.mktemp("start")
    generator = np.random.default_rng(0)
    with (folder / "genome.fa").open("w") as file:
        for name, length in (("chr1", 20_000), ("chr2", 1_800)):
            bases = "".join("ACGT"[i] for i in generator.choice(4, length, p=[0.6, 0.1, 0.1, 0.2]))
            file.write(f">{name}\n{bases}\n")
    torch.manual_seed(0)
    for name, kmeans_init in (("quantizer", False), ("untrained", True)):
        config = VQDNAQuantizerConfig(
            stem_dim=8,
            hidden_size=16,
            num_layers=2,
            codebook_sizes=[8, 16],
            quantizer_layers=[1, 2],
            kmeans_init=kmeans_init,
        )
        VQDNAQuantizerModel(config).save_pretrained(folder / name)
        DNATokenizer().save_pretrained(folder / name)
    return folder


def environment(start: Path) -> dict[str, str]:
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "HF_DATASETS_CACHE": str(start / "cache"),
        "PYTHONPATH": str(REPOSITORY),
    }


def command(start: Path, output: Path, *more: str) -> list[str]:
    genome = ["--genomes", str(start / "genome.fa"), "--output_dir", str(output)]
    return [sys.executable, str(SCRIPT), *genome, *OPTIONS, *more]


def run(start: Path, output: Path, *more: str) -> dict:
    finished = subprocess.run(
        command(start, output, *more),
        env=environment(start),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads((output / "all_results.json").read_text())


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_bytes_and_to_a_classifier(start, tmp_path):
    quantizer = ["--quantizer", str(start / "quantizer")]
    results = run(start, tmp_path / "whole", *quantizer)
    assert results["windows"]["held_out"] == 30
    # letters are drawn with 1.57 bits: 0.6 right, e to 1.09 nats, is the best that can be done
    assert results["held_out_accuracy"] == pytest.approx(0.6, abs=0.05)
    assert 2.8 < results["held_out_perplexity"] < 3.9
    assert {"held_out_code_loss_0", "held_out_code_loss_1"} <= results.keys()
    log = json.loads((tmp_path / "whole/trainer_state.json").read_text())["log_history"]
    assert {"accuracy", "nucleotide_loss", "code_loss_0", "code_loss_1"} <= log[0].keys()
    assert log[3]["nucleotide_loss"] < log[0]["nucleotide_loss"]

    killed = subprocess.Popen(
        command(start, tmp_path / "killed", *quantizer),
        env=environment(start),
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
    run(start, tmp_path / "killed", *quantizer, "--resume_from_checkpoint", "true")
    whole, resumed = (tmp_path / name / "model.safetensors" for name in ("whole", "killed"))
    assert whole.read_bytes() == resumed.read_bytes()

    trained, given = load_file(whole), load_file(start / "quantizer/model.safetensors")
    for name, tensor in given.items():
        assert torch.equal(trained[f"model.quantizer_model.{name}"], tensor), name
    classifier = VQDNAForSequenceClassification.from_pretrained(tmp_path / "whole", num_labels=3)
    layer = "model.layers.0.up_proj.weight"
    assert torch.equal(classifier.state_dict()[layer], trained[layer])


@pytest.mark.slow
def test_a_killed_run_on_streamed_genomes_goes_on_to_the_same_bytes(start, tmp_path):
    options = ["--kmer_size", "2", "--streaming", "true"]
    results = run(start, tmp_path / "whole", *options)
    assert results["windows"] == {"held_out": 30}  # nobody has counted the others
    killed = run(start, tmp_path / "killed", *options, "--save_total_limit", "9")
    assert killed["held_out_loss"] == results["held_out_loss"]
    for name in ("model.safetensors", "all_results.json", "checkpoint-16", "checkpoint-20"):
        path = tmp_path / "killed" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    again = run(start, tmp_path / "killed", *options, "--resume_from_checkpoint", "true")
    assert again["resumed_from"].endswith("checkpoint-12")
    whole, resumed = (tmp_path / name / "model.safetensors" for name in ("whole", "killed"))
    assert whole.read_bytes() == resumed.read_bytes()


@pytest.mark.slow
def test_codes_may_be_masked_instead(start, tmp_path):
    options = ["--quantizer", str(start / "quantizer"), "--mask_mode", "code"]
    results = run(start, tmp_path / "code", *options)
    assert VQDNAForMaskedLM.from_pretrained(tmp_path / "code").config.mask_mode == "code"
    hidden = "held_out_nucleotides_hidden_nucleotide_loss"
    assert 0 < results["held_out_nucleotide_loss"] < results[hidden] + 0.1
    assert results["model_arguments"]["mask_mode"] == "code"
    more = ["--model_name_or_path", str(tmp_path / "code"), "--config_overrides", ""]
    again = run(start, tmp_path / "on", *more, "--max_steps", "1", "--learning_rate", "1e-9")
    assert again["held_out_loss"] == pytest.approx(results["held_out_loss"], abs=1e-4)
    assert again["model_arguments"]["mask_mode"] == "code"


def test_the_mode_of_masking_is_the_trained_models_unless_it_is_named(start, tmp_path):
    def mode(**arguments):
        return build_language_model(LanguageModelArguments(**arguments)).config.mask_mode

    new = {"quantizer": str(start / "quantizer"), "config_overrides": SIZES}
    assert mode(**new) == "nucleotide"
    assert mode(**new | {"config_overrides": f"{SIZES},mask_mode=code"}) == "code"
    model = build_language_model(LanguageModelArguments(**new, mask_mode="code"))
    model.save_pretrained(tmp_path)
    assert mode(model_name_or_path=str(tmp_path)) == "code"
    assert mode(model_name_or_path=str(tmp_path), mask_mode="nucleotide") == "nucleotide"


def test_a_trained_model_on_k_mers_has_no_mode_of_masking(tmp_path):
    new = LanguageModelArguments(kmer_size=1, config_overrides=SIZES)
    build_language_model(new).save_pretrained(tmp_path)
    trained = LanguageModelArguments(model_name_or_path=str(tmp_path), mask_mode="code")
    with pytest.raises(ValueError, match="models on codes, but .* of type 'kmer_transformer'; lea"):
        build_language_model(trained)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ("kmer_size=3", "kmer_size is set by --kmer_size; leave it out"),
        ("hidden_size=30,num_attention_heads=4", "hidden_size is 30, which 4 heads"),
        ("hidden_size=12,num_attention_heads=4", "which 4 heads .* do not share in even parts"),
    ],
)
def test_sizes_that_cannot_be_of_a_model_on_k_mers(overrides, message):
    with pytest.raises(ValueError, match=message):
        build_language_model(LanguageModelArguments(kmer_size=2, config_overrides=overrides))


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 6])
def test_the_same_transformer_reads_k_mers(start, tmp_path, k):
    results = run(start, tmp_path / "kmers", "--kmer_size", str(k))
    assert 2.8 < results["held_out_perplexity"] < 4.1
    assert results["num_parameters"] == results["num_trained_parameters"]
    assert (tmp_path / "kmers/kmer_transformer.py").exists()


@pytest.mark.slow
def test_a_run_that_is_interrupted_says_how_to_go_on(start, tmp_path):
    output = tmp_path / "interrupted"
    endless = [*command(start, output, "--kmer_size", "2"), "--max_steps", "100000"]
    checkpoint = output / "checkpoint-4/trainer_state.json"
    status, said = interrupt(endless, environment(start), checkpoint)
    assert status == 130, said
    assert said.endswith(HOW_TO_GO_ON)
    assert "Traceback" not in said


@pytest.mark.slow
def test_two_processes_train_one_model(start, tmp_path):
    options = ["--quantizer", str(start / "quantizer"), "--per_device_train_batch_size", "4"]
    arguments = command(start, tmp_path / "two", *options)[1:]
    finished = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
        + arguments,
        env=environment(start),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    results = json.loads((tmp_path / "two/all_results.json").read_text())
    assert results["num_processes"] == 2
    assert results["held_out_accuracy"] == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "give one of --quantizer, --kmer_size, --model_name_or_path, got none"),
        (["--quantizer", "q", "--kmer_size", "6"], "got --quantizer and --kmer_size"),
        (["--kmer_size", "7"], "--window 60 must be a multiple of --kmer_size 7"),
        (["--kmer_size", "9"], "--kmer_size must be from 1 to 8"),
        (["--model_name_or_path", "m"], "--config_overrides is for new models"),
        (["--quantizer", "q", "--mask_mode", "base"], "invalid choice"),
        (["--quantizer", "q", "--streaming", "--max_steps", "0"], "say --max_steps"),
        (["--quantizer", "./nowhere"], "pretrain_vqdna.py: error: "),
        (["--quantizer", "untrained"], "were never set: they wait for the k-means"),
        (["--kmer_size", "6", "--attn_implementation", "best"], '="best"` is not supported'),
    ],
)
def test_bad_arguments_are_named(start, tmp_path, more, message):
    more = [str(start / part) if part == "untrained" else part for part in more]
    finished = subprocess.run(
        command(start, tmp_path / "out", *more),
        env=environment(start),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert finished.returncode == 2
    assert "Traceback" not in finished.stderr
    assert message in " ".join(finished.stderr.split())
