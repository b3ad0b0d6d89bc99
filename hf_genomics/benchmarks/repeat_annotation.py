"""Repeats of a genome, from the `.out` file of RepeatMasker or from GFF or GTF.

Coordinates of both formats are 1-based and include the end; here they are 0-based and half-open.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hf_genomics.data.fasta import open_text
from hf_genomics.data.progress import bar
from hf_genomics.data.tables import naming_file

# Types of features that are repeats, by the Sequence Ontology and by the tools that write GFF.
_REPEAT_TYPES = re.compile(
    r"repeat|transpos|dispersed_repeat|similarity|helitron|_retroelement|LINE|SINE|MITE", re.I
)
_KIND = re.compile(
    r"(?:^|;)\s*(?:gene_type|gene_biotype|biotype|classification|class|family|superfamily)"
    r"[= ]\s*\"?([^\";]+)",
    re.I,
)
_SCORE = re.compile(r"-?\d+(\.\d+)?")  # a whole number, but for searches by profile
_TARGET = re.compile(r"Motif:([^\"\s;]+)")


@dataclass(frozen=True)
class Repeat:
    """A row of an annotation.

    Attributes:
        contig: name.
        start: first base, 0-based.
        end: the base after the last.
        strand: "+" or "-".
        family: what kind of repeat it is, in the words of the annotation.
        wanted: whether it is of a family that was asked for.
        where: file and line, for errors.
    """

    contig: str
    start: int
    end: int
    strand: str
    family: str
    wanted: bool
    where: str


def read_annotation(path: Path, families: Sequence[str] = ()) -> list[Repeat]:
    """The repeats of an annotation, those that were asked for marked as wanted.

    Args:
        path: RepeatMasker `.out`, or GFF or GTF, plain or gzip-compressed.
        families: beginnings of class, family, type or biotype (`LTR/Copia`, `TY`); all repeats if
            none is given.

    Returns:
        Every row of RepeatMasker; of GFF and GTF the features that are repeats by their type, or of
        the families, or, where a family is a biotype, exons.

    Raises:
        ValueError: A line is not of the format, or nothing fits the families.
    """
    with naming_file(path), open_text(path) as file:
        lines = [(number, line.rstrip("\r\n")) for number, line in enumerate(file, start=1)]
    is_out = any(line.split()[:2] == ["SW", "perc"] for _, line in lines[:3])
    rows = list(_from_out(path, lines, families) if is_out else _from_gff(path, lines, families))
    if not any(row.wanted for row in rows):
        known = Counter(_types(lines, is_out)).most_common(8)
        asked = f" of {', '.join(families)}" if families else ""
        held = ", ".join(f"{name} ({count})" for name, count in known) or "no rows"
        raise ValueError(
            f"{path} has no repeat{asked}; it has {held}. Name the "
            "families that are meant by the beginning of their names (--family)."
        )
    return rows


def _from_out(
    path: Path, lines: list[tuple[int, str]], families: Sequence[str]
) -> Iterator[Repeat]:
    for number, line in _watched(lines):
        fields = line.split()
        if not fields or not _SCORE.fullmatch(fields[0]):
            if fields and number > 3:
                raise ValueError(f"{path}, line {number}: {line[:60]!r} is no row of RepeatMasker.")
            continue
        if len(fields) < 11:
            raise ValueError(
                f"{path}, line {number} has {len(fields)} fields; RepeatMasker has 15."
            )
        contig, name, family = fields[4], fields[9], fields[10]
        wanted = not families or any(
            text.lower().startswith(prefix.lower())
            for prefix in families
            for text in (family, name)
        )
        if not families:
            # Runs of a short unit are annotated beside the elements, and are none.
            wanted = not family.startswith(("Simple_repeat", "Low_complexity", "Satellite"))
        yield _repeat(
            path,
            number,
            contig,
            fields[5],
            fields[6],
            "-" if fields[8] == "C" else "+",
            family,
            wanted,
        )


def _from_gff(
    path: Path, lines: list[tuple[int, str]], families: Sequence[str]
) -> Iterator[Repeat]:
    by_biotype = False
    rows = []
    for number, line in _watched(lines):
        if line.startswith(">") or line.startswith("##FASTA"):
            break
        if not line or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != 9:
            raise ValueError(
                f"{path}, line {number} has {len(fields)} fields; GFF has 9, between tabs. The "
                "output of RepeatMasker has 'SW perc' in its first line."
            )
        kind = fields[2]
        biotypes = _KIND.findall(fields[8]) + _TARGET.findall(fields[8])
        own = [kind, *biotypes]
        fits = any(text.lower().startswith(p.lower()) for p in families for text in own)
        if families and fits and not any(kind.lower().startswith(p.lower()) for p in families):
            # A biotype belongs to a gene and to all its parts; the gene stands for them.
            by_biotype = by_biotype or kind.endswith("gene")
            fits = kind.endswith("gene") or bool(_REPEAT_TYPES.search(kind))
        rows.append((number, fields, kind, biotypes, fits))
    for number, fields, kind, biotypes, fits in rows:
        is_repeat = bool(_REPEAT_TYPES.search(kind))
        wanted = fits if families else is_repeat
        if wanted or is_repeat or (by_biotype and kind == "exon"):
            family = next((text for text in biotypes if text), kind) if kind != "exon" else kind
            strand = "-" if fields[6] == "-" else "+"
            yield _repeat(path, number, fields[0], fields[3], fields[4], strand, family, wanted)


def _watched(lines: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    with bar(lines, desc="Annotation", unit=" lines") as shown:
        yield from shown


def _repeat(
    path: Path,
    line: int,
    contig: str,
    first: str,
    last: str,
    strand: str,
    family: str,
    wanted: bool,
) -> Repeat:
    where = f"{path}, line {line}"
    try:
        start, end = int(first) - 1, int(last)
    except ValueError:
        raise ValueError(f"{where}: {first!r} to {last!r} are no positions.") from None
    if not 0 <= start < end:
        raise ValueError(f"{where}: {first} to {last} is no stretch; positions count from 1.")
    return Repeat(contig, start, end, strand, family, wanted, where)


def _types(lines: list[tuple[int, str]], is_out: bool) -> Iterator[str]:
    for _, line in lines:
        fields = line.split() if is_out else line.split("\t")
        if is_out and len(fields) > 10 and _SCORE.fullmatch(fields[0]):
            yield fields[10]
        elif not is_out and len(fields) == 9:
            yield fields[2]
