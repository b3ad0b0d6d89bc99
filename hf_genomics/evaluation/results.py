"""The result of one run as one flat JSON file."""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from .commands import without_tokens

_PACKAGES = (
    "hf_genomics",
    "torch",
    "transformers",
    "tokenizers",
    "datasets",
    "accelerate",
    "evaluate",
    "geoopt",
    "numpy",
    "scikit-learn",
)


def package_versions() -> dict[str, str]:
    """Python and the packages that a result depends on; packages that are absent are left out."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    if torch := sys.modules.get("torch"):  # which says its build too, as 2.14.1+cu130
        versions["torch"] = str(torch.__version__)
    return versions


def command_line() -> str:
    """The command of this process, ready to be pasted into a shell but for its tokens."""
    return shlex.join(["python", *without_tokens(sys.argv)])


def source_commit() -> str | None:
    """The git commit of the checkout this package is in, with "+" if files that git tracks were
    changed since; None for an installed copy."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
        tracked = subprocess.run(
            [*git, "ls-files", "--error-unmatch", __file__], capture_output=True
        )
        changed = subprocess.run([*git, "diff", "--quiet", "HEAD"], capture_output=True)
    except OSError:  # no git
        return None
    if head.returncode or tracked.returncode:
        return None
    return head.stdout.strip() + ("+" if changed.returncode else "")


def write_results(path: str | Path, results: dict[str, Any]) -> None:
    """Writes `results` as JSON, whole or not at all; NaN, which JSON has not, becomes null."""
    path = Path(path)
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        aside.write_text(json.dumps(_finite(results), indent=2, allow_nan=False) + "\n")
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
