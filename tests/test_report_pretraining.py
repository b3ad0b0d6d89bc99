"""The table of training records, on made-up records."""

import json

import pytest
import report_pretraining


def write(root, name, **measured):
    path = root / "docs" / "results" / "pretraining" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "model_arguments": {"config_overrides": "a=1"},
        "num_parameters": 12345,
        "steps": 4000,
        "train_seconds": 90,
        "seed": 7,
        "commit": "0123456789" * 4 + "+",
    }
    path.write_text(json.dumps(record | measured))


def test_a_record_is_a_row(tmp_path):
    write(tmp_path, "b", held_out_nucleotide_loss=1.23456, held_out_accuracy=0.5)
    write(tmp_path, "a", validation_log_likelihood_per_site=-13.4446, best_step=3000)
    _, first, second = report_pretraining.pretraining(tmp_path)
    assert first == [
        *("[a.json](pretraining/a.json)", "`a=1`", "12,345", "4,000 (3,000)", "2"),
        *("log-likelihood -13.445 a site", "7", "`0123456+`"),
    ]
    assert second[3:6] == ["4,000", "2", "1.235 nats a masked nucleotide"]


def test_a_record_of_another_measure_is_refused(tmp_path):
    write(tmp_path, "a", held_out_surprise=1)
    with pytest.raises(ValueError, match="none of .*held_out_nucleotide_loss.* add its measure"):
        report_pretraining.pretraining(tmp_path)
