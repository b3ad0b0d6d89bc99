"""Licences as the metadata of a card spell them."""

from __future__ import annotations

import re

_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9.+-]*")


def require_licence(licence: str | None) -> None:
    """Raises ValueError for what is no identifier of the Hub; None is a licence that is unknown."""
    if licence is not None and not _IDENTIFIER.fullmatch(licence):
        raise ValueError(
            f"license is {licence!r}; give it as the Hub spells it, such as cc0-1.0, cc-by-4.0, or "
            "'other' where none of its names fits."
        )
