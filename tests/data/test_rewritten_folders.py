"""A folder is replaced only where nothing is lost that was not written with it."""

import json

import pytest

from hf_genomics.data.rewritten_folders import require_no_other_files


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    for name in ("README.md", "tree.nwk", "data/a.parquet"):
        (tmp_path / name).write_text("x")
    (tmp_path / "record.json").write_text(json.dumps({"sha256": {"data/a.parquet": "..."}}))
    return tmp_path


def check(folder):
    require_no_other_files(folder, "record.json", ("README.md", "tree.nwk"))


def test_what_was_written_may_be_replaced(folder):
    check(folder)
    (folder / "tree.nwk").unlink()
    check(folder)


@pytest.mark.parametrize("name", ["notes.txt", "data/b.parquet", ".git/HEAD", "data/x/README.md"])
def test_a_file_of_somebody_else_is_named(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("mine")
    with pytest.raises(ValueError, match=f"not written with its record.json: {name}. To replace"):
        check(folder)


def test_a_link_is_a_file_of_somebody_else(folder, tmp_path_factory):
    (folder / "elsewhere").symlink_to(tmp_path_factory.mktemp("far"), target_is_directory=True)
    with pytest.raises(ValueError, match="elsewhere"):
        check(folder)


@pytest.mark.parametrize("record", ["[1]", "{", "null"])
def test_a_damaged_record_names_nothing_as_its_own(folder, record):
    (folder / "record.json").write_text(record)
    with pytest.raises(ValueError, match="data/a.parquet"):
        check(folder)


def test_of_many_files_some_are_named(folder):
    for number in range(7):
        (folder / f"note {number}").write_text("mine")
    with pytest.raises(ValueError, match="note 0, .*note 4 and 2 more"):
        check(folder)
