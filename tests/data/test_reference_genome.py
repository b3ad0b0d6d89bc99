"""Bases of a genome by position."""

import gzip

import pytest

from hf_genomics.data.reference_genome import ReferenceGenome

TEXT = ">chr1 first\nACGT\nacgtu\n; comment\n\n>chr2\nNRTA-\n"


@pytest.fixture
def genome(tmp_path):
    (tmp_path / "g.fa").write_text(TEXT)
    return ReferenceGenome(tmp_path / "g.fa", tmp_path / "unpacked")


def test_bases_are_found_across_lines_in_upper_case(genome):
    assert genome.fetch("chr1", 2, 6) == "GTAC"
    assert genome.fetch("chr1", 0, 9) == "ACGTACGTT"


def test_what_is_no_base_is_n(genome):
    assert genome.fetch("chr2", 0, 5) == "NNTAN"


def test_records_end_where_they_end(genome):
    assert genome.fetch("chr1", -3, 2) == "AC"
    assert genome.fetch("chr1", 7, 20) == "TT"
    assert genome.fetch("chr1", 20, 30) == ""
    assert (genome.names, genome.size("chr2")) == (["chr1", "chr2"], 5)


def test_compressed_genome_is_read(tmp_path):
    (tmp_path / "g.fa").write_bytes(gzip.compress(TEXT.encode()))
    assert ReferenceGenome(tmp_path / "g.fa", tmp_path / "u").fetch("chr2", 2, 4) == "TA"


def test_equal_sequence_passes_and_unknown_bases_are_equal(genome):
    genome.check("chr1", 1, "CGTNC")
    genome.check("chr2", 0, "AC")


def test_unequal_base_is_named(genome):
    with pytest.raises(ValueError, match=r"at chr1:3 \(0-based\) is A in the alignment but T in"):
        genome.check("chr1", 1, "CGAA")


def test_sequence_beyond_the_record_is_an_error(genome):
    with pytest.raises(ValueError, match="goes to chr2:7, but chr2 has 5 bases"):
        genome.check("chr2", 4, "NNN")


def test_unknown_record_lists_the_known_ones(genome):
    with pytest.raises(ValueError, match="no record '1'; its records are chr1, chr2"):
        genome.fetch("1", 0, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no FASTA record"),
        ("ACGT\n", "is not FASTA: line 1"),
        (">\nA\n", "line 1: the header names no record"),
        (">a\nA\n>a\nA\n", "line 3: the header names a record a second time"),
    ],
)
def test_other_files_are_errors(tmp_path, text, message):
    (tmp_path / "g.fa").write_text(text)
    with pytest.raises(ValueError, match=message):
        ReferenceGenome(tmp_path / "g.fa", tmp_path / "u")
