"""Write docs/reliability.md and docs/results/reliability.json from what test runs left behind.

    python docs/tools/report_reliability.py runs/reliability/*.xml    read JUnit files, write both
    python docs/tools/report_reliability.py                           the page from the JSON again

The files come from `pytest -p tests.reliability.recording --junitxml=...` (`make reliability`).
"""

import json
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent
RESULTS = DOCS / "results" / "reliability.json"
PAGE = DOCS / "reliability.md"
Row = list[str]


def collect(files: Iterable[Path]) -> dict[str, Any]:
    """What the tests of some runs left, by section of the page.

    Raises:
        ValueError: a file is no JUnit file of `tests.reliability.recording`.
    """
    found: dict[str, Any] = {
        "runs": [],
        "bad_inputs": defaultdict(Counter),
        "fuzz": [],
        "kills": [],
        "soak": [],
        "matrix": {},
    }
    for file in sorted(files):
        suite = next(ElementTree.parse(file).iter("testsuite"))
        facts = dict(_properties(suite))
        if "command" not in facts:
            raise ValueError(
                f"{file} has no command; run pytest with -p tests.reliability.recording."
            )
        tests = list(suite.iter("testcase"))
        outcomes = Counter(_outcome(test) for test in tests)
        found["runs"].append(
            facts | {"tests": dict(outcomes), "seconds": float(suite.get("time", 0))}
        )
        for test in tests:
            _add(found, test)
    return found


def _add(found: dict[str, Any], test: ElementTree.Element) -> None:
    """Sorts what one test left into the sections."""
    outcome, seconds = _outcome(test), round(float(test.get("time", 0)), 1)
    properties = _properties(test)
    killed = {
        name.partition(" ")[2]: value for name, value in properties if name.startswith("kills ")
    }
    for name, value in properties:
        kind, _, subject = name.partition(" ")
        facts = {"test": test.get("name"), "outcome": outcome, "seconds": seconds}
        if name.startswith("bad input "):
            found["bad_inputs"][name.removeprefix("bad input ")][value] += 1
        elif kind == "fuzz":
            found["fuzz"].append({"subject": subject} | facts | _numbers(value))
        elif name == "kill test" and outcome != "skipped":
            found["kills"].append({"work": value, "kills": int(killed.get(value, 1))} | facts)
        elif kind == "soak":
            found["soak"].append({"recipe": subject} | facts | _numbers(value))
        elif kind == "matrix":
            found["matrix"][subject] = value if outcome != "failed" else "failed"


def _properties(element: ElementTree.Element) -> list[tuple[str, str]]:
    inner = element.find("properties")
    entries = [] if inner is None else inner.findall("property")
    return [(entry.get("name", ""), entry.get("value", "")) for entry in entries]


def _outcome(test: ElementTree.Element) -> str:
    if test.find("failure") is not None or test.find("error") is not None:
        return "failed"
    return "passed" if test.find("skipped") is None else "skipped"


def _numbers(text: str) -> dict[str, float]:
    """`a=1 b=0.5` as a dictionary."""
    pairs = (part.split("=") for part in text.split())
    return {name: int(value) if value.isdigit() else float(value) for name, value in pairs}


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
    cases = sum(entry.get("cases", 0) for entry in found["fuzz"])
    yield (
        "Made-up cases",
        f"{cases:,} cases made up by Hypothesis. Each is checked against what was written, or "
        "against a slow reader\nof a few lines: every row of a damaged file comes out as it stands "
        "there, or the file is refused by\na `ValueError` that names it. Any other exception, a "
        "lost row or a hang is a failure.",
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
    if arguments:
        found = collect(map(Path, arguments))
        RESULTS.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    PAGE.write_text(page(json.loads(RESULTS.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ValueError as error:
        sys.exit(str(error))
