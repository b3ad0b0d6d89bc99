"""Runs a piece of work again and again, killing it at random moments, until one run is left alone.

    python attempts.py SCRIPT KILLS SEED SHARE

SCRIPT defines rehearsal(), work() and, if it likes, between().

Every attempt is a fork of this process, which has done all imports: an attempt begins at once, and
SIGKILL meets the work, not the imports. The moments are drawn by SEED from the first SHARE of the
time that the rehearsal needed, which does as much as the whole work. Prints a line of JSON: the
number of kills that met a living process, and what `between()` returned after each attempt.
"""

import json
import os
import random
import runpy
import signal
import sys
import time
from collections.abc import Callable
from typing import Any


def attempt(work: Callable[[], Any], seconds: float | None) -> tuple[bool, float]:
    """Does the work in a fork, killed after some seconds; whether it was, and how long it ran."""
    begin = time.monotonic()
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    deadline = None if seconds is None else begin + seconds
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if deadline is not None and time.monotonic() >= deadline:
            os.kill(child, signal.SIGKILL)
            deadline = None
        time.sleep(0.001)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert killed or os.WEXITSTATUS(status) == 0, "the work failed; its error is above"
    return killed, time.monotonic() - begin


def main(script: str, kills: int, seed: int, share: float) -> dict[str, Any]:
    defined = runpy.run_path(script)
    work, between = defined["work"], defined.get("between", lambda: None)
    _, whole = attempt(defined["rehearsal"], None)
    chance = random.Random(seed)
    met, seen = 0, []
    for _ in range(kills):
        killed, _ = attempt(work, chance.random() * share * whole)
        met += killed
        seen.append(between())
    attempt(work, None)
    return {"killed": met, "seen": seen}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))))
