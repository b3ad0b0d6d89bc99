"""Fine-tune several models on several data sets with several seeds, and tabulate the test scores.

    python examples/repeat_finetuning.py --dataset_name path/to/gue \\
        --configs prom_core_tata mouse/2 mouse/3 mouse/0 --recipes paper --seeds 1 2 3 \\
        --models S= M=multi_curvature=true Euclidean=geometry=euclidean \\
        --output_dir runs/gue --report docs/results/gue_paper

A model is NAME=CONFIG_OVERRIDES, as examples/finetune.py takes them, or, by --model_paths, the
NAME=FOLDER of a trained one to start from. Every run is that script in a
process of its own, in a folder of its own; a run that is done is not repeated, so the command goes
on where it was stopped. It is refused where a run that is done was of another model or data set.
`--report` names the two files that are written at the end: every run's scores, command, commit and
predicted test classes (packed, with the true ones of each data set) as .json, mean and standard
deviation over the seeds as .md. What follows `--` goes to examples/finetune.py as it is.
"""

import argparse
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from hf_genomics.evaluation.commands import options_of
from hf_genomics.evaluation.predictions import PackedClasses, read_classes
from hf_genomics.evaluation.results import command_line
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
    require_own_folders(runs, root)
    for run in runs:
        require_same_run(run, args.dataset_name, root, extra)
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
    for name, own_name in OWN.items():
        if name in options_of(extra):
            parser.error(
                f"--{name} after -- would be the same for all runs; give {own_name} before it"
            )
    return args, extra


# What this script says of every run, and the option of its own that it comes from.
OWN = {
    "recipe": "--recipes",
    "seed": "--seeds",
    "dataset_config_name": "--configs",
    "output_dir": "--output_dir",
}


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


def require_own_folders(runs: list[Run], root: Path) -> None:
    """Two runs in one folder would be one run that is reported as two.

    Raises:
        SystemExit: Two runs have the same folder.
    """
    taken: dict[str, Run] = {}
    for run in runs:
        folder = os.path.normpath(run.folder(root))
        other = taken.setdefault(folder, run)
        if other is not run:
            both = " and ".join(
                f"{one.model}={one.path or one.config_overrides} on {one.config} by {one.recipe} "
                f"with seed {one.seed}"
                for one in (other, run)
            )
            sys.exit(
                f"two runs would have the folder {folder}: {both}; give every model of --models "
                "and --model_paths a name of its own (--models without a name leaves out the "
                "default ones), and every seed, data set and recipe once."
            )


# What the command of a run says of its model and data; a run by other words is another run.
COMPARED = (
    "model_type",
    "model_name_or_path",
    "preset",
    "config_overrides",
    "dataset_name",
    "dataset_config_name",
)


def require_same_run(run: Run, dataset_name: str, root: Path, extra: list[str]) -> None:
    """A run that is done is not repeated, so its model and data must be those asked for now.

    Raises:
        SystemExit: It was of another model or data set.
    """
    if not is_done(run, root):
        return
    results = json.loads((run.folder(root) / "all_results.json").read_text())
    if "command" not in results:
        return
    found = options_of(shlex.split(results["command"]))
    asked = options_of(run.command(dataset_name, root, extra))
    if run.path and "config_overrides" not in asked:
        # those of a trained model come after --, where a report of several models cannot say them
        found.pop("config_overrides", None)
    for name in COMPARED:
        if not same(name, found.get(name, ""), asked.get(name, "")):
            was, wanted = (
                f"--{name} {shlex.quote(options[name])}" if options.get(name) else f"no --{name}"
                for options in (found, asked)
            )
            sys.exit(
                f"{run.folder(root)} holds a run of {run.model} with {was}, and one with {wanted} "
                "is asked for; give the model another name, choose another --output_dir, or ask "
                "for what was run."
            )


def same(name: str, found: str, asked: str) -> bool:
    """Whether two values of an option say the same; of paths only the end is compared.

    A folder may be named from elsewhere, or have been moved: of a data set and of a checkpoint the
    last two parts count (one where only one is given), of another model the last.
    """
    if name not in ("dataset_name", "model_name_or_path") or not (found and asked):
        return found == asked
    if Path(found).resolve() == Path(asked).resolve():
        return True
    ends = end_of(found), end_of(asked)
    is_model = name == "model_name_or_path" and not ends[0][-1].startswith("checkpoint-")
    count = 1 if is_model else min(2, *map(len, ends))
    return ends[0][-count:] == ends[1][-count:]


def end_of(path: str) -> list[str]:
    """The parts of a path that say what it is of, not where it is seen from."""
    # reports write path/to/NAME for a folder of the machine
    parts = Path(path.removeprefix("path/to/")).parts
    return [part for part in parts if part not in ("..", "/")] or [Path(path).resolve().name]


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
        "command": shorten_paths(command_line()),
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
