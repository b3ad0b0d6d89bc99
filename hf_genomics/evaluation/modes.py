"""Evaluation mode for as long as a model is measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


@contextmanager
def evaluation_mode(model: Any) -> Iterator[None]:
    """Evaluation mode within; after it, every part of the model is in the mode that it was in.

    Args:
        model: a module, something else with `eval()`, which stays as that leaves it, or anything.
    """
    # part by part: a model in training may have parts that are kept in evaluation mode
    parts = model.modules() if isinstance(model, nn.Module) else []
    modes = [(part, part.training) for part in parts]
    if hasattr(model, "eval"):
        model.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
