"""A configuration as it was read, and what the card and the provenance file say of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from datasets import ClassLabel, Dataset, DatasetDict, concatenate_datasets

from hf_genomics.data.alignment_files import sha256_of
from hf_genomics.data.split_files import SPLITS

from .duplicates import count_duplicates
from .labelled_rows import (
    checked_labels,
    checked_sequences,
    column_list,
    content_digest,
    split_dataset,
)
from .specs import TaskSpec
from .table_sources import SplitTables


@dataclass
class Configuration:
    """Splits of one configuration with what was found while they were read.

    Attributes:
        task: what it is.
        dataset: splits with `sequence`, `label` and perhaps other columns.
        sources: the files it was made from, or folders of many files, by the name that the
            provenance file gives them.
        notes: sentences for the card.
        counts: numbers for the provenance file.
    """

    task: TaskSpec
    dataset: DatasetDict
    sources: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)


def read_configuration(
    task: TaskSpec, tables: SplitTables, sequence_column: tuple[str, ...] = ("sequence",)
) -> Configuration:
    """A configuration from tables with the columns `sequence` and `label`.

    Args:
        task: what the labels are.
        tables: where the rows are.
        sequence_column: names that the column of sequences may have, the usual one first.

    Raises:
        ValueError: A column is missing, a split is empty, or a row has no DNA or no label of the
            task; the message names file and row.
    """
    parts: dict[str, list[Any]] = {}
    usual, *others = sequence_column
    needed = ["label"] if others else [usual, "label"]
    for split, where, table in tables.read(*needed, optional=sequence_column):
        require_rows(len(table), where)
        present = [name for name in sequence_column if name in table.column_names]
        if not present:
            raise ValueError(
                f"{where} has no column {usual!r}; rename the column of sequences to {usual!r}."
            )
        columns = {
            "sequence": checked_sequences(table.column(present[0]), where),
            "label": checked_labels(table.column("label").to_pylist(), task, where),
        }
        parts.setdefault(split, []).append(split_dataset(columns, task))
    dataset = in_order({split: concatenate_datasets(rows) for split, rows in parts.items()})
    return Configuration(task, dataset, named_files(tables))


def require_rows(count: int, where: object) -> None:
    """Raises ValueError for an empty table."""
    if count == 0:
        raise ValueError(f"{where} has no rows; a split cannot be empty: leave the file out.")


def in_order(splits: dict[str, Any]) -> DatasetDict:
    """The splits as train, validation, test, then others."""
    order = [*(split for split in SPLITS if split in splits), *sorted(set(splits) - set(SPLITS))]
    return DatasetDict({split: splits[split] for split in order})


def named_files(tables: SplitTables) -> dict[str, Path]:
    """Files of a configuration by their path below the source."""
    root = tables.root
    if root is None:
        return {}
    return {
        file.relative_to(root).as_posix(): file for files in tables.files.values() for file in files
    }


def describe(
    configuration: Configuration, checksum: Callable[[Path], str] = sha256_of
) -> dict[str, Any]:
    """The entry of the provenance file: counts, lengths, duplicates, checksums.

    Args:
        configuration: what is described.
        checksum: of a file; one that remembers serves configurations of the same genome.
    """
    task, dataset = configuration.task, configuration.dataset
    sequences = {split: table_of(rows).column("sequence") for split, rows in dataset.items()}
    letters = {split: _other_letters(column) for split, column in sequences.items()}
    record: dict[str, Any] = {
        "rows": {split: _label_counts(rows, task) for split, rows in dataset.items()},
        "lengths": {split: _lengths(column) for split, column in sequences.items()},
        "rows_with_other_letters_than_acgt": letters,
        "duplicates": count_duplicates(dataset),
        "content_sha256": {
            split: content_digest(column_list(rows, "sequence"), column_list(rows, "label"))
            for split, rows in dataset.items()
        },
        "sources": {
            name: _folder_digest(path) if path.is_dir() else checksum(path)
            for name, path in sorted(configuration.sources.items())
        },
    }
    if configuration.counts:
        record["counts"] = configuration.counts
    record["notes"] = [*configuration.notes, *_comparison(record, task)]
    return record


def named_genomes(genomes: Mapping[str, Path]) -> dict[str, Path]:
    """Genomes under the names that the provenance file gives them.

    Args:
        genomes: by the classes that they are for.
    """
    files = {path.name: path for path in genomes.values()}
    if all(files[path.name] == path for path in genomes.values()):
        return {f"genome {name}": path for name, path in files.items()}
    return {f"genome {path.name} of {label}": path for label, path in genomes.items()}


def _folder_digest(folder: Path) -> str:
    """SHA-256 of the lines `checksum name` of the files in a folder, as `sha256sum *` writes them.

    That of each of thousands of short files would be longer than the files.
    """
    digest = hashlib.sha256()
    for file in sorted(file for file in folder.iterdir() if file.is_file()):
        digest.update(f"{sha256_of(file)}  {file.name}\n".encode())
    return digest.hexdigest()


def table_of(rows: Dataset) -> pa.Table:
    """The rows as a table, in their order, with the types that `datasets` reads back."""
    table: pa.Table = rows.with_format("arrow")[:]
    return table.cast(rows.features.arrow_schema)


def _comparison(record: dict[str, Any], task: TaskSpec) -> list[str]:
    """Where the data are, and where they are not, those that were published."""
    notes = []
    missing = [split for split in task.rows if split not in record["rows"]]
    missing += [s for s in task.splits if s not in record["rows"] and s not in missing]
    if missing:
        notes.append(f"without {' and '.join(missing)}, which the source did not hold")
    for split, known in task.rows.items():
        found = sum(record["rows"].get(split, {}).values())
        if found and found != known:
            notes.append(f"{split} has {found} rows, the published one {known}")
    compared = {s: record["content_sha256"].get(s) for s in task.sha256}
    same = [s for s, digest in compared.items() if digest == task.sha256[s]]
    other = [s for s, digest in compared.items() if digest and digest != task.sha256[s]]
    if same:
        notes.append(f"rows of {', '.join(same)} equal those of the copy whose checksum is known")
    if other:
        notes.append(
            f"rows of {', '.join(other)} differ from those of the copy whose checksum is known"
        )
    return notes


def _label_counts(rows: Any, task: TaskSpec) -> dict[str, int]:
    label = rows.features["label"]
    if isinstance(label, ClassLabel):
        seen = Counter(column_list(rows, "label"))
        return {name: seen[index] for index, name in enumerate(label.names)}
    return {"all": len(rows)}


def _lengths(column: pa.ChunkedArray) -> list[int]:
    ends = pc.min_max(pc.utf8_length(column)).as_py()
    return [ends["min"], ends["max"]]


def _other_letters(column: pa.ChunkedArray) -> int:
    return int(pc.sum(pc.match_substring_regex(column, "[^ACGT]")).as_py() or 0)
