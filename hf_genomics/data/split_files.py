"""Which files of a folder are which split of which configuration."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from hf_genomics.data.tables import TABLE_SUFFIXES, table_suffix

SPLITS = ("train", "validation", "test")
_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "dev": "validation",
    "eval": "validation",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}

SplitFiles = dict[str, list[Path]]


def configurations_of(folder: Path) -> dict[str, SplitFiles]:
    """Configuration -> split -> files, as the README declares or as the files are named.

    Raises:
        ValueError: There is no table of a split, or one stands twice, as text and Parquet or
            compressed and not.
    """
    found = _declared(folder) or _named(folder)
    for splits in found.values():
        for files in splits.values():
            _require_one_copy(files)
    return found


def _named(folder: Path) -> dict[str, SplitFiles]:
    found: dict[str, SplitFiles] = {}
    files = tables_below(folder)
    for file in files:
        split = split_of(file.name)
        if split:
            home = file.parent.relative_to(folder).as_posix()
            config = "default" if home in (".", "data") else home
            found.setdefault(config, {}).setdefault(split, []).append(file)
    if not found and files and all(file.parent == folder for file in files):
        found["default"] = {"train": files}
    if not found:
        raise ValueError(
            f"{folder} holds no table named by split (train, validation or dev, test) in any of "
            f"the formats {', '.join(TABLE_SUFFIXES)}; rename the files or name them one by one."
        )
    return found


def _declared(folder: Path) -> dict[str, SplitFiles]:
    from huggingface_hub import metadata_load

    readme = folder / "README.md"
    metadata = (metadata_load(readme) or {}) if readme.is_file() else {}
    configurations: dict[str, SplitFiles] = {}
    for entry in metadata.get("configs") or []:
        name = entry.get("config_name", "default")
        base = folder / entry.get("data_dir", ".")
        splits: SplitFiles = {}
        for split, pattern in _patterns(entry.get("data_files", "**/*")):
            files = tables_below(base, pattern)
            if not files:
                raise ValueError(
                    f"{readme} declares {pattern!r} for configuration {name!r}, but no table in "
                    f"{base} has such a name; correct it, or put the file there."
                )
            for file in files:
                key = canonical_split(split or split_of(file.name) or "train")
                splits.setdefault(key, []).append(file)
        configurations[name] = splits
    return configurations


def tables_below(folder: Path, pattern: str = "**/*") -> list[Path]:
    """The tables in a folder and those in it, sorted; without hidden ones."""
    if pattern.split("/")[-1] == "**":  # all files below to the Hub, all folders to Path.glob
        pattern += "/*"
    return sorted(
        path
        for path in folder.glob(pattern)
        if path.is_file()
        and table_suffix(path)
        and not _is_hidden(path.relative_to(folder), pattern)
    )


def _is_hidden(path: Path, pattern: str) -> bool:
    """Whether `datasets` passes a path over that is not named so: copies of an editor, caches."""
    named = {"..", *pattern.split("/")}
    return any(part.startswith((".", "__")) for part in path.parts if part not in named)


def _require_one_copy(files: Iterable[Path]) -> None:
    first: dict[Path, Path] = {}
    for file in files:
        name = file.name.removesuffix(".gz")
        table = file.with_name(name.removesuffix(table_suffix(name)))
        if table in first:
            raise ValueError(
                f"{first[table]} and {file.name} would both be read, and every row of a copy would "
                "count twice; remove one of them."
            )
        first[table] = file


def _patterns(data_files: Any) -> list[tuple[str | None, str]]:
    """Every form that the Hub accepts for `data_files`, as (split or None, pattern) pairs."""
    if isinstance(data_files, str):
        return [(None, data_files)]
    pairs: list[tuple[str | None, str]] = []
    for entry in data_files:
        if isinstance(entry, str):
            pairs.append((None, entry))
        else:
            paths = [entry["path"]] if isinstance(entry["path"], str) else entry["path"]
            pairs.extend((entry["split"], path) for path in paths)
    return pairs


def select_configuration(found: Collection[str], config: str | None, where: str) -> str:
    """The name of the configuration that is meant.

    One that a README marks `default: true` is no better than the others: builders mark the first,
    so that a data set can be opened without a name, and whoever trains has to know on what.

    Args:
        found: names of all there are.
        config: name, or the end of one; None for the only one, or the one called `default`.
        where: what has them, for messages.

    Raises:
        ValueError: none or several are meant; the message names them.
    """
    if config is None:
        if len(found) == 1:
            return next(iter(found))
        if "default" in found:
            return "default"
        raise ValueError(
            f"{where} has {len(found)} configurations; choose one of {', '.join(sorted(found))}."
        )
    matches = [name for name in found if name == config] or [
        name for name in found if name.endswith(f"/{config}")
    ]
    if len(matches) == 1:
        return matches[0]
    close = matches or difflib.get_close_matches(config, found, cutoff=0.4) or sorted(found)
    problem = "fits several configurations" if matches else "is no configuration"
    raise ValueError(f"{config!r} {problem} of {where}; did you mean {', '.join(close)}?")


def split_of(file_name: str) -> str | None:
    """The split that a file's name begins with: `dev.csv.gz`, `train-00000-of-00001.parquet`."""
    word = re.split(r"[^a-z]", file_name.lower(), maxsplit=1)[0]
    return _SPLIT_NAMES.get(word)


def canonical_split(split: str) -> str:
    return _SPLIT_NAMES.get(split.lower(), split)
