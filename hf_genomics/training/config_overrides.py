"""`geometry=euclidean,num_layers=3`: fields of a model's configuration from one line of text."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Callable
from typing import Any

import torch
from transformers import PreTrainedConfig

DTYPE_IS_SET = "weights train in float32, and --bf16 true computes in bfloat16"
_NONE = ("none", "null")
_BOOLEANS = {"true": True, "false": False}


def parse_config_overrides(text: str, config_class: type[PreTrainedConfig]) -> dict[str, Any]:
    """Reads `name=value` pairs separated by commas, each value in the type of its field.

    Args:
        text: Such as "geometry=euclidean,num_layers=3,reverse_complement=none". Empty text gives
            no overrides.
        config_class: The configuration whose fields they are.

    Raises:
        ValueError: A part is no pair, a name is no field (the message has the closest ones), is
            given twice or is `dtype`, or a value does not fit its field.
    """
    fields = _field_types(config_class)
    overrides: dict[str, Any] = {}
    for name, value in override_pairs(text):
        if name in ("dtype", "torch_dtype"):
            raise ValueError(f"{name} cannot be overridden: {DTYPE_IS_SET}.")
        if name not in fields:
            close = difflib.get_close_matches(name, fields, n=3) or sorted(fields)
            raise ValueError(
                f"{config_class.__name__} has no field {name!r}; did you mean {', '.join(close)}?"
            )
        if name in overrides:
            raise ValueError(f"{name} is overridden twice; give it one value.")
        overrides[name] = _convert(name, value, fields[name])
    return overrides


def override_pairs(text: str) -> list[tuple[str, str]]:
    """The names and values of `parse_config_overrides`, as they are written.

    Raises:
        ValueError: A part is no pair.
    """
    pairs = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise ValueError(f"{part!r} is no configuration override; write name=value.")
        pairs.append((name, value))
    return pairs


def _field_types(config_class: type[PreTrainedConfig]) -> dict[str, tuple[type, ...]]:
    """The types that a line of text can give to each public field."""
    # The base class names torch in an annotation without importing it at run time.
    hints = typing.get_type_hints(config_class, localns={"torch": torch})
    fields: dict[str, tuple[type, ...]] = {}
    for name, default in config_class().to_dict().items():
        if name in hints:
            hint = hints[name]
            union = typing.get_origin(hint) in (typing.Union, types.UnionType)
            members = typing.get_args(hint) if union else (hint,)
            kinds = (typing.get_origin(member) or member for member in members)
            # what a text may be is for the configuration to check
            fields[name] = tuple(str if kind is typing.Literal else kind for kind in kinds)
        elif default is not None:  # configurations with an `__init__` of their own have no hints
            fields[name] = (type(default),)
    return fields


def _convert(name: str, text: str, allowed: tuple[type, ...]) -> Any:
    readers: dict[type, Callable[[str], Any]] = {
        type(None): _read_none,
        bool: _read_boolean,
        int: int,
        float: float,
        str: str,
    }
    for kind, read in readers.items():  # from the narrowest kind to the widest
        if kind in allowed or Any in allowed:
            try:
                return read(text)
            except ValueError:
                continue
    kinds = " or ".join("none" if kind is type(None) else kind.__name__ for kind in allowed)
    raise ValueError(f"{name} takes {kinds}, got {text!r}.")


def _read_none(text: str) -> None:
    if text.lower() not in _NONE:
        raise ValueError(text)


def _read_boolean(text: str) -> bool:
    if text.lower() not in _BOOLEANS:
        raise ValueError(text)
    return _BOOLEANS[text.lower()]
