"""Tables of time and memory by length and by batch, from what benches/bench_scaling.py measured."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from report_tables import Rows, Table, bench

SIZES_ARE = {"length": "bases (or as the row says)", "batch": "sequences"}


def series_of(root: Path, by: str) -> dict[str, Any]:
    found = bench(root, "scaling")["series"]
    return {name: series for name, series in found.items() if series["by"] == by}


def lines(series: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each kind of work by its name, that of a twin or peer after ours."""
    for name, one in series.items():
        yield name, one["ours"]
        for other in one["ours over"]:
            yield f"{name}; {other}", one[other]


def sizes_of(series: dict[str, Any]) -> list[int]:
    """All sizes that any of them was measured at; each was measured at the first of them."""
    return max((one["sizes"] for one in series.values()), key=len)


def cells(values: list[float], count: int, shown: Callable[[float], str]) -> list[str]:
    return [*map(shown, values), *["-"] * (count - len(values))]


def time(milliseconds: float) -> str:
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.3g} s"
    return f"{milliseconds:.3g} ms"


def large(value: float) -> str:
    """`1.23 M`, `45.6 k`."""
    for factor, letter in ((1e6, " M"), (1e3, " k")):
        if value >= factor:
            return f"{value / factor:.3g}{letter}"
    return f"{value:.3g}"


def doubling(line: dict[str, Any]) -> list[str]:
    return [f"{line[f'times when doubled{end}']:.2f} times" for end in ("", ", long end")]


def measured(root: Path, by: str, what: str, shown: Callable[[float], str]) -> Rows:
    series = series_of(root, by)
    sizes = sizes_of(series)
    head = [SIZES_ARE[by], *(f"{size:,}" for size in sizes)]
    fitted = what == "median_ms"
    if fitted:
        head += [f"when the {by} doubles", "of the four largest"]
    rows = [head]
    for name, line in lines(series):
        row = [name, *cells(line[what], len(sizes), shown)]
        rows.append(row + doubling(line) if fitted else row)
    return rows


def beside(root: Path, by: str) -> Rows:
    """Our time over that of a twin or peer."""
    series = {name: one for name, one in series_of(root, by).items() if one["ours over"]}
    sizes = sizes_of(series)
    rows = [[SIZES_ARE[by], *(f"{size:,}" for size in sizes)]]
    for name, one in series.items():
        for other, ratios in one["ours over"].items():
            shown = cells(ratios, len(sizes), "{:.3g}".format)
            rows.append([f"{name}; over {other}", *shown])
    return rows


def tables() -> Iterator[tuple[str, Table]]:
    for by in SIZES_ARE:
        for name, what, shown in (
            ("time", "median_ms", time),
            ("speed", "a second", large),
            ("memory", "peak, MiB", "{:,.1f}".format),
        ):
            yield f"{by}_{name}", functools.partial(measured, by=by, what=what, shown=shown)
        yield f"{by}_beside", functools.partial(beside, by=by)


TABLES: dict[str, Table] = dict(tables())
