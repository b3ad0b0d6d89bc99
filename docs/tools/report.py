"""Writes the tables of the results' pages from the measured numbers: `make report`.

    python docs/tools/report.py            write
    python docs/tools/report.py --check    only say whether a table differs from its files

A table stands between `<!-- table: NAME -->` and `<!-- end of table -->`; NAME is one of TABLES, a
function from the root of the repository to the rows. What is around it is written by hand.
"""

from __future__ import annotations

import json
import math
import re
import statistics
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("docs/results/README.md", "docs/results/speed.md")
BLOCK = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)

Rows = list[list[str]]


def read(root: Path, name: str) -> Any:
    """A result by its path in docs/results without `.json`."""
    return json.loads((root / "docs" / "results" / f"{name}.json").read_text("utf-8"))


def bench(root: Path, name: str) -> Any:
    """What a script of benches/ measured."""
    return json.loads((root / "benches" / "results" / f"{name}.json").read_text("utf-8"))


def as_table(rows: Rows) -> str:
    """Markdown; the first row is the head."""
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def numbers(values: Iterable[float], digits: int = 1) -> str:
    """`99.6, 98.7`, or `1,024, 2,048` with 0 digits; `-` for none."""
    return ", ".join(f"{value:,.{digits}f}" for value in values) or "-"


def by_level(measured: dict[str, float], name: str) -> list[float]:
    """The values of `name_0`, `name_1` and so on."""
    return [measured[f"{name}_{level}"] for level in range(2) if f"{name}_{level}" in measured]


def vocabularies(root: Path) -> Rows:
    """Three presets of the quantizer, and one of them after half of its training."""
    shown = {
        "`robust`": "robust",
        "`robust`, half as long": "robust_300_steps",
        "`paper`": "paper",
        "`vq`": "vq",
    }
    measured = {
        **read(root, "vqdna/codebooks")["models"],
        **read(root, "vqdna/codebooks_300_steps")["models"],
    }
    runs = [read(root, f"vqdna/{name}") for name in shown.values()]
    columns = [measured[name] for name in shown.values()]
    return [
        ["", *shown],
        ["steps", *(numbers([run["steps"]], 0) for run in runs)],
        ["codes", *(numbers(by_level(column, "codes"), 0) for column in columns)],
        [
            "active on held-out sequence, %",
            *(numbers(by_level(column, "active")) for column in columns),
        ],
        ["perplexity", *(numbers(by_level(column, "perplexity"), 0) for column in columns)],
        ["nucleotides read back, %", *(numbers([100 * column["accuracy"]]) for column in columns)],
        [
            "with half of the codes hidden",
            *(numbers([100 * column["accuracy_dropped"]]) for column in columns),
        ],
        [
            "bits of the centred 3-mer, coarse (at most 6)",
            *(numbers([column["kmer_3_0"]]) for column in columns),
        ],
        [
            "bits that a code tells of the base to its left, coarse",
            *(numbers([column["leak_1_0"]], 2) for column in columns),
        ],
    ]


VOCABULARIES = {
    "kmer1": "single nucleotides",
    "kmer6": "6-mers side by side",
    "nucleotide": "codes, `mask_mode=nucleotide`",
    "code": "codes, `mask_mode=code`",
}


def language_models(root: Path) -> Rows:
    """One Transformer on several vocabularies: masked nucleotides of held-out windows."""
    rows = [
        ["vocabulary", "trained parameters", "perplexity", "right, %", "nats of a code, by level"],
    ]
    for name, vocabulary in VOCABULARIES.items():
        run = read(root, f"vqdna/language_model_{name}")
        parameters = numbers([run["num_trained_parameters"]], 0)
        for prefix, note in (
            ("held_out", ""),
            ("held_out_nucleotides_hidden", "; nucleotides hidden when tested"),
        ):
            if f"{prefix}_perplexity" in run:
                perplexity = numbers([run[f"{prefix}_perplexity"]], 3)
                right = numbers([100 * run[f"{prefix}_accuracy"]])
                codes = "-" if name == "kmer1" else numbers(by_level(run, f"{prefix}_code_loss"), 2)
                rows.append([vocabulary + note, parameters, perplexity, right, codes])
    return rows


def vocabularies_fine_tuned(root: Path) -> Rows:
    """Test MCC x 100 of the language models fine-tuned on sets of GUE, and of a small CNN there."""
    runs = read(root, "vqdna/gue")["runs"]
    others = [run for run in read(root, "gue")["runs"] if run["recipe"] == "modern"]
    configs = sorted({run["config"] for run in runs})
    rows = [["vocabulary", *configs, "mean", "seeds"]]
    for name, chosen, model in (
        (VOCABULARIES["kmer1"], runs, "kmer1"),
        (VOCABULARIES["kmer6"], runs, "kmer6"),
        (VOCABULARIES["nucleotide"], runs, "vqdna"),
        ("(hyperbolic CNN, HCNN-S, not pretrained)", others, "S"),
    ):
        scores = [
            [
                100 * run["test_matthews_correlation"]
                for run in chosen
                if (run["model"], run["config"]) == (model, config)
            ]
            for config in configs
        ]
        cells = [f"{statistics.mean(of):.1f} ± {statistics.stdev(of):.1f}" for of in scores]
        mean = statistics.mean(map(statistics.mean, scores))
        rows.append([name, *cells, f"{mean:.1f}", str(min(map(len, scores)))])
    return rows


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

    def add(what: str, ours: dict[str, float], other: dict[str, float], name: str) -> None:
        ratio = ours["median_ms"] / other["median_ms"]
        rows.append([what, milliseconds(ours), milliseconds(other), name, f"{ratio:.3g}"])

    for action, array in (("encode", "numpy"), ("decode", "decode")):
        ours, other = tokenizer[f"ours, {array}"], tokenizer[f"generic, {array}"]
        add(f"tokenizer: {action} a million bases", ours, other, "the generic tokenizer's code")
    for length in (200, 1000):
        times = hyperbolic[f"cpu, eager, fp32, L={length}"]
        for name in ("HCNN-S", "HCNN-M"):
            what = f"hyperbolic CNN, {name}: training step, 100 x {length:,} bases"
            add(what, times[name], times["Euclidean"], "its Euclidean twin")
    for length in (200, 1000):
        times = optimizer[f"L={length}"]["wall, 2 threads"]
        what = f"Riemannian AdamW: step of {optimizer[f'L={length}']['weights']:,} weights"
        add(what, times["RiemannianAdamW"], times["fused AdamW"], "PyTorch's fused AdamW")
    for what in ("forward, 481 bases", "forward, 1504 bases", "training step, 1504 bases"):
        times = phylogpn[what]
        add(
            f"PhyloGPN: {what}", times["symmetric basis"], times["official way"], "the official way"
        )
    for what in ("training step, straight_through", "training step, rotation", "evaluation"):
        times = codebook[what]
        peer = "vector-quantize-pytorch"
        add(f"VQDNA codebook: {what.replace('_', ' ')}", times["codebook"], times[peer], peer)
    return rows


def memory(root: Path) -> Rows:
    """Peaks beside a twin, or beside a shorter input."""
    hyperbolic, phylogpn = bench(root, "hyperbolic_cnn"), bench(root, "phylogpn")
    rows = [["what", "MiB", "beside it", ""]]
    for length in (200, 1000):
        saved = hyperbolic[f"cpu, eager, fp32, L={length}"]["saved for backward, MiB"]
        for name in ("HCNN-S", "HCNN-M"):
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
        run = measured["run"]
        cells = [run["commit"], run["date"], run["cpu"], str(run["threads"]), measured["method"]]
        rows.append([file.stem, *cells])
    return rows


TABLES: dict[str, Callable[[Path], Rows]] = {
    "vocabularies": vocabularies,
    "language_models": language_models,
    "vocabularies_fine_tuned": vocabularies_fine_tuned,
    "speed": speed,
    "memory": memory,
    "throughput": throughput,
    "likelihood": likelihood,
    "machines": machines,
}


def rendered(page: str, root: Path) -> str:
    """The text of a page with its tables written anew.

    Raises:
        ValueError: a table has a name that is not among TABLES.
    """

    def block(match: re.Match[str]) -> str:
        start, name, end = match.groups()
        if name not in TABLES:
            raise ValueError(f"there is no table {name!r}; those known: {', '.join(TABLES)}.")
        return start + as_table(TABLES[name](root)) + end

    return BLOCK.sub(block, page)


def main(arguments: list[str]) -> int:
    """Writes, or checks; the number of pages that differ from their files."""
    differing = 0
    for name in PAGES:
        path = ROOT / name
        old = path.read_text("utf-8")
        new = rendered(old, ROOT)
        if new == old:
            continue
        differing += 1
        if "--check" in arguments:
            print(f"{path.name} differs from the measured numbers; write it by: make report")
        else:
            aside = path.with_name(f".{path.name}.partial")
            aside.write_text(new, "utf-8")
            aside.replace(path)
            print(f"{path.name} written")
    return differing if "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
