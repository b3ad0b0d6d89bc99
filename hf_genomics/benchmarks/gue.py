"""GUE, the 28 data sets that came with DNABERT-2 (Zhou et al. 2023, arXiv 2306.15006)."""

from __future__ import annotations

from hf_genomics.data.split_files import SPLITS

from .configurations import Configuration, read_configuration
from .gue_known import ROWS, SHA256
from .specs import BenchmarkSpec, BuildOptions, TaskSpec
from .table_sources import Source, find_tables, task_tables

MCC = "matthews_correlation"
_MARK = ("no_mark", "mark")
_BINDING = ("not_bound", "bound")
_PROMOTER = ("not_promoter", "promoter")
_MARKS = (
    "H3",
    "H3K14ac",
    "H3K36me3",
    "H3K4me1",
    "H3K4me2",
    "H3K4me3",
    "H3K79me3",
    "H3K9ac",
    "H4",
    "H4ac",
)
_SPLICE_NOTE = (
    "the classes are numbers: acceptor, donor and neither, and the source does not say which of 0 "
    "and 1 is which"
)
_COVID_NOTE = (
    "the classes are nine variants of SARS-CoV-2 by number; the names were not found in the source"
)


def _task(
    name: str,
    task: str,
    labels: tuple[str, ...],
    path: str,
    length: int,
    *aliases: str,
    note: str = "",
    metric: str = MCC,
) -> TaskSpec:
    return TaskSpec(
        name=name,
        task=task,
        label_names=labels,
        metric=metric,
        path=path,
        aliases=aliases,
        lengths=(length, length),
        rows=dict(zip(SPLITS, ROWS[name], strict=True)),
        sha256=SHA256.get(name, {}),
        note=note,
    )


_TASKS = (
    *(_task(f"emp_{mark}", f"{mark} in yeast", _MARK, f"EMP/{mark}", 500, mark) for mark in _MARKS),
    *(
        _task(
            f"prom_{size}_{kind}",
            f"{what} in human, {words}",
            _PROMOTER,
            f"prom/prom_{size}_{kind}",
            bases,
        )
        for size, what, bases in (("300", "promoter", 300), ("core", "core promoter", 70))
        for kind, words in (
            ("all", "with and without TATA box"),
            ("notata", "without TATA box"),
            ("tata", "with TATA box"),
        )
    ),
    *(
        _task(
            f"tf_{n}",
            f"binding of transcription factor {n} in human",
            _BINDING,
            f"tf/{n}",
            101,
            f"human_tf_{n}",
        )
        for n in range(5)
    ),
    *(
        _task(
            f"mouse_{n}",
            f"binding of transcription factor {n} in mouse",
            _BINDING,
            f"mouse/{n}",
            101,
        )
        for n in range(5)
    ),
    _task(
        "splice_reconstructed",
        "splice site in human",
        ("0", "1", "2"),
        "splice/reconstructed",
        400,
        "splice",
        "reconstructed",
        note=_SPLICE_NOTE,
    ),
    _task(
        "virus_covid",
        "variant of SARS-CoV-2",
        tuple("012345678"),
        "virus/covid",
        1000,
        "covid",
        note=_COVID_NOTE,
        metric="f1",
    ),
)

SPEC = BenchmarkSpec(
    name="gue",
    title="GUE (Genome Understanding Evaluation)",
    description=(
        "28 sets of DNA sequences of yeast, human, mouse and SARS-CoV-2 to classify, of "
        "DNABERT-2's authors. The rows are those of the source, in its order; nothing was removed."
    ),
    tasks=_TASKS,
    split_rule="as published (train.csv, dev.csv as validation, test.csv)",
    url="https://github.com/MAGICS-LAB/DNABERT_2",
    hub_ids=("leannmlindsey/GUE",),
    licence_note=(
        "The repository it was published with is under Apache-2.0; terms of the data themselves "
        "were not found there, and the copy on the Hub names none."
    ),
    citation=(
        "@misc{zhou2023dnabert2,\n"
        "  title={DNABERT-2: Efficient Foundation Model and Benchmark For Multi-Species Genome},\n"
        "  author={Zhihan Zhou and Yanrong Ji and Weijian Li and Pratik Dutta and Ramana Davuluri "
        "and Han Liu},\n"
        "  year={2023},\n  eprint={2306.15006},\n  archivePrefix={arXiv}\n}"
    ),
    source_help=(
        "Name the folder GUE with EMP/H3/train.csv, prom/prom_core_tata/train.csv and so on (also "
        ".csv.gz), its archive, or a copy on the Hub."
    ),
)  # fmt: skip


def available(source: Source, options: BuildOptions) -> list[str]:
    """Configurations that the source holds."""
    return list(find_tables(SPEC, source))


def read(task: TaskSpec, source: Source, options: BuildOptions) -> Configuration:
    """One configuration, its rows as they stand in the source."""
    return read_configuration(task, task_tables(SPEC, task, source))
