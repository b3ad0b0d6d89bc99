"""When does hyperbolic geometry help? Three matched networks on the built-in simulator.

    python examples/simulator_study.py runs --output_dir runs/simulator --minutes 40
    python examples/simulator_study.py calibration --report docs/results/geometry
    python examples/simulator_study.py figure --report docs/results/geometry
    python examples/simulator_study.py report --output_dir runs/simulator \\
        --report docs/results/geometry

`runs` trains every network on every condition with every seed at every learning rate, condition by
condition. A run is one file; one that is there is not repeated, so the command goes on where it was
stopped. `report` keeps of each network and data set the rate of the highest validation MCC, and
adds the intervals; docs/results/geometry.md shows the tables. Networks and one run:
simulator_training.py beside this file; conditions: simulator_conditions.py.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch
import transformers
from simulator_conditions import DRAWN, GRID
from simulator_summary import summary
from simulator_training import MODELS, Sizes, drawn_embeddings, one_run

from hf_genomics.evaluation.geometry import CALIBRATION, delta_distribution
from hf_genomics.evaluation.results import (
    command_line,
    package_versions,
    source_commit,
    write_results,
)
from hf_genomics.training.user_errors import user_errors_in_one_line

RATES = (3e-3, 1e-2, 3e-2)
SEEDS = (1, 2, 3)
CALIBRATION_POINTS = 300
CALIBRATION_SEEDS = (1, 2)
DRAWN_RATE = 3e-3


@dataclass(frozen=True)
class Run:
    """One network on one data set at one learning rate."""

    condition: str
    model: str
    seed: int
    learning_rate: float

    def file(self, root: Path) -> Path:
        name = f"{self.model}-{self.seed}-{self.learning_rate:g}.json"
        return root / self.condition.replace(", ", "_").replace(" ", "-") / name


def main() -> None:
    args = parse_arguments(sys.argv[1:])
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    with user_errors_in_one_line("simulator_study.py"):
        STAGES[args.stage](args)


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--output_dir", type=Path, default=Path("runs/simulator"))
    parser.add_argument("--report", type=Path, default=Path("docs/results/geometry"))
    parser.add_argument("--conditions", nargs="+", choices=GRID, default=list(GRID), metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--rates", nargs="+", type=float, default=list(RATES))
    parser.add_argument("--minutes", type=float, help="start no further run after this time")
    parser.add_argument("--points", type=int, default=CALIBRATION_POINTS, help="of a calibration")
    parser.add_argument(
        "--sizes", nargs="*", default=[], metavar="NAME=VALUE", help="fields of Sizes, for a trial"
    )
    return parser.parse_args(argv)


def sizes_of(args: argparse.Namespace) -> Sizes:
    """The sizes of the study with those that were given.

    Raises:
        ValueError: there is no such size, or it is not a whole number.
    """
    given = dict(text.partition("=")[::2] for text in args.sizes)
    known = {field.name for field in dataclasses.fields(Sizes)}
    for name, value in given.items():
        if name not in known or not value.isdigit():
            raise ValueError(
                f"--sizes has {name}={value}; give whole numbers for: {', '.join(sorted(known))}."
            )
    return Sizes(**{name: int(value) for name, value in given.items()})


def runs_stage(args: argparse.Namespace) -> None:
    """Makes every run that is not there."""
    started, origin = time.monotonic(), provenance()  # of the code that runs, so asked for first
    sizes, root = sizes_of(args), args.output_dir
    for condition, seed, model, rate in product(args.conditions, args.seeds, MODELS, args.rates):
        if args.minutes is not None and time.monotonic() - started > 60 * args.minutes:
            print("the time is over; repeat the command to go on")
            return
        run = Run(condition, model, seed, rate)
        made = make(run, sizes, root, origin)
        print(*dataclasses.astuple(run), round(made["validation_mcc"], 3), flush=True)


def make(run: Run, sizes: Sizes, root: Path, origin: dict[str, Any]) -> dict[str, Any]:
    """The results of a run, read if they are there.

    Raises:
        ValueError: those that are there are of other settings.
    """
    file = run.file(root)
    settings = {"condition": GRID[run.condition], "sizes": dataclasses.asdict(sizes)}
    if file.exists():
        made = read(file)
        if made["settings"] != settings:
            raise ValueError(
                f"{file} was made with other sizes or another condition of that name; choose "
                "another --output_dir."
            )
        return made
    found = one_run(
        GRID[run.condition], run.model, sizes, learning_rate=run.learning_rate, seed=run.seed
    )
    made = {**dataclasses.asdict(run), **found, "origin": origin, "settings": settings}
    file.parent.mkdir(parents=True, exist_ok=True)
    write_results(file, made)
    return made


def read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def report_stage(args: argparse.Namespace) -> None:
    """Writes `simulator.json`: what every run came to, and the intervals.

    Raises:
        ValueError: there are no runs, or not yet all of any data set.
    """
    runs = [read(file) for file in sorted(args.output_dir.glob("*/*.json"))]
    if not runs:
        raise ValueError(f"{args.output_dir} has no runs; make them first: simulator_study.py runs")
    document = {
        **provenance(),
        "origins": origins(runs),
        "sizes": runs[0]["settings"]["sizes"],
        "conditions": {run["condition"]: run["settings"]["condition"] for run in runs},
        **summary(runs, list(MODELS)),
    }
    args.report.mkdir(parents=True, exist_ok=True)
    write_results(args.report / "simulator.json", document)


def origins(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where runs were made, each once, with how many and the seconds of their training."""
    found: dict[str, dict[str, Any]] = {}
    for run in runs:
        key = json.dumps(run["origin"], sort_keys=True)
        of = found.setdefault(key, {**run["origin"], "runs": 0, "train_seconds": 0.0})
        of["runs"] += 1
        of["train_seconds"] += run["train_seconds"]
    return [found[key] for key in sorted(found)]


def calibration_stage(args: argparse.Namespace) -> None:
    """Writes `calibration.json`: delta of spaces that are known, and the seconds it takes."""
    rows = []
    for (space, distances), seed in product(CALIBRATION.items(), CALIBRATION_SEEDS):
        d = distances(args.points, seed)
        start, cpu_start = time.perf_counter(), time.process_time()
        found = delta_distribution(d).summary()
        # Both clocks: on a machine that other work shares the wall's says little of the method.
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
        rows.append({"space": space, "seed": seed, **found, "seconds": seconds, "cpu_seconds": cpu})
        print(space, seed, round(found["mean"], 4), flush=True)
    args.report.mkdir(parents=True, exist_ok=True)
    write_results(args.report / "calibration.json", {**provenance(), "rows": rows})


def figure_stage(args: argparse.Namespace) -> None:
    """Draws `poincare.png`, the embeddings of test rows by a network with points of a plane."""
    from hf_genomics.evaluation.poincare_figure import disk_panels

    sizes = dataclasses.replace(sizes_of(args), embedding=2)
    panels, facts = drawn_embeddings(DRAWN, sizes, learning_rate=DRAWN_RATE, seed=SEEDS[0])
    args.report.mkdir(parents=True, exist_ok=True)
    figure = disk_panels(panels)
    figure.savefig(args.report / "poincare.png", dpi=110, metadata={"Software": None})
    settings = {"conditions": DRAWN, "sizes": dataclasses.asdict(sizes)}
    write_results(args.report / "poincare.json", {**provenance(), **settings, "panels": facts})


def provenance() -> dict[str, Any]:
    return {
        "command": command_line(),
        "commit": source_commit(),
        "versions": package_versions(),
        "hardware": f"{processor()}, 1 thread",
    }


def processor() -> str:
    """The processor's name as Linux has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"


STAGES = {
    "runs": runs_stage,
    "calibration": calibration_stage,
    "figure": figure_stage,
    "report": report_stage,
}


if __name__ == "__main__":
    main()
