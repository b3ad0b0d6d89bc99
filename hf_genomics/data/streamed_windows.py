"""Windows of genomes that are read while training goes on, and never kept: for data sets that are
larger than the disk."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Features, IterableDataset, Value

from hf_genomics.data.alignment_windows import Interval
from hf_genomics.data.genome_sources import (
    Part,
    check_part,
    contigs,
    expanded,
    named_sequence,
    rows_of,
)
from hf_genomics.data.genome_windows import (
    IS_BASE,
    check_letters,
    intervals_meant,
    stretches,
)
from hf_genomics.data.sequence import opposite_strand

SHUFFLED = 4096  # windows that are held in memory to be shuffled
FEATURES = Features({"sequence": Value("string")})


def stream_windows(
    sources: Sequence[str],
    window: int,
    *,
    held_out: Sequence[str] = (),
    sequence_column: str = "sequence",
    split: str = "train",
    config_name: str | None = None,
    reverse_complement: float = 0.5,
    least_known: float = 0.5,
    buffer_size: int = SHUFFLED,
    seed: int = 0,
) -> IterableDataset:
    """Rows `sequence`, windows of genomes, in an order that is random within a buffer.

    Of several sources, a window of each is read in turn, until all are at their end. A sequence is
    tiled from a random start, and each window read from the other strand at random; both follow
    from the seed and the sequence's name, so that a second reading gives the same windows, and so
    does a resumed run, which reads again what it skips. A single data set of several
    Parquet files keeps them as shards, which processes and workers share, if it has a column `name`
    or `id`: else a row is named by its number, which only a reader of all files knows.

    Args:
        sources: FASTA files, or folders or Hub ids of data sets; see `load_genomes`. Names may
            repeat: nothing is kept to compare them with.
        window: bases of a window.
        held_out: contigs `NAME`, or stretches `NAME:START-END` (0-based, half-open), to leave out;
            a text that is the one as well as the other leaves out both. A name that never comes is
            not noticed here; `load_genomes` does.
        sequence_column: column of a data set.
        split: split of a data set.
        config_name: configuration of a data set that has several.
        reverse_complement: share of windows read from the other strand, 0 to 1.
        least_known: share of a window's bases that must be A, C, G or T; others are left out.
        buffer_size: windows among which the next one is drawn.
        seed: of the draws.

    Raises:
        ValueError: an option is out of range, a source is nowhere, or a column, split or
            configuration is chosen where there is no data set. While it is read: a file is
            no FASTA, a letter is no nucleotide code, or a row of a data set has no such column or
            no text in it.
    """
    if window < 1 or not 0 <= reverse_complement <= 1 or not 0 <= least_known <= 1:
        raise ValueError(
            f"window is {window}, reverse_complement {reverse_complement}, least_known "
            f"{least_known}; a window has 1 base or more, and shares are from 0 to 1."
        )
    cut = _Cutter(
        window=window,
        held_out=[interval for text in held_out for interval in intervals_meant(text)],
        reverse_complement=reverse_complement,
        least_known=least_known,
        seed=seed,
    )
    listed = expanded(sources)
    part = Part(sequence_column, split, config_name)
    check_part(listed, part)
    windows = None
    if len(listed) == 1 and not Path(listed[0]).is_file():
        windows = _of_named_rows(listed[0], part, cut)
    if windows is None:
        windows = IterableDataset.from_generator(
            _in_turn,
            gen_kwargs={
                # a tuple: `datasets` would take a list for shards
                "sources": listed,
                "part": part,
                "cut": cut,
            },
            features=FEATURES,
        )
    assert isinstance(windows, IterableDataset)
    return windows.shuffle(seed=seed, buffer_size=buffer_size)


def _in_turn(sources: tuple[str, ...], part: Part, cut: _Cutter) -> Iterator[dict[str, str]]:
    """A window of each source that has any left, again and again."""
    readers = [
        (
            window
            for name, sequence in contigs((source,), part, is_only=len(sources) == 1)
            for window in cut.windows(name, sequence)
        )
        for source in sources
    ]
    while readers:
        for reader in [*readers]:
            window = next(reader, None)
            if window is None:
                readers.remove(reader)
            else:
                yield {"sequence": window}


def _of_named_rows(source: str, part: Part, cut: _Cutter) -> IterableDataset | None:
    """The windows of a data set, which keeps its shards; None where its rows have no names, or
    are of text, whose columns are not known before they are read."""
    data = rows_of(source, part)
    columns = data.column_names or []
    if not {"name", "id"} & set(columns):
        return None
    named = data.map(
        _Named(source, part.column),
        with_indices=True,
        remove_columns=columns,
        features=Features({"name": Value("string"), "sequence": Value("large_string")}),
    )
    return named.map(
        cut,
        batched=True,
        batch_size=1,
        remove_columns=["name", "sequence"],
        features=FEATURES,
    )


class _Named:
    """A row of a data set as `name, sequence`."""

    def __init__(self, source: str, column: str) -> None:
        self.source, self.column = source, column

    def __call__(self, row: dict[str, Any], number: int) -> dict[str, str]:
        name, sequence = named_sequence(row, number, self.source, self.column)
        return {"name": name, "sequence": sequence}


class _Cutter:
    """Cuts the sequences of a batch into windows."""

    def __init__(
        self,
        *,
        window: int,
        held_out: list[Interval],
        reverse_complement: float,
        least_known: float,
        seed: int,
    ) -> None:
        self.window = window
        self.held_out = held_out
        self.reverse_complement = reverse_complement
        self.least_known = least_known
        self.seed = seed

    def __call__(self, batch: dict[str, list[str]]) -> dict[str, list[str]]:
        rows = zip(batch["name"], batch["sequence"], strict=True)
        return {"sequence": [window for row in rows for window in self.windows(*row)]}

    def windows(self, name: str, sequence: str) -> Iterator[str]:
        """Those of one sequence, in order."""
        generator = np.random.default_rng([self.seed, zlib.crc32(name.encode())])
        for start, end, is_out in stretches(name, len(sequence), self.held_out):
            if is_out:
                continue
            first = start + int(generator.integers(0, (end - start) % self.window + 1))
            for begin in range(first, end - self.window + 1, self.window):
                turn = generator.random() < self.reverse_complement
                window = sequence[begin : begin + self.window]
                check_letters(name, begin, window)
                known = IS_BASE[np.frombuffer(window.encode("ascii"), np.uint8)].mean()
                if known >= self.least_known:
                    yield opposite_strand(window) if turn else window
