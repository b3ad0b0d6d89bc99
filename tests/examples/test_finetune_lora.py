"""`examples/finetune.py --lora` of every family: what is trained, merged and loaded."""

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification as AutoClassifier

from hf_genomics import (
    DNATokenizer,
    HyperbolicCNNConfig,
    HyperbolicCNNForSequenceClassification,
    PhyloGPNConfig,
    PhyloGPNForSequenceClassification,
    VQDNAConfig,
    VQDNAForSequenceClassification,
    VQDNAQuantizerConfig,
)

# peft 0.21 asks for `is_gradient_checkpointing`, which transformers 5.23 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

REPOSITORY = Path(__file__).resolve().parents[2]
FINETUNE = str(REPOSITORY / "examples" / "finetune.py")
OPTIONS = [
    *("--lora", "true", "--lora_rank", "2", "--num_train_epochs", "3", "--disable_tqdm", "true"),
    *("--per_device_train_batch_size", "16", "--learning_rate", "0.01", "--use_cpu", "true"),
    *("--lora_dropout", "0.0", "--save_total_limit", "9", "--averaging_decay", "0.5"),
]
KILLED = """
import os, runpy, signal, sys
import transformers.trainer
from transformers import TrainerCallback

class KillAt(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 7:
            os.kill(os.getpid(), signal.SIGKILL)

transformers.trainer.DEFAULT_CALLBACKS.append(KillAt)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def hyperbolic_cnn(**fields):
    sizes = {"num_layers": 1, "num_channels": 4, "embedding_dim": 6, "kernel_size": 3}
    config = HyperbolicCNNConfig(max_length=24, **sizes, **fields)
    return HyperbolicCNNForSequenceClassification(config)


def euclidean_cnn():
    return hyperbolic_cnn(geometry="euclidean")


def phylogpn():
    config = PhyloGPNConfig(
        outer_dim=8, inner_dim=4, num_stacks=1, stack_size=1, kernel_size=3, token_padding="same"
    )
    return PhyloGPNForSequenceClassification(config)


def vqdna():
    quantizer = VQDNAQuantizerConfig(
        stem_dim=8, hidden_size=16, num_layers=2, codebook_sizes=[8, 16], quantizer_layers=[1, 2]
    )
    config = VQDNAConfig(
        quantizer_config=quantizer.to_dict(),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
    )
    return VQDNAForSequenceClassification(config)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Rows whose class is a motif, as CSV files named by split."""
    folder = tmp_path_factory.mktemp("data")
    generator = random.Random(0)
    for split, rows in (("train", 64), ("dev", 24), ("test", 24)):
        lines = ["sequence,label"]
        for row in range(rows):
            bases = "".join(generator.choices("ACGT", k=24))
            lines.append(f"{'TATAAA' + bases[6:] if row % 2 else bases},{row % 2}")
        (folder / f"{split}.csv").write_text("\n".join(lines) + "\n")
    return folder


def saved(build, folder):
    torch.manual_seed(3)
    build().save_pretrained(folder)
    DNATokenizer().save_pretrained(folder)
    return folder


def run(*command, fails_by=None):
    finished = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, timeout=500
    )
    if fails_by is None:
        assert finished.returncode == 0, finished.stderr
    else:
        assert finished.returncode == fails_by, finished.stderr
    return finished


@pytest.mark.slow
@pytest.mark.parametrize("build", [hyperbolic_cnn, euclidean_cnn, phylogpn, vqdna])
def test_the_saved_model_is_the_first_one_with_its_layers(build, data, tmp_path):
    first, output = saved(build, tmp_path / "first"), tmp_path / "out"
    command = ["--model_name_or_path", first, "--dataset_name", data, "--output_dir", output]
    run(FINETUNE, *command, *OPTIONS)

    merged = AutoClassifier.from_pretrained(output).eval()
    base = AutoClassifier.from_pretrained(first)
    adapted = PeftModel.from_pretrained(base, output / "lora").eval()
    inputs = DNATokenizer()(["TATAAACGTTGCATTGACCATTGA", "ACGTTGCATTGACCATTGACATTT"])
    inputs = {name: torch.tensor(inputs[name]) for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        torch.testing.assert_close(
            merged(**inputs).logits, adapted(**inputs).logits, atol=1e-5, rtol=1e-4
        )
    assert not any("lora" in name for name in load_file(output / "model.safetensors"))
    results = json.loads((output / "all_results.json").read_text())
    assert results["num_parameters"] == sum(p.numel() for p in merged.parameters())
    assert "test_matthews_correlation" in results

    before, after = (load_file(folder / "model.safetensors") for folder in (first, output))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert any("classifier" in name for name in changed)
    assert any("classifier" not in name for name in changed)  # the layers that were adapted
    assert not any("quantizer" in name for name in changed)


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_weights(data, tmp_path):
    first = saved(vqdna, tmp_path / "first")
    start = ["--model_name_or_path", first, "--dataset_name", data, *OPTIONS]
    run(FINETUNE, *start, "--output_dir", tmp_path / "whole")
    killed = [*start, "--output_dir", tmp_path / "killed"]
    run("-c", KILLED, FINETUNE, *killed, fails_by=-signal.SIGKILL)
    run(FINETUNE, *killed, "--resume_from_checkpoint", "true")
    results = json.loads((tmp_path / "killed/all_results.json").read_text())
    assert results["resumed_from"].endswith("checkpoint-4")
    whole, resumed = (load_file(tmp_path / x / "model.safetensors") for x in ("whole", "killed"))
    for name, tensor in whole.items():
        assert torch.equal(tensor, resumed[name]), name


def test_what_cannot_be_adapted_is_an_error(data, tmp_path):
    first = saved(vqdna, tmp_path / "first")
    start = ["--model_name_or_path", first, "--dataset_name", data, "--output_dir", tmp_path / "o"]
    printed = run(FINETUNE, *start, "--lora", "--lora_rank", "0", fails_by=2).stderr
    assert "the rank of LoRA is 0" in printed
    printed = run(FINETUNE, *start, "--lora", "--lora_target_modules", "query", fails_by=2).stderr
    assert "no layer of VQDNAForSequenceClassification is named query" in printed
    printed = run(FINETUNE, *start, "--lora", "--do_train", "false", fails_by=2).stderr
    assert "--lora is a way to train" in printed
