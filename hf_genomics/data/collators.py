"""Batches for sequence models, straight from DNA strings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def length_limit(config: Any, max_length: int | None = None) -> int | None:
    """Most tokens of a sequence: `max_length`, but no more than a model of fixed length reads.

    Args:
        config: Of the model.
        max_length: A limit of one's own.

    Returns:
        The smaller of the two, None where there is neither.
    """
    fixed = (
        getattr(config, "max_length", None) if getattr(config, "head", "") == "flatten" else None
    )
    limits = [limit for limit in (fixed, max_length) if limit is not None]
    return min(limits) if limits else None


class SequenceClassificationCollator:
    """Tokenises a batch of strings in one call and pads on the right to its longest sequence.

    Works on the raw rows of `load_sequence_dataset`, so nothing is tokenised ahead of time or kept
    twice. Set `TrainingArguments.remove_unused_columns` to False, else the Trainer drops the
    `sequence` column, which no model names.

    Args:
        tokenizer: A tokenizer of Transformers; `DNATokenizer` has the fastest batch path.
        max_length: Most tokens a sequence may have; None for no limit.
        truncation: Cut longer sequences at `max_length` instead of raising.

    Raises:
        ValueError: `truncation` without `max_length`; when called, a sequence longer than
            `max_length`.
    """

    def __init__(
        self, tokenizer: Any, max_length: int | None = None, *, truncation: bool = False
    ) -> None:
        if truncation and max_length is None:
            raise ValueError("truncation=True needs a max_length to cut at; none was given.")
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.truncation = truncation

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """`input_ids` and `attention_mask` (batch_size, longest), and `labels` if the rows have a
        `label`: int64 (batch_size,) for classes, float32 (batch_size,) for regression, float32
        (batch_size, num_labels) for multi-label rows."""
        length = {"truncation": True, "max_length": self.max_length} if self.truncation else {}
        encoding = self.tokenizer(
            [row["sequence"] for row in rows],
            padding=True,
            padding_side="right",
            return_tensors="pt",
            **length,
        )
        batch = {"input_ids": encoding["input_ids"], "attention_mask": encoding["attention_mask"]}
        longest = batch["input_ids"].shape[1]
        if self.max_length is not None and longest > self.max_length:
            raise ValueError(
                f"The batch holds a sequence of {longest} tokens, but max_length is "
                f"{self.max_length}: raise max_length, or allow truncation."
            )
        if "label" in rows[0]:
            labels = torch.stack([torch.as_tensor(row["label"]) for row in rows])
            batch["labels"] = labels.float() if labels.is_floating_point() else labels.long()
        return batch
