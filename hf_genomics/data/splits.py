"""Splits of labelled sequences: which must be there, and rows set aside or drawn from them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from datasets import ClassLabel, DatasetDict

# The default of the Trainer's --seed, with which these rows were drawn where no other was given.
_EVALUATION_SEED = 42


def require_splits(dataset: DatasetDict, *splits: str) -> None:
    """Raises ValueError unless `dataset` has every one of `splits`."""
    missing = [split for split in splits if split not in dataset]
    if missing:
        raise ValueError(
            f"The data has the splits {', '.join(dataset)}, but {', '.join(missing)} is needed; "
            "name its file (--train_file with --validation_file, --test_file), or set a part of "
            "the training rows aside (--validation_fraction 0.1)."
        )


def split_off_validation(dataset: DatasetDict, fraction: float, seed: int) -> DatasetDict:
    """`dataset` with a random `fraction` of `train` as `validation`, stratified by class.

    Raises:
        ValueError: `fraction` is not between 0 and 1, a class has a single row, or too few rows
            would be on either side for each class to have one.
    """
    require_splits(dataset, "train")
    rows = dataset["train"]
    aside = math.ceil(fraction * len(rows)) if 0 < fraction < 1 else 0
    if not 0 < aside < len(rows):
        raise ValueError(
            f"validation_fraction is {fraction}, but it is the share of the {len(rows)} training "
            "rows to set aside: give a number between 0 and 1 that leaves rows on both sides."
        )
    feature = rows.features["label"]
    classes = isinstance(feature, ClassLabel)
    if classes:
        _require_rows_to_stratify(rows["label"], feature.names, aside, fraction)
    parts = rows.train_test_split(
        test_size=fraction, seed=seed, stratify_by_column="label" if classes else None
    )
    return DatasetDict({**dataset, "train": parts["train"], "validation": parts["test"]})


def _require_rows_to_stratify(
    labels: Sequence[int], names: list[str], aside: int, fraction: float
) -> None:
    counts = Counter(labels)
    single = [name for number, name in enumerate(names) if counts[number] == 1]
    if single:
        raise ValueError(
            f"Class {single[0]!r} has one training row, which cannot be in train and in validation "
            "(validation_fraction): give it a second row, leave the class out, or name the tables "
            "of both (--train_file, --validation_file)."
        )
    if min(aside, len(labels) - aside) < len(counts):
        raise ValueError(
            f"validation_fraction {fraction} of {len(labels)} rows sets {aside} aside, but each of "
            f"the {len(counts)} classes needs a row on both sides; choose another share."
        )


def sample_rows(dataset: DatasetDict, limits: dict[str, int | None], seed: int) -> DatasetDict:
    """`dataset` with at most so many rows of each split, drawn at random; None keeps all.

    Rows of `train` are drawn with `seed`. Those of other splits are the same for every seed, so
    that runs which differ in their seeds are scored on the same rows.

    Raises:
        ValueError: A limit is below 1.
    """
    for split, limit in limits.items():
        if limit is not None and limit < 1:
            flag = {"validation": "eval"}.get(split, split)
            raise ValueError(
                f"At most {limit} rows of split {split!r} were asked for (--max_{flag}_samples); "
                "give 1 or more, or leave it out to keep all."
            )
    return DatasetDict(
        {
            split: rows.shuffle(seed=seed if split == "train" else _EVALUATION_SEED).select(
                range(limit)
            )
            if (limit := limits.get(split)) is not None and limit < len(rows)
            else rows
            for split, rows in dataset.items()
        }
    )
