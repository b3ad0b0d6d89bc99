"""The suites that Transformers runs over its own models and tokenizers, fetched to run over ours.

They are in the source distribution of the installed version only. It is downloaded when a test
first asks for it, into a cache outside the repository; nothing of it is kept here.
"""

import importlib
import os
import subprocess
import sys
import tarfile
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pytest
import transformers
from filelock import FileLock

# The suites import these from folders that the distribution leaves out.
STUBS = {
    "exporters/test_export.py": "class ExportTesterMixin:\n    pass\n",
    "generation/test_utils.py": "class GenerationTesterMixin:\n    pass\n",
    "utils/test_configuration_utils.py": "config_common_kwargs = {}\n",
    "fixtures/sample_text.txt": "ACGTN acgtn\nTTAGGGTTAGGG\n",
}
PACKAGE = "transformers_tests"  # Transformers finds its fixtures in a folder that ends in "tests"
SECONDS = 300


def upstream(module: str) -> Any:
    """A module of Transformers' tests, `"test_modeling_common"` say.

    Skips the calling test module, with the reason, where the distribution cannot be had.
    """
    folder = download(transformers.__version__)
    sys.path.insert(0, str(folder))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # written for other settings of pytest than ours
            return importlib.import_module(f"{PACKAGE}.{module}")
    finally:
        sys.path.remove(str(folder))


def download(version: str) -> Path:
    """The folder that holds the package of the tests of that version of Transformers."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hf_genomics"
    folder = cache / f"transformers-{version}"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "transformers.lock"):  # one download for all workers of a run
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(prefix=".downloading-", dir=cache) as aside:
                archive = fetch(version, Path(aside))
                unpack(archive, Path(aside) / "unpacked" / PACKAGE)
                os.replace(Path(aside) / "unpacked", folder)
    return folder


def fetch(version: str, folder: Path) -> Path:
    """Lets pip download the source distribution into `folder`."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", "transformers"]
    command += ["--retries", "1", "--dest", str(folder), f"transformers=={version}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        pytest.skip(f"no answer from the package registry in {SECONDS} s", allow_module_level=True)
    archive = folder / f"transformers-{version}.tar.gz"
    if done.returncode or not archive.exists():
        reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
        pytest.skip(
            f"the source of transformers {version} cannot be downloaded: {''.join(reason)}",
            allow_module_level=True,
        )
    return archive


def unpack(archive: Path, package: Path) -> None:
    """Makes a package of the files under `tests/` of a source distribution, and of the stubs."""
    for stub, text in STUBS.items():
        file = package / stub
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")
        (file.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    with tarfile.open(archive) as tar:
        for member in tar:
            _, _, name = member.name.partition("/tests/")
            if name.endswith(".py") and "/" not in name and (content := tar.extractfile(member)):
                (package / name).write_bytes(content.read())
