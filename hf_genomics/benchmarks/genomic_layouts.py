"""How Genomic Benchmarks lie on disk: tables of coordinates, folders of sequences, tables of both.

<set>/train/<class>.csv.gz   coordinates; older releases: .csv with a column of row numbers
<set>/train/<class>/<id>.txt one sequence a file
<set>/train.csv              columns sequence and label
<set>.train.csv.gz           the same, in one folder
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hf_genomics.data.split_files import (
    SplitFiles,
    canonical_split,
    configurations_of,
    select_configuration,
    tables_below,
)
from hf_genomics.data.tables import table_suffix

from .genome_sequences import Stretch
from .labelled_rows import read_table, row_name
from .specs import TaskSpec

SPLITS = ("train", "test", "validation")
COLUMNS = ("id", "region", "start", "end", "strand")


@dataclass(frozen=True)
class Layout:
    """Where the rows of one set are.

    Attributes:
        root: folder that file names are relative to.
        coordinates: split to class to its table of coordinates.
        folders: split to class to its folder of sequences.
        tables: split to tables of sequences.
        guessed: files whose name states no split.
    """

    root: Path
    coordinates: dict[str, dict[str, Path]] = field(default_factory=dict)
    folders: dict[str, dict[str, Path]] = field(default_factory=dict)
    tables: SplitFiles = field(default_factory=dict)
    guessed: tuple[str, ...] = ()


def find_layout(task: TaskSpec, source: Path) -> Layout | None:
    """The files of a set below `source`, None where there are none.

    Raises:
        ValueError: A split lacks a class, or has two tables of one.
    """
    for folder in (source / task.name, source / "datasets" / task.name):
        if folder.is_dir() and (found := layout_of(task, folder, source)):
            return found
    if source.name == task.name and (found := layout_of(task, source, source)):
        return found
    return _named_tables(task, source)


def layout_of(task: TaskSpec, folder: Path, root: Path) -> Layout | None:
    """The files of a set in its own folder.

    Raises:
        ValueError: A split lacks a class, or has two tables of one, or there are tables of which it
            cannot be told what they are.
    """
    coordinates: dict[str, dict[str, Path]] = {}
    folders: dict[str, dict[str, Path]] = {}
    for split, home in _split_folders(folder).items():
        tables = _by_name(task, home)
        named = {f.name: f for f in sorted(home.iterdir()) if f.is_dir()}
        if set(tables) & set(task.label_names):
            coordinates[split] = _all_classes(task, tables, home)
        elif set(named) & set(task.label_names):
            folders[split] = _all_classes(task, named, home)
    if coordinates or folders:
        return Layout(root, coordinates, folders)
    if not tables_below(folder):
        return None
    found = configurations_of(folder)
    name = select_configuration(found, None, where=str(folder))
    return Layout(root, tables=found[name])


def _split_folders(folder: Path) -> dict[str, Path]:
    """The folders of the splits, under any of their names: `valid` is that of validation."""
    found: dict[str, Path] = {}
    for home in sorted(folder.iterdir()):
        split = canonical_split(home.name)
        if split not in SPLITS or not home.is_dir():
            continue
        if split in found:
            raise ValueError(
                f"Split {split!r} has the folders {found[split]} and {home}; which one is meant? "
                "Leave one."
            )
        found[split] = home
    return {split: found[split] for split in SPLITS if split in found}


def _by_name(task: TaskSpec, folder: Path) -> dict[str, Path]:
    """The tables of a folder by their names up to the first dot; of a class there is one."""
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if not table_suffix(file):
            continue
        name = file.name.partition(".")[0]
        if name in found and name in task.label_names:
            raise ValueError(
                f"Class {name!r} has the files {found[name]} and {file}; which one is meant? Leave "
                "one."
            )
        found[name] = file
    return found


def _all_classes(task: TaskSpec, found: dict[str, Path], where: Path) -> dict[str, Path]:
    missing = [name for name in task.label_names if name not in found]
    if missing:
        raise ValueError(
            f"{where} lacks class {missing[0]!r} of {task.name}; it has {', '.join(found)}."
        )
    return {name: found[name] for name in task.label_names}


def _named_tables(task: TaskSpec, source: Path) -> Layout | None:
    tables: SplitFiles = {}
    guessed = []
    for file in sorted(source.iterdir()):
        match = re.fullmatch(rf"{re.escape(task.name)}[._-](\w+)\..*", file.name)
        if match and table_suffix(file):
            split = canonical_split(match[1])
            if split not in SPLITS:
                guessed.append(file.name)
                split = "train"
            tables.setdefault(split, []).append(file)
    return Layout(source, tables=tables, guessed=tuple(guessed)) if tables else None


def read_stretches(path: Path) -> list[Stretch]:
    """The rows of a table of coordinates, 0-based and half-open.

    Raises:
        ValueError: A column is missing, an id stands twice, or a row has no coordinates or strand.
    """
    table = read_table(path, COLUMNS)
    rows = zip(*(table.column(name).to_pylist() for name in COLUMNS), strict=True)
    first: dict[str, int] = {}
    stretches = []
    for index, (identifier, region, start, end, strand) in enumerate(rows):
        where = row_name(path, index)
        if identifier in first:
            raise ValueError(
                f"{where}: the id {identifier!r} is that of row {first[identifier] + 1} too; ids "
                "are to be unique."
            )
        first[identifier] = index
        if strand not in ("+", "-"):
            raise ValueError(f"{where}: the strand is {strand!r}; it is to be '+' or '-'.")
        begin, stop = whole_number(start, where, "start"), whole_number(end, where, "end")
        stretches.append(Stretch(str(region), begin, stop, strand, where))
    return stretches


def whole_number(value: object, where: str, what: str) -> int:
    """A coordinate as a number.

    Raises:
        ValueError: It is none.
    """
    try:
        return int(str(value))
    except ValueError:
        raise ValueError(f"{where}: the {what} is {value!r}; a whole number is needed.") from None


def read_texts(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every sequence file of a class, those with numbers for names in the order of the numbers."""

    def order(file: Path) -> tuple[int, str]:
        return (int(file.stem) if file.stem.isdecimal() else -1, file.name)

    for file in sorted(folder.glob("*.txt"), key=order):
        yield file, file.read_text(encoding="utf-8").strip()
