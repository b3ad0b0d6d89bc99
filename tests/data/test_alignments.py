"""Blocks to columns over the reference."""

from pathlib import Path

import numpy as np
import pytest

from hf_genomics.data.alignment_files import AlignedRow, AlignmentBlock
from hf_genomics.data.alignments import ColumnExtractor
from hf_genomics.data.species_map import SpeciesMap

LEAVES = ["Human", "Chimp", "Mouse"]
NAMES = SpeciesMap({"hg38": "Human", "hg19": "Human", "panTro6": "Chimp", "panTro5": "Chimp"})


def row(species: str, text: str, *, start=0, strand="+", contig="chr1", size=None) -> AlignedRow:
    bases = len(text) - text.count("-") if size is None else size
    return AlignedRow(species, contig, start, bases, strand, 100, text.encode(), 7)


def extract(*rows: AlignedRow, reference: str = "hg38"):
    extractor = ColumnExtractor(reference, NAMES, LEAVES)
    columns = extractor.columns(AlignmentBlock(list(rows), Path("x.maf"), 6))
    return columns, extractor.counts


def states_of(*rows: AlignedRow) -> list[str]:
    """States of each leaf as text, in the order of LEAVES."""
    columns, _ = extract(*rows)
    return ["".join("ACGTx"[state] for state in leaf) for leaf in columns.leaf_states.T]


def test_columns_without_a_reference_base_are_left_out():
    columns, _ = extract(row("hg38", "A-CG-T", start=5), row("Mouse", "AACC-G"))
    assert columns.start == 5
    assert columns.bases.tolist() == [0, 1, 2, 3]
    assert columns.leaf_states.tolist() == [[0, 4, 0], [1, 4, 1], [2, 4, 1], [3, 4, 2]]
    assert (columns.leaf_states.dtype, columns.bases.dtype) == (np.int8, np.uint8)


def test_lower_case_counts_and_gaps_and_codes_are_unknown():
    assert states_of(row("hg38", "acguACGU"), row("Mouse", "nRyS-wKm"))[::2] == [
        "ACGTACGT",
        "xxxxxxxx",
    ]


def test_unknown_reference_base_is_a_column_all_the_same():
    assert states_of(row("hg38", "ANA"), row("Mouse", "CCC")) == ["AxA", "xxx", "CCC"]


def test_block_on_the_minus_strand_is_turned():
    columns, counts = extract(
        row("hg38", "AC-GT", start=90, strand="-"), row("Mouse", "AACGN", strand="+")
    )
    assert columns.start == 100 - 90 - 4
    assert columns.bases.tolist() == [0, 1, 2, 3]  # ACGT is its own opposite strand
    assert columns.leaf_states[:, 2].tolist() == [4, 1, 3, 3]
    assert counts.minus_strand_blocks == 1


def test_block_without_the_reference_is_counted():
    columns, counts = extract(row("Mouse", "A"))
    assert columns is None
    assert counts.blocks_without_reference == 1


def test_block_in_which_the_reference_is_all_gaps_is_counted():
    columns, counts = extract(row("hg38", "--"), row("Mouse", "AC"))
    assert columns is None
    assert counts.blocks_without_reference_bases == 1


def test_most_identical_paralog_is_kept_wherever_it_stands():
    near, far = row("Mouse", "ACGA", start=1), row("Mouse", "CCCA", start=9)
    for order in ((near, far), (far, near)):
        assert states_of(row("hg38", "ACGT"), *order)[2] == "ACGA"
    assert extract(row("hg38", "ACGT"), near, far)[1].paralogous_rows == 1


def test_unknown_bases_of_a_paralog_are_not_identical():
    paralogs = row("Mouse", "NNNNC"), row("Mouse", "TTTTA")
    assert states_of(row("hg38", "NNNNA"), *paralogs)[2] == "TTTTA"


def test_equal_paralogs_are_told_apart_by_place():
    one = row("Mouse", "AAC", contig="chr1", start=5)
    other = row("Mouse", "AAG", contig="chr2", start=1)
    for order in ((one, other), (other, one)):
        assert states_of(row("hg38", "AAA"), *order)[2] == "AAC"


def test_of_two_names_of_one_leaf_the_one_with_more_bases_is_kept():
    fewer, more = row("panTro5", "AC--"), row("panTro6", "TTT-")
    for order in ((fewer, more), (more, fewer)):
        assert states_of(row("hg38", "ACGT"), *order)[1] == "TTTx"
    assert extract(row("hg38", "ACGT"), fewer, more)[1].rows_of_a_leaf_given_twice == 1


def test_bases_are_counted_over_reference_bases_only():
    names = row("panTro5", "A---C"), row("panTro6", "-TTT-")
    assert states_of(row("hg38", "A---C"), *names)[1] == "AC"


def test_of_equally_long_names_of_one_leaf_the_first_by_name_is_kept():
    names = row("panTro6", "C"), row("panTro5", "G")
    assert states_of(row("hg38", "A"), *names)[1] == "G"


def test_leaf_of_the_reference_is_the_reference():
    rows = row("hg19", "CCCC"), row("hg38", "A--A"), row("Mouse", "GGGG")
    assert states_of(*rows) == ["AA", "xx", "GG"]


def test_first_row_of_the_reference_is_the_reference():
    columns, counts = extract(row("hg38", "A", start=50), row("hg38", "C", start=3))
    assert (columns.start, columns.bases.tolist()) == (50, [0])
    assert counts.repeated_reference_rows == 1


def test_species_without_a_leaf_are_counted_with_their_bases():
    _, counts = extract(row("hg38", "ACGT"), row("yeti", "A-NT"), row("Mouse", "ACGT"))
    assert counts.known_bases == {"hg38": 4, "yeti": 2, "Mouse": 4}


def test_wrong_size_is_an_error_for_the_reference_and_counted_for_others():
    _, counts = extract(row("hg38", "A"), row("Mouse", "A", size=4))
    assert counts.rows_of_wrong_size == 1
    with pytest.raises(ValueError, match=r"x.maf, line 7: the row says that it has 4 bases but ho"):
        extract(row("hg38", "A", size=4), row("Mouse", "A"))


@pytest.mark.parametrize("character", ["*", ".", "?", "J", "é"])
def test_character_that_is_no_base_is_named(character):
    with pytest.raises(ValueError, match=r"x.maf, line 7: character .* in aligned column 2 is nei"):
        extract(row("hg38", "AAAA"), row("Mouse", f"AC{character}A".encode().decode("latin1")[:4]))
