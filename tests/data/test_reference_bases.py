"""Bases of the reference's genome by the alignment's names."""

import gzip
from typing import NamedTuple

import pytest

from hf_genomics.data.reference_bases import ReferenceBases

TEXT = ">chr1 first\nACGT\nacgtu\n; comment\n\n>chr2\nNRTA-\n>hg38.chr3\nTTT\n"


class Row(NamedTuple):
    name: str
    start: int
    sequence: str


@pytest.fixture(params=["plain", "gzip"])
def genome(request, tmp_path):
    data = TEXT.encode()
    (tmp_path / "g.fa").write_bytes(data if request.param == "plain" else gzip.compress(data))
    with ReferenceBases(tmp_path / "g.fa", "hg38") as opened:
        yield opened


def test_bases_are_found_across_lines_in_upper_case(genome):
    assert genome.fetch("chr1", 2, 6) == "GTAC"
    assert genome.fetch("chr1", 0, 9) == "ACGTACGTT"


def test_what_is_no_base_is_n(genome):
    assert genome.fetch("chr2", 0, 5) == "NNTAN"


def test_records_end_where_they_end(genome):
    assert genome.fetch("chr1", -3, 2) == "AC"
    assert genome.fetch("chr1", -3, -1) == ""
    assert genome.fetch("chr1", 7, 20) == "TT"
    assert genome.fetch("chr1", 20, 30) == ""


def test_records_may_carry_the_name_of_the_species(genome):
    assert genome.fetch("chr3", 0, 9) == "TTT"
    assert genome.fetch("hg38.chr3", 0, 9) == "TTT"


def test_equal_sequence_passes_and_unknown_bases_are_equal(genome):
    genome.check(Row("chr1", 1, "CGTNC"))
    genome.check(Row("chr2", 0, "AC"))


def test_unequal_base_is_named(genome):
    with pytest.raises(ValueError, match=r"at chr1:3 \(0-based\) is A in the alignment but T in"):
        genome.check(Row("chr1", 1, "CGAA"))


def test_sequence_beyond_the_record_is_an_error(genome):
    with pytest.raises(ValueError, match="goes to chr2:7, but chr2 has 5 bases"):
        genome.check(Row("chr2", 4, "NNN"))


def test_unknown_record_lists_the_known_ones(genome):
    with pytest.raises(ValueError, match="no record '1'; its records are chr1, chr2"):
        genome.fetch("1", 0, 1)
