"""GUE from every layout it is found in, and everything that can be wrong with one."""

import gzip
import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from hf_genomics import list_benchmarks, load_benchmark
from hf_genomics.benchmarks.building import build_dataset
from hf_genomics.benchmarks.gue import SPEC

TRAIN = "sequence,label\nACGTACGT,1\nTTTTACGN,0\nCCCCAAAA,1\n"
DEV = "sequence,label\nACGTACGT,1\nGGGGAAAA,0\n"
TEST = "sequence,label\nGATTACAG,0\nACGTACGT,0\n"


def write_split_files(folder: Path, *, train=TRAIN, dev=DEV, test=TEST, packed=False) -> Path:
    folder.mkdir(parents=True)
    for split, text in (("train", train), ("dev", dev), ("test", test)):
        if text is not None and packed:
            (folder / f"{split}.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
        elif text is not None:
            (folder / f"{split}.csv").write_text(text)
    return folder


@pytest.fixture
def gue(tmp_path) -> Path:
    """A tree in the original layout, with a plain and a packed configuration."""
    write_split_files(tmp_path / "GUE" / "prom" / "prom_core_tata")
    write_split_files(tmp_path / "GUE" / "tf" / "4", packed=True)
    return tmp_path / "GUE"


def test_all_28_configurations_are_known():
    (spec,) = [spec for spec in list_benchmarks() if spec.name == "gue"]
    assert len(spec.tasks) == 28
    assert len(set(spec.config_names)) == 28
    assert all(task.metric and task.path for task in spec.tasks)


@pytest.mark.parametrize("task", SPEC.tasks, ids=lambda task: task.name)
def test_every_configuration_is_read_from_its_folder(task, tmp_path):
    write_split_files(tmp_path / "GUE" / task.path)
    rows = load_benchmark("gue", task.name, tmp_path / "GUE")
    assert rows["train"].features["label"].names == list(task.label_names)
    assert rows["train"]["label"] == [1, 0, 1]


@pytest.mark.parametrize(
    "config", ["prom_core_tata", "prom/prom_core_tata", "GUE/prom/prom_core_tata"]
)
def test_splits_are_train_validation_and_test_in_the_order_of_the_source(gue, config):
    rows = load_benchmark("gue", config, gue)
    assert list(rows) == ["train", "validation", "test"]
    assert rows["train"]["sequence"] == ["ACGTACGT", "TTTTACGN", "CCCCAAAA"]
    assert rows["validation"]["label"] == [1, 0]
    assert rows["train"].features["label"].names == ["not_promoter", "promoter"]


@pytest.mark.parametrize("config", ["tf_4", "tf/4", "human_tf_4"])
def test_packed_files_are_read_under_every_name_of_their_configuration(gue, config):
    assert load_benchmark("gue", config, gue)["test"]["label"] == [0, 0]


def test_folder_of_one_configuration_is_enough_when_it_is_named(gue):
    folder = gue / "tf" / "4"
    assert load_benchmark("gue", "tf_4", folder)["train"].num_rows == 3
    with pytest.raises(ValueError, match="say which configuration"):
        load_benchmark("gue", None, folder)


def test_archive_is_unpacked(gue, tmp_path):
    with zipfile.ZipFile(tmp_path / "GUE.zip", "w") as archive:
        for file in sorted(gue.rglob("*.csv*")):
            archive.write(file, file.relative_to(tmp_path))
    assert load_benchmark("gue", "tf_4", tmp_path / "GUE.zip")["train"].num_rows == 3


def test_copy_of_a_hub_repository_is_read_by_its_readme(tmp_path):
    write_split_files(tmp_path / "copy" / "files")
    splits = "\n".join(
        f"  - split: {split}\n    path: files/{split}.csv" for split in ("train", "dev", "test")
    )
    readme = f"---\nconfigs:\n- config_name: human_tf_0\n  data_files:\n{splits}\n---\n"
    (tmp_path / "copy" / "README.md").write_text(readme)
    rows = load_benchmark("gue", "tf_0", tmp_path / "copy")
    assert {split: len(part) for split, part in rows.items()} == {
        "train": 3,
        "validation": 2,
        "test": 2,
    }


def test_built_folder_is_read_by_datasets_and_by_load_benchmark(gue, tmp_path):
    build_dataset("gue", gue, tmp_path / "built")
    cache = str(tmp_path / "cache")
    expected = load_benchmark("gue", "prom_core_tata", gue)
    folder = str(tmp_path / "built")
    plain = load_dataset(folder, "prom_core_tata", cache_dir=cache)
    streamed = load_dataset(folder, "prom_core_tata", streaming=True, cache_dir=cache)
    again = load_benchmark("gue", "prom_core_tata", tmp_path / "built")
    for split, rows in expected.items():
        assert plain[split].features == rows.features
        assert list(plain[split]) == list(streamed[split]) == list(again[split]) == list(rows)


def test_folder_that_was_built_of_another_benchmark_is_not_taken_for_this(gue, tmp_path):
    build_dataset("gue", gue, tmp_path / "built")
    with pytest.raises(ValueError, match="none of the configurations of nucleotide_transformer"):
        load_benchmark("nucleotide_transformer", "promoter_all", tmp_path / "built")


def test_duplicates_across_splits_are_counted_and_kept(gue, tmp_path):
    built = build_dataset("gue", gue, tmp_path / "built", configs=["prom_core_tata"])
    counts = built["configurations"]["prom_core_tata"]["duplicates"]
    assert counts["validation"] == {"within": 0, "in_train": 1, "in_train_other_label": 0}
    assert counts["test"]["in_train"] == counts["test"]["in_train_other_label"] == 1
    card = (tmp_path / "built" / "README.md").read_text()
    assert "`prom_core_tata`, validation (2 rows): 1 also in train." in card
    assert "test (2 rows): 1 also in train (1 with another label there)" in card


def test_configuration_without_train_is_built_and_said_to_be(tmp_path):
    write_split_files(tmp_path / "GUE" / "EMP" / "H3", train=None)
    build_dataset("gue", tmp_path / "GUE", tmp_path / "built")
    assert list(load_benchmark("gue", "emp_H3", tmp_path / "built")) == ["validation", "test"]
    assert "`emp_H3`: without train" in (tmp_path / "built" / "README.md").read_text()


def test_lower_case_becomes_upper_case(tmp_path):
    write_split_files(tmp_path / "GUE" / "tf" / "0", train="sequence,label\nacgtn,1\n")
    assert load_benchmark("gue", "tf_0", tmp_path / "GUE")["train"]["sequence"] == ["ACGTN"]


WRONG_TABLES = {
    "another column": ("seq,label\nACGT,1\n", r"train.csv has no column 'sequence'; .* seq, label"),
    "no label column": ("sequence,y\nACGT,1\n", r"train.csv has no column 'label'"),
    "letter that is no base": (
        "sequence,label\nACGT,1\nACXT,0\n",
        r"train.csv, row 2: the sequence has 'X' at position 2",
    ),
    "RNA": ("sequence,label\nACGU,1\n", r"train.csv, row 1: the sequence has 'U' at position 3"),
    "empty sequence": ("sequence,label\n,1\n", r"train.csv, row 1: there is no sequence"),
    "label too large": (
        "sequence,label\nACGT,2\n",
        r"train.csv, row 1: the label is '2'; tf_0 has the labels 0 to 1 \(not_bound, bound\)",
    ),
    "negative label": ("sequence,label\nACGT,-1\n", r"train.csv, row 1: the label is '-1'"),
    "fraction": ("sequence,label\nACGT,0.5\n", r"train.csv, row 1: the label is '0.5'"),
    "empty label": ("sequence,label\nACGT,\n", r"train.csv, row 1: the label is ''"),
    "no rows": ("sequence,label\n", r"train.csv has no rows; a split cannot be empty"),
    "field too many": ("sequence,label\nACGT,1,2\n", r"Line 2 of .*train.csv has 3 fields"),
}


@pytest.mark.parametrize("case", WRONG_TABLES)
def test_bad_input_names_file_and_row_and_leaves_nothing_behind(tmp_path, case):
    table, message = WRONG_TABLES[case]
    write_split_files(tmp_path / "GUE" / "tf" / "0", train=table)
    write_split_files(tmp_path / "GUE" / "prom" / "prom_core_tata")
    with pytest.raises(ValueError, match=message):
        build_dataset("gue", tmp_path / "GUE", tmp_path / "built")
    assert [path.name for path in tmp_path.iterdir()] == ["GUE"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("train.csv.gz", r"train.csv and train.csv.gz would both be read"),
        ("training.csv.gz", "Split 'train' has the files .* which one is meant"),
    ],
)
def test_two_files_of_one_split_are_refused(tmp_path, name, message):
    folder = write_split_files(tmp_path / "GUE" / "tf" / "0")
    (folder / name).write_bytes(gzip.compress(TRAIN.encode()))
    with pytest.raises(ValueError, match=message):
        load_benchmark("gue", "tf_0", tmp_path / "GUE")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("prom_core_tatta", "no configuration 'prom_core_tatta'; did you mean prom_core_tata"),
        ("tf_1", "does not hold tf_1; it has prom_core_tata, tf_4"),
        (None, "holds 2 configurations; choose one of prom_core_tata, tf_4"),
    ],
)
def test_configuration_that_is_not_there_is_refused(gue, config, message):
    with pytest.raises(ValueError, match=message):
        load_benchmark("gue", config, gue)


def test_source_of_something_else_is_refused(tmp_path):
    write_split_files(tmp_path / "other" / "things")
    with pytest.raises(ValueError, match="holds things, but none of the configurations of gue"):
        load_benchmark("gue", "tf_0", tmp_path / "other")
    with pytest.raises(ValueError, match="There is no file or folder .* Name the folder GUE"):
        load_benchmark("gue", "tf_0", tmp_path / "nothing")


@pytest.mark.real_data
def test_tf_4_repeats_358_rows_of_train_in_dev(real_data_folder, tmp_path):
    source = real_data_folder / "gue"
    build_dataset("gue", source, tmp_path / "built", configs=["tf_4", "mouse_2", "emp_H3"])
    built = json.loads((tmp_path / "built" / "provenance.json").read_text())["configurations"]
    assert built["tf_4"]["duplicates"]["validation"]["in_train"] == 358
    assert built["tf_4"]["duplicates"]["test"]["in_train"] == 0
    assert built["mouse_2"]["duplicates"]["validation"]["in_train"] == 0
    assert "rows of train, validation, test equal those" in " ".join(built["tf_4"]["notes"])
    assert list(built["emp_H3"]["rows"]) == ["validation", "test"]
    card = (tmp_path / "built" / "README.md").read_text()
    assert (
        "`tf_4`, validation (1,000 rows): 15 repeated within the split, 358 also in train" in card
    )


@pytest.mark.slow
@pytest.mark.real_data
def test_every_set_at_hand_has_the_rows_and_duplicates_of_its_manifest(real_data_folder, tmp_path):
    import csv

    built = build_dataset("gue", real_data_folder / "gue", tmp_path / "built")["configurations"]
    with open(real_data_folder / "gue" / "manifest.csv") as file:
        manifest = list(csv.DictReader(file))
    assert manifest
    for line in manifest:
        record = built[SPEC.task(line["dataset"]).name]
        split = {"dev": "validation"}.get(line["split"], line["split"])
        assert sum(record["rows"][split].values()) == int(line["rows"])
        if line["rows_also_in_train"]:
            assert record["duplicates"][split]["in_train"] == int(line["rows_also_in_train"])


@pytest.mark.parametrize(
    ("config", "bases", "metric"),
    [
        ("emp_H3", 500, "matthews_correlation"),
        ("prom_300_notata", 300, "matthews_correlation"),
        ("prom_core_notata", 70, "matthews_correlation"),
        ("tf_0", 101, "matthews_correlation"),
        ("mouse_0", 101, "matthews_correlation"),
        ("splice_reconstructed", 400, "matthews_correlation"),
        ("virus_covid", 1000, "f1"),
    ],
)
def test_lengths_and_metrics_are_those_of_the_paper(config, bases, metric):
    task = SPEC.task(config)
    assert (task.lengths, task.metric) == ((bases, bases), metric)


def test_parquet_of_a_split_may_be_in_several_files(tmp_path):
    folder = tmp_path / "GUE" / "tf" / "0"
    folder.mkdir(parents=True)
    for number, sequence in enumerate(("ACGT", "CCCC", "GGGG")):
        table = pa.table({"sequence": [sequence], "label": [number % 2]})
        pq.write_table(table, folder / f"train-0000{number}-of-00003.parquet")
    rows = load_benchmark("gue", "tf_0", tmp_path / "GUE")["train"]
    assert (rows["sequence"], rows["label"]) == (["ACGT", "CCCC", "GGGG"], [0, 1, 0])


def test_every_letter_of_iupac_is_kept(tmp_path):
    text = "sequence,label\nACGTRYSWKMBDHVN,1\nacgtryswkmbdhvn,0\n"
    write_split_files(tmp_path / "GUE" / "tf" / "0", train=text)
    rows = load_benchmark("gue", "tf_0", tmp_path / "GUE")["train"]
    assert rows["sequence"] == ["ACGTRYSWKMBDHVN"] * 2
