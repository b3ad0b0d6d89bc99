"""What a user did wrong, in one line instead of a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

USER_ERROR = 2  # exit code; the same that argument parsing uses


@contextmanager
def user_errors_in_one_line(program: str) -> Iterator[None]:
    """Turns a ValueError or OSError of the block into one line on standard error and exit code 2.

    Args:
        program: Name that the line begins with.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        raise SystemExit(USER_ERROR) from error
