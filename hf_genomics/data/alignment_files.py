"""Lines of alignment files, plain, gzip or bgzip, and what kind of alignment a file holds."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, cast

import numpy as np

from hf_genomics.data.progress import open_watched

AlignmentFormat = Literal["maf", "fasta"]

# Codes of characters, and of states in the data set: A, C, G, T, then gap or unknown.
UNKNOWN = 4
GAP = 5  # inside a block only; stored as UNKNOWN
INVALID = 255

_GZIP_MAGIC = b"\x1f\x8b"
# The empty block that ends every file of bgzip (SAM/BAM specification, section 4.1.2).
_BGZIP_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_BUFFER = 65_536
_LINES_PER_REPORT = 64  # of `arrived`; a line of MAF may have some thousand bytes
_OTHER_COMPRESSIONS = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


class AlignedRow(NamedTuple):
    """One species of an alignment block.

    Attributes:
        species: its name in the file.
        contig: chromosome, scaffold or locus that the bases lie on.
        start: 0-based position of the first base on `strand`.
        size: number of bases.
        strand: "+" or "-"; on "-" positions count from the end of the contig.
        contig_size: bases of the contig; None where the file does not say.
        text: aligned bases with "-" for gaps, as ASCII.
        line: line of the file, counted from 1.
    """

    species: str
    contig: str
    start: int
    size: int
    strand: str
    contig_size: int | None
    text: bytes
    line: int


class AlignmentBlock(NamedTuple):
    """Aligned rows of equal length; `line` is where the block begins in `path`."""

    rows: list[AlignedRow]
    path: Path
    line: int


def _character_codes() -> np.ndarray:
    codes = np.full(256, INVALID, np.uint8)
    for letters, code in (("A", 0), ("C", 1), ("G", 2), ("TU", 3), ("RYSWKMBDHVN", UNKNOWN)):
        for letter in letters + letters.lower():
            codes[ord(letter)] = code
    codes[ord("-")] = GAP
    return codes


CHARACTER_CODES = _character_codes()


def invalid_character(path: Path, line: int, text: bytes) -> ValueError:
    """The error for a row of which `CHARACTER_CODES` does not know a character."""
    where = int(np.flatnonzero(CHARACTER_CODES[np.frombuffer(text, np.uint8)] == INVALID)[0])
    return ValueError(
        f"{path}, line {line}: character {chr(text[where])!r} in aligned column {where} is neither "
        "a nucleotide code nor the gap '-'; correct it, or write N for what is unknown."
    )


def numbered_lines(
    path: Path, arrived: Callable[[int], None] | None = None
) -> Iterator[tuple[int, bytes]]:
    """Lines of a file with their number from 1, as they are, but for a byte-order mark.

    Compression is told from the first bytes, not from the name.

    Args:
        path: The file.
        arrived: Told now and then how many bytes of the file, as it lies on disk, have been read.

    Raises:
        ValueError: A compressed file is cut off, damaged, or compressed in another way; or lines
            end with a carriage return alone.
        OSError: The file cannot be read.
    """
    number = 0
    with open(path, "rb") as raw:
        start = raw.read(16)
        for magic, name in _OTHER_COMPRESSIONS.items():
            if start.startswith(magic):
                raise ValueError(f"{path} is compressed by {name}; use gzip, bgzip or none.")
        if not start.startswith(_GZIP_MAGIC):
            raw.seek(0)
            for number, line in enumerate(raw, start=1):
                if arrived is not None and number % _LINES_PER_REPORT == 0:
                    arrived(raw.tell())
                yield number, _first_line(path, line) if number == 1 else line
            return
        _check_bgzip_end(path, raw, start)
        raw.seek(0)
        try:
            # Buffered once more: the lines of GzipFile itself are read by Python, not by C.
            with io.BufferedReader(cast(io.RawIOBase, gzip.open(raw, "rb")), _BUFFER) as stream:
                for number, line in enumerate(stream, start=1):
                    if arrived is not None and number % _LINES_PER_REPORT == 0:
                        arrived(raw.tell())
                    yield number, _first_line(path, line) if number == 1 else line
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(
                f"{path} breaks off or is damaged after line {number} ({error}); get it again."
            ) from error


def _first_line(path: Path, line: bytes) -> bytes:
    """A file's first line without byte-order mark."""
    # where lines end with these alone, the first one is the whole file
    if b"\r" in line.rstrip(b"\r\n"):
        raise ValueError(
            f"{path} has lines that end with a carriage return alone; write line feeds there "
            "(tr '\\r' '\\n')."
        )
    return line.removeprefix(BOM_UTF8)


def alignment_format(path: Path) -> AlignmentFormat:
    """Whether a file is MAF or FASTA, by its first line that is not empty.

    Raises:
        ValueError: It is empty or neither.
    """
    for number, line in numbered_lines(path):
        if not line.strip():
            continue
        if line.startswith(b">"):
            return "fasta"
        if line.startswith(b"#") or line.split(maxsplit=1)[0] in (b"a", b"track"):
            return "maf"
        raise ValueError(
            f"{path} is neither MAF nor aligned FASTA: line {number} begins with {line[:30]!r}, "
            "not with '##maf', 'a' or '>'."
        )
    raise ValueError(f"{path} is empty.")


def sha256_of(path: Path) -> str:
    """Checksum of the file as it lies on disk, in hexadecimal."""
    with open_watched(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_bgzip_end(path: Path, raw: BinaryIO, start: bytes) -> None:
    """bgzip files are a row of small gzip files: cut between two of them, gzip sees no damage."""
    if start[12:14] == b"BC" and start[3] & 4:
        raw.seek(0, 2)
        raw.seek(max(raw.tell() - len(_BGZIP_END), 0))
        if raw.read() != _BGZIP_END:
            lines = 0
            try:
                raw.seek(0)
                with gzip.open(raw, "rb") as stream:
                    lines = sum(1 for _ in stream)
            except (EOFError, gzip.BadGzipFile, zlib.error):
                pass
            raise ValueError(
                f"{path} breaks off near line {lines}: the block that ends every bgzip file is "
                "missing; get the file again."
            )
