"""Several fine-tuned models that answer as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hf_genomics.evaluation.classification import SequenceClassifier


class SequenceClassifierEnsemble:
    """The mean of the probabilities, or of the predicted numbers, of several models.

    A deep ensemble (Lakshminarayanan et al. 2017) where the models differ in their seeds alone; one
    model is an ensemble too, and predicts what it does by itself.

    Args:
        members: Models for the same labels, numbered alike.

    Raises:
        ValueError: There is no member, or two have other labels or another problem.
    """

    def __init__(self, members: Sequence[SequenceClassifier]) -> None:
        if not members:
            raise ValueError("an ensemble needs at least one model, got none.")
        first = members[0]
        for member in members[1:]:
            if (member.labels, member.problem) != (first.labels, first.problem):
                raise ValueError(
                    f"models of an ensemble need the same labels in the same order, got "
                    f"{_said(first)} and {_said(member)}; leave one of them out."
                )
        self.members = list(members)

    @classmethod
    def from_pretrained(
        cls, names_or_paths: Sequence[str], **options: Any
    ) -> SequenceClassifierEnsemble:
        """Loads saved folders or models of the Hub.

        Args:
            names_or_paths: Folders or Hub ids.
            options: See [`SequenceClassifier.from_pretrained`].

        Raises:
            ValueError: See the class and [`SequenceClassifier.from_pretrained`].
        """
        return cls([SequenceClassifier.from_pretrained(name, **options) for name in names_or_paths])

    def __call__(
        self, sequences: list[str], names: Sequence[str] | None = None
    ) -> dict[str, list[Any]]:
        """Columns for a batch; see [`SequenceClassifier.__call__`]."""
        scores = np.mean([member.scores(sequences, names) for member in self.members], 0)
        return self.members[0].columns(scores)


def _said(member: SequenceClassifier) -> str:
    return f"{', '.join(member.labels)} ({member.problem.replace('_', ' ')})"
