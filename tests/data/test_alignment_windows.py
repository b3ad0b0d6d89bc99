"""Windows and splits of an alignment data set."""

import numpy as np
import pytest
import torch
from datasets import Dataset, IterableDataset

from hf_genomics.data.alignment_windows import (
    AlignmentWindows,
    Interval,
    cut_row,
    parse_interval,
    row_lengths,
    split_by_region,
)
from hf_genomics.data.alignment_writing import alignment_features

LEAVES = 3


def region(name: str, start: int, length: int, left: str = "", right: str = "") -> dict:
    """A row whose leaf states tell the position."""
    positions = np.arange(start, start + length)
    return {
        "name": name,
        "start": start,
        "sequence": "".join("ACGT"[p % 4] for p in positions),
        "left_flank": left,
        "right_flank": right,
        "leaf_states": np.stack([positions % 4, positions % 5, positions // 5 % 5], 1).astype(
            np.int8
        ),
    }


def dataset_of(*rows: dict) -> Dataset:
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    return Dataset.from_dict(columns, features=alignment_features(LEAVES)).with_format("numpy")


ROWS = [region("a", 100, 25, left="TTT"), region("b", 0, 8), region("a", 130, 5, right="CC")]
DATA = dataset_of(*ROWS)


def columns_of(rows) -> dict[tuple[str, int], tuple[int, ...]]:
    found = {}
    for row in rows:
        for offset, states in enumerate(np.asarray(row["leaf_states"]).tolist()):
            place = str(row["name"]), int(row["start"]) + offset
            assert place not in found
            found[place] = tuple(states)
    return found


def test_cut_row_turns_what_is_cut_off_into_context():
    row = cut_row(ROWS[0], 4, 9, flank=6)
    assert row["start"] == 104
    assert (row["left_flank"], row["sequence"], row["right_flank"]) == ("TTACGT", "ACGTA", "CGTACG")
    assert np.array_equal(row["leaf_states"], ROWS[0]["leaf_states"][4:9])


@pytest.mark.parametrize("as_type", [list, tuple, np.asarray, torch.as_tensor])
def test_what_is_one_value_per_base_is_cut_with_the_bases(as_type):
    others = {"other": as_type(range(24)), "weight": 2.0, "label": "x" * 25, "none": None}
    row = ROWS[0] | others | {"weights": as_type(range(25)), "bases": as_type([[0, 1]] * 25)}
    cut = cut_row(row, 4, 9, flank=6)
    assert [int(weight) for weight in cut["weights"]] == [4, 5, 6, 7, 8]
    assert len(cut["bases"]) == 5
    assert {name: cut[name] for name in others} == others


@pytest.mark.parametrize("streamed", [False, True])
def test_splits_cut_what_is_one_value_per_base(streamed):
    positions = [list(range(row["start"], row["start"] + len(row["sequence"]))) for row in ROWS]
    data = DATA.add_column("position", positions)
    data = data.to_iterable_dataset() if streamed else data
    splits = split_by_region(data, validation=["a:110-112"], names=["a", "b"])
    for row in (*splits["train"], *splits["validation"]):
        start = int(row["start"])
        assert list(row["position"]) == list(range(start, start + len(row["sequence"])))


def test_windows_tile_every_row():
    windows = AlignmentWindows(DATA, 10, flank=2)
    assert len(windows) == 3 + 1 + 1
    assert [len(window["sequence"]) for window in windows] == [10, 10, 5, 8, 5]
    assert columns_of(windows) == columns_of(ROWS)
    assert windows[0]["left_flank"] == "TT"
    assert windows[-1]["right_flank"] == "CC"
    assert windows[1]["leaf_states"].dtype == np.int8


def test_windows_with_a_stride_overlap_and_end_with_the_row():
    windows = AlignmentWindows(DATA, 10, flank=0, stride=5)
    assert [(w["start"], len(w["sequence"])) for w in windows] == [
        (100, 10),
        (105, 10),
        (110, 10),
        (115, 10),
        (0, 8),
        (130, 5),
    ]


def test_windows_follow_selected_and_reordered_rows():
    windows = AlignmentWindows(DATA.select([2, 0]), 100, flank=0)
    assert [window["start"] for window in windows] == [130, 100]


def test_windows_are_fetched_in_batches():
    windows = AlignmentWindows(DATA, 10, flank=2)
    assert [row["start"] for row in windows.__getitems__([4, 0])] == [130, 100]


@pytest.mark.parametrize("index", [5, -6])
def test_window_that_is_not_there_is_an_index_error(index):
    with pytest.raises(IndexError, match=f"window {index} of 5"):
        AlignmentWindows(DATA, 10, flank=2)[index]


@pytest.mark.parametrize(("window", "flank", "stride"), [(0, 0, None), (5, -1, None), (5, 0, 6)])
def test_windows_out_of_range_are_errors(window, flank, stride):
    with pytest.raises(ValueError, match=f"window is {window}, flank {flank}"):
        AlignmentWindows(DATA, window, flank=flank, stride=stride)


def test_row_lengths_are_those_of_the_rows():
    assert row_lengths(DATA).tolist() == [25, 8, 5]
    assert row_lengths(DATA.select([])).tolist() == []


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("chr1", Interval("chr1")),
        ("chr1:5-9", Interval("chr1", 5, 9)),
        ("chr1:1,000-2_000", Interval("chr1", 1000, 2000)),
        ("HLA:A:5-9", Interval("HLA:A", 5, 9)),
    ],
)
def test_intervals_are_read(text, interval):
    assert parse_interval(text) == interval


def test_name_that_looks_like_an_interval_is_a_name():
    assert parse_interval("chr1:5-9", {"chr1:5-9"}) == Interval("chr1:5-9")


def test_empty_interval_is_an_error():
    with pytest.raises(ValueError, match="'a:9-9' is empty"):
        parse_interval("a:9-9")


def test_names_are_held_out_whole():
    splits = split_by_region(DATA, validation=["b"], test=["a"])
    assert {split: list(rows["start"]) for split, rows in splits.items()} == {
        "train": [],
        "validation": [0],
        "test": [100, 130],
    }


@pytest.mark.parametrize("streamed", [False, True])
def test_rows_are_cut_at_the_borders_and_nothing_is_lost(streamed):
    data = DATA.to_iterable_dataset() if streamed else DATA
    splits = split_by_region(
        data, validation=["a:95-105", "a:110-112"], test=["a:112-131"], flank=4, names=["a", "b"]
    )
    assert isinstance(splits["train"], IterableDataset if streamed else Dataset)
    parts = {split: columns_of(rows) for split, rows in splits.items()}
    assert {split: len(part) for split, part in parts.items()} == {
        "train": 5 + 8 + 4,
        "validation": 5 + 2,
        "test": 13 + 1,
    }
    assert parts["train"] | parts["validation"] | parts["test"] == columns_of(ROWS)
    (row,) = [row for row in splits["validation"] if int(row["start"]) == 110]
    assert (row["left_flank"], row["sequence"], row["right_flank"]) == ("GTAC", "GT", "ACGT")


@pytest.mark.parametrize("streamed", [False, True])
def test_rows_without_a_border_keep_all_their_context(streamed):
    data = DATA.to_iterable_dataset() if streamed else DATA
    train = split_by_region(data, test=["a:130-134"], flank=1, names=["a", "b"])["train"]
    flanks = {(row["name"], int(row["start"])): row["left_flank"] for row in train}
    assert flanks["a", 100] == DATA[0]["left_flank"]
    assert len(flanks["a", 134]) == 1  # of the row that was cut


def test_split_rows_keep_their_format_and_make_windows():
    splits = split_by_region(DATA, test=["a:104-108"])
    assert splits["test"].format["type"] == "numpy"
    assert splits["test"].features == DATA.features
    assert len(AlignmentWindows(splits["train"], 4, flank=2)) == 1 + 5 + 2 + 2


def test_nothing_held_out_is_all_training():
    splits = split_by_region(DATA)
    assert list(splits) == ["train"]
    assert len(splits["train"]) == 3


@pytest.mark.parametrize("names", [None, ["a", "b"]])
def test_unknown_name_lists_the_known_ones(names):
    data = DATA if names is None else DATA.to_iterable_dataset()
    with pytest.raises(ValueError, match="has no 'c'; its names are a, b"):
        split_by_region(data, test=["c", "a"], names=names)


def test_interval_without_rows_is_an_error():
    with pytest.raises(ValueError, match="No row of the data set meets a:125-130"):
        split_by_region(DATA, test=["a:125-130"])


@pytest.mark.parametrize("other", ["a", "a:90-101", "a:104-106"])
def test_overlapping_intervals_are_an_error(other):
    with pytest.raises(ValueError, match="are held out but overlap"):
        split_by_region(DATA, validation=["a:100-105"], test=[other])
