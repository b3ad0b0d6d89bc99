"""What the tables of the report are made from: measured numbers by name, rows, their Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Rows = list[list[str]]  # the first is the head
Table = Callable[[Path], Rows]  # from the root of the repository


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


def short_commit(commit: str) -> str:
    """Seven digits, and the mark of a working tree that had changes."""
    return commit[:7] + commit[40:]


def numbers(values: Iterable[float], digits: int = 1) -> str:
    """`99.6, 98.7`, or `1,024, 2,048` with 0 digits; `-` for none."""
    return ", ".join(f"{value:,.{digits}f}" for value in values) or "-"
