"""A simulated data set on disk: readable, repeatable, all or nothing."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from datasets import DatasetDict, load_dataset

from hf_genomics.benchmarks import writing
from hf_genomics.benchmarks.parameters import Condition, SimulationParameters
from hf_genomics.benchmarks.simulator import Simulation, simulate
from hf_genomics.benchmarks.writing import write_dataset, written_aside


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return simulate(
        SimulationParameters(
            condition=Condition.CLADE,
            num_train=20,
            num_validation=6,
            num_test=6,
            length=30,
            seed=1,
            num_leaves=64,
        )
    )


def write(simulation: Simulation, path: Path, **options: bool) -> Path:
    return write_dataset(simulation.dataset, path, simulation.facts, **options)


def contents(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_folder_holds_parquet_card_tree_and_provenance(simulation, tmp_path):
    assert list(contents(write(simulation, tmp_path / "made" / "here"))) == [
        "README.md",
        "clade/test-00000-of-00001.parquet",
        "clade/train-00000-of-00001.parquet",
        "clade/validation-00000-of-00001.parquet",
        "provenance.json",
        "tree.nwk",
    ]


@pytest.mark.parametrize("streaming", [False, True])
def test_datasets_reads_the_folder_back(simulation, tmp_path, streaming):
    folder = write(simulation, tmp_path / "data")
    loaded = load_dataset(str(folder), "clade", streaming=streaming, cache_dir=str(tmp_path / "c"))
    assert set(loaded) == {"train", "validation", "test"}
    for split, rows in simulation.dataset.items():
        assert loaded[split].features == rows.features
        assert list(loaded[split]) == list(rows)


def test_two_writes_of_one_seed_are_equal_byte_for_byte(simulation, tmp_path):
    parameters = SimulationParameters(
        condition=Condition.CLADE,
        num_train=20,
        num_validation=6,
        num_test=6,
        length=30,
        seed=1,
        num_leaves=64,
    )
    first = contents(write(simulation, tmp_path / "a"))
    assert first == contents(write(simulate(parameters), tmp_path / "b"))


def test_provenance_names_parameters_counts_and_checksums(simulation, tmp_path):
    folder = write(simulation, tmp_path / "data")
    provenance = json.loads((folder / "provenance.json").read_text())
    assert provenance["parameters"]["seed"] == 1
    assert provenance["parameters"]["tree"] == "yule"
    assert provenance["rows"]["train"] == {"clade_0": 10, "clade_1": 10}
    for name, checksum in provenance["sha256"].items():
        assert contents(folder)[name] == checksum


def test_tree_file_names_every_row_once(simulation, tmp_path):
    newick = (write(simulation, tmp_path / "data") / "tree.nwk").read_text()
    for split, rows in simulation.dataset.items():
        assert all(newick.count(f"{split}_{index}:") == 1 for index in range(len(rows)))
    assert newick.count("(") == newick.count(")")
    assert "leaf_" not in newick  # tips without rows are left out


def test_folder_with_files_is_refused_and_left_alone(simulation, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"is not empty; .* \(--overwrite\)"):
        write(simulation, tmp_path)
    with pytest.raises(ValueError, match="left alone"):
        write(simulation, tmp_path, overwrite=True)
    assert list(contents(tmp_path)) == ["notes.txt"]


def test_file_in_place_of_a_folder_is_refused(simulation, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="is a file; give a folder"):
        write(simulation, tmp_path / "file")


def test_empty_folder_is_used_and_old_data_set_is_replaced_when_told(simulation, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    write_dataset(simulation.dataset, folder, replace(simulation.facts, config_name="old"))
    with pytest.raises(ValueError, match=r"is not empty; .* \(--overwrite\)"):
        write(simulation, folder)
    write(simulation, folder, overwrite=True)
    assert not (folder / "old").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_file_that_somebody_put_into_a_data_set_is_not_lost(simulation, tmp_path):
    folder = write(simulation, tmp_path / "data")
    (folder / "clade" / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="not written with its provenance.json: clade/notes.txt"):
        write(simulation, folder, overwrite=True)
    assert (folder / "clade" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("overwrite", [False, True])
def test_failed_write_leaves_no_half_data_set(simulation, tmp_path, monkeypatch, overwrite):
    folder = tmp_path / "data"
    if overwrite:
        write(simulation, folder)
    before = contents(tmp_path)

    def disk_full(*_: object) -> str:
        raise OSError("No space left on device")

    monkeypatch.setattr(writing, "_card", disk_full)
    with pytest.raises(OSError, match="No space left"):
        write(simulation, folder, overwrite=overwrite)
    assert contents(tmp_path) == before
    assert folder.exists() == overwrite


def test_old_data_set_is_put_back_where_the_new_one_cannot_take_its_place(simulation, tmp_path):
    folder = write(simulation, tmp_path / "data")
    before = contents(tmp_path)
    with pytest.raises(OSError, match="No such file"), written_aside(folder, overwrite=True) as new:
        new.rmdir()
    assert contents(tmp_path) == before


@pytest.mark.parametrize("elsewhere", [False, True], ids=["anew", "of the same name elsewhere"])
def test_datasets_reads_what_was_written_last(simulation, tmp_path, elsewhere):
    """It caches a folder by its name and its card."""
    other = DatasetDict(
        {split: rows.select(range(4)) for split, rows in simulation.dataset.items()}
    )
    cache = str(tmp_path / "cache")
    first = write(simulation, tmp_path / "a" / "data")
    load_dataset(str(first), "clade", cache_dir=cache)
    second = tmp_path / "b" / "data" if elsewhere else first
    write_dataset(other, second, simulation.facts, overwrite=True)
    loaded = load_dataset(str(second), "clade", cache_dir=cache)
    assert {split: rows[:] for split, rows in loaded.items()} == {
        split: rows[:] for split, rows in other.items()
    }


@pytest.mark.parametrize("exists", [True, False], ids=["folder", "nothing yet"])
def test_a_link_to_a_folder_is_written_through(simulation, tmp_path, exists):
    if exists:
        (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write(simulation, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "README.md").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


def test_folders_that_were_made_for_a_failed_write_are_gone(tmp_path):
    (tmp_path / "there").mkdir()
    with (
        pytest.raises(OSError, match="full"),
        written_aside(tmp_path / "there" / "new" / "newer" / "data", overwrite=False),
    ):
        raise OSError("full")
    assert list(tmp_path.rglob("*")) == [tmp_path / "there"]
