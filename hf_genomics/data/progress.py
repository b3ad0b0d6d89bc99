"""Progress bars of what takes long: reading files, fetching them, working through what they hold.

Bars are off until `bars_shown(True)` is entered, which commands do where somebody watches; what is
called below it need not know. They wait a second before they appear, so that short work has none.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from transformers.utils.logging import tqdm

DELAY = 1.0  # seconds
_BUFFER = 65_536
_shown: ContextVar[bool] = ContextVar("bars_shown", default=False)


@contextmanager
def bars_shown(shown: bool) -> Iterator[None]:
    """Whether bars are shown by what is called within."""
    token = _shown.set(shown)
    try:
        yield
    finally:
        _shown.reset(token)


@contextmanager
def bars_of_datasets() -> Iterator[None]:
    """Hides the bars of the library `datasets` within, unless bars are shown."""
    # imported here, because most of what has bars can do without this slow import
    from datasets import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if _shown.get() or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def bar(*args: Any, **options: Any) -> Any:
    """A bar of tqdm that goes when it is done, or none where none are shown."""
    options = {"delay": DELAY, "leave": False, "disable": not _shown.get(), **options}
    return tqdm(*args, **options)


def bar_of_bytes(total: int | None, description: str) -> Any:
    """A bar that is updated by numbers of bytes."""
    return bar(total=total, desc=description, unit="B", unit_scale=True)


def open_watched(path: str | Path) -> io.BufferedReader:
    """Opens a file for reading under a bar of its bytes as they lie on disk."""
    return io.BufferedReader(_Watched(path), _BUFFER) if _shown.get() else open(path, "rb")


class _Watched(io.FileIO):
    """A file whose bar is as long as it is open."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(str(path))
        self._bar = bar_of_bytes(Path(path).stat().st_size, f"Reading {Path(path).name}")

    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer) or 0
        self._bar.update(count)
        return count

    def close(self) -> None:
        if not self.closed:
            self._bar.close()
        super().close()
