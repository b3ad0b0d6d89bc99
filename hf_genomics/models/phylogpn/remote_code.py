"""Saving a model as a folder that loads without this package: weights, config and code together.

The Hub runs a repository's own Python files under `trust_remote_code=True`. Transformers copies
them only for classes registered one by one, and writes only the saved class into `auto_map`; here
every saved folder is complete.
"""

import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from transformers.dynamic_module_utils import get_relative_import_files


def code_files(module_file: str) -> list[Path]:
    """The Python file of a module and all its siblings that it imports, directly or not."""
    return sorted({Path(module_file), *map(Path, get_relative_import_files(module_file))})


def save_complete(
    save: Callable[[Path], None], save_directory: str | Path, code: list[Path]
) -> None:
    """Calls `save(folder)` on a folder aside, adds the code, then moves the files into place.

    A save that fails, whatever the reason, leaves the files of `save_directory` as they were.
    Weights of an earlier save of the same variant that the new one does not replace (shards, say)
    are removed.

    Args:
        save: writes the files into the folder it is given.
        save_directory: where the files end up; made if absent.
        code: Python files to add.

    Raises:
        ValueError: `save_directory` is a file.
    """
    target = Path(save_directory)
    if target.is_file():
        raise ValueError(f"{target} is a file, but a model is saved into a folder; name a folder.")
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="_saving-", dir=target) as aside:
        save(Path(aside))
        for file in code:
            shutil.copyfile(file, Path(aside) / file.name)
        new = {file.name: file for file in Path(aside).iterdir()}
        for name, file in new.items():
            file.replace(target / name)
    for name in new:
        if match := WEIGHTS.fullmatch(name):
            for old in target.iterdir():
                other = WEIGHTS.fullmatch(old.name)
                if other and old.name not in new and other["variant"] == match["variant"]:
                    old.unlink()


# model.safetensors, model.fp16.safetensors, model-00001-of-00002.safetensors, their index, ...
WEIGHTS = re.compile(
    r"model(?P<index>\.safetensors\.index)?(?P<variant>\.[^.-]+)??(-\d{5}-of-\d{5})?"
    r"\.(?(index)json|safetensors)"
)
