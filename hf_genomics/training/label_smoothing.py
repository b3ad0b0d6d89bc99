"""Refuses label smoothing where the loss is the model's own."""

from __future__ import annotations

from typing import Any


def refuse_label_smoothing(args: Any) -> None:
    """For trainers of models whose loss `Trainer` cannot smooth.

    It would take the labels away from the model and make a loss of the logits alone: a language
    model on codes would learn nucleotides only, and a tree has no classes to smooth.

    Args:
        args: `TrainingArguments`, or None.

    Raises:
        ValueError: they ask for smoothing.
    """
    factor = getattr(args, "label_smoothing_factor", 0)
    if factor:
        raise ValueError(
            f"label_smoothing_factor is {factor}, but the loss is the model's own, which is not "
            "smoothed; set it to 0."
        )
