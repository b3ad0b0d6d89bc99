"""Tables of time and memory, from what the scripts of benches/ measured."""

from __future__ import annotations

import json
import math
import statistics
from itertools import product
from pathlib import Path

import report_scaling
from report_tables import Rows, Table, bench, numbers

LENGTHS = (200, 1000)  # of the sequences of the hyperbolic CNN's steps


def milliseconds(timing: dict[str, float]) -> str:
    """A median, in a unit that keeps it short."""
    value = timing["median_ms"]
    return f"{value / 1000:.2f} s" if value >= 1000 else f"{value:.3g} ms"


def speed(root: Path) -> Rows:
    """Each part beside what one would use otherwise, both timed in turns in one process."""
    tokenizer = bench(root, "tokenizer")["1000 x 1000"]
    phylogpn, codebook = bench(root, "phylogpn"), bench(root, "vqdna_codebook")
    hyperbolic, optimizer = bench(root, "hyperbolic_cnn"), bench(root, "optimizer")
    rows = [["what", "ours", "beside it", "", "ratio"]]

    def add(
        what: str, ours: dict[str, float], other: dict[str, float], name: str, ratio: float
    ) -> None:
        rows.append([what, milliseconds(ours), milliseconds(other), name, f"{ratio:.3g}"])

    for action, array in (("encode", "numpy"), ("decode", "decode")):
        ours, other = tokenizer[f"ours, {array}"], tokenizer[f"generic, {array}"]
        ratio = 1 / tokenizer["generic / ours"][array]
        add(
            f"tokenizer: {action} a million bases",
            ours,
            other,
            "the generic tokenizer's code",
            ratio,
        )
    for preset, length in product(("paper", "residual"), LENGTHS):
        times = hyperbolic[f"{preset}, cpu, eager, fp32, L={length}"]
        for name, ratio in times["time over Euclidean"].items():
            if name != "Euclidean":
                what = f"hyperbolic CNN, {name}: training step, 100 x {length:,} bases"
                add(what, times[name], times["Euclidean"], "its Euclidean twin", ratio)
    for length in (200, 1000):
        times = optimizer[f"L={length}"]["wall, 2 threads"]
        what = f"Riemannian AdamW: step of {optimizer[f'L={length}']['weights']:,} weights"
        ratio = times["over fused AdamW"]["RiemannianAdamW"]
        add(what, times["RiemannianAdamW"], times["fused AdamW"], "PyTorch's fused AdamW", ratio)
    ours, other = "symmetric basis", "official way"
    for what in ("forward, 481 bases", "forward, 1504 bases", "training step, 1504 bases"):
        times = phylogpn[what]
        ratio = 1 / times["times faster than the official way"][ours]
        add(f"PhyloGPN: {what}", times[ours], times[other], "the official way", ratio)
    peer = "vector-quantize-pytorch"
    for what in ("training step, straight_through", "training step, rotation", "evaluation"):
        times = codebook[what]
        ratio = 1 / times[f"times faster than {peer}"]
        what = f"VQDNA codebook: {what.replace('_', ' ')}"
        add(what, times["codebook"], times[peer], peer, ratio)
    return rows


def hyperbolic_steps(preset: str) -> Table:
    """A training step of the hyperbolic CNNs of a preset, their twin and its products alone."""

    def table(root: Path) -> Rows:
        rows = [
            [
                *("length", "network", "ms", "over the twin", "over the products alone"),
                "saved for backward, over the twin",
            ]
        ]
        for length in LENGTHS:
            times = bench(root, "hyperbolic_cnn")[f"{preset}, cpu, eager, fp32, L={length}"]
            ratios = ("time over Euclidean", "time over products alone", "saved over Euclidean")
            for name in times["time over Euclidean"]:
                cells = [f"{times[ratio][name]:.2f}" for ratio in ratios]
                rows.append([f"{length:,}", name, f"{times[name]['median_ms']:,.0f}", *cells])
        return rows

    return table


def memory(root: Path) -> Rows:
    """Peaks beside a twin, or beside a shorter input."""
    hyperbolic, phylogpn = bench(root, "hyperbolic_cnn"), bench(root, "phylogpn")
    rows = [["what", "MiB", "beside it", ""]]
    for preset, length in product(("paper", "residual"), LENGTHS):
        saved = hyperbolic[f"{preset}, cpu, eager, fp32, L={length}"]["saved for backward, MiB"]
        for name in [name for name in saved if name != "Euclidean"]:
            what = f"hyperbolic CNN, {name}: kept for backward, 100 x {length:,} bases"
            twin = numbers([saved["Euclidean"]], 0)
            rows.append([what, numbers([saved[name]], 0), twin, "its Euclidean twin"])
    peak = phylogpn["peak memory, training step, 1504 bases"]
    ours, other = (
        numbers([peak[f"{name}, MiB"]], 0) for name in ("symmetric basis", "official way")
    )
    rows.append(["PhyloGPN: training step, 1,504 bases", ours, other, "the official way"])
    tokenize = bench(root, "vqdna_tokenizer")["tokenize"]
    long, short = (
        numbers([tokenize[f"peak memory of {bases} bases, MiB"]], 0)
        for bases in (1_000_000, 50_000)
    )
    rows.append(["VQDNA: tokenize a million bases", long, short, "50,000 bases"])
    scores = bench(root, "variant_scores")["pipeline"]
    many, few = (
        numbers([scores[f"{count} rows"]["peak_mebibytes"]], 0) for count in (200_000, 25_000)
    )
    rows.append(["scoring 200,000 variants, without the model", many, few, "25,000 variants"])
    return rows


def throughput(root: Path) -> Rows:
    """What passes in a second."""
    tokenizer, simulator = bench(root, "tokenizer"), bench(root, "simulator")
    alignment, vqdna = bench(root, "alignment"), bench(root, "vqdna_tokenizer")
    scores = bench(root, "variant_scores")["pipeline"]["200000 rows"]
    per_second = {
        "tokenizer, bases": 1e6
        * tokenizer["1000 x 1000"]["ours, numpy"]["million_bases_per_second"],
        "simulator of clades, bases": 1e6 * simulator["clade"]["million_bases_per_second"],
        "MAF to columns, 60 species, columns": alignment["build"]["columns_per_second"],
        "windows of an alignment, columns": alignment["windows"]["columns_per_second"],
        "variant scoring around the model, variants": scores["rows_per_second"],
        "VQDNA tokenize, full size, bases": vqdna["tokenize"]["bases per second"],
        "VQDNA quantizer, full size, training, bases": vqdna["training"]["bases per second"],
    }
    rows = [["what", "a second"]]
    return rows + [[what, numbers([value], 0)] for what, value in per_second.items()]


def likelihood(root: Path) -> Rows:
    """Cost of the phylogenetic likelihood and its gradient by the number of leaves."""
    measured = bench(root, "phylogenetic_likelihood")
    leaves = (58, 241, 447)
    of = [measured[f"{count} leaves"] for count in leaves]
    seconds = [1 / tree["sites per second"]["value and gradient"] for tree in of]
    slope = statistics.linear_regression(
        [math.log2(count) for count in leaves], [math.log2(cost) for cost in seconds]
    ).slope
    rows = [["", *(f"{count} leaves" for count in leaves)]]
    for what, name in (("value and gradient", "value and gradient"), ("value", "value")):
        cells = (numbers([tree["sites per second"][name]], 0) for tree in of)
        rows.append([f"sites a second, {what}", *cells])
    autograd = (numbers([tree["time over autograd, per site"]], 2) for tree in of)
    rows.append(["time over that of autograd", *autograd])
    copies = (numbers([tree["peak memory in copies of the partial likelihoods"]], 2) for tree in of)
    rows.append(["peak memory, copies of the partial likelihoods", *copies])
    rows.append(["cost of a site when the leaves double", f"{2**slope:.2f} times", "", ""])
    return rows


def machines(root: Path) -> Rows:
    """Where and when each bench ran."""
    rows = [["bench", "commit", "date", "processor", "threads", "method"]]
    for file in sorted((root / "benches" / "results").glob("*.json")):
        measured = json.loads(file.read_text("utf-8"))
        runs = {file.stem: measured["run"]}
        for name, series in measured.get("series", {}).items():
            if "run" in series:  # measured again since
                runs[f"{file.stem}: {name}"] = series["run"]
        for name, run in runs.items():
            cells = [run[key] for key in ("commit", "date", "cpu")]
            rows.append([name, *cells, str(run["threads"]), measured["method"]])
    return rows


TABLES: dict[str, Table] = {
    "hyperbolic_steps_paper": hyperbolic_steps("paper"),
    "hyperbolic_steps_residual": hyperbolic_steps("residual"),
    "speed": speed,
    "memory": memory,
    "throughput": throughput,
    "likelihood": likelihood,
    **report_scaling.TABLES,
    "machines": machines,
}
