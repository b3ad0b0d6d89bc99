"""Sequences of validation or test rows that stand in train too, on either strand.

A model can score on such rows by heart, and an epoch chosen on them may be one that did.
"""

from __future__ import annotations

from datasets import Dataset, DatasetDict

from hf_genomics.data.sequence import WHITE_SPACE, opposite_strand

_READ_AS = str.maketrans("uU", "TT", WHITE_SPACE)  # as the tokenizer reads them


def shared_rows(dataset: DatasetDict) -> dict[str, int]:
    """How many rows of each other split have a sequence of `train`, without those that have none.

    Args:
        dataset: Splits with the column `sequence`.
    """
    known = set(_keys(dataset["train"])) if len(dataset) > 1 else set()
    counts = {
        split: sum(key in known for key in _keys(rows))
        for split, rows in dataset.items()
        if split != "train"
    }
    return {split: count for split, count in counts.items() if count}


def without_shared_rows(dataset: DatasetDict) -> DatasetDict:
    """`dataset` without the rows of `train` whose sequence is in another split.

    Letter case, white space, the strand and U for T make no difference. The labels do not count:
    the same sequence with another label is left out as well.

    Args:
        dataset: Splits with the column `sequence`.

    Raises:
        ValueError: No row of `train` is left.
    """
    others = {split: rows for split, rows in dataset.items() if split != "train"}
    held_out = set().union(*map(_keys, others.values()))
    train = dataset["train"]
    kept = [i for i, key in enumerate(_keys(train)) if key not in held_out]
    if not kept:
        raise ValueError(
            f"All {len(train)} training rows have sequences of {' or '.join(others)} "
            "(--drop_shared_rows): give training rows of their own."
        )
    return DatasetDict({**dataset, "train": train.select(kept)})


def _keys(rows: Dataset) -> list[str]:
    return [_either_strand(sequence) for sequence in rows["sequence"][:]]


def _either_strand(sequence: str) -> str:
    """The same text for a sequence and for its reverse complement."""
    given = sequence.translate(_READ_AS).upper()
    return min(given, opposite_strand(given))
