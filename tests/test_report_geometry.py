"""Tables of the simulator study, of numbers worked by hand."""

import json

import pytest
import report_geometry


def difference(value, low, high, t_low, t_high):
    return {"value": value, "low": low, "high": high, "t_low": t_low, "t_high": t_high, "pairs": 3}


def rate(value, score, chosen):
    return {"rate": value, "validation_mcc": score, "chosen": chosen}


CLEAR = difference(0.1234, 0.1, 0.15, 0.01, 0.2)
UNCLEAR = difference(-0.05, -0.08, -0.01, -0.2, 0.1)  # the bootstrap leaves out 0, Student does not
DELTA = {"mean": 0.08765, "largest": 0.3}
K = {"start": 1.0, "mean": 0.914, "low": 0.9, "high": 0.93}
ORIGIN = {"commit": "0123456789abcdef", "command": "python study.py runs", "hardware": "a machine"}

RUNS = {"command": "python study.py runs --conditions 'one' 'two'"}


@pytest.fixture
def root(tmp_path):
    """A repository with the results of one condition."""
    differences = {"S": CLEAR, "M": UNCLEAR}
    scores = {"S": 0.9, "M": 0.75, "Euclidean": 0.7766}
    embedding = {f"embedding {model}": DELTA for model in scores}
    correlation = {"against": "delta of Hamming distances", "conditions": 5}
    simulator = {
        **ORIGIN,
        "origins": [{**ORIGIN, **RUNS, "runs": 9, "train_seconds": 600.0}],
        "tuning": [
            {"model": model, "rates": [rate(0.01, 0.5, 1), rate(0.03, 0.625, 2)]}
            for model in scores
        ],
        "parameters": [{"num_labels": 2, "S": 15055, "M": 15057, "Euclidean": 15034}],
        "by_condition": [
            {
                "condition": "control, motif",
                "num_labels": [2],
                "seeds": [1, 2, 3],
                "rates": [0.01, 0.03],
                "mcc": scores,
                "difference": differences,
                "delta": {"tree": None, "hamming": DELTA, **embedding},
                "curvature": {"S": [K], "M": [K, K, K]},
            }
        ],
        "by_factor": [{"factor": "family", "level": "control", "difference": differences}],
        "rank_correlations": [
            {"model": "S", **correlation, "value": -0.5, "low": -0.9, "high": 0.1},
            {"model": "M", **correlation, "value": None, "low": None, "high": None},
        ],
    }
    calibration = {
        **ORIGIN,
        "rows": [
            {
                **{"space": "tree", "seed": seed, "num_points": 300, "mean": mean, "largest": 0.0},
                **{"quantile_0.5": 0.001, "quantile_0.99": 0.001},
                **{"seconds": 2.0 + seed, "cpu_seconds": 1.5},
            }
            for seed, mean in ((1, 0.0), (2, 0.001))
        ],
    }
    folder = tmp_path / "docs" / "results" / "geometry"
    folder.mkdir(parents=True)
    files = {"simulator": simulator, "calibration": calibration, "poincare": ORIGIN}
    for name, document in files.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    return tmp_path


def test_a_mark_is_for_students_interval(root):
    _, row = report_geometry.geometry_conditions(root)
    assert row == [
        *("control, motif", "2", "3", "2", "90.0", "75.0", "77.7"),
        *("+12.3 [10.0, 15.0]\\*", "-5.0 [-8.0, -1.0]"),
    ]


def test_a_single_pair_has_no_mark():
    assert report_geometry.difference(difference(0.5, 0.5, 0.5, None, None)) == "+50.0 [50.0, 50.0]"


def test_the_other_tables(root):
    assert report_geometry.geometry_factors(root)[1][:3] == ["family", "control", "3"]
    assert report_geometry.geometry_matching(root)[1:] == [
        ["HCNN-S", "15,055", "50.0, best 1 x", "62.5, best 2 x"],
        ["HCNN-M", "15,057", "50.0, best 1 x", "62.5, best 2 x"],
        ["Euclidean", "15,034", "50.0, best 1 x", "62.5, best 2 x"],
    ]
    assert report_geometry.geometry_delta(root)[1] == ["control, motif", "-", *["0.0877"] * 4]
    assert report_geometry.geometry_correlations(root)[1] == [
        *("delta of Hamming distances", "5", "-0.50 [-0.90, 0.10]", "none: one value only"),
    ]
    assert report_geometry.geometry_calibration(root)[1] == [
        *("tree", "300", "2", "0.0005", "0.0010", "0.0010", "0.0000", "4.0", "1.5"),
    ]
    assert report_geometry.geometry_curvatures(root) == [
        ["condition", "at the start", "HCNN-S", *BLOCKS, "HCNN-M, head"],
        ["control, motif", "1", *["0.91 (0.90 to 0.93)"] * 4],
    ]
    runs, summary, *_ = report_geometry.geometry_runs(root)[1:]
    assert runs == [
        *("9 runs, 10 minutes of training", "0123456", "`python study.py runs ...`", "a machine"),
    ]
    assert summary[:2] == ["summary", "0123456"]


BLOCKS = ("HCNN-M, block 1", "HCNN-M, block 2")


@pytest.mark.parametrize("name", report_geometry.TABLES)
def test_a_table_has_as_many_cells_as_its_head(root, name):
    head, *rows = report_geometry.TABLES[name](root)
    assert rows
    assert {len(row) for row in rows} == {len(head)}
