"""Write docs/reliability.md and docs/results/reliability.json from what test runs left behind.

    python docs/tools/report_reliability.py runs/reliability/*.xml    read JUnit files, write both
    python docs/tools/report_reliability.py --add runs/one.xml ...    put these in place of the same
                                                                      tests' earlier runs
    python docs/tools/report_reliability.py                           the page from the JSON again

The files come from `pytest -p tests.reliability.recording --junitxml=...` (`make reliability`).
"""

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reliability_results import added, collect

DOCS = Path(__file__).resolve().parent.parent
RESULTS = DOCS / "results" / "reliability.json"
PAGE = DOCS / "reliability.md"
Row = list[str]


def page(found: dict[str, Any]) -> str:
    """The page, of the results as they lie in JSON."""
    parts = [
        "# Reliability\n\nWhat was tried to break the package, and what came of it. Every number "
        "is of the output of tests\n([reliability.json](results/reliability.json)); "
        "`make reliability` runs them and writes this page.",
        *(_section(title, text, rows) for title, text, rows in _sections(found) if len(rows) > 1),
    ]
    return "\n\n".join(parts) + "\n"


def _sections(found: dict[str, Any]) -> Iterator[tuple[str, str, list[Row]]]:
    inputs = found["bad_inputs"]
    total = sum(sum(kinds.values()) for kinds in inputs.values())
    yield (
        "Bad inputs",
        f"{total:,} inputs that cannot be right, each in a test that also checks what is said of "
        "it, by the function\nor class of the package that was called. `exit 2`: the command says "
        "it in words, without a traceback.",
        [["entry point", "inputs", "outcomes"], *map(_input_row, sorted(inputs.items()))],
    )
    cases: Counter[str] = Counter()
    for entry in found["fuzz"]:
        cases[entry["subject"]] += entry.get("cases", 0)
    of_each = ", ".join(f"{count:,} of {subject}" for subject, count in cases.items())
    yield (
        "Made-up cases",
        f"{cases.total():,} cases made up by Hypothesis: {of_each}.\nEach is checked "
        "against what was written, or against a slow reader of a few lines:\nevery row of a "
        "damaged file comes out as it stands there, or the file is refused by a\n`ValueError` "
        "that names it. Any other exception, a lost row or a hang is a failure.",
        [
            ["subject", "property", "cases", "read", "refused", "outcome", "seconds"],
            *map(_fuzz_row, found["fuzz"]),
        ],
    )
    yield (
        "Killed processes",
        "`kill -9` at random moments. Passed means: nothing that was there is lost, nothing is "
        "done twice, and\nthe work, started again, ends with the bytes of a run that nothing "
        "disturbed.",
        [
            ["work", "test", "processes killed", "outcome", "seconds"],
            *(
                [e["work"], _words(e["test"]), str(e["kills"]), e["outcome"], f"{e['seconds']:g}"]
                for e in found["kills"]
            ),
        ],
    )
    yield (
        "Long training at ten times the learning rate",
        "The hyperbolic network with every learning rate of its recipe multiplied; half of the "
        "labels are noise.\nThe loss of every step, and all parameters, statistics and moments "
        "every 50 steps, are finite.",
        [
            ["recipe", "curvatures", "factor", "steps", "largest loss", "outcome", "seconds"],
            *map(_soak_row, found["soak"]),
        ],
    )
    yield "Families, precisions, devices", _MATRIX, _matrix_rows(found["matrix"])
    yield (
        "Runs",
        "Behind the tables above.",
        [
            ["command", "commit", "passed", "skipped", "failed", "seconds", "versions and machine"],
            *map(_run_row, found["runs"]),
        ],
    )


_MATRIX = (
    "Loaded from safetensors in a precision, saved in it, loaded again: the same bits in the same "
    "types, and on\nthe same input the same outputs, all finite."
)


def _input_row(entry: tuple[str, dict[str, int]]) -> Row:
    name, kinds = entry
    outcomes = ", ".join(f"`{kind}` {count}" for kind, count in sorted(kinds.items()))
    return [f"`{name.removeprefix('hf_genomics.')}`", str(sum(kinds.values())), outcomes]


def _fuzz_row(entry: dict[str, Any]) -> Row:
    counts = [f"{entry[name]:,}" if name in entry else "" for name in ("cases", "read", "refused")]
    return [
        entry["subject"],
        _words(entry["test"]),
        *counts,
        entry["outcome"],
        f"{entry['seconds']:g}",
    ]


def _soak_row(entry: dict[str, Any]) -> Row:
    curvatures = "one a layer" if "many" in entry["test"] else "one"
    numbers = [str(entry["factor"]), f"{entry['steps']:,}", f"{entry['largest_loss']:g}"]
    return [entry["recipe"], curvatures, *numbers, entry["outcome"], f"{entry['seconds']:g}"]


def _run_row(run: dict[str, Any]) -> Row:
    commit = run["commit"] + (" and changes" if run["changed"] == "True" else "")
    counts = [str(run["tests"].get(name, 0)) for name in ("passed", "skipped", "failed")]
    where = f"{run['versions']}; {run['machine']}"
    return [f"`{run['command']}`", commit, *counts, f"{run['seconds']:.0f}", where]


def _matrix_rows(cells: dict[str, str]) -> list[Row]:
    """One row for each model, one column for each precision and device."""
    by_model: dict[str, dict[str, str]] = defaultdict(dict)
    for cell, outcome in cells.items():
        model, column = cell.split(" ", 1)
        by_model[model][column] = outcome
    columns = list(dict.fromkeys(column for row in by_model.values() for column in row))
    rows = [[f"`{model}`", *(row.get(c, "") for c in columns)] for model, row in by_model.items()]
    return [["model", *columns], *rows]


def _section(title: str, text: str, rows: list[Row]) -> str:
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    table = "\n".join("| " + " | ".join(row) + " |" for row in lines)
    return f"## {title}\n\n{text}\n\n{table}"


def _words(test: str) -> str:
    """`test_a_row_is_kept[one]` as `a row is kept (one)`."""
    name, _, case = test.removeprefix("test_").partition("[")
    return name.replace("_", " ") + (f" ({case.removesuffix(']')})" if case else "")


def main(arguments: list[str]) -> None:
    add = "--add" in arguments
    if files := [Path(name) for name in arguments if name != "--add"]:
        found = collect(files)
        if add:
            found = added(json.loads(RESULTS.read_text(encoding="utf-8")), found)
        RESULTS.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    PAGE.write_text(page(json.loads(RESULTS.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ValueError as error:
        sys.exit(str(error))
