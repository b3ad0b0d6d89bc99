"""What test runs recorded of the package's reliability, from JUnit files to one dictionary."""

import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any


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


def added(before: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Results with those of some tests run anew; what these did not run stays.

    A run of the same tests as an earlier one takes its place, if it came as far. Bad
    inputs are counted anew only by runs with `--bad-inputs`: any other meets a few by the way.

    Args:
        before: results as they lie in JSON.
        found: what [`collect`] made of the new files.
    """
    came = {_targets(run): sum(run["tests"].values()) for run in found["runs"]}
    counted = any(map(_counts_bad_inputs, found["runs"]))
    kept = [
        run
        for run in before["runs"]
        if came.get(_targets(run), 0) < sum(run["tests"].values())
        and not (counted and _counts_bad_inputs(run))
    ]
    return {
        "runs": sorted([*kept, *found["runs"]], key=lambda run: str(run["command"])),
        "bad_inputs": found["bad_inputs"] if counted else before["bad_inputs"],
        "matrix": before["matrix"] | found["matrix"],
    } | {name: _replaced(before[name], found[name]) for name in ("fuzz", "kills", "soak")}


def _counts_bad_inputs(run: dict[str, Any]) -> bool:
    return "--bad-inputs" in run["command"].split()


def _replaced(before: list[dict[str, Any]], found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows in their old order, new ones of the same test in place of old ones, others behind."""

    def key(row: dict[str, Any]) -> tuple[str, ...]:
        return tuple(str(row.get(name)) for name in ("subject", "work", "recipe", "test"))

    return list(({key(row): row for row in before} | {key(row): row for row in found}).values())


def _targets(run: dict[str, Any]) -> str:
    """The tests that a command names: its paths, and what follows `-k`."""
    words = run["command"].split()
    chosen = words[words.index("-k") :] if "-k" in words else []
    return " ".join([*(word for word in words if word.startswith("tests/")), *chosen])


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
