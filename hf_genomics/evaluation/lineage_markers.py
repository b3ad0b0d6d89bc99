"""Which codes change where a mutation is, and how well such a code marks the genomes that have it.

Legend: Q levels, L letters of a genome; positions are 0-based.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hf_genomics.evaluation.lineage_anchors import Anchors
from hf_genomics.evaluation.lineage_mutations import SpikeMutation, codon_change

Codes = NDArray[np.int32]
ReadCodes = Callable[[str], Codes]

LEVEL_NAMES = ("coarse", "fine")


@dataclass(frozen=True)
class Marker:
    """The changed code that is nearest to a mutation's first substitution.

    Args:
        offset: Of the code, from that substitution.
        reference: The code at this place in the reference genome.
        code: The code with the mutation in the consensus of its lineage.
    """

    offset: int
    reference: int
    code: int


@dataclass(frozen=True)
class CodeChange:
    """What a mutation does to the codes around it.

    Args:
        at_site: For each level the code at the first substitution, in the reference genome and in
            the consensus with the mutation.
        offsets: For each level, where codes differ between the consensus and the same sequence
            without this one mutation, from the first substitution.
        markers: For each level; None where no code changed.
        context: The letters of the consensus that the codes at the site depend on.
    """

    at_site: list[tuple[int, int]]
    offsets: list[list[int]]
    markers: list[Marker | None]
    context: str


def code_change(
    mutation: SpikeMutation, reference: str, aligned: str, read_codes: ReadCodes, radius: int
) -> CodeChange:
    """What a mutation changes, with all else that its lineage's consensus has around it.

    Args:
        mutation: One that the consensus has.
        reference: The reference genome.
        aligned: The consensus, aligned to it, `-` where bases are missing.
        read_codes: Codes `(Q, L)` of a sequence.
        radius: Letters that a code depends on at either side.
    """
    positions = [position - 1 for position, _, _ in mutation.substitutions]
    letters = aligned.replace("-", "")
    sites = [position - aligned.count("-", 0, position) for position in positions]
    without = list(letters)
    for site, position in zip(sites, positions, strict=True):
        without[site] = reference[position]
    start = max(0, min(sites) - 2 * radius)
    end = max(sites) + 2 * radius + 1
    # Codes at the cut ends would be those of a sequence's end; they are not looked at.
    cut = slice(max(0, start - radius), end + radius)
    with_it = read_codes(letters[cut])
    without_it = read_codes("".join(without)[cut])
    site = sites[0] - cut.start
    near_reference = slice(max(0, positions[0] - 3 * radius), positions[0] + 3 * radius + 1)
    in_reference = read_codes(reference[near_reference])
    there = positions[0] - near_reference.start
    at_site, offsets, markers = [], [], []
    for level in range(len(with_it)):
        at_site.append((int(in_reference[level, there]), int(with_it[level, site])))
        changed = np.flatnonzero(with_it[level] != without_it[level]) - site
        offsets.append(changed.tolist())
        marker = None
        if len(changed):
            offset = int(changed[np.lexsort((changed, np.abs(changed)))[0]])
            codes = in_reference[level, there + offset], with_it[level, site + offset]
            marker = Marker(offset, int(codes[0]), int(codes[1]))
        markers.append(marker)
    context = letters[max(0, sites[0] - radius) : sites[0] + radius + 1]
    return CodeChange(at_site, offsets, markers, context)


def marker_table(
    mutations: Mapping[str, Sequence[SpikeMutation]],
    consensus: Mapping[str, str],
    reference: str,
    genomes: Sequence[str],
    codes: Sequence[Codes],
    labels: Sequence[str],
    read_codes: ReadCodes,
    radius: int,
) -> list[dict[str, Any]]:
    """A row for each mutation: its place, the codes that change, and where its markers occur.

    Args:
        mutations: Of each lineage.
        consensus: The aligned consensus of each of these lineages.
        reference: The reference genome.
        genomes: Real genomes, in upper case.
        codes: `(Q, L)` of each.
        labels: Their lineages, by the same names.
        read_codes: Codes of a sequence.
        radius: Letters that a code depends on at either side.

    Raises:
        ValueError: A sequence is not as the mutation says.
    """
    anchors = Anchors(reference)
    positions = {
        mutation.substitutions[0][0] - 1 for of_one in mutations.values() for mutation in of_one
    }
    where: list[dict[int, int | None]] = []
    for genome in genomes:
        places = anchors.index(genome)
        where.append({position: anchors.find(places, position) for position in positions})
    of_reference = read_codes(reference)
    rows = []
    for lineage, of_lineage in mutations.items():
        inside = np.array([label == lineage for label in labels])
        for mutation in of_lineage:
            codons = codon_change(mutation, reference, consensus[lineage])
            change = code_change(mutation, reference, consensus[lineage], read_codes, radius)
            position = mutation.substitutions[0][0] - 1
            sites = [found[position] for found in where]
            row: dict[str, Any] = {
                "lineage": lineage,
                "mutation": mutation.name,
                "nucleotides": mutation.nucleotides,
                "position": position + 1,
                "codons": list(codons),
                "substituted": _shares(_has_base(mutation, genomes, sites), inside),
                "same_context": _shares(
                    _has_context(change.context, radius, genomes, sites), inside
                ),
            }
            for level, marker in enumerate(change.markers):
                name = LEVEL_NAMES[level] if len(change.markers) == 2 else f"level_{level}"
                row[name] = {
                    "reference_code": change.at_site[level][0],
                    "variant_code": change.at_site[level][1],
                    "changed_offsets": change.offsets[level],
                    "marker": None,
                }
                if marker is not None:
                    has = _has_code(marker, level, codes, sites)
                    row[name]["marker"] = {
                        "offset": marker.offset,
                        "reference_code": marker.reference,
                        "code": marker.code,
                        "anywhere_in_reference": int((of_reference[level] == marker.code).sum()),
                        **_shares(has, inside),
                        "agrees": _agreement(has, _has_base(mutation, genomes, sites)),
                    }
            rows.append(row)
    return rows


def _has_base(
    mutation: SpikeMutation, genomes: Sequence[str], sites: Sequence[int | None]
) -> NDArray[np.float64]:
    """1 for a genome with the mutation's first substitution, 0 without, NaN where unknown."""
    new = mutation.substitutions[0][2]
    has = np.full(len(genomes), np.nan)
    for number, (genome, site) in enumerate(zip(genomes, sites, strict=True)):
        if site is not None and 0 <= site < len(genome) and genome[site] in "ACGT":
            has[number] = genome[site] == new
    return has


def _has_context(
    context: str, radius: int, genomes: Sequence[str], sites: Sequence[int | None]
) -> NDArray[np.float64]:
    """1 for a genome with the context around the site, NaN where a base of it is unknown."""
    has = np.full(len(genomes), np.nan)
    for number, (genome, site) in enumerate(zip(genomes, sites, strict=True)):
        if site is not None:
            letters = genome[max(0, site - radius) : site + radius + 1]
            if len(letters) == len(context) and not set(letters) - set("ACGT"):
                has[number] = letters == context
    return has


def _has_code(
    marker: Marker, level: int, codes: Sequence[Codes], sites: Sequence[int | None]
) -> NDArray[np.float64]:
    """1 for a genome with the marker's code at the marker's place, NaN where there is no code."""
    has = np.full(len(codes), np.nan)
    for number, (of_genome, site) in enumerate(zip(codes, sites, strict=True)):
        place = -1 if site is None else site + marker.offset
        if (
            site is not None
            and 0 <= place < of_genome.shape[1]
            and of_genome[level, place] >= 0
            and of_genome[level, site] >= 0
        ):
            has[number] = of_genome[level, place] == marker.code
    return has


def _shares(has: NDArray[np.float64], inside: NDArray[np.bool_]) -> dict[str, Any]:
    """Shares of the lineage's genomes and of all others that have it, where that is known."""
    shares: dict[str, Any] = {}
    for name, members in (("in_lineage", inside), ("elsewhere", ~inside)):
        known = has[members & ~np.isnan(has)]
        shares[name] = float(known.mean()) if len(known) else float("nan")
        shares[f"known_{name}"] = len(known)
    return shares


def _agreement(has: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Share of genomes that have both or neither, of those where both are known."""
    known = ~np.isnan(has) & ~np.isnan(other)
    return float((has[known] == other[known]).mean()) if known.any() else float("nan")
