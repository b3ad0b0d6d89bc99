"""Windows and splits of an alignment data set.

Letters: n bases of a row, S leaves. A row has the columns that `build_alignment` writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import (
    Dataset,
    DatasetDict,
    IterableDataset,
    IterableDatasetDict,
    concatenate_datasets,
)
from numpy.typing import NDArray

Row = dict[str, Any]

_INTERVAL = re.compile(r"(.+):([\d,_]+)-([\d,_]+)")


def cut_row(row: Mapping[str, Any], begin: int, end: int, flank: int) -> Row:
    """Bases `begin` to `end` (counted within the row) as a row with up to `flank` bases of context.

    Lists and arrays that hold as many values as the row has bases, weights say, are cut alike;
    other columns are kept as they are.
    """
    left, sequence, right = row["left_flank"], row["sequence"], row["right_flank"]
    context = left + sequence + right
    offset = len(left)
    per_base = {
        name: values[begin:end]
        for name, values in row.items()
        if _num_values(values) == len(sequence)
    }
    return {
        **row,
        **per_base,
        "start": int(row["start"]) + begin,
        "sequence": sequence[begin:end],
        "left_flank": context[max(offset + begin - flank, 0) : offset + begin],
        "right_flank": context[offset + end : offset + end + flank],
        "leaf_states": row["leaf_states"][begin:end],
    }


def _num_values(values: Any) -> int | None:
    """Length of a list, an array or a tensor; None for a single value, which a text is."""
    if isinstance(values, list | tuple):
        return len(values)
    shape = getattr(values, "shape", ())
    return shape[0] if shape else None


class AlignmentWindows:
    """Rows of an alignment data set cut into windows: a data set of short rows for a `DataLoader`.

    Window number i is always the same window, so that shuffling, worker processes and resumed runs
    need nothing else. With `stride` below `window` the windows overlap, and one pass sees a base in
    several places of a window.

    Args:
        dataset: what `load_dataset(...)` gave, not streamed.
        window: bases of a window; the last one of a row may be shorter.
        flank: bases of context to keep on each side.
        stride: distance from one window's start to the next; `window` by default.

    Raises:
        ValueError: `window`, `flank` or `stride` is out of range.
    """

    def __init__(
        self, dataset: Dataset, window: int, *, flank: int, stride: int | None = None
    ) -> None:
        stride = window if stride is None else stride
        if window < 1 or flank < 0 or not 1 <= stride <= window:
            raise ValueError(
                f"window is {window}, flank {flank}, stride {stride}; window must be 1 or more, "
                "flank 0 or more, stride from 1 to window."
            )
        self.dataset = dataset.with_format("arrow")
        self.window = window
        self.flank = flank
        self.stride = stride
        self.row_lengths = row_lengths(dataset)
        # A row has a window at every stride that still brings a base no earlier window had.
        windows = 1 + np.maximum(-(-(self.row_lengths - window) // stride), 0)
        self._ends = np.cumsum(windows)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, index: int) -> Row:
        if not -len(self) <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        index %= len(self)
        row = int(np.searchsorted(self._ends, index, side="right"))
        begin = (index - (int(self._ends[row - 1]) if row else 0)) * self.stride
        end = min(begin + self.window, int(self.row_lengths[row]))
        return cut_row(_arrow_row(self.dataset[row]), begin, end, self.flank)

    def __getitems__(self, indices: Sequence[int]) -> list[Row]:
        return [self[index] for index in indices]


def row_lengths(dataset: Dataset) -> NDArray[np.int64]:
    """int64 (num_rows,), reference bases of each row."""
    sequences = dataset.select_columns("sequence").with_format("arrow")
    lengths = [
        pc.utf8_length(table.column("sequence")).to_numpy() for table in sequences.iter(1000)
    ]
    return np.concatenate([np.empty(0, np.int64), *lengths]).astype(np.int64)


class Interval(NamedTuple):
    """Bases `start` to `end` of a chromosome or locus, 0-based, half-open; all by default."""

    name: str
    start: int = 0
    end: int = 2**62

    def __str__(self) -> str:
        whole = self == Interval(self.name)
        return self.name if whole else f"{self.name}:{self.start}-{self.end}"


def parse_interval(text: str, names: Iterable[str] = ()) -> Interval:
    """`NAME` or `NAME:START-END` with 0-based, half-open positions; a text in `names` is a name.

    Raises:
        ValueError: The interval is empty.
    """
    found = _INTERVAL.fullmatch(text)
    if found is None or text in names:
        return Interval(text)
    start, end = (int(number.replace(",", "").replace("_", "")) for number in found.group(2, 3))
    if start >= end:
        raise ValueError(f"{text!r} is empty; write NAME:START-END with START below END.")
    return Interval(found.group(1), start, end)


def split_by_region(
    dataset: Dataset | IterableDataset,
    *,
    validation: Sequence[str] = (),
    test: Sequence[str] = (),
    flank: int = 240,
    names: Iterable[str] | None = None,
) -> DatasetDict | IterableDatasetDict:
    """Sets chromosomes, loci or parts of them aside: splits `train`, `validation` and `test`.

    Rows that a border runs through are cut there; what lies beyond the border stays as context.

    Args:
        dataset: rows of `build_alignment`.
        validation: `NAME` or `NAME:START-END` (0-based, half-open), each.
        test: the same.
        flank: most bases of context of a cut row.
        names: all names of the data set, for a streamed one (`sites_of_each_name` of
            `alignment.json`); without it, a streamed one is not checked for unknown names.

    Returns:
        The splits that were asked for and `train`, in the kind of `dataset`.

    Raises:
        ValueError: A name is unknown, an interval meets no row, or two intervals overlap.
    """
    known = None if names is None else set(names)
    table: list[tuple[str, int, int]] = []
    if isinstance(dataset, Dataset):
        ends = np.asarray(dataset["start"]) + row_lengths(dataset)
        table = list(zip(dataset["name"], dataset["start"], ends.tolist(), strict=True))
        known = {name for name, _, _ in table}
    held_out = {
        split: [parse_interval(text, known or ()) for text in texts]
        for split, texts in (("validation", validation), ("test", test))
        if texts
    }
    _check_intervals([i for intervals in held_out.values() for i in intervals], known)
    splits = ["train", *held_out]
    if isinstance(dataset, IterableDataset):
        return IterableDatasetDict(
            {
                split: dataset.map(
                    _RowsOfSplit(split, held_out, flank),
                    batched=True,
                    batch_size=1,
                    features=dataset.features,
                )
                for split in splits
            }
        )
    _check_met([i for intervals in held_out.values() for i in intervals], table)
    whole: dict[str, list[int]] = {split: [] for split in splits}
    parts: dict[str, list[Row]] = {split: [] for split in splits}
    for index, (name, start, end) in enumerate(table):
        pieces = list(_pieces(name, int(start), end, held_out))
        if len(pieces) == 1:
            whole[pieces[0][0]].append(index)
            continue
        row = _arrow_row(dataset.with_format("arrow")[index])
        for split, low, high in pieces:
            parts[split].append(cut_row(row, low - start, high - start, flank))
    return DatasetDict(
        {split: _joined(dataset.select(whole[split]), parts[split]) for split in splits}
    )


class _RowsOfSplit:
    """Maps a batch of one row to its parts that belong to a split."""

    def __init__(self, split: str, held_out: dict[str, list[Interval]], flank: int) -> None:
        self._split, self._held_out, self._flank = split, held_out, flank

    def __call__(self, batch: dict[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
        row = {column: values[0] for column, values in batch.items()}
        start = int(row["start"])
        end = start + len(row["sequence"])
        pieces = list(_pieces(str(row["name"]), start, end, self._held_out))
        if len(pieces) == 1:  # no border runs through: the row stays as it is, with all its context
            return dict(batch) if pieces[0][0] == self._split else {name: [] for name in batch}
        parts = [
            cut_row(row, low - start, high - start, self._flank)
            for split, low, high in pieces
            if split == self._split
        ]
        return {column: [part[column] for part in parts] for column in batch}


def _pieces(
    name: str, start: int, end: int, held_out: Mapping[str, Sequence[Interval]]
) -> Iterator[tuple[str, int, int]]:
    """Split, start and end of each part of a row, in order; `train` is what is left."""
    meeting = sorted(
        (max(interval.start, start), min(interval.end, end), split)
        for split, intervals in held_out.items()
        for interval in intervals
        if interval.name == name and interval.start < end and interval.end > start
    )
    for low, high, split in meeting:
        if start < low:
            yield "train", start, low
        yield split, low, high
        start = high
    if start < end:
        yield "train", start, end


def _check_intervals(intervals: list[Interval], known: set[str] | None) -> None:
    unknown = sorted({i.name for i in intervals} - known) if known is not None else []
    if unknown:
        some = sorted(known or ())
        listed = ", ".join(some[:8]) + (f" and {len(some) - 8} more" if len(some) > 8 else "")
        raise ValueError(
            f"The data set has no {', '.join(map(repr, unknown))}; its names are {listed}."
        )
    ordered = sorted(intervals)
    for one, other in zip(ordered, ordered[1:], strict=False):
        if one.name == other.name and one.end > other.start:
            raise ValueError(f"{one} and {other} are held out but overlap; give each base once.")


def _check_met(intervals: list[Interval], table: list[tuple[str, int, int]]) -> None:
    for interval in intervals:
        if not any(
            name == interval.name and start < interval.end and end > interval.start
            for name, start, end in table
        ):
            raise ValueError(f"No row of the data set meets {interval}; check its positions.")


def _joined(rows: Dataset, parts: list[Row]) -> Dataset:
    if not parts:
        return rows
    columns = {name: [part[name] for part in parts] for name in rows.column_names}
    extra = Dataset.from_dict(columns, features=rows.features).with_format(**rows.format)
    return concatenate_datasets([rows, extra]) if len(rows) else extra


def _arrow_row(table: pa.Table) -> Row:
    """The only row of a table; `leaf_states` as int8 (n, S), without a copy."""
    row = {
        name: table.column(name)[0].as_py() for name in table.column_names if name != "leaf_states"
    }
    array = table.column("leaf_states").chunk(0)
    values = getattr(array, "storage", array).flatten().flatten()
    row["leaf_states"] = values.to_numpy(zero_copy_only=False).reshape(len(row["sequence"]), -1)
    return row
