"""A data set folder as a repository: checked by reading it as those who download it will."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from fsspec.utils import glob_translate

from hf_genomics.data.alignment_files import sha256_of

from .checks import check_repository, files_of
from .errors import PublishingError
from .runs import front_matter, read_json, read_text

CARD = "README.md"
PROVENANCE = ("provenance.json", "alignment.json")  # of build-dataset and of build-alignment
PLACEHOLDER_PATH = "path/to/this/folder"  # in the example of a card, until there is a repository


def export_dataset(folder: str | Path, repo_id: str) -> dict[str, Path | bytes]:
    """The files of a data set by their path in the repository, after all checks.

    Args:
        folder: Parquet files and a README.md whose metadata name configurations and licence, as
            `hf-genomics build-dataset` and `hf-genomics simulate` write it. It is not changed.
        repo_id: `user/name`; takes the place of the folder in the card's example.

    Raises:
        PublishingError: the card or a file it names is missing or unreadable, splits of a
            configuration have different columns, a file is not what the provenance file says, or
            a secret or local path would be published.
    """
    folder = Path(folder)
    if not (folder / CARD).is_file():
        raise PublishingError(
            f"{folder} has no {CARD}; build the data set with hf-genomics, which writes one."
        )
    card = read_text(folder / CARD)
    check_repository(folder)
    problems = [*configuration_problems(folder, front_matter(card)), *provenance_problems(folder)]
    if problems:
        raise PublishingError(f"{folder} is not fit to be published:", problems)
    found: dict[str, Path | bytes] = {**files_of(folder)}
    found.pop(".gitattributes", None)  # the Hub keeps its own
    found[CARD] = card.replace(PLACEHOLDER_PATH, repo_id).encode()
    return found


def configuration_problems(folder: Path, facts: dict[str, Any]) -> Iterator[str]:
    """Configurations without files, unreadable or empty Parquet, splits that do not fit."""
    paths = list(files_of(folder))
    named: set[str] = set()
    configs = facts.get("configs") or []
    if not configs:
        yield f"{CARD}: the metadata name no configs, so the Hub would guess them"
    if not isinstance(configs, list):
        yield f"{CARD}: configs is {configs!r}, but a list is needed, each starting with '- '"
        configs = []
    for config in configs:
        columns: dict[str, list[str]] = {}
        if not isinstance(config, dict) or not isinstance(config.get("config_name"), str):
            yield f"{CARD}: {config!r} under configs needs a config_name"
            continue
        splits = patterns_of(config)
        if splits is None:
            yield (
                f"{CARD}: configuration {config['config_name']} has data_files "
                f"{config.get('data_files')!r}; write a path, a list of paths, or a list of "
                "`split: <name>` and `path: <path or paths>`, each split once"
            )
            continue
        for split, patterns in splits.items():
            where = f"configuration {config['config_name']}, split {split}"
            unread = [pattern for pattern in patterns if not _is_read(pattern)]
            if unread:
                yield (
                    f"{where}: the Hub reads ** as a whole part of a path only, which it is not in "
                    f"{', '.join(unread)}; write **/*.parquet for Parquet in any folder"
                )
                continue
            files = [path for path in paths if any(_fits(path, p) for p in patterns)]
            if not files:
                yield f"{where}: no file is called {', '.join(patterns)}"
            for path in files:
                named.add(path)
                try:
                    parquet = pq.ParquetFile(folder / path)
                except (OSError, ValueError) as error:
                    yield f"{path} is not Parquet: {error}"
                    continue
                if parquet.metadata.num_rows == 0:
                    yield f"{path} has no rows"
                columns[where] = [f"{f.name}: {f.type}" for f in parquet.schema_arrow]
        for where, found in columns.items():
            if found != next(iter(columns.values())):
                yield f"{where}: columns {found} are not those of the other splits"
    for path in paths:
        if path.endswith(".parquet") and path not in named:
            yield f"{path} belongs to no configuration of the card"
        if path.endswith((".csv", ".tsv", ".py")):
            yield f"{path}: data sets are published as Parquet, without scripts and tables of text"


def patterns_of(config: dict[str, Any]) -> dict[str, list[str]] | None:
    """Split -> patterns, of `data_files` in any form that the Hub accepts; None in another."""
    home, listed = str(config.get("data_dir") or ""), config.get("data_files")
    if listed is None and home:
        listed = "**/*.parquet"  # all that is there
    listed = [listed] if isinstance(listed, str) else listed
    if not isinstance(listed, list) or not listed:
        return None
    if all(isinstance(one, str) for one in listed):
        listed = [{"split": "train", "path": listed}]  # as the Hub reads files without a split
    found: dict[str, list[str]] = {}
    for one in listed:
        if not isinstance(one, dict) or one.keys() != {"split", "path"}:
            return None
        split, paths = one["split"], one["path"]
        paths = [paths] if isinstance(paths, str) else paths
        if not isinstance(split, str) or split in found or not isinstance(paths, list):
            return None
        if not all(isinstance(path, str) for path in paths):
            return None
        found[split] = [posixpath.normpath(posixpath.join(home, path)) for path in paths]
    return found


def _is_read(pattern: str) -> bool:
    return all(part == "**" for part in pattern.split("/") if "**" in part)


def _fits(path: str, pattern: str) -> bool:
    """Whether a pattern names the file for `datasets`, to which `*` is within one folder."""
    return re.match(glob_translate(pattern), path) is not None


def provenance_problems(folder: Path) -> Iterator[str]:
    """Files that are not the ones whose checksums and rows were written down."""
    name = provenance_file(folder)
    if name is None:
        yield f"{PROVENANCE[0]} is missing; the builders of hf-genomics write it"
        return
    checksums = read_json(folder / name).get("sha256", {})
    for path, file in files_of(folder).items():
        if path.endswith(".parquet") and path not in checksums:
            yield f"{name} has no checksum of {path}"
        elif path in checksums and sha256_of(file) != checksums[path]:
            yield f"{path} is not the file whose checksum is in {name}; build it again"
    for path in checksums:
        if not (folder / path).is_file():
            yield f"{path} is in {name}, but not in the folder"


def provenance_file(folder: Path) -> str | None:
    """The name of the file that says how a data set was built."""
    return next((name for name in PROVENANCE if (folder / name).is_file()), None)
