"""Stretches of a genome by their coordinates, cut out while its FASTA file is read once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from hf_genomics.data.fasta import FastaRecord, read_fasta
from hf_genomics.data.indexed_genome import shortened
from hf_genomics.data.sequence import opposite_strand

from .assemblies import contig_key, other_assembly
from .labelled_rows import LETTERS

_TO_DNA = str.maketrans("U", "T")
_KNOWN = frozenset(LETTERS)
_ALL_KNOWN = (LETTERS + "U" + LETTERS.lower() + "u").encode()
Found = TypeVar("Found")


@dataclass(frozen=True)
class Stretch:
    """A stretch of a contig, 0-based and half-open.

    Attributes:
        contig: name, with or without `chr`.
        start: first base.
        end: the base after the last.
        strand: "+" or "-".
        where: file and row, for errors.
    """

    contig: str
    start: int
    end: int
    strand: str
    where: str


def cut_out(
    genome: Path, stretches: Sequence[Stretch], *, assembly: str | None = None
) -> list[str]:
    """The sequences of stretches, in their order, upper case, each on its own strand.

    Args:
        genome: FASTA file, plain or gzip-compressed; one contig is held at a time.
        stretches: what to cut out.
        assembly: that the coordinates are of, where that is known.

    Raises:
        ValueError: A stretch lies beyond its contig, a contig is unknown or stands twice, the
            genome is another assembly, or holds letters that are no nucleotides.
    """

    def cut(contig: str, sequence: str, index: int) -> str:
        stretch = stretches[index]
        if not 0 <= stretch.start < stretch.end <= len(sequence):
            raise ValueError(
                f"{stretch.where}: {stretch.contig}:{stretch.start}-{stretch.end} (0-based, "
                f"half-open) does not lie within {contig}, which has {len(sequence):,} bases in "
                f"{genome}. {_of(assembly)}"
            )
        piece = sequence[stretch.start : stretch.end].upper().translate(_TO_DNA)
        if not _KNOWN.issuperset(piece):
            odd = sorted(set(piece) - _KNOWN)[0]
            raise ValueError(
                f"{stretch.where}: {genome} has {odd!r} there, which is no nucleotide."
            )
        return opposite_strand(piece) if stretch.strand == "-" else piece

    wanted = [(stretch.contig, stretch.where) for stretch in stretches]
    return visit_contigs(genome, wanted, cut, assembly=assembly)


def require_nucleotides(record: FastaRecord, genome: Path) -> None:
    """Raises ValueError for a contig with letters that stand for no nucleotide."""
    odd = record.sequence.encode("utf-8").translate(None, _ALL_KNOWN).decode("utf-8", "replace")
    if odd:
        raise ValueError(
            f"{genome}: {record.name} has {odd[0]!r} at position {record.sequence.index(odd[0])} "
            f"(counted from 0); DNA is written with the letters {LETTERS}, in either case."
        )


def visit_contigs(
    genome: Path,
    wanted: Sequence[tuple[str, str]],
    visit: Callable[[str, str, int], Found],
    *,
    assembly: str | None = None,
) -> list[Found]:
    """Calls `visit(contig, sequence, index)` for everything wanted, contig by contig.

    Args:
        genome: FASTA file.
        wanted: contig, and file and row for errors, of each index.
        visit: gives what is to be kept for an index.
        assembly: as in `cut_out`.

    Returns:
        What `visit` gave, in the order of `wanted`.

    Raises:
        ValueError: As `cut_out`.
    """
    by_contig: dict[str, list[int]] = {}
    for index, (contig, _) in enumerate(wanted):
        by_contig.setdefault(contig_key(contig), []).append(index)
    found: dict[int, Found] = {}
    names: dict[str, str] = {}
    for record in read_fasta(genome):
        key = contig_key(record.name)
        # hg19 has chrM and chrMT, which are two; it matters only where one of them is wanted
        if key in names and (key in by_contig or names[key] == record.name):
            raise ValueError(
                f"{genome} has {names[key]!r} and {record.name!r}, which are names of one contig."
            )
        names[key] = record.name
        _check_assembly(genome, record.name, len(record.sequence), assembly)
        for index in by_contig.get(key, ()):
            found[index] = visit(record.name, record.sequence, index)
    _require_all(genome, wanted, found, list(names.values()))
    return [found[index] for index in range(len(wanted))]


def _check_assembly(genome: Path, contig: str, length: int, assembly: str | None) -> None:
    other = assembly and other_assembly(assembly, contig, length)
    if other:
        raise ValueError(
            f"{genome} is of assembly {other} ({contig} has {length:,} bases), but the coordinates "
            f"are of {assembly}; name a FASTA file of {assembly}."
        )


def _require_all(
    genome: Path, wanted: Sequence[tuple[str, str]], found: Iterable[int], names: list[str]
) -> None:
    known = set(found)
    for index, (contig, where) in enumerate(wanted):
        if index not in known:
            raise ValueError(
                f"{where}: {genome} has no contig {contig!r}; it has {shortened(names)}."
            )


def _of(assembly: str | None) -> str:
    if assembly is None:
        return "Is it another assembly than that of the coordinates?"
    return f"The coordinates are of {assembly}; is it that assembly?"
