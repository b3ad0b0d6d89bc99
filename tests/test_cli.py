"""The command line: what it writes, how it fails, and that its help is quick."""

import inspect
import io
import json
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from datasets import load_dataset
from typer.testing import CliRunner, Result

from hf_genomics.benchmarks.parameters import Condition, SimulationParameters
from hf_genomics.cli import _shows_progress, app, simulate

SMALL = ["--num-train", "12", "--num-validation", "4", "--num-test", "4", "--length", "30"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments])


@pytest.mark.parametrize("condition", list(Condition))
def test_simulate_writes_a_folder_that_datasets_reads(condition, tmp_path):
    result = run("simulate", condition, "--output", str(tmp_path / "data"), *SMALL)
    assert result.exit_code == 0, result.output
    assert "train 12, validation 4, test 4 rows of 30 bases" in result.output
    loaded = load_dataset(str(tmp_path / "data"), condition.value, cache_dir=str(tmp_path / "c"))
    assert {split: len(rows) for split, rows in loaded.items()} == {
        "train": 12,
        "validation": 4,
        "test": 4,
    }


REACHING = {
    "decayed-motif": {
        "seed": 5,
        "tree": "birth-death",
        "num_leaves": 40,
        "height": 0.7,
        "individual_branch_length": 0.1,
        "clade_depth": 1,
        "model": "jc69",
        "gamma_shape": 0.5,
        "death_rate": 0.25,
        "split": "random",
        "motif_length": 7,
    },
    "motif": {"base_frequencies": [0.1, 0.2, 0.3, 0.4], "motif": "GATTACA"},
    "transposon": {"kappa": 3.0, "element_length": 9},
}


@pytest.mark.parametrize("condition", REACHING)
def test_every_option_reaches_the_simulator(condition, tmp_path):
    options = REACHING[condition]
    flags = []
    for name, value in options.items():
        flags.append(f"--{name.replace('_', '-')}")
        flags.extend(map(str, value) if isinstance(value, list) else [str(value)])
    result = run("simulate", condition, "--output", str(tmp_path / "d"), *SMALL, *flags)
    assert result.exit_code == 0, result.output
    used = json.loads((tmp_path / "d" / "provenance.json").read_text())["parameters"]
    assert {name: used[name] for name in options} == options


def test_no_option_is_left_out_above():
    sizes = {"condition", "num_train", "num_validation", "num_test", "length"}
    named = {name for options in REACHING.values() for name in options}
    assert named == {field.name for field in fields(SimulationParameters)} - sizes


def test_command_has_every_parameter_with_the_same_default():
    flags = inspect.signature(simulate).parameters
    for field in fields(SimulationParameters):
        assert field.name in flags
        if field.name in ("condition", "length", "seed") or field.name.startswith("num_t"):
            continue
        if field.name != "num_validation":
            assert flags[field.name].default == field.default


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--num-leaves", "1"], "Error: num_leaves is 1; give an integer of at least 2."),
        (["--tree", "balanced", "--num-leaves", "48"], "try 32 or 64"),
        (["--height", "-1"], "Error: height is -1.0"),
    ],
)
def test_user_mistakes_are_one_line_and_exit_code_two(arguments, message, tmp_path):
    result = run("simulate", "clade", "--output", str(tmp_path / "data"), *SMALL, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["clade", "--kappa", "3", "--model", "jc69"],
            "--kappa has no effect: the model is 'jc69'",
        ),
        (["motif", "--gamma-shape", "1"], "--gamma-shape has no effect: condition 'motif' has no"),
        (["clade", "--motif-length", "12"], "--motif-length has no effect"),
    ],
)
def test_options_without_effect_are_refused(arguments, message, tmp_path):
    result = run("simulate", *arguments, "--output", str(tmp_path / "data"))
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "data").exists()


def test_folder_with_files_is_refused_until_told_to_overwrite(tmp_path):
    first = run("simulate", "motif", "--output", str(tmp_path / "data"), *SMALL)
    again = run("simulate", "motif", "--output", str(tmp_path / "data"), *SMALL)
    told = run("simulate", "motif", "--output", str(tmp_path / "data"), *SMALL, "--overwrite")
    assert (first.exit_code, again.exit_code, told.exit_code) == (0, 2, 0)
    assert "is not empty" in again.stderr


@pytest.mark.parametrize(
    ("watched", "options", "shown"),
    [(True, [], True), (True, ["--quiet"], False), (False, [], False)],
)
def test_bars_of_simulate_are_for_a_terminal_and_can_be_turned_off(
    watched, options, shown, tmp_path, monkeypatch
):
    from datasets import are_progress_bars_disabled

    monkeypatch.setattr("hf_genomics.cli._shows_progress", lambda quiet: watched and not quiet)
    before = are_progress_bars_disabled()
    result = run("simulate", "motif", "--output", str(tmp_path / "data"), *SMALL, *options)
    assert result.exit_code == 0, result.output
    assert bool(result.stderr) == ("Creating parquet" in result.stderr) == shown
    assert are_progress_bars_disabled() == before


def test_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("mine")
    result = run("simulate", "motif", "--output", str(tmp_path / "file" / "data"), *SMALL)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.strip().splitlines()) == 1


def test_unknown_condition_names_the_known_ones(tmp_path):
    result = run("simulate", "clades", "--output", str(tmp_path / "data"))
    assert result.exit_code == 2
    assert all(condition in result.stderr for condition in Condition)


def test_help_describes_every_condition():
    text = run("simulate", "--help").output
    assert all(f"{condition}:" in text for condition in Condition)


def test_help_needs_neither_torch_nor_datasets(run_python: Callable[..., str]):
    run_python(
        "import sys\n"
        "from hf_genomics.cli import app\n"
        "app(['--help'], standalone_mode=False)\n"
        "heavy = {'torch', 'datasets', 'numpy', 'transformers', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )


def test_module_can_be_run_as_a_script(run_python: Callable[..., str], tmp_path: Path):
    run_python(
        "import runpy, sys\n"
        f"sys.argv = ['hf-genomics', 'simulate', 'motif', '--output', 'data', *{SMALL!r}]\n"
        "try:\n"
        "    runpy.run_module('hf_genomics.cli', run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
    )
    assert (tmp_path / "data" / "README.md").is_file()


FASTA = ">L1|Human\nACGT\n>L1|mm10\nAC-T\n>L1|yeti\nACGG\n"
TREE = "((Human:0.1,Chimp:0.1):0.1,Mouse:0.4);"


def build_alignment(folder: Path, *arguments: str) -> Result:
    """The command with a small alignment, tree and map that it finds in `folder`."""
    (folder / "a.fa").write_text(FASTA)
    (folder / "tree.nh").write_text(TREE)
    (folder / "map.csv").write_text("assembly,leaf\nmm10,Mouse\n")
    return run(
        "build-alignment",
        str(folder / "a.fa"),
        *("--tree", str(folder / "tree.nh"), "--species-map", str(folder / "map.csv")),
        *("--name-column", "assembly", "--output", str(folder / "out")),
        *arguments,
    )


def test_build_alignment_writes_a_folder_that_datasets_reads(tmp_path):
    result = build_alignment(tmp_path, "--reference", "Human")
    assert result.exit_code == 0, result.output
    assert "4 reference bases of 1 names in 1 rows, 2 leaves" in result.stdout
    assert result.stderr == "No leaf for yeti: 4 bases left out\n"
    rows = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "c"))
    assert rows[0]["sequence"] == "ACGT"
    assert rows[0]["leaf_states"] == [[0, 0], [1, 1], [2, 4], [3, 3]]


def test_columns_of_a_species_map_that_is_not_given_are_refused(tmp_path):
    (tmp_path / "a.fa").write_text(FASTA)
    (tmp_path / "tree.nh").write_text(TREE)
    result = run(
        *("build-alignment", str(tmp_path / "a.fa"), "--tree", str(tmp_path / "tree.nh")),
        *("--reference", "Human", "--output", str(tmp_path / "out"), "--leaf-column", "tip"),
    )
    assert result.exit_code == 2
    assert "give --species-map too" in result.stderr


def test_options_of_build_alignment_reach_the_data_set(tmp_path):
    (tmp_path / "g.fa").write_text(">L1\nACGTAA\n")
    options = ["--max-length", "3", "--flank", "2", "--leaves", "tree", "--fasta"]
    result = build_alignment(
        tmp_path, "--reference", "Human", *options, str(tmp_path / "g.fa"), "--overwrite"
    )
    assert result.exit_code == 0, result.output
    metadata = json.loads((tmp_path / "out" / "alignment.json").read_text())
    assert (
        metadata["options"] | {"leaves": "tree", "max_length": 3, "flank": 2}
        == (metadata["options"])
    )
    assert metadata["leaf_names"] == ["Human", "Chimp", "Mouse"]
    rows = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "c"))
    assert rows["right_flank"] == ["TA", "AA"]


def test_build_alignment_says_how_many_blocks_lack_the_reference(tmp_path):
    (tmp_path / "a.maf").write_text(
        "a\ns Human.1 0 1 + 9 A\ns Mouse.1 0 1 + 9 A\n\na\ns Mouse.1 3 1 + 9 A\n"
    )
    (tmp_path / "tree.nh").write_text(TREE)
    result = run(
        *("build-alignment", str(tmp_path / "a.maf"), "--tree", str(tmp_path / "tree.nh")),
        *("--reference", "Human", "--output", str(tmp_path / "out")),
    )
    assert result.exit_code == 0, result.output
    assert result.stderr == "Blocks without a row of Human, left out: 1\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_is_for_a_terminal_and_can_be_turned_off(monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    assert (_shows_progress(quiet=False), _shows_progress(quiet=True)) == (True, False)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert not _shows_progress(quiet=False)


def test_a_genome_needs_pysam_and_the_message_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pysam", None)
    (tmp_path / "g.fa").write_text(">L1\nACGTAA\n")
    result = build_alignment(
        tmp_path, "--reference", "Human", "--fasta", str(tmp_path / "g.fa"), "--quiet"
    )
    assert result.exit_code == 2
    assert "pip install 'hf_genomics[variants]'" in result.stderr
    assert not (tmp_path / "out").exists()


def test_build_alignment_says_that_it_sorted(tmp_path):
    result = build_alignment(tmp_path, "--reference", "Human")
    assert "sorted" not in result.output
    rows = "a\ns Human.1 {0} 1 + 9 A\ns mm10.1 {0} 1 + 9 A\n"
    (tmp_path / "a.maf").write_text(rows.format(5) + rows.format(2))
    result = run(
        "build-alignment",
        str(tmp_path / "a.maf"),
        *("--tree", str(tmp_path / "tree.nh"), "--species-map", str(tmp_path / "map.csv")),
        *("--name-column", "assembly", "--reference", "Human"),
        *("--output", str(tmp_path / "sorted")),
    )
    assert result.stderr == "The blocks were not sorted by position; sorted on disk.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--reference", "yeti"], "Error: The reference 'yeti' is leaf 'yeti', which the tree has"),
        (["--reference", "Human", "--leaf-column", "x"], "has no column 'x'"),
        (["--reference", "Human", "--max-length", "0"], "Error: max_length is 0"),
        (["--reference", "Human", "--fasta", "missing.fa"], "No such file"),
    ],
)
def test_mistakes_in_build_alignment_are_one_line_and_leave_nothing(tmp_path, arguments, message):
    result = build_alignment(tmp_path, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
