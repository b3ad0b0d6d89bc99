"""Labelled sequences from the Hub, from folders and from files, as one `DatasetDict`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from datasets import (
    ClassLabel,
    Dataset,
    DatasetDict,
    DatasetInfo,
    Features,
    Value,
    load_dataset,
    load_dataset_builder,
)
from datasets.table import InMemoryTable

from hf_genomics.data.labels import encode_labels
from hf_genomics.data.tables import TABLE_SUFFIXES, column_names, read_batches, table_suffix

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
_CSV_BATCH = 10_000  # rows; only bounds the size of temporary lists

SplitFiles = dict[str, list[Path]]


def load_sequence_dataset(
    name: str | Path,
    config: str | None = None,
    *,
    sequence_column: str = "sequence",
    label_column: str = "label",
    cache_dir: str | Path | None = None,
) -> DatasetDict:
    """Labelled sequences with the splits that exist among `train`, `validation` and `test`.

    Args:
        name: One of
            - a file (`.csv`, `.tsv`, `.txt`, each also with `.gz`, or `.parquet`): split `train`;
            - a folder whose `README.md` has a `configs:` block as data sets on the Hub do;
            - a folder of files named by split (`train.csv`, `dev.csv.gz`,
              `test-00000-of-00001.parquet`, ...), or a tree of such folders, each a configuration;
            - the id of a data set on the Hub.
        config: Configuration: a name of the README or of the Hub, or the end of a folder's path
            ("prom_core_tata", "mouse/2"). May be left out where there is only one.
        sequence_column: Column of the sequences.
        label_column: Column of the labels.
        cache_dir: Where a data set of the Hub is kept. Local files are always read anew: the
            cache of `datasets` does not notice that they have changed.

    Returns:
        Splits with the columns `sequence` (string) and `label` (see `labels.encode_labels`).

    Raises:
        ValueError: Nothing fits `name` or `config`, a column is missing, a split is empty, or a
            row has no sequence or no proper label. Each message says what to do.
    """
    path = Path(name).expanduser()
    columns = (sequence_column, label_column)
    if path.is_dir():
        return _from_files(_select(_configurations(path), config, where=str(path)), *columns)
    if path.is_file():
        if config is not None:
            raise ValueError(
                f"{name} is one file and has no configuration {config!r}; leave it out."
            )
        return _from_files({"train": [path]}, *columns)
    if table_suffix(path) or path.is_absolute() or str(name).startswith((".", "~")):
        raise ValueError(f"There is no file or folder {name}.")
    return _from_hub(str(name), config, *columns, cache_dir)


def load_sequence_files(
    files: Mapping[str, str | Path | Sequence[str | Path]],
    *,
    sequence_column: str = "sequence",
    label_column: str = "label",
) -> DatasetDict:
    """As `load_sequence_dataset`, from one file or several files for each named split."""
    paths: SplitFiles = {}
    for split, given in files.items():
        paths[split] = [Path(p) for p in ([given] if isinstance(given, (str, Path)) else given)]
        for path in paths[split]:
            if not path.is_file():
                raise ValueError(f"There is no file {path} (split {split!r}).")
    return _from_files(paths, sequence_column, label_column)


def require_splits(dataset: DatasetDict, *splits: str) -> None:
    """Raises ValueError unless `dataset` has every one of `splits`."""
    missing = [split for split in splits if split not in dataset]
    if missing:
        raise ValueError(
            f"The data has the splits {', '.join(dataset)}, but {', '.join(missing)} is needed; "
            "name its file, or set a part of the training rows aside."
        )


def split_off_validation(dataset: DatasetDict, fraction: float, seed: int) -> DatasetDict:
    """`dataset` with a random `fraction` of `train` as `validation`, stratified by class."""
    require_splits(dataset, "train")
    classes = isinstance(dataset["train"].features["label"], ClassLabel)
    parts = dataset["train"].train_test_split(
        test_size=fraction, seed=seed, stratify_by_column="label" if classes else None
    )
    return DatasetDict({**dataset, "train": parts["train"], "validation": parts["test"]})


def sample_rows(dataset: DatasetDict, limits: dict[str, int | None], seed: int) -> DatasetDict:
    """`dataset` with at most so many rows of each split, drawn with `seed`; None keeps all."""
    return DatasetDict(
        {
            split: rows.shuffle(seed=seed).select(range(limit))
            if (limit := limits.get(split)) is not None and limit < len(rows)
            else rows
            for split, rows in dataset.items()
        }
    )


def longest_sequence(dataset: DatasetDict) -> int:
    """The largest number of characters of any sequence in any split."""
    return max(
        pc.max(pc.utf8_length(split.data.column("sequence"))).as_py() for split in dataset.values()
    )


def _configurations(folder: Path) -> dict[str, SplitFiles]:
    """Configuration -> split -> files, as the README declares or as the files are named."""
    declared = _declared(folder)
    if declared:
        return declared
    found: dict[str, SplitFiles] = {}
    files = _tables(folder)
    for file in files:
        split = _split_of(file.name)
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
            files = _tables(base, pattern)
            if not files:
                raise ValueError(
                    f"{readme} declares {pattern!r} for configuration {name!r}, but no table in "
                    f"{base} has such a name; correct it, or put the file there."
                )
            for file in files:
                key = _canonical(split or _split_of(file.name) or "train")
                splits.setdefault(key, []).append(file)
        if entry.get("default"):
            configurations = {"default": splits, **configurations}
        configurations[name] = splits
    return configurations


def _tables(folder: Path, pattern: str = "**/*") -> list[Path]:
    return sorted(p for p in folder.glob(pattern) if p.is_file() and table_suffix(p))


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


def _select(found: dict[str, SplitFiles], config: str | None, where: str) -> SplitFiles:
    if config is None:
        if len(found) == 1:
            return next(iter(found.values()))
        if "default" in found:
            return found["default"]
        raise ValueError(
            f"{where} has {len(found)} configurations; choose one of {', '.join(sorted(found))}."
        )
    matches = [name for name in found if name == config] or [
        name for name in found if name.endswith(f"/{config}")
    ]
    if len(matches) == 1:
        return found[matches[0]]
    close = matches or difflib.get_close_matches(config, found, cutoff=0.4) or sorted(found)
    problem = "fits several configurations" if matches else "is no configuration"
    raise ValueError(f"{config!r} {problem} of {where}; did you mean {', '.join(close)}?")


def _split_of(file_name: str) -> str | None:
    """The split that a file's name begins with: `dev.csv.gz`, `train-00000-of-00001.parquet`."""
    word = re.split(r"[^a-z]", file_name.lower(), maxsplit=1)[0]
    return _SPLIT_NAMES.get(word)


def _canonical(split: str) -> str:
    return _SPLIT_NAMES.get(split.lower(), split)


def _from_files(files: SplitFiles, sequence_column: str, label_column: str) -> DatasetDict:
    tables: dict[str, pa.Table] = {}
    feature: Any = None
    for split, paths in files.items():
        parts = []
        for path in paths:
            _require_columns(column_names(path), sequence_column, label_column, str(path))
            part = _read(path, [sequence_column, label_column])
            feature = feature or _class_label(part.schema, label_column)
            parts.append(part.replace_schema_metadata(None))
        tables[split] = pa.concat_tables(parts, promote_options="permissive")
    return _assemble(tables, feature, sequence_column, label_column)


def _read(path: Path, columns: list[str]) -> pa.Table:
    if table_suffix(path) == ".parquet":
        return pq.read_table(path, columns=columns)
    batches = [
        pa.table({name: pa.array(rows[name], pa.string()) for name in columns})
        for rows in read_batches(path, _CSV_BATCH)
    ]
    empty = pa.table({name: pa.array([], pa.string()) for name in columns})
    return pa.concat_tables(batches) if batches else empty


def _class_label(schema: pa.Schema, column: str) -> ClassLabel | None:
    feature = Features.from_arrow_schema(schema)[column]
    return feature if isinstance(feature, ClassLabel) else None


def _from_hub(
    name: str,
    config: str | None,
    sequence_column: str,
    label_column: str,
    cache_dir: str | Path | None,
) -> DatasetDict:
    cache = None if cache_dir is None else str(cache_dir)
    builder = load_dataset_builder(name, config, cache_dir=cache)
    # The CSV builder would turn a sequence NA into a missing value.
    options = {"keep_default_na": False} if hasattr(builder.config, "keep_default_na") else {}
    loaded = load_dataset(name, config, cache_dir=cache, **options)
    tables: dict[str, pa.Table] = {}
    feature: Any = None
    for split, dataset in loaded.items():
        _require_columns(
            dataset.column_names, sequence_column, label_column, f"{name}, split {split!r}"
        )
        label = dataset.features[label_column]
        feature = feature or (label if isinstance(label, ClassLabel) else None)
        tables[_canonical(str(split))] = dataset.data.table.select([sequence_column, label_column])
    return _assemble(tables, feature, sequence_column, label_column)


def _require_columns(found: list[str], sequence: str, label: str, where: str) -> None:
    for role, wanted in (("sequence", sequence), ("label", label)):
        if wanted not in found:
            raise ValueError(
                f"{where} has no column {wanted!r}; its columns are {', '.join(found)}. Rename "
                f"the {role} column to {wanted!r} or name it with {role}_column."
            )


def _assemble(
    tables: dict[str, pa.Table],
    feature: ClassLabel | None,
    sequence_column: str,
    label_column: str,
) -> DatasetDict:
    for split, table in tables.items():
        if len(table) == 0:
            raise ValueError(f"Split {split!r} is empty; give it rows or leave its file out.")
    sequences = {s: _sequences(table.column(sequence_column), s) for s, table in tables.items()}
    labels, label_feature = encode_labels(
        {split: table.column(label_column).to_pylist() for split, table in tables.items()},
        class_names=feature.names if feature else None,
    )
    dataset = DatasetDict()
    for split in sorted(tables, key=_split_order):
        column = sequences[split]
        large = pa.types.is_large_string(column.type)
        features = Features(
            {"sequence": Value("large_string" if large else "string"), "label": label_feature}
        )
        encoded = pa.array(labels[split], features.arrow_schema.field("label").type)
        table = pa.table({"sequence": column, "label": encoded}, schema=features.arrow_schema)
        dataset[split] = Dataset(InMemoryTable(table), info=DatasetInfo(features=features))
    return dataset


def _sequences(column: pa.ChunkedArray, split: str) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise ValueError(f"The sequences of split {split!r} are {column.type}; text is needed.")
    bad = pc.fill_null(pc.equal(pc.utf8_length(column), 0), True)
    if pc.any(bad).as_py():
        row = bad.to_pylist().index(True)
        raise ValueError(f"Row {row} of split {split!r} has no sequence; remove it or fill it in.")
    return column


def _split_order(split: str) -> int:
    return SPLITS.index(split) if split in SPLITS else len(SPLITS)
