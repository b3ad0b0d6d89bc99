"""Saturation genome editing of BRCA1 (Findlay et al. 2018, doi:10.1038/s41586-018-0461-z)."""

from __future__ import annotations

from datasets import DatasetDict

from .configurations import Configuration
from .labelled_rows import checked_label
from .specs import BenchmarkSpec, BuildOptions, TaskSpec
from .table_sources import Source
from .variant_assays import assay_rows, assay_table, number, position
from .variant_windows import COLUMNS, Variant, alleles, require_unique, variant_dataset

# Ours, and those of the published spreadsheet.
NEEDED = {
    "chrom": ("chromosome", "chrom"),
    "pos": ("pos_hg19", "position (hg19)"),
    "ref": ("ref", "reference"),
    "alt": ("alt",),
    "label": ("func_class", "func.class"),
    "score": ("function_score", "function.score.mean"),
}
OPTIONAL = {"consequence": ("consequence",)}

SPEC = BenchmarkSpec(
    name="brca1_sge",
    title="BRCA1 saturation genome editing",
    description=(
        "Single-nucleotide variants of 13 exons of BRCA1 with their measured effect on the "
        "function of the gene, and the reference sequence around them."
    ),
    tasks=(
        TaskSpec(
            name="brca1_sge",
            task="functional, intermediate or loss of function",
            label_names=("FUNC", "INT", "LOF"),
            rows={"test": 3893},
            splits=("test",),
            note="coordinates of GRCh37 (hg19), alleles of the plus strand",
        ),
    ),
    split_rule="all variants are test: the set is for scoring, not for training",
    licence_note="The table is supplementary table 1 of the paper.",
    citation=(
        "@article{findlay2018brca1,\n"
        "  title={Accurate classification of BRCA1 variants with saturation genome editing},\n"
        "  author={Findlay, Gregory M. and others},\n  journal={Nature},\n  year={2018},\n"
        "  doi={10.1038/s41586-018-0461-z}\n}"
    ),
    options=("genomes", "window"),
    source_help="Name the table as CSV or TSV, and the FASTA of chromosome 17 (--genome).",
    columns={
        **COLUMNS,
        "score": "function score; low is loss of function",
        "consequence": "as annotated",
    },
)  # fmt: skip


def available(source: Source, options: BuildOptions) -> list[str]:
    """The one configuration."""
    return SPEC.config_names


def read(task: TaskSpec, source: Source, options: BuildOptions) -> Configuration:
    """All variants as `test`."""
    path, genome = assay_table(source, NEEDED, SPEC.source_help), options.genome()
    variants = []
    for where, row in assay_rows(path, NEEDED, OPTIONAL):
        ref, alt = alleles(row["ref"], row["alt"], where)
        label = checked_label(row["label"], task, where)
        extra = {
            "score": number(row["score"], where, "function score"),
            "consequence": row["consequence"] or "",
        }
        variants.append(
            Variant(str(row["chrom"]), position(row, where), ref, alt, label, where, extra=extra)
        )
    require_unique(variants)
    rows = variant_dataset(task, variants, genome, window=options.window, assembly="GRCh37")
    return Configuration(
        task, DatasetDict(test=rows), {path.name: path, f"genome {genome.name}": genome}
    )
