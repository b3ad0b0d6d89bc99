"""Command lines of runs: what is shown of them, and what they say when they are read again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

TOKEN_OPTIONS = {"token", "hub_token", "push_to_hub_token"}
HIDDEN = "<HIDDEN>"


def options_of(words: Sequence[str]) -> dict[str, str]:
    """The options of a command line by name, underscores for dashes; the last of each counts."""
    found = {}
    for word, after in pairwise([*words, "--"]):
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if not equals and not after.startswith("--"):
                value = after
            found[name.replace("-", "_")] = value
    return found


def without_tokens(words: Sequence[str]) -> list[str]:
    """The words of a command with `HIDDEN` for every token, for what is recorded is published."""
    shown: list[str] = []
    is_token = False
    for word in words:
        name, equals, _ = word.partition("=")
        option = name[2:].replace("-", "_") if name.startswith("--") else ""
        if is_token:
            shown.append(HIDDEN)
        else:
            shown.append(f"{name}={HIDDEN}" if equals and option in TOKEN_OPTIONS else word)
        is_token = not is_token and not equals and option in TOKEN_OPTIONS
    return shown
