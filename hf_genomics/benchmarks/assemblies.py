"""Genome assemblies told by the lengths of their chromosomes, as the INSDC records state them."""

from __future__ import annotations

import re

# Chromosomes that tell the assemblies of a species apart; names without "chr".
LENGTHS: dict[str, dict[str, dict[str, int]]] = {
    "human": {
        "GRCh38": {"1": 248956422, "2": 242193529, "21": 46709983, "22": 50818468, "X": 156040895},
        "GRCh37": {"1": 249250621, "2": 243199373, "21": 48129895, "22": 51304566, "X": 155270560},
    },
    "mouse": {
        "GRCm38": {"1": 195471971, "2": 182113224, "19": 61431566, "X": 171031299},
        "GRCm39": {"1": 195154279, "2": 181755017, "19": 61420004, "X": 169476592},
    },
    "fly": {
        "BDGP6": {"2L": 23513712, "2R": 25286936, "3L": 28110227, "3R": 32079331, "X": 23542271},
        "BDGP5": {"2L": 23011544, "2R": 21146708, "3L": 24543557, "3R": 27905053, "X": 22422827},
    },
}


def contig_key(name: str) -> str:
    """What the names of one contig have in common: `chr1`, `Chr1` and `1`, `chrM` and `MT`.

    The version of an Ensembl identifier is left out.
    """
    if re.fullmatch(r"ENS[A-Z]*\d+\.\d+", name):
        return name.partition(".")[0]
    key = name[3:] if name.lower().startswith("chr") and len(name) > 3 else name
    return "MT" if key == "M" else key


def other_assembly(wanted: str, contig: str, length: int) -> str | None:
    """The assembly of the same species, other than `wanted`, that has such a contig."""
    for assemblies in LENGTHS.values():
        if wanted not in assemblies:
            continue
        key = contig_key(contig)
        if assemblies[wanted].get(key) == length:
            return None
        return next((name for name, known in assemblies.items() if known.get(key) == length), None)
    return None
