"""What `make demo` runs: from data to two fine-tuned models, reloaded without this package.

    python examples/demo.py                                            on a simulated benchmark
    python examples/demo.py --data path/to/gue --config prom_core_tata    on real data

A hyperbolic CNN and its Euclidean twin are fine-tuned through `accelerate launch
examples/finetune.py` with the recipe `modern`, selected on validation, scored once on test. Each
saved folder is then loaded by a process that cannot import hf_genomics, as on the Hub, and
must give the same logits. Everything goes to --output, which the next run replaces.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetDict

from hf_genomics.benchmarks.parameters import Condition, SimulationParameters, SplitRule, TreeShape
from hf_genomics.benchmarks.simulator import simulate
from hf_genomics.benchmarks.writing import write_dataset
from hf_genomics.data.sequence_datasets import load_sequence_dataset, longest_sequence
from hf_genomics.data.splits import require_splits
from hf_genomics.training.recipes import MODERN

REPOSITORY = Path(__file__).resolve().parent.parent
MODELS = {"hyperbolic CNN": "geometry=lorentz", "Euclidean twin": "geometry=euclidean"}
SEED = 0
NUM_RELOADED = 64  # test sequences whose logits are compared
LOGIT_TOLERANCE = 1e-5  # float32 sums may be taken in another order in another process
# Bases read in training, per model: about 100 seconds of the slower one on two CPU cores.
TRAINING_BASES = 20_000_000
RESULTS = "results.json"
MARK = ".hf_genomics_demo"  # in the folders that this script has made, and may empty
USER_ERROR = 2

# Run with `python -I`: no PYTHONPATH and no current folder; None in sys.modules blocks the import
# even where the package is installed.
RELOAD = """
import json, sys
sys.modules["hf_genomics"] = None
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
folder, sequences, output = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True).eval()
batch = tokenizer(json.load(open(sequences)), padding=True, return_tensors="pt")
with torch.inference_mode():
    logits = model(**batch).logits
json.dump(logits.tolist(), open(output, "w"))
"""


def main(command: Sequence[str] | None = None) -> None:
    args = parse_arguments(command)
    started = time.perf_counter()
    try:
        check_output(args.output, args.data)
        load = simulated_data if args.data is None else real_data
        name, config, dataset = load(args)  # empties the folder once there are data
    except (ValueError, OSError) as error:  # OSError: neither a folder nor on the Hub
        sys.exit(fail(str(error)))
    limits = training_limits(dataset, args.epochs)
    print(describe(dataset, limits), flush=True)
    # the simulator evolves one strand, so reading the other one would only blur its labels
    options = {"reverse_complement_probability": 0} if args.data is None else {}

    rows = []
    for model, overrides in MODELS.items():
        folder = args.output / model.replace(" ", "_")
        finetune(folder, name, config, overrides, limits | options)
        difference = reload_without_package(folder, dataset["test"])
        print(f"{model}: reloaded without hf_genomics, logits differ by {difference:.1g}\n")
        rows.append(result_row(model, folder, difference))
    seconds = time.perf_counter() - started
    write_json(args.output / RESULTS, {"models": rows, "seconds": seconds})
    print(table(rows))
    print(verdict(rows, len(dataset["test"])))
    print(f"All of it took {seconds:.0f} seconds. Models and results: {args.output}")


def parse_arguments(command: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="Hub id, folder or file of real data instead; see README.")
    parser.add_argument("--config", help="Configuration of --data, e.g. prom_core_tata.")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "runs" / "demo")
    parser.add_argument("--epochs", type=int, help="Default: as many as fit the time.")
    parser.add_argument("--num-train", type=int, default=4000, help="Simulated training rows.")
    parser.add_argument("--length", type=int, default=200, help="Simulated bases per sequence.")
    args = parser.parse_args(command)
    if args.config is not None and args.data is None:
        parser.error("--config needs --data")
    args.output = args.output.resolve()
    return args


def check_output(folder: Path, data: str | None) -> None:
    """What an earlier demo left may be replaced; anything else in the folder is an error.

    Raises:
        ValueError: it holds other files, or the data.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file, but a folder is needed; give another --output.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise ValueError(
            f"{folder} was not made by this demo ({MARK} is missing), so it is left alone; give "
            "another --output, or remove it."
        )
    if data is not None and Path(data).resolve().is_relative_to(folder):
        raise ValueError(
            f"--data {data} lies in {folder}, which is emptied before training; give another "
            "--output."
        )


def prepare_output(folder: Path) -> None:
    """Empties the folder of an earlier demo, which `check_output` has let pass, or makes it."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARK).touch()


def simulated_data(args: argparse.Namespace) -> tuple[str, str, DatasetDict]:
    """Writes a benchmark into the output folder, which is emptied before, and returns where it is,
    its configuration and its rows."""
    simulation = simulate(
        SimulationParameters(
            condition=Condition.CLADE,
            num_train=args.num_train,
            num_validation=max(8, args.num_train // 4),
            num_test=max(8, args.num_train // 4),
            length=args.length,
            seed=SEED,
            tree=TreeShape.BALANCED,
            num_leaves=256,
            height=2.0,
            clade_depth=3,
            split=SplitRule.SUBTREE,
        )
    )
    prepare_output(args.output)
    folder = write_dataset(simulation.dataset, args.output / "data", simulation.facts)
    print(f"Simulated: the label is {simulation.facts.label_meaning}.")
    return str(folder), simulation.facts.config_name, simulation.dataset


def real_data(args: argparse.Namespace) -> tuple[str, str | None, DatasetDict]:
    """The data that the arguments name, with the three splits that the demo needs; the output
    folder is emptied once they are there."""
    dataset = load_sequence_dataset(args.data, args.config)
    require_splits(dataset, "train", "validation", "test")
    prepare_output(args.output)
    return args.data, args.config, dataset


def training_limits(dataset: DatasetDict, epochs: int | None) -> dict[str, int]:
    """Flags that keep the run within its time: fewer epochs first, then fewer rows."""
    rows, length = len(dataset["train"]), longest_sequence(dataset)
    if epochs is not None:
        return {"num_train_epochs": epochs}
    fitting = TRAINING_BASES // (rows * length)
    if fitting >= 2:
        return {"num_train_epochs": min(fitting, MODERN.num_train_epochs)}
    return {"num_train_epochs": 2, "max_train_samples": max(1, TRAINING_BASES // (2 * length))}


def describe(dataset: DatasetDict, limits: dict[str, int]) -> str:
    sizes = ", ".join(f"{split} {len(rows)}" for split, rows in dataset.items())
    note = f"Rows: {sizes}; up to {longest_sequence(dataset)} bases."
    if "max_train_samples" in limits:
        note += f" Training on {limits['max_train_samples']} of the rows to stay within the time."
    return f"{note} Epochs: {limits['num_train_epochs']}.\n"


def finetune(
    folder: Path, data: str, config: str | None, overrides: str, limits: dict[str, int]
) -> None:
    """Runs examples/finetune.py in a process of its own; its progress bars go to the terminal."""
    flags = {
        "model_type": "hyperbolic_cnn",
        "config_overrides": overrides,
        "recipe": MODERN.name,
        "dataset_name": data,
        "dataset_config_name": config,
        "output_dir": str(folder),
        "seed": SEED,
        "save_only_model": True,
        **limits,
    }
    launch = {
        "num_processes": 1,
        "num_machines": 1,
        "mixed_precision": "no",
        "dynamo_backend": "no",
        "num_cpu_threads_per_process": os.environ.get("OMP_NUM_THREADS") or num_cores(),
    }
    command = [
        *("launch", *as_flags(launch)),
        *(str(REPOSITORY / "examples" / "finetune.py"), *as_flags(flags)),
    ]
    print(f"$ accelerate {shlex.join(command)}", flush=True)
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    finished = subprocess.run(
        [sys.executable, "-m", "accelerate.commands.accelerate_cli", *command],
        env=os.environ | {"PYTHONPATH": path},
        check=False,
    )
    if finished.returncode:
        sys.exit(fail("fine-tuning ended with the error above."))


def reload_without_package(folder: Path, test: Dataset) -> float:
    """Compares logits of the saved folder, loaded with and without hf_genomics.

    Returns:
        The largest absolute difference.
    """
    import torch

    from hf_genomics import DNATokenizer, HyperbolicCNNForSequenceClassification

    sequences = test[:NUM_RELOADED]["sequence"]
    model = HyperbolicCNNForSequenceClassification.from_pretrained(folder).eval()
    batch = DNATokenizer.from_pretrained(folder)(sequences, padding=True, return_tensors="pt")
    with torch.inference_mode():
        ours = model(**batch).logits
    with tempfile.TemporaryDirectory() as elsewhere:
        write_json(Path(elsewhere) / "sequences.json", list(sequences))
        # A cache of its own: no copy of the model's code from an earlier run can be picked up.
        environment = {"HF_HOME": elsewhere, "HF_HUB_OFFLINE": "1"}
        finished = subprocess.run(
            [sys.executable, "-I", "-c", RELOAD, str(folder), "sequences.json", "logits.json"],
            cwd=elsewhere,
            env=os.environ | environment,
            text=True,
            capture_output=True,
            check=False,
        )
        if finished.returncode:
            sys.exit(fail(f"{folder} does not load without hf_genomics:\n{finished.stderr}"))
        theirs = torch.tensor(json.loads((Path(elsewhere) / "logits.json").read_text()))
    difference = float((ours - theirs).abs().max())
    if not difference <= LOGIT_TOLERANCE:
        sys.exit(fail(f"{folder} gives other logits without hf_genomics: {difference:.3g} apart."))
    return difference


def result_row(model: str, folder: Path, difference: float) -> dict[str, Any]:
    results = json.loads((folder / "all_results.json").read_text())
    return {
        "model": model,
        "test_matthews_correlation": results["test_matthews_correlation"],
        "test_accuracy": results["test_accuracy"],
        "num_parameters": results["num_parameters"],
        "train_seconds": results["train_seconds"],
        "reloaded_logit_difference": difference,
    }


def table(rows: list[dict[str, Any]]) -> str:
    lines = [f"{'model':<16}{'test MCC':>10}{'accuracy':>10}{'parameters':>13}{'seconds':>9}"]
    lines += [
        f"{row['model']:<16}{row['test_matthews_correlation']:>10.3f}{row['test_accuracy']:>10.3f}"
        f"{row['num_parameters']:>13,}{row['train_seconds']:>9.0f}"
        for row in rows
    ]
    return "\n".join(lines)


def verdict(rows: list[dict[str, Any]], num_test: int) -> str:
    """Which model scored higher, beside the error that so many test rows leave."""
    first, second = sorted(rows, key=lambda row: row["test_accuracy"], reverse=True)
    lead = first["test_accuracy"] - second["test_accuracy"]
    error = sum(r["test_accuracy"] * (1 - r["test_accuracy"]) / num_test for r in rows) ** 0.5
    return (
        f"The {first['model']} leads by {lead:.3f} in accuracy; the standard error of that "
        f"difference on {num_test} test rows is about {error:.3f}, and this is one seed."
    )


def as_flags(values: dict[str, Any]) -> list[str]:
    """{"a": 1, "b": None} -> ["--a", "1"]."""
    return [part for k, v in values.items() if v is not None for part in (f"--{k}", str(v))]


def num_cores() -> int:
    """The cores that this process may use, where the system tells."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def write_json(path: Path, value: Any) -> None:
    aside = path.with_name(f".{path.name}.partial")
    aside.write_text(json.dumps(value, indent=2) + "\n")
    os.replace(aside, path)


def fail(message: str) -> int:
    print(f"Error: {message}", file=sys.stderr)
    return USER_ERROR


if __name__ == "__main__":
    main()
