"""Aligned FASTA with and without loci in its headers."""

import gzip
from pathlib import Path

import pytest

from hf_genomics.data.aligned_fasta import locus_of, read_aligned_fasta

TWO_LOCI = ">L1|a\nAC-\nGT\n>L1|b x y\nACCGT\n\n>L2|a\nA\n; a comment\n"


def blocks_of(tmp_path, text: str | bytes, name: str = "x.fa"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(read_aligned_fasta(path))


def test_records_of_a_locus_make_a_block(tmp_path):
    first, second = blocks_of(tmp_path, TWO_LOCI)
    assert first.rows[0] == ("a", "L1", 0, 4, "+", None, b"AC-GT", 1)
    assert first.rows[1] == ("b", "L1", 0, 5, "+", None, b"ACCGT", 4)
    assert [row.contig for row in second.rows] == ["L2"]


def test_gzip_is_told_by_content(tmp_path):
    packed = blocks_of(tmp_path, gzip.compress(TWO_LOCI.encode()))
    assert [b.rows for b in packed] == [b.rows for b in blocks_of(tmp_path, TWO_LOCI)]


def test_a_file_without_loci_is_one_locus_with_its_name(tmp_path):
    (block,) = blocks_of(tmp_path, ">a\nAC\n>b\nAG\n", "mtDNA.v2.aligned.fasta.gz")
    assert [(row.species, row.contig) for row in block.rows] == [
        ("a", "mtDNA.v2"),
        ("b", "mtDNA.v2"),
    ]


@pytest.mark.parametrize("name", ["a.fa", "a.FASTA.gz", "a.aln.fas.bgz", "a"])
def test_endings_are_no_part_of_the_locus(name):
    assert locus_of(Path("folder.fa") / name) == "a"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (">L|a\nA\n>b\nA\n", "line 3: the header is 'b', but headers are all LOCUS"),
        (">b\nA\n>L|a\nA\n", "line 3: the header is 'L|a', but headers are all species names"),
        (">|a\nA\n", "line 1: the header is '|a'"),
        (">L|a\nA\n>M|a\nA\n>L|b\nA\n", "line 5: locus 'L' comes again after others"),
        (">L|a\nAC\n>L|b\nA\n", "line 3: 'L|b' has 1 aligned columns"),
        (">\nA\n", "line 1: the header names no species"),
        ("A\n>L|a\nA\n", "line 1: a sequence before the first"),
    ],
)
def test_damage_names_the_line(tmp_path, text, message):
    with pytest.raises(ValueError, match=message.replace("|", r"\|")):
        blocks_of(tmp_path, text)
