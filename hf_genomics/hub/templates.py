"""Cards from templates: text with `{{name}}`, filled from files and never by hand.

    {{config.num_layers}}           a value of config.json, `results.`, `state.`, `summary.` alike
    {{config.max_length|no limit}}  what stands there if the value is null
    {{results_table}}               a block that code makes

A number written into the template below `## Results` is an error: it would come from no file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .errors import PublishingError

PLACEHOLDER = re.compile(r"\{\{\s*([\w.]+)\s*(?:\|([^{}]*))?\}\}")
RESULTS_SECTION = re.compile(r"^## Results\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"\d+\.\d+")


def fill(template: str, values: Mapping[str, Any]) -> str:
    """The template with every placeholder replaced.

    Args:
        template: Markdown.
        values: by name; dotted names go into nested mappings.

    Raises:
        PublishingError: a placeholder has no value, or an empty one.
    """
    section = RESULTS_SECTION.search(template)
    by_hand = _NUMBER.findall(PLACEHOLDER.sub("", section[1])) if section else []
    problems = [f"{found} in the Results of the template comes from no file" for found in by_hand]

    def replace(match: re.Match[str]) -> str:
        name, otherwise = match[1], match[2]
        try:
            value = look_up(values, name)
        except KeyError:
            problems.append(f"{name} is not known")
            return ""
        if value is None and otherwise is not None:
            return otherwise
        if value is None or value == "":
            problems.append(f"{name} is empty")
            return ""
        return as_text(value)

    text = PLACEHOLDER.sub(replace, template)
    if problems:
        raise PublishingError("The card cannot be filled:", problems)
    return text


def look_up(values: Mapping[str, Any], name: str) -> Any:
    """`values["a"]["b"]` for the name `a.b`.

    Raises:
        KeyError: it is not there.
    """
    found: Any = values
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            raise KeyError(name)
        found = found[part]
    return found


def as_text(value: Any) -> str:
    """Numbers for reading: 1,190,905 and 0.2185; everything else as it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
