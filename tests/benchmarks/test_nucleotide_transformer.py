"""The Nucleotide Transformer's tasks from mixed tables, folders of tables, and FASTA."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hf_genomics import load_benchmark
from hf_genomics.benchmarks.building import build_dataset
from hf_genomics.benchmarks.nucleotide_transformer import SPEC

MIXED = "sequence,name,label,task\n" + "".join(
    f"{'ACGT'[row % 4] * (row + 1)},chr{row}:1-9|{row % 2},{row % 2},{task}\n"
    for row in range(20)
    for task in ("promoter_tata", "H3K27ac")
)


def load(source: Path, config: str | None = None, **options):
    return load_benchmark("nucleotide_transformer", config, source, **options)


def test_18_tasks_are_known():
    assert len(SPEC.tasks) == 18
    assert SPEC.task("enhancers_types").label_names == ("0", "1", "2")


def test_rows_of_a_task_are_taken_from_a_mixed_table(tmp_path):
    (tmp_path / "rows.csv").write_text(MIXED)
    rows = load(tmp_path / "rows.csv", "H3K27ac")
    assert {split: len(part) for split, part in rows.items()} == {"train": 18, "validation": 2}
    assert sorted(len(s) for part in rows.values() for s in part["sequence"]) == list(range(1, 21))
    assert all(name.startswith("chr") for name in rows["train"]["name"])


def test_mixed_tables_named_by_split_keep_their_splits(tmp_path):
    for split in ("train", "test"):
        (tmp_path / f"{split}.csv").write_text(MIXED)
    rows = load(tmp_path, "promoter_tata")
    assert {split: len(part) for split, part in rows.items()} == {
        "train": 18,
        "validation": 2,
        "test": 20,
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("{}.csv", "sequence,label\nACGT,0\nCCGT,0\nGGGT,1\nTTTT,1\n"),
        ("{}.fna", ">chr1:1|0\nACGT\n>chr1:2|0\nCCGT\n>chr1:3|1\nGGGT\n>chr1:4|1\nTT\nTT\n"),
    ],
    ids=["table", "FASTA"],
)
def test_folder_of_a_task_holds_tables_or_fasta(tmp_path, name, text):
    (tmp_path / "enhancers").mkdir()
    for split in ("train", "test"):
        (tmp_path / "enhancers" / name.format(split)).write_text(text)
    rows = load(tmp_path)
    assert rows["test"]["sequence"] == ["ACGT", "CCGT", "GGGT", "TTTT"]
    assert rows["test"]["label"] == [0, 0, 1, 1]
    assert len(rows["train"]) == len(rows["validation"]) == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ACGT,n,2,H3K27ac", r"rows.csv, row 41: the label is '2'; H3K27ac has the labels 0 to 1"),
        ("AC-T,n,1,H3K27ac", r"rows.csv, row 41: the sequence has '-' at position 2"),
        ("ACGT,n,1", "Line 42 of .*rows.csv has 3 fields"),
    ],
    ids=["label", "letter", "fields"],
)
def test_bad_rows_are_named_by_their_place_in_the_whole_table(tmp_path, line, message):
    (tmp_path / "rows.csv").write_text(MIXED + line + "\n")
    with pytest.raises(ValueError, match=message):
        build_dataset("nucleotide_transformer", tmp_path / "rows.csv", tmp_path / "built")
    assert not (tmp_path / "built").exists()


FASTA = ">chr1:1|0\nACGT\n>chr1:2|0\nCCGT\n>chr1:3|1\nGGGT\n>chr1:4|1\nTTTT\n"


@pytest.mark.parametrize("name", ["test.fna", "test.fa", "test.fasta", "test.fna.gz", "test.FA"])
def test_index_beside_a_fasta_is_not_read_for_it(tmp_path, name):
    """What samtools faidx writes, and what an editor keeps, were taken for the split."""
    (tmp_path / "enhancers").mkdir()
    content = gzip.compress(FASTA.encode()) if name.endswith(".gz") else FASTA.encode()
    (tmp_path / "enhancers" / name).write_bytes(content)
    for more in (".fai", ".gzi", ".bak", "~"):
        (tmp_path / "enhancers" / f"{name}{more}").write_text("chr1:1|0\t4\t10\t4\t5\n")
    assert load(tmp_path)["test"]["label"] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    "names", [("train.fna", "train.fna.gz"), ("train.fa", "train.fasta"), ("dev.fa", "valid.fa")]
)
def test_two_fasta_files_of_a_split_are_refused(tmp_path, names):
    """The second was read, and nothing was said of the first."""
    (tmp_path / "enhancers").mkdir()
    for name in names:
        (tmp_path / "enhancers" / name).write_text(FASTA)
    files = rf"'(train|validation)' of enhancers has the files .*{names[0]} and .*{names[1]}; which"
    with pytest.raises(ValueError, match=files):
        load(tmp_path)


def test_fasta_without_a_label_is_refused(tmp_path):
    (tmp_path / "enhancers").mkdir()
    (tmp_path / "enhancers" / "test.fna").write_text(">chr1:1\nACGT\n")
    with pytest.raises(ValueError, match="record 'chr1:1': the label is to stand behind a '|'"):
        load(tmp_path)


@pytest.mark.real_data
def test_sample_holds_all_18_tasks(real_data_folder, tmp_path):
    source = real_data_folder / "nucleotide_transformer_sample"
    built = build_dataset("nucleotide_transformer", source / "sample1500.csv.gz", tmp_path / "b")
    assert list(built["configurations"]) == SPEC.config_names
    rows = sum(
        sum(labels.values())
        for record in built["configurations"].values()
        for labels in record["rows"].values()
    )
    assert rows == 1500


def test_a_validation_split_of_the_source_is_kept(tmp_path):
    (tmp_path / "enhancers").mkdir()
    for split, base in (("train", "A"), ("validation", "C"), ("test", "G")):
        lines = [f"{base * (row + 1)},{row % 2}\n" for row in range(20)]
        (tmp_path / "enhancers" / f"{split}.csv").write_text("sequence,label\n" + "".join(lines))
    rows = load(tmp_path)
    assert rows["validation"]["sequence"] == ["C" * (row + 1) for row in range(20)]
    assert len(rows["train"]) == 20


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_mixed_table_alone_is_of_the_split_it_is_named_by(tmp_path, split):
    (tmp_path / f"{split}.csv").write_text(MIXED)
    rows = load(tmp_path / f"{split}.csv", "H3K27ac")
    assert sum(map(len, rows.values())) == 20
    assert split in rows
    assert ("test" in rows) == (split == "test")


def test_names_are_those_of_the_rows_of_the_task(tmp_path):
    (tmp_path / "test.csv").write_text(
        "sequence,name,label,task\nAAAA,one,0,enhancers\nCCCC,two,1,H3K27ac\nGGGG,,0,H3K27ac\n"
    )
    rows = load(tmp_path / "test.csv", "H3K27ac")["test"]
    assert (rows["sequence"], rows["name"]) == (["CCCC", "GGGG"], ["two", ""])


def test_the_label_of_a_record_stands_behind_the_last_bar(tmp_path):
    (tmp_path / "enhancers").mkdir()
    (tmp_path / "enhancers" / "test.fna").write_text(">chr1:1|A|1\nACGT\n>chr1:2|0\nCCGT\n")
    rows = load(tmp_path)["test"]
    assert (rows["name"], rows["label"]) == (["chr1:1|A", "chr1:2"], [1, 0])


@pytest.mark.parametrize(
    ("config", "bases"),
    [("promoter_tata", 300), ("enhancers", 400), ("splice_sites_donors", 600), ("H3K27ac", 1000)],
)
def test_sequences_of_a_task_have_one_length(config, bases):
    assert SPEC.task(config).lengths == (bases, bases)


def test_fasta_of_one_task_and_tables_of_another_are_both_there(tmp_path):
    for task, name, text in (
        ("enhancers", "{}.fna", ">chr1:1|0\nACGT\n>chr1:2|0\nCCGT\n>a|1\nGGGT\n>b|1\nTT\n"),
        ("H3K27ac", "{}.csv", "sequence,label\nACGT,0\nCCGT,0\nGGGT,1\nTTTT,1\n"),
    ):
        (tmp_path / "nt" / task).mkdir(parents=True)
        for split in ("train", "test"):
            (tmp_path / "nt" / task / name.format(split)).write_text(text)
    built = build_dataset("nucleotide_transformer", tmp_path / "nt", tmp_path / "built")
    assert list(built["configurations"]) == ["enhancers", "H3K27ac"]
    assert len(load(tmp_path / "nt", "H3K27ac")["test"]) == 4


def test_a_part_of_a_table_need_not_have_every_task(tmp_path):
    for part, task in enumerate(("promoter_tata", "H3K27ac")):
        rows = [[f"{'ACGT'[row % 4] * (row + 1)}", row % 2, task] for row in range(10)]
        table = pa.Table.from_pylist(
            [dict(zip(("sequence", "label", "task"), row, strict=True)) for row in rows]
        )
        pq.write_table(table, tmp_path / f"train-0000{part}-of-00002.parquet")
    pq.write_table(table, tmp_path / "test-00000-of-00001.parquet")  # of H3K27ac alone
    whole, part = load(tmp_path, "H3K27ac"), load(tmp_path, "promoter_tata")
    assert {split: len(rows) for split, rows in whole.items()} == {
        "train": 8,
        "validation": 2,
        "test": 10,
    }
    assert {split: len(rows) for split, rows in part.items()} == {"train": 8, "validation": 2}
