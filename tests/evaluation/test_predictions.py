"""Predictions of a split in a file, and packed into a report."""

import base64

import numpy as np
import pyarrow.parquet as pq
import pytest

from hf_genomics.evaluation.predictions import packed, read_classes, unpacked, write_predictions

LOGITS = [[0.5, 0.1, -1.0], [0.0, 2.0, 1.0], [-3.0, -2.0, -1.0]]


def test_two_classes_are_a_bit_a_row():
    classes = packed(np.array([1, 0, 1, 1, 0, 0, 0, 0, 1]), 2)
    assert classes == {
        "rows": 9,
        "classes": 2,
        "base64": base64.b64encode(bytes([0b10110000, 0b10000000])).decode(),
    }


def test_six_thousand_rows_of_two_classes_are_a_thousand_characters():
    assert len(packed(np.zeros(6000, int), 2)["base64"]) == 1000


@pytest.mark.parametrize("classes", [2, 3, 4, 5, 9, 300])
@pytest.mark.parametrize("rows", [0, 1, 7, 8, 1000])
def test_unpacking_is_the_inverse(classes, rows):
    values = np.random.default_rng(rows).integers(0, classes, rows)
    np.testing.assert_array_equal(unpacked(packed(values, classes)), values)


@pytest.mark.parametrize("value", [-1, 3])
def test_a_class_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match="3 classes are numbered from 0 to 2"):
        packed(np.array([0, value]), 3)


def test_bytes_that_are_missing_are_missed():
    classes = packed(np.zeros(20, int), 2)
    with pytest.raises(ValueError, match="3 bytes do not hold 30 rows of 2 classes; 4 would"):
        unpacked({**classes, "rows": 30})


def test_a_file_has_rows_labels_and_logits_and_replaces_the_former(tmp_path):
    path = tmp_path / "test_predictions.parquet"
    path.write_text("of an earlier run")
    write_predictions(path, np.array(LOGITS), np.array([0, 1, 1]))
    table = pq.read_table(path).to_pydict()
    assert table["row"] == [0, 1, 2]
    assert table["label"] == [0, 1, 1]
    np.testing.assert_array_equal(table["logits"], np.array(LOGITS, np.float32))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_the_class_of_the_highest_logit_is_predicted(tmp_path):
    write_predictions(tmp_path / "p.parquet", LOGITS, [0, 1, 1])
    predicted, labels = read_classes(tmp_path / "p.parquet")
    assert unpacked(predicted).tolist() == [0, 1, 2]
    assert unpacked(labels).tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        pytest.param([[0.1], [0.2]], [0.5, 1.5], id="regression"),
        pytest.param([0.1, 0.2], [1, 2], id="regression of whole numbers"),
        pytest.param([[0.1, 1], [0.2, 0]], [[0, 1], [1, 1]], id="several labels"),
        pytest.param([[0.1, 1], [0.2, 0]], None, id="no labels"),
    ],
)
def test_what_has_other_than_one_class_a_row_is_kept_but_not_packed(tmp_path, logits, labels):
    write_predictions(tmp_path / "p.parquet", logits, labels)
    assert read_classes(tmp_path / "p.parquet") is None
    assert len(pq.read_table(tmp_path / "p.parquet")) == 2
