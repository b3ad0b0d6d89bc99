"""Bases of a reference genome by position, from FASTA of any compression, in constant memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hf_genomics.data.alignment_files import numbered_lines

_LETTERS = b"ACGT"


def _upper_case() -> bytes:
    table = bytearray(b"N" * 256)
    for letter in _LETTERS:
        table[letter] = table[ord(chr(letter).lower())] = letter
    table[ord("U")] = table[ord("u")] = ord("T")
    return bytes(table)


_UPPER_CASE = _upper_case()  # whatever is no base becomes N


class ReferenceGenome:
    """The records of a FASTA file, unpacked into one temporary file that is mapped into memory.

    Args:
        path: FASTA, plain, gzip or bgzip; needs no index.
        unpacked: the temporary file, as large as the genome has bases; for the caller to remove.

    Raises:
        ValueError: The file is no FASTA, names a record twice, or breaks off.
    """

    def __init__(self, path: str | Path, unpacked: Path) -> None:
        self.path = Path(path)
        self._places: dict[str, tuple[int, int]] = {}  # name -> first byte, one after the last
        self._unpack(unpacked)
        size = unpacked.stat().st_size
        self._bases: NDArray[np.uint8] = (
            np.memmap(unpacked, np.uint8, "r") if size else np.empty(0, np.uint8)
        )

    @property
    def names(self) -> list[str]:
        return list(self._places)

    def size(self, name: str) -> int:
        """Number of bases.

        Raises:
            ValueError: There is no such record.
        """
        first, end = self._place(name)
        return end - first

    def fetch(self, name: str, start: int, end: int) -> str:
        """Bases `start` to `end`, upper case ACGTN; fewer where the record ends."""
        first, last = self._place(name)
        return bytes(self._bases[first + max(start, 0) : min(first + max(end, 0), last)]).decode()

    def check(self, name: str, start: int, sequence: str) -> None:
        """Raises ValueError where `sequence` (ACGTN) has another known base than this genome."""
        ours = self._bases[slice(*self._place(name))][start : start + len(sequence)]
        if len(ours) != len(sequence):
            raise ValueError(
                f"The alignment goes to {name}:{start + len(sequence)}, but {name} has "
                f"{self.size(name)} bases in {self.path}; give the FASTA file of its assembly."
            )
        theirs = np.frombuffer(sequence.encode(), np.uint8)
        unequal = (ours != theirs) & (ours != ord("N")) & (theirs != ord("N"))
        if unequal.any():
            at = int(unequal.argmax())
            raise ValueError(
                f"The reference base at {name}:{start + at} (0-based) is {chr(theirs[at])} in the "
                f"alignment but {chr(ours[at])} in {self.path}; give the FASTA of its assembly."
            )

    def _place(self, name: str) -> tuple[int, int]:
        if name not in self._places:
            some = ", ".join(self.names[:8]) + (" ..." if len(self.names) > 8 else "")
            raise ValueError(f"{self.path} has no record {name!r}; its records are {some}.")
        return self._places[name]

    def _unpack(self, unpacked: Path) -> None:
        name: str | None = None
        first = position = 0
        with open(unpacked, "wb") as out:
            for number, line in numbered_lines(self.path):
                line = line.strip()
                if line.startswith(b">"):
                    if name is not None:
                        self._places[name] = (first, position)
                    words = line[1:].decode(errors="replace").split(maxsplit=1)
                    name, first = words[0] if words else "", position
                    if not name or name in self._places:
                        raise ValueError(
                            f"{self.path}, line {number}: the header names "
                            f"{'a record a second time' if name else 'no record'}; correct it."
                        )
                elif not line or line.startswith(b";"):  # a comment in old FASTA files
                    continue
                elif name is not None:
                    position += out.write(line.translate(_UPPER_CASE))
                else:
                    raise ValueError(
                        f"{self.path} is not FASTA: line {number} is {line[:30]!r}, before any '>'."
                    )
        if name is None:
            raise ValueError(f"{self.path} holds no FASTA record: no line begins with '>'.")
        self._places[name] = (first, position)
