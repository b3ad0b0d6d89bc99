"""Genomes of FASTA files, or of a data set, cut into windows for training without labels.

Sequences are kept in an Arrow file that is mapped into memory, so a genome may be larger than that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, Features, Value
from datasets.exceptions import DatasetGenerationError
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from hf_genomics.data.alignment_windows import Interval, parse_interval
from hf_genomics.data.epochs import SharedEpoch
from hf_genomics.data.genome_sources import Part, check_part, contigs, expanded
from hf_genomics.data.sequence import opposite_strand
from hf_genomics.tokenization_dna import IUPAC_CODES, WHITE_SPACE

PIECE = 2**20  # bases of a row; a window lies within one
FEATURES = Features(
    {"name": Value("string"), "start": Value("int64"), "sequence": Value("large_string")}
)

IS_BASE = np.zeros(256, bool)
IS_BASE[list(b"ACGTUacgtu")] = True
# What the tokenizer reads, but `[MASK]`: it is no part of a genome, and a window could cut it.
_CODES = "ACGTUN" + IUPAC_CODES
ACCEPTED = (_CODES + _CODES.lower() + "-" + WHITE_SPACE).encode()


def load_genomes(
    sources: Sequence[str],
    *,
    held_out: Sequence[str] = (),
    want_held_out: bool = False,
    sequence_column: str = "sequence",
    split: str = "train",
    config_name: str | None = None,
    cache_dir: str | None = None,
) -> Dataset:
    """Reads genomes as rows `name, start, sequence` of at most a million bases.

    Args:
        sources: FASTA files, plain or gzip-compressed, or folders of such; or folders or Hub ids of
            data sets with a column of sequences, named by a column `name` or `id`, else by the
            number of the row (`SOURCE:NUMBER` where there are several sources).
        held_out: contigs `NAME`, or stretches `NAME:START-END` (0-based, half-open), to leave out;
            a text that is the one as well as the other leaves out both.
        want_held_out: give these instead.
        sequence_column: column of a data set.
        split: split of a data set.
        config_name: configuration of a data set that has several.
        cache_dir: where the Arrow file is kept; that of `datasets` by default.

    Raises:
        ValueError: a source is nowhere, a file is no FASTA, a letter is no nucleotide code, a row
            has no sequence, two contigs have one name, a name of `held_out` is unknown or empty,
            nothing is left, or a column, split or configuration is chosen where there is no data
            set.
    """
    listed = expanded(sources)
    part = Part(sequence_column, split, config_name)
    check_part(listed, part)
    try:
        rows = Dataset.from_generator(
            _rows,
            gen_kwargs={
                # no lists: `datasets` would take them for shards
                "sources": listed,
                "states": tuple(map(_state, listed)),  # what has changed is read anew
                "held_out": tuple(held_out),
                "want_held_out": want_held_out,
                "part": part,
            },
            features=FEATURES,
            cache_dir=cache_dir,
            writer_batch_size=16,  # rows that are held in memory
        )
    except DatasetGenerationError as error:  # says only that there was one
        raise error.__cause__ or error from error
    assert isinstance(rows, Dataset)
    return rows


def _state(source: str) -> tuple[str, tuple[tuple[str, int, int], ...]] | None:
    """Where a source lies on this machine and how its files are; None for a Hub id.

    The path is resolved: a relative name is another genome in another working directory.
    """
    path = Path(source)
    if not path.exists():
        return None
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    states = [(str(file.relative_to(path)), file.stat()) for file in sorted(files)]
    return str(path.resolve()), tuple((n, stat.st_mtime_ns, stat.st_size) for n, stat in states)


def _rows(
    sources: tuple[str, ...],
    states: tuple[object, ...],
    held_out: tuple[str, ...],
    want_held_out: bool,
    part: Part,
) -> Iterator[dict[str, Any]]:
    meant = {text: intervals_meant(text) for text in held_out}
    intervals = [interval for text in held_out for interval in meant[text]]
    seen: set[str] = set()
    is_empty = True
    for name, sequence in contigs(sources, part, is_only=len(sources) == 1):
        if name in seen:
            raise ValueError(f"two sequences are named {name!r}; rename one of them.")
        seen.add(name)
        for start, end, is_out in stretches(name, len(sequence), intervals):
            if is_out == want_held_out:
                is_empty = False
                for begin, behind in _pieces(start, end):
                    piece = sequence[begin:behind]
                    check_letters(name, begin, piece)
                    yield {"name": name, "start": begin, "sequence": piece}
    unknown = sorted(
        {meant[text][0].name for text in held_out if not seen & {i.name for i in meant[text]}}
    )
    if unknown:
        some = ", ".join(sorted(seen)[:8])
        raise ValueError(f"no contig is named {', '.join(unknown)}; there are {some} ...")
    if is_empty:
        raise ValueError(
            f"no sequence of {', '.join(sources)} is "
            f"{'held out' if want_held_out else 'left for training'}; held out: {[*held_out]}."
        )


def intervals_meant(text: str) -> list[Interval]:
    """What `NAME` or `NAME:START-END` may stand for; a contig may be called like a stretch.

    The names of contigs come one by one, so both are held out: what a contig that is yet to come
    is tested on must not be trained on.

    Raises:
        ValueError: the stretch is empty.
    """
    stretch, contig = parse_interval(text), Interval(text)
    return [stretch] if stretch == contig else [stretch, contig]


def _pieces(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Start and end of pieces of one length, at most `PIECE` bases: no short one is left over."""
    number = -(-(end - start) // PIECE)
    bounds = [start + (end - start) * piece // number for piece in range(number + 1)]
    return pairwise(bounds)


def check_letters(name: str, start: int, piece: str) -> None:
    """Refuses what the tokenizer would refuse in the middle of training, without the contig.

    Args:
        name: of the contig.
        start: of the piece in it, 0-based.
        piece: letters of the contig.

    Raises:
        ValueError: a letter is no nucleotide code.
    """
    # here one look-up per byte; the place is looked for only where there is one
    if piece.encode().translate(None, ACCEPTED):
        accepted = ACCEPTED.decode()
        place = next(place for place, letter in enumerate(piece) if letter not in accepted)
        raise ValueError(
            f"contig {name!r} has {piece[place]!r} at position {start + place} (0-based), which is "
            "no nucleotide code (A, C, G, T, U, N, IUPAC codes, -); write N for an unknown base."
        )


def stretches(
    name: str, length: int, intervals: Iterable[Interval]
) -> Iterator[tuple[int, int, bool]]:
    """Start and end of each stretch of a contig, and whether it is held out; in order."""
    position = 0
    for interval in sorted(interval for interval in intervals if interval.name == name):
        start, end = max(interval.start, 0), min(interval.end, length)
        if start < position or start >= end:
            raise ValueError(
                f"{interval} is held out, but overlaps another stretch or lies outside {name}, "
                f"which has {length} bases."
            )
        if start > position:
            yield position, start, False
        yield start, end, True
        position = end
    if position < length:
        yield position, length, False


class GenomeWindows:
    """Windows of genomes: a data set of short sequences for a `DataLoader`.

    The genomes are tiled with windows. For training, each is moved by a random distance of up to
    half a window, and read from the other strand at random. Both are drawn from the seed, the epoch
    (see `set_epoch`) and the numbers of the windows of a batch, so a resumed run reads the same
    windows.

    Args:
        rows: of `load_genomes`.
        window: bases of a window.
        shift: whether windows are moved.
        reverse_complement: share of windows read from the other strand, 0 to 1.
        least_known: share of a tile's bases that must be A, C, G or T; others are left out.
        seed: of the draws.

    Attributes:
        num_left_out: tiles left out for unknown bases, and rows (contigs, or stretches of one) that
            are shorter than a window, one each. The bases behind a row's last whole window are not
            counted.
        num_too_short: those of `num_left_out` that are rows shorter than a window.

    Raises:
        ValueError: an option is out of range, or no tile is left.
    """

    def __init__(
        self,
        rows: Dataset,
        window: int,
        *,
        shift: bool = False,
        reverse_complement: float = 0.0,
        least_known: float = 0.5,
        seed: int = 0,
    ) -> None:
        if window < 1 or not 0 <= reverse_complement <= 1 or not 0 <= least_known <= 1:
            raise ValueError(
                f"window is {window}, reverse_complement {reverse_complement}, least_known "
                f"{least_known}; a window has 1 base or more, and shares are from 0 to 1."
            )
        self.rows = rows.with_format("arrow")
        self.window = window
        self.shift = shift
        self.reverse_complement = reverse_complement
        self.seed = seed
        self._epoch = SharedEpoch()
        tiles: list[NDArray[np.int64]] = []
        self.num_left_out = self.num_too_short = 0
        for row in range(len(rows)):
            bases = IS_BASE[self._bases(row)]
            number = len(bases) // window
            known = bases[: number * window].reshape(number, window).mean(1) >= least_known
            kept = np.flatnonzero(known)
            self.num_too_short += number == 0
            self.num_left_out += number - len(kept) + (number == 0)
            tiles.append(np.stack([np.full(len(kept), row), kept * window], 1))
        self.tiles = np.concatenate(tiles)
        if not len(self.tiles):
            raise ValueError(
                f"no window of {window} bases has {least_known:.0%} of A, C, G and T; shorten "
                "--window."
            )

    def set_epoch(self, epoch: int) -> None:
        """Draws anew: epochs count from 0. The trainers of this package do it."""
        self._epoch.set(epoch)

    def __len__(self) -> int:
        return len(self.tiles)

    def __getitem__(self, index: int) -> dict[str, str]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, str]]:
        numbers = (index % len(self) for index in indices)
        generator = np.random.default_rng([self.seed, int(self._epoch), *numbers])
        moved = generator.integers(
            -(self.window // 2), self.window - self.window // 2, len(indices)
        )
        turned = generator.random(len(indices)) < self.reverse_complement
        sequences = []
        for index, distance, turn in zip(indices, moved, turned, strict=True):
            row, start = self.tiles[index]
            bases = self._bases(int(row))
            if self.shift:
                start = min(max(start + distance, 0), len(bases) - self.window)
            sequence = bases[start : start + self.window].tobytes().decode("ascii")
            sequences.append({"sequence": opposite_strand(sequence) if turn else sequence})
        return sequences

    def _bases(self, row: int) -> NDArray[np.uint8]:
        """Letters of a row, without a copy."""
        scalar = self.rows[row].column("sequence")[0]
        return np.frombuffer(scalar.as_buffer(), np.uint8)


class WindowCollator:
    """Tokenizes windows: `input_ids` and `attention_mask (B, L)`."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer

    def __call__(self, windows: Sequence[dict[str, str]]) -> dict[str, Any]:
        sequences = [window["sequence"] for window in windows]
        return dict(self.tokenizer(sequences, padding=True, return_tensors="pt"))
