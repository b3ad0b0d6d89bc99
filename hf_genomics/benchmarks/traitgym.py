"""TraitGym: causal regulatory variants of Mendelian and complex traits, and tables in its style."""

from __future__ import annotations

from pathlib import Path

from hf_genomics.data.tables import table_suffix

from .configurations import Configuration, in_order, named_files
from .labelled_rows import checked_label, row_name
from .specs import BenchmarkSpec, BuildOptions, TaskSpec
from .table_sources import Source, SplitTables, find_tables
from .variant_assays import position
from .variant_windows import COLUMNS, Variant, alleles, require_unique, variant_dataset

_TRUTH = {"true": 1, "false": 0}
_KINDS = {
    "mendelian_traits": "causal for a Mendelian trait, or a control",
    "complex_traits": "causal for a complex trait, or a control",
}

SPEC = BenchmarkSpec(
    name="traitgym",
    title="TraitGym",
    description=(
        "Variants that are thought to cause a trait, and matched controls, with the reference "
        "sequence around them. Any table with chrom, pos, ref, alt and label can be read so."
    ),
    tasks=tuple(
        TaskSpec(
            name=f"{kind}{variant}",
            task=task,
            label_names=("control", "causal"),
            path=f"{kind}{variant}",
            splits=("test",),
            note="coordinates of GRCh38",
        )
        for kind, task in _KINDS.items()
        for variant in ("", "_full", "_matched_9")
    ),
    split_rule="as in the source; a table alone is test",
    url="https://huggingface.co/datasets/songlab/TraitGym",
    hub_ids=("songlab/TraitGym",),
    licence="mit",
    licence_note="That is the licence that its authors name on the Hub.",
    citation=(
        "@article{benegas2025traitgym,\n"
        "  title={Benchmarking DNA Sequence Models for Causal Regulatory Variant Prediction in "
        "Human Genetics},\n"
        "  author={Benegas, Gonzalo and Eraslan, Gokcen and Song, Yun S.},\n"
        "  journal={bioRxiv},\n  year={2025},\n  doi={10.1101/2025.02.11.637758}\n}"
    ),
    options=("genomes", "window"),
    source_help=(
        "Name a table with chrom, pos, ref, alt and label (and --config), a folder of such tables, "
        "or the copy on the Hub; and the genome (--genome)."
    ),
    columns={**COLUMNS, "consequence": "as in the source; empty where it has none"},
)


def available(source: Source, options: BuildOptions) -> list[str]:
    """Sets that the source holds; [""] for one table."""
    if isinstance(source, Path) and source.is_file():
        if not table_suffix(source):
            raise ValueError(f"{source} is no table. {SPEC.source_help}")
        return [""]
    return list(find_tables(SPEC, source))


def read(task: TaskSpec, source: Source, options: BuildOptions) -> Configuration:
    """One set."""
    if isinstance(source, Path) and source.is_file():
        tables = SplitTables(source.parent, {"test": [source]})
    else:
        found = find_tables(SPEC, source)
        tables = found.get(task.name) or found[""]
    genome = options.genome()
    by_split: dict[str, list[Variant]] = {}
    for split, where, table in tables.read(
        "chrom", "pos", "ref", "alt", "label", optional=("consequence",)
    ):
        if len(table) == 0:
            raise ValueError(f"{where} has no rows; a split cannot be empty.")
        for index, row in enumerate(table.to_pylist()):
            by_split.setdefault(split, []).append(_variant(task, row, row_name(where, index)))
    datasets = {}
    for split, variants in by_split.items():
        require_unique(variants)
        datasets[split] = variant_dataset(
            task, variants, genome, window=options.window, assembly="GRCh38"
        )
    files = named_files(tables) | {f"genome {genome.name}": genome}
    return Configuration(task, in_order(datasets), files)


def _variant(task: TaskSpec, row: dict, where: str) -> Variant:
    ref, alt = alleles(row["ref"], row["alt"], where)
    truth = str(row["label"]).strip().lower()
    label = checked_label(_TRUTH.get(truth, row["label"]), task, where)
    extra = {"consequence": row.get("consequence") or ""}
    return Variant(str(row["chrom"]), position(row, where), ref, alt, label, where, extra=extra)
