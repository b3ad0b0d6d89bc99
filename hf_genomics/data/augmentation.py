"""Random changes of training sequences that an interrupted run repeats exactly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from datasets import Dataset

from hf_genomics.data.epochs import SharedEpoch
from hf_genomics.data.sequence import MASK_TOKEN, opposite_strand

_POSITIONS = re.compile(rf"{re.escape(MASK_TOKEN)}|.", re.DOTALL)


class SequenceAugmentation:
    """A training set whose sequences are read from the other strand, or in part as N, at random.

    Wrap the training split only; evaluation then sees the sequences as they are, whatever collator
    the two share.

    What is changed in a batch is drawn from `seed`, the epoch and the row numbers of the whole
    batch, not from a global random state. A resumed run that fetches the same batches therefore
    makes the same changes, with any number of worker processes and however far ahead batches were
    fetched when the run was killed. The trainers of this package set the epoch; where nobody does,
    shuffling still puts a row of larger batches into other company, which gives it a new draw.

    Args:
        dataset: Split with a column `sequence`.
        seed: Seed of the draws; the Trainer's `seed`, so that one number fixes a run.
        reverse_complement_probability: Share of sequences to flip, 0 to 1.
        base_masking_probability: Share of their bases to read as N, 0 to 1.

    Raises:
        ValueError: A probability is not between 0 and 1.
    """

    def __init__(
        self,
        dataset: Dataset,
        seed: int,
        *,
        reverse_complement_probability: float = 0.0,
        base_masking_probability: float = 0.0,
    ) -> None:
        self.dataset, self.seed = dataset, seed
        self._epoch = SharedEpoch()
        self.reverse_complement_probability = reverse_complement_probability
        self.base_masking_probability = base_masking_probability
        for name in ("reverse_complement_probability", "base_masking_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give one from 0 to 1.")

    def set_epoch(self, epoch: int) -> None:
        """Draws anew: epochs count from 0."""
        self._epoch.set(epoch)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """The rows `indices`, fetched together as one batch."""
        rows: list[dict[str, Any]] = self.dataset.__getitems__(list(indices))
        draws = np.random.default_rng([self.seed, int(self._epoch), *indices])
        for i in np.flatnonzero(draws.random(len(rows)) < self.reverse_complement_probability):
            rows[i]["sequence"] = opposite_strand(rows[i]["sequence"])
        if self.base_masking_probability:
            for row in rows:
                row["sequence"] = masked(row["sequence"], self.base_masking_probability, draws)
        return rows


def masked(sequence: str, probability: float, draws: np.random.Generator) -> str:
    """The sequence with each base read as N at random.

    White space, which is no base to the tokenizer, and `[MASK]` stay: the number of tokens too.
    """
    bases = _POSITIONS.findall(sequence)
    for i in np.flatnonzero(draws.random(len(bases)) < probability):
        if bases[i] != MASK_TOKEN and not bases[i].isspace():
            bases[i] = "N"
    return "".join(bases)
