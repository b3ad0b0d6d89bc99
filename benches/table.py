"""Print one table of every result that the benches left in benches/results/."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"


def rows(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every number and word of a result, by the path that leads to it: `hcnn_s.ratio`, `1.2`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from rows(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        for index, inner in enumerate(value):
            yield from rows(inner, f"{name}[{index}]")
    elif isinstance(value, list):
        yield name, " ".join(map(_shown, value))
    else:
        yield name, _shown(value)


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def table(folder: Path) -> str:
    """The results of a folder as a Markdown table.

    Raises:
        ValueError: The folder holds no result.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise ValueError(f"{folder} holds no .json file; run a bench first: make bench")
    lines = [
        (file.stem, *row) for file in files for row in rows(json.loads(file.read_text("utf-8")))
    ]
    head = ("bench", "measured", "value")
    widths = [max(len(line[column]) for line in [head, *lines]) for column in range(3)]
    body = [head, tuple("-" * width for width in widths), *lines]
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in body
    )


if __name__ == "__main__":
    try:
        print(table(RESULTS))
    except ValueError as error:
        sys.exit(str(error))
