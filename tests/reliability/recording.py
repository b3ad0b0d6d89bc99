"""A pytest plugin that leaves in the JUnit file what the report on reliability needs.

    python -m pytest -p tests.reliability.recording [--bad-inputs] --junitxml=run.xml tests/...

Of the run: command, commit, versions, machine. Of every `pytest.raises` that met its error, and of
every command that `CliRunner` saw fail: where in the package the error was met first, and its kind.
"""

import inspect
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from _pytest.junitxml import xml_key
from typer.testing import CliRunner

REPOSITORY = Path(__file__).resolve().parents[2]
OURS = ("hf_genomics", "examples", "upload.py")
LIBRARIES = ("torch", "transformers", "numpy", "pyarrow", "tokenizers", "hypothesis", "pytest")
ENVIRONMENT = ("HF_GENOMICS_FUZZ_CASES", "HF_GENOMICS_SOAK_STEPS", "OMP_NUM_THREADS")

KILLING = re.compile(r"_killed_(run|and_resumed)|_is_killed_")

_raises = pytest.raises
_invoke = CliRunner.invoke
_current: list[pytest.Item] = []


class _Recorded:
    """The context manager of `pytest.raises`, which notes what it caught."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    def __enter__(self) -> Any:
        self._found = self._manager.__enter__()
        return self._found

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> Any:
        expected = self._manager.__exit__(kind, error, trace)
        if expected and isinstance(error, Exception):  # an interruption is no answer to an input
            _note(_entry_point(trace), type(error).__name__)
        return expected


def _recording_raises(*arguments: Any, **options: Any) -> Any:
    found = _raises(*arguments, **options)
    return _Recorded(found) if hasattr(found, "__enter__") else found


def _recording_invoke(self: CliRunner, *arguments: Any, **options: Any) -> Any:
    result = _invoke(self, *arguments, **options)
    if result.exit_code:
        words = [*(arguments[1:2] or [options.get("args") or []])][0]
        command = words.split() if isinstance(words, str) else list(words)
        _note(f"hf-genomics {command[0] if command else ''}".strip(), f"exit {result.exit_code}")
    return result


def _entry_point(trace: TracebackType | None) -> str:
    """The first function or class of the package on the way to the error, "" for none."""
    while trace is not None:
        code = trace.tb_frame.f_code
        path = Path(code.co_filename)
        if path.is_relative_to(REPOSITORY):
            place = path.relative_to(REPOSITORY)
            if place.parts[0] in OURS:
                module = ".".join(place.with_suffix("").parts)
                return f"{module}.{code.co_qualname.partition('.')[0]}"
        trace = trace.tb_next
    return ""


def _note(entry_point: str, outcome: str) -> None:
    if _current and entry_point:
        _current[-1].user_properties.append((f"bad input {entry_point}", outcome))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    _current.append(item)
    try:
        return (yield)
    finally:
        _current.pop()


def pytest_configure(config: pytest.Config) -> None:
    pytest.raises = _recording_raises
    # Replaced on purpose: the tests stay as they are, and each command is seen. That is an
    # assignment to a method, which the type checker forbids.
    CliRunner.invoke = _recording_invoke  # type: ignore[method-assign]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--bad-inputs", action="store_true", help="only tests that expect an error or run a command"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that kill say so in the file, by their marker or their name."""
    if config.getoption("bad_inputs"):
        # `Item` has no function in its type, but every test of this suite is one.
        sources = [inspect.getsource(item.function) for item in items]  # type: ignore[attr-defined]
        items[:] = [
            item
            for item, source in zip(items, sources, strict=True)
            if "raises(" in source or "invoke(" in source or "run(" in source
        ]
    for item in items:
        works = [marker.args[0] for marker in item.iter_markers("kills")]
        if not works and KILLING.search(item.name):
            works = [item.path.stem.removeprefix("test_").replace("_", " ")]
        item.user_properties.extend(("kill test", work) for work in works)


def pytest_sessionstart(session: pytest.Session) -> None:
    xml = session.config.stash.get(xml_key, None)
    if xml is None:
        return
    given = [f"{name}={os.environ[name]}" for name in ENVIRONMENT if name in os.environ]
    arguments = [a for a in session.config.invocation_params.args if not a.startswith("--junitxml")]
    xml.add_global_property("command", " ".join([*given, "python -m pytest", *arguments]))
    xml.add_global_property("commit", _git("rev-parse", "--short", "HEAD"))
    xml.add_global_property("changed", str(bool(_git("status", "--porcelain", "-uno"))))
    versions = {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}
    xml.add_global_property("versions", ", ".join(f"{n} {v}" for n, v in versions.items()))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {sys.platform}"
    xml.add_global_property("machine", machine)


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
