"""What builders are told beside the source."""

import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hf_genomics import list_benchmarks, load_benchmark
from hf_genomics.benchmarks.registry import find_benchmark
from hf_genomics.benchmarks.specs import BuildOptions
from hf_genomics.cli import app


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


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("gue", {"window": 7}, "window: no option of gue, which has none; leave it out"),
        ("clinvar", {"min_barcodes": 1}, "no option of clinvar, which has genomes, window;"),
        ("bend", {"families": "L1", "max_length": 5}, "max_length, families: no option of bend"),
    ],
)
def test_options_that_a_benchmark_does_not_read_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        BuildOptions(**options).require_effect(find_benchmark(name).SPEC)


def test_the_command_refuses_options_without_effect(tmp_path):
    (tmp_path / "GUE").mkdir()
    command = ["build-dataset", "gue", "--source", str(tmp_path / "GUE"), "--window", "7"]
    result = CliRunner().invoke(app, [*command, "--output", str(tmp_path / "built")])
    assert result.exit_code == 2
    assert "window: no option of gue" in result.output
    assert not (tmp_path / "built").exists()


def test_a_seed_is_refused_by_none():
    for spec in list_benchmarks():
        BuildOptions(seed=5).require_effect(spec)


def test_options_of_a_benchmark_are_those_that_its_module_reads():
    names = [option.name for option in fields(BuildOptions)]
    for spec in list_benchmarks():
        text = inspect.getsource(find_benchmark(spec.name))
        read = [
            n for n in names if re.search(rf"options\.{n.removesuffix('s')}\b|options\.{n}\b", text)
        ]
        assert sorted({*read} - {"seed"}) == sorted(spec.options), spec.name


def test_unknown_option_is_an_error(tmp_path):
    with pytest.raises(TypeError, match="genomme"):
        load_benchmark("gue", "tf_0", tmp_path, genomme="x")
