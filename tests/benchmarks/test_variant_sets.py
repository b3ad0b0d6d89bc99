"""Variants with labels and the reference around them: BRCA1, MPRA, ClinVar, TraitGym."""

import gzip
import math
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from hf_genomics import load_benchmark
from hf_genomics.benchmarks.building import build_dataset
from hf_genomics.benchmarks.specs import BuildOptions
from hf_genomics.hub.dataset_folders import export_dataset

BASES = "".join(random.Random(3).choices("ACGT", k=400))
OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}


@pytest.fixture
def genome(tmp_path) -> Path:
    path = tmp_path / "genome.fa"
    path.write_text(f">chr17\n{BASES}\n>chr2\n{BASES[::-1]}\n")
    return path


def snv(pos: int) -> str:
    """Reference and alternate allele of chr17 at a 1-based position, with a comma."""
    return f"{BASES[pos - 1]},{OTHER[BASES[pos - 1]]}"


def brca1(*rows: str) -> str:
    header = "chromosome,pos_hg19,ref,alt,func_class,function_score,consequence\n"
    return header + "".join(f"{row}\n" for row in rows)


GOOD_BRCA1 = brca1(
    f"17,100,{snv(100)},FUNC,-0.1,Missense",
    f"17,2,{snv(2)},LOF,-2.5,Nonsense",
    f"17,400,{snv(400)},INT,-1,Synonymous",
)


def load_brca1(tmp_path: Path, genome: Path, text: str = GOOD_BRCA1, window: int = 32):
    (tmp_path / "sge.csv").write_text(text)
    return load_benchmark(
        "brca1_sge", None, tmp_path / "sge.csv", genomes={"": genome}, window=window
    )["test"]


def test_window_has_the_variant_in_its_middle(tmp_path, genome):
    rows = load_brca1(tmp_path, genome)
    first = rows[0]
    assert first["sequence"] == BASES[99 - 16 : 99 + 16]
    assert first["sequence"][first["offset"]] == first["ref"]
    assert (first["chrom"], first["pos"], first["score"]) == ("17", 100, -0.1)
    assert rows.features["label"].names == ["FUNC", "INT", "LOF"]
    assert rows["label"] == [0, 2, 1]


def test_n_stands_beyond_the_ends_of_a_contig(tmp_path, genome):
    rows = load_brca1(tmp_path, genome)
    assert rows[1]["sequence"] == "N" * 15 + BASES[:17]
    assert rows[2]["sequence"] == BASES[399 - 16 :] + "N" * 15
    assert all(row["sequence"][row["offset"]] == row["ref"] for row in rows)


def test_columns_of_the_published_spreadsheet_are_known(tmp_path, genome):
    text = GOOD_BRCA1.replace("pos_hg19", "position (hg19)").replace(",ref,", ",reference,")
    text = text.replace("func_class", "func.class").replace("function_score", "function.score.mean")
    assert load_brca1(tmp_path, genome, text)[:] == load_brca1(tmp_path, genome)[:]


def test_piece_of_a_chromosome_is_named_by_its_region(tmp_path):
    piece = tmp_path / "piece.fa"
    piece.write_text(f">chr17:51-250 a region\n{BASES[50:250]}\n")
    rows = load_brca1(tmp_path, piece, brca1(f"17,100,{snv(100)},FUNC,0,x"))
    assert rows[0]["sequence"] == BASES[99 - 16 : 99 + 16]


def test_the_piece_that_holds_most_of_a_window_is_taken_wherever_it_stands(tmp_path):
    """A later piece with less around the variant took its place."""
    wide, narrow = f">17:51-150\n{BASES[50:150]}\n", f">chr17:1-60\n{BASES[:60]}\n"
    for number, text in enumerate((wide + narrow, narrow + wide)):
        pieces = tmp_path / f"pieces{number}.fa"
        pieces.write_text(text)
        rows = load_brca1(tmp_path, pieces, brca1(f"17,58,{snv(58)},FUNC,0,x"), window=11)
        assert rows[0]["sequence"] == BASES[57 - 5 : 57 + 6]


def test_of_pieces_that_hold_as_much_the_first_is_taken(tmp_path):
    pieces = tmp_path / "pieces.fa"
    unlike = BASES[:97] + OTHER[BASES[97]] + BASES[98:]
    pieces.write_text(f">17:51-150\n{BASES[50:150]}\n>17:31-160\n{unlike[30:160]}\n")
    rows = load_brca1(tmp_path, pieces, brca1(f"17,100,{snv(100)},FUNC,0,x"))
    assert rows[0]["sequence"] == BASES[99 - 16 : 99 + 16]


@pytest.mark.parametrize("names", [("chr17", "17"), ("17", "17")])
def test_a_contig_under_two_names_is_refused(tmp_path, names):
    """The records were taken for pieces, and the last one won."""
    fasta = tmp_path / "twice.fa"
    fasta.write_text(f">{names[0]}\n{BASES}\n>{names[1]}\n{BASES[:60]}\n")
    same = f"twice.fa has the contig '{names[0]}' twice"
    other = f"twice.fa has '{names[0]}' and '{names[1]}', which are names of one contig"
    with pytest.raises(ValueError, match=same if len(set(names)) == 1 else other):
        load_brca1(tmp_path, fasta, brca1(f"17,20,{snv(20)},FUNC,0,x"))


def test_two_names_of_a_contig_that_no_variant_is_on_do_no_harm(tmp_path):
    """hg19 has chrM and chrMT, of different lengths."""
    fasta = tmp_path / "mitochondria.fa"
    fasta.write_text(f">17\n{BASES}\n>chrM\n{BASES[:60]}\n>chrMT\n{BASES[:61]}\n")
    rows = load_brca1(tmp_path, fasta, brca1(f"17,20,{snv(20)},FUNC,0,x"))
    assert rows[0]["sequence"][16] == BASES[19]


def test_u_is_read_as_t_and_letters_of_iupac_stay(tmp_path):
    """A reference U was taken for another base than T, and every such letter became N."""
    bases = "ACGUARYNacgu" + "UUacgnryACGT"
    fasta = tmp_path / "rna.fa"
    fasta.write_text(f">17\n{bases}\n")
    rows = load_brca1(tmp_path, fasta, brca1("17,4,T,A,FUNC,0,x", "17,14,T,C,LOF,0,x"), window=12)
    assert rows["sequence"] == ["NNNACGTARYNA", "NACGTTTACGNR"]


def swapped(pos: int) -> str:
    """As `snv`, with the alleles in each other's place."""
    return f"{OTHER[BASES[pos - 1]]},{BASES[pos - 1]}"


WRONG_VARIANTS = {
    "reference allele": (
        f"17,90,{swapped(90)},FUNC,0,x",
        rf"sge.csv, row 2: the reference allele of 17:90 is {OTHER[BASES[89]]}, but .*genome.fa "
        rf"has {BASES[89]} there; is it another assembly",
    ),
    "beyond the contig": ("17,401,A,C,FUNC,0,x", "row 2: 17:401 A>C lies on no contig of"),
    "unknown contig": ("5,40,A,C,FUNC,0,x", "row 2: 5:40 A>C lies on no contig .* chr17, chr2"),
    "position zero": ("17,0,A,C,FUNC,0,x", "row 2: the position is 0; positions count from 1"),
    "word for a position": ("17,ten,A,C,FUNC,0,x", "row 2: the position is 'ten'"),
    "letter": ("17,90,A,Z,FUNC,0,x", "row 2: the alternate allele is 'Z'"),
    "equal alleles": ("17,90,A,A,FUNC,0,x", "row 2: both alleles are 'A'"),
    "class": ("17,90,A,C,GAIN,0,x", "row 2: the label is 'GAIN'; brca1_sge has the"),
    "score": ("17,90,A,C,LOF,low,x", "row 2: the function score is 'low'"),
    "infinite score": ("17,90,A,C,LOF,inf,x", "function score is 'inf'; a finite number is needed"),
    "repeated": (f"17,100,{snv(100)},LOF,0,x", "row 2: 17:100 .* stands in .* row 1 too"),
    "repeated under another name of the contig": (
        f"chr17,100,{snv(100)},LOF,0,x",
        "row 2: chr17:100 .* stands in .* row 1 too",
    ),
}


@pytest.mark.parametrize("case", WRONG_VARIANTS)
def test_bad_variants_are_named_and_leave_nothing_behind(tmp_path, genome, case):
    row, message = WRONG_VARIANTS[case]
    (tmp_path / "sge.csv").write_text(brca1(f"17,100,{snv(100)},FUNC,0,x", row))
    with pytest.raises(ValueError, match=message):
        build_dataset(
            "brca1_sge",
            tmp_path / "sge.csv",
            tmp_path / "built",
            options=BuildOptions(genomes={"": genome}),
        )
    assert not (tmp_path / "built").exists()


def test_missing_column_and_missing_genome_are_said(tmp_path, genome):
    with pytest.raises(ValueError, match="sge.csv has no column 'func_class'; its columns are"):
        load_brca1(tmp_path, genome, GOOD_BRCA1.replace("func_class", "class"))
    with pytest.raises(ValueError, match=r"none was given; name its FASTA \(--genome PATH\)"):
        load_benchmark("brca1_sge", None, tmp_path / "sge.csv")


def test_built_variants_are_read_by_datasets_and_fit_for_the_hub(tmp_path, genome):
    (tmp_path / "sge.csv").write_text(GOOD_BRCA1)
    options = BuildOptions(genomes={"": genome}, window=32)
    build_dataset("brca1_sge", tmp_path / "sge.csv", tmp_path / "built", options=options)
    loaded = load_dataset(str(tmp_path / "built"), cache_dir=str(tmp_path / "cache"))
    assert list(loaded["test"]) == list(load_brca1(tmp_path, genome))
    assert export_dataset(tmp_path / "built", "user/brca1")


MPRA = "element,chrom,pos,index0,ref,alt,barcodes,log2_effect,p_value\n"


def load_mpra(tmp_path: Path, genome: Path, *rows: str, **options):
    (tmp_path / "mpra.csv").write_text(MPRA + "".join(f"{row}\n" for row in rows))
    return load_benchmark(
        "mpra_satmut", None, tmp_path / "mpra.csv", genomes={"": genome}, window=16, **options
    )["test"]


@pytest.mark.parametrize("of_elements", [False, True], ids=["genome", "elements"])
def test_mpra_is_read_with_a_genome_or_with_its_elements(tmp_path, genome, of_elements):
    fasta = genome
    if of_elements:
        fasta = tmp_path / "elements.fa"
        fasta.write_text(f">TERT GRCh38 chr17:51-250\n{BASES[50:250]}\n")
    rows = load_mpra(
        tmp_path,
        fasta,
        f"TERT,17,100,49,{snv(100)},50,-0.5,0.01",
        f"TERT,17,101,50,{BASES[100]},,20,0.25,",
        f"TERT,17,102,51,{snv(102)},9,0.5,0.5",
    )
    assert rows["label"] == [-0.5, 0.25]
    assert rows["alt"] == [OTHER[BASES[99]], ""]
    assert rows[0]["sequence"] == BASES[99 - 8 : 99 + 8]
    assert rows["barcodes"] == [50, 20]


def test_rows_with_few_barcodes_are_left_out_when_asked(tmp_path, genome):
    row = f"TERT,17,100,49,{snv(100)},9,-0.5,0.01"
    assert len(load_mpra(tmp_path, genome, row, min_barcodes=9)) == 1
    with pytest.raises(ValueError, match="No row of .* has 10 barcodes"):
        load_mpra(tmp_path, genome, row)


VCF = "##fileformat=VCFv4.1\n##reference=GRCh38\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def record(pos: int, significance: str, status: str = "criteria_provided,_single_submitter") -> str:
    ref, alt = snv(pos).split(",")
    info = f"CLNREVSTAT={status};CLNSIG={significance};MC=SO:0001583|missense_variant,SO:1|other"
    return f"17\t{pos}\tid{pos}\t{ref}\t{alt}\t.\t.\t{info}\n"


def load_clinvar(tmp_path: Path, genome: Path, text: str):
    (tmp_path / "clinvar.vcf.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    return load_benchmark(
        "clinvar", None, tmp_path / "clinvar.vcf.gz", genomes={"": genome}, window=16
    )["test"]


def test_clinvar_keeps_starred_benign_and_pathogenic_snvs(tmp_path, genome):
    text = VCF + "".join(
        [
            record(50, "Pathogenic"),
            record(60, "Likely_benign"),
            record(70, "Uncertain_significance"),
            record(80, "Pathogenic", "no_assertion_criteria_provided"),
            record(90, "Benign").replace(f"\t{BASES[89]}\t", f"\t{BASES[89]}A\t"),
            record(95, "Benign").replace("17\t", "MT\t", 1),
            record(99, "Benign/Likely_benign"),
        ]
    )
    rows = load_clinvar(tmp_path, genome, text)
    assert rows["pos"] == [50, 60, 99]
    assert rows["label"] == [1, 0, 0]
    assert set(rows["consequence"]) == {"missense_variant"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (record(50, "Benign"), "line 1 comes before the line '#CHROM'"),
        (VCF + "17\t50\tx\tA\tC\n", "line 4 has 5 fields; a VCF record has 8"),
        (VCF + record(50, "Benign").replace("\t50\t", "\tfifty\t"), "line 4: the position is 'fi"),
        (VCF + record(50, "Benign") * 2, "line 5: 17:50 .* stands in .* line 4 too"),
        (VCF + record(50, "other"), "No record of .* is a benign or pathogenic SNV"),
        (VCF + record(50, "Benign").replace("17\t50", "17\t49"), "line 4: the reference allele"),
    ],
    ids=["header", "fields", "position", "repeated", "none", "reference"],
)
def test_bad_vcf_names_the_line(tmp_path, genome, text, message):
    assert BASES[48] != BASES[49]
    with pytest.raises(ValueError, match=message):
        load_clinvar(tmp_path, genome, text)


TRAITS = {
    "chrom": ["17", "17"],
    "pos": [50, 60],
    "ref": [BASES[49], BASES[59]],
    "alt": [OTHER[BASES[49]], OTHER[BASES[59]]],
    "label": [True, False],
}


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_traitgym_tables_are_read(tmp_path, genome, suffix):
    folder = tmp_path / "source" / "mendelian_traits"
    folder.mkdir(parents=True)
    if suffix == "parquet":
        pq.write_table(pa.table(TRAITS), folder / "test.parquet")
    else:
        lines = [",".join(map(str, row)) for row in zip(*TRAITS.values(), strict=True)]
        (folder / "test.csv").write_text("\n".join([",".join(TRAITS), *lines]) + "\n")
    for source in (tmp_path / "source", folder / f"test.{suffix}"):
        rows = load_benchmark("traitgym", "mendelian_traits", source, genomes={"": genome})["test"]
        assert rows["label"] == [1, 0]
        assert rows.features["label"].names == ["control", "causal"]
        assert len(rows[0]["sequence"]) == 1024


@pytest.mark.real_data
def test_all_variants_of_brca1_agree_with_the_reference(real_data_folder):
    folder = real_data_folder / "variants" / "brca1_sge"
    fasta = folder / "brca1_region_hg19_plus_strand.fa.gz"
    rows = load_benchmark("brca1_sge", None, folder, genomes={"": fasta}, window=64)["test"]
    assert [rows["label"].count(number) for number in range(3)] == [2821, 249, 823]
    assert all(row["sequence"][row["offset"]] == row["ref"] for row in rows)


@pytest.mark.real_data
def test_mpra_of_29_experiments(real_data_folder):
    folder = real_data_folder / "variants" / "mpra_satmut"
    fasta = folder / "elements_reference.fa.gz"
    rows = load_benchmark(
        "mpra_satmut", None, folder, genomes={"": fasta}, window=64, min_barcodes=0
    )["test"]
    assert len(rows) == 44647
    assert len(set(rows["element"])) == 29
    assert rows["alt"].count("") == 44647 - 39170


@pytest.mark.parametrize("short", [(98, 200), (1, 102)], ids=["left", "right"])
def test_bases_that_a_piece_lacks_on_the_left_count_as_those_on_the_right(tmp_path, short):
    first, last = short
    pieces = tmp_path / "pieces.fa"
    pieces.write_text(
        f">17:{first}-{last}\n{BASES[first - 1 : last]}\n>17:51-150\n{BASES[50:150]}\n"
    )
    rows = load_brca1(tmp_path, pieces, brca1(f"17,100,{snv(100)},FUNC,0,x"), window=11)
    assert rows[0]["sequence"] == BASES[99 - 5 : 99 + 6]


def test_n_where_the_variant_is_agrees_with_every_reference_allele(tmp_path):
    masked = tmp_path / "masked.fa"
    masked.write_text(f">17\n{BASES[:99]}N{BASES[100:]}\n")
    rows = load_brca1(tmp_path, masked, brca1(f"17,100,{snv(100)},FUNC,0,x"))
    assert rows[0]["sequence"] == BASES[99 - 16 : 99] + "N" + BASES[100 : 99 + 16]


def test_score_and_consequence_stand_beside_each_variant(tmp_path, genome):
    rows = load_brca1(tmp_path, genome)
    assert rows["score"] == [-0.1, -2.5, -1]
    assert rows["consequence"] == ["Missense", "Nonsense", "Synonymous"]


def test_the_table_of_the_assay_is_found_among_others(tmp_path, genome):
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "a_primers.csv").write_text("primer,sequence\nF,ACGT\n")
    (folder / "sge.csv").write_text(GOOD_BRCA1)
    rows = load_benchmark("brca1_sge", None, folder, genomes={"": genome}, window=32)["test"]
    assert rows[:] == load_brca1(tmp_path, genome)[:]
    (folder / "z_sge.csv").write_text(GOOD_BRCA1)
    with pytest.raises(ValueError, match=r"is to hold one table .* .*sge.csv, .*z_sge.csv"):
        load_benchmark("brca1_sge", None, folder, genomes={"": genome})


def test_alleles_may_be_written_in_lower_case(tmp_path, genome):
    rows = load_brca1(tmp_path, genome, GOOD_BRCA1.replace(snv(100), snv(100).lower()))
    assert (rows[0]["ref"], rows[0]["alt"]) == (BASES[99], OTHER[BASES[99]])


def test_a_piece_that_begins_behind_the_variant_is_passed_over(tmp_path):
    assert BASES[119] != BASES[19]  # what an index from the end of that piece would give
    pieces = tmp_path / "pieces.fa"
    pieces.write_text(f">17:51-150\n{BASES[50:150]}\n>17:1-60\n{BASES[:60]}\n")
    rows = load_brca1(tmp_path, pieces, brca1(f"17,20,{snv(20)},FUNC,0,x"), window=11)
    assert rows[0]["sequence"] == BASES[19 - 5 : 19 + 6]


def deletion(pos: int, ref: str) -> str:
    """A row of an assay in which all of `ref` is deleted."""
    return f"TERT,17,{pos},{pos - 51},{ref},,20,0.25,"


def test_all_bases_of_a_reference_allele_are_compared(tmp_path, genome):
    ref = BASES[99:102]
    assert load_mpra(tmp_path, genome, deletion(100, ref))["ref"] == [ref]
    other = ref[:2] + OTHER[ref[2]]
    with pytest.raises(ValueError, match=f"allele of 17:100 is {other}, but .* has {ref} there"):
        load_mpra(tmp_path, genome, deletion(100, other))


@pytest.mark.parametrize("masked", [99, 100, 101])
def test_n_within_a_reference_allele_agrees_with_it(tmp_path, masked):
    fasta = tmp_path / "masked.fa"
    fasta.write_text(f">17\n{BASES[:masked]}N{BASES[masked + 1 :]}\n")
    assert len(load_mpra(tmp_path, fasta, deletion(100, BASES[99:102]))) == 1


def test_p_values_that_the_source_lacks_are_nan(tmp_path, genome):
    row = f"TERT,17,100,49,{snv(100)},50,-0.5,"
    rows = load_mpra(tmp_path, genome, f"{row}0.01", deletion(101, BASES[100]))
    assert rows["p_value"][0] == 0.01
    assert math.isnan(rows["p_value"][1])


def test_elements_that_have_no_row_may_be_in_the_fasta(tmp_path):
    fasta = tmp_path / "elements.fa"
    fasta.write_text(f">SORT1\n{BASES[200:]}\n>TERT\n{BASES[50:250]}\n")
    rows = load_mpra(tmp_path, fasta, f"TERT,17,100,49,{snv(100)},50,-0.5,")
    assert rows[0]["sequence"] == BASES[99 - 8 : 99 + 8]


def test_a_variant_may_be_measured_in_several_experiments(tmp_path, genome):
    row = f"17,100,49,{snv(100)},50"
    rows = load_mpra(tmp_path, genome, f"TERT-GBM,{row},-0.5,", f"TERT-HEK,{row},0.25,")
    assert rows["element"] == ["TERT-GBM", "TERT-HEK"]
    assert rows["label"] == [-0.5, 0.25]


def built(name: str, tmp_path: Path, genome: Path, source: Path) -> dict:
    """What the provenance file says of the one configuration."""
    options = BuildOptions(genomes={"": genome}, window=16)
    record = build_dataset(name, source, tmp_path / "built", options=options)
    return record["configurations"][name]


def test_rows_that_are_left_out_of_an_assay_are_counted(tmp_path, genome):
    rows = [
        f"TERT,17,100,49,{snv(100)},50,-0.5,",
        f"TERT,17,101,50,N,{OTHER[BASES[100]]},50,-0.5,",
        f"TERT,17,102,51,{snv(102)},9,-0.5,",
        f"TERT,17,103,52,{snv(103)},1,-0.5,",
    ]
    (tmp_path / "mpra.csv").write_text(MPRA + "\n".join(rows) + "\n")
    record = built("mpra_satmut", tmp_path, genome, tmp_path / "mpra.csv")
    assert record["rows"] == {"test": {"all": 1}}
    assert record["counts"] == {"fewer_barcodes": 2, "reference_allele_n": 1}
    card = (tmp_path / "built" / "README.md").read_text()
    assert "2 variants with fewer than 10 barcodes are left out" in card
    assert "1 variants whose reference allele is N are left out" in card


@pytest.mark.parametrize(
    ("significance", "label"),
    [
        ("Benign", 0),
        ("Likely_benign", 0),
        ("Benign/Likely_benign", 0),
        ("Pathogenic", 1),
        ("Likely_pathogenic", 1),
        ("Pathogenic/Likely_pathogenic", 1),
    ],
)
def test_words_of_clinvar_for_benign_and_pathogenic(tmp_path, genome, significance, label):
    assert load_clinvar(tmp_path, genome, VCF + record(50, significance))["label"] == [label]


@pytest.mark.parametrize(
    ("status", "kept"),
    [
        ("criteria_provided,_multiple_submitters,_no_conflicts", True),
        ("reviewed_by_expert_panel", True),
        ("practice_guideline", True),
        ("no_assertion_provided", False),
        ("no_assertion_criteria_provided", False),
        ("no_classification_provided", False),
        ("no_classifications_from_unflagged_records", False),
        ("no_interpretation_for_the_single_variant", False),
        ("", False),
    ],
)
def test_records_without_a_review_star_are_left_out(tmp_path, genome, status, kept):
    text = VCF + record(50, "Benign") + record(60, "Pathogenic", status)
    assert load_clinvar(tmp_path, genome, text)["pos"] == [50, 60][: 1 + kept]


def test_clinvar_is_of_chromosomes_1_to_22_x_and_y(tmp_path):
    names = [*map(str, range(1, 23)), "X", "Y", "MT", "NW_003315947.1"]
    fasta = tmp_path / "genome.fa"
    fasta.write_text("".join(f">{name}\n{BASES}\n" for name in names))
    text = VCF + "".join(record(50, "Benign").replace("17\t", f"{name}\t", 1) for name in names)
    assert load_clinvar(tmp_path, fasta, text)["chrom"] == names[:-2]


def test_identifier_and_review_status_of_clinvar_stand_beside_each_variant(tmp_path, genome):
    row = load_clinvar(tmp_path, genome, VCF + record(50, "Benign"))[0]
    assert row["id"] == "id50"
    assert row["review_status"] == "criteria_provided,_single_submitter"


@pytest.mark.parametrize("assembly", ["GRCh37", "GRCh38"])
def test_records_of_clinvar_that_are_left_out_are_counted(tmp_path, genome, assembly):
    text = VCF.replace("GRCh38", f"{assembly}.p13") + "".join(
        [
            record(50, "Benign"),
            *(record(pos, "Uncertain_significance") for pos in (60, 61, 62)),
            *(record(pos, "Benign", "no_assertion_provided") for pos in (70, 71)),
            record(80, "Benign").replace(f"\t{BASES[79]}\t", f"\t{BASES[79]}A\t"),
        ]
    )
    (tmp_path / "clinvar.vcf").write_text(text)
    record_of_build = built("clinvar", tmp_path, genome, tmp_path / "clinvar.vcf")
    assert record_of_build["counts"] == {
        "no_review_star": 2,
        "no_single_nucleotide_variant": 1,
        "other_significance": 3,
    }
    assert f"the VCF file names the assembly {assembly}" in record_of_build["notes"]


def test_consequences_of_traitgym_stand_beside_each_variant(tmp_path, genome):
    table = {**TRAITS, "consequence": ["intron_variant", None]}
    pq.write_table(pa.table(table), tmp_path / "traits.parquet")
    rows = load_benchmark(
        "traitgym", "complex_traits", tmp_path / "traits.parquet", genomes={"": genome}
    )["test"]
    assert rows["consequence"] == ["intron_variant", ""]


def test_files_of_other_systems_beside_a_table_do_no_harm(tmp_path, genome):
    folder = tmp_path / "folder"
    (folder / "__MACOSX").mkdir(parents=True)
    (folder / "sge.csv").write_text(GOOD_BRCA1)
    (folder / "__MACOSX" / "._sge.csv").write_bytes(b"\0\5\x16\7\xff")
    (folder / "README.txt").write_bytes("für".encode("latin-1"))
    rows = load_benchmark("brca1_sge", None, folder, genomes={"": genome}, window=32)["test"]
    assert rows[:] == load_brca1(tmp_path, genome)[:]


@pytest.mark.parametrize("word", ["", "NA", "nan", "NaN"])
def test_words_for_a_p_value_that_is_missing(tmp_path, genome, word):
    (row,) = load_mpra(tmp_path, genome, f"TERT,17,100,49,{snv(100)},50,-0.5,{word}")
    assert math.isnan(row["p_value"])


def test_elements_may_be_named_by_their_region(tmp_path):
    fasta = tmp_path / "elements.fa"
    fasta.write_text(f">chr17:51-250\n{BASES[50:250]}\n")
    rows = load_mpra(tmp_path, fasta, f"chr17:51-250,17,100,49,{snv(100)},50,-0.5,")
    assert rows[0]["sequence"] == BASES[99 - 8 : 99 + 8]


def test_provenance_names_tables_of_one_name_in_several_folders(tmp_path, genome):
    folder = tmp_path / "source"
    for split, pos in (("train", 100), ("test", 102)):
        (folder / split).mkdir(parents=True)
        (folder / split / "t.csv").write_text(f"chrom,pos,ref,alt,label\n17,{pos},{snv(pos)},1\n")
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: mendelian_traits\n  data_files:\n"
        "  - split: train\n    path: train/t.csv\n  - split: test\n    path: test/t.csv\n---\n"
    )
    options = BuildOptions(genomes={"": genome}, window=16)
    record = build_dataset("traitgym", folder, tmp_path / "built", options=options)
    record = record["configurations"]["mendelian_traits"]
    assert list(record["sources"]) == ["genome genome.fa", "test/t.csv", "train/t.csv"]


def test_another_encoding_is_said_with_the_name_of_the_file(tmp_path, genome):
    (tmp_path / "clinvar.vcf").write_bytes(b"##fileformat=VCFv4.1\n##source=\xe9\n")
    with pytest.raises(ValueError, match=r"clinvar\.vcf is not UTF-8 text"):
        load_benchmark("clinvar", None, tmp_path / "clinvar.vcf", genomes={"": genome})
