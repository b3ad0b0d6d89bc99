"""BEND's tasks from their BED files and a genome."""

import gzip
import random
from pathlib import Path

import pytest
from datasets import load_dataset

from hf_genomics import load_benchmark
from hf_genomics.benchmarks.bend import SPEC
from hf_genomics.benchmarks.building import build_dataset
from hf_genomics.benchmarks.specs import BuildOptions
from hf_genomics.data.sequence import reverse_complement

BASES = "".join(random.Random(4).choices("ACGT", k=300))
HEADER = "chromosome\tstart\tend\tsplit\tlabel\n"
BED = HEADER + (
    "chr1\t0\t10\ttrain\t0,6\nchr1\t20\t30\tvalid\t3\nchr1\t40\t50\ttest\t\nchr1\t60\t70\ttrain\t1\n"
)


@pytest.fixture
def genome(tmp_path) -> Path:
    path = tmp_path / "genome.fa"
    path.write_text(f">chr1\n{BASES}\n")
    return path


def write(tmp_path: Path, text: str = BED) -> Path:
    folder = tmp_path / "data" / "cpg_methylation"
    folder.mkdir(parents=True)
    (folder / "cpg_methylation.bed").write_text(text)
    return tmp_path / "data"


def test_labels_are_lists_of_zeros_and_ones(tmp_path, genome):
    source = write(tmp_path)
    rows = load_benchmark("bend", "cpg_methylation", source, genomes={"": genome})
    assert list(rows) == ["train", "validation", "test"]
    assert rows["train"]["sequence"] == [BASES[:10], BASES[60:70]]
    assert rows["train"]["label"] == [[1, 0, 0, 0, 0, 0, 1], [0, 1, 0, 0, 0, 0, 0]]
    assert rows["test"]["label"] == [[0] * 7]
    build_dataset("bend", source, tmp_path / "built", options=BuildOptions(genomes={"": genome}))
    loaded = load_dataset(str(tmp_path / "built"), cache_dir=str(tmp_path / "cache"))
    assert list(loaded["train"]) == list(rows["train"])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("chr1\t0\t10\ttrain\t7", "cpg_methylation.bed, row 1: the label is '7'; .* each 0 to 6"),
        ("chr1\t0\t10\tall\t1", "row 1: the split is 'all'"),
        ("chr1\t0\t301\ttrain\t1", "row 1: chr1:0-301 .* which has 300 bases"),
        ("chr9\t0\t10\ttrain\t1", "row 1: .* has no contig 'chr9'"),
        ("chr1\t0\t10\ttrain", "row 1: 4 fields, not 5"),
    ],
    ids=["label", "split", "end", "contig", "fields"],
)
def test_bad_rows_are_named(tmp_path, genome, row, message):
    with pytest.raises(ValueError, match=message):
        load_benchmark("bend", None, write(tmp_path, f"{HEADER}{row}\n"), genomes={"": genome})


def test_two_files_of_a_task_are_refused(tmp_path, genome):
    """The first was read, and nothing was said of the second."""
    source = write(tmp_path)
    packed = source / "cpg_methylation" / "cpg_methylation.bed.gz"
    packed.write_bytes(gzip.compress(f"{HEADER}chr1\t0\t10\ttrain\t3\n".encode()))
    with pytest.raises(ValueError, match=r"methylation.bed, .*methylation.bed.gz; which one is"):
        load_benchmark("bend", "cpg_methylation", source, genomes={"": genome})


def test_table_without_labels_is_refused(tmp_path, genome):
    source = write(tmp_path, "chromosome\tstart\tend\tsplit\nchr1\t0\t9\ttrain\n")
    with pytest.raises(ValueError, match="has no column 'label'; its first line is 'chromosome"):
        load_benchmark("bend", None, source, genomes={"": genome})


def test_place_of_each_row_stands_beside_it(tmp_path, genome):
    rows = load_benchmark("bend", "cpg_methylation", write(tmp_path), genomes={"": genome})
    assert rows["train"]["chrom"] == ["chr1", "chr1"]
    assert (rows["train"]["start"], rows["train"]["end"]) == ([0, 60], [10, 70])


def test_rows_of_the_minus_strand_are_turned_round(tmp_path, genome):
    text = "chromosome\tstart\tend\tsplit\tlabel\tstrand\n" + "".join(
        f"chr1\t20\t30\ttrain\t3\t{strand}\n" for strand in "+-."
    )
    rows = load_benchmark("bend", None, write(tmp_path, text), genomes={"": genome})["train"]
    piece = BASES[20:30]
    assert rows["sequence"] == [piece, reverse_complement(piece), piece]
    write(tmp_path / "odd", text.replace("\t-\n", "\t*\n"))
    with pytest.raises(ValueError, match=r"row 2: the strand is '\*'"):
        load_benchmark("bend", None, tmp_path / "odd" / "data", genomes={"": genome})


def test_tasks_have_the_labels_of_the_published_ones():
    assert {task.name: len(task.label_names) for task in SPEC.tasks} == {
        "chromatin_accessibility": 125,
        "histone_modification": 18,
        "cpg_methylation": 7,
    }
