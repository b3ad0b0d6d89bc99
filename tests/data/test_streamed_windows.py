"""Windows of genomes that are never kept: which bases come, and how often."""

import gzip
import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, load_dataset

from hf_genomics.data.genome_windows import load_genomes
from hf_genomics.data.sequence import opposite_strand
from hf_genomics.data.streamed_windows import stream_windows

WINDOW = 20


def bases(length: int, seed: int) -> str:
    return "".join("ACGT"[i] for i in np.random.default_rng(seed).integers(0, 4, length))


GENOME = {"chr1": bases(1010, 1), "chr2": bases(400, 2), "chr3": bases(19, 3)}
OTHER = {"plasmid": bases(300, 4)}


def fasta(path, genome=GENOME):
    text = "".join(f">{name}\n{sequence}\n" for name, sequence in genome.items())
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return str(path)


def read(sources, **options):
    options = {"reverse_complement": 0.0} | options
    return [row["sequence"] for row in stream_windows(sources, WINDOW, **options)]


def test_windows_tile_every_sequence(tmp_path):
    windows = read([fasta(tmp_path / "genome.fa.gz")])
    assert len(windows) == 1010 // WINDOW + 400 // WINDOW  # the third is too short
    places = sorted(
        (name, sequence.find(window))
        for window in windows
        for name, sequence in GENOME.items()
        if window in sequence
    )
    for name in ("chr1", "chr2"):
        starts = [start for other, start in places if other == name]
        assert np.diff(starts).tolist() == [WINDOW] * (len(starts) - 1)


def test_the_same_seed_gives_the_same_windows_in_the_same_order(tmp_path):
    source = [fasta(tmp_path / "genome.fa")]
    assert read(source, seed=3) == read(source, seed=3)
    assert read(source, seed=3) != read(source, seed=4)
    assert read(source, buffer_size=1) != read(source)


def test_another_epoch_shuffles_anew(tmp_path):
    windows = stream_windows([fasta(tmp_path / "genome.fa")], WINDOW, reverse_complement=0.0)
    first = [row["sequence"] for row in windows]
    windows.set_epoch(1)
    second = [row["sequence"] for row in windows]
    assert first != second
    assert sorted(first) == sorted(second)


def test_what_is_held_out_never_comes(tmp_path):
    windows = read([fasta(tmp_path / "genome.fa")], held_out=["chr2", "chr1:300-500"])
    assert len(windows) == 300 // WINDOW + 510 // WINDOW
    kept = (GENOME["chr1"][:300], GENOME["chr1"][500:])
    assert all(any(window in part for part in kept) for window in windows)


def test_a_contig_called_like_a_stretch_never_comes_where_it_is_held_out(tmp_path):
    genome = {"chr1:0-400": bases(200, 5), "chr1": bases(400, 6), "chr2": bases(100, 7)}
    windows = read([fasta(tmp_path / "genome.fa", genome)], held_out=["chr1:0-400"])
    assert len(windows) == 5
    assert all(window in genome["chr2"] for window in windows)


def test_half_of_the_windows_are_of_the_other_strand(tmp_path):
    windows = read([fasta(tmp_path / "genome.fa")], reverse_complement=0.5)
    strands = Counter()
    for window in windows:
        turned = opposite_strand(window)
        strands["given"] += any(window in sequence for sequence in GENOME.values())
        strands["other"] += any(turned in sequence for sequence in GENOME.values())
    assert sum(strands.values()) == len(windows)
    assert 20 < strands["other"] < 50


def test_sources_take_turns_until_all_are_read(tmp_path):
    sources = [fasta(tmp_path / "genome.fa"), fasta(tmp_path / "other.fa", OTHER)]
    windows = read(sources, buffer_size=1)
    assert len(windows) == 50 + 20 + 15
    of_other = [window in OTHER["plasmid"] for window in windows]
    assert of_other[:30] == [False, True] * 15
    assert not any(of_other[30:])


def test_windows_of_unknown_bases_are_left_out(tmp_path):
    genome = {"chr1": bases(100, 5) + "N" * 300 + "acgu" * 25}
    windows = read([fasta(tmp_path / "genome.fa", genome)])
    assert 8 <= len(windows) <= 12
    assert all(sum(base in "ACGTacgu" for base in window) >= WINDOW / 2 for window in windows)


def test_a_data_set_keeps_its_shards(tmp_path):
    names = [f"contig{i}" for i in range(6)]
    rows = {"id": names, "dna": [bases(100, i) for i in range(6)]}
    (tmp_path / "data").mkdir()
    for shard in range(3):
        part = {key: values[2 * shard : 2 * shard + 2] for key, values in rows.items()}
        Dataset.from_dict(part).to_parquet(tmp_path / "data" / f"train-{shard}.parquet")
    assert len(list(load_dataset(str(tmp_path / "data"), split="train", streaming=True))) == 6
    options = {"sequence_column": "dna", "held_out": ["contig2"], "reverse_complement": 0.0}
    windows = stream_windows([str(tmp_path / "data")], WINDOW, **options)
    assert windows.num_shards == 3
    found = [row["sequence"] for row in windows]
    assert len(found) == 5 * 5
    assert not any(window in rows["dna"][2] for window in found)
    with pytest.raises(ValueError, match="has no column 'sequence'; it has id, dna"):
        next(iter(stream_windows([str(tmp_path / "data")], WINDOW)))


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
@pytest.mark.parametrize("held_out", ["0", "2", "3"])
def test_rows_without_names_are_held_out_by_their_number_in_all_files(tmp_path, suffix, held_out):
    """Which has to be the one of `load_genomes`, whatever the order in which files are read."""
    (tmp_path / "data").mkdir()
    for shard, pair in enumerate(("AC", "GT")):
        rows = Dataset.from_dict({"sequence": [base * 40 for base in pair], "other": [1, 2]})
        path = tmp_path / "data" / f"train-{shard}.{suffix}"
        rows.to_parquet(path) if suffix == "parquet" else rows.to_csv(path)
    source = [str(tmp_path / "data")]
    kept_aside = load_genomes(source, held_out=[held_out], want_held_out=True)
    assert kept_aside["sequence"] == ["ACGT"[int(held_out)] * 40]
    windows = stream_windows(source, WINDOW, held_out=[held_out], reverse_complement=0.0)
    for _ in range(3):
        found = Counter(row["sequence"][0] for row in windows)
        assert found.keys() == set("ACGT") - {"ACGT"[int(held_out)]}
        assert all(1 <= count <= 2 for count in found.values())


@pytest.mark.parametrize("name", ["name", "id"])
def test_a_data_set_of_text_may_have_further_columns(tmp_path, name):
    rows = {name: ["a", "b"], "length": [40, 60], "sequence": [bases(40, 1), bases(60, 2)]}
    (tmp_path / "data").mkdir()
    Dataset.from_dict(rows).to_csv(tmp_path / "data" / "train.csv")
    windows = read([str(tmp_path / "data")])
    assert all(any(window in sequence for sequence in rows["sequence"]) for window in windows)
    assert len(windows) == 2 + 3
    kept = read([str(tmp_path / "data")], held_out=["a"])
    assert len(kept) == 3
    assert all(window in rows["sequence"][1] for window in kept)


def test_it_can_be_left_and_gone_on_with(tmp_path):
    windows = stream_windows([fasta(tmp_path / "genome.fa")], WINDOW, buffer_size=1)
    everything = [row["sequence"] for row in windows]
    begun = list(itertools.islice(windows, 7))
    assert [row["sequence"] for row in begun] == everything[:7]
    assert [row["sequence"] for row in windows.skip(7)] == everything[7:]


@pytest.mark.parametrize("options", [{"reverse_complement": 1.5}, {"least_known": -1}])
def test_options_out_of_range(tmp_path, options):
    with pytest.raises(ValueError, match="shares are from 0 to 1"):
        stream_windows([fasta(tmp_path / "genome.fa")], WINDOW, **options)


def test_a_letter_that_is_no_base_is_named_with_its_place(tmp_path):
    wrong = bases(25, 1) + "J" + bases(34, 2)
    with pytest.raises(ValueError, match=r"contig 'chr1' has 'J' at position 25 \(0-based\)"):
        read([fasta(tmp_path / "genome.fa", {"chr1": wrong})])


def test_a_row_without_a_sequence_is_named(tmp_path):
    (tmp_path / "data").mkdir()
    data = Dataset.from_dict({"id": ["x", "y"], "sequence": [bases(40, 1), None]})
    data.to_parquet(tmp_path / "data" / "train.parquet")
    with pytest.raises(ValueError, match=r"row 1 \('y'\) of .* has None in its column 'sequence'"):
        read([str(tmp_path / "data")])


def test_what_is_held_out_of_several_data_sets_has_the_names_of_load_genomes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("one", "two")):
        Path(name).mkdir()
        rows = Dataset.from_dict({"sequence": [bases(40, seed), bases(40, seed + 2)]})
        rows.to_parquet(f"{name}/train.parquet")
    held_out = ["one:0", "two:1"]
    windows = read(["one", "two"], held_out=held_out)
    kept = load_genomes(["one", "two"], held_out=held_out, cache_dir=str(tmp_path / "cache"))
    assert len(windows) == 4
    assert all(any(window in sequence for sequence in kept["sequence"]) for window in windows)


def test_a_window_with_just_the_share_of_known_bases_comes(tmp_path):
    genome = {"chr1": bases(WINDOW // 2, 1) + "N" * (WINDOW // 2)}
    source = [fasta(tmp_path / "genome.fa", genome)]
    assert read(source) == [genome["chr1"]]
    assert read([fasta(tmp_path / "full.fa", OTHER)], least_known=1.0)


def test_sequences_are_tiled_from_starts_of_their_own(tmp_path):
    genome = {f"contig{i}": bases(59, i) for i in range(20)}
    windows = read([fasta(tmp_path / "genome.fa", genome)], buffer_size=1)
    starts = {
        min(sequence.find(window) for window in windows if window in sequence)
        for sequence in genome.values()
    }
    assert len(starts) > 5
