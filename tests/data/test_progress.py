"""Bars of files that are read: of the bytes on disk, shown on demand, and late."""

import gzip

import pytest

from hf_genomics.data import progress
from hf_genomics.data.alignment_files import sha256_of
from hf_genomics.data.fasta import read_fasta
from hf_genomics.data.progress import bars_shown, open_watched
from hf_genomics.data.tables import read_batches

FASTA = b"".join(b">contig%d\n%s\n" % (i, b"ACGT" * 20_000) for i in range(4))
FILES = {"plain.fa": FASTA, "zipped.fa.gz": gzip.compress(FASTA, mtime=0)}


@pytest.fixture(params=FILES)
def fasta(request, tmp_path):
    path = tmp_path / request.param
    path.write_bytes(FILES[request.param])
    return path


@pytest.fixture
def at_once(monkeypatch):
    """Bars that do not wait before they appear."""
    monkeypatch.setattr(progress, "DELAY", 0)


def test_a_genome_is_read_under_a_bar(fasta, capsys, at_once):
    with bars_shown(True):
        records = list(read_fasta(fasta))
    assert [record.name for record in records] == [f"contig{i}" for i in range(4)]
    assert f"Reading {fasta.name}: " in capsys.readouterr().err


def test_a_table_is_read_under_a_bar(tmp_path, capsys, at_once):
    path = tmp_path / "rows.csv"
    path.write_text("sequence,label\n" + "ACGT,0\n" * 50_000)
    with bars_shown(True):
        assert sum(len(rows["label"]) for rows in read_batches(path, 1000)) == 50_000
    assert "Reading rows.csv: " in capsys.readouterr().err


def test_a_checksum_is_taken_under_a_bar(fasta, capsys, at_once):
    without = sha256_of(fasta)
    with bars_shown(True):
        assert sha256_of(fasta) == without
    assert f"Reading {fasta.name}: " in capsys.readouterr().err


def test_the_bar_counts_the_bytes_on_disk_and_goes_when_the_file_is_closed(fasta, at_once):
    with bars_shown(True), open_watched(fasta) as file:
        bar = file.raw._bar
        while file.read(10_000):
            assert bar.n <= bar.total
        assert bar.n == bar.total == fasta.stat().st_size
        assert not bar.disable
    assert bar.disable  # as tqdm marks a bar that is closed


def test_there_is_none_unasked(fasta, capsys, at_once):
    list(read_fasta(fasta))
    with bars_shown(True), bars_shown(False):
        list(read_fasta(fasta))
    sha256_of(fasta)
    assert capsys.readouterr().err == ""


def test_there_is_none_where_bars_are_turned_off(fasta, capsys, at_once, monkeypatch):
    monkeypatch.setattr("transformers.utils.logging._tqdm_active", False)
    with bars_shown(True):
        assert len(list(read_fasta(fasta))) == 4
    assert capsys.readouterr().err == ""


def test_short_work_shows_none(fasta, capsys):
    with bars_shown(True):
        list(read_fasta(fasta))
    assert capsys.readouterr().err == ""
