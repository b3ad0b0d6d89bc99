"""Saturation mutagenesis of regulatory elements by MPRA (Kircher et al. 2019)."""

from __future__ import annotations

import math

from datasets import DatasetDict

from .configurations import Configuration
from .genomic_layouts import whole_number
from .specs import BenchmarkSpec, BuildOptions, LabelKind, TaskSpec
from .table_sources import Source
from .variant_assays import assay_rows, assay_table, number, position
from .variant_windows import COLUMNS, Variant, alleles, require_unique, variant_dataset

NEEDED = {
    "element": ("element",),
    "chrom": ("chrom",),
    "pos": ("pos",),
    "ref": ("ref",),
    "alt": ("alt",),
    "effect": ("log2_effect",),
    "barcodes": ("barcodes",),
}
OPTIONAL = {"p_value": ("p_value",), "index": ("index0",)}

SPEC = BenchmarkSpec(
    name="mpra_satmut",
    title="Saturation mutagenesis of regulatory elements",
    description=(
        "Variants of promoters and enhancers with their effect on expression in a massively "
        "parallel reporter assay, and the reference sequence around them."
    ),
    tasks=(
        TaskSpec(
            name="mpra_satmut",
            task="log2 of the effect on expression",
            label_names=(),
            kind=LabelKind.NUMBER,
            splits=("test",),
            note="coordinates of GRCh38",
        ),
    ),
    split_rule="all variants are test: the set is for scoring, not for training",
    url="https://github.com/kircherlab/MPRA_SaturationMutagenesis",
    licence="gpl-3.0",
    licence_note="That is the licence of the original repository, which holds the table.",
    citation=(
        "@article{kircher2019saturation,\n"
        "  title={Saturation mutagenesis of twenty disease-associated regulatory elements at "
        "single base-pair resolution},\n"
        "  author={Kircher, Martin and others},\n  journal={Nature Communications},\n"
        "  volume={10},\n  year={2019},\n  doi={10.1038/s41467-019-11526-w}\n}"
    ),
    options=("genomes", "window", "min_barcodes"),
    source_help=(
        "Name the table of elements as CSV or TSV, and the genome, or the FASTA of the elements "
        "(--genome)."
    ),
    columns={
        **COLUMNS,
        "element": "regulatory element and experiment",
        "barcodes": "number of barcodes of the variant",
        "p_value": "of the effect; NaN where the source has none",
    },
)


def available(source: Source, options: BuildOptions) -> list[str]:
    """The one configuration."""
    return SPEC.config_names


def read(task: TaskSpec, source: Source, options: BuildOptions) -> Configuration:
    """Variants with enough barcodes, as `test`."""
    path, genome = assay_table(source, NEEDED, SPEC.source_help), options.genome()
    by_element = _is_of_elements(
        genome, {str(row["element"]) for _, row in assay_rows(path, NEEDED)}
    )
    variants, few, unclear = [], 0, 0
    for where, row in assay_rows(path, NEEDED, OPTIONAL):
        barcodes = whole_number(row["barcodes"], where, "number of barcodes")
        if barcodes < options.min_barcodes:
            few += 1
            continue
        if str(row["ref"]).upper() == "N":
            unclear += 1
            continue
        alt = "" if row["alt"] in (None, "", "-") else row["alt"]
        ref, alt = alleles(row["ref"], alt, where, deletions=True)
        label = number(row["effect"], where, "effect")
        element = str(row["element"])
        place = None
        if by_element:
            place = (element, whole_number(row["index"], where, "index in the element"))
        p_value = row["p_value"]
        extra = {
            "element": element,
            "barcodes": barcodes,
            "p_value": math.nan if _is_missing(p_value) else number(p_value, where, "p value"),
        }
        pos = position(row, where)
        variants.append(Variant(str(row["chrom"]), pos, ref, alt, label, where, place, extra))
    _require_unique_by_element(variants)
    if not variants:
        raise ValueError(f"No row of {path} has {options.min_barcodes} barcodes (--min-barcodes).")
    assembly = None if by_element else "GRCh38"
    rows = variant_dataset(task, variants, genome, window=options.window, assembly=assembly)
    notes = [f"{few:,} variants with fewer than {options.min_barcodes} barcodes are left out"]
    if unclear:
        notes.append(f"{unclear:,} variants whose reference allele is N are left out")
    if by_element:
        notes.append("sequences end with the element; beyond it stands N")
    return Configuration(
        task,
        DatasetDict(test=rows),
        {path.name: path, f"genome {genome.name}": genome},
        notes,
        {"fewer_barcodes": few, "reference_allele_n": unclear},
    )


def _is_missing(value: object) -> bool:
    return value is None or str(value).strip().lower() in ("", "na", "nan")


def _is_of_elements(genome: object, elements: set[str]) -> bool:
    """Whether the records of a FASTA file are the elements, not chromosomes."""
    from hf_genomics.data.fasta import read_fasta

    return any(record.name in elements for record in read_fasta(str(genome)))


def _require_unique_by_element(variants: list[Variant]) -> None:
    by_element: dict[str, list[Variant]] = {}
    for variant in variants:
        by_element.setdefault(variant.extra["element"], []).append(variant)
    for own in by_element.values():
        require_unique(own)
