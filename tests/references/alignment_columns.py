"""MAF and aligned FASTA to columns, one character at a time; slow, and written on its own."""

import gzip
from collections.abc import Container, Iterator
from functools import partial
from pathlib import Path

# (contig, position) -> species -> base, "-" for gaps; all on the reference's plus strand
Columns = dict[tuple[str, int], dict[str, str]]

PAIRS = dict(zip("ACGTacgt-", "TGCAtgca-", strict=True))


def text_of(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()


def maf_columns(text: str, reference: str) -> Columns:
    """Columns with a reference base; of two at one place the one with more bases, or the first."""
    columns: Columns = {}
    for paragraph in paragraphs(text):
        rows = [line.split() for line in paragraph if line.startswith("s")]
        found = [row for row in rows if row[1].split(".")[0] == reference]
        if not found:
            continue
        _, source, start, _, strand, total, aligned = found[0]
        position = int(start)
        for column, base in enumerate(aligned):
            if base == "-":
                continue
            place = position
            bases = {row[1].split(".")[0]: row[6][column] for row in reversed(rows)}
            num_others = partial(num_known, reference)
            if strand == "-":
                place = int(total) - 1 - position
                bases = {species: PAIRS.get(base, "N") for species, base in bases.items()}
            key = source.partition(".")[2], place
            if key not in columns or num_others(bases) > num_others(columns[key]):
                columns[key] = bases
            position += 1
    return columns


def paragraphs(text: str) -> Iterator[list[str]]:
    """Blocks of lines, each begun by a line `a`."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("a"):
            yield lines
            lines = []
        lines.append(line)
    yield lines


def fasta_columns(text: str, reference: str, wanted: Container[str] | None = None) -> Columns:
    """As `maf_columns`, from records `>LOCUS|Species`; several records of one species: the last.

    Args:
        text: the file.
        reference: name of the species.
        wanted: the loci to read, all by default.
    """
    loci: dict[str, dict[str, str]] = {}
    for record in text.split(">")[1:]:
        header, _, body = record.partition("\n")
        locus, _, species = header.strip().partition("|")
        if wanted is None or locus in wanted:
            loci.setdefault(locus, {})[species] = body.replace("\n", "")
    columns: Columns = {}
    for locus, rows in loci.items():
        position = 0
        for column, base in enumerate(rows.get(reference, "")):
            if base != "-":
                columns[locus, position] = {species: row[column] for species, row in rows.items()}
                position += 1
    return columns


def num_known(reference: str, bases: dict[str, str]) -> int:
    """Species besides the reference that have a base."""
    return sum(state(base) < 4 for species, base in bases.items() if species != reference)


def state(base: str) -> int:
    return "ACGT".index(base.upper()) if base.upper() in "ACGT" else 4
