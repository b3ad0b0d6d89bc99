"""Variants with the reference sequence around them, read from a genome or from pieces of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import Dataset

from hf_genomics.data.fasta import read_fasta
from hf_genomics.data.indexed_genome import shortened

from .assemblies import contig_key, other_assembly
from .genome_sequences import require_nucleotides
from .labelled_rows import split_dataset
from .specs import TaskSpec

COLUMNS = {
    "chrom": "chromosome, as in the source",
    "pos": "1-based position of the first reference base, as in VCF",
    "ref": "reference allele",
    "alt": "alternate allele; empty for a deletion of the reference allele",
    "offset": "index of the first reference base in `sequence`, 0-based",
}
_REGION = re.compile(r"(.+):(\d+)-(\d+)")


@dataclass(frozen=True)
class Variant:
    """A variant with its label.

    Attributes:
        chrom: chromosome.
        pos: 1-based position of the first reference base.
        ref: reference allele, upper case.
        alt: alternate allele, upper case.
        label: as the task has it.
        where: file and row, for errors.
        place: record of the FASTA file and 0-based index in it, where they are not chrom and pos.
        extra: further columns.
    """

    chrom: str
    pos: int
    ref: str
    alt: str
    label: Any
    where: str
    place: tuple[str, int] | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.chrom}:{self.pos} {self.ref}>{self.alt}"


def alleles(ref: object, alt: object, where: str, *, deletions: bool = False) -> tuple[str, str]:
    """Both alleles in upper case.

    Raises:
        ValueError: One is no sequence of A, C, G, T, or they are equal.
    """
    first, second = str(ref or "").upper(), str(alt or "").upper()
    for name, text in (("reference", first), ("alternate", second)):
        deleted = deletions and name == "alternate" and not text
        if not re.fullmatch("[ACGT]+", text) and not deleted:
            raise ValueError(f"{where}: the {name} allele is {text!r}; A, C, G, T are needed.")
    if first == second:
        raise ValueError(f"{where}: both alleles are {first!r}.")
    return first, second


def require_unique(variants: Sequence[Variant]) -> None:
    """Raises ValueError where a variant stands twice."""
    first: dict[tuple[object, ...], str] = {}
    for variant in variants:
        key = (variant.place, contig_key(variant.chrom), variant.pos, variant.ref, variant.alt)
        if key in first:
            raise ValueError(
                f"{variant.where}: {variant} stands in {first[key]} too; variants are to be unique."
            )
        first[key] = variant.where


def variant_dataset(
    task: TaskSpec,
    variants: Sequence[Variant],
    genome: Path,
    *,
    window: int,
    assembly: str | None = None,
) -> Dataset:
    """Rows with the reference sequence around each variant.

    Args:
        task: what the labels are.
        variants: in the order of the rows.
        genome: FASTA file of chromosomes, or of pieces named `chrom:start-end` (1-based, the end
            included); one record is held at a time. Of pieces that overlap, each variant takes the
            one that holds most of its window, the first of several.
        window: bases of `sequence`; the variant begins in the middle, at index `window // 2`. N
            stands for bases beyond the record, U becomes T, other letters of IUPAC stay.
        assembly: of the coordinates, where it is known.

    Raises:
        ValueError: A variant lies on no record, its reference allele is not that of the genome, or
            the genome is another assembly, has a contig twice (`chr1` and `1` are one) or letters
            that are no nucleotides.
    """
    by_key: dict[str, list[int]] = {}
    for index, variant in enumerate(variants):
        name = variant.place[0] if variant.place else variant.chrom
        by_key.setdefault(contig_key(name), []).append(index)
    windows: dict[int, str] = {}
    missing: dict[int, int] = {}  # bases of the window that lie beyond its record
    names: dict[str, str] = {}
    for record in read_fasta(genome):
        # an element may be named by its region: then the variants name it so, too
        is_named = contig_key(record.name) in by_key
        region = None if is_named else _REGION.fullmatch(record.name)
        chrom, before = (region[1], int(region[2]) - 1) if region else (record.name, 0)
        key = record.name if region else contig_key(record.name)
        if names.get(key) == record.name:
            raise ValueError(f"{genome} has the contig {record.name!r} twice.")
        # hg19 has chrM and chrMT, which are two; it matters only where a variant is on one of them
        if key in names and key in by_key:
            raise ValueError(
                f"{genome} has {names[key]!r} and {record.name!r}, which are names of one contig."
            )
        names[key] = record.name
        other = assembly and other_assembly(assembly, record.name, len(record.sequence))
        if other:
            raise ValueError(
                f"{genome} is of assembly {other} ({record.name} has {len(record.sequence):,} "
                f"bases), but the variants are of {assembly}; name a FASTA file of {assembly}."
            )
        own = by_key.get(contig_key(chrom), [])
        if own:
            require_nucleotides(record, genome)
        for index in own:
            variant = variants[index]
            start = variant.place[1] if variant.place else variant.pos - 1 - before
            if start >= 0 and start + len(variant.ref) <= len(record.sequence):
                _check_reference(variant, record.sequence, start, genome)
                first = start - window // 2
                beyond = max(0, -first) + max(0, first + window - len(record.sequence))
                if index not in windows or beyond < missing[index]:
                    windows[index] = _window(record.sequence, start, window)
                    missing[index] = beyond
    for index, variant in enumerate(variants):
        if index not in windows:
            raise ValueError(
                f"{variant.where}: {variant} lies on no contig of {genome}, which has "
                f"{shortened(list(names.values()))}; is it another assembly?"
            )
    return _rows(task, variants, [windows[index] for index in range(len(variants))], window)


def _check_reference(variant: Variant, sequence: str, start: int, genome: Path) -> None:
    found = _dna(sequence[start : start + len(variant.ref)])
    if found != variant.ref and "N" not in found:
        raise ValueError(
            f"{variant.where}: the reference allele of {variant.chrom}:{variant.pos} is "
            f"{variant.ref}, but {genome} has {found} there; is it another assembly?"
        )


def _window(sequence: str, start: int, window: int) -> str:
    first = start - window // 2
    piece = _dna(sequence[max(0, first) : first + window])
    return piece.rjust(len(piece) - min(0, first), "N").ljust(window, "N")


def _dna(sequence: str) -> str:
    return sequence.upper().replace("U", "T")


def _rows(task: TaskSpec, variants: Sequence[Variant], windows: list[str], window: int) -> Dataset:
    columns: dict[str, Any] = {
        "sequence": windows,
        "label": [variant.label for variant in variants],
        "chrom": [variant.chrom for variant in variants],
        "pos": [variant.pos for variant in variants],
        "ref": [variant.ref for variant in variants],
        "alt": [variant.alt for variant in variants],
        "offset": [window // 2] * len(variants),
    }
    for name in variants[0].extra if variants else ():
        columns[name] = [variant.extra[name] for variant in variants]
    return split_dataset(columns, task)
