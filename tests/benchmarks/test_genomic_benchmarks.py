"""Genomic Benchmarks from coordinates and a genome, from folders and from tables of sequences."""

import gzip
import random
from pathlib import Path

import pytest

from hf_genomics import load_benchmark
from hf_genomics.benchmarks.assemblies import LENGTHS, contig_key, other_assembly
from hf_genomics.benchmarks.building import build_dataset
from hf_genomics.benchmarks.genome_sequences import Stretch, cut_out
from hf_genomics.benchmarks.genomic_benchmarks import SPEC
from hf_genomics.benchmarks.genomic_layouts import SPLITS
from hf_genomics.benchmarks.specs import BuildOptions
from hf_genomics.data.sequence import reverse_complement

NAME = "human_nontata_promoters"
HEADER = "id,region,start,end,strand\n"


def random_bases(length: int, seed: int) -> str:
    return "".join(random.Random(seed).choices("ACGT", k=length))


CONTIGS = {"chr1": random_bases(3000, 1), "chr2": random_bases(2000, 2)}


@pytest.fixture
def genome(tmp_path) -> Path:
    path = tmp_path / "genome.fa"
    path.write_text("".join(f">{name} of a test\n{bases}\n" for name, bases in CONTIGS.items()))
    return path


def table(rows: int, region: str, strand: str, first: int = 0) -> str:
    lines = [f"{first + row},{region},{20 * row},{20 * row + 15},{strand}\n" for row in range(rows)]
    return HEADER + "".join(lines)


TABLES = {
    "train/negative.csv.gz": table(20, "chr1", "+"),
    "train/positive.csv.gz": table(30, "chr2", "-"),
    "test/negative.csv.gz": table(5, "chr1", "+", first=50),
    "test/positive.csv.gz": table(6, "chr2", "+", first=50),
}


def write_tables(folder: Path, tables: dict[str, str] = TABLES) -> Path:
    for name, text in tables.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".gz"):
            (folder / name).write_bytes(gzip.compress(text.encode(), mtime=0))
        else:
            (folder / name).write_text(text)
    return folder


def load(source: Path, genome: Path | None = None, config: str = NAME, **options):
    genomes = {} if genome is None else {"": genome}
    return load_benchmark("genomic_benchmarks", config, source, genomes=genomes, **options)


def rows_of(split) -> set[tuple[str, int]]:
    return set(zip(split["sequence"], split["label"], strict=True))


def test_nine_sets_are_known_with_their_sizes():
    assert len(SPEC.tasks) == 9
    assert SPEC.task("human_ensembl_regulatory").label_names == ("enhancer", "ocr", "promoter")
    assert SPEC.task(NAME).rows == {"train": 27097, "test": 9034}


def test_sequences_are_cut_out_on_their_strand(tmp_path, genome):
    rows = load(write_tables(tmp_path / "datasets" / NAME), genome)
    negative = {(CONTIGS["chr1"][20 * row : 20 * row + 15], 0) for row in range(20)}
    positive = {
        (reverse_complement(CONTIGS["chr2"][20 * row : 20 * row + 15]), 1) for row in range(30)
    }
    assert rows_of(rows["train"]) | rows_of(rows["validation"]) == negative | positive
    assert rows["train"].features["label"].names == ["negative", "positive"]
    assert len(rows["test"]) == 11


@pytest.mark.parametrize(
    "where",
    [f"{NAME}", f"datasets/{NAME}", "another_name"],
    ids=["set", "repository", "other name"],
)
def test_repository_a_part_of_it_or_one_set_may_be_the_source(tmp_path, genome, where):
    folder = write_tables(tmp_path / "source" / where)
    sources = [tmp_path / "source", folder] if where != "another_name" else [folder]
    for source in sources:
        assert load(source, genome)["test"].num_rows == 11


def test_older_release_has_plain_tables_with_a_column_of_row_numbers(tmp_path, genome):
    old = {
        name.removesuffix(".gz"): "".join(
            f"{'' if number == 0 else number},{line}\n"
            for number, line in enumerate(text.splitlines())
        )
        for name, text in TABLES.items()
    }
    new = load(write_tables(tmp_path / "new" / NAME), genome)
    assert load(write_tables(tmp_path / "old" / NAME, old), genome)["train"][:] == new["train"][:]


def test_two_tables_of_a_class_are_refused(tmp_path, genome):
    """The second was read, and nothing was said of the first."""
    both = {**TABLES, "train/positive.csv": table(2, "chr1", "+")}
    source = write_tables(tmp_path / "source" / NAME, both)
    with pytest.raises(ValueError, match=r"'positive' has the files .*positive.csv and .*csv.gz; "):
        load(source, genome)


def test_other_tables_beside_those_of_the_classes_are_left_alone(tmp_path, genome):
    both = {**TABLES, "train/notes.txt": "one", "train/notes.csv": "two"}
    assert load(write_tables(tmp_path / "source" / NAME, both), genome)["test"].num_rows == 11


def test_folders_of_sequences_give_the_rows_of_the_coordinates(tmp_path, genome):
    by_coordinates = load(write_tables(tmp_path / "tables" / NAME), genome)
    for split, rows in {"train": ("train", "validation"), "test": ("test",)}.items():
        for number, (sequence, label) in enumerate(
            pair for part in rows for pair in rows_of(by_coordinates[part])
        ):
            file = tmp_path / "texts" / NAME / split / ("negative", "positive")[label]
            file.mkdir(parents=True, exist_ok=True)
            (file / f"{number}.txt").write_text(sequence)
    from_folders = load(tmp_path / "texts")
    for split, rows in by_coordinates.items():
        assert from_folders[split][:] == rows[:]


def test_validation_is_a_share_of_each_class_and_the_rule_is_written_down(tmp_path, genome):
    source = write_tables(tmp_path / "source" / NAME).parent
    rows = load(source, genome, validation_fraction=0.2)
    assert sorted(rows["validation"]["label"]) == [0] * 4 + [1] * 6
    assert not rows_of(rows["train"]) & rows_of(rows["validation"])
    other = load(source, genome, validation_fraction=0.2, seed=1)
    assert rows_of(other["validation"]) != rows_of(rows["validation"])
    from hf_genomics.benchmarks.specs import BuildOptions

    options = BuildOptions(genomes={"": genome}, seed=7)
    build_dataset("genomic_benchmarks", source, tmp_path / "built", options=options)
    card = (tmp_path / "built" / "README.md").read_text()
    assert "10 % of each class of train whose SHA-256 of `seed:sequence`, seed 7, is smal" in card


@pytest.mark.parametrize(
    ("fraction", "message"),
    [(0.0, "give a number between 0 and 1"), (1.0, "between 0 and 1"), (0.99, "one side empty")],
)
def test_share_that_leaves_a_side_empty_is_refused(tmp_path, genome, fraction, message):
    source = write_tables(tmp_path / "source" / NAME).parent
    with pytest.raises(ValueError, match=message):
        load(source, genome, validation_fraction=fraction)


def test_copies_of_a_sequence_stay_on_one_side(tmp_path):
    (tmp_path / NAME).mkdir()
    lines = [f"{random_bases(12, row % 30)},{row % 2}\n" for row in range(120)]
    (tmp_path / NAME / "train.csv").write_text("sequence,label\n" + "".join(lines))
    rows = load(tmp_path)
    assert not set(rows["train"]["sequence"]) & set(rows["validation"]["sequence"])
    assert len(rows["train"]) + len(rows["validation"]) == 120


def test_a_class_may_have_a_genome_of_its_own(tmp_path, genome):
    worm = tmp_path / "worm.fa"
    worm.write_text(f">chr1\n{random_bases(3000, 9)}\n")
    tables = {
        f"{split}/{name}.csv.gz": table(12, "chr1", "+")
        for split in ("train", "test")
        for name in ("human", "worm")
    }
    source = write_tables(tmp_path / "demo_human_or_worm", tables)
    rows = load_benchmark(
        "genomic_benchmarks", "demo_human_or_worm", source, genomes={"": genome, "worm": worm}
    )
    assert (random_bases(3000, 9)[:15], 1) in rows_of(rows["test"])
    assert (CONTIGS["chr1"][:15], 0) in rows_of(rows["test"])


def changed(name: str, text: str) -> dict[str, str]:
    return {**TABLES, name: text}


POSITIVE = "train/positive.csv.gz"
WRONG_TABLES = {
    "beyond the contig": (
        changed(POSITIVE, f"{HEADER}0,chr2,0,15,+\n1,chr2,1990,2001,+\n"),
        r"train/positive.csv.gz, row 2: chr2:1990-2001 .* chr2, which has 2,000 bases .* GRCh38",
    ),
    "negative start": (
        changed(POSITIVE, f"{HEADER}0,chr2,-1,15,+\n"),
        "positive.csv.gz, row 1: chr2:-1-15",
    ),
    "empty stretch": (changed(POSITIVE, f"{HEADER}0,chr2,15,15,+\n"), "row 1: chr2:15-15"),
    "unknown contig": (
        changed(POSITIVE, f"{HEADER}0,chr2,0,15,+\n1,chr3,0,15,+\n"),
        r"positive.csv.gz, row 2: .*genome.fa has no contig 'chr3'; it has chr1, chr2",
    ),
    "repeated id": (
        changed(POSITIVE, f"{HEADER}7,chr2,0,15,+\n8,chr2,1,16,+\n7,chr2,2,17,+\n"),
        "positive.csv.gz, row 3: the id '7' is that of row 1 too",
    ),
    "strand": (changed(POSITIVE, f"{HEADER}0,chr2,0,15,1\n"), "row 1: the strand is '1'"),
    "word for a number": (
        changed(POSITIVE, f"{HEADER}0,chr2,zero,15,+\n"),
        "row 1: the start is 'zero'; a whole number",
    ),
    "missing column": (
        changed(POSITIVE, "id,chrom,start,end,strand\n0,chr2,0,15,+\n"),
        "positive.csv.gz has no column 'region'; its columns are id, chrom",
    ),
    "empty table": (changed(POSITIVE, HEADER), "positive.csv.gz has no rows"),
    "missing class": (
        {name: text for name, text in TABLES.items() if name != POSITIVE},
        "train lacks class 'positive' of human_nontata_promoters; it has negative",
    ),
}


@pytest.mark.parametrize("case", WRONG_TABLES)
def test_bad_coordinates_name_file_and_row_and_leave_nothing_behind(tmp_path, genome, case):
    from hf_genomics.benchmarks.specs import BuildOptions

    tables, message = WRONG_TABLES[case]
    write_tables(tmp_path / "datasets" / NAME, tables)
    with pytest.raises(ValueError, match=message):
        build_dataset(
            "genomic_benchmarks",
            tmp_path / "datasets",
            tmp_path / "built",
            options=BuildOptions(genomes={"": genome}),
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["datasets", "genome.fa"]


def test_coordinates_without_a_genome_ask_for_one(tmp_path):
    with pytest.raises(ValueError, match=r"none was given for class 'negative'; .* \(--genome"):
        load(write_tables(tmp_path / NAME))


def test_another_assembly_is_told_by_the_length_of_a_chromosome(tmp_path):
    fasta = tmp_path / "hg19.fa"
    fasta.write_text(f">chr21\n{'A' * LENGTHS['human']['GRCh37']['21']}\n")
    with pytest.raises(ValueError, match=r"is of assembly GRCh37 \(chr21 has 48,129,895 bases\)"):
        cut_out(fasta, [Stretch("chr21", 0, 10, "+", "row 1")], assembly="GRCh38")
    assert cut_out(fasta, [Stretch("21", 0, 3, "+", "row 1")], assembly="GRCh37") == ["AAA"]


def test_lengths_of_no_known_assembly_are_let_through():
    assert other_assembly("GRCh38", "chr1", 3000) is None
    assert other_assembly("GRCh38", "1", 248956422) is None
    assert other_assembly("unknown", "chr1", 249250621) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("chr1", "1"),
        ("Chr1", "chr1"),
        ("chrM", "MT"),
        ("ENST00000371014.5", "ENST00000371014"),
        ("chrX", "X"),
    ],
    ids=["number", "case", "mitochondrion", "transcript", "letter"],
)
def test_names_of_one_contig_agree(one, other):
    assert contig_key(one) == contig_key(other)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("config", "splits", "labels"),
    [
        ("human_enhancers_cohn", {"test": 6948}, [3474, 3474]),
        ("human_nontata_promoters", {"test": 9034}, [4119, 4915]),
        ("human_ocr_ensembl", {"train": 900, "validation": 100}, [450, 450]),
    ],
    ids=["enhancers", "promoters", "open chromatin"],
)
def test_tables_at_hand_are_read(real_data_folder, config, splits, labels):
    rows = load(real_data_folder / "genomic_benchmarks", config=config)
    assert {split: len(part) for split, part in rows.items()} == splits
    first = next(iter(rows.values()))["label"]
    assert [first.count(label) for label in (0, 1)] == labels


@pytest.mark.parametrize(
    ("config", "assemblies"),
    [
        ("demo_coding_vs_intergenomic_seqs", "GRCh38 and cDNA of GRCh38"),
        ("demo_human_or_worm", "GRCh38 and WBcel235"),
        ("drosophila_enhancers_stark", "BDGP6"),
        ("dummy_mouse_enhancers_ensembl", "GRCm38"),
        ("human_ensembl_regulatory", "GRCh38"),
    ],
)
def test_the_assembly_of_each_set_is_told(config, assemblies):
    assert SPEC.task(config).note == f"published as coordinates of {assemblies}"


def test_a_validation_split_of_the_source_is_kept(tmp_path):
    (tmp_path / NAME).mkdir()
    for number, split in enumerate(("train", "valid", "test")):
        lines = [f"{random_bases(12, 40 * number + row)},{row % 2}\n" for row in range(30)]
        (tmp_path / NAME / f"{split}.csv").write_text("sequence,label\n" + "".join(lines))
    rows = load(tmp_path)
    assert rows["validation"]["sequence"] == [random_bases(12, 40 + row) for row in range(30)]
    assert len(rows["train"]) == 30


ROWS = "sequence,label\n" + "".join(
    f"{'ACGT'[row % 4] * (row + 1)},{row % 2}\n" for row in range(9)
)


def test_a_table_that_stands_twice_is_refused_and_not_left_out(tmp_path):
    other = "human_enhancers_cohn"
    write_tables(tmp_path, {f"{name}/{s}.csv": ROWS for name in (NAME, other) for s in SPLITS})
    assert len(load(tmp_path)["test"]) == 9
    write_tables(tmp_path, {f"{NAME}/train.csv.gz": ROWS})
    for config in (NAME, other):
        with pytest.raises(ValueError, match=r"train\.csv and train\.csv\.gz would both be read"):
            load(tmp_path, config=config)


@pytest.mark.parametrize("name", ["valid", "dev", "validation"])
def test_a_folder_of_validation_goes_by_any_of_its_names(tmp_path, genome, name):
    validation = {
        f"{name}/negative.csv": table(4, "chr1", "+", first=100),
        f"{name}/positive.csv": table(3, "chr2", "+", first=100),
    }
    source = write_tables(tmp_path / NAME, TABLES | validation)
    rows = load(source, genome)
    assert {split: len(part) for split, part in rows.items()} == {
        "train": 50,
        "validation": 7,
        "test": 11,
    }


def test_two_folders_of_a_split_are_refused(tmp_path, genome):
    again = {f"training/{label}.csv": table(4, "chr1", "+") for label in ("negative", "positive")}
    source = write_tables(tmp_path / NAME, TABLES | again)
    with pytest.raises(ValueError, match=r"Split 'train' has the folders .*train and .*training"):
        load(source, genome)


def test_provenance_names_every_source(tmp_path, genome):
    name, options = "demo_human_or_worm", {}
    for label in ("human", "worm"):
        (tmp_path / label).mkdir()
        options[label] = tmp_path / label / "genome.fa"
        options[label].write_bytes(genome.read_bytes() + b"\n" * (label == "worm"))
    tables = {f"{split}/{label}.csv": TABLES["train/negative.csv.gz"] for split in ("train", "test")
              for label in options}  # fmt: skip
    source = write_tables(tmp_path / name, tables)
    build = BuildOptions(genomes=options)
    sources = build_dataset("genomic_benchmarks", source, tmp_path / "a", options=build)
    sources = sources["configurations"][name]["sources"]
    assert sources["genome genome.fa of human"] != sources["genome genome.fa of worm"]
    assert len(sources) == 6


def test_provenance_has_a_checksum_of_every_folder_of_sequences(tmp_path):
    texts = {
        f"{split}/{label}/{row}.txt": "ACGT"[row % 4] * (row + 1)
        for split in ("train", "test")
        for label in ("negative", "positive")
        for row in range(9)
    }
    sums = []
    for number in range(2):
        source = write_tables(tmp_path / NAME, texts | {"train/positive/3.txt": "G" * (9 + number)})
        built = build_dataset("genomic_benchmarks", source, tmp_path / str(number))
        sums.append(built["configurations"][NAME]["sources"])
    assert list(sums[0]) == [
        f"{s}/{c}" for s in ("test", "train") for c in ("negative", "positive")
    ]
    assert [name for name in sums[0] if sums[0][name] != sums[1][name]] == ["train/positive"]
