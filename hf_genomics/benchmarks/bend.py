"""BEND (Marin et al., arXiv 2311.12570): the tasks whose BED files hold coordinates and labels.

Gene finding and enhancer annotation keep their labels in HDF5 files, and are not read here.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from hf_genomics.data.fasta import open_text
from hf_genomics.data.tables import naming_file

from .configurations import Configuration, in_order, require_rows
from .genome_sequences import Stretch, cut_out
from .genomic_layouts import whole_number
from .labelled_rows import checked_label, row_name, split_dataset
from .specs import BenchmarkSpec, BuildOptions, LabelKind, TaskSpec
from .table_sources import Source

COLUMNS = ("chromosome", "start", "end", "split", "label")
_SPLITS = {"train": "train", "valid": "validation", "validation": "validation", "test": "test"}
_LABELS = {"chromatin_accessibility": 125, "histone_modification": 18, "cpg_methylation": 7}

SPEC = BenchmarkSpec(
    name="bend",
    title="BEND, tasks with labels for whole sequences",
    description=(
        "Stretches of the human genome with the cell types or marks that apply to each, as BEND "
        "lists them; the sequences are cut out of the genome."
    ),
    tasks=tuple(
        TaskSpec(
            name=name,
            task=name.replace("_", " "),
            label_names=tuple(map(str, range(labels))),
            metric="roc_auc",
            path=f"{name}.bed",
            kind=LabelKind.LIST,
            note="coordinates of GRCh38; entry i of a label is label i of the BED file",
        )
        for name, labels in _LABELS.items()
    ),
    split_rule="as in the column split of the BED file",
    url="https://github.com/frederikkemarin/BEND",
    licence_note=(
        "The repository of its code is under BSD-3-Clause; the data lie elsewhere, and terms for "
        "them were not found there."
    ),
    citation=(
        "@misc{bend2023,\n  title={BEND: Benchmarking DNA Language Models on Biologically "
        "Meaningful Tasks},\n  year={2023},\n  eprint={2311.12570},\n  archivePrefix={arXiv}\n}"
    ),
    options=("genomes",),
    source_help=(
        "Name a folder with histone_modification.bed, cpg_methylation.bed or "
        "chromatin_accessibility.bed, and the genome (--genome)."
    ),
    columns={
        "chrom": "chromosome",
        "start": "first base, 0-based",
        "end": "the base after the last",
    },
)


def available(source: Source, options: BuildOptions) -> list[str]:
    """Tasks that the source holds."""
    found = [task.name for task in SPEC.tasks if _file(task, source)]
    if not found:
        raise ValueError(f"{source} holds no BED file of {SPEC.name}. {SPEC.source_help}")
    return found


def read(task: TaskSpec, source: Source, options: BuildOptions) -> Configuration:
    """One task, in the splits of its BED file."""
    path, genome = _file(task, source), options.genome()
    if path is None:
        raise ValueError(f"{source} does not hold {task.name}. {SPEC.source_help}")
    rows = _read_bed(path)
    stretches, labels, splits = [], [], []
    for index, row in enumerate(rows):
        where = row_name(path, index)
        start, end = (whole_number(row[name], where, name) for name in ("start", "end"))
        strand = row.get("strand", "+")
        if strand not in ("+", "-", "."):
            raise ValueError(f"{where}: the strand is {strand!r}; it is to be '+' or '-'.")
        if row["split"] not in _SPLITS:
            raise ValueError(
                f"{where}: the split is {row['split']!r}; train, valid and test exist."
            )
        stretches.append(Stretch(row["chromosome"], start, end, strand, where))
        labels.append(checked_label(row["label"], task, where))
        splits.append(_SPLITS[row["split"]])
    sequences = cut_out(genome, stretches, assembly="GRCh38")
    datasets = {}
    for split in dict.fromkeys(splits):
        chosen = [index for index, own in enumerate(splits) if own == split]
        columns: dict[str, Any] = {
            "sequence": [sequences[index] for index in chosen],
            "label": [labels[index] for index in chosen],
            "chrom": [stretches[index].contig for index in chosen],
            "start": [stretches[index].start for index in chosen],
            "end": [stretches[index].end for index in chosen],
        }
        datasets[split] = split_dataset(columns, task)
    files = {path.name: path, f"genome {genome.name}": genome}
    return Configuration(task, in_order(datasets), files)


def _file(task: TaskSpec, source: Source) -> Path | None:
    if isinstance(source, str):
        raise ValueError(f"{source} is no file or folder. {SPEC.source_help}")
    names = (task.path, f"{task.path}.gz")
    files = [source] if source.is_file() else sorted(source.rglob(f"{task.path}*"))
    found = [file for file in files if file.name in names]
    if len(found) > 1:
        raise ValueError(
            f"{task.name} has the files {', '.join(map(str, found))}; which one is meant? Leave "
            "one."
        )
    return found[0] if found else None


def _read_bed(path: Path) -> list[dict[str, str]]:
    """The rows of a BED file with a header."""
    with naming_file(path), open_text(path) as file:
        reader = csv.reader(file, delimiter="\t")
        header = next(reader, [])
        missing = [name for name in COLUMNS if name not in header]
        if missing:
            raise ValueError(
                f"{path} has no column {missing[0]!r}; its first line is {' '.join(header)[:80]!r}."
            )
        rows = [dict(zip(header, row, strict=False)) for row in reader if row]
    require_rows(len(rows), path)
    for index, row in enumerate(rows):
        if len(row) < len(header):
            raise ValueError(f"{row_name(path, index)}: {len(row)} fields, not {len(header)}.")
    return rows
