"""Labelled sequences from the Hub, from folders and from files, as one `DatasetDict`."""

from __future__ import annotations

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
    get_dataset_config_names,
    load_dataset,
    load_dataset_builder,
)
from datasets.table import InMemoryTable

from hf_genomics.data.labels import encode_labels
from hf_genomics.data.sequence import MASK_TOKEN
from hf_genomics.data.split_files import (
    SPLITS,
    SplitFiles,
    canonical_split,
    configurations_of,
    select_configuration,
)
from hf_genomics.data.tables import column_names, read_batches, table_suffix

_CSV_BATCH = 10_000  # rows; only bounds the size of temporary lists


def load_sequence_dataset(
    name: str | Path,
    config: str | None = None,
    *,
    sequence_column: str = "sequence",
    label_column: str = "label",
    problem_type: str | None = None,
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
            ("prom_core_tata", "mouse/2"). May be left out where there is only one, or one that is
            called `default`.
        sequence_column: Column of the sequences.
        label_column: Column of the labels.
        problem_type: What the labels are, see `labels.encode_labels`; None to be told by `train`.
        cache_dir: Where a data set of the Hub is kept. Local files are always read anew: the
            cache of `datasets` does not notice that they have changed.

    Returns:
        Splits with the columns `sequence` (string) and `label` (see `labels.encode_labels`);
        `info.config_name` of each is the configuration.

    Raises:
        ValueError: Nothing fits `name` or `config`, a column is missing, a split is empty, or a
            row has no sequence or no proper label. Each message says what to do.
    """
    path = Path(name).expanduser()
    columns = (sequence_column, label_column, problem_type)
    if path.is_dir():
        found = configurations_of(path)
        config = select_configuration(found, config, where=str(path))
        return _from_files(found[config], *columns, config)
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
    problem_type: str | None = None,
) -> DatasetDict:
    """As `load_sequence_dataset`, from one file or several files for each named split."""
    paths: SplitFiles = {}
    for split, given in files.items():
        paths[split] = [Path(p) for p in ([given] if isinstance(given, (str, Path)) else given)]
        for path in paths[split]:
            if not path.is_file():
                raise ValueError(f"There is no file {path} (split {split!r}).")
    return _from_files(paths, sequence_column, label_column, problem_type)


def longest_sequence(dataset: DatasetDict) -> int:
    """The largest number of bases of any sequence in any split.

    White space is none, and `[MASK]` is one.
    """
    longest = 0
    for split in dataset.values():
        sequences = split.data.column("sequence")
        if pc.any(pc.match_substring_regex(sequences, r"[\s\v\[]")).as_py():
            sequences = pc.replace_substring_regex(sequences, r"[\s\v]+", "")
            sequences = pc.replace_substring(sequences, MASK_TOKEN, "N")
        longest = max(longest, pc.max(pc.utf8_length(sequences)).as_py())
    return longest


def _from_files(
    files: SplitFiles,
    sequence_column: str,
    label_column: str,
    problem_type: str | None,
    config: str | None = None,
) -> DatasetDict:
    tables: dict[str, pa.Table] = {}
    feature: Any = None
    for split, paths in files.items():
        parts = []
        for path in paths:
            _require_columns(column_names(path), sequence_column, label_column, str(path))
            part = _read(path, [sequence_column, label_column])
            feature = _same_classes(feature, _class_label(part.schema, label_column), str(path))
            parts.append(_plain(part))
        tables[split] = _joined(parts, paths, split)
    return _assemble(tables, feature, sequence_column, label_column, problem_type, config)


def _read(path: Path, columns: list[str]) -> pa.Table:
    if table_suffix(path) == ".parquet":
        return pq.read_table(path, columns=columns)
    batches = [
        pa.table({name: pa.array(rows[name], pa.string()) for name in columns})
        for rows in read_batches(path, _CSV_BATCH)
    ]
    empty = pa.table({name: pa.array([], pa.string()) for name in columns})
    return pa.concat_tables(batches) if batches else empty


def _plain(table: pa.Table) -> pa.Table:
    """Dictionaries decoded, as they join no other column, and without metadata."""
    columns = {
        field.name: column.cast(field.type.value_type)
        if pa.types.is_dictionary(field.type)
        else column
        for field, column in zip(table.schema, table.columns, strict=True)
    }
    return pa.table(columns)


def _joined(parts: list[pa.Table], paths: Sequence[Path], split: str) -> pa.Table:
    """The rows of all files of a split."""
    try:
        return pa.concat_tables(parts, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
        found: dict[str, Path] = {}  # one file of each kind
        for part, path in zip(parts, paths, strict=True):
            found.setdefault(", ".join(f"{f.name}: {f.type}" for f in part.schema), path)
        raise ValueError(
            f"The files of split {split!r} hold types that cannot be joined: "
            + "; ".join(f"{path} has {types}" for types, path in found.items())
            + ". Write each column with the same type in all of them."
        ) from error


def _class_label(schema: pa.Schema, column: str) -> ClassLabel | None:
    feature = Features.from_arrow_schema(schema)[column]
    return feature if isinstance(feature, ClassLabel) else None


def _same_classes(
    known: ClassLabel | None, own: ClassLabel | None, where: str
) -> ClassLabel | None:
    """The class names of the data so far, with those of one more file."""
    if known is not None and own is not None and known.names != own.names:
        raise ValueError(
            f"{where} numbers the classes {', '.join(own.names)}, other files "
            f"{', '.join(known.names)}; write all with the same class names in the same order."
        )
    return known or own


def _from_hub(
    name: str,
    config: str | None,
    sequence_column: str,
    label_column: str,
    problem_type: str | None,
    cache_dir: str | Path | None,
) -> DatasetDict:
    cache = None if cache_dir is None else str(cache_dir)
    if config is None:  # only then, because it asks the Hub once more
        names = get_dataset_config_names(name, cache_dir=cache)
        if len(names) > 1:
            config = select_configuration(names, None, where=name)
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
        own = label if isinstance(label, ClassLabel) else None
        feature = _same_classes(feature, own, f"{name}, split {split!r}")
        tables[canonical_split(str(split))] = dataset.data.table.select(
            [sequence_column, label_column]
        )
    config = builder.config.name
    return _assemble(tables, feature, sequence_column, label_column, problem_type, config)


def _require_columns(found: list[str], sequence: str, label: str, where: str) -> None:
    for role, wanted in (("sequence", sequence), ("label", label)):
        if wanted not in found:
            raise ValueError(
                f"{where} has no column {wanted!r}; its columns are {', '.join(found)}. Rename "
                f"the {role} column to {wanted!r} or name it with {role}_column "
                f"(--{role}_column){_separator_hint(found)}."
            )


def _separator_hint(columns: list[str]) -> str:
    """What is wrong with a table of one column whose name holds another file's separators."""
    separators = [mark for mark in (";", "\t", ",", "|") if mark in columns[0]]
    if len(columns) > 1 or not separators:
        return ""
    return (
        f". Its only column's name holds {separators[0]!r}: is that the separator? Columns of .csv "
        "are separated by commas, those of .tsv and .txt by tabs"
    )


def _assemble(
    tables: dict[str, pa.Table],
    feature: ClassLabel | None,
    sequence_column: str,
    label_column: str,
    problem_type: str | None,
    config: str | None,
) -> DatasetDict:
    for split, table in tables.items():
        if len(table) == 0:
            raise ValueError(f"Split {split!r} is empty; give it rows or leave its file out.")
    sequences = {s: _sequences(table.column(sequence_column), s) for s, table in tables.items()}
    labels, label_feature = encode_labels(
        {split: table.column(label_column).to_pylist() for split, table in tables.items()},
        class_names=feature.names if feature else None,
        problem_type=problem_type,
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
        info = DatasetInfo(features=features, config_name=config)
        dataset[split] = Dataset(InMemoryTable(table), info=info)
    return dataset


def _sequences(column: pa.ChunkedArray, split: str) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise ValueError(f"The sequences of split {split!r} are {column.type}; text is needed.")
    # white space is no base to the tokenizer
    blank = pc.or_(pc.equal(pc.utf8_length(column), 0), pc.ascii_is_space(column))
    bad = pc.fill_null(blank, True)
    if pc.any(bad).as_py():
        row = bad.to_pylist().index(True)
        raise ValueError(f"Row {row} of split {split!r} has no sequence; remove it or fill it in.")
    return column


def _split_order(split: str) -> int:
    return SPLITS.index(split) if split in SPLITS else len(SPLITS)
