"""Windows of genomes: every base once, what is held out never, and draws that repeat."""

import gzip
import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset

from hf_genomics import DNATokenizer
from hf_genomics.data import genome_windows
from hf_genomics.data.genome_windows import GenomeWindows, WindowCollator, load_genomes
from hf_genomics.data.sequence import reverse_complement
from hf_genomics.data.streamed_windows import stream_windows


def random_sequence(length: int, seed: int = 0) -> str:
    return "".join("ACGT"[i] for i in np.random.default_rng(seed).integers(0, 4, length))


CONTIGS = {"chr1": random_sequence(1000), "chr2": random_sequence(310, 1).lower()}


@pytest.fixture
def fasta(tmp_path) -> str:
    path = tmp_path / "genome.fa.gz"
    text = "".join(f">{name} a contig\n{sequence}\n" for name, sequence in CONTIGS.items())
    path.write_bytes(gzip.compress(text.encode()))
    return str(path)


def load(source: str | list[str], tmp_path: Path, **options) -> Dataset:
    sources = [source] if isinstance(source, str) else source
    return load_genomes(sources, cache_dir=str(tmp_path / "cache"), **options)


def windows(rows: Dataset, *args, **options) -> list[str]:
    cut = GenomeWindows(rows, *args, **options)
    return [cut[i]["sequence"] for i in range(len(cut))]


def test_rows_hold_the_contigs(fasta, tmp_path):
    rows = load(fasta, tmp_path)
    assert dict(zip(rows["name"], rows["sequence"], strict=True)) == CONTIGS


def test_long_contigs_are_cut_into_rows(fasta, tmp_path, monkeypatch):
    monkeypatch.setattr(genome_windows, "PIECE", 300)
    rows = load(fasta, tmp_path)
    pieces = rows["sequence"][:4]
    assert "".join(pieces) == CONTIGS["chr1"]
    assert rows["start"][:5] == [0, *np.cumsum([len(piece) for piece in pieces])[:3], 0]
    # none is a short rest, whose bases no window would reach
    assert max(map(len, pieces)) <= min(map(len, pieces)) + 1 <= 300


def test_held_out_stretches_and_the_rest_are_the_whole(fasta, tmp_path):
    held_out = ["chr1:200-450", "chr2"]
    out = load(fasta, tmp_path, held_out=held_out, want_held_out=True)
    rest = load(fasta, tmp_path, held_out=held_out)
    assert out["sequence"] == [CONTIGS["chr1"][200:450], CONTIGS["chr2"]]
    assert rest["sequence"] == [CONTIGS["chr1"][:200], CONTIGS["chr1"][450:]]
    assert rest["start"] == [0, 450]


def test_a_file_that_has_changed_is_read_anew(tmp_path):
    path = tmp_path / "genome.fa"
    for sequence in ("ACGT", "ACGTT"):
        path.write_text(f">a\n{sequence}\n")
        assert load(str(path), tmp_path)["sequence"] == [sequence]


def test_a_data_set_of_sequences_is_a_genome_too(tmp_path):
    data = Dataset.from_dict({"id": ["x", "y"], "dna": ["ACGTA", "GGG"]})
    (tmp_path / "data").mkdir()
    data.to_parquet(tmp_path / "data" / "train.parquet")
    rows = load(str(tmp_path / "data"), tmp_path, sequence_column="dna")
    assert rows["name"] == ["x", "y"]
    assert rows["sequence"] == ["ACGTA", "GGG"]


@pytest.fixture
def parts(tmp_path) -> str:
    """A data set of two configurations, the second of two splits."""
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "README.md").write_text(
        "---\nconfigs:\n"
        "- config_name: birds\n  data_files: birds.parquet\n"
        "- config_name: fungi\n  data_files:\n"
        "  - split: train\n    path: fungi.parquet\n"
        "  - split: validation\n    path: yeast.parquet\n---\n"
    )
    for number, name in enumerate(("birds", "fungi", "yeast")):
        rows = Dataset.from_dict({"name": [name], "sequence": ["ACGTTGCA" * (number + 1)]})
        rows.to_parquet(folder / f"{name}.parquet")
    return str(folder)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"config_name": "birds"}, "birds"),
        ({"config_name": "fungi"}, "fungi"),
        ({"config_name": "fungi", "split": "validation"}, "yeast"),
    ],
)
def test_the_part_of_a_data_set_that_is_named_is_read(parts, tmp_path, options, name):
    rows = load(parts, tmp_path, **options)
    assert rows["name"] == [name]
    streamed = stream_windows([parts], 8, reverse_complement=0.0, **options)
    assert "".join(row["sequence"] for row in streamed) == rows["sequence"][0]


def test_a_configuration_must_be_named_where_there_are_several(parts, tmp_path):
    with pytest.raises(ValueError, match="birds.*fungi"):
        load(parts, tmp_path)


@pytest.mark.parametrize(
    "options", [{"config_name": "birds"}, {"split": "test"}, {"sequence_column": "dna"}]
)
def test_files_have_no_parts_to_name(fasta, tmp_path, options):
    (value,) = options.values()
    for read in (partial(load, tmp_path=tmp_path), partial(stream_windows, window=8)):
        with pytest.raises(ValueError, match=f"{value}.*is chosen, but .*genome.fa.gz are FASTA"):
            read([fasta], **options)


@pytest.mark.parametrize("want_held_out", [False, True])
def test_a_contig_called_like_a_stretch_is_held_out(tmp_path, want_held_out):
    path = tmp_path / "genome.fa"
    path.write_text(">chr1:2-4\nACGT\n>chr2:0-2\nCCC\n>chr2\nGGGTT\n>chr3\nA\n")
    options = {"held_out": ["chr1:2-4", "chr2:0-2"], "want_held_out": want_held_out}
    # the stretch of chr2 as well: a name tells only at the end whether there is such a contig
    expected = ["ACGT", "CCC", "GG"] if want_held_out else ["GTT", "A"]
    assert load(str(path), tmp_path, **options)["sequence"] == expected


@pytest.mark.parametrize(
    ("held_out", "message"),
    [
        (["chr9"], "no contig is named chr9"),
        (["chr9:1-2"], "no contig is named chr9"),
        (["chr1:5-5"], "'chr1:5-5' is empty"),
        (["chr1:0-10", "chr1:5-20"], "overlaps"),
        (["chr1:5000-6000"], "outside chr1"),
        (["chr1", "chr2"], "left for training"),
    ],
)
def test_what_cannot_be_held_out_is_said(fasta, tmp_path, held_out, message):
    with pytest.raises(ValueError, match=message):
        load(fasta, tmp_path, held_out=held_out)


def test_two_contigs_of_one_name_are_refused(fasta, tmp_path):
    with pytest.raises(ValueError, match="two sequences are named 'chr1'"):
        load([fasta, fasta], tmp_path)


def test_without_shifts_windows_tile_the_contigs(fasta, tmp_path):
    cut = windows(load(fasta, tmp_path), 100)
    assert "".join(cut[:10]) == CONTIGS["chr1"]
    assert "".join(cut[10:]) == CONTIGS["chr2"][:300]


def test_shifted_windows_lie_in_the_contigs_and_reach_every_base(fasta, tmp_path):
    rows = load(fasta, tmp_path, held_out=["chr2"])
    seen = np.zeros(1000, bool)
    for seed in range(40):
        for sequence in windows(rows, 100, shift=True, seed=seed):
            start = CONTIGS["chr1"].index(sequence)
            assert len(sequence) == 100
            seen[start : start + 100] = True
    assert seen.all()


def test_the_other_strand_is_read_as_often_as_asked(fasta, tmp_path):
    rows = load(fasta, tmp_path)
    plain = windows(rows, 50)
    assert windows(rows, 50, reverse_complement=1.0) == [reverse_complement(s) for s in plain]
    cut = GenomeWindows(rows, 50, reverse_complement=0.5)
    order = list(range(len(cut))) * 20
    turned = [
        w["sequence"] != plain[i] for w, i in zip(cut.__getitems__(order), order, strict=True)
    ]
    assert 0.4 < np.mean(turned) < 0.6


def test_a_batch_is_drawn_the_same_again_and_in_other_company_anew(fasta, tmp_path):
    rows = load(fasta, tmp_path)
    one, other = (GenomeWindows(rows, 50, shift=True, reverse_complement=0.5) for _ in range(2))
    assert one.__getitems__([3, 1, 7]) == other.__getitems__([3, 1, 7])
    assert one.__getitems__([3, 1, 7]) != one.__getitems__([3, 1, 8])[:2] + [one[7]]
    assert one.__getitems__([3, 1, 7, 5]) != GenomeWindows(
        rows, 50, shift=True, reverse_complement=0.5, seed=1
    ).__getitems__([3, 1, 7, 5])


def test_windows_of_unknown_bases_are_left_out_and_counted(tmp_path):
    path = tmp_path / "genome.fa"
    path.write_text(">a\n" + "ACGTACGTAC" + "N" * 10 + "ACGTNNNNNN" + "ACGTACNNNN" + "\n")
    cut = GenomeWindows(load(str(path), tmp_path), 10)
    assert [cut[i]["sequence"] for i in range(len(cut))] == ["ACGTACGTAC", "ACGTACNNNN"]
    assert cut.num_left_out == 2


def test_no_window_at_all_is_an_error(fasta, tmp_path):
    with pytest.raises(ValueError, match="shorten --window"):
        GenomeWindows(load(fasta, tmp_path), 5000)


def test_the_collator_makes_ids(fasta, tmp_path):
    cut = GenomeWindows(load(fasta, tmp_path), 100)
    batch = WindowCollator(DNATokenizer())([cut[0], cut[12]])
    assert batch["input_ids"].shape == (2, 100)
    assert (
        DNATokenizer().decode(batch["input_ids"][1]).replace(" ", "")
        == CONTIGS["chr2"][200:300].upper()
    )


def test_a_folder_that_has_changed_is_read_anew(tmp_path):
    (tmp_path / "data").mkdir()
    for sequence in ("ACGT", "TTTT"):
        Dataset.from_dict({"sequence": [sequence]}).to_parquet(tmp_path / "data/train.parquet")
        assert load(str(tmp_path / "data"), tmp_path)["sequence"] == [sequence]


def test_a_relative_name_is_another_genome_in_another_folder(tmp_path, monkeypatch):
    for sequence in ("ACGT", "TTTT"):
        (tmp_path / sequence).mkdir()
        monkeypatch.chdir(tmp_path / sequence)
        Path("genome.fa").write_text(f">a\n{sequence}\n")
        os.utime("genome.fa", ns=(0, 0))
        assert load("genome.fa", tmp_path)["sequence"] == [sequence]


def test_a_letter_that_is_no_nucleotide_code_is_named_with_its_contig(tmp_path, monkeypatch):
    monkeypatch.setattr(genome_windows, "PIECE", 4)
    path = tmp_path / "genome.fa"
    path.write_text(">good\nACGTUNRYSWKMBDHV-acgtunryswkmbdhv\n>bad\nACGTACXT\n")
    with pytest.raises(ValueError, match=r"contig 'bad' has 'X' at position 6 .*; write N"):
        load(str(path), tmp_path)


def test_what_is_read_as_a_genome_is_what_the_tokenizer_reads():
    accepted = genome_windows.ACCEPTED.decode()
    for letter in map(chr, range(256)):
        if letter in accepted:
            DNATokenizer()(letter)
        else:
            with pytest.raises(ValueError, match="."):
                DNATokenizer()(letter)


def test_a_row_without_a_sequence_is_named(tmp_path):
    (tmp_path / "data").mkdir()
    data = Dataset.from_dict({"id": ["x", "y"], "sequence": ["ACGT", None]})
    data.to_parquet(tmp_path / "data" / "train.parquet")
    with pytest.raises(ValueError, match=r"row 1 \('y'\) of .* has None in its column 'sequence'"):
        load(str(tmp_path / "data"), tmp_path)


def test_contigs_shorter_than_a_window_are_counted(tmp_path):
    path = tmp_path / "genome.fa"
    path.write_text(">a\n" + "ACGTACGTAC" + "N" * 10 + "\n>b\nACGT\n>c\nACGTACGTA\n")
    cut = GenomeWindows(load(str(path), tmp_path), 10)
    assert (len(cut), cut.num_left_out, cut.num_too_short) == (1, 3, 2)


def test_a_folder_of_fasta_files_stands_for_these(tmp_path):
    folder = tmp_path / "genomes"
    folder.mkdir()
    (folder / "b.fna").write_text(">b\nAC\n")
    (folder / "a.FASTA.gz").write_bytes(gzip.compress(b">a\nACGT\n"))
    (folder / "b.fna.fai").write_text("b\t2\t3\t2\t3\n")
    rows = load_genomes([str(folder)], cache_dir=str(tmp_path / "cache"))
    assert dict(zip(rows["name"], rows["sequence"], strict=True)) == {"a": "ACGT", "b": "AC"}


def test_rows_without_names_of_several_data_sets_are_named_by_these(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        Path(name).mkdir()
        Dataset.from_dict({"sequence": ["ACGT", "ACG"]}).to_parquet(f"{name}/train.parquet")
    options = {"cache_dir": str(tmp_path / "cache"), "held_out": ["two:1", "one:0:1-3"]}
    assert load_genomes(["one", "two"], **options)["name"] == ["one:0", "one:0", "one:1", "two:0"]
    out = load_genomes(["one", "two"], want_held_out=True, **options)
    assert out["sequence"] == ["CG", "ACG"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere.fa", "There is no file or folder nowhere.fa"),
        ("some/where/else", "There is no file or folder some/where/else"),
        ("table.parquet", "table.parquet is a table; give the folder that holds it"),
    ],
)
def test_sources_that_cannot_be_genomes_are_named(tmp_path, monkeypatch, source, message):
    monkeypatch.chdir(tmp_path)
    Dataset.from_dict({"sequence": ["ACGT"]}).to_parquet("table.parquet")
    with pytest.raises(ValueError, match=message):
        load_genomes([source], cache_dir=str(tmp_path / "cache"))


def test_a_tile_with_just_the_share_of_known_bases_is_kept():
    rows = Dataset.from_dict({"name": ["a"], "start": [0], "sequence": ["ACNNACGTNNNA"]})
    rows = rows.cast(genome_windows.FEATURES)
    assert windows(rows, 4) == ["ACNN", "ACGT"]
    assert windows(rows, 4, least_known=1.0) == ["ACGT"]


def test_windows_move_to_both_sides_each_by_its_own_distance(fasta, tmp_path):
    cut = GenomeWindows(load(fasta, tmp_path, held_out=["chr2"]), 100, shift=True)
    distances = [CONTIGS["chr1"].index(cut[i]["sequence"]) - 100 * i for i in range(1, 9)]
    assert len(set(distances)) > 4
    assert -50 <= min(distances) < 0 < max(distances) < 50
