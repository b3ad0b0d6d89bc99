"""What an input row says, what the reference says to it, and the status that follows.

A score is given to a row that changes one base, on a reference that has the base the row claims.
Every other row gets a status that says why it has none. Coordinates are 0-based here, while files
are 1-based.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hf_genomics.data.indexed_genome import UNKNOWN, IndexedGenome, encode
from hf_genomics.data.sequence import BASES, IUPAC_CODES

_DECIMAL = re.compile(r"-?\d+\.0*")  # of a whole number
LARGEST_POSITION = 1 << 62  # far beyond any contig, and fits where positions are kept
COLUMNS = ("chrom", "pos", "ref", "alt")  # what a row of a table says of its alleles


class Status(StrEnum):
    """Why an allele has scores, or has none; `MEANINGS` puts it in words."""

    OK = "ok"
    CONTIG_END = "contig_end"
    REFERENCE_MISMATCH = "reference_mismatch"
    REF_IS_N = "ref_is_n"
    ALT_IS_N = "alt_is_n"
    INDEL = "indel"
    MNV = "mnv"
    SYMBOLIC = "symbolic"
    NO_ALTERNATIVE = "no_alternative"
    SAME_AS_REFERENCE = "same_as_reference"
    CONTIG_MISSING = "contig_missing"
    OUT_OF_RANGE = "out_of_range"
    NOT_FINITE = "not_finite"
    MALFORMED = "malformed"


SCORED = frozenset({Status.OK, Status.CONTIG_END})
STATUSES = tuple(Status)
CODES = {status: code for code, status in enumerate(STATUSES)}

MEANINGS = {
    Status.OK: "scored",
    Status.CONTIG_END: "scored, but the model's window reaches beyond the contig and reads N there",
    Status.REFERENCE_MISMATCH: "the FASTA has another base than the row's REF",
    Status.REF_IS_N: "the base that changes is N or another ambiguity code in the FASTA or in REF",
    Status.ALT_IS_N: "ALT is N or another ambiguity code",
    Status.INDEL: "REF and ALT differ in length",
    Status.MNV: "REF and ALT differ in more than one base",
    Status.SYMBOLIC: "ALT is symbolic (such as <DEL> or *) or a breakend",
    Status.NO_ALTERNATIVE: "ALT is '.', there is no alternative allele",
    Status.SAME_AS_REFERENCE: "ALT equals REF",
    Status.CONTIG_MISSING: "the FASTA has no contig of this name",
    Status.OUT_OF_RANGE: "the position lies outside the contig",
    Status.NOT_FINITE: "the model returned a value that is not finite",
    Status.MALFORMED: "the contig, position, REF or ALT cannot be read",
}


@dataclass(frozen=True, slots=True)
class Allele:
    """One alternative allele of one input row, as far as its text goes.

    Args:
        contig: Name of the contig.
        start: 0-based position of the first base of REF.
        reference: REF in upper case, DNA letters.
        offset: Index in REF of the one base that changes.
        alternative: The base it changes to.
        status: `OK` if the text describes a change of one base, else why not.
    """

    contig: str
    start: int
    reference: str
    offset: int
    alternative: str
    status: Status


@dataclass(frozen=True)
class Substitutions:
    """Changes of one base that the reference confirms, sorted by contig and position.

    `contig (n,)` indexes `contig_names`; `position (n,)` is 0-based; `reference (n,)` and
    `alternative (n,)` are states 0 to 3 for A, C, G, T; `row (n,)` is the allele's place in its
    block.
    """

    contig_names: tuple[str, ...]
    contig: NDArray[np.int64]
    position: NDArray[np.int64]
    reference: NDArray[np.uint8]
    alternative: NDArray[np.uint8]
    row: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.position)


def parse_alleles(contig: Any, position: Any, reference: Any, alternatives: Any) -> list[Allele]:
    """The alleles of one row, one for each comma-separated part of `alternatives`, at least one.

    Args:
        contig: Name of the contig.
        position: 1-based position, a whole number or text.
        reference: REF. Empty or `-` (an insertion in some tables) is an indel.
        alternatives: ALT. Empty or `-` (a deletion in some tables) is an indel.
    """
    name = _text(contig)
    pos = position_of(position)
    start = None if pos is None else pos - 1
    ref = _bases(_text(reference))
    return [_allele(name, start, ref, text) for text in _text(alternatives).split(",")]


def joined(alternatives: Any) -> Any:
    """A list of alternatives as comma-separated text (`.` if it is empty); others as they are."""
    if not isinstance(alternatives, list | tuple | np.ndarray):
        return alternatives
    return ",".join(_text(one) for one in alternatives) if len(alternatives) else "."


def position_of(value: Any) -> int | None:
    """The whole number that a field holds, None if it holds none that a position can be.

    Text such as `21.0` holds one: pandas writes it where a column has a missing value.
    """
    try:
        if isinstance(value, float | np.floating):
            number = int(value) if float(value).is_integer() else None
        else:
            text = _text(value)
            if _DECIMAL.fullmatch(text):
                text = text.partition(".")[0]
            number = int(text) if "_" not in text else None  # int() takes 1_0 for 10
    except ValueError:
        return None
    return None if number is None or abs(number) > LARGEST_POSITION else number


def confirm(
    alleles: Sequence[Allele], genome: IndexedGenome, *, context: tuple[int, int]
) -> tuple[Substitutions, NDArray[np.uint8]]:
    """Holds alleles against the reference, in the order of the genome.

    Args:
        alleles: Those of one block, in any order.
        genome: The reference.
        context: Bases to the left and right of a site that its score depends on.

    Returns:
        The substitutions to score, and the status code (an index of `STATUSES`) of each allele.
    """
    codes = np.empty(len(alleles), np.uint8)
    names: dict[str, int] = {}
    found: list[tuple[int, int, int, int, int]] = []
    order = sorted(range(len(alleles)), key=lambda i: (alleles[i].contig, alleles[i].start))
    for row in order:
        allele = alleles[row]
        status = _confirmed_status(allele, genome, context)
        codes[row] = CODES[status]
        if status in SCORED:
            contig = names.setdefault(allele.contig, len(names))
            site = allele.start + allele.offset
            states = BASES.index(allele.reference[allele.offset]), BASES.index(allele.alternative)
            found.append((contig, site, *states, row))
    # Sorted by the first base of REF so far; what changes may be a later one.
    columns = np.array(sorted(found), np.int64).reshape(-1, 5)
    contig_, site_, reference, alternative, row_ = columns.T
    states_ = reference.astype(np.uint8), alternative.astype(np.uint8)
    return Substitutions(tuple(names), contig_, site_, *states_, row_), codes


def _confirmed_status(allele: Allele, genome: IndexedGenome, context: tuple[int, int]) -> Status:
    if allele.status is Status.MALFORMED:
        return allele.status
    length = genome.lengths.get(allele.contig)
    if length is None:
        return Status.CONTIG_MISSING
    end = allele.start + len(allele.reference)
    if allele.start < 0 or allele.start >= length or end > length:
        return Status.OUT_OF_RANGE
    here = genome.states(allele.contig, allele.start, end)
    claimed = encode(allele.reference)
    if np.any((here != claimed) & (here < UNKNOWN) & (claimed < UNKNOWN)):
        return Status.REFERENCE_MISMATCH
    if allele.status is not Status.OK:
        return allele.status
    if here[allele.offset] == UNKNOWN:
        return Status.REF_IS_N
    site = allele.start + allele.offset
    inside = site >= context[0] and site + context[1] < length
    return Status.OK if inside else Status.CONTIG_END


def _allele(contig: str, start: int | None, ref: str, text: str) -> Allele:
    text = text.strip()
    offset, base = 0, ""
    alt = _bases(text)
    if not contig or start is None or not _is_dna(ref):
        status = Status.MALFORMED
    elif text == ".":
        status = Status.NO_ALTERNATIVE
    elif any(sign in text for sign in "<>[]*."):
        status = Status.SYMBOLIC
    elif not _is_dna(alt):
        status = Status.MALFORMED
    elif len(alt) != len(ref):
        status = Status.INDEL
    elif alt == ref:
        status = Status.SAME_AS_REFERENCE if ref else Status.MALFORMED
    else:
        changed = [i for i, pair in enumerate(zip(ref, alt, strict=True)) if pair[0] != pair[1]]
        offset, base = changed[0], alt[changed[0]]
        if len(changed) > 1:
            status = Status.MNV
        elif ref[offset] not in BASES:
            status = Status.REF_IS_N
        else:
            status = Status.OK if base in BASES else Status.ALT_IS_N
    return Allele(contig, -1 if start is None else start, ref, offset, base, status)


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():  # pandas's 1 beside missing values
        value = int(value)
    return str(value).strip()


def _bases(text: str) -> str:
    return "" if text == "-" else text.upper().replace("U", "T")


def _is_dna(text: str) -> bool:
    return not set(text) - _DNA


_DNA = frozenset(IUPAC_CODES)
