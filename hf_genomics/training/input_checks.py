"""Every sequence of every split is tokenized once before training, not in its last minute."""

from __future__ import annotations

from typing import Any

import pyarrow.compute as pc
from datasets import Dataset, DatasetDict

_BATCH = 1 << 20  # characters tokenized at a time


def check_sequences(
    dataset: DatasetDict, tokenizer: Any, limit: int | None, *, truncation: bool = False
) -> None:
    """Refuses a sequence that the tokenizer cannot read, or that is too long for the model.

    A bad letter of the test file would otherwise stop the program when training is over, and one of
    the training file in the middle of an epoch, with a position on the wrong strand.

    Args:
        dataset: Splits with a column `sequence`.
        tokenizer: Of the model.
        limit: Most tokens of a sequence, None for any number.
        truncation: Longer sequences are cut, and are no error.

    Raises:
        ValueError: Names split, row, and the beginning of the sequence.
    """
    for split, rows in dataset.items():
        sequences = rows.with_format("arrow")[:]["sequence"]
        size = max(1, _BATCH // max(1, pc.max(pc.utf8_length(sequences)).as_py()))
        for start in range(0, len(sequences), size):
            batch = sequences[start : start + size].to_pylist()
            try:
                lengths = _lengths(tokenizer, batch)
            except Exception as error:
                # The one that is to blame, alone: its own row, and its own position.
                for row, sequence in enumerate(batch, start=start):
                    _read_one(tokenizer, sequence, _place(split, rows, row, sequence))
                raise error
            if limit is None or truncation or max(lengths) <= limit:
                continue
            row = next(row for row, length in enumerate(lengths) if length > limit)
            raise ValueError(
                f"{_place(split, rows, start + row, batch[row])} has {lengths[row]} tokens, but "
                f"at most max_length={limit} are read: cut sequences with --truncation, or raise "
                "--max_length. A trained model with head=flatten reads no more than its own "
                "length; for any length train a new one with --config_overrides head=centroid."
            )


def _lengths(tokenizer: Any, sequences: list[str]) -> list[int]:
    """Tokens of each sequence."""
    return [len(ids) for ids in tokenizer(sequences, return_attention_mask=False)["input_ids"]]


def _read_one(tokenizer: Any, sequence: str, place: str) -> None:
    try:
        tokenizer(sequence)
    except Exception as error:  # that of `tokenizers` has no class of its own
        raise ValueError(
            f"{place} cannot be read: {error} --on_invalid n reads such characters as N."
        ) from error


def _place(split: str, rows: Dataset, row: int, sequence: str) -> str:
    """How to find a row in the user's file, also after rows were drawn or set aside."""
    begins = sequence[:20] + ("..." if len(sequence) > 20 else "")
    drawn = rows._indices
    if drawn is None:
        return f"Row {row} of split {split!r} ({begins})"
    row = drawn.column(0)[row].as_py()
    return f"Row {row} of the rows that split {split!r} was drawn from ({begins})"
