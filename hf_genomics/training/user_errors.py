"""What a user did wrong, in one line instead of a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub.errors import StrictDataclassError

USER_ERROR = 2  # exit code; the same that argument parsing uses


@contextmanager
def user_errors_in_one_line(program: str) -> Iterator[None]:
    """Turns a ValueError or OSError of the block into one line on standard error and exit code 2.

    So does an error of a configuration, which says which of its fields cannot be.

    Args:
        program: Name that the line begins with.
    """
    try:
        yield
    except (ValueError, OSError, StrictDataclassError) as error:
        reason: BaseException = error
        if isinstance(error, StrictDataclassError) and error.__cause__ is not None:
            reason = error.__cause__  # without the name of the check that found it
        print(f"{program}: error: {reason}", file=sys.stderr)
        raise SystemExit(USER_ERROR) from error
