"""What builders are told beside the source."""

import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hf_genomics import list_benchmarks, load_benchmark
from hf_genomics.benchmarks.building import build_dataset
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
        ({"validation_fraction": 7}, "validation_fraction is 7; give a number between 0 and 1"),
    ],
    ids=["genome", "annotation", "window", "length", "fraction"],
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


def test_a_genome_for_a_class_that_is_not_there_is_refused(fasta):
    benchmark = find_benchmark("genomic_benchmarks").SPEC
    with pytest.raises(ValueError, match=r"has no class 'postive'; did you mean positive"):
        BuildOptions(genomes={"": fasta, "postive": fasta}).require_effect(benchmark)
    BuildOptions(genomes={"": fasta, "positive": fasta}).require_effect(benchmark)


def test_a_built_folder_is_not_read_with_other_options_than_it_was_built_with(tmp_path, fasta):
    table = tmp_path / "variants.csv"
    table.write_text("chrom,pos,ref,alt,label\n1,2,C,A,0\n1,3,G,A,1\n")
    (tmp_path / "other.fa").write_text(">chr1\nACGTACGT\n")
    options = {"genomes": {"": tmp_path / "other.fa"}, "window": 6}
    build_dataset(
        "traitgym",
        table,
        tmp_path / "built",
        configs=["mendelian_traits"],
        options=BuildOptions(**options),
    )
    for same in ({}, options, {"window": 6}):
        rows = load_benchmark("traitgym", None, tmp_path / "built", **same)["test"]
        assert rows["sequence"] == ["NNACGT", "NACGTA"]
    for name, value in (("window", 8), ("seed", 3), ("genomes", {"": fasta})):
        with pytest.raises(ValueError, match=f"built with {name} .* is asked for; leave the opt"):
            load_benchmark("traitgym", None, tmp_path / "built", **{name: value})
    assert len(load_benchmark("traitgym", None, tmp_path / "built", max_length=3)["test"]) == 2


@pytest.mark.parametrize("text", ["[]", "{", '"gue"'])
def test_a_folder_with_another_provenance_file_was_not_built_here(tmp_path, text):
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.csv").write_text("sequence,label\nACGT,0\nCCGT,1\n")
    (tmp_path / "provenance.json").write_text(text)
    assert len(load_benchmark("gue", "tf_0", tmp_path)["train"]) == 2


def test_a_licence_that_a_card_cannot_hold_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"license is 'CC BY 4\.0: see paper'; give it as the Hub"):
        build_dataset("gue", tmp_path, tmp_path / "built", licence="CC BY 4.0: see paper")
    assert not (tmp_path / "built").exists()
