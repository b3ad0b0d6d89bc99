"""`hf-genomics score-variants`: the options reach the function, and mistakes are one line."""

import inspect

import pandas as pd
import pytest
from typer.testing import CliRunner

from hf_genomics import score_variants
from hf_genomics.cli import app
from hf_genomics.cli import score_variants as command
from tests.evaluation.variant_effects.conftest import write_vcf


@pytest.fixture
def run(model_folder, fasta):
    def invoke(*arguments, model=model_folder):
        given = ["--model", model, "--fasta", fasta, *arguments]
        return CliRunner().invoke(app, ["score-variants", *map(str, given)])

    return invoke


def test_vcf_is_scored_and_the_counts_are_printed(run, snvs, tmp_path):
    source = write_vcf(tmp_path / "in.vcf", [*snvs(20), ("chr9", 5, "A", "C")])
    result = run("--variants", source, "--output", tmp_path / "out.vcf.gz")
    assert result.exit_code == 0, result.output
    assert "21 rows, 21 alleles" in result.stdout
    assert "ok              20" in result.stdout
    assert "contig_missing  1" in result.stdout


def test_columns_and_options_reach_the_scores(run, model_folder, fasta, snvs, tmp_path):
    frame = pd.DataFrame(snvs(9), columns=["seq", "start", "ref", "alt"])
    frame.to_csv(tmp_path / "in.tsv", sep="\t", index=False)
    result = run(
        *("--variants", tmp_path / "in.tsv", "--output", tmp_path / "out.parquet"),
        *("--column", "chrom=seq", "--column", "pos=start", "--prefix", "x_", "--embeddings"),
        *("--rc-average", "--dtype", "float64", "--batch-size", "3", "--window", "41"),
        *("--rows-per-part", "4", "--device", "cpu", "--quiet"),
    )
    assert result.exit_code == 0, result.output
    expected = score_variants(
        str(model_folder),
        fasta,
        frame.astype(str),
        columns={"chrom": "seq", "pos": "start"},
        prefix="x_",
        embeddings=True,
        rc_average=True,
        dtype="float64",
    )
    found = pd.read_parquet(tmp_path / "out.parquet")
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=0, atol=1e-10)


def test_region_is_written_as_a_track(run, tmp_path):
    arguments = ("--region", "chr1:101-120", "--output", tmp_path / "out.bedgraph")
    result = run(*arguments, "--track", "min_llr")
    assert result.exit_code == 0, result.output
    assert len((tmp_path / "out.bedgraph").read_text().splitlines()) == 20
    again = run(*arguments, "--track", "min_llr")
    assert again.exit_code == 2
    assert "Replace it by --overwrite" in again.stderr
    assert run(*arguments, "--track", "max_llr", "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Give either variants or a region"),
        (("--region", "chr7:1-5"), "is on no contig"),
        (("--region", "chr1:1-5", "--column", "pos"), "write it as pos=position"),
        (("--variants", "absent.vcf"), "absent.vcf"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_two(arguments, message, run, tmp_path):
    result = run("--output", tmp_path / "out.tsv", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_model_that_is_not_there_is_one_line(run, tmp_path):
    arguments = ("--region", "chr1:1-5", "--output", tmp_path / "out.tsv")
    result = run(*arguments, model=tmp_path / "absent")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")


def test_command_has_every_option_of_the_function():
    options = set(inspect.signature(score_variants).parameters)
    flags = set(inspect.signature(command).parameters)
    assert options - {"columns", "progress"} == flags - {"column", "quiet"}


def test_help_has_an_example_and_needs_no_torch(run_python):
    run_python(
        "import sys\n"
        "from hf_genomics.cli import app\n"
        "app(['score-variants', '--help'], standalone_mode=False)\n"
        "heavy = {'torch', 'datasets', 'numpy', 'transformers', 'pysam'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
