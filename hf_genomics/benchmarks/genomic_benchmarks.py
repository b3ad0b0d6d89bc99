"""Genomic Benchmarks, nine sets (Gresova et al. 2023, doi:10.1186/s12863-023-01123-8)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
from datasets import Dataset

from .configurations import Configuration, in_order, named_genomes, read_configuration, require_rows
from .genome_sequences import Stretch, cut_out
from .genomic_layouts import Layout, find_layout, layout_of, read_stretches, read_texts
from .labelled_rows import checked_sequences, split_dataset
from .specs import BenchmarkSpec, BuildOptions, TaskSpec
from .table_sources import Source, SplitTables, find_tables, task_tables
from .validation import mixed_order, set_validation_aside

_TWO = ("negative", "positive")
ACCURACY = "accuracy"

# Assembly of the coordinates of each class; those of transcripts are positions in the transcript.
ASSEMBLIES: dict[str, dict[str, str | None]] = {
    "demo_coding_vs_intergenomic_seqs": {"coding_seqs": None, "intergenomic_seqs": "GRCh38"},
    "demo_human_or_worm": {"human": "GRCh38", "worm": "WBcel235"},
    "drosophila_enhancers_stark": dict.fromkeys(_TWO, "BDGP6"),
    "dummy_mouse_enhancers_ensembl": dict.fromkeys(_TWO, "GRCm38"),
    "human_enhancers_cohn": dict.fromkeys(_TWO, "GRCh38"),
    "human_enhancers_ensembl": dict.fromkeys(_TWO, "GRCh38"),
    "human_ensembl_regulatory": dict.fromkeys(("enhancer", "ocr", "promoter"), "GRCh38"),
    "human_nontata_promoters": dict.fromkeys(_TWO, "GRCh38"),
    "human_ocr_ensembl": dict.fromkeys(_TWO, "GRCh38"),
}


# What is told, rows of train and test, bases of the shortest and the longest sequence.
_SETS: dict[str, tuple[str, int, int, tuple[int, int]]] = {
    "demo_coding_vs_intergenomic_seqs": ("coding or intergenic", 75000, 25000, (200, 200)),
    "demo_human_or_worm": ("human or worm", 75000, 25000, (200, 200)),
    "drosophila_enhancers_stark": ("enhancer in the fruit fly", 5184, 1730, (236, 3237)),
    "dummy_mouse_enhancers_ensembl": ("enhancer in mouse", 968, 242, (331, 4776)),
    "human_enhancers_cohn": ("enhancer in human", 20843, 6948, (500, 500)),
    "human_enhancers_ensembl": ("enhancer in human", 123872, 30970, (2, 573)),
    "human_ensembl_regulatory": ("regulatory element in human", 231348, 57713, (71, 802)),
    "human_nontata_promoters": ("promoter without TATA box", 27097, 9034, (251, 251)),
    "human_ocr_ensembl": ("open chromatin in human", 139804, 34952, (71, 593)),
}


def _task(name: str, task: str, train: int, test: int, lengths: tuple[int, int]) -> TaskSpec:
    used = sorted({assembly or "cDNA of GRCh38" for assembly in ASSEMBLIES[name].values()})
    return TaskSpec(
        name=name,
        task=task,
        label_names=tuple(ASSEMBLIES[name]),
        metric=ACCURACY,
        path=name,
        lengths=lengths,
        rows={"train": train, "test": test},
        note=f"published as coordinates of {' and '.join(used)}",
    )


SPEC = BenchmarkSpec(
    name="genomic_benchmarks",
    title="Genomic Benchmarks",
    description=(
        "Nine sets of genomic sequences to classify. The original holds coordinates; the sequences "
        "are cut out of the genome, those of the minus strand reverse-complemented."
    ),
    tasks=tuple(_task(name, *facts) for name, facts in _SETS.items()),
    split_rule=(
        "train and test as published. The original has no validation split: it is set aside from "
        "train, as the notes say"
    ),
    url="https://github.com/ML-Bioinfo-CEITEC/genomic_benchmarks",
    hub_ids=("katielink/genomic-benchmarks",),
    licence="apache-2.0",
    licence_note="That is the licence of the original repository, which holds the coordinates.",
    citation=(
        "@article{gresova2023genomic,\n"
        "  title={Genomic benchmarks: a collection of datasets for genomic sequence "
        "classification},\n"
        "  author={Gre{\\v{s}}ov{\\'a}, Katar{\\'i}na and Martinek, Vlastimil and "
        "{\\v{C}}ech{\\'a}k, David and {\\v{S}}ime{\\v{c}}ek, Petr and Alexiou, Panagiotis},\n"
        "  journal={BMC Genomic Data},\n  volume={24},\n  number={25},\n  year={2023},\n"
        "  doi={10.1186/s12863-023-01123-8}\n}"
    ),
    options=("genomes", "validation_fraction"),
    source_help=(
        "Name the folder `datasets` of the repository (and --genome), a folder of sequences, or of "
        "tables with sequence and label."
    ),
)  # fmt: skip


def available(source: Source, options: BuildOptions) -> list[str]:
    """Sets that the source holds; [""] for the folder of one set under another name."""
    if isinstance(source, str):
        return list(find_tables(SPEC, source))
    folder = _folder(source)
    found = [task.name for task in SPEC.tasks if find_layout(task, folder)]
    if found:
        return found
    if any(_fits(task, folder) for task in SPEC.tasks):
        return [""]
    raise ValueError(f"{source} holds none of the sets of {SPEC.name}. {SPEC.source_help}")


def read(task: TaskSpec, source: Source, options: BuildOptions) -> Configuration:
    """One set, with a validation split set aside from train."""
    if isinstance(source, str):
        return _finished(
            read_configuration(task, task_tables(SPEC, task, source), _SEQUENCE), options
        )
    folder = _folder(source)
    layout = find_layout(task, folder) or layout_of(task, folder, folder)
    if layout is None:
        raise ValueError(f"{source} does not hold {task.name}. {SPEC.source_help}")
    if layout.coordinates:
        configuration = _from_coordinates(task, layout, options)
    elif layout.folders:
        configuration = _from_folders(task, layout, options)
    else:
        configuration = _from_tables(task, layout)
    return _finished(configuration, options)


_SEQUENCE = ("sequence", "seq")  # the column's name; the second in copies


def _folder(source: Path) -> Path:
    if not source.is_dir():
        raise ValueError(f"{source} is one file. {SPEC.source_help}")
    return source


def _fits(task: TaskSpec, folder: Path) -> bool:
    try:
        return layout_of(task, folder, folder) is not None
    except ValueError:
        return False


def _finished(configuration: Configuration, options: BuildOptions) -> Configuration:
    dataset = configuration.dataset
    if "train" in dataset and "validation" not in dataset:
        configuration.dataset, rule = set_validation_aside(
            dataset, options.validation_fraction, options.seed
        )
        configuration.notes.append(rule)
    return configuration


def _from_coordinates(task: TaskSpec, layout: Layout, options: BuildOptions) -> Configuration:
    """Classes share a genome, or each has its own; each file is read once."""
    jobs: dict[tuple[Path, str | None], list[Stretch]] = {}
    places: dict[str, list[tuple[tuple[Path, str | None], int, int]]] = {}
    sources: dict[str, Path] = {}
    for split, tables in layout.coordinates.items():
        for number, (label, table) in enumerate(tables.items()):
            job = (options.genome(label), ASSEMBLIES[task.name][label])
            stretches = read_stretches(table)
            require_rows(len(stretches), table)
            queue = jobs.setdefault(job, [])
            places.setdefault(split, []).extend(
                (job, len(queue) + offset, number) for offset in range(len(stretches))
            )
            queue.extend(stretches)
            sources[table.relative_to(layout.root).as_posix()] = table
    cut = {job: cut_out(job[0], stretches, assembly=job[1]) for job, stretches in jobs.items()}
    splits = {
        split: _mixed(
            [cut[job][index] for job, index, _ in rows], [n for *_, n in rows], task, options
        )
        for split, rows in places.items()
    }
    used = {
        label: options.genome(label) for tables in layout.coordinates.values() for label in tables
    }
    sources |= named_genomes(used)
    return Configuration(task, in_order(splits), sources)


def _from_folders(task: TaskSpec, layout: Layout, options: BuildOptions) -> Configuration:
    splits = {}
    sources: dict[str, Path] = {}
    for split, folders in layout.folders.items():
        sequences: list[str] = []
        labels: list[int] = []
        for number, folder in enumerate(folders.values()):
            before = len(sequences)
            for file, text in read_texts(folder):
                checked = checked_sequences(pa.chunked_array([[text]], pa.string()), file)
                sequences += checked.to_pylist()
            require_rows(len(sequences) - before, folder)
            sources[folder.relative_to(layout.root).as_posix()] = folder
            labels += [number] * (len(sequences) - before)
        splits[split] = _mixed(sequences, labels, task, options)
    return Configuration(task, in_order(splits), sources)


def _from_tables(task: TaskSpec, layout: Layout) -> Configuration:
    tables = SplitTables(layout.root, layout.tables)
    configuration = read_configuration(task, tables, _SEQUENCE)
    if layout.guessed:
        configuration.notes.append(
            f"taken as train, though its name does not say so: {', '.join(layout.guessed)}"
        )
    configuration.notes.append(
        "where labels came as numbers, they number the classes in alphabetical order"
    )
    return configuration


def _mixed(
    sequences: list[str], labels: list[Any], task: TaskSpec, options: BuildOptions
) -> Dataset:
    """Classes stand in files of their own; a data set that is streamed needs them mixed."""
    order = mixed_order(sequences, options.seed)
    columns = {
        "sequence": [sequences[row] for row in order],
        "label": [labels[row] for row in order],
    }
    return split_dataset(columns, task)
