"""The file of results."""

import json
import math

import pytest

from hf_genomics.evaluation.results import package_versions, write_results


def test_results_are_strict_json(tmp_path):
    path = tmp_path / "all_results.json"
    write_results(path, {"auroc": math.nan, "inner": {"a": [1, math.inf]}, "text": "é"})
    text = path.read_text()
    assert "NaN" not in text
    assert json.loads(text) == {"auroc": None, "inner": {"a": [1, None]}, "text": "é"}


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "all_results.json"
    write_results(path, {"a": 1})
    with pytest.raises(TypeError):
        write_results(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_versions_name_what_a_result_depends_on():
    versions = package_versions()
    assert {"python", "torch", "transformers", "datasets"} <= versions.keys()
