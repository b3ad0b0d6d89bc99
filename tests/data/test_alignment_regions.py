"""Columns joined into regions, and regions cut into rows with context."""

from pathlib import Path

import numpy as np
import pytest

from hf_genomics.data.alignment_regions import ColumnBuffer, RegionCutter, UnsortedAlignment
from hf_genomics.data.alignments import ReferenceColumns


def piece(start: int, text: str, other: str = "") -> ReferenceColumns:
    """Columns of two leaves: the reference and one more, unknown by default."""
    bases = np.array(["ACGTN".index(base) for base in text], np.uint8)
    others = np.array(["ACGTN".index(base) for base in other or "N" * len(text)])
    states = np.stack([bases, others], axis=1).astype(np.int8)
    return ReferenceColumns("chr1", start, bases, states, None, Path("x"), 3)


def texts(runs) -> list[tuple[int, str, str]]:
    letters = np.array(list("ACGTN"))
    return [
        (start, "".join(letters[bases]), "".join(letters[states[:, 1]]))
        for start, bases, states in runs
    ]


def buffered(*pieces: ReferenceColumns, start: int = 0) -> ColumnBuffer:
    buffer = ColumnBuffer("chr1", start, 2, 0)
    for columns in pieces:
        buffer.add(columns)
    return buffer


def rows_of(*pieces: ReferenceColumns, max_length: int = 100, flank: int = 3, **options):
    cutter = RegionCutter("chr1", max_length=max_length, flank=flank, **options)
    rows = [row for p in pieces for row in cutter.add(p.start, p.bases, p.leaf_states)] + list(
        cutter.end()
    )
    return [(row.start, row.left_flank, row.sequence, row.right_flank) for row in rows]


def test_adjacent_pieces_become_one_run_and_others_do_not():
    buffer = buffered(piece(2, "AC"), piece(4, "G"), piece(6, "T"))
    assert texts(buffer.take()) == [(2, "ACG", "NNN"), (6, "T", "N")]


def test_columns_leave_in_parts():
    buffer = buffered(piece(2, "ACGT"))
    assert texts(buffer.take(4)) == [(2, "AC", "NN")]
    buffer.add(piece(5, "T", "A"))
    assert texts(buffer.take()) == [(4, "GT", "NA")]


def test_buffer_holds_more_than_it_was_made_for():
    long = "ACGT" * 2000
    assert texts(buffered(piece(5, long)).take()) == [(5, long, "N" * 8000)]


def test_of_overlapping_columns_the_one_with_more_known_bases_is_kept():
    one, other = piece(0, "ACGT", "NANT"), piece(1, "CGTA", "GTNN")
    for order in ((one, other), (other, one)):
        buffer = buffered(*order)
        assert texts(buffer.take()) == [(0, "ACGTA", "NATTN" if order[0] is one else "NGTTN")]
        assert buffer.overlapping_columns == 3


def test_known_reference_base_stands_over_an_unknown_one():
    for order in ((piece(0, "NA"), piece(0, "CN", "AA")), (piece(0, "CN", "AA"), piece(0, "NA"))):
        (run,) = buffered(*order).take()
        assert run[1].tolist() == [1, 0]
        assert run[2].tolist() == [[1, 0], [0, 0]]


def test_contradicting_reference_bases_are_an_error():
    with pytest.raises(
        ValueError, match="x, line 3: the reference base at chr1:1 is G, but an ear"
    ):
        buffered(piece(0, "AC"), piece(1, "GT"))


def test_piece_before_what_has_left_is_an_error():
    buffer = buffered(piece(2, "ACGT"))
    list(buffer.take(4))
    with pytest.raises(UnsortedAlignment, match="line 3: the block begins at chr1:3, after blocks"):
        buffer.add(piece(3, "C"))


def test_row_has_context_from_its_neighbours_and_none_from_further_off():
    assert rows_of(piece(0, "AACC"), piece(6, "GGTT"), piece(13, "A")) == [
        (0, "", "AACC", "NNG"),
        (6, "CNN", "GGTT", ""),
        (13, "", "A", ""),
    ]


def test_context_spans_short_rows():
    assert rows_of(piece(0, "A"), piece(2, "C"), piece(4, "G"), flank=4) == [
        (0, "", "A", "NCNG"),
        (2, "AN", "C", "NG"),
        (4, "ANCN", "G", ""),
    ]


def test_long_region_is_cut_and_loses_nothing():
    assert rows_of(piece(1, "ACGT"), piece(5, "AACC"), max_length=3) == [
        (1, "", "ACG", "TAA"),
        (4, "ACG", "TAA", "CC"),
        (7, "TAA", "CC", ""),
    ]


def test_cuts_do_not_depend_on_how_the_columns_came():
    text = "ACGTTGCAACCGGTTA"
    whole = rows_of(piece(0, text), max_length=5, flank=7)
    for size in (1, 2, 3, 7):
        parts = [piece(i, text[i : i + size]) for i in range(0, len(text), size)]
        assert rows_of(*parts, max_length=5, flank=7) == whole


def test_unknown_bases_at_the_outer_end_of_the_context_are_left_out():
    assert rows_of(piece(0, "NNA"), piece(4, "CNN"), piece(8, "G"), flank=3) == [
        (0, "", "NNA", "NC"),
        (4, "A" + "N", "CNN", "NG"),
        (8, "", "G", ""),
    ]


def test_no_context_where_none_is_wanted():
    assert rows_of(piece(0, "AC"), piece(2, "GT"), max_length=2, flank=0) == [
        (0, "", "AC", ""),
        (2, "", "GT", ""),
    ]


def test_context_comes_from_the_genome_where_there_is_one():
    genome = "TTACGTGGCA"
    rows = rows_of(piece(2, "ACG"), piece(8, "CA"), reference_bases=lambda _, a, b: genome[a:b])
    assert rows == [(2, "TT", "ACG", "TGG"), (8, "TGG", "CA", "")]
