"""What builders are told beside the source."""

from pathlib import Path

import pytest

from hf_genomics import load_benchmark
from hf_genomics.benchmarks.specs import BuildOptions


@pytest.fixture
def fasta(tmp_path) -> Path:
    (tmp_path / "genome.fa").write_text(">chr1\nACGT\n")
    return tmp_path / "genome.fa"


def test_one_genome_is_for_all_classes(fasta):
    assert BuildOptions(genomes=str(fasta)).genome("worm") == fasta
    assert BuildOptions(genomes=fasta).genome() == fasta


def test_genome_of_a_class_comes_before_that_of_all(fasta, tmp_path):
    worm = tmp_path / "worm.fa"
    worm.write_text(">I\nACGT\n")
    options = BuildOptions(genomes={"": fasta, "worm": str(worm)})
    assert (options.genome("worm"), options.genome("human")) == (worm, fasta)


def test_one_family_may_be_given_as_text():
    assert BuildOptions(families="LTR").families == ("LTR",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"genomes": "absent.fa"}, "There is no file absent.fa"),
        ({"annotation": "absent.out"}, "There is no file absent.out"),
        ({"window": 0}, "window is 0; give 1 or more"),
        ({"max_length": -1}, "max_length is -1"),
    ],
    ids=["genome", "annotation", "window", "length"],
)
def test_wrong_options_are_said_before_anything_is_read(options, message):
    with pytest.raises(ValueError, match=message):
        BuildOptions(**options)


def test_unknown_option_is_an_error(tmp_path):
    with pytest.raises(TypeError, match="genomme"):
        load_benchmark("gue", "tf_0", tmp_path, genomme="x")
