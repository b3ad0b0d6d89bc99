"""Positions of a reference genome in genomes close to it, without an alignment."""

from __future__ import annotations

from collections.abc import Mapping

ANCHOR = 21  # letters; a 21-mer of the reference is found nowhere else in it, as a rule
FURTHEST_ANCHOR = 300  # positions from the site


class Anchors:
    """Finds positions of a reference in other genomes by the 21-mers around them.

    Args:
        reference: The reference genome, in upper case.
    """

    def __init__(self, reference: str) -> None:
        self._kmers = [reference[i : i + ANCHOR] for i in range(len(reference) - ANCHOR + 1)]
        self._unique = _places(reference)

    def index(self, genome: str) -> dict[str, int]:
        """The places of the 21-mers that a genome has once, to be passed to `find`."""
        return _places(genome)

    def find(self, places: Mapping[str, int], position: int) -> int | None:
        """Where a position of the reference is in a genome, None if unknown.

        On either side the nearest 21-mer counts that both sequences have just once. If the two
        disagree an insertion or deletion lies between them: then the nearer one is believed.
        """
        before = self._nearest(places, range(position - ANCHOR, -1, -1), position)
        after = self._nearest(places, range(position + 1, len(self._kmers)), position)
        found = min(filter(None, (before, after)), default=None)
        return None if found is None else found[1]

    def _nearest(
        self, places: Mapping[str, int], starts: range, position: int
    ) -> tuple[int, int] | None:
        """How many steps off the first anchor is, and the place that it says."""
        for steps, start in enumerate(starts[:FURTHEST_ANCHOR]):
            kmer = self._kmers[start]
            place = places.get(kmer, -1)
            if place >= 0 and self._unique.get(kmer, -1) == start:
                return steps, place + position - start
        return None


def _places(sequence: str) -> dict[str, int]:
    """21-mers of A, C, G and T to where they start; -1 if they occur several times."""
    places: dict[str, int] = {}
    for start in range(len(sequence) - ANCHOR + 1):
        kmer = sequence[start : start + ANCHOR]
        if "N" not in kmer:
            places[kmer] = -1 if kmer in places else start
    return places
