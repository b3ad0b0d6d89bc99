"""A benchmark of `hf-genomics build-dataset` goes to the Hub, and is read there by strangers."""

import pytest
from huggingface_hub import HfApi
from typer.testing import CliRunner

import upload
from hf_genomics.cli import app

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")

READ = """
from datasets import load_dataset
from hf_genomics import load_benchmark
from hf_genomics.benchmarks.building import build_dataset

for streaming in (False, True):
    rows = load_dataset("tester/gue", "prom_core_tata", split="train", streaming=streaming)
    assert [(row["sequence"], row["label"]) for row in rows] == [("ACGT", 1), ("GGTA", 0)]
    assert rows.features["label"].names == ["not_promoter", "promoter"]
copy = load_benchmark("gue", "prom/prom_core_tata", "tester/gue")
assert list(copy) == ["train", "validation", "test"]
assert copy["test"]["sequence"] == ["ACGT", "GGTA"]
built = build_dataset("gue", "hf://datasets/tester/gue", "again")
assert list(built["configurations"]) == ["prom_core_tata", "tf_0"]
"""


def test_benchmark_is_built_pushed_and_read_as_a_copy(hub, run_in, tmp_path):
    for config in ("prom/prom_core_tata", "tf/0"):
        (tmp_path / "GUE" / config).mkdir(parents=True)
        for split in ("train", "dev", "test"):
            table = tmp_path / "GUE" / config / f"{split}.csv"
            table.write_text("sequence,label\nACGT,1\nGGTA,0\n")
    folder = str(tmp_path / "gue")
    command = ["build-dataset", "gue", "--source", str(tmp_path / "GUE"), "--output", folder]
    built = CliRunner().invoke(app, command)
    assert built.exit_code == 0, built.output
    command = ["dataset", folder, "--repo-id", "tester/gue"]
    done = CliRunner().invoke(upload.app, command)
    assert done.exit_code == 0, done.output
    card = hub.repositories["datasets/tester/gue"].files["README.md"].decode()
    assert 'load_dataset("tester/gue", "prom_core_tata")' in card
    assert "nothing to send" in CliRunner().invoke(upload.app, command).output
    run_in(tmp_path, READ, hub.environment)


COPY = b"""---
configs:
- config_name: tf_0
  data_files:
  - split: train
    path: train.csv
---
"""
READ_COPY = """
from hf_genomics import load_benchmark

rows = load_benchmark("gue", "tf_0", "tester/copy")["train"]
assert rows["sequence"] == ["NA", "ACGT"], rows["sequence"]
"""


def test_a_sequence_na_of_a_copy_in_csv_is_no_missing_value(hub, run_in, tmp_path):
    HfApi().create_repo("tester/copy", repo_type="dataset")
    files = {"README.md": COPY, "train.csv": b"sequence,label\nNA,1\nACGT,0\n"}
    hub.repositories["datasets/tester/copy"].commit(files, "by hand")
    run_in(tmp_path, READ_COPY, hub.environment)
