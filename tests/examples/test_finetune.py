"""`examples/finetune.py` as users start it: by python, accelerate, torchrun; killed, resumed."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

REPOSITORY = Path(__file__).resolve().parents[2]
FINETUNE = str(REPOSITORY / "examples" / "finetune.py")
PREDICT = str(REPOSITORY / "examples" / "predict.py")
STEPS = 18  # three epochs of 96 rows in batches of 16
SAVE_STEPS = 4
COMMAND = [
    *("--model_type", "hyperbolic_cnn", "--num_train_epochs", "3", "--disable_tqdm", "true"),
    *("--config_overrides", "num_layers=1,num_channels=4,embedding_dim=6,kernel_size=3"),
    *("--per_device_train_batch_size", "16", "--reverse_complement_probability", "0.5"),
    *("--eval_strategy", "steps", "--eval_steps", "4", "--save_strategy", "steps"),
    *("--save_steps", str(SAVE_STEPS), "--save_total_limit", "10", "--learning_rate", "0.02"),
    *("--averaging_decay", "0.5"),
]

# Ends the process as the system does when memory runs out: at once, with nothing put in order.
KILLED = """
import os, runpy, signal, sys
import transformers.trainer
from transformers import TrainerCallback

class KillAt(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == {step}:
            os.kill(os.getpid(), signal.SIGKILL)

transformers.trainer.DEFAULT_CALLBACKS.append(KillAt)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def start(*command, **environment):
    """Runs a command from the repository's root; its exit status and everything it printed."""
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    finished = subprocess.run(
        [sys.executable, *map(str, command)],
        env=os.environ | {"PYTHONPATH": path} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
        check=False,
    )
    return finished.returncode, finished.stdout


def run(*command, **environment):
    status, printed = start(*command, **environment)
    assert status == 0, printed
    return printed


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Rows whose class is a motif on either strand, as CSV files named by split."""
    folder = tmp_path_factory.mktemp("data")
    generator = random.Random(0)
    for split, rows in (("train", 96), ("dev", 32), ("test", 32)):
        lines = ["sequence,label"]
        for row in range(rows):
            bases = "".join(generator.choices("ACGT", k=20 + row % 5))
            motif = generator.choice(("TATAAA", "TTTATA"))
            lines.append(f"{motif + bases[6:] if row % 2 else bases},{row % 2}")
        (folder / f"{split}.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def uninterrupted(data, tmp_path_factory):
    """The folder of a run that nothing disturbed."""
    output = tmp_path_factory.mktemp("runs") / "uninterrupted"
    run(FINETUNE, *COMMAND, "--dataset_name", data, "--output_dir", output)
    return output


@pytest.mark.slow
def test_a_run_leaves_a_model_and_its_results(uninterrupted):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    import hf_genomics  # noqa: F401

    model = AutoModelForSequenceClassification.from_pretrained(uninterrupted)
    assert model.config.max_length == 24  # the longest sequence of all splits
    assert AutoTokenizer.from_pretrained(uninterrupted)("ACGT").input_ids == [0, 1, 2, 3]

    results = json.loads((uninterrupted / "all_results.json").read_text())
    for split in ("validation", "test"):
        for metric in ("loss", "matthews_correlation", "f1_macro", "accuracy", "auroc", "auprc"):
            assert isinstance(results[f"{split}_{metric}"], float)
    assert results["steps"] == STEPS
    assert results["rows"] == {"train": 96, "validation": 32, "test": 32}
    assert results["num_parameters"] == sum(p.numel() for p in model.parameters())
    assert results["resumed_from"] is None
    assert "--reverse_complement_probability 0.5" in results["command"]
    assert results["versions"]["torch"] == torch.__version__
    assert results["hardware"]

    state = json.loads((uninterrupted / "trainer_state.json").read_text())
    scores = {
        entry["step"]: entry["eval_matthews_correlation"]
        for entry in state["log_history"]
        if "eval_loss" in entry
    }
    assert results["validation_matthews_correlation"] == pytest.approx(max(scores.values()))
    assert scores[results["best_step"]] == max(scores.values())
    assert not any("test_loss" in entry for entry in state["log_history"])  # not before the end
    best = load_file(uninterrupted / f"checkpoint-{results['best_step']}" / "model.safetensors")
    assert_equal_weights(best, load_file(uninterrupted / "model.safetensors"))


def labels_of(file):
    return [int(line.rsplit(",", 1)[1]) for line in file.read_text().splitlines()[1:]]


def assert_predictions_are_of_the_test_rows(output, data):
    table = pq.read_table(output / "test_predictions.parquet").to_pydict()
    labels = labels_of(data / "test.csv")
    assert table["row"] == list(range(len(labels)))
    assert table["label"] == labels
    predicted = [logits.index(max(logits)) for logits in table["logits"]]
    right = sum(x == y for x, y in zip(predicted, labels, strict=True))
    results = json.loads((output / "all_results.json").read_text())
    assert right / len(labels) == pytest.approx(results["test_accuracy"])


@pytest.mark.slow
def test_a_run_leaves_its_test_predictions(data, uninterrupted):
    assert_predictions_are_of_the_test_rows(uninterrupted, data)


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_weights(data, uninterrupted, tmp_path):
    step = random.SystemRandom().randrange(SAVE_STEPS + 1, STEPS)
    output = tmp_path / "killed"
    command = [*COMMAND, "--dataset_name", data, "--output_dir", output]
    status, printed = start("-c", KILLED.format(step=step), FINETUNE, *command)
    assert status == -signal.SIGKILL, printed
    assert not (output / "model.safetensors").exists()
    run(FINETUNE, *command, "--resume_from_checkpoint", "true")

    results = json.loads((output / "all_results.json").read_text())
    last = (step - 1) // SAVE_STEPS * SAVE_STEPS
    assert results["resumed_from"] == str(output / f"checkpoint-{last}"), step
    for file in ("model.safetensors", f"checkpoint-{STEPS}/model.safetensors"):
        assert_equal_weights(load_file(output / file), load_file(uninterrupted / file), step)


# a shell that runs the tests in the background has switched control-C off
INTERRUPTED = KILLED.replace("SIGKILL", "SIGINT").replace(
    "\nclass", "\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n\nclass"
)
HOW_TO_GO_ON = (
    "\nstopped; repeat the command with --resume_from_checkpoint true to go on from the last "
    "checkpoint\n"
)


@pytest.mark.slow
def test_a_run_that_is_interrupted_says_how_to_go_on_and_does(data, uninterrupted, tmp_path):
    output = tmp_path / "interrupted"
    command = [*COMMAND, "--dataset_name", data, "--output_dir", output]
    status, printed = start("-c", INTERRUPTED.format(step=SAVE_STEPS + 1), FINETUNE, *command)
    assert status == 130, printed
    assert printed.endswith(HOW_TO_GO_ON)
    assert "Traceback" not in printed
    run(FINETUNE, *command, "--resume_from_checkpoint", "true")
    assert_equal_weights(
        load_file(output / "model.safetensors"), load_file(uninterrupted / "model.safetensors")
    )


@pytest.mark.slow
def test_two_processes_of_torchrun_share_the_rows(data, tmp_path):
    output = tmp_path / "two"
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    options = ["--per_device_train_batch_size", "8", "--max_steps", "6"]
    run(*torchrun, FINETUNE, *COMMAND, "--dataset_name", data, "--output_dir", output, *options)
    results = json.loads((output / "all_results.json").read_text())
    assert results["num_processes"] == 2
    assert results["steps"] == 6
    assert results["epochs"] == 1.0  # 6 steps of 2 x 8 are the 96 rows
    assert_predictions_are_of_the_test_rows(output, data)  # every test row once, in their order


@pytest.mark.slow
def test_accelerate_launch_gives_the_weights_of_plain_python(data, uninterrupted, tmp_path):
    output = tmp_path / "launched"
    launch = ["accelerate.commands.launch", "--cpu", "--num_processes", "1"]
    launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    run("-m", *launch, FINETUNE, *COMMAND, "--dataset_name", data, "--output_dir", output)
    assert_equal_weights(
        load_file(output / "model.safetensors"), load_file(uninterrupted / "model.safetensors")
    )


@pytest.mark.slow
def test_the_saved_folder_predicts_by_its_own_code(data, uninterrupted, tmp_path):
    output = tmp_path / "predictions.csv"
    test = data / "test.csv"
    options = ["--output", output, "--quiet", "--trust_remote_code"]
    run(PREDICT, "--model", uninterrupted, "--input", test, *options)
    lines = output.read_text().splitlines()
    assert lines[0] == "sequence,label,predicted_label,probability_0,probability_1"
    rows = [line.split(",") for line in lines[1:]]
    assert [",".join(row[:2]) for row in rows] == test.read_text().splitlines()[1:]
    right = sum(row[1] == row[2] for row in rows) / len(rows)
    results = json.loads((uninterrupted / "all_results.json").read_text())
    assert right == pytest.approx(results["test_accuracy"])


def assert_equal_weights(first, second, step=None):
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), f"{name} differs (killed at step {step})"
