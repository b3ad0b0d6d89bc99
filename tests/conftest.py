"""What every test runs under: no network, a cache of its own, fixed seeds; and the real data."""

import atexit
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent

# Caches of this run alone: nothing is read from or left in the user's.
_CACHE = tempfile.mkdtemp(prefix="hf_genomics_tests_")
atexit.register(shutil.rmtree, _CACHE, ignore_errors=True)

# Read when the libraries are imported, and inherited by every process that a test starts.
os.environ |= {
    "HF_HOME": _CACHE,
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": os.environ.get("HF_HUB_OFFLINE", "1"),
    "MPLBACKEND": "Agg",
    "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
    "TOKENIZERS_PARALLELISM": "false",
}

import numpy as np  # noqa: E402  (the environment above comes first)
import pytest  # noqa: E402
import torch  # noqa: E402


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are named by their argument: what gzip packs holds the time, and the two workers of a
    run, which collect at different times, have to find the same names."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(autouse=True)
def seed() -> int:
    """Seed every generator before each test; the seed, for tests that make their own generator."""
    value = 20250425
    random.seed(value)
    np.random.seed(value)
    torch.manual_seed(value)
    return value


@pytest.fixture(autouse=True)
def _default_dtype_stays() -> Iterator[None]:
    """A test that works in float64 leaves the next one in the dtype it expects."""
    dtype = torch.get_default_dtype()
    yield
    torch.set_default_dtype(dtype)


@pytest.fixture(scope="session")
def real_data_folder() -> Path:
    """The folder of real data sets; a test that asks for it carries the marker `real_data`."""
    named = os.environ.get("HF_GENOMICS_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set HF_GENOMICS_DATA to the folder that holds it")
    return folder


@pytest.fixture
def run_python(tmp_path: Path) -> Callable[..., str]:
    """Run a piece of Python in a fresh process, warnings as errors; what it printed."""

    def run(code: str, *, with_package: bool = True, folder: Path = tmp_path) -> str:
        """Run `code` in `folder`.

        Args:
            code: The program.
            with_package: Whether `import hf_genomics` works there.
            folder: Working directory of the process.

        Returns:
            Standard output and standard error together.
        """
        if with_package:
            program = code
            path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
        else:
            # The import system's own way to say "not there", whatever is installed.
            program = f"import sys; sys.modules['hf_genomics'] = None\n{code}"
            path = os.environ.get("PYTHONPATH", "")
        finished = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": path},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
            check=False,
        )
        assert finished.returncode == 0, f"{code}\nended with:\n{finished.stdout}"
        return finished.stdout

    return run
