"""The bench of lengths and batches, at sizes that take no time."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHES = Path(__file__).resolve().parents[2] / "benches"
BENCH = BENCHES / "bench_scaling.py"
# Python 3.12 warns of forks beside threads, of which these processes use none.
forking = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


@pytest.fixture(scope="module")
def bench():
    sys.path.insert(0, str(BENCHES))
    try:
        spec = importlib.util.spec_from_file_location("bench_scaling", BENCH)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(BENCHES))
    return module


@pytest.mark.parametrize(
    ("times", "cost"),
    [([3, 6, 12], 2), ([3, 12, 48], 4), ([3, 3, 3], 1)],
    ids=["linear", "quadratic", "constant"],
)
def test_cost_of_doubling_is_that_of_the_power_law(bench, times, cost):
    assert bench.cost_of_doubling([500, 1000, 2000], times) == pytest.approx(cost)


def test_one_size_has_no_cost_of_doubling(bench):
    assert bench.cost_of_doubling([500], [3.0]) is None


@forking
def test_peak_memory_is_that_of_the_call(bench):
    mebibytes = bench.peak_mebibytes(lambda size: lambda: b"x" * (size * 2**20), 48, 1)
    assert mebibytes == pytest.approx(48, rel=0.1)


def test_short_calls_are_repeated(bench):
    calls = []
    run, count = bench.repeated(lambda: calls.append(sum(range(1000))))
    assert count > 10
    calls.clear()
    run()
    assert len(calls) == count


@forking
def test_a_failed_measurement_of_memory_says_its_size(bench, capfd):
    with pytest.raises(RuntimeError, match="at size 7 failed"):
        bench.peak_mebibytes(lambda size: None, 7, 1)
    assert "TypeError" in capfd.readouterr().err


def test_a_part_replaces_its_series_and_says_where_it_was_measured(bench, tmp_path, monkeypatch):
    earlier = {"commit": "0123456789ab", "date": "2026-01-01", "cpu": "old", "threads": 1}
    file = tmp_path / "scaling.json"
    kept = {"method": "median", "series": {"a": {"sizes": [1]}, "b": {"sizes": [2]}}}
    file.write_text(json.dumps({**kept, "run": earlier}))
    monkeypatch.setattr(bench, "RESULTS", tmp_path)
    monkeypatch.setattr(sys.modules["measure"], "RESULTS", tmp_path)

    assert bench.replace_part({"b": {"sizes": [2, 3]}}) == file
    written = json.loads(file.read_text())
    assert (written["run"], written["series"]["a"]) == (earlier, {"sizes": [1]})
    assert written["series"]["b"]["sizes"] == [2, 3]
    assert written["series"]["b"]["run"] == bench.provenance(1) != earlier


def test_all_sizes_of_a_part_are_replaced_or_none(bench, monkeypatch, capsys):
    for options in (["--replace"], ["--replace", "--only", "PhyloGPN", "--sizes", "2"]):
        monkeypatch.setattr(sys, "argv", ["bench_scaling.py", *options])
        with pytest.raises(SystemExit, match="2"):
            bench.main()
        assert "give --only, and no --sizes" in capsys.readouterr().err


@pytest.mark.slow
def test_a_part_is_printed_and_not_written():
    before = sorted((BENCHES / "results").iterdir())
    printed = subprocess.run(
        [sys.executable, BENCH, "--sizes", "2", "--only", "HCNN-S, centroid head: forward"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert sorted((BENCHES / "results").iterdir()) == before
    by_length, by_batch = json.loads(printed)["series"].values()
    assert (by_length["by"], by_length["sizes"]) == ("length", [200, 500])
    assert (by_batch["by"], by_batch["sizes"]) == ("batch", [1, 4])
    for series in (by_length, by_batch):
        ours, sizes = series["ours"], series["sizes"]
        assert len(ours["median_ms"]) == len(ours["peak, MiB"]) == len(sizes)
        assert min(ours["median_ms"]) > 0
        assert ours["times when doubled"] > 0
        assert len(series["ours over"]["Euclidean twin"]) == len(sizes)
    bases = 500 * by_batch["sizes"][0]
    assert by_batch["ours"]["a second"][0] == pytest.approx(
        1000 * bases / by_batch["ours"]["median_ms"][0]
    )
