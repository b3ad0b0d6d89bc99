"""The table that ends `make bench`."""

import json

import pytest

from benches.table import table


def test_every_number_of_a_result_is_a_row(tmp_path):
    result = {
        "device": "cpu",
        "hcnn_s": {"ratio": 1.23456, "seconds": [0.5, 0.25]},
        "runs": [{"n": 7}],
    }
    (tmp_path / "model.json").write_text(json.dumps(result))
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table(tmp_path).split("\n")
    ]
    assert rows[2:] == [
        ["model", "device", "cpu"],
        ["model", "hcnn_s.ratio", "1.235"],
        ["model", "hcnn_s.seconds", "0.5 0.25"],
        ["model", "runs[0].n", "7"],
    ]


def test_no_result_says_how_to_get_one(tmp_path):
    with pytest.raises(ValueError, match="make bench"):
        table(tmp_path)
