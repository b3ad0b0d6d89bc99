"""TEB, the Transposable Elements Benchmark of "Hyperbolic Genome Embeddings" (arXiv 2507.21648).

Its seven data sets are read as they were published. How they were made is not documented; for a
data set of that kind from any genome see `teb_like`.
"""

from __future__ import annotations

import re
from pathlib import Path

from hf_genomics.data.split_files import SPLITS, SplitFiles, canonical_split, tables_below

from .configurations import Configuration, read_configuration
from .specs import BenchmarkSpec, BuildOptions, TaskSpec
from .table_sources import Source, SplitTables

# Meaning, longest sequence, rows of train, validation and test.
_SETS: dict[str, tuple[str, int, tuple[int, int, int]]] = {
    "ltr_copia": ("LTR Copia retrotransposon in plants", 500, (7666, 682, 568)),
    "lines": ("LINE retrotransposon in plants", 1000, (22502, 2030, 1782)),
    "sines": ("SINE retrotransposon in plants", 500, (21152, 1836, 1784)),
    "dna_cmc": ("CMC-EnSpm DNA transposon in plants", 200, (19912, 1872, 1808)),
    "dna_hat_ac": ("hAT-Ac DNA transposon in plants", 1000, (17322, 1822, 1428)),
    "processed_pseudogenes": ("processed pseudogene in human", 1000, (17956, 1046, 1740)),
    "unprocessed_pseudogenes": ("unprocessed pseudogene in human", 1000, (12938, 766, 884)),
}

SPEC = BenchmarkSpec(
    name="teb",
    title="TEB (Transposable Elements Benchmark)",
    description=(
        "Seven sets of sequences of plants and human with two classes each, published with "
        "Hyperbolic Genome Embeddings (ICLR 2025). The rows are those of the source."
    ),
    tasks=tuple(
        TaskSpec(
            name=name,
            task=task,
            label_names=("0", "1"),
            metric="matthews_correlation",
            path=name,
            lengths=(1, longest),
            rows=dict(zip(SPLITS, rows, strict=True)),
            note="species, assembly, annotation and negatives are not documented in the source",
        )
        for name, (task, longest, rows) in _SETS.items()
    ),
    split_rule="as published (train_NAME.csv, valid_NAME.csv, test_NAME.csv)",
    url="https://github.com/rrkhan/HGE",
    licence_note=(
        "The files are in a folder on Google Drive that the repository links to; the repository "
        "has no licence."
    ),
    citation=(
        "@misc{hge2025,\n  title={Hyperbolic Genome Embeddings},\n  year={2025},\n"
        "  eprint={2507.21648},\n  archivePrefix={arXiv}\n}"
    ),
    source_help="Name the folder with train_lines.csv, valid_lines.csv, test_lines.csv and so on.",
)


def available(source: Source, options: BuildOptions) -> list[str]:
    """Sets that the source holds."""
    found = [task.name for task in SPEC.tasks if _files(task, source)]
    if not found:
        raise ValueError(f"{source} holds none of the sets of TEB. {SPEC.source_help}")
    return found


def read(task: TaskSpec, source: Source, options: BuildOptions) -> Configuration:
    """One set, its rows as they stand in the source."""
    return read_configuration(task, SplitTables(Path(source), _files(task, source)))


def _files(task: TaskSpec, source: Source) -> SplitFiles:
    if isinstance(source, str) or not source.is_dir():
        raise ValueError(f"{source} is no folder. {SPEC.source_help}")
    files: SplitFiles = {}
    for file in tables_below(source):
        match = re.fullmatch(rf"(train|valid|dev|test)_{task.name}\..*", file.name)
        if match:
            files.setdefault(canonical_split(match[1]), []).append(file)
    for split, own in files.items():
        if len({file.parent for file in own}) > 1:
            raise ValueError(
                f"Split {split!r} of {task.name} has the files {', '.join(map(str, own))}; which "
                "one is meant? Leave one."
            )
    return files
