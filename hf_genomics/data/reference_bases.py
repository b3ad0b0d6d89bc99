"""Genome of an alignment's reference: bases beyond the alignment, and a check of its own."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import numpy as np

from hf_genomics.data.alignment_regions import RegionRow
from hf_genomics.data.indexed_genome import UNKNOWN, IndexedGenome, encode, shortened

_LETTERS = np.frombuffer(b"ACGTN", np.uint8)


class ReferenceBases:
    """Bases by the alignment's names of chromosomes; a context manager that closes the genome.

    Args:
        path: FASTA, plain, gzip or bgzip, see `IndexedGenome`. Its records have the alignment's
            names (`chr1`), or these behind the species and a dot (`hg38.chr1`).
        reference: The reference species as the alignment names it.
    """

    def __init__(self, path: str | Path, reference: str) -> None:
        self._genome = IndexedGenome(path)
        self._prefixed = {
            name.removeprefix(f"{reference}."): name
            for name in self._genome.lengths
            if name.startswith(f"{reference}.")
        }

    def fetch(self, name: str, start: int, end: int) -> str:
        """Bases `start` to `end`, upper case ACGTN; fewer where the record ends."""
        record = self._record(name)
        first, last = max(start, 0), min(max(end, 0), self._genome.lengths[record])
        if first >= last:
            return ""
        return _LETTERS[self._genome.states(record, first, last)].tobytes().decode()

    def check(self, row: RegionRow) -> None:
        """Raises ValueError where a row has another known base than the genome."""
        record, path = self._record(row.name), self._genome.path
        end, length = row.start + len(row.sequence), self._genome.lengths[record]
        if end > length:
            raise ValueError(
                f"The alignment goes to {record}:{end}, but {record} has {length} bases in {path}; "
                "give the FASTA file of its assembly."
            )
        ours, theirs = self._genome.states(record, row.start, end), encode(row.sequence)
        unequal = (ours != theirs) & (ours != UNKNOWN) & (theirs != UNKNOWN)
        if unequal.any():
            at = int(unequal.argmax())
            raise ValueError(
                f"The reference base at {record}:{row.start + at} (0-based) is "
                f"{chr(_LETTERS[theirs[at]])} in the alignment but {chr(_LETTERS[ours[at]])} in "
                f"{path}; give the FASTA of its assembly."
            )

    def close(self) -> None:
        self._genome.close()

    def __enter__(self) -> ReferenceBases:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _record(self, name: str) -> str:
        record = self._prefixed.get(name, name)
        if record not in self._genome.lengths:
            raise ValueError(
                f"{self._genome.path} has no record {record!r}; its records are "
                f"{shortened(self._genome.lengths)}."
            )
        return record
