"""Reverse-complement augmentation of training data that an interrupted run repeats exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from datasets import Dataset

from hf_genomics.data.sequence import opposite_strand


class ReverseComplementAugmentation:
    """A training set in which each fetched sequence is read from the other strand at random.

    Wrap the training split only; evaluation then sees the sequences as they are, whatever collator
    the two share.

    Which rows of a batch are flipped is drawn from `seed` and the row numbers of the whole batch,
    not from a global random state. A resumed run that fetches the same batches therefore flips the
    same rows, with any number of worker processes and however far ahead batches were fetched when
    the run was killed. Shuffling puts a row into other company in every epoch, which gives it a
    new draw; without shuffling the draws of an epoch repeat.

    Args:
        dataset: Split with a column `sequence`.
        probability: Share of sequences to flip, 0 to 1.
        seed: Seed of the draws; the Trainer's `seed`, so that one number fixes a run.

    Raises:
        ValueError: `probability` is not between 0 and 1.
    """

    def __init__(self, dataset: Dataset, probability: float, seed: int) -> None:
        if not 0 <= probability <= 1:
            raise ValueError(
                f"The reverse-complement probability is {probability}; give one from 0 to 1."
            )
        self.dataset = dataset
        self.probability = probability
        self.seed = seed

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """The rows `indices`, fetched together as one batch."""
        rows: list[dict[str, Any]] = self.dataset.__getitems__(list(indices))
        draws = np.random.default_rng([self.seed, *indices]).random(len(rows))
        for position in np.flatnonzero(draws < self.probability):
            rows[position]["sequence"] = opposite_strand(rows[position]["sequence"])
        return rows
