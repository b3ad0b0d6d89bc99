"""FASTA files, plain or gzip-compressed, read one record at a time."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TextIO, cast

from hf_genomics.data.progress import open_watched

_GZIP_MAGIC = b"\x1f\x8b"


class FastaRecord(NamedTuple):
    """One sequence: `name` is the header up to the first white space, `description` the rest."""

    name: str
    description: str
    sequence: str


def read_fasta(path: str | Path) -> Iterator[FastaRecord]:
    """Yields the records of a FASTA file; case and letters are kept as they are.

    Compression is told by the file's first bytes, not by its name.

    Raises:
        ValueError: The file has no record, text before the first header, or a record without a
            sequence; the message names the line or the record.
    """
    with open_text(path) as lines:
        name: str | None = None
        description = ""
        parts: list[str] = []
        for number, line in enumerate(text_lines(lines, path), start=1):
            line = line.strip()
            if line.startswith(">"):
                if name is not None:
                    yield _record(path, name, description, parts)
                words = line[1:].split(maxsplit=1)
                name, description = (*words, "", "")[:2]
                parts = []
            elif line.startswith(";") or not line:  # ";" opens a comment in old FASTA files
                continue
            elif name is None:
                raise ValueError(
                    f"{path} is not FASTA: line {number} is {line[:40]!r}, but the first record "
                    "must begin with a '>' header."
                )
            else:
                parts.append(line)
        if name is None:
            raise ValueError(f"{path} holds no FASTA record: no line begins with '>'.")
        yield _record(path, name, description, parts)


def read_fasta_batches(
    path: str | Path, batch_size: int, *, sequence_column: str = "sequence"
) -> Iterator[dict[str, list[str]]]:
    """Yields the records as columns `id`, `description` and `sequence_column`, in batches."""
    records = read_fasta(path)
    while batch := list(islice(records, batch_size)):
        names, descriptions, sequences = (list(column) for column in zip(*batch, strict=True))
        yield {"id": names, "description": descriptions, sequence_column: sequences}


def open_text(path: str | Path) -> TextIO:
    """Opens a text file, plain or gzip-compressed, as UTF-8 without a byte-order mark.

    Reading from it raises ValueError where the compressed bytes are damaged or cut off.
    """
    with open(path, "rb") as file:
        compressed = file.read(2) == _GZIP_MAGIC
    # Line ends are left to the caller's parser: a quoted CSV field may hold some of its own.
    stream = _GzipFile(path) if compressed else open_watched(path)
    return io.TextIOWrapper(cast(io.BufferedReader, stream), encoding="utf-8-sig", newline="")


def text_lines(file: TextIO, path: str | Path) -> Iterator[str]:
    """The lines of a file that should be FASTA; a ValueError names it where it is no text."""
    try:
        for number, line in enumerate(file, start=1):
            if "\0" in line:  # ends a name for the libraries that give random access
                raise ValueError(
                    f"{path} is not FASTA, which is text: line {number} holds a zero byte."
                )
            yield line
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not FASTA, which is text: {error}.") from error


class _GzipFile(gzip.GzipFile):
    """Says which file is broken."""

    def __init__(self, path: str | Path) -> None:
        self._packed = open_watched(path)
        super().__init__(str(path), "rb", fileobj=self._packed)

    def close(self) -> None:
        super().close()
        self._packed.close()

    def read(self, size: int | None = -1) -> bytes:
        with self._naming():
            return super().read(size)

    def read1(self, size: int = -1) -> bytes:
        with self._naming():
            return super().read1(size)

    @contextmanager
    def _naming(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(
                f"{self.name} is a broken gzip file ({error}): fetch or compress it anew."
            ) from error


def _record(path: str | Path, name: str, description: str, parts: list[str]) -> FastaRecord:
    sequence = "".join(parts)
    if not sequence:
        raise ValueError(f"Record {name!r} of {path} has a header but no sequence.")
    return FastaRecord(name, description.strip(), sequence)
