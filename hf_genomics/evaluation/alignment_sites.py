"""Alignment columns with what stands around them in the reference, as arrays over sites.

Legend: n sites, S leaves, R regions; states 0 to 3 are A, C, G, T, 4 is a gap or unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hf_genomics.evaluation.codons import reading_frame

FLANK = 2  # bases kept on each side of a site, enough for a 5-mer
UNKNOWN = 4
NO_CODON = -1

_STATES = np.full(256, UNKNOWN, np.int8)
_STATES[np.frombuffer(b"ACGT", np.uint8)] = np.arange(4, dtype=np.int8)


@dataclass(frozen=True, eq=False)
class AlignmentSites:
    """Sites of an alignment whose reference base is known.

    Attributes:
        leaf_states: int8 (n, S), in the leaf order of the data set's tree.
        context: int8 (n, 5), reference states from two bases before the site to two after it.
        codon_position: int8 (n,), 0, 1 or 2, -1 where there is none.
        region: int32 (n,), index into `names`.
        position: int64 (n,), 0-based position in the named sequence.
        names: name of each region, a chromosome or a locus.
    """

    leaf_states: NDArray[np.int8]
    context: NDArray[np.int8]
    codon_position: NDArray[np.int8]
    region: NDArray[np.int32]
    position: NDArray[np.int64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.region)

    @property
    def reference(self) -> NDArray[np.int8]:
        """Reference state of each site, 0 to 3, shape (n,)."""
        return self.context[:, FLANK]

    def __getitem__(self, index: Any) -> AlignmentSites:
        """The sites that a slice, mask or index array (m,) picks."""
        arrays = {
            field.name: getattr(self, field.name)[index]
            for field in fields(self)
            if field.name != "names"
        }
        return AlignmentSites(**arrays, names=self.names)

    @classmethod
    def from_regions(
        cls, regions: Iterable[Mapping[str, Any]], *, codons: bool = False
    ) -> AlignmentSites:
        """Sites of the rows of an alignment data set.

        Args:
            regions: Rows with `name`, `start`, `sequence` and `leaf_states` (length, S), and the
                known bases around them as `left_flank` and `right_flank`, if there are any.
            codons: Every named sequence is coding, its introns left out; the frame of each is
                found by `reading_frame`.

        Raises:
            ValueError: There is no row, or no known reference base in any.
        """
        parts: list[AlignmentSites] = []
        names: list[str] = []
        stretches: dict[str, list[tuple[int, str]]] = {}
        for row in regions:
            parts.append(_sites_of(row, len(names)))
            names.append(row["name"])
            stretches.setdefault(row["name"], []).append((row["start"], row["sequence"].upper()))
        if codons:
            frames = {name: reading_frame(parts) for name, parts in stretches.items()}
            parts = [part._with_codons(frames[part.names[0]]) for part in parts]
        if not sum(map(len, parts)):
            raise ValueError(
                f"{len(names)} region(s) hold no site with a known reference base; "
                "choose other loci or stretches."
            )
        arrays = {
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(cls)
            if field.name != "names"
        }
        return cls(**arrays, names=tuple(names))

    def _with_codons(self, frame: int) -> AlignmentSites:
        return replace(self, codon_position=((self.position - frame) % 3).astype(np.int8))

    def blocks(self, length: int | None = None) -> NDArray[np.int64]:
        """Number of the block that each site belongs to, shape (n,), for a bootstrap.

        Args:
            length: Bases of a block, counted from position 0 of each named sequence; None takes
                each named sequence as one block.
        """
        names = {name: number for number, name in enumerate(dict.fromkeys(self.names))}
        sequence = np.array([names[name] for name in self.names])[self.region]
        within = np.zeros_like(self.position) if length is None else self.position // length
        _, numbers = np.unique(np.stack([sequence, within]), axis=1, return_inverse=True)
        return numbers.reshape(-1)

    def distinct(self) -> tuple[AlignmentSites, NDArray[np.int64]]:
        """One site of each kind of column, context and codon position, and how many there are."""
        keys = np.concatenate(
            [self.leaf_states, self.context, self.codon_position[:, None]], axis=1
        )
        as_bytes = np.ascontiguousarray(keys).view(np.dtype((np.void, keys.shape[1])))
        _, first, counts = np.unique(as_bytes, return_index=True, return_counts=True)
        return self[first], counts


def reference_states(sequence: str) -> NDArray[np.int8]:
    """States (n,) of bases in either case; everything but A, C, G, T is 4."""
    codes = np.frombuffer(sequence.upper().encode("ascii", "replace"), np.uint8)
    return _STATES[codes]


def contexts(states: NDArray[np.int8]) -> NDArray[np.int8]:
    """(n, 5): each state with the two before and the two after it, 4 beyond the ends."""
    padded = np.pad(states, FLANK, constant_values=UNKNOWN)
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * FLANK + 1)


def _sites_of(row: Mapping[str, Any], number: int) -> AlignmentSites:
    left = (row.get("left_flank") or "")[-FLANK:]  # a missing flank may be null too
    right = (row.get("right_flank") or "")[:FLANK]
    around = contexts(reference_states(left + row["sequence"] + right))
    context = around[len(left) : len(left) + len(row["sequence"])]
    known = np.flatnonzero(context[:, FLANK] != UNKNOWN)
    leaf_states = np.asarray(row["leaf_states"], np.int8)[known]
    return AlignmentSites(
        leaf_states=np.where(leaf_states < 0, UNKNOWN, leaf_states).astype(np.int8),
        context=context[known],
        codon_position=np.full(len(known), NO_CODON, np.int8),
        region=np.full(len(known), number, np.int32),
        position=row["start"] + known.astype(np.int64),
        names=(row["name"],),
    )
