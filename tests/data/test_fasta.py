"""FASTA files as they occur."""

import gzip

import pytest

from hf_genomics.data.fasta import FastaRecord, read_fasta, read_fasta_batches
from hf_genomics.data.indexed_genome import IndexedGenome

TEXT = ">chr1 first  one\nACGT\nacgtn\n\n; a comment\n>chr2\nTTAA\n"
RECORDS = [FastaRecord("chr1", "first  one", "ACGTacgtn"), FastaRecord("chr2", "", "TTAA")]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_records_join_their_lines(tmp_path, line_end):
    path = tmp_path / "a.fa"
    path.write_bytes(TEXT.replace("\n", line_end).encode())
    assert list(read_fasta(path)) == RECORDS


def test_gzip_is_told_by_content_and_not_by_name(tmp_path):
    path = tmp_path / "misleading.fa"
    path.write_bytes(gzip.compress(TEXT.encode()))
    assert list(read_fasta(path)) == RECORDS


def test_records_come_one_at_a_time(tmp_path):
    path = tmp_path / "a.fa"
    path.write_text(">good\nAC\n>bad\n>good\nGT\n")
    records = read_fasta(path)
    assert next(records).name == "good"  # read before the error further down
    with pytest.raises(ValueError, match="'bad' of .* has a header but no sequence"):
        next(records)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no FASTA record"),
        ("\n\n", "holds no FASTA record"),
        ("sequence,label\nACGT,1\n", "line 1 is 'sequence,label'"),
        (">only\n", "'only' of .* has a header but no sequence"),
    ],
)
def test_what_is_no_fasta_is_refused(tmp_path, text, message):
    path = tmp_path / "a.fa"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        list(read_fasta(path))


def test_batches_are_columns(tmp_path):
    path = tmp_path / "a.fa"
    path.write_text(">a x\nA\n>b\nC\n>c\nG\n")
    assert list(read_fasta_batches(path, 2)) == [
        {"id": ["a", "b"], "description": ["x", ""], "sequence": ["A", "C"]},
        {"id": ["c"], "description": [""], "sequence": ["G"]},
    ]


@pytest.mark.parametrize("cut", [12, 300])
def test_a_broken_gzip_file_is_named(tmp_path, cut):
    path = tmp_path / "a.fa.gz"
    text = ">chr1\n" + "".join(f"{i**5}\n" for i in range(1000))
    path.write_bytes(gzip.compress(text.encode())[:cut])
    with pytest.raises(ValueError, match="a.fa.gz is a broken gzip file .*: fetch or compress it"):
        list(read_fasta(path))


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "a.fa").write_bytes(b">\xff\xfe\n")
    with pytest.raises(ValueError, match="a.fa is not FASTA, which is text: .*utf-8"):
        list(read_fasta(tmp_path / "a.fa"))


def test_a_zero_byte_is_no_text(tmp_path):
    for content in (b">\0\nA\n", b">a\nA\0C\n"):
        (tmp_path / "a.fa").write_bytes(content)
        line = content[: content.index(b"\0")].count(b"\n") + 1
        with pytest.raises(ValueError, match=f"a.fa is not FASTA.*line {line} holds a zero byte"):
            list(read_fasta(tmp_path / "a.fa"))
        with pytest.raises(ValueError, match=f"a.fa is not FASTA.*line {line} holds a zero byte"):
            IndexedGenome(tmp_path / "a.fa")


def test_name_ends_at_a_tab_too(tmp_path):
    path = tmp_path / "a.fa"
    path.write_text(">chr1\tfirst one\nAC\n")
    assert list(read_fasta(path)) == [FastaRecord("chr1", "first one", "AC")]
