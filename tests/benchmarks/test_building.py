"""A benchmark on disk: the same bytes every time, fit for the Hub, all or nothing."""

import hashlib
import http.server
import json
import tarfile
import threading
from functools import partial
from pathlib import Path

import pytest
from datasets import load_dataset
from typer.testing import CliRunner

from hf_genomics import list_benchmarks, load_benchmark
from hf_genomics.benchmarks import building
from hf_genomics.benchmarks.building import build_dataset
from hf_genomics.benchmarks.table_sources import opened
from hf_genomics.cli import app
from hf_genomics.hub.dataset_folders import export_dataset

ROWS = "sequence,label\nACGTACGT,1\nTTTTACGN,0\n"


def write_source(folder: Path, rows: str = ROWS) -> Path:
    for config in ("tf/0", "mouse/1"):
        (folder / config).mkdir(parents=True, exist_ok=True)
        for split in ("train", "dev", "test"):
            (folder / config / f"{split}.csv").write_text(rows)
    return folder


@pytest.fixture
def source(tmp_path) -> Path:
    return write_source(tmp_path / "GUE")


def contents(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def run(*arguments: object):
    return CliRunner().invoke(app, ["build-dataset", *map(str, arguments)])


def test_folder_holds_parquet_card_and_provenance(source, tmp_path):
    build_dataset("gue", source, tmp_path / "built")
    assert list(contents(tmp_path / "built")) == [
        "README.md",
        *(f"mouse_1/{split}-00000-of-00001.parquet" for split in ("test", "train", "validation")),
        "provenance.json",
        *(f"tf_0/{split}-00000-of-00001.parquet" for split in ("test", "train", "validation")),
    ]


def test_second_build_elsewhere_gives_the_same_bytes(source, tmp_path):
    build_dataset("gue", source, tmp_path / "built")
    moved = source.rename(tmp_path / "moved")
    build_dataset("gue", moved, tmp_path / "again")
    assert contents(tmp_path / "built") == contents(tmp_path / "again")


def test_provenance_has_checksums_of_what_was_read_and_written(source, tmp_path):
    build_dataset("gue", source, tmp_path / "built")
    record = json.loads((tmp_path / "built" / "provenance.json").read_text())
    digests = contents(tmp_path / "built")
    assert {name: digests[name] for name in record["sha256"]} == record["sha256"]
    assert record["configurations"]["tf_0"]["sources"] == {
        f"tf/0/{split}.csv": contents(source)[f"tf/0/{split}.csv"]
        for split in ("dev", "test", "train")
    }
    assert record["configurations"]["tf_0"]["rows"]["train"] == {"not_bound": 1, "bound": 1}
    assert record["configurations"]["tf_0"]["rows_with_other_letters_than_acgt"]["train"] == 1


def test_folder_passes_every_check_before_an_upload(source, tmp_path):
    build_dataset("gue", source, tmp_path / "built")
    found = export_dataset(tmp_path / "built", "user/gue")
    assert b'load_dataset("user/gue", "tf_0")' in found["README.md"]
    assert b"license: unknown" in found["README.md"]


def test_licence_is_named_on_the_command_line(source, tmp_path):
    run("gue", "--source", source, "--output", tmp_path / "built", "--license", "mit")
    card = (tmp_path / "built" / "README.md").read_text()
    assert "license: mit" in card
    assert "Licence: mit, as named when this was built." in card


def test_data_set_built_anew_is_read_anew(source, tmp_path):
    cache = str(tmp_path / "cache")
    build_dataset("gue", source, tmp_path / "built")
    before = load_dataset(str(tmp_path / "built"), "tf_0", cache_dir=cache)
    write_source(source, ROWS.replace("ACGTACGT", "GGGGGGGG"))
    build_dataset("gue", source, tmp_path / "built", overwrite=True)
    after = load_dataset(str(tmp_path / "built"), "tf_0", cache_dir=cache)
    assert before["train"]["sequence"] != after["train"]["sequence"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_build_that_fails_at_the_end_leaves_what_was_there(
    source, tmp_path, monkeypatch, overwrite
):
    if overwrite:
        build_dataset("gue", source, tmp_path / "built")
    before = contents(tmp_path)

    def disk_full(*arguments: object) -> str:
        raise OSError("No space left on device")

    monkeypatch.setattr(building, "card", disk_full)
    with pytest.raises(OSError, match="No space left"):
        build_dataset("gue", source, tmp_path / "built", overwrite=overwrite)
    assert contents(tmp_path) == before
    assert (tmp_path / "built").exists() == overwrite


def test_folder_with_other_files_is_left_alone(source, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="left alone"):
        build_dataset("gue", source, tmp_path / "mine", overwrite=True)
    assert list(contents(tmp_path / "mine")) == ["notes.txt"]


def test_command_builds_the_configurations_that_are_named(source, tmp_path):
    done = run("gue", "--source", source, "--output", tmp_path / "built", "--config", "tf/0")
    assert done.exit_code == 0, done.output
    assert "tf_0: train 2, validation 2, test 2" in done.output
    assert list(load_benchmark("gue", None, tmp_path / "built")) == ["train", "validation", "test"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gues", "--source", "GUE"], "Error: There is no benchmark 'gues'; did you mean gue?"),
        (["gue", "--source", "absent"], "Error: There is no file or folder absent."),
        (["gue", "--source", "GUE", "--genome", "x=no.fa"], "Error: There is no file no.fa"),
        (["gue", "--source", "GUE", "--config", "tf_9"], "gue has no configuration 'tf_9'"),
    ],
    ids=["benchmark", "source", "genome", "configuration"],
)
def test_user_mistakes_are_one_line(source, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    done = run(*arguments, "--output", "built")
    assert done.exit_code == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not Path("built").exists()


def test_benchmarks_without_a_known_copy_ask_for_a_source():
    without = [spec.name for spec in list_benchmarks() if not spec.hub_ids]
    for name in without:
        with pytest.raises(ValueError, match="name a source"):
            load_benchmark(name)


@pytest.fixture
def served(tmp_path):
    """A folder, and the address under which a web server gives it out."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

        def send_header(self, name: str, value: str) -> None:
            if name == "Content-Length" and "cut." in self.path:
                value = str(int(value) + 100)
            super().send_header(name, value)

    folder = tmp_path / "served"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_archive_is_fetched_from_a_url(source, served):
    import tarfile

    folder, address = served
    with tarfile.open(folder / "GUE.tar.gz", "w:gz") as archive:
        archive.add(source, "GUE")
    assert load_benchmark("gue", "tf_0", f"{address}/GUE.tar.gz")["train"].num_rows == 2


def test_a_table_whose_end_did_not_come_is_no_table(served):
    folder, address = served
    (folder / "cut.csv").write_text("sequence,label\nACGT,0\n")
    with (
        pytest.raises(ValueError, match=r"cut\.csv cannot be fetched: it ended 100 bytes early"),
        opened(f"{address}/cut.csv", list_benchmarks()[0]),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("absent.zip", None, "cannot be fetched"),
        ("view.zip", "<!DOCTYPE html><p>Sign in", "is a web page, not the data"),
        ("broken.zip", "PK not really", "cannot be unpacked"),
    ],
    ids=["absent", "page", "broken"],
)
def test_url_that_gives_no_archive_is_said_to(served, name, text, message):
    folder, address = served
    if text:
        (folder / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        load_benchmark("gue", "tf_0", f"{address}/{name}")


def test_archive_that_leads_out_of_its_folder_is_refused(tmp_path):
    (tmp_path / "train.csv").write_text(ROWS)
    with tarfile.open(tmp_path / "GUE.tar", "w") as archive:
        archive.add(tmp_path / "train.csv", "GUE/tf/0/train.csv")
        archive.add(tmp_path / "train.csv", "../../outside.csv")
    with pytest.raises(ValueError, match=r"GUE\.tar cannot be unpacked: .*outside the destination"):
        load_benchmark("gue", "tf_0", tmp_path / "GUE.tar")
