"""`fuzz`: a property tried on many made-up cases, some twenty by default, thousands on request."""

import functools
import os
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

QUICK = 20
CASES = int(os.environ.get("HF_GENOMICS_FUZZ_CASES", QUICK))
CPU_SECONDS = 20  # of one case; a reader that needs them does not end

# The same cases every time, but for the long run, which may be given a seed (--hypothesis-seed).
PROFILE = settings(
    max_examples=CASES,
    derandomize=CASES == QUICK,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

COUNTS: Counter[str] = Counter()
"""Of the test that runs: `cases`, and what became of them; `conftest.py` writes it down."""


def fuzz(**strategies: SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """As `hypothesis.given`, with the number of cases of this run, a time limit, and a count."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def counted(*arguments: Any, **drawn: Any) -> None:
            signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
            try:
                test(*arguments, **drawn)
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            COUNTS["cases"] += 1

        return PROFILE(given(**strategies)(counted))

    return decorate


def refused(read: Callable[[], Any], *named: str) -> tuple[Any, ValueError | None]:
    """What `read` returns, or the ValueError it ends with; any other error is the test's failure.

    Args:
        read: the call.
        named: what the message has to name, the file for one.
    """
    error = None
    try:
        result = read()
    except ValueError as raised:
        result, error = None, raised
    COUNTS["read" if error is None else "refused"] += 1
    if error is not None:
        # UnicodeDecodeError and those of Arrow and JSON are kinds of it that tell a user nothing.
        assert type(error) is ValueError, repr(error)
        missing = [name for name in named if name not in str(error)]
        assert not missing, f"the message does not name {missing}: {error}"
    return result, error
