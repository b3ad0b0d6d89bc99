"""From an alignment block to columns over the reference, one state per leaf of a tree.

Letters: R rows of a block, W its aligned columns, n those with a reference base, S leaves.
States: 0..3 = A, C, G, T; 4 = gap or unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hf_genomics.data.alignment_files import (
    CHARACTER_CODES,
    GAP,
    INVALID,
    UNKNOWN,
    AlignedRow,
    AlignmentBlock,
    invalid_character,
)
from hf_genomics.data.maf import wrong_size
from hf_genomics.data.species_map import SpeciesMap

_COMPLEMENT = np.array([3, 2, 1, 0, UNKNOWN, GAP], np.uint8)


@dataclass(frozen=True)
class ReferenceColumns:
    """Columns of consecutive reference bases, on the plus strand.

    Attributes:
        contig: chromosome or locus of the reference.
        start: 0-based position of the first column.
        bases: uint8 (n,), reference states.
        leaf_states: int8 (n, S).
        contig_size: bases of the contig, or None where unknown.
        path, line: the block they come from.
    """

    contig: str
    start: int
    bases: NDArray[np.uint8]
    leaf_states: NDArray[np.int8]
    contig_size: int | None
    path: Path
    line: int


@dataclass
class ColumnCounts:
    """What was met and what was left out; known bases are A, C, G, T over a reference base."""

    blocks: int = 0
    blocks_without_reference: int = 0
    blocks_without_reference_bases: int = 0
    minus_strand_blocks: int = 0
    repeated_reference_rows: int = 0
    rows_of_wrong_size: int = 0  # MAF: bases are not as many as the row says
    paralogous_rows: int = 0
    rows_of_a_leaf_given_twice: int = 0
    known_bases: Counter[str] = field(default_factory=Counter)  # of each species
    rows: Counter[str] = field(default_factory=Counter)  # of each species


class ColumnExtractor:
    """Turns blocks into columns over one reference species.

    - The block's first row of the reference is its reference; more of them are left out.
    - Of several rows of one species the one that equals the reference in most columns is kept,
      of equals the one with the smaller contig name, start, strand and text.
    - Of several species that are the same leaf the one with most known bases in the block is
      kept, of equals the first by name. The reference's leaf is the reference itself.

    Args:
        reference: the reference's name in the alignment.
        species_map: name -> leaf.
        leaf_names: leaves in the order of the states; a species whose leaf is not there is counted
            and left out.
    """

    def __init__(self, reference: str, species_map: SpeciesMap, leaf_names: Sequence[str]) -> None:
        self.reference = reference
        self.counts = ColumnCounts()
        self._num_leaves = len(leaf_names)
        self._species_map = species_map
        self._leaf_index = {name: index for index, name in enumerate(leaf_names)}
        self._index_of: dict[str, int] = {}  # species -> index of its leaf, -1 for none

    def columns(self, block: AlignmentBlock) -> ReferenceColumns | None:
        """The columns of a block that have a reference base, or None without any.

        Raises:
            ValueError: A row holds a character that is neither nucleotide code nor gap, or the
                reference row not as many bases as it says.
        """
        counts = self.counts
        counts.blocks += 1
        references = [i for i, row in enumerate(block.rows) if row.species == self.reference]
        if not references:
            counts.blocks_without_reference += 1
            return None
        counts.repeated_reference_rows += len(references) - 1
        reference = block.rows[references[0]]
        wrong = [row for row in block.rows if len(row.text) - row.text.count(b"-") != row.size]
        if reference in wrong:
            bases = len(reference.text) - reference.text.count(b"-")
            raise wrong_size(block.path, reference.line, reference.size, bases)
        counts.rows_of_wrong_size += len(wrong)
        codes = self._codes(block)
        start = reference.start
        if reference.strand == "-":
            counts.minus_strand_blocks += 1
            codes = _COMPLEMENT[codes[:, ::-1]]
            start = (reference.contig_size or 0) - reference.start - reference.size
        codes = codes[:, codes[references[0]] != GAP]  # (R, W) -> (R, n)
        if not codes.shape[1]:
            counts.blocks_without_reference_bases += 1
            return None
        codes[codes == GAP] = UNKNOWN
        rows, leaves = self._choose(block.rows, references, codes)
        states = np.full((codes.shape[1], self._num_leaves), UNKNOWN, np.int8)
        states[:, leaves] = codes[rows].T
        return ReferenceColumns(
            contig=reference.contig,
            start=start,
            bases=codes[references[0]],
            leaf_states=states,
            contig_size=reference.contig_size,
            path=block.path,
            line=block.line,
        )

    def _codes(self, block: AlignmentBlock) -> NDArray[np.uint8]:
        """uint8 (R, W), with gaps told from unknown bases."""
        text = np.frombuffer(b"".join([row.text for row in block.rows]), np.uint8)
        codes: NDArray[np.uint8] = CHARACTER_CODES[text].reshape(len(block.rows), -1)
        if codes.size and codes.max() == INVALID:
            row = block.rows[int((codes == INVALID).any(axis=1).argmax())]
            raise invalid_character(block.path, row.line, row.text)
        return codes

    def _choose(
        self, rows: list[AlignedRow], references: list[int], codes: NDArray[np.uint8]
    ) -> tuple[list[int], list[int]]:
        """One row for each leaf: numbers of the rows, numbers of their leaves."""
        known = (codes < UNKNOWN).sum(axis=1).tolist()
        by_leaf: dict[int, list[int]] = {}
        for number, row in enumerate(rows):
            if row.species == self.reference and number != references[0]:
                continue
            self.counts.known_bases[row.species] += known[number]
            self.counts.rows[row.species] += 1
            leaf = self._leaf(row.species)
            if leaf >= 0:
                by_leaf.setdefault(leaf, []).append(number)
        chosen = {}
        for leaf, numbers in by_leaf.items():
            if len(numbers) > 1:
                numbers = self._most_identical(rows, numbers, references[0], codes)
            if len(numbers) > 1:
                self.counts.rows_of_a_leaf_given_twice += len(numbers) - 1
                reference_first = [number != references[0] for number in numbers]
                order = zip(
                    reference_first,
                    (-known[number] for number in numbers),
                    (rows[number].species for number in numbers),
                    numbers,
                    strict=True,
                )
                numbers = [min(order)[-1]]
            chosen[leaf] = numbers[0]
        return list(chosen.values()), list(chosen)

    def _most_identical(
        self,
        rows: list[AlignedRow],
        numbers: list[int],
        reference: int,
        codes: NDArray[np.uint8],
    ) -> list[int]:
        """One row for each species among `numbers`."""
        same = (codes[numbers] == codes[reference]) & (codes[numbers] < UNKNOWN)
        best: dict[str, tuple[tuple[object, ...], int]] = {}
        for number, identity in zip(numbers, same.sum(axis=1).tolist(), strict=True):
            row = rows[number]
            key = (-identity, row.contig, row.start, row.strand, row.text)
            if row.species not in best or key < best[row.species][0]:
                best[row.species] = (key, number)
        self.counts.paralogous_rows += len(numbers) - len(best)
        return [number for _, number in best.values()]

    def _leaf(self, species: str) -> int:
        index = self._index_of.get(species)
        if index is None:
            index = self._leaf_index.get(self._species_map.leaf_of(species), -1)
            self._index_of[species] = index
        return index
