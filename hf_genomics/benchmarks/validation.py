"""A validation split where a benchmark has none, and an order of rows in which classes are mixed.

Both follow from a checksum of each row's sequence: the same rows are chosen whatever the order or
format of the source, and copies of a sequence come to the same side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from datasets import DatasetDict

from .configurations import in_order
from .labelled_rows import column_list

RULE = (
    "validation is the {percent:g} % of each class of train whose SHA-256 of `seed:sequence`, seed "
    "{seed}, is smallest; copies of a sequence count once and stay together"
)


def row_digests(sequences: Sequence[str], seed: int) -> list[bytes]:
    """A checksum for each sequence, which stands for a random number."""
    return [hashlib.sha256(f"{seed}:{sequence}".encode()).digest() for sequence in sequences]


def mixed_order(sequences: Sequence[str], seed: int) -> list[int]:
    """Numbers of the rows in the order of their checksums; equal sequences keep their order."""
    digests = row_digests(sequences, seed)
    return sorted(range(len(digests)), key=lambda row: digests[row])


def set_validation_aside(
    dataset: DatasetDict, fraction: float, seed: int
) -> tuple[DatasetDict, str]:
    """`dataset` with a part of `train` as `validation`, and a sentence that says how.

    The share is of each class's distinct sequences. One that several classes have is in
    `validation` with all of its rows if any of them chooses it.

    Raises:
        ValueError: `fraction` is not between 0 and 1, or a class has too few rows for it.
    """
    if not 0 < fraction < 1:
        raise ValueError(
            f"validation_fraction is {fraction}; give a number between 0 and 1, the share of the "
            "training rows to set aside (--validation-fraction)."
        )
    rows = dataset["train"]
    labels = column_list(rows, "label")
    digests = row_digests(column_list(rows, "sequence"), seed)
    chosen: set[bytes] = set()
    for label in set(labels):
        own = {digest for digest, other in zip(digests, labels, strict=True) if other == label}
        chosen.update(sorted(own)[: max(1, round(fraction * len(own)))])
    is_aside = [digest in chosen for digest in digests]
    for label in sorted(set(labels)):
        own_rows = [row for row, other in enumerate(labels) if other == label]
        if all(is_aside[row] for row in own_rows):
            name = rows.features["label"].int2str(label)
            distinct = len({digests[row] for row in own_rows})
            raise ValueError(
                f"validation_fraction {fraction} of the {len(own_rows)} training rows of class "
                f"{name!r} ({distinct} distinct sequences) leaves one side empty; choose another "
                "share."
            )
    parts = {
        **dataset,
        "train": rows.select([row for row, aside in enumerate(is_aside) if not aside]),
        "validation": rows.select([row for row, aside in enumerate(is_aside) if aside]),
    }
    return in_order(parts), RULE.format(percent=100 * fraction, seed=seed)
