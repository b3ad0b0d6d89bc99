"""Control-C for a process in the middle of its work."""

import signal
import subprocess
import time
from pathlib import Path


def interrupt(command: list[str], environment: dict[str, str], when: Path) -> tuple[int, str]:
    """Starts a command, interrupts it as soon as a file is there; exit code and standard error."""
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # a shell that runs the tests in the background has switched control-C off
        preexec_fn=heed_interrupts,
    )
    try:
        deadline = time.monotonic() + 120
        while not when.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
        return process.returncode, said
    finally:
        process.kill()


def heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
