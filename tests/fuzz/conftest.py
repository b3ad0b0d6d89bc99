"""Counts the cases of every property for the report, and ends a case that hangs."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.cases import COUNTS


@pytest.fixture(autouse=True)
def _counted(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leaves the counts of a test in its report, where --junitxml writes them."""

    def hangs(*arguments: object) -> None:
        raise TimeoutError("this case takes too long")

    COUNTS.clear()
    before = signal.signal(signal.SIGPROF, hangs)
    yield
    signal.signal(signal.SIGPROF, before)
    subject = Path(request.path).stem.removeprefix("test_")
    counts = " ".join(f"{name}={count}" for name, count in sorted(COUNTS.items()))
    request.node.user_properties.append((f"fuzz {subject}", counts))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all cases, whose files are written over and over."""
    return tmp_path_factory.mktemp("cases")
