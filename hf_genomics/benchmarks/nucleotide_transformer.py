"""The 18 downstream tasks of the Nucleotide Transformer, in their revised version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from datasets import concatenate_datasets

from hf_genomics.data.fasta import read_fasta
from hf_genomics.data.genome_sources import is_named_fasta
from hf_genomics.data.split_files import canonical_split, configurations_of, tables_below
from hf_genomics.data.tables import column_names, table_suffix

from .configurations import Configuration, in_order, named_files, require_rows
from .labelled_rows import checked_label, checked_sequences, row_name, split_dataset
from .specs import BenchmarkSpec, BuildOptions, TaskSpec
from .table_sources import Source, SplitTables, find_tables
from .validation import set_validation_aside

_MARKS = (
    "H2AFZ", "H3K27ac", "H3K27me3", "H3K36me3", "H3K4me1", "H3K4me2", "H3K4me3", "H3K9ac",
    "H3K9me3", "H4K20me1",
)  # fmt: skip

# What is told, number of classes, bases.
_TASKS: dict[str, tuple[str, int, int]] = {
    "promoter_all": ("promoter", 2, 300),
    "promoter_tata": ("promoter with TATA box", 2, 300),
    "promoter_no_tata": ("promoter without TATA box", 2, 300),
    "enhancers": ("enhancer", 2, 400),
    "enhancers_types": ("kind of enhancer", 3, 400),
    "splice_sites_all": ("splice site", 3, 600),
    "splice_sites_acceptors": ("splice acceptor", 2, 600),
    "splice_sites_donors": ("splice donor", 2, 600),
    **{mark: (f"histone mark {mark}", 2, 1000) for mark in _MARKS},
}

SPEC = BenchmarkSpec(
    name="nucleotide_transformer",
    title="Nucleotide Transformer downstream tasks (revised)",
    description=(
        "18 sets of human DNA to classify: promoters, enhancers, splice sites, histone marks."
    ),
    tasks=tuple(
        TaskSpec(
            name=name,
            task=task,
            label_names=tuple(map(str, range(classes))),
            metric="matthews_correlation",
            path=name,
            lengths=(bases, bases),
            note="which class a number stands for is not stated in the source",
        )
        for name, (task, classes, bases) in _TASKS.items()
    ),
    split_rule=(
        "train and test as in the source. Where it has no validation split, that is set aside from "
        "train, as the notes say"
    ),
    url="https://github.com/instadeepai/nucleotide-transformer",
    hub_ids=("InstaDeepAI/nucleotide_transformer_downstream_tasks_revised",),
    licence_note=(
        "The copy on the Hub names none. The weights of the models are under cc-by-nc-sa-4.0; that "
        "is no statement about the data."
    ),
    citation=(
        "@article{dallatorre2023nucleotide,\n"
        "  title={The Nucleotide Transformer: Building and Evaluating Robust Foundation Models for "
        "Human Genomics},\n"
        "  author={Dalla-Torre, Hugo and Gonzalez, Liam and Mendoza-Revilla, Javier and others},\n"
        "  journal={bioRxiv},\n  year={2023},\n  doi={10.1101/2023.01.11.523679}\n}"
    ),
    options=("validation_fraction",),
    source_help=(
        "Name a table with sequence, label and task, a folder of such tables named by split, a "
        "folder for each task with train.csv or train.fna, or the copy on the Hub."
    ),
    columns={"name": "locus, as in the source; empty where it has none"},
)  # fmt: skip


def available(source: Source, options: BuildOptions) -> list[str]:
    """Tasks that the source holds."""
    if isinstance(source, Path) and (files := _mixed_tables(source)):
        held = {
            task for _, _, table in files.read("task") for task in table.column("task").to_pylist()
        }
        found = [task.name for task in SPEC.tasks if task.name in held]
        if not found:
            raise ValueError(f"{source} has the tasks {', '.join(sorted(held))}; none is known.")
        return found
    if isinstance(source, Path) and source.is_dir():
        packed = {task.name for task in SPEC.tasks if _fasta_files(task, source)}
        if packed:
            held = packed | (set(find_tables(SPEC, source)) if tables_below(source) else set())
            return [task.name for task in SPEC.tasks if task.name in held]
    return list(find_tables(SPEC, source))


def read(task: TaskSpec, source: Source, options: BuildOptions) -> Configuration:
    """One task, with a validation split set aside where there is none."""
    parts: dict[str, list] = {}
    sources: dict[str, Path] = {}
    for split, columns in _parts(task, source, sources):
        parts.setdefault(split, []).append(split_dataset(columns, task))
    dataset = in_order({split: concatenate_datasets(rows) for split, rows in parts.items()})
    configuration = Configuration(task, dataset, sources)
    if "train" in dataset and "validation" not in dataset:
        configuration.dataset, rule = set_validation_aside(
            dataset, options.validation_fraction, options.seed
        )
        configuration.notes.append(rule)
    return configuration


def _parts(task: TaskSpec, source: Source, sources: dict[str, Path]) -> Iterator[tuple[str, dict]]:
    """Yields split and columns; adds the files to `sources`."""
    if isinstance(source, Path) and (fasta := _fasta_files(task, source)):
        for split, file in fasta.items():
            sources[file.relative_to(source).as_posix()] = file
            columns = _from_fasta(task, file)
            require_rows(len(columns["label"]), file)
            yield split, columns
        return
    tables = isinstance(source, Path) and _mixed_tables(source)
    if not tables:
        found = find_tables(SPEC, source)
        tables = found.get(task.name) or found[""]
    sources |= named_files(tables)
    for split, where, table in tables.read("sequence", "label", optional=("name", "task")):
        require_rows(len(table), where)
        columns = _from_table(task, table, where)
        if columns["label"]:  # a part of a table of several tasks may have none of this one
            yield split, columns


def _from_table(task: TaskSpec, table: pa.Table, where: str) -> dict:
    """The rows of a task; errors name the row in the whole table."""
    sequences = checked_sequences(table.column("sequence"), where)
    if "task" in table.column_names:
        chosen = pc.fill_null(pc.equal(table.column("task"), task.name), False)
    else:
        chosen = pa.array([True] * len(table), pa.bool_())
    kept = [row for row, keep in enumerate(chosen.to_pylist()) if keep]
    labels = table.column("label").to_pylist()
    numbers = [checked_label(labels[row], task, row_name(where, row)) for row in kept]
    names = table.column("name") if "name" in table.column_names else pa.array([""] * len(table))
    return {
        "sequence": sequences.filter(chosen),
        "label": numbers,
        "name": [name or "" for name in names.filter(chosen).to_pylist()],
    }


def _from_fasta(task: TaskSpec, file: Path) -> dict:
    """Records named `locus|label`."""
    names, labels, sequences = [], [], []
    for record in read_fasta(file):
        name, bar, label = record.name.rpartition("|")
        if not bar:
            raise ValueError(
                f"{file}, record {record.name!r}: the label is to stand behind a '|' in the name."
            )
        where = f"{file}, record {record.name!r}"
        names.append(name)
        labels.append(checked_label(label, task, where))
        column = pa.chunked_array([[record.sequence]], pa.string())
        sequences += checked_sequences(column, where).to_pylist()
    return {"sequence": sequences, "label": labels, "name": names}


def _fasta_files(task: TaskSpec, source: Path) -> dict[str, Path]:
    folder = source / task.name
    if not folder.is_dir():
        return {}
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if not is_named_fasta(file):
            continue  # such as the index train.fna.fai
        split = canonical_split(file.name.partition(".")[0])
        if split in found:
            raise ValueError(
                f"Split {split!r} of {task.name} has the files {found[split]} and {file}; which "
                "one is meant? Leave one."
            )
        found[split] = file
    return found


def _mixed_tables(source: Path) -> SplitTables | None:
    """Tables that hold several tasks, told apart by a column."""
    if source.is_file():
        if not table_suffix(source) or "task" not in column_names(source):
            return None
        split = canonical_split(source.name.partition(".")[0])
        known = split if split in ("train", "validation", "test") else "train"
        return SplitTables(source.parent, {known: [source]})
    try:
        found = configurations_of(source)
    except ValueError:
        return None
    for files in found.values():
        first = next(iter(files.values()))[0]
        if "task" in column_names(first):
            return SplitTables(source, files)
    return None
