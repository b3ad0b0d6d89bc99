"""Strands of DNA strings."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_genomics import DNATokenizer
from hf_genomics.data.sequence import (
    IUPAC_CODES,
    MASK_TOKEN,
    opposite_strand,
    reverse_complement,
)

DNA = st.text(alphabet=IUPAC_CODES.replace("U", "") + "acgtn-.")


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        ("", ""),
        ("A", "T"),
        ("AACG", "CGTT"),
        ("acgTN", "NAcgt"),
        ("RYSWKMBDHVN", "NBDHVKMWSRY"),
        ("AC-G.", ".C-GT"),
        ("AC\nGT", "AC\nGT"),
        ("ACGU", "ACGT"),
    ],
)
def test_reverse_complement_by_hand(sequence, expected):
    assert reverse_complement(sequence) == expected


@settings(deadline=None)
@given(DNA)
def test_reverse_complement_is_its_own_inverse(sequence):
    assert reverse_complement(reverse_complement(sequence)) == sequence


@settings(deadline=None)
@given(DNA, DNA)
def test_reverse_complement_of_a_concatenation_is_that_of_the_parts_swapped(left, right):
    assert reverse_complement(left + right) == reverse_complement(right) + reverse_complement(left)


@pytest.mark.parametrize(("sequence", "position"), [("ACXGT", 2), ("é", 0), ("ACGT5Z", 4)])
def test_a_character_that_is_no_nucleotide_is_named_with_its_position(sequence, position):
    message = f"{sequence[position]!r} at position {position}"
    with pytest.raises(ValueError, match=message):
        reverse_complement(sequence)


def test_the_unchecked_strand_leaves_unknown_characters_to_the_tokenizer():
    assert opposite_strand("AC!T") == "A!GT"


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        ("AC[MASK]GG", "CC[MASK]GT"),
        ("[MASK]A", "T[MASK]"),
        ("[MASK][MASK]", "[MASK][MASK]"),
        ("A[MASK", "MSTK[T"),
    ],
)
def test_a_masked_base_is_masked_on_the_other_strand(sequence, expected):
    assert opposite_strand(sequence) == expected


def test_the_mask_is_that_of_the_tokenizer():
    assert DNATokenizer().mask_token == MASK_TOKEN
