"""Counts of codes: hand-worked cases, and which codes are at edges."""

import numpy as np
import pytest

from hf_genomics.evaluation.vocabulary_statistics import (
    LevelStatistics,
    SparseCounter,
    consensus,
    information,
    spell,
)

A, C, G, T, N = range(5)
COUNTS = ("count", "frequency", "edge_count", "only_at_edges")


def level(
    bases: list[int], codes: list[int], *, others=None, owned=None, top: int = 10, **options
) -> list[dict]:
    """Rows of one level after one window."""
    statistics = LevelStatistics(**{"size": 3, "radius": 1, "ratio": 1, "k": 3} | options)
    statistics.add(
        np.array([codes]),
        np.array([codes if others is None else others]),
        np.array([bases]),
        np.ones((1, len(codes)), bool) if owned is None else np.array([owned]),
    )
    return statistics.rows(top=top)


def test_a_case_by_hand():
    # base      A  C  G  A  C  T
    # code      2  0  1  2  0  2    both ends are at edges: their fields reach out of the window
    # opposite  1  1  0  1  2  0
    rows = level([A, C, G, A, C, T], [2, 0, 1, 2, 0, 2], others=[1, 1, 0, 1, 2, 0])
    assert [row["count"] for row in rows] == [2, 1, 1]
    assert [row["frequency"] for row in rows] == [0.5, 0.25, 0.25]
    assert [row["edge_count"] for row in rows] == [0, 0, 2]
    first = rows[0]  # at ACG and at ACT
    assert first["top_kmers"] == [
        {"kmer": "ACG", "count": 1, "share": 0.5},
        {"kmer": "ACT", "count": 1, "share": 0.5},
    ]
    assert first["kmer_entropy"] == 1
    assert first["position_weight_matrix"] == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0.5, 0.5]]
    assert first["information"] == [2, 2, 1]
    assert first["consensus"] == "ACK"
    assert first["reverse_complement_id"] == 1
    assert first["reverse_complement_share"] == 0.5
    assert rows[1]["consensus"] == "CGA"
    assert rows[2]["reverse_complement_id"] == 1
    assert rows[2]["reverse_complement_share"] == 1


def test_a_code_that_was_never_seen_has_counts_of_zero_and_no_statistics():
    row = level([A, C, G], [0, 0, 0])[2]
    assert (row["count"], row["frequency"], row["edge_count"]) == (0, 0, 0)
    assert row["only_at_edges"] is False
    others = {key: value for key, value in row.items() if key not in (*COUNTS, "id")}
    assert others
    assert set(others.values()) == {None}


def test_a_code_that_is_only_at_edges_says_so():
    rows = level([A, C, G, T], [2, 0, 1, 2])
    assert [row["only_at_edges"] for row in rows] == [False, False, True]
    assert rows[2]["consensus"] is None


def test_a_code_beside_an_unknown_base_is_at_an_edge():
    rows = level([A, C, G, N, C, G, T], [0, 1, 1, -1, 1, 2, 0])
    assert [row["count"] for row in rows] == [0, 1, 1]
    assert [row["edge_count"] for row in rows] == [2, 2, 0]  # -1 is no code


def test_what_another_window_counts_is_not_counted():
    rows = level([A, C, G, T], [0, 0, 1, 1], owned=[True, True, False, True])
    assert [row["count"] for row in rows] == [1, 0, 0]
    assert [row["edge_count"] for row in rows] == [1, 1, 0]


def test_top_kmers_come_by_count_then_alphabet_and_no_more_than_asked():
    bases = [T, T, T, T, A, A, A]
    row = level(bases, [0] * 7, top=2, k=1)[0]
    assert [(kmer["kmer"], kmer["count"]) for kmer in row["top_kmers"]] == [("T", 3), ("A", 2)]
    row = level([T, T, A, A], [0] * 4, k=1)[0]
    assert [kmer["kmer"] for kmer in row["top_kmers"]] == ["A", "T"]


@pytest.mark.parametrize(
    ("ratio", "k", "kmer"),
    [
        (1, 3, "CGT"),  # the base 2, G, in its middle
        (1, 2, "CG"),
        (2, 2, "GT"),  # the code's own bases 2 and 3
        (2, 4, "CGTT"),
        (2, 3, "CGT"),  # around the last base of its left half
        (4, 4, "GTTC"),
        (4, 5, "CGTTC"),  # around base 3
    ],
)
def test_where_the_centred_kmer_lies(ratio, k, kmer):
    bases = [A, C, G, T, T, C, A, G]
    codes = {1: [-1, -1, 0] + [-1] * 5, 2: [-1, 0, -1, -1], 4: None}[ratio]
    if codes is None:  # codes of four bases begin at multiples of four
        bases, codes = [A, A, A, C, G, T, T, C, A, G, G, G], [-1, 0, -1]
    row = level(bases, codes, size=1, radius=2, ratio=ratio, k=k)[0]
    assert [found["kmer"] for found in row["top_kmers"]] == [kmer]


def test_a_code_of_two_bases_reads_the_radius_on_either_side_of_both():
    row = level([A, C, G, T, T, C], [1, 0, 1], ratio=2, radius=2, k=2, size=2)[0]
    assert row["consensus"] == "ACGTTC"


@pytest.mark.parametrize(
    ("counts", "letter"),
    [
        ([6, 2, 2, 0], "A"),
        ([5, 2, 2, 1], "N"),  # half is not more than half, and 7 is under three quarters
        ([6, 3, 1, 0], "M"),  # not more than twice the next
        ([0, 4, 0, 4], "Y"),
        ([4, 3, 3, 0], "V"),
        ([3, 3, 3, 3], "N"),
        ([0, 0, 0, 1], "T"),
        ([60, 15, 13, 12], "A"),
        ([45, 30, 15, 10], "N"),  # three quarters is not more than three quarters
        ([46, 30, 14, 10], "M"),
    ],
)
def test_the_letter_of_a_position(counts, letter):
    assert consensus(np.array([counts])) == letter


@pytest.mark.parametrize(
    ("letter", "bases"),
    [("R", "AG"), ("Y", "CT"), ("S", "CG"), ("W", "AT"), ("K", "GT"), ("M", "AC")]
    + [("B", "CGT"), ("D", "AGT"), ("H", "ACT"), ("V", "ACG"), ("N", "ACGT")],
)
def test_iupac_letters_stand_for_their_bases(letter, bases):
    assert consensus(np.array([[int(base in bases) for base in "ACGT"]])) == letter


def test_information_is_two_bits_less_the_entropy():
    weights = np.array([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25] * 4, [0.5, 0.25, 0.125, 0.125]])
    assert information(weights).tolist() == [2, 1, 0, 0.25]


def test_letters_of_a_kmer():
    assert spell(0, 3) == "AAA"
    assert spell(4**2 * G + 4 * A + T, 3) == "GAT"


def test_the_sparse_counter_counts_as_a_dense_one(monkeypatch):
    monkeypatch.setattr("hf_genomics.evaluation.vocabulary_statistics.MERGE_AT", 50)
    counter, generator = SparseCounter(), np.random.default_rng(0)
    dense = np.zeros(400, np.int64)
    for size in (0, 20, 3, 100, 49, 2):
        numbers = generator.integers(0, 20, size) ** 2
        counter.add(numbers)
        dense += np.bincount(numbers, minlength=400)
    counter.merge()
    assert np.array_equal(counter.keys, np.flatnonzero(dense))
    assert np.array_equal(counter.counts, dense[dense > 0])
    keys, counts = counter.of(3, 40)
    assert np.array_equal(keys, np.flatnonzero(dense[120:160]))
    assert np.array_equal(counts, dense[120:160][dense[120:160] > 0])


def test_an_empty_counter_has_nothing():
    counter = SparseCounter()
    counter.merge()
    assert len(counter.of(0, 5)[0]) == 0


@pytest.mark.parametrize(("k", "radius"), [(0, 5), (4, 1), (12, 20)])
def test_kmers_that_cannot_be_counted_are_refused(k, radius):
    with pytest.raises(ValueError, match=f"k is {k}; give 1 to"):
        LevelStatistics(4, radius, 1, k)


def test_an_end_of_a_window_is_an_edge_though_another_window_counts_the_position():
    rows = level([A, C, G, T], [0, 0, 1, 2], owned=[False, True, True, False])
    assert [row["count"] for row in rows] == [1, 1, 0]
    assert [row["edge_count"] for row in rows] == [1, 0, 1]
    assert [row["only_at_edges"] for row in rows] == [False, False, True]
