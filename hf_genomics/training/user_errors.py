"""What a user did wrong, or that a user stopped it, in one line instead of a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub.errors import StrictDataclassError

USER_ERROR = 2  # exit code; the same that argument parsing uses
INTERRUPTED = 130  # exit code of shells for what control-C has ended


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


@contextmanager
def interrupt_in_one_line() -> Iterator[None]:
    """Turns control-C within the block into one line that says how to go on, and exit code 130.

    For training that leaves checkpoints. The first process of a run says it, the others are silent.
    """
    try:
        yield
    except KeyboardInterrupt:
        if os.environ.get("RANK", "0") == "0":  # as torchrun and accelerate number processes
            print(
                "\nstopped; repeat the command with --resume_from_checkpoint true to go on from "
                "the last checkpoint",
                file=sys.stderr,
            )  # on a new line, because that of a progress bar is not at its end
        raise SystemExit(INTERRUPTED) from None
