"""Checks of what a model is given; the file lies in every family that reads bases one by one."""

from typing import Any

import torch
from torch import Tensor

NUM_BASES = 5  # A, C, G, T, N: the width of one-hot input


def check_inputs(input_ids: Any, attention_mask: Any, inputs_embeds: Any) -> Tensor:
    """The one of the two inputs that is given, if it and its mask are fit to be read.

    Args:
        input_ids: token ids `(B, L)` of any integer dtype.
        attention_mask: `(B, L)`, or `None`.
        inputs_embeds: one-hot or soft bases `(B, L, 5)`.

    Raises:
        ValueError: neither or both are given, no tensors, of other shapes, or ids of a dtype that
            is not of integers.
    """
    given: Any = inputs_embeds if input_ids is None else input_ids
    if given is None or (input_ids is not None and inputs_embeds is not None):
        raise ValueError("pass either input_ids (B, L) or inputs_embeds (B, L, 5), not both.")
    for name, value in (
        ("input_ids", input_ids),
        ("inputs_embeds", inputs_embeds),
        ("attention_mask", attention_mask),
    ):
        if value is not None and not isinstance(value, Tensor):
            raise ValueError(
                f"{name} must be a tensor, got a {type(value).__name__}; tokenize strings with "
                "DNATokenizer(..., return_tensors='pt') and pass its batch as model(**batch)."
            )
    if given.dim() != (2 if input_ids is not None else 3) or (
        inputs_embeds is not None and given.shape[2] != NUM_BASES
    ):
        raise ValueError(
            f"input_ids must be (B, L) and inputs_embeds (B, L, {NUM_BASES}), got "
            f"{tuple(given.shape)}."
        )
    if input_ids is not None and not is_integer(input_ids):
        raise ValueError(
            f"input_ids must be token ids, which are integers, got {input_ids.dtype}; pass the "
            "tokenizer's, or one-hot and soft bases (B, L, 5) as inputs_embeds."
        )
    if attention_mask is not None and attention_mask.shape != given.shape[:2]:
        raise ValueError(
            f"attention_mask must have the shape {tuple(given.shape[:2])} of the input, got "
            f"{tuple(attention_mask.shape)}."
        )
    return given


def is_integer(x: Tensor) -> bool:
    """Whether numbers are whole by their dtype; truth values are none."""
    return not (x.is_floating_point() or x.is_complex() or x.dtype == torch.bool)


def check_ids(input_ids: Tensor, vocab_size: int) -> None:
    """Raises a `ValueError` for an id outside the vocabulary: on the CPU, outside compiled code.

    Args:
        input_ids: `(B, L)` int64.
        vocab_size: number of ids.
    """
    if torch.compiler.is_compiling() or input_ids.device.type != "cpu" or not input_ids.numel():
        return
    low, high = (bound.item() for bound in input_ids.aminmax())
    if low < 0 or high >= vocab_size:
        raise ValueError(
            f"input_ids hold {low if low < 0 else high}, but the model knows the ids 0 to "
            f"{vocab_size - 1}; use the tokenizer saved with the model."
        )
