"""`examples/pretrain_phylogpn.py` as users start it: by python, torchrun; killed, resumed."""

import json
import random
import runpy
import signal
import sys

import pytest
import torch
from safetensors.torch import load_file

from hf_genomics import PhyloGPNConfig, PhyloGPNForMaskedLM
from hf_genomics.models.phylogpn.phylogeny import Phylogeny
from tests.examples.small_alignment import LENGTH, LOCI, OTHER_TREE, TREE, write_alignment
from tests.examples.test_finetune import (
    HOW_TO_GO_ON,
    INTERRUPTED,
    KILLED,
    REPOSITORY,
    assert_equal_weights,
    run,
    start,
)

PRETRAIN = str(REPOSITORY / "examples" / "pretrain_phylogpn.py")
STEPS = 15  # five epochs of 15 windows in batches of 5
SAVE_STEPS = 4
HELD_OUT, VALIDATION = LOCI[6:], (LOCI[5],)
COMMAND = [
    *("--config_overrides", "outer_dim=8,inner_dim=4,num_stacks=1", "--window", "64"),
    *("--held_out", *HELD_OUT, "--validation", *VALIDATION, "--disable_tqdm", "true"),
    *("--num_train_epochs", "5", "--per_device_train_batch_size", "5", "--learning_rate", "0.02"),
    *("--eval_strategy", "steps", "--eval_steps", "4", "--save_strategy", "steps"),
    *("--save_steps", str(SAVE_STEPS), "--save_total_limit", "10", "--logging_steps", "1"),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_alignment(tmp_path_factory.mktemp("data") / "alignment")


@pytest.fixture(scope="module")
def uninterrupted(data, tmp_path_factory):
    """The folder of a run that nothing disturbed."""
    output = tmp_path_factory.mktemp("runs") / "uninterrupted"
    run(PRETRAIN, *COMMAND, "--dataset_name", data, "--output_dir", output)
    return output


def losses(folder):
    state = json.loads((folder / "trainer_state.json").read_text())
    return [entry["loss"] for entry in state["log_history"] if "loss" in entry]


@pytest.mark.slow
def test_a_run_leaves_a_model_with_its_tree_and_its_results(uninterrupted):
    model = PhyloGPNForMaskedLM.from_pretrained(uninterrupted)
    assert model.config.reference_leaf == "Homo"
    assert model.phylogeny == Phylogeny.from_newick(TREE)

    results = json.loads((uninterrupted / "all_results.json").read_text())
    assert results["steps"] == STEPS
    assert results["sites"] == {"train": 5 * LENGTH, "validation": LENGTH, "test": 2 * LENGTH}
    assert results["held_out"] == list(HELD_OUT)
    assert results["num_parameters"] == model.num_parameters()
    assert "--window 64" in results["command"]
    assert results["versions"]["torch"] == torch.__version__
    assert results["commit"] is None or len(results["commit"]) >= 40

    state = json.loads((uninterrupted / "trainer_state.json").read_text())
    scores = {
        entry["step"]: entry["eval_log_likelihood_per_site"]
        for entry in state["log_history"]
        if "eval_log_likelihood_per_site" in entry
    }
    assert scores[results["best_step"]] == max(scores.values())
    best = results["validation_log_likelihood_per_site"]
    assert best == pytest.approx(max(scores.values()))
    first, *_, last = losses(uninterrupted)
    assert last < first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--held_out", "nope"], "has no 'nope'; its names are locus0"),
        (["--name_weights", "nope=1"], "--name_weights names nope, but there is locus0"),
        (["--reverse_complement_probability", "2"], "reverse-complement share is 2.0"),
        (
            ["--dataloader_drop_last", "true", "--per_device_train_batch_size", "16"],
            "there are 15 training rows, fewer rows than a batch of 16",
        ),
    ],
)
def test_mistakes_are_told_in_one_line_before_training(
    data, tmp_path, monkeypatch, capsys, options, message
):
    command = [PRETRAIN, *COMMAND, "--dataset_name", data, "--output_dir", tmp_path, *options]
    monkeypatch.setattr(sys, "argv", [*map(str, command)])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(PRETRAIN, run_name="__main__")
    assert stopped.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("pretrain_phylogpn.py: error: ")
    assert message in error


@pytest.mark.slow
def test_a_run_that_is_interrupted_says_how_to_go_on(data, tmp_path):
    command = [*COMMAND, "--dataset_name", data, "--output_dir", tmp_path / "interrupted"]
    status, printed = start("-c", INTERRUPTED.format(step=2), PRETRAIN, *command)
    assert status == 130, printed
    assert printed.endswith(HOW_TO_GO_ON)
    assert "Traceback" not in printed


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_weights(data, uninterrupted, tmp_path):
    step = random.SystemRandom().randrange(SAVE_STEPS + 1, STEPS)
    output = tmp_path / "killed"
    command = [*COMMAND, "--dataset_name", data, "--output_dir", output]
    status, printed = start("-c", KILLED.format(step=step), PRETRAIN, *command)
    assert status == -signal.SIGKILL, printed
    assert not (output / "model.safetensors").exists()
    run(PRETRAIN, *command, "--resume_from_checkpoint", "true")

    results = json.loads((output / "all_results.json").read_text())
    last = (step - 1) // SAVE_STEPS * SAVE_STEPS
    assert results["resumed_from"] == str(output / f"checkpoint-{last}"), step
    for file in ("model.safetensors", f"checkpoint-{STEPS}/model.safetensors"):
        assert_equal_weights(load_file(output / file), load_file(uninterrupted / file), step)


@pytest.mark.slow
def test_two_processes_and_accumulated_batches_have_the_losses_of_one_large_batch(data, tmp_path):
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    options = ["--reverse_complement_probability", "0", "--max_steps", "5", "--save_strategy", "no"]
    options += ["--load_best_model_at_end", "false", "--window", "50", "--learning_rate", "0.002"]
    # The last window of a locus is shorter, so batches differ in their number of sites.
    options += ["--name_weights", f"{LOCI[0]}=0.25", f"{LOCI[1]}=3"]

    def train(name, launcher, batch_size, accumulation):
        command = [*COMMAND, "--dataset_name", data, "--output_dir", tmp_path / name, *options]
        command += ["--per_device_train_batch_size", batch_size]
        run(*launcher, PRETRAIN, *command, "--gradient_accumulation_steps", accumulation)
        return losses(tmp_path / name), load_file(tmp_path / name / "model.safetensors")

    one, weights = train("one", [], 4, 1)
    for name, launcher, *sizes in (("accumulated", [], 2, 2), ("two", torchrun, 2, 1)):
        also, also_weights = train(name, launcher, *sizes)
        assert also == pytest.approx(one, rel=1e-6), name
        for key, tensor in weights.items():
            torch.testing.assert_close(also_weights[key], tensor, atol=1e-4, rtol=0)
    results = json.loads((tmp_path / "two" / "all_results.json").read_text())
    assert results["num_processes"] == 2


@pytest.mark.slow
def test_a_trained_network_goes_on_with_another_tree_in_bf16(uninterrupted, tmp_path):
    data = write_alignment(tmp_path / "alignment", OTHER_TREE, seed=1)
    output = tmp_path / "further"
    options = ["--model_name_or_path", uninterrupted, "--bf16", "true", "--max_steps", "4"]
    options += ["--dataset_name", data, "--output_dir", output, "--learning_rate", "0"]
    run(PRETRAIN, *COMMAND[2:], *options)
    model = PhyloGPNForMaskedLM.from_pretrained(output)
    assert model.phylogeny == Phylogeny.from_newick(OTHER_TREE)
    # With a rate of 0 the weights are those that training began from, in float32.
    assert_equal_weights(
        load_file(output / "model.safetensors"), load_file(uninterrupted / "model.safetensors")
    )
    assert isinstance(model.config, PhyloGPNConfig)
