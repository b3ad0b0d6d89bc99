"""Windows of genomes that overlap, so that each code is seen once with all that it reads.

Legend: L bases of a window.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray

from hf_genomics.tokenization_dna import PAD_TOKEN, VOCABULARY, DNATokenizer


class Window(NamedTuple):
    """Part of a sequence.

    Attributes:
        bases: `(L,)` int64 token ids, padded at the end of a sequence.
        owned: `(L,)` bool, False for what a neighbouring window sees more of.
    """

    bases: NDArray[np.int64]
    owned: NDArray[np.bool_]


class WindowReader:
    """Reads rows of genomes in windows that overlap by twice the reach of a code.

    Rows that continue one another are read as one sequence. A window without a known base is left
    out.

    Attributes:
        total: bases that will be read.
        num_bases: bases read so far.
        base_counts: `(4,)`, A, C, G, T among them.
        sha256: of the letters in upper case, with a line break after each sequence.
    """

    def __init__(self, rows: Dataset, window: int, halo: int, max_bases: int | None) -> None:
        self.rows, self.window, self.halo = rows, window, halo
        self.total = sum(len(row["sequence"]) for row in rows)
        if max_bases is not None:
            self.total = min(self.total, max_bases)
        self.num_bases = 0
        self.base_counts = np.zeros(4, np.int64)
        self.sha256 = hashlib.sha256()

    def __iter__(self) -> Iterator[Window]:
        rest = np.empty(0, np.int64)
        goes_on_at: tuple[str, int] | None = None
        is_first = True
        for name, start, ids in self._pieces():
            if (name, start) != goes_on_at:
                yield from self._last(rest, is_first)
                rest, is_first = rest[:0], True
            rest = np.concatenate([rest, ids])
            goes_on_at = (name, start + len(ids))
            while len(rest) > self.window:
                yield from self._window(rest[: self.window], is_first, False)
                rest, is_first = rest[self.window - 2 * self.halo :], False
        yield from self._last(rest, is_first)

    def _pieces(self) -> Iterator[tuple[str, int, NDArray[np.int64]]]:
        tokenizer = DNATokenizer()
        goes_on_at: tuple[str, int] | None = None
        for row in self.rows:
            if self.num_bases >= self.total:
                break
            letters = row["sequence"][: self.total - self.num_bases]
            if goes_on_at not in (None, (row["name"], row["start"])):
                self.sha256.update(b"\n")
            goes_on_at = (row["name"], row["start"] + len(letters))
            self.sha256.update(letters.upper().encode())
            self.num_bases += len(letters)
            ids = tokenizer(letters, return_tensors="np")["input_ids"][0].astype(np.int64)
            self.base_counts += np.bincount(ids[(ids >= 0) & (ids < 4)], minlength=4)
            yield row["name"], row["start"], ids
        self.sha256.update(b"\n")

    def _last(self, rest: NDArray[np.int64], is_first: bool) -> Iterator[Window]:
        if len(rest):
            yield from self._window(rest, is_first, True)

    def _window(self, ids: NDArray[np.int64], is_first: bool, is_last: bool) -> Iterator[Window]:
        if not (ids < 4).any():
            return
        owned = np.ones(self.window, bool)
        if not is_first:
            owned[: self.halo] = False
        if not is_last:
            owned[self.window - self.halo :] = False
        padding = (0, self.window - len(ids))
        yield Window(np.pad(ids, padding, constant_values=VOCABULARY[PAD_TOKEN]), owned)


def batches(windows: WindowReader, size: int) -> Iterator[list[Window]]:
    """Windows, `size` at a time."""
    batch: list[Window] = []
    for window in windows:
        batch.append(window)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
