"""Alignment files of either kind as blocks, under one bar of the bytes read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from transformers.utils.logging import tqdm

from hf_genomics.data.aligned_fasta import read_aligned_fasta
from hf_genomics.data.alignment_files import AlignmentBlock, alignment_format
from hf_genomics.data.maf import read_maf


class BlockReader:
    """The blocks of some files, which may be read several times; a context manager.

    Args:
        paths: MAF or aligned FASTA, plain, gzip or bgzip.
        readings: how often all of them will be read.
        progress: show a bar of bytes as they lie on disk.
    """

    def __init__(self, paths: Sequence[Path], *, readings: int = 1, progress: bool = False) -> None:
        self._sizes = {path: path.stat().st_size for path in paths}
        self._total = readings * sum(self._sizes.values())
        self._bar: Any = tqdm(
            total=self._total,
            desc="Reading alignments",
            unit="B",
            unit_scale=True,
            disable=not progress,
        )

    def blocks(self, path: Path) -> Iterator[AlignmentBlock]:
        """The blocks of one of the files."""
        read = read_maf if alignment_format(path) == "maf" else read_aligned_fasta
        position = 0

        def arrived(at: int) -> None:
            nonlocal position
            self._bar.update(at - position)
            position = at

        yield from read(path, arrived)
        arrived(self._sizes[path])

    def read_again(self) -> None:
        """All files will be read once more than was thought."""
        self._total += sum(self._sizes.values())
        self._bar.total = self._total
        self._bar.refresh()

    def __enter__(self) -> BlockReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()
