"""The tables of time and memory by length and by batch."""

import json

import pytest
import report_speed
from report_scaling import TABLES, large, time

SERIES = {
    "long": ("length", [200, 500, 1000], {}),
    "short": ("length", [200, 500], {"twin": [3.0, 1.5]}),
    "many": ("batch", [1, 4], {}),
}


def line(sizes):
    return {
        "median_ms": [2.0 * size for size in sizes],
        "a second": [500.0] * len(sizes),
        "peak, MiB": [0.25] * len(sizes),
        "times when doubled": 2.0,
        "times when doubled, long end": 2.125,
    }


@pytest.fixture
def root(tmp_path):
    series = {
        name: {"by": by, "sizes": sizes, "ours": line(sizes), "ours over": others}
        | {other: line(sizes) for other in others}
        for name, (by, sizes, others) in SERIES.items()
    }
    folder = tmp_path / "benches" / "results"
    folder.mkdir(parents=True)
    (folder / "scaling.json").write_text(json.dumps({"series": series}))
    return tmp_path


def test_times_have_a_dash_for_what_was_not_measured_and_end_with_both_fits(root):
    head, long, short, twin = TABLES["length_time"](root)
    assert head[1:] == ["200", "500", "1,000", "when the length doubles", "of the four largest"]
    assert long == ["long", "400 ms", "1 s", "2 s", "2.00 times", "2.12 times"]
    assert short == ["short", "400 ms", "1 s", "-", "2.00 times", "2.12 times"]
    assert twin == ["short; twin", *short[1:]]


def test_each_series_is_in_the_table_of_what_it_varies(root):
    assert [row[0] for row in TABLES["batch_memory"](root)] == ["sequences", "many"]
    assert TABLES["batch_memory"](root)[1] == ["many", "0.2", "0.2"]


def test_a_series_that_was_measured_again_says_where(root):
    def run(commit):
        return {"commit": commit, "date": "2026-01-02", "cpu": "a processor", "threads": 1}

    file = root / "benches" / "results" / "scaling.json"
    found = json.loads(file.read_text()) | {"method": "median", "run": run("first")}
    found["series"]["long"]["run"] = run("second")
    file.write_text(json.dumps(found))
    where = ["2026-01-02", "a processor", "1", "median"]
    assert report_speed.machines(root)[1:] == [
        ["scaling", "first", *where],
        ["scaling: long", "second", *where],
    ]


def test_ratios_are_those_that_were_measured(root):
    assert TABLES["length_beside"](root) == [
        ["bases (or as the row says)", "200", "500"],
        ["short; over twin", "3", "1.5"],
    ]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [(time(0.0224), "0.0224 ms"), (time(1640), "1.64 s"), (large(999e6), "999 M")]
    + [(large(12_345), "12.3 k"), (large(528), "528")],
    ids=["short", "long", "millions", "thousands", "few"],
)
def test_numbers_are_short(shown, expected):
    assert shown == expected
