"""Processes of people who do not have the package, and of people who do."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from huggingface_hub import close_session, constants

from tests.hub.loopback_hub import LoopbackHub

STRANGER = Path(__file__).with_name("stranger.py")
# huggingface_hub 2.4 uploads large files by an argument that its httpx2 calls deprecated.
WARNINGS = ("-W", "error", "-W", "ignore:Use 'content=<...>' to upload:DeprecationWarning")
REPOSITORY = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., None]:
    """Runs `stranger.py` in a clean process: no package, no cache, warnings are errors."""

    def run(*arguments: object, environment: Mapping[str, str] | None = None) -> None:
        """Runs a command of `stranger.py`."""
        home = tmp_path_factory.mktemp("stranger")
        caches = {"HF_HOME": str(home), "HF_MODULES_CACHE": str(home / "modules")}
        done = subprocess.run(
            [sys.executable, "-I", *WARNINGS, str(STRANGER), *map(str, arguments)],
            cwd=home,
            env=os.environ | caches | dict(environment or {}),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{arguments} ended with:\n{done.stdout}{done.stderr}"

    return run


@pytest.fixture(scope="session")
def run_in() -> Callable[[Path, str, Mapping[str, str]], None]:
    """Runs a program of somebody who has the package; warnings are errors."""

    def run(folder: Path, code: str, environment: Mapping[str, str]) -> None:
        caches = {"HF_HOME": str(folder / "cache"), "PYTHONPATH": str(REPOSITORY)}
        done = subprocess.run(
            [sys.executable, *WARNINGS, "-c", code],
            cwd=folder,
            env=os.environ | caches | dict(environment),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"

    return run


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LoopbackHub]:
    """A Hub of its own for a test, which `huggingface_hub` in this process talks to."""
    with LoopbackHub().running() as hub:
        for name, value in hub.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(
            constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            hub.url + "/{repo_id}/resolve/{revision}/{filename}",
        )
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub cache"))
        close_session()  # the client of an earlier test, with its connections
        yield hub
        close_session()
