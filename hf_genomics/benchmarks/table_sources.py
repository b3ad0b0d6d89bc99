"""Where a benchmark's tables are: a folder, an archive, a URL or a data set on the Hub."""

from __future__ import annotations

import bz2
import gzip
import http.client
import lzma
import re
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from hf_genomics.data.progress import bar_of_bytes
from hf_genomics.data.split_files import canonical_split, configurations_of, split_of
from hf_genomics.data.tables import table_suffix

from .labelled_rows import read_table
from .specs import BenchmarkSpec, TaskSpec

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_COMPRESSIONS: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}
_BLOCK = 1 << 18
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")

Source = Path | str
"""A folder or file, or the id of a data set on the Hub."""


@contextmanager
def opened(source: str | Path, spec: BenchmarkSpec) -> Iterator[Source]:
    """The source as a folder, a file or a Hub id; archives are unpacked into a temporary folder.

    Args:
        source: a folder or file, a `.zip` or `.tar` archive, an http(s) URL of a file or archive,
            or the id of a data set on the Hub, also as `hf://datasets/user/name`.
        spec: for the error's text.

    Raises:
        ValueError: It is none of these, the download failed, or an archive is broken or holds
            paths that lead out of it.
    """
    text = str(source).removeprefix("hf://datasets/")
    with tempfile.TemporaryDirectory(prefix="hf_genomics_source_") as scratch:
        if text.startswith(("http://", "https://")):
            path = _download(text, Path(scratch))
        else:
            path = Path(source).expanduser()
            if not path.exists():
                if _HUB_ID.fullmatch(text) and not table_suffix(text):
                    yield text
                    return
                raise ValueError(f"There is no file or folder {source}. {spec.source_help}".strip())
        if path.is_file() and path.name.lower().endswith(_ARCHIVES):
            path = _unpack(path, Path(scratch) / "unpacked", spec)
        yield path


def _download(url: str, folder: Path) -> Path:
    name = url.split("?")[0].rstrip("/").rpartition("/")[2] or "download"
    try:
        with (
            urllib.request.urlopen(url) as answer,
            open(folder / name, "wb") as file,
            bar_of_bytes(answer.length, f"Fetching {name}") as shown,
        ):
            while block := answer.read(_BLOCK):
                file.write(block)
                shown.update(len(block))
            if answer.length:  # what was announced and did not come
                raise OSError(f"it ended {answer.length:,} bytes early")
    except (http.client.HTTPException, OSError) as error:  # URLError is an OSError
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it holds the answer
        raise ValueError(
            f"{url} cannot be fetched: {error}; fetch it yourself and name the file."
        ) from error
    with open(folder / name, "rb") as file:
        if file.read(200).lstrip().lower().startswith((b"<!doctype", b"<html")):
            raise ValueError(
                f"{url} is a web page, not the data; fetch the file in a browser and name it."
            )
    return folder / name


def _unpack(path: Path, folder: Path, spec: BenchmarkSpec) -> Path:
    try:
        if path.name.lower().endswith(".zip"):
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)
        else:
            _unpack_tar(path, folder)
    except (RuntimeError, NotImplementedError) as error:  # a password, an unusual compression
        raise ValueError(f"{path} cannot be unpacked: {error}; unpack it yourself.") from error
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ValueError(f"{path} cannot be unpacked: {error}; fetch it again.") from error
    return _without_wrapping(folder, spec)


def _unpack_tar(path: Path, folder: Path) -> None:
    with open(path, "rb") as file:
        start = file.read(6)
    fitting = (opener for magic, opener in _COMPRESSIONS.items() if start.startswith(magic))
    with next(fitting, open)(path, "rb") as stream:
        try:
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                archive.extractall(folder, filter="data")
            while stream.read(_BLOCK):  # the checksum stands behind the archive
                pass
        except OSError as error:
            if error.errno is not None:  # of the disk
                raise
            raise tarfile.ReadError(str(error)) from error


def _without_wrapping(folder: Path, spec: BenchmarkSpec) -> Path:
    """The folder, or file, that an archive was made to hold, where it stands alone in others.

    A folder that is named by a configuration or a split is none of these: its name says something.
    """
    names = (name for task in spec.tasks for name in (task.name, task.path, *task.aliases))
    named = {part for name in names for part in name.lower().split("/")}
    while True:
        entries = [p for p in folder.iterdir() if not p.name.startswith((".", "__MACOSX"))]
        if len(entries) != 1:
            return folder
        (only,) = entries
        says = split_of(only.name) or only.name.lower() in named
        if says or not (only.is_dir() or table_suffix(only)):
            return folder
        if only.is_file():
            return only
        folder = only


@dataclass(frozen=True)
class SplitTables:
    """The tables of one configuration: files per split, or a configuration on the Hub.

    Attributes:
        root: the folder that file names are relative to in the provenance file.
        files: split to its files.
        hub: id and configuration on the Hub, in place of files.
    """

    root: Path | None
    files: dict[str, list[Path]] = field(default_factory=dict)
    hub: tuple[str, str] | None = None

    def read(
        self, *columns: str, optional: Sequence[str] = ()
    ) -> Iterator[tuple[str, str, pa.Table]]:
        """Yields split, what to call the table in an error, and the table with these columns."""
        if self.hub is not None:
            yield from _from_hub(*self.hub, columns, optional)
            return
        for split, files in self.files.items():
            if len(files) > 1 and any(table_suffix(file) != ".parquet" for file in files):
                raise ValueError(
                    f"Split {split!r} has the files {', '.join(map(str, files))}; which one is "
                    "meant? Leave one."
                )
            for file in files:
                yield split, str(file), read_table(file, columns, optional)


def find_tables(spec: BenchmarkSpec, source: Source) -> dict[str, SplitTables]:
    """Configuration to its tables, for those of `spec` that the source holds.

    A folder may be the original tree, a part of it, or a copy of a Hub repository with a `configs:`
    block in its README. A folder of `train.csv`, `test.csv` alone is configuration "".

    Raises:
        ValueError: The source holds no table of this benchmark.
    """
    if isinstance(source, str):
        from datasets import get_dataset_config_names

        found = {
            name: SplitTables(None, hub=(source, name)) for name in get_dataset_config_names(source)
        }
    elif source.is_file():
        raise ValueError(
            f"{source} is one file; {spec.name} is read from a folder. {spec.source_help}"
        )
    else:
        found = {
            name: SplitTables(source, files) for name, files in configurations_of(source).items()
        }
    tables: dict[str, SplitTables] = {}
    for task in spec.tasks:
        fitting = [name for name in found if task.answers_to(name)]
        if len(fitting) > 1:
            raise ValueError(
                f"{source} holds {task.name} more than once: {', '.join(fitting)}; name one folder."
            )
        if fitting:
            tables[task.name] = found[fitting[0]]
    if not tables and list(found) == ["default"]:
        return {"": found["default"]}
    if not tables:
        raise ValueError(
            f"{source} holds {', '.join(sorted(found)[:8])}, but none of the configurations of "
            f"{spec.name}: {', '.join(spec.config_names)}. {spec.source_help}"
        )
    return tables


def _from_hub(
    name: str, config: str, columns: tuple[str, ...], optional: Sequence[str]
) -> Iterator[tuple[str, str, pa.Table]]:
    from datasets import load_dataset, load_dataset_builder

    # The CSV builder would turn a sequence NA into a missing value.
    builder = load_dataset_builder(name, config)
    options = {"keep_default_na": False} if hasattr(builder.config, "keep_default_na") else {}
    for split, rows in load_dataset(name, config, **options).items():
        where = f"{name}, configuration {config}, split {split}"
        missing = [column for column in columns if column not in rows.column_names]
        if missing:
            raise ValueError(
                f"{where} has no column {missing[0]!r}; its columns are "
                f"{', '.join(rows.column_names)}."
            )
        held = [column for column in optional if column in rows.column_names]
        wanted = list(dict.fromkeys([*columns, *held]))
        yield canonical_split(str(split)), where, rows.data.table.select(wanted)


def task_tables(spec: BenchmarkSpec, task: TaskSpec, source: Source) -> SplitTables:
    """The tables of one configuration.

    Raises:
        ValueError: The source does not hold them.
    """
    tables = find_tables(spec, source)
    if task.name in tables:
        return tables[task.name]
    if "" in tables:
        return tables[""]
    raise ValueError(
        f"{source} does not hold the configuration {task.name}; it has {', '.join(tables)}."
    )
