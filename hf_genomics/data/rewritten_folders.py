"""Folders that are written anew, in which a user may have put something since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from pathlib import Path

SHOWN = 5  # files that a message names


def rows_digest(checksums: Iterable[str]) -> str:
    """What a card says of the rows of a configuration: 16 hexadecimal digits.

    `datasets` caches a folder by its name and the `configs:` block of its card alone. With this in
    the block's `description`, a data set that was built anew, or another of the same name, is read
    and not the one that was read before.

    Args:
        checksums: of the files of the configuration, in their order.
    """
    return hashlib.sha256("".join(checksums).encode()).hexdigest()[:16]


def require_no_other_files(folder: Path, record: str, names: Collection[str]) -> None:
    """Refuses to replace a folder that holds more than was written there.

    Args:
        folder: what is to be replaced.
        record: name of the JSON file in it whose `sha256` has the files of data by their path.
        names: of the files that are written beside those.

    Raises:
        ValueError: there is another file; the message names it.
    """
    try:
        written = json.loads((folder / record).read_text("utf-8")).get("sha256", {})
    except (ValueError, AttributeError):
        written = {}
    known = {record, *names, *written}
    paths = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    )
    others = [path for path in paths if path not in known]
    if others:
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        raise ValueError(
            f"{folder} holds files that were not written with its {record}: "
            f"{', '.join(others[:SHOWN])}{more}. To replace the folder would delete them; move "
            "them elsewhere, or give another folder."
        )
