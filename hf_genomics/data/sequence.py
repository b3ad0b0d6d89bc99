"""DNA strings: their alphabet and the reverse complement."""

from __future__ import annotations

BASES = "ACGT"
IUPAC_CODES = "ACGTURYSWKMBDHVN"
GAP_CODES = "-."
WHITE_SPACE = " \t\r\n"
MASK_TOKEN = "[MASK]"  # of DNATokenizer: one position, the same on either strand

# U pairs with A and is read as T everywhere else, so it has a complement but is never one.
_COMPLEMENTS = "TGCAAYRSWMKVHDBN"
_COMPLEMENT_TABLE = str.maketrans(
    IUPAC_CODES + IUPAC_CODES.lower(), _COMPLEMENTS + _COMPLEMENTS.lower()
)
_KNOWN = frozenset(IUPAC_CODES + IUPAC_CODES.lower() + GAP_CODES + WHITE_SPACE)


def reverse_complement(sequence: str) -> str:
    """The opposite strand of `sequence`, read in its own 5' to 3' direction.

    Case is kept (lower case marks repeats in many genomes), IUPAC codes become their complements
    (`R`, a purine, becomes `Y`), gaps and white space stay. `U` becomes `A`, so applying the
    function twice returns a DNA string unchanged and turns an RNA string into DNA.

    Raises:
        ValueError: A character is not a nucleotide code; the message names it and its position.
    """
    unknown = set(sequence) - _KNOWN
    if unknown:
        position = min(sequence.index(character) for character in unknown)
        raise ValueError(
            f"{sequence[position]!r} at position {position} (counted from 0) is not a nucleotide "
            f"code; use {IUPAC_CODES} in either case, or {GAP_CODES!r} for gaps."
        )
    return opposite_strand(sequence)


def opposite_strand(sequence: str) -> str:
    """`reverse_complement` without the check: unknown characters stay, for a tokenizer to judge.

    `[MASK]` is one position, and stays as it is.
    """
    parts = sequence.split(MASK_TOKEN)
    return MASK_TOKEN.join(part.translate(_COMPLEMENT_TABLE)[::-1] for part in reversed(parts))
