"""TEB by its file names, and a data set like it from any genome with annotated repeats."""

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset

from hf_genomics import load_benchmark
from hf_genomics.benchmarks.building import build_dataset
from hf_genomics.benchmarks.chromosome_split import split_by_chromosome
from hf_genomics.benchmarks.minimizers import minimizers, near_duplicates
from hf_genomics.benchmarks.repeat_annotation import Repeat, read_annotation
from hf_genomics.benchmarks.repeat_pairs import merge_overlapping, pairs_of_contig
from hf_genomics.benchmarks.specs import BuildOptions
from hf_genomics.benchmarks.teb import SPEC
from hf_genomics.data.fasta import read_fasta
from hf_genomics.data.sequence import reverse_complement

OUT_HEADER = (
    "   SW   perc perc perc  query    position in query    matching repeat    position in repeat\n"
    "score   div. del. ins.  sequence  begin end (left)  repeat  class/family begin end (left) ID\n"
    "\n"
)


def random_bases(length: int, seed: int) -> str:
    return "".join(random.Random(seed).choices("ACGT", k=length))


def out_row(contig: str, start: int, end: int, strand: str, family: str) -> str:
    """A row of RepeatMasker; `start` and `end` 0-based and half-open."""
    return (
        f"  239   29.4  1.9  1.0  {contig}  {start + 1} {end} (99) {strand}  name  {family}  "
        "2 300 (5) 1\n"
    )


@pytest.fixture
def genome(tmp_path) -> Path:
    path = tmp_path / "genome.fa"
    records = (f">chr{n}\n{random_bases(6000, n)}\n" for n in range(1, 9))
    path.write_text("".join(records))
    return path


@pytest.fixture
def annotation(tmp_path) -> Path:
    """Ten repeats on each of eight chromosomes, and a simple repeat beside each."""
    path = tmp_path / "genome.fa.out"
    rows = []
    for chromosome in range(1, 9):
        for number in range(10):
            start, strand = 100 + 500 * number, "+C"[number % 2]
            rows.append(out_row(f"chr{chromosome}", start, start + 60, strand, "LTR/Copia"))
            rows.append(out_row(f"chr{chromosome}", start + 70, start + 90, "+", "Simple_repeat"))
    path.write_text(OUT_HEADER + "".join(rows))
    return path


def load(genome: Path, annotation: Path, **options):
    return load_benchmark("teb_like", None, genome, annotation=annotation, **options)


def rows_of(dataset) -> list[dict]:
    return [row for split in dataset.values() for row in split]


@pytest.mark.parametrize("task", SPEC.tasks, ids=lambda task: task.name)
def test_seven_official_file_names(task, tmp_path):
    for split in ("train", "valid", "test"):
        (tmp_path / f"{split}_{task.name}.csv").write_text("sequence,label\nACGT,1\nGGTA,0\n")
    rows = load_benchmark("teb", task.name, tmp_path)
    assert list(rows) == ["train", "validation", "test"]
    assert rows["validation"]["label"] == [1, 0]


def test_pseudogenes_are_told_apart_by_the_whole_name(tmp_path):
    (tmp_path / "train_unprocessed_pseudogenes.csv").write_text("sequence,label\nACGT,1\n")
    assert load_benchmark("teb", None, tmp_path)["train"].num_rows == 1
    with pytest.raises(ValueError, match="does not hold processed_pseudogenes"):
        load_benchmark("teb", "processed_pseudogenes", tmp_path)


def test_every_repeat_has_a_background_of_its_length_contig_and_gc(genome, annotation):
    contigs = {record.name: record.sequence for record in read_fasta(genome)}
    by_place: dict[tuple, list] = {}
    for row in rows_of(load(genome, annotation)):
        by_place.setdefault((row["chrom"], row["label"]), []).append(row)
        piece = contigs[row["chrom"]][row["start"] : row["end"]]
        assert row["sequence"] == (reverse_complement(piece) if row["strand"] == "-" else piece)
        assert row["end"] - row["start"] == 60
        assert row["family"] == ("LTR/Copia" if row["label"] else "background")
    for chromosome in range(1, 9):
        positives = by_place[f"chr{chromosome}", 1]
        assert [row["start"] for row in sorted(positives, key=lambda row: row["start"])] == list(
            range(100, 5100, 500)
        )
        assert len(by_place[f"chr{chromosome}", 0]) == 10


def test_backgrounds_overlap_no_repeat_and_no_other_background(genome, annotation):
    taken = {(f"chr{n}", base) for n in range(1, 9) for start in range(100, 5100, 500)
             for base in (*range(start, start + 60), *range(start + 70, start + 90))}  # fmt: skip
    for row in rows_of(load(genome, annotation)):
        if row["label"] == 0:
            own = {(row["chrom"], base) for base in range(row["start"], row["end"])}
            assert not own & taken
            taken |= own


def test_gc_content_of_a_pair_is_within_five_points(genome, annotation):
    def gc(row) -> float:
        return sum(row["sequence"].count(base) for base in "GC") / len(row["sequence"])

    rows = rows_of(load(genome, annotation))
    positives = sorted(gc(row) for row in rows if row["label"] == 1)
    negatives = sorted(gc(row) for row in rows if row["label"] == 0)
    # Matched one by one, so the sorted values are as near.
    assert np.abs(np.subtract(positives, negatives)).max() <= 0.05 + 1e-9


def test_splits_are_whole_chromosomes(genome, annotation):
    rows = load(genome, annotation)
    chromosomes = {split: set(part["chrom"]) for split, part in rows.items()}
    assert not chromosomes["train"] & chromosomes["test"]
    assert not chromosomes["validation"] & (chromosomes["train"] | chromosomes["test"])
    assert {split: len(names) for split, names in chromosomes.items()} == {
        "train": 6,
        "validation": 1,
        "test": 1,
    }


def test_near_duplicates_leave_train_and_are_counted(tmp_path, genome, annotation):
    contigs = {record.name: list(record.sequence) for record in read_fasta(genome)}
    test_contig = next(iter(set(load(genome, annotation)["test"]["chrom"])))
    train_contig = next(iter(sorted(set(load(genome, annotation)["train"]["chrom"]))))
    copied = contigs[test_contig][100:160]
    copied[20] = "A" if copied[20] != "A" else "C"  # 98 % identity
    contigs[train_contig][600:660] = reverse_complement("".join(copied))
    genome.write_text("".join(f">{n}\n{''.join(bases)}\n" for n, bases in contigs.items()))
    built = build_dataset(
        "teb_like", genome, tmp_path / "built", options=BuildOptions(annotation=annotation)
    )
    record = built["configurations"]["repeats"]
    assert record["counts"]["pairs_removed_as_near_duplicates"] == {"validation": 0, "train": 1}
    assert record["rows"]["train"] == {"background": 59, "repeat": 59}
    rows = load(genome, annotation)["train"]
    assert (train_contig, 600) not in set(zip(rows["chrom"], rows["start"], strict=True))
    assert "1 pairs of train, 0 of validation" in (tmp_path / "built" / "README.md").read_text()


def test_second_build_is_the_same_and_another_seed_is_not(genome, annotation):
    assert rows_of(load(genome, annotation)) == rows_of(load(genome, annotation))
    assert rows_of(load(genome, annotation)) != rows_of(load(genome, annotation, seed=1))


GFF_ROWS = (
    "##gff-version 3\n"
    "chr1\tx\tgene\t1\t90\t.\t+\t.\tID=g\n"
    "chr1\tx\tTY1_soloLTR\t101\t160\t.\t-\t.\tID=a\n"
    "chr1\tx\trepeat_region\t201\t260\t.\t+\t.\tID=b\n"
)


def test_gff_gives_types_that_begin_as_asked_and_other_repeats_to_avoid(tmp_path):
    path = tmp_path / "a.gff3"
    path.write_text(GFF_ROWS)
    rows = read_annotation(path, ["TY"])
    assert [(row.start, row.end, row.strand, row.family, row.wanted) for row in rows] == [
        (100, 160, "-", "TY1_soloLTR", True),
        (200, 260, "+", "repeat_region", False),
    ]
    assert [row.wanted for row in read_annotation(path)] == [True]


def test_line_ends_of_windows_are_no_part_of_a_family(tmp_path):
    path = tmp_path / "a.gff3"
    row = "chr1\tx\trepeat_region\t201\t260\t.\t+\t.\tclass=LTR/Copia"
    path.write_bytes(f"##gff-version 3\r\n{row}\r\n\r\n".encode())
    assert [row.family for row in read_annotation(path)] == ["LTR/Copia"]


def test_biotype_of_a_gtf_gives_the_genes_and_exons_to_avoid(tmp_path):
    path = tmp_path / "a.gtf"
    path.write_text(
        'chr1\th\tgene\t1\t90\t.\t+\t.\tgene_id "a"; gene_type "processed_pseudogene";\n'
        'chr1\th\texon\t1\t90\t.\t+\t.\tgene_id "a"; gene_type "processed_pseudogene";\n'
        'chr1\th\texon\t201\t290\t.\t+\t.\tgene_id "b"; gene_type "protein_coding";\n'
    )
    rows = read_annotation(path, ["processed_pseudogene"])
    assert [(row.start, row.wanted) for row in rows] == [(0, True), (0, False), (200, False)]


def test_families_of_repeatmasker_are_chosen_by_the_beginning_of_their_name(annotation):
    assert Counter(row.wanted for row in read_annotation(annotation, ["LTR/"])) == {
        True: 80,
        False: 80,
    }
    assert Counter(row.wanted for row in read_annotation(annotation)) == {True: 80, False: 80}
    annotation.write_text(annotation.read_text().replace("  239  ", "  23.9  "))
    assert len(read_annotation(annotation)) == 160


def test_overlapping_repeats_become_one_with_the_strand_of_the_longest(annotation):
    first = read_annotation(annotation)[0]
    from dataclasses import replace

    rows = [
        replace(first, start=0, end=50, strand="+"),
        replace(first, start=40, end=140, strand="-"),
        replace(first, start=140, end=150, strand="+"),
    ]
    assert [(row.start, row.end, row.strand) for row in merge_overlapping(rows)] == [
        (0, 140, "-"),
        (140, 150, "+"),
    ]


WRONG_ANNOTATIONS = {
    "no such family": ("LINE", OUT_HEADER + out_row("chr1", 0, 60, "+", "LTR/Copia"),
                       r"has no repeat of LINE; it has LTR/Copia \(1\)"),
    "beyond the contig": ("", OUT_HEADER + out_row("chr1", 5990, 6001, "+", "LTR/Copia"),
                          "line 4: position 6001 is beyond chr1, which has 6,000 bases"),
    "unknown contig": ("", OUT_HEADER + out_row("chr77", 0, 60, "+", "LTR/Copia"),
                       "line 4: .* has no contig 'chr77'; it has chr1, .*one assembly"),
    "few contigs": ("", OUT_HEADER + out_row("chr1", 0, 60, "+", "LTR/Copia"),
                    r"lie on 1 contigs \(chr1\)"),
    "too few fields": ("", "chr1\tx\tgene\t1\t90\n", "line 1 has 5 fields; GFF has 9"),
    "no number": ("", "chr1\tx\trepeat_region\ta\t90\t.\t+\t.\tx\n", "line 1: 'a' to '90'"),
    "end before start": ("", "chr1\tx\trepeat_region\t9\t3\t.\t+\t.\tx\n", "9 to 3 is no stretch"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_ANNOTATIONS)
def test_bad_annotation_names_file_and_line_and_leaves_nothing_behind(tmp_path, genome, case):
    family, text, message = WRONG_ANNOTATIONS[case]
    annotation = tmp_path / "annotation"
    annotation.write_text(text)
    options = BuildOptions(annotation=annotation, families=(family,) if family else ())
    with pytest.raises(ValueError, match=message):
        build_dataset("teb_like", genome, tmp_path / "built", options=options)
    assert not (tmp_path / "built").exists()


def test_annotation_is_asked_for(genome):
    with pytest.raises(ValueError, match=r"No annotation was given\. .*--annotation"):
        load_benchmark("teb_like", None, genome)


def test_chromosomes_with_the_share_nearest_to_seven_percent_are_held_out():
    counts = {"a": 50, "b": 7, "c": 4, "d": 3, "e": 36}
    assert split_by_chromosome(counts) == {
        "train": ["a", "e"],
        "validation": ["c", "d"],
        "test": ["b"],
    }


def test_minimizers_are_those_of_both_strands():
    sequence = random_bases(300, 5)
    assert minimizers(sequence).tolist() == minimizers(reverse_complement(sequence)).tolist()
    assert len(minimizers("ACGT")) == 0
    assert len(minimizers("N" * 100)) == 0


@pytest.mark.parametrize(("changes", "near"), [(0, True), (20, True), (200, False)])
def test_near_duplicates_are_told_by_identity(changes, near):
    sequence = random_bases(400, 6)
    other = list(sequence)
    for position in random.Random(7).sample(range(400), changes):
        other[position] = "ACGT"[("ACGT".index(other[position]) + 1) % 4]
    assert near_duplicates(["".join(other)], [sequence]) == [near]
    assert near_duplicates([reverse_complement("".join(other))], [sequence]) == [near]


def test_short_sequences_are_near_duplicates_when_they_are_equal():
    assert near_duplicates(["ACGTACGTAC", "ACGTACGTAA"], ["ACGTACGTAC"]) == [True, False]
    assert near_duplicates(["AACC", "GGTT", "CCAA"], ["AACC"]) == [True, True, False]
    assert near_duplicates(["ACGT"], []) == [False]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("CA" * 50, "CA" * 51),
        ("CA" * 50, "TG" * 50),
        ("CA" * 50, "CA" * 22 + "T" + "CA" * 27),
        ("A" * 40, "A" * 41),
        ("A" * 40, "T" * 60),
        ("CAG" * 20, "CTG" * 25),
    ],
)
def test_repeats_of_a_short_unit_are_near_duplicates(first, second):
    """They have one minimizer, and two had to be shared."""
    assert near_duplicates([first], [second]) == near_duplicates([second], [first]) == [True]


@pytest.mark.parametrize("length", [20, 21, 23, 40])
def test_short_sequences_are_found_on_both_strands_and_within_longer_ones(length):
    """Two in three of 20 bases were not: they have one minimizer, and two had to be shared."""
    short = [random_bases(length, seed) for seed in range(50)]
    others = [reverse_complement(sequence) for sequence in short]
    assert all(near_duplicates(short, others))
    longer = [random_bases(100, 99) + other + random_bases(100, 98) for other in others]
    assert all(near_duplicates(short, longer))
    assert all(near_duplicates(longer, short))


@pytest.mark.parametrize("unit", ["A", "CA", "CAG"])
def test_a_tract_in_a_sequence_makes_it_no_near_duplicate_of_a_repeat(unit):
    repeat = unit * 100
    longer = [
        random_bases(200, seed) + repeat[:40] + random_bases(200, seed + 50) for seed in range(50)
    ]
    assert not any(near_duplicates(longer, [repeat[:100], repeat]))
    assert not any(near_duplicates([repeat[:100], repeat], longer))


def test_unrelated_short_sequences_are_no_near_duplicates():
    short = [random_bases(20, seed) for seed in range(300)]
    assert not any(near_duplicates(short, [random_bases(300, seed) for seed in range(300, 600)]))


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("strain", "annotated"),
    [("S288C", 359), ("paradoxus_CBS432", 439)],
    ids=["cerevisiae", "paradoxus"],
)
def test_ty_elements_of_yeast(real_data_folder, tmp_path, strain, annotated):
    genome = real_data_folder / "genomes" / f"yeast_{strain}_PacBio.fa.gz"
    annotation = genome.with_name(f"yeast_{strain}_PacBio.all_feature.gff.gz")
    options = BuildOptions(annotation=annotation, families=("TY",))
    built = build_dataset("teb_like", genome, tmp_path / "built", options=options)
    record = built["configurations"]["repeats"]
    assert record["counts"]["repeats"]["annotated"] == annotated
    removed = record["counts"]["pairs_removed_as_near_duplicates"]
    assert removed["train"] > 100  # solo LTRs of a family are alike
    for rows in record["rows"].values():
        assert rows["background"] == rows["repeat"]


def test_of_three_chromosomes_each_split_has_one():
    """Two are nearer to seven percent together, but leave none for validation."""
    assert split_by_chromosome({"a": 96, "b": 2, "c": 2}) == {
        "train": ["a"],
        "validation": ["c"],
        "test": ["b"],
    }


def test_many_small_scaffolds_leave_one_for_every_split():
    small = [f"a{number:02d}" for number in range(60)]
    found = split_by_chromosome(dict.fromkeys(small, 1) | {"z": 2000})
    assert found == {"train": ["z"], "validation": ["a59"], "test": small[:59]}


def pairs_of(sequence: str, *repeats: tuple[int, int], max_length: int = 1000):
    """Pairs of a contig with these repeats, and what was left out and why."""
    counts: Counter[str] = Counter()
    rows = [Repeat("chr1", start, end, "+", "LTR", True, "line 1") for start, end in repeats]
    rng = np.random.default_rng(0)
    found = pairs_of_contig("chr1", sequence, rows, max_length=max_length, rng=rng, counts=counts)
    return found, counts


def test_repeats_of_20_bases_and_of_the_longest_length_are_kept():
    repeats = [(0, 19), (100, 120), (200, 300), (400, 501)]
    found, counts = pairs_of(random_bases(5000, 1), *repeats, max_length=100)
    assert [(one.start, one.end) for one, _ in found] == [(100, 120), (200, 300)]
    assert (counts["shorter_than_20_bases"], counts["longer_than_max_length"]) == (1, 1)


def test_repeats_may_hold_a_tenth_of_n():
    bases = random_bases(5000, 1)
    for unknown, kept in ((10, 1), (11, 0)):
        found, counts = pairs_of("N" * unknown + bases[unknown:], (0, 100))
        assert (len(found), counts["more_than_10_percent_n"]) == (kept, 1 - kept)


def test_backgrounds_may_hold_a_tenth_of_n():
    for rest, kept in (("GATCNATCG" + "ATCGATCGATC", 1), ("GATCN" * 4, 0)):
        found, counts = pairs_of("GATC" * 25 + rest * 50, (0, 100))
        assert (len(found), counts["no_matching_background"]) == (kept, 1 - kept)


def test_gc_content_is_that_of_the_known_bases():
    found, _ = pairs_of("N" * 10 + "GC" * 500, (0, 100))
    assert len(found) == 1


def test_of_three_overlapping_repeats_the_longest_gives_the_strand():
    rows = [
        Repeat("chr1", start, end, strand, "LTR", True, "line 1")
        for start, end, strand in ((0, 50, "+"), (40, 140, "-"), (130, 190, "+"))
    ]
    assert [(row.start, row.end, row.strand) for row in merge_overlapping(rows)] == [(0, 190, "-")]


def test_nearest_to_seven_percent_is_seven():
    assert split_by_chromosome({"a": 50, "b": 7, "c": 8, "d": 35}) == {
        "train": ["a", "d"],
        "validation": ["c"],
        "test": ["b"],
    }


def test_three_chromosomes_together_may_be_nearest():
    assert split_by_chromosome({"a": 40, "b": 39, "c": 3, "d": 2, "e": 2, "f": 14}) == {
        "train": ["a", "b"],
        "validation": ["f"],
        "test": ["c", "d", "e"],
    }


def test_a_split_in_two_folders_is_refused(tmp_path):
    for folder in ("teb", "teb/backup"):
        (tmp_path / folder).mkdir()
        for split in ("train", "valid", "test"):
            rows = Dataset.from_dict({"sequence": ["ACGT", "CC"], "label": [0, 1]})
            rows.to_parquet(tmp_path / folder / f"{split}_lines.parquet")
    with pytest.raises(ValueError, match=r"of lines has the files .*; which one is meant"):
        load_benchmark("teb", "lines", tmp_path / "teb")
    (tmp_path / "teb/backup").rename(tmp_path / "teb/.backup")
    assert len(load_benchmark("teb", "lines", tmp_path / "teb")["train"]) == 2
