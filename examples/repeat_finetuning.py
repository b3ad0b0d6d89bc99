"""Fine-tune several models on several data sets with several seeds, and tabulate the test scores.

    python examples/repeat_finetuning.py --dataset_name path/to/gue \\
        --configs prom_core_tata mouse/2 mouse/3 mouse/0 --recipes paper --seeds 1 2 3 \\
        --models S= M=multi_curvature=true Euclidean=geometry=euclidean \\
        --output_dir runs/gue --report docs/results/gue_paper

A model is NAME=CONFIG_OVERRIDES, as examples/finetune.py takes them, or, by --model_paths, the
NAME=FOLDER of a trained one to start from. Every run is that script in a
process of its own, in a folder of its own; a run that is done is not repeated, so the command goes
on where it was stopped. `--report` names the two files that are written at the end: every run's
scores, command, commit and predicted test classes (packed, with the true ones of each data set) as
.json, mean and standard deviation over the seeds as .md. What follows `--` goes to
examples/finetune.py as it is.
"""

import argparse
import json
import platform
import shlex
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from hf_genomics.evaluation.predictions import PackedClasses, read_classes
from hf_genomics.hub.runs import shorten_paths

FINETUNE = Path(__file__).with_name("finetune.py")


@dataclass(frozen=True)
class Run:
    """One model on one data set by one recipe with one seed."""

    model: str
    config_overrides: str
    config: str
    recipe: str
    seed: int
    path: str = ""  # of a trained model, in place of overrides

    def folder(self, root: Path) -> Path:
        return root / self.recipe / self.config / f"{self.model}-{self.seed}"

    def command(self, dataset_name: str, root: Path, extra: list[str]) -> list[str]:
        model = ["--model_type", "hyperbolic_cnn", "--config_overrides", self.config_overrides]
        if self.path:
            model = ["--model_name_or_path", self.path]
        return [
            *(sys.executable, str(FINETUNE), *model, "--recipe", self.recipe),
            *("--dataset_name", dataset_name, "--dataset_config_name", self.config),
            *("--seed", str(self.seed), "--output_dir", str(self.folder(root))),
            *("--resume_from_checkpoint", "true", *extra),
        ]


def main() -> None:
    args, extra = parse_arguments(sys.argv[1:])
    root = Path(args.output_dir)
    models = [(name, overrides, "") for name, overrides in args.models]
    models += [(name, "", path) for name, path in args.model_paths]
    runs = [
        Run(name, overrides, config, recipe, seed, path)
        for recipe, seed, config, (name, overrides, path) in product(
            args.recipes, args.seeds, args.configs, models
        )
    ]
    for run in runs:
        require_same_model(run, root)
    if args.report_only:
        write_report([run for run in runs if is_done(run, root)], root, Path(args.report))
        return
    with ThreadPoolExecutor(args.jobs) as pool:
        done = pool.map(lambda run: finish(run, args.dataset_name, root, extra), runs)
        failed = [run for run, succeeded in zip(runs, done, strict=True) if not succeeded]
    if failed:
        sys.exit(f"{len(failed)} runs failed; see log.txt in {failed[0].folder(root)}")
    if args.report:
        write_report(runs, root, Path(args.report))


def parse_arguments(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    own, extra = (
        (argv[: argv.index("--")], argv[argv.index("--") + 1 :]) if "--" in argv else (argv, [])
    )
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset_name", required=True, help="as for finetune.py")
    parser.add_argument("--configs", nargs="+", required=True, help="data sets in it")
    parser.add_argument("--recipes", nargs="+", default=["modern"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument(
        "--models",
        nargs="*",
        type=named,
        default=[("S", ""), ("Euclidean", "geometry=euclidean")],
        help="NAME=CONFIG_OVERRIDES",
    )
    parser.add_argument(
        "--model_paths",
        nargs="*",
        type=named,
        default=[],
        help="NAME=FOLDER or NAME=HUB_ID of trained models; --models without a name for these only",
    )
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--output_dir", required=True, help="one folder per run in here")
    parser.add_argument("--report", help="PATH of PATH.json and PATH.md, or PATH.json alone")
    parser.add_argument(
        "--report_only", action="store_true", help="start no run, report those that are done"
    )
    args = parser.parse_args(own)
    if args.report_only and not args.report:
        parser.error("--report_only needs --report, the path of what is written")
    return args, extra


def named(text: str) -> tuple[str, str]:
    """NAME=VALUE as a pair."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=VALUE; NAME= is one without a value")
    return name, value


def finish(run: Run, dataset_name: str, root: Path, extra: list[str]) -> bool:
    """Runs `finetune.py` unless its results are there; True if they are in the end."""
    folder = run.folder(root)
    if not is_done(run, root):
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "log.txt", "a") as log:
            subprocess.run(run.command(dataset_name, root, extra), stdout=log, stderr=log)
    done = is_done(run, root)
    score = score_of(read(run, root)) if done else None
    outcome = ("done" if score is None else score) if done else "failed"
    print(run.recipe, run.config, run.model, run.seed, outcome, flush=True)
    return done


def is_done(run: Run, root: Path) -> bool:
    return (run.folder(root) / "all_results.json").exists()


def require_same_model(run: Run, root: Path) -> None:
    """A run that is done is not repeated, so it has to be of the model that is asked for now.

    Raises:
        SystemExit: It was of other overrides, or of another trained model.
    """
    if not is_done(run, root):
        return
    results = json.loads((run.folder(root) / "all_results.json").read_text())
    words = shlex.split(results.get("command", ""))
    if "--config_overrides" in words and not run.path:
        found, asked = words[words.index("--config_overrides") + 1], run.config_overrides
    elif "--model_name_or_path" in words and run.path:
        # a folder may have been moved, or be named from elsewhere
        found = Path(words[words.index("--model_name_or_path") + 1]).name
        asked = Path(run.path).name
    else:
        return
    if found != asked:
        sys.exit(
            f"{run.folder(root)} holds a run of {run.model} = {found!r}, and {asked!r} is asked "
            "for; give the model another name, or choose another --output_dir."
        )


# The score of a report: that of classes, or for regression.
SCORES = ("test_matthews_correlation", "test_pearson")


def score_of(row: dict) -> float | None:
    """The test score of a run, or None without a test split."""
    return next((row[name] for name in SCORES if name in row), None)


# What a report keeps of a run, beside its scores.
KEPT = (
    "command",
    "seed",
    "steps",
    "epochs",
    "best_step",
    "train_seconds",
    "train_loss",
    "num_parameters",
    "versions",
    "hardware",
)


def read(run: Run, root: Path) -> dict:
    """Identity, commit, numbers and versions of a run that is done; its predicted test classes."""
    folder = run.folder(root)
    results = json.loads((folder / "all_results.json").read_text())
    scores = {name: x for name, x in results.items() if name.startswith(("validation_", "test_"))}
    classes = classes_of(run, root)
    if classes is not None:
        scores["test_predictions"] = classes[0]
    return {
        "model": run.model,
        "config_overrides": run.config_overrides,
        "config": run.config,
        "recipe": run.recipe,
        "commit": results.get("commit") or "unknown",
        **shorten_paths({name: results[name] for name in KEPT if name in results}),
        **scores,
    }


def classes_of(run: Run, root: Path) -> tuple[PackedClasses, PackedClasses] | None:
    """Predicted and true classes of the test rows; None for older runs, which did not keep them."""
    file = run.folder(root) / "test_predictions.parquet"
    return read_classes(file) if file.exists() else None


def test_labels(runs: list[Run], root: Path) -> dict[str, PackedClasses]:
    """The true classes of each data set's test rows, the same for all runs.

    Raises:
        SystemExit: Two runs were tested on other rows.
    """
    labels: dict[str, PackedClasses] = {}
    for run in runs:
        classes = classes_of(run, root)
        if classes is not None and labels.setdefault(run.config, classes[1]) != classes[1]:
            sys.exit(
                f"the test rows of {run.folder(root)} are not those of the other runs on "
                f"{run.config}; repeat it with the same data, or report it by itself."
            )
    return labels


def write_report(runs: list[Run], root: Path, report: Path) -> None:
    """Every run's numbers as JSON, and the table of means and standard deviations as Markdown."""
    rows = [read(run, root) for run in runs]
    hardware = dict.fromkeys(row.get("hardware", f"{platform.machine()} CPU") for row in rows)
    document = {
        "command": shorten_paths(shlex.join(["python", *sys.argv])),
        "hardware": ", ".join(hardware),
        "test_labels": test_labels(runs, root),
        "runs": rows,
    }
    report.parent.mkdir(parents=True, exist_ok=True)
    # a name may hold a point, as decay_0.97
    stem = report.name.removesuffix(".json")
    texts = {".json": json.dumps(document, indent=1), ".md": table(rows)}
    if report.suffix == ".json":
        del texts[".md"]
    for suffix, text in texts.items():
        path = report.with_name(f"{stem}{suffix}")
        aside = path.with_name(f".{path.name}.partial")
        aside.write_text(text + "\n")
        aside.replace(path)
    print(table(rows))


def table(rows: list[dict]) -> str:
    """Test MCC x 100 (for regression the Pearson correlation), mean and standard deviation over n
    seeds; steps and seconds of all runs."""
    configs = list(dict.fromkeys(row["config"] for row in rows))
    lines = [
        "| recipe | model | " + " | ".join(configs) + " | mean | steps | training seconds |",
        "| --- | --- |" + " --- |" * (len(configs) + 3),
    ]
    for recipe, model in dict.fromkeys((row["recipe"], row["model"]) for row in rows):
        mine = [row for row in rows if (row["recipe"], row["model"]) == (recipe, model)]
        cells, means = [], []
        for config in configs:
            of_config = [score_of(row) for row in mine if row["config"] == config]
            scores = [100 * score for score in of_config if score is not None]
            if not scores:
                cells.append("-")
                continue
            means.append(statistics.mean(scores))
            spread = f" ± {statistics.stdev(scores):.1f}" if len(scores) > 1 else ""
            cells.append(f"{means[-1]:.1f}{spread} (n={len(scores)})")
        complete = len(means) == len(configs)
        mean = f"{statistics.mean(means):.1f}" if complete else "-"
        steps = sum(row["steps"] for row in mine)
        seconds = sum(row["train_seconds"] for row in mine)
        lines.append(
            f"| {recipe} | {model} | "
            + " | ".join(cells)
            + f" | {mean} | {steps} | {seconds:.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
