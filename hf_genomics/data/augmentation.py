"""Random changes of training sequences that an interrupted run repeats exactly."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from datasets import Dataset

from hf_genomics.data.sequence import opposite_strand


class _Augmentation(ABC):
    """A training set whose sequences are changed at random as they are fetched.

    Wrap the training split only; evaluation then sees the sequences as they are, whatever collator
    the two share. One augmentation may wrap another.

    What is changed in a batch is drawn from `seed` and the row numbers of the whole batch, not from
    a global random state. A resumed run that fetches the same batches therefore makes the same
    changes, with any number of worker processes and however far ahead batches were fetched when
    the run was killed. Shuffling puts a row into other company in every epoch, which gives it a
    new draw; without shuffling the draws of an epoch repeat.
    """

    name: str  # of the probability, in errors

    def __init__(self, dataset: Dataset | _Augmentation, probability: float, seed: int) -> None:
        if not 0 <= probability <= 1:
            raise ValueError(f"The {self.name} is {probability}; give one from 0 to 1.")
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
        if self.probability:
            self.change(rows, np.random.default_rng([self.seed, *indices]))
        return rows

    @abstractmethod
    def change(self, rows: list[dict[str, Any]], draws: np.random.Generator) -> None:
        """Changes the sequences of a batch in place."""


class ReverseComplementAugmentation(_Augmentation):
    """A training set in which each fetched sequence is read from the other strand at random.

    Repeats itself exactly when a run is resumed: the flips of a batch follow from `seed` and the
    numbers of its rows. Wrap the training split only.

    Args:
        dataset: Split with a column `sequence`, or another augmentation of one.
        probability: Share of sequences to flip, 0 to 1.
        seed: Seed of the draws; the Trainer's `seed`, so that one number fixes a run.

    Raises:
        ValueError: `probability` is not between 0 and 1.
    """

    name = "reverse-complement probability"

    def change(self, rows: list[dict[str, Any]], draws: np.random.Generator) -> None:
        for i in np.flatnonzero(draws.random(len(rows)) < self.probability):
            rows[i]["sequence"] = opposite_strand(rows[i]["sequence"])


class BaseMaskingAugmentation(_Augmentation):
    """A training set in which each base of a fetched sequence is read as N at random.

    A network that has to do without some of the bases cannot rely on one spelling of a motif, nor
    learn rows by heart. Repeats itself exactly when a run is resumed: what is masked in a batch
    follows from `seed` and the numbers of its rows. Wrap the training split only.

    Args:
        dataset: Split with a column `sequence`, or another augmentation of one.
        probability: Share of bases to mask, 0 to 1.
        seed: Seed of the draws; the Trainer's `seed`, so that one number fixes a run.

    Raises:
        ValueError: `probability` is not between 0 and 1.
    """

    name = "base-masking probability"

    def change(self, rows: list[dict[str, Any]], draws: np.random.Generator) -> None:
        # a stream of its own: the same numbers already say which rows of the batch are flipped
        (draws,) = draws.spawn(1)
        for row in rows:
            bases = list(row["sequence"])
            for i in np.flatnonzero(draws.random(len(bases)) < self.probability):
                bases[i] = "N"
            row["sequence"] = "".join(bases)
