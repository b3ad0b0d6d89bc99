"""What a row's text says, and what the reference says to it."""

from pathlib import Path

import numpy as np
import pytest

from hf_genomics.evaluation.variant_effects.alleles import (
    MEANINGS,
    STATUSES,
    Status,
    confirm,
    parse_alleles,
)

CONTEXT = (12, 12)


def status(genome, contig, position, ref, alt):
    """The status of a row of one allele, after a look at the reference."""
    alleles = parse_alleles(contig, position, ref, alt)
    _, codes = confirm(alleles, genome, context=CONTEXT)
    (code,) = codes
    return STATUSES[code]


def other(base):
    return "ACGT"[("ACGT".index(base.upper()) + 1) % 4]


@pytest.mark.parametrize(
    ("ref", "alt", "expected"),
    [
        ("A", "C", Status.OK),
        ("a", "c", Status.OK),
        ("A", "U", Status.OK),
        ("ACG", "ACT", Status.OK),
        ("ACG", "TCT", Status.MNV),
        ("A", "AC", Status.INDEL),
        ("AC", "A", Status.INDEL),
        ("A", "", Status.INDEL),
        ("A", "-", Status.INDEL),
        ("", "A", Status.INDEL),
        ("-", "A", Status.INDEL),
        ("A", "<DEL>", Status.SYMBOLIC),
        ("A", "<*>", Status.SYMBOLIC),
        ("A", "*", Status.SYMBOLIC),
        ("A", "G]17:198982]", Status.SYMBOLIC),
        ("A", "A.", Status.SYMBOLIC),
        ("A", ".", Status.NO_ALTERNATIVE),
        ("A", "a", Status.SAME_AS_REFERENCE),
        ("A", "N", Status.ALT_IS_N),
        ("A", "R", Status.ALT_IS_N),
        ("N", "A", Status.REF_IS_N),
        ("A", "X", Status.MALFORMED),
        ("1", "A", Status.MALFORMED),
        ("", "", Status.MALFORMED),
        (None, None, Status.MALFORMED),
    ],
)
def test_text_of_a_row_has_one_status(ref, alt, expected):
    (allele,) = parse_alleles("chr1", 5, ref, alt)
    assert allele.status is expected


@pytest.mark.parametrize(
    "position",
    ["", "x", None, 1.5, float("nan"), "1e3", "1_0", "5-7", "9" * 30, "1.5", "1.01", ".0", "."],
)
def test_position_that_is_no_whole_number_is_malformed(position):
    (allele,) = parse_alleles("chr1", position, "A", "C")
    assert allele.status is Status.MALFORMED


@pytest.mark.parametrize(
    "position", [7, "7", " 7 ", 7.0, np.int32(7), np.float64(7), "7.0", "7.", "7.000"]
)
def test_whole_numbers_are_read_whatever_their_type(position):
    (allele,) = parse_alleles("chr1", position, "A", "C")
    assert (allele.status, allele.start) == (Status.OK, 6)


def test_each_alternative_has_its_own_status():
    found = [one.status for one in parse_alleles("chr1", 9, "A", "C,AG,<DEL>,*,T")]
    assert found == [Status.OK, Status.INDEL, Status.SYMBOLIC, Status.SYMBOLIC, Status.OK]


def test_the_base_that_changes_is_found_in_a_longer_ref(genome, sequences):
    ref = sequences["chr1"][100:104]
    alt = ref[:2] + other(ref[2]) + ref[3]
    found, codes = confirm(parse_alleles("chr1", 101, ref, alt), genome, context=CONTEXT)
    assert [STATUSES[code] for code in codes] == [Status.OK]
    assert found.position.tolist() == [102]
    assert "ACGT"[found.reference[0]] == ref[2]
    assert "ACGT"[found.alternative[0]] == other(ref[2])


def test_reference_mismatch_goes_before_what_the_text_says(genome, sequences):
    wrong = other(sequences["chr1"][100])
    right = sequences["chr1"][100]
    assert status(genome, "chr1", 101, wrong, right) is Status.REFERENCE_MISMATCH
    assert status(genome, "chr1", 101, wrong, "<DEL>") is Status.REFERENCE_MISMATCH
    assert status(genome, "chr1", 101, wrong, wrong + "A") is Status.REFERENCE_MISMATCH
    assert status(genome, "chr1", 101, right, "<DEL>") is Status.SYMBOLIC


def test_a_later_base_of_ref_is_compared_too(genome, sequences):
    right = sequences["chr1"][100:103]
    wrong = right[:2] + other(right[2])
    assert status(genome, "chr1", 101, wrong, right[0]) is Status.REFERENCE_MISMATCH
    assert status(genome, "chr1", 101, right, right[0]) is Status.INDEL


def test_lower_case_is_read_in_file_and_reference(genome, sequences):
    ref = sequences["chr1"][1600]
    assert ref.islower()
    assert status(genome, "chr1", 1601, ref.upper(), other(ref)) is Status.OK
    assert status(genome, "chr1", 1601, ref, other(ref).lower()) is Status.OK


def test_n_in_the_reference_is_no_mismatch(genome):
    assert status(genome, "chr1", 1005, "A", "C") is Status.REF_IS_N
    assert status(genome, "chr1", 1005, "N", "C") is Status.REF_IS_N


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        (0, Status.CONTIG_END),
        (11, Status.CONTIG_END),
        (12, Status.OK),
        (187, Status.OK),
        (188, Status.CONTIG_END),
        (199, Status.CONTIG_END),
    ],
)
def test_contig_end_is_where_the_window_leaves_the_contig(genome, sequences, site, expected):
    ref = sequences["chr2"][site]
    assert status(genome, "chr2", site + 1, ref, other(ref)) is expected


@pytest.mark.parametrize(("position", "ref"), [(0, "A"), (-3, "A"), (201, "A"), (200, "AC")])
def test_positions_outside_the_contig_are_out_of_range(genome, position, ref):
    assert status(genome, "chr2", position, ref, "T") is Status.OUT_OF_RANGE


def test_contig_that_is_not_there(genome):
    assert status(genome, "2", 5, "A", "C") is Status.CONTIG_MISSING
    assert status(genome, "", 5, "A", "C") is Status.MALFORMED


def test_substitutions_are_sorted_and_know_their_rows(genome, sequences):
    rows = [("chr2", 90), ("chr1", 700), ("chr9", 5), ("chr1", 50), ("chr2", 20)]
    alleles = []
    for contig, site in rows:
        ref = sequences.get(contig, "A" * 100)[site]
        alleles += parse_alleles(contig, site + 1, ref, other(ref))
    found, codes = confirm(alleles, genome, context=CONTEXT)
    assert [found.contig_names[i] for i in found.contig] == ["chr1", "chr1", "chr2", "chr2"]
    assert found.position.tolist() == [50, 700, 20, 90]
    assert found.row.tolist() == [3, 1, 4, 0]
    assert STATUSES[codes[2]] is Status.CONTIG_MISSING


def test_substitutions_are_sorted_by_the_base_that_changes(genome, sequences):
    chr1 = sequences["chr1"]
    late = parse_alleles("chr1", 101, chr1[100:110], chr1[100:109] + other(chr1[109]))
    early = parse_alleles("chr1", 105, chr1[104], other(chr1[104]))
    found, _ = confirm(late + early, genome, context=CONTEXT)
    assert found.position.tolist() == [104, 109]


def test_no_alleles_are_no_substitutions(genome):
    found, codes = confirm([], genome, context=CONTEXT)
    assert len(found) == len(codes) == 0


def test_every_status_has_a_meaning():
    assert set(MEANINGS) == set(Status)


def test_every_status_is_documented():
    page = (Path(__file__).parents[3] / "docs" / "variant_scores.md").read_text("utf-8")
    assert [status for status in Status if f"`{status}`" not in page] == []
