"""Writes the tables of docs/results/README.md from the JSON files beside it: `make report`.

    python docs/tools/report.py            write
    python docs/tools/report.py --check    only say whether a table differs from its files

A table stands between `<!-- table: NAME -->` and `<!-- end of table -->`; NAME is one of TABLES, a
function from the folder of results to the rows. What is around it is written by hand.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[1] / "results"
PAGES = ("README.md",)
BLOCK = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)

Rows = list[list[str]]


def read(results: Path, name: str) -> Any:
    """A file of results by its path without `.json`."""
    return json.loads((results / f"{name}.json").read_text("utf-8"))


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


def vocabularies(results: Path) -> Rows:
    """Three presets of the quantizer, and one of them after half of its training."""
    shown = {
        "`robust`": "robust",
        "`robust`, half as long": "robust_300_steps",
        "`paper`": "paper",
        "`vq`": "vq",
    }
    measured = {
        **read(results, "vqdna/codebooks")["models"],
        **read(results, "vqdna/codebooks_300_steps")["models"],
    }
    runs = [read(results, f"vqdna/{name}") for name in shown.values()]
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


def language_models(results: Path) -> Rows:
    """One Transformer on several vocabularies: masked nucleotides of held-out windows."""
    rows = [
        ["vocabulary", "trained parameters", "perplexity", "right, %", "nats of a code, by level"],
    ]
    for name, vocabulary in VOCABULARIES.items():
        run = read(results, f"vqdna/language_model_{name}")
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


TABLES: dict[str, Callable[[Path], Rows]] = {
    "vocabularies": vocabularies,
    "language_models": language_models,
}


def rendered(page: str, results: Path) -> str:
    """The text of a page with its tables written anew.

    Raises:
        ValueError: a table has a name that is not among TABLES.
    """

    def block(match: re.Match[str]) -> str:
        start, name, end = match.groups()
        if name not in TABLES:
            raise ValueError(f"there is no table {name!r}; those known: {', '.join(TABLES)}.")
        return start + as_table(TABLES[name](results)) + end

    return BLOCK.sub(block, page)


def main(arguments: list[str]) -> int:
    """Writes, or checks; the number of pages that differ from their files."""
    differing = 0
    for name in PAGES:
        path = RESULTS / name
        old = path.read_text("utf-8")
        new = rendered(old, RESULTS)
        if new == old:
            continue
        differing += 1
        if "--check" in arguments:
            print(f"{path.name} differs from the files beside it; write it by: make report")
        else:
            aside = path.with_name(f".{path.name}.partial")
            aside.write_text(new, "utf-8")
            aside.replace(path)
            print(f"{path.name} written")
    return differing if "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
