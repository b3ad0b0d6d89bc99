"""Every builder against every kind of bad input: an error that names the place, and nothing left.

What depends on one builder alone is in the tests of that builder.
"""

import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hf_genomics import list_benchmarks
from hf_genomics.benchmarks import assemblies
from hf_genomics.benchmarks.building import build_dataset
from hf_genomics.benchmarks.specs import BuildOptions

BASES = "".join(random.Random(8).choices("ACGT", k=400))
GENOME = f">chr17\n{BASES}\n>chr2\n{BASES[::-1]}\n"
ODD_GENOME = f">chr17\n{BASES[:40]}J{BASES[41:]}\n>chr2\n{BASES[::-1]}\n"
REF, ALT = BASES[49], "ACGT"[("ACGT".index(BASES[49]) + 1) % 4]
CASES = (
    "missing column",
    "wrong alphabet",
    "outside the contig",
    "another assembly",
    "twice",
    "empty",
)


@dataclass
class Source:
    """Files of a good source, and what to build of them."""

    files: dict[str, str]
    config: tuple[str, ...] = ()
    root: str = "source"
    options: dict = field(default_factory=dict)

    def but(self, name: str, text: str) -> dict[str, str]:
        return {**self.files, name: text}


ROWS = "sequence,label\nACGTACGT,0\nACGTTTTT,1\n"
NO_COLUMN, ODD_LETTER, NO_ROWS = (
    "seq,label\nACGT,0\n",
    "sequence,label\nACJT,0\n",
    "sequence,label\n",
)
SEQUENCES = {
    "gue": Source({f"source/tf/0/{split}.csv": ROWS for split in ("train", "dev", "test")}),
    "teb": Source({f"source/{split}_lines.csv": ROWS for split in ("train", "valid", "test")}),
    "nucleotide_transformer": Source(
        {f"source/H3K27ac/{split}.csv": ROWS for split in ("train", "validation", "test")}
    ),
}
FIRST = {name: next(iter(source.files)) for name, source in SEQUENCES.items()}

COORDINATES = "id,region,start,end,strand\n0,chr17,0,15,+\n1,chr17,30,45,+\n"
COHN = "source/datasets/human_enhancers_cohn"
SGE = "chromosome,pos_hg19,ref,alt,func_class,function_score\n"
MPRA = "element,chrom,pos,index0,ref,alt,barcodes,log2_effect\n"
TRAITS = "chrom,pos,ref,alt,label\n"
BED = "chromosome\tstart\tend\tsplit\tlabel\n"
VCF = "##reference=GRCh38\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
VCF_INFO = "CLNREVSTAT=criteria_provided;CLNSIG=Benign"
VCF_ROW = f"17\t50\tx\t{REF}\t{ALT}\t.\t.\t{VCF_INFO}\n"
GFF = "chr17\tx\trepeat_region\t11\t60\t.\t+\t.\tname\n"
MADE_FROM_GENOMES = {
    "genomic_benchmarks": Source(
        {
            f"{COHN}/{split}/{label}.csv": COORDINATES
            for split in ("train", "test")
            for label in ("negative", "positive")
        }
    ),
    "teb_like": Source({"source": GFF}, root="genome.fa", options={"annotation": "source"}),
    "brca1_sge": Source({"source/t.csv": f"{SGE}17,50,{REF},{ALT},FUNC,0\n"}),
    "mpra_satmut": Source({"source/t.csv": f"{MPRA}E,17,50,49,{REF},{ALT},50,0\n"}),
    "clinvar": Source({"source.vcf": VCF + VCF_ROW}, root="source.vcf"),
    "traitgym": Source(
        {"source.csv": f"{TRAITS}17,50,{REF},{ALT},1\n"}, ("mendelian_traits",), "source.csv"
    ),
    "bend": Source({"source/cpg_methylation.bed": f"{BED}chr17\t0\t60\ttrain\t1\n"}),
}
SOURCES = {**SEQUENCES, **MADE_FROM_GENOMES}

# (builder, case) to the file to change, its text, and what the error says.
BAD: dict[tuple[str, str], tuple[str, str, str]] = {
    **{
        (name, case): (file, text, message)
        for name, file in FIRST.items()
        for case, text, message in (
            ("missing column", NO_COLUMN, "train.*csv has no column 'sequence'"),
            ("wrong alphabet", ODD_LETTER, "train.*csv, row 1: the sequence has 'J' at position 2"),
            ("empty", NO_ROWS, "train.*csv has no rows; a split cannot be empty"),
        )
    },
    **{
        (name, "wrong alphabet"): ("genome.fa", ODD_GENOME, "genome.fa.* 'J'")
        for name in MADE_FROM_GENOMES
    },
    ("genomic_benchmarks", "missing column"): (
        f"{COHN}/train/positive.csv", "id,start,end,strand\n0,0,15,+\n", "no column 'region'"),
    ("genomic_benchmarks", "outside the contig"): (
        f"{COHN}/train/positive.csv", COORDINATES + "2,chr17,390,401,+\n", "row 3: chr17:390-401"),
    ("genomic_benchmarks", "twice"): (
        f"{COHN}/train/positive.csv", COORDINATES + "1,chr17,3,9,+\n", "row 3: the id '1' is that"),
    ("genomic_benchmarks", "empty"): (
        f"{COHN}/test/negative.csv", "id,region,start,end,strand\n", "negative.csv has no rows"),
    ("teb_like", "missing column"): ("source", "chr17\tx\trepeat_region\t1\n", "line 1 has 4 fie"),
    ("teb_like", "outside the contig"): (
        "source", GFF.replace("60", "401"), "line 1: position 401 is beyond chr17"),
    ("teb_like", "twice"): ("genome.fa", GENOME + ">chr2\nACGT\n", "the contig 'chr2' twice"),
    ("teb_like", "empty"): ("source", "##gff-version 3\n", "has no repeat; it has no rows"),
    ("brca1_sge", "missing column"): ("source/t.csv", "chromosome,ref\n17,A\n", "no column 'pos_"),
    ("brca1_sge", "outside the contig"): (
        "source/t.csv", f"{SGE}17,401,A,C,FUNC,0\n", "row 1: 17:401 A>C lies on no contig"),
    ("brca1_sge", "twice"): (
        "source/t.csv", SGE + 2 * f"17,50,{REF},{ALT},FUNC,0\n", "row 2: 17:50 .* row 1 too"),
    ("brca1_sge", "empty"): ("source/t.csv", SGE, "t.csv has no rows"),
    ("mpra_satmut", "missing column"): ("source/t.csv", "element,chrom\nE,17\n", "no column 'pos'"),
    ("mpra_satmut", "outside the contig"): (
        "source/t.csv", f"{MPRA}E,17,401,400,A,C,50,0\n", "row 1: 17:401 A>C lies on no contig"),
    ("mpra_satmut", "twice"): (
        "source/t.csv", MPRA + 2 * f"E,17,50,49,{REF},{ALT},50,0\n", "row 2: 17:50 .* row 1 too"),
    ("mpra_satmut", "empty"): ("source/t.csv", MPRA, "t.csv has no rows"),
    ("clinvar", "missing column"): ("source.vcf", f"{VCF}17\t50\n", "line 3 has 2 fields"),
    ("clinvar", "outside the contig"): (
        "source.vcf", VCF + VCF_ROW.replace("50", "401"), "line 3: 17:401 .* lies on no contig"),
    ("clinvar", "twice"): ("source.vcf", VCF + 2 * VCF_ROW, "line 4: 17:50 .* line 3 too"),
    ("clinvar", "empty"): ("source.vcf", VCF, "No record of .* is a benign or pathogenic SNV"),
    ("traitgym", "missing column"): ("source.csv", "chrom,pos\n17,5\n", "no column 'ref'"),
    ("traitgym", "outside the contig"): (
        "source.csv", f"{TRAITS}17,401,A,C,1\n", "row 1: 17:401 A>C lies on no contig"),
    ("traitgym", "twice"): (
        "source.csv", TRAITS + 2 * f"17,50,{REF},{ALT},1\n", "row 2: 17:50 .* row 1 too"),
    ("traitgym", "empty"): ("source.csv", TRAITS, "source.csv has no rows"),
    ("bend", "missing column"): (
        "source/cpg_methylation.bed", "chromosome\tstart\nchr17\t0\n", "has no column 'end'"),
    ("bend", "outside the contig"): (
        "source/cpg_methylation.bed", f"{BED}chr17\t390\t401\ttrain\t1\n", "row 1: chr17:390-401"),
    ("bend", "empty"): ("source/cpg_methylation.bed", BED, "methylation.bed has no rows"),
}  # fmt: skip
# Coordinates of an assembly that is known, against a genome of another with the same contigs.
KNOWN_ASSEMBLY = {
    "genomic_benchmarks": "GRCh38",
    "brca1_sge": "GRCh37",
    "mpra_satmut": "GRCh38",
    "clinvar": "GRCh38",
    "traitgym": "GRCh38",
    "bend": "GRCh38",
}
NOT_APPLICABLE = {
    **{
        (name, case): "rows are sequences: they have no coordinates and no ids"
        for name in SEQUENCES
        for case in ("outside the contig", "another assembly", "twice")
    },
    ("teb_like", "another assembly"): "any genome will do; annotation beyond a contig is refused",
    ("bend", "twice"): "rows have no ids; stretches that stand twice are counted in the card",
}


def build(folder: Path, name: str, files: dict[str, str]) -> None:
    source = SOURCES[name]
    for file, text in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    options = {key: folder / file for key, file in source.options.items()}
    if name in MADE_FROM_GENOMES and name != "teb_like":
        options["genomes"] = folder / "genome.fa"
    build_dataset(
        name,
        folder / source.root,
        folder / "built",
        configs=source.config,
        options=BuildOptions(window=32, validation_fraction=0.5, **options),
    )


def left_behind(folder: Path) -> list[str]:
    """What lies beside the source."""
    return [p.name for p in folder.iterdir() if p.name.lstrip(".").startswith("built")]


@pytest.mark.parametrize(("name", "case"), BAD, ids=lambda value: value.replace(" ", "-"))
def test_bad_input_is_named_and_leaves_nothing_behind(tmp_path, name, case):
    file, text, message = BAD[name, case]
    files = {"genome.fa": GENOME, **SOURCES[name].files, file: text}
    with pytest.raises(ValueError, match=message):
        build(tmp_path, name, files)
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("name", KNOWN_ASSEMBLY)
def test_genome_of_another_assembly_is_named(tmp_path, name, monkeypatch):
    wanted = KNOWN_ASSEMBLY[name]
    other = {"GRCh37": "GRCh38", "GRCh38": "GRCh37"}[wanted]
    human = {wanted: {"17": 401}, other: {"17": 400}}
    monkeypatch.setitem(assemblies.LENGTHS, "human", human)
    with pytest.raises(ValueError, match=rf"of assembly {other} \(chr17 has 400 bases\).*{wanted}"):
        build(tmp_path, name, {"genome.fa": GENOME, **SOURCES[name].files})
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("name", [name for name in SOURCES if name != "teb_like"])
def test_the_same_input_without_the_mistake_is_built(tmp_path, name):
    build(tmp_path, name, {"genome.fa": GENOME, **SOURCES[name].files})
    assert left_behind(tmp_path) == ["built"]


def test_every_builder_meets_every_case():
    met = {*BAD, *((name, "another assembly") for name in KNOWN_ASSEMBLY)}
    assert met | set(NOT_APPLICABLE) == {(s.name, c) for s in list_benchmarks() for c in CASES}
    assert not met & set(NOT_APPLICABLE)
