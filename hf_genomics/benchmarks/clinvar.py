"""ClinVar: pathogenic against benign single-nucleotide variants, from its VCF file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from datasets import DatasetDict

from hf_genomics.data.fasta import open_text
from hf_genomics.data.tables import naming_file

from .assemblies import contig_key
from .configurations import Configuration
from .genomic_layouts import whole_number
from .specs import BenchmarkSpec, BuildOptions, TaskSpec
from .table_sources import Source
from .variant_windows import COLUMNS, Variant, require_unique, variant_dataset

CHROMOSOMES = {*map(str, range(1, 23)), "X", "Y"}
SIGNIFICANCE = {
    "Benign": 0,
    "Likely_benign": 0,
    "Benign/Likely_benign": 0,
    "Pathogenic": 1,
    "Likely_pathogenic": 1,
    "Pathogenic/Likely_pathogenic": 1,
}
# What ClinVar gives no star; every other review status has one or more.
NO_STAR = re.compile(r"no_(assertion|classification|interpretation)|^$")

SPEC = BenchmarkSpec(
    name="clinvar",
    title="ClinVar, pathogenic against benign",
    description=(
        "Single-nucleotide variants that ClinVar calls benign or likely benign, pathogenic or "
        "likely pathogenic, on chromosomes 1 to 22, X and Y, with one review star or more, and the "
        "reference sequence around them."
    ),
    tasks=(
        TaskSpec(
            name="clinvar",
            task="benign or pathogenic",
            label_names=("benign", "pathogenic"),
            metric="roc_auc",
            splits=("test",),
        ),
    ),
    split_rule="all variants are test: the set is for scoring, not for training",
    url="https://www.ncbi.nlm.nih.gov/clinvar/",
    licence_note=(
        "NCBI names no licence. What the US government makes is in the public domain there, what "
        "others have submitted may not be; it asks to be acknowledged."
    ),
    citation=(
        "@article{landrum2014clinvar,\n"
        "  title={ClinVar: public archive of relationships among sequence variation and human "
        "phenotype},\n"
        "  author={Landrum, Melissa J. and others},\n  journal={Nucleic Acids Research},\n"
        "  year={2014},\n  doi={10.1093/nar/gkt1113}\n}"
    ),
    options=("genomes", "window"),
    source_help="Name clinvar.vcf or clinvar.vcf.gz, and the genome of its assembly (--genome).",
    columns={
        **COLUMNS,
        "id": "identifier in ClinVar",
        "consequence": "first molecular consequence of the record; empty where it has none",
        "review_status": "as in the record",
    },
)


def available(source: Source, options: BuildOptions) -> list[str]:
    """The one configuration."""
    return SPEC.config_names


def read(task: TaskSpec, source: Source, options: BuildOptions) -> Configuration:
    """All variants that fit, as `test`."""
    if isinstance(source, str) or not source.is_file():
        raise ValueError(f"{source} is no VCF file. {SPEC.source_help}")
    counts: Counter[str] = Counter()
    assembly, variants = _read_vcf(source, counts)
    if not variants:
        raise ValueError(f"No record of {source} is a benign or pathogenic SNV with a review star.")
    require_unique(variants)
    genome = options.genome()
    rows = variant_dataset(task, variants, genome, window=options.window, assembly=assembly)
    left_out = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in sorted(counts.items()))
    notes = [f"the VCF file names the assembly {assembly}"] if assembly else []
    if left_out:
        notes.append(f"records left out: {left_out}")
    files = {source.name: source, f"genome {genome.name}": genome}
    return Configuration(task, DatasetDict(test=rows), files, notes, dict(sorted(counts.items())))


def _read_vcf(path: Path, counts: Counter[str]) -> tuple[str | None, list[Variant]]:
    assembly, has_header, variants = None, False, []
    for number, line in _lines(path):
        if line.startswith("##reference="):
            name = line.partition("=")[2].strip()
            assembly = next((a for a in ("GRCh38", "GRCh37") if a in name), None)
        has_header = has_header or line.startswith("#CHROM\t")
        if line.startswith("#") or not line:
            continue
        if not has_header:
            raise ValueError(f"{path} is not VCF: line {number} comes before the line '#CHROM'.")
        variant = _variant(line.split("\t"), f"{path}, line {number}", counts)
        if variant is not None:
            variants.append(variant)
    if not has_header:
        raise ValueError(f"{path} is not VCF: there is no line that begins with '#CHROM'.")
    return assembly, variants


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with naming_file(path), open_text(path) as file:
        for number, line in enumerate(file, start=1):
            yield number, line.rstrip("\r\n")


def _variant(fields: list[str], where: str, counts: Counter[str]) -> Variant | None:
    """The variant of a record; None, counted, where it does not belong into the set."""
    if len(fields) < 8:
        raise ValueError(f"{where} has {len(fields)} fields; a VCF record has 8 or more.")
    chrom, pos, identifier, ref, alt, *_, info = fields[:8]
    facts = dict(part.partition("=")[::2] for part in info.split(";"))
    label = SIGNIFICANCE.get(facts.get("CLNSIG", ""))
    if contig_key(chrom) not in CHROMOSOMES:
        reason = "other_contigs"
    elif len(ref) != 1 or len(alt) != 1 or not {ref, alt} <= set("ACGT") or ref == alt:
        reason = "no_single_nucleotide_variant"
    elif label is None:
        reason = "other_significance"
    elif NO_STAR.search(facts.get("CLNREVSTAT", "")):
        reason = "no_review_star"
    else:
        start = whole_number(pos, where, "position")
        extra = {
            "id": identifier,
            "consequence": facts.get("MC", "").split(",")[0].partition("|")[2],
            "review_status": facts["CLNREVSTAT"],
        }
        return Variant(chrom, start, ref, alt, label, where, extra=extra)
    counts[reason] += 1
    return None
