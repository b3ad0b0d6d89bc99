"""Random access to the sequences of a FASTA file, plain, bgzip- or gzip-compressed."""

from __future__ import annotations

import gzip
import logging
import os
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType, TracebackType
from typing import IO, Any, TextIO

import numpy as np
from numpy.typing import NDArray

from hf_genomics.data.fasta import open_text, text_lines

logger = logging.getLogger(__name__)

UNKNOWN = 4  # the state of N and of every letter that is no base; 0 to 3 are A, C, G, T

PAGE = 1 << 20  # bases that are read at once
PAGES_KEPT = 16
CHUNK = 1 << 20  # bytes that are scanned at once
# The empty block that ends a complete bgzip file (SAM specification, section 4.1.2).
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")

_TEXT = bytes(range(32, 127)) + b"\t\r\n"
_SPACE = re.compile(rb"\n(?!>)[^\n \t]*[ \t]+[^\s]")  # inside a line of sequence

_STATES = np.full(256, UNKNOWN, np.uint8)
for _letters, _state in (("Aa", 0), ("Cc", 1), ("Gg", 2), ("TtUu", 3)):
    for _letter in _letters:
        _STATES[ord(_letter)] = _state


def encode(sequence: str) -> NDArray[np.uint8]:
    """States `(length,)` of a sequence: A, C, G, T (or U) in either case 0 to 3, the rest 4."""
    return _STATES[np.frombuffer(sequence.encode("latin-1", "replace"), np.uint8)]


def require_pysam() -> ModuleType:
    """pysam, or an ImportError that says how to install it."""
    try:
        import pysam
    except ImportError as error:
        raise ImportError(
            "Reading bases by position and VCF needs pysam: pip install 'hf_genomics[variants]'"
        ) from error
    module: ModuleType = pysam
    return module


class IndexedGenome:
    """The contigs of a FASTA file; a context manager that closes what it opened.

    An index (`.fai`, and `.gzi` for bgzip) that lies beside the file and is not older is used;
    otherwise one is made in a temporary folder. A file without random access (plain gzip, lines of
    changing length, or comments, which begin with ";") is first copied there, uncompressed.

    Args:
        path: The FASTA file.

    Raises:
        ValueError: The file holds no record, names a contig twice, or is cut off.
        OSError: It cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._folder = TemporaryDirectory(prefix="hf_genomics_fasta_")
        self._is_index_given = False
        self._pages: OrderedDict[tuple[str, int], NDArray[np.uint8]] = OrderedDict()
        try:
            self._file = self._open(require_pysam())
        except BaseException:
            self._folder.cleanup()
            raise
        self.lengths: dict[str, int] = dict(
            zip(self._file.references, self._file.lengths, strict=True)
        )

    def states(self, contig: str, start: int, end: int) -> NDArray[np.uint8]:
        """States `(end - start,)` of a stretch, 0-based half-open; 4 beyond the ends of the contig.

        Raises:
            KeyError: The file has no such contig.
            ValueError: The file does not hold what its index says.
        """
        length = self.lengths[contig]
        out = np.full(end - start, UNKNOWN, np.uint8)
        first, last = max(start, 0), min(end, length)
        while first < last:
            number, begin = divmod(first, PAGE)
            page = self._page(contig, number)
            stop = min(last, (number + 1) * PAGE)
            out[first - start : stop - start] = page[begin : begin + stop - first]
            first = stop
        return out

    def close(self) -> None:
        self._file.close()
        self._folder.cleanup()

    def __enter__(self) -> IndexedGenome:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _page(self, contig: str, number: int) -> NDArray[np.uint8]:
        key = contig, number
        if key in self._pages:
            self._pages.move_to_end(key)
            return self._pages[key]
        start = number * PAGE
        end = min(start + PAGE, self.lengths[contig])
        try:
            sequence = self._file.fetch(contig, start, end)
        except ValueError:  # the file ends earlier
            sequence = ""
        # an index that is made here knows of comments
        is_comment = self._is_index_given and ";" in sequence
        if len(sequence) != end - start or "\r" in sequence or is_comment:
            raise ValueError(
                f"{self.path}: bases {start} to {end} of {contig} are not where the index says; "
                "the file has carriage returns inside of lines or comments (;), or the index "
                "beside it (.fai) is of another file: remove the index, and correct the line ends."
            )
        self._pages[key] = encode(sequence)
        if len(self._pages) > PAGES_KEPT:
            self._pages.popitem(last=False)
        return self._pages[key]

    def _open(self, pysam: ModuleType) -> Any:
        kind = compression(self.path)
        if kind == "gzip":
            logger.warning(
                "%s is compressed by gzip, which has no random access: copied to a temporary file. "
                "To save this step: gunzip -c %s | bgzip > reference.fa.gz",
                self.path,
                self.path,
            )
            return self._open_copy(pysam)
        fai, gzi = (Path(f"{self.path}{suffix}") for suffix in (".fai", ".gzi"))
        needed = [fai, gzi] if kind == "bgzip" else [fai]
        self._is_index_given = all(_is_current(index, self.path) for index in needed)
        if not self._is_index_given:
            fai, gzi = (Path(self._folder.name) / f"index{end}" for end in (".fai", ".gzi"))
            options = ["--gzi-idx", str(gzi)] if kind == "bgzip" else []
            try:
                pysam.faidx(str(self.path), "--fai-idx", str(fai), *options)
            except pysam.SamtoolsError:
                # Lines of changing length, no record at all, and the like: the copy finds out.
                return self._open_copy(pysam)
            # The index leaves out a name's second record, where the copy stops and says so.
            # After spaces and other bytes inside of lines it is out of step, and it takes a
            # comment for bases.
            num_records, usual = _scan(self.path)
            if not usual or fai.read_bytes().count(b"\n") != num_records:
                return self._open_copy(pysam)
        return pysam.FastaFile(
            str(self.path),
            filepath_index=str(fai),
            filepath_index_compressed=str(gzi) if kind == "bgzip" else None,
        )

    def _open_copy(self, pysam: ModuleType) -> Any:
        copy = Path(self._folder.name) / "reference.fa"
        with open_text(self.path) as lines, open(copy, "w", encoding="utf-8") as file:
            _copy_records(self.path, lines, file)
        try:
            pysam.faidx(str(copy))
        except pysam.SamtoolsError as error:
            raise ValueError(
                f"{self.path} cannot be indexed: a record has no bases or holds control "
                "characters; correct it."
            ) from error
        return pysam.FastaFile(str(copy))


def compression(path: str | Path) -> str:
    """`"bgzip"`, `"gzip"` or `""`, told by the file's first bytes.

    Raises:
        ValueError: A bgzip file lacks the block that ends a complete one.
    """
    with open(path, "rb") as file:
        head = file.read(18)
        if not head.startswith(b"\x1f\x8b"):
            return ""
        if len(head) < 18 or not head[3] & 4 or head[12:14] != b"BC":
            return "gzip"
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - len(_BGZF_END)))
        if file.read() != _BGZF_END:
            raise ValueError(
                f"{path} is cut off: the end mark of bgzip is missing; fetch it again."
            )
    return "bgzip"


def _copy_records(path: Path, lines: TextIO, file: IO[str]) -> None:
    """Writes each record as a header and one line of sequence."""
    names: set[str] = set()
    for number, line in enumerate(text_lines(lines, path), start=1):
        line = line.strip()
        if line.startswith(">"):
            name = line[1:].split(maxsplit=1)[0] if line[1:].strip() else ""
            if not name or name in names:
                found = f"the name {name!r} for a second time" if name else "a header without name"
                raise ValueError(f"Line {number} of {path} has {found}; give contigs unique names.")
            file.write(f"\n>{name}\n" if names else f">{name}\n")
            names.add(name)
        elif line and not line.startswith(";"):
            if not names:
                raise ValueError(
                    f"{path} is not FASTA: line {number} is {line[:40]!r}, but the first record "
                    "must begin with a '>' header."
                )
            if not line.isascii() or not line.isprintable() or " " in line:
                raise ValueError(
                    f"Line {number} of {path} has characters that are no letters of a sequence: "
                    f"{line[:40]!r}; correct it."
                )
            file.write(line)
    if not names:
        raise ValueError(f"{path} holds no FASTA record: no line begins with '>'.")
    file.write("\n")


def _scan(path: Path) -> tuple[int, bool]:
    """How many lines begin with '>', and whether all others hold visible ASCII and nothing else,
    none is a comment (';'), and all end alike."""
    count, usual, head = 0, True, b"\n"
    num_lines = num_returns = 0  # an index is out of step where only some lines end with "\r\n"
    with gzip.open(path) if compression(path) else open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            lines = head + chunk
            num_lines += chunk.count(b"\n")
            num_returns += chunk.count(b"\r")
            count += lines.count(b"\n>") - head.count(b"\n>")
            usual = usual and not chunk.translate(None, _TEXT)
            usual = usual and not (b";" in lines and b"\n;" in lines)
            usual = usual and lines.count(b"\r") == lines.count(b"\r\n") + lines.endswith(b"\r")
            usual = usual and not ((b" " in lines or b"\t" in lines) and _SPACE.search(lines))
            # What the next chunk goes on with: the kind of the line, and the last byte.
            kind = lines[lines.rfind(b"\n") :][:2]
            head = kind if len(kind) < 2 else kind + lines[-1:]
    return count, usual and not head.endswith(b"\r") and num_returns in (0, num_lines)


def _is_current(index: Path, path: Path) -> bool:
    return index.is_file() and index.stat().st_mtime_ns >= path.stat().st_mtime_ns


def shortened(names: Mapping[str, Any] | Sequence[str]) -> str:
    """The first few names of many."""
    first = list(names)[:5]
    return ", ".join(first) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
