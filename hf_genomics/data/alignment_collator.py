"""Batches for training on an alignment data set: windows of the reference with leaf states.

Letters: B windows, W sites of a window, F sites of flank on each side, S leaves, n bases of a row.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

UNKNOWN = 4  # token of N, state of a gap or an unknown base
IGNORED = -100  # label of a site that is not counted
LEAST_KNOWN = (
    0.8  # share of the sites of a row that a leaf must know for the row to be read from it
)


def _base_codes() -> NDArray[np.uint8]:
    codes = np.full(256, UNKNOWN, np.uint8)
    for code, base in enumerate("ACGT"):
        codes[ord(base)] = codes[ord(base.lower())] = code
    return codes


_BASE_CODES = _base_codes()


class AlignmentCollator:
    """Cuts windows out of the rows of an alignment data set and stacks them.

    Set `TrainingArguments.remove_unused_columns` to False, else the Trainer drops the columns that
    no model names.

    With `sampling="random"` each row gives `windows_per_row` windows with random starts; with
    "tiled" it gives all of its windows, one after the other, so a batch may have any number of
    them. A row that is not longer than `window` is one window in both. Draws depend on `seed` and
    on the rows that make up the batch, not on a global random state: a resumed run, with any number
    of workers, repeats them. Shuffling puts a row into other company in every epoch, which gives it
    a new draw; with one row per batch use `AlignmentWindows` with a `stride` instead.

    By reversibility the likelihood may be conditioned on any leaf, so with `other_references` a row
    is turned now and then into the sequence of one of its other leaves: drawn evenly among those
    that are known at 4 of 5 sites, without the sites where it has a gap (or an unknown base) and
    without its insertions, which a data set over one reference does not hold. There is no context
    beyond the row then, so give rows longer than a window by the flanks. `reference_leaves` tells
    the model which leaf it is. A hundred species are a hundred related sequences to learn from.

    Args:
        window: sites of a window; None takes rows whole, padded to the longest of the batch.
        flank: sites of context on each side: half of the model's receptive field.
        sampling: "random" for training or "tiled" for evaluation.
        windows_per_row: for random sampling.
        reverse_complement: share of windows that are read from the other strand, 0 to 1.
        name_weights: weight of every site of a row by its `name`; 1 for names that are not there.
        weight_column: column that holds a row's weight, or one for each of its bases (n,).
        other_references: share of the rows that are read from another leaf than the reference, 0 to
            1; see below. Needs `reference_leaf`.
        reference_leaf: position of the leaf whose bases are `sequence`.
        return_attention_mask: give `attention_mask`, 0 where the reference is not known to go on.
        seed: of the draws.

    Raises:
        ValueError: An argument is out of range; when called, a row whose leaf states do not fit its
            sequence or the other rows.
    """

    def __init__(
        self,
        window: int | None,
        flank: int,
        *,
        sampling: Literal["random", "tiled"] = "random",
        windows_per_row: int = 1,
        reverse_complement: float = 0.0,
        name_weights: Mapping[str, float] | None = None,
        weight_column: str | None = None,
        other_references: float = 0.0,
        reference_leaf: int | None = None,
        return_attention_mask: bool = False,
        seed: int = 0,
    ) -> None:
        if window is not None and window < 1:
            raise ValueError(f"window is {window}; give 1 or more sites, or None for whole rows.")
        if flank < 0:
            raise ValueError(f"flank is {flank}; give 0 or more sites.")
        if sampling not in ("random", "tiled"):
            raise ValueError(f"sampling is {sampling!r}; 'random' or 'tiled' is needed.")
        if windows_per_row < 1 or (windows_per_row > 1 and sampling == "tiled"):
            raise ValueError(
                f"windows_per_row is {windows_per_row} with sampling={sampling!r}; give 1 or more, "
                "and 1 for 'tiled'."
            )
        if not 0 <= reverse_complement <= 1:
            raise ValueError(
                f"The reverse-complement share is {reverse_complement}; give one from 0 to 1."
            )
        if not 0 <= other_references <= 1 or (other_references and reference_leaf is None):
            raise ValueError(
                f"other_references is {other_references} with reference_leaf {reference_leaf}; "
                "give a share from 0 to 1, and the position of the rows' own reference."
            )
        self.window = window
        self.flank = flank
        self.sampling = sampling
        self.windows_per_row = windows_per_row
        self.reverse_complement = reverse_complement
        self.name_weights = name_weights
        self.weight_column = weight_column
        self.other_references = other_references
        self.reference_leaf = reference_leaf
        self.return_attention_mask = return_attention_mask
        self.seed = seed

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """`input_ids` int64 (B, W + 2F), N beyond the known reference; `labels` int8 (B, W, S),
        -100 at sites past the end of a row or without a known reference base; `attention_mask` and
        float32 `position_weights` (B, W), 0 at sites that are not counted, if asked for;
        `reference_leaves` int64 (B,) if other references are."""
        window = self.window or max(len(row["sequence"]) for row in rows)
        random = np.random.default_rng([self.seed, *map(_row_key, rows)])
        batch: dict[str, list[NDArray]] = {}
        for row in rows:
            whole = self._whole_row(row)
            leaf = self.reference_leaf
            if self.other_references and random.random() < self.other_references:
                whole, leaf = _read_from_another_leaf(whole, leaf, random)
            for start in self._starts(len(whole["states"]), window, random):
                cut = self._cut(whole, start, window)
                if random.random() < self.reverse_complement:
                    cut = _opposite_strand(cut)
                if self.other_references:
                    cut["reference_leaves"] = np.asarray(leaf)
                for name, values in cut.items():
                    batch.setdefault(name, []).append(values)
        sizes = {labels.shape[1] for labels in batch["labels"]}
        if len(sizes) > 1:
            raise ValueError(
                f"The rows of the batch have {sorted(sizes)} leaf states per site; take rows of "
                "one data set."
            )
        return {name: torch.from_numpy(np.stack(values)) for name, values in batch.items()}

    def _starts(self, length: int, window: int, random: np.random.Generator) -> Iterator[int]:
        if length <= window:
            yield 0
        elif self.sampling == "tiled":
            yield from range(0, length, window)
        else:
            yield from random.integers(length - window + 1, size=self.windows_per_row).tolist()

    def _whole_row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row as arrays: context uint8, where its sites begin there, states, site weights."""
        sequence, left = row["sequence"], row.get("left_flank") or ""
        text = (left + sequence + (row.get("right_flank") or "")).encode()
        states = np.asarray(row["leaf_states"], np.int8)
        if states.ndim != 2 or len(states) != len(sequence):
            raise ValueError(
                f"Row {row['name']}:{row['start']} has {len(sequence)} bases but leaf states of "
                f"shape {states.shape}; ({len(sequence)}, leaves) is needed."
            )
        return {
            "context": _BASE_CODES[np.frombuffer(text, np.uint8)],
            "offset": len(left),
            "states": states,
            "weights": self._site_weights(row, len(sequence)),
        }

    def _site_weights(self, row: Mapping[str, Any], length: int) -> NDArray[np.float32] | None:
        if self.name_weights is None and self.weight_column is None:
            return None
        weights = np.ones(length, np.float32)
        if self.name_weights is not None:
            weights *= self.name_weights.get(row["name"], 1.0)
        if self.weight_column is not None:
            given = np.asarray(row[self.weight_column], np.float32)
            if given.shape not in ((), (length,)):
                raise ValueError(
                    f"Column {self.weight_column!r} of row {row['name']}:{row['start']} has shape "
                    f"{given.shape}; one number or ({length},) is needed."
                )
            weights *= given
        return weights

    def _cut(self, row: dict[str, Any], start: int, window: int) -> dict[str, NDArray]:
        context, states = row["context"], row["states"]
        first = row["offset"] + start - self.flank  # place of the window's first token in context
        low, high = max(first, 0), min(first + window + 2 * self.flank, len(context))
        input_ids = np.full(window + 2 * self.flank, UNKNOWN, np.int64)
        input_ids[low - first : high - first] = context[low:high]
        labels = np.full((window, states.shape[1]), IGNORED, np.int8)
        inside = states[start : start + window]
        labels[: len(inside)] = inside
        counted = np.zeros(window, bool)
        counted[: len(inside)] = input_ids[self.flank : self.flank + len(inside)] != UNKNOWN
        labels[~counted] = IGNORED
        cut: dict[str, NDArray] = {"input_ids": input_ids, "labels": labels}
        if self.return_attention_mask:
            cut["attention_mask"] = np.zeros(len(input_ids), np.int64)
            cut["attention_mask"][low - first : high - first] = 1
        if row["weights"] is not None:
            cut["position_weights"] = np.zeros(window, np.float32)
            cut["position_weights"][: len(inside)] = row["weights"][start : start + window]
            cut["position_weights"][~counted] = 0
        return cut


def _row_key(row: Mapping[str, Any]) -> int:
    return zlib.crc32(f"{row['name']}:{int(row['start'])}".encode())


def _read_from_another_leaf(
    row: dict[str, Any], leaf: int | None, random: np.random.Generator
) -> tuple[dict[str, Any], int | None]:
    """The row over the sites of a leaf drawn among those it may be read from, and that leaf."""
    states = row["states"]
    known = (states >= 0) & (states < UNKNOWN)
    readable = known.mean(0) >= LEAST_KNOWN if len(states) else np.zeros(states.shape[1], bool)
    readable[leaf] = False
    leaves = readable.nonzero()[0]
    if not len(leaves):
        return row, leaf
    other = int(random.choice(leaves))
    kept = known[:, other]
    weights = row["weights"]
    return {
        "context": states[kept, other].astype(np.uint8),
        "offset": 0,
        "states": states[kept],
        "weights": None if weights is None else weights[kept],
    }, other


def _opposite_strand(cut: dict[str, NDArray]) -> dict[str, NDArray]:
    """A window read from the other strand: order reversed, bases complemented in ids and labels."""
    other = {name: np.ascontiguousarray(values[::-1]) for name, values in cut.items()}
    for name in ("input_ids", "labels"):
        values = other[name]
        base = (values >= 0) & (values < UNKNOWN)
        values[base] = 3 - values[base]
    return other
