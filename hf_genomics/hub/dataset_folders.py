"""A data set folder as a repository: checked by reading it as those who download it will."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from hf_genomics.data.alignment_files import sha256_of

from .checks import check_repository, files_of
from .errors import PublishingError
from .runs import front_matter, read_json

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
    card = (folder / CARD).read_text(encoding="utf-8")
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
    if not facts.get("configs"):
        yield f"{CARD}: the metadata name no configs, so the Hub would guess them"
    for config in facts.get("configs", []):
        columns: dict[str, list[str]] = {}
        for data_file in config.get("data_files", []):
            split, patterns = data_file["split"], data_file["path"]
            patterns = [patterns] if isinstance(patterns, str) else patterns
            files = [path for path in paths if any(fnmatch.fnmatch(path, p) for p in patterns)]
            where = f"configuration {config['config_name']}, split {split}"
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
