"""Several models of one command line, each with the name that it has in a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path


def named_folders(given: Sequence[str], unnamed: Callable[[str], str] = str) -> dict[str, str]:
    """Name -> folder or Hub id, of texts FOLDER and NAME=FOLDER.

    Args:
        given: The texts; name and folder may hold a `=` of their own, as `lr=3` does, where the
            folder is there.
        unnamed: The name of a folder that is given without one.

    Raises:
        ValueError: Two models have one name.
    """
    folders: dict[str, str] = {}
    for text in given:
        name, folder = _name_and_folder(text)
        name = name or unnamed(folder)
        if name in folders:
            raise ValueError(
                f"{folders[name]} and {folder} are both named {name!r}; give each model a name of "
                "its own, as NAME=FOLDER."
            )
        folders[name] = folder
    return folders


def _name_and_folder(text: str) -> tuple[str, str]:
    """The parts of NAME=FOLDER, the longest folder that is there; `""` for no name."""
    if Path(text).is_dir() or "=" not in text:
        return "", text
    parts = text.split("=")
    for i in range(1, len(parts)):
        name, folder = "=".join(parts[:i]), "=".join(parts[i:])
        if folder and Path(folder).is_dir():
            return name, folder
    return parts[0], "=".join(parts[1:])
