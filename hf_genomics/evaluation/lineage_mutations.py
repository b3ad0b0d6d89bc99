"""Published spike mutations of Alpha, Delta and Omicron, and a check of them against sequences.

Positions are 1-based on MN908947.3 (Wuhan-Hu-1), as such mutations are written. The lists are those
by which the variants are described (CoVariants, outbreak.info); deletions and insertions are left
out, and so are mutations that the consensus of the named Pango lineage lacks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SPIKE_START = 21563  # 1-based position of the first base of gene S
CONSENSUS_OF = {"Alpha": "B.1.1.7", "Delta": "B.1.617.2", "Omicron": "BA.1"}

# The standard genetic code, both codon positions in the order T, C, A, G.
_ORDER = "TCAG"
_AMINO_ACIDS = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"

_PUBLISHED = {
    "Alpha": """
        N501Y A23063T; A570D C23271A; D614G A23403G; P681H C23604A; T716I C23709T; S982A T24506G;
        D1118H G24914C""",
    "Delta": """
        T19R C21618G; L452R T22917G; T478K C22995A; D614G A23403G; P681R C23604G; D950N G24410A""",
    "Omicron": """
        A67V C21762T; T95I C21846T; G339D G22578A; S371L T22673C C22674T; S373P T22679C;
        S375F C22686T; K417N G22813T; N440K T22882G; G446S G22898A; S477N G22992A; T478K C22995A;
        E484A A23013C; Q493R A23040G; G496S G23048A; Q498R A23055G; N501Y A23063T; Y505H T23075C;
        T547K C23202A; D614G A23403G; H655Y C23525T; N679K T23599G; P681H C23604A; N764K C23854A;
        D796Y G23948T; N856K C24130A; Q954H A24424T; N969K T24469A; L981F C24503T""",
}


@dataclass(frozen=True)
class SpikeMutation:
    """An amino-acid change of the spike protein and the substitutions that make it.

    Args:
        name: As `N501Y`: the reference's amino acid, the codon from 1, the new amino acid.
        substitutions: Position (1-based, of the genome), reference base, new base of each.
    """

    name: str
    substitutions: tuple[tuple[int, str, str], ...]

    @classmethod
    def parse(cls, text: str) -> SpikeMutation:
        """Reads `N501Y A23063T`, or with several substitutions of one codon.

        Raises:
            ValueError: The text is of another form, or a position is not in the named codon.
        """
        name, *changes = text.split()
        codon = re.fullmatch(r"[A-Z*](\d+)[A-Z*]", name)
        found = [re.fullmatch(r"([ACGT])(\d+)([ACGT])", change) for change in changes]
        if codon is None or not found or not all(found):
            raise ValueError(f"{text!r} is no mutation; write it as 'N501Y A23063T'.")
        parts = tuple((int(m[2]), m[1], m[3]) for m in found if m is not None)
        start = SPIKE_START + 3 * (int(codon[1]) - 1)
        for position, _, _ in parts:
            if not start <= position < start + 3:
                raise ValueError(
                    f"{name} is at positions {start} to {start + 2} of the genome, not at "
                    f"{position}; correct {text!r}."
                )
        return cls(name, parts)

    @property
    def codon_start(self) -> int:
        """0-based position in the genome of the codon's first base."""
        return SPIKE_START - 1 + 3 * (int(self.name[1:-1]) - 1)

    @property
    def nucleotides(self) -> str:
        """As `A23063T`; several after one another."""
        return " ".join(f"{old}{position}{new}" for position, old, new in self.substitutions)


def spike_mutations() -> dict[str, list[SpikeMutation]]:
    """The published mutations of Alpha, Delta and Omicron (BA.1), in the order of the genome."""
    return {
        lineage: [SpikeMutation.parse(part) for part in text.split(";")]
        for lineage, text in _PUBLISHED.items()
    }


def translate(codon: str) -> str:
    """The amino acid of a codon by the standard code, `*` for a stop.

    Raises:
        ValueError: Not three of A, C, G, T.
    """
    if len(codon) != 3 or set(codon) - set(_ORDER):
        raise ValueError(f"{codon!r} is no codon: three of A, C, G and T are needed.")
    first, second, third = (_ORDER.index(base) for base in codon)
    return _AMINO_ACIDS[16 * first + 4 * second + third]


def codon_change(mutation: SpikeMutation, reference: str, aligned: str) -> tuple[str, str]:
    """The codon in the reference and in a sequence aligned to it, both found to be as published.

    Args:
        mutation: What is claimed.
        reference: The reference genome.
        aligned: As long as the reference, `-` where bases are missing.

    Raises:
        ValueError: Bases or amino acids are not those of the mutation; the message says which.
    """
    if len(reference) != len(aligned):
        raise ValueError(
            f"The aligned sequence has {len(aligned)} columns and the reference {len(reference)} "
            "bases; pass a sequence aligned to this reference, insertions left out."
        )
    for position, old, new in mutation.substitutions:
        bases = reference[position - 1] + aligned[position - 1]
        if bases != old + new:
            raise ValueError(
                f"{mutation.name} says {old}{position}{new}, but the sequences have "
                f"{bases[0]}{position}{bases[1]}."
            )
    start = mutation.codon_start
    codons = reference[start : start + 3], aligned[start : start + 3]
    change = f"{translate(codons[0])}{mutation.name[1:-1]}{translate(codons[1])}"
    if change != mutation.name:
        raise ValueError(
            f"The codons {codons[0]} and {codons[1]} make {change}, not {mutation.name}."
        )
    return codons
