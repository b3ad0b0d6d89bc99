"""The vocabulary of a quantizer as files: against codes that are known, and a slow twin."""

import gzip
import hashlib
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import load_dataset
from safetensors.torch import load_file, save_file
from transformers import logging

from hf_genomics import (
    DNATokenizer,
    VQDNAConfig,
    VQDNAModel,
    VQDNAQuantizerConfig,
    VQDNAQuantizerModel,
)
from hf_genomics.data.genome_windows import load_genomes
from hf_genomics.data.sequence import reverse_complement
from hf_genomics.evaluation import vocabulary_files
from hf_genomics.evaluation.code_information import centred_kmers
from hf_genomics.evaluation.vocabulary import export_vocabulary, load_quantizer
from hf_genomics.evaluation.vocabulary_statistics import consensus, spell

WINDOW = 64


def quantizer(kind: type = VQDNAQuantizerModel, **options) -> VQDNAQuantizerModel:
    sizes = {"stem_dim": 8, "hidden_size": 12, "num_layers": 2, "kernel_size": 3}
    sizes |= {"codebook_sizes": [8, 16], "kmeans_warmup_steps": 0, "stem_kernel_size": 3}
    torch.manual_seed(0)
    model = kind(VQDNAQuantizerConfig(**sizes | options))
    model.train()
    for seed in range(3):  # k-means gives it codes
        generator = torch.Generator().manual_seed(seed)
        VQDNAQuantizerModel.forward(model, torch.randint(0, 4, (4, 200), generator=generator))
    return model.eval()


class KmerQuantizer(VQDNAQuantizerModel):
    """Level 0 gives the base, level 1 the number of the 3-mer around it (A beyond the ends)."""

    def tokenize(self, input_ids, attention_mask=None, chunk_size=None):
        known = torch.where(input_ids < 4, input_ids, 0).numpy()
        kmers = torch.from_numpy(centred_kmers(np.pad(known, ((0, 0), (1, 1))), 3)[:, 1:-1])
        return torch.where((input_ids < 4)[:, None], torch.stack([input_ids, kmers], 1), -1)


def random_sequence(length: int, seed: int = 0) -> str:
    return "".join(np.random.default_rng(seed).choice([*"ACGT"], length))


def write_fasta(path: Path, **contigs: str) -> Path:
    path.write_bytes(gzip.compress("".join(f">{n}\n{s}\n" for n, s in contigs.items()).encode()))
    return path


@pytest.fixture(autouse=True)
def private_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


def read(folder: Path, level: int) -> list[dict]:
    return load_dataset(str(folder), f"level_{level}", split="train").to_list()


def test_codes_that_are_kmers_come_back_as_what_they_are(tmp_path):
    sequence = random_sequence(3000)
    fasta = write_fasta(tmp_path / "x.fa.gz", one=sequence)
    model = quantizer(KmerQuantizer, codebook_sizes=[4, 64])
    codes = export_vocabulary(model, [fasta], tmp_path / "v", k=3, window=WINDOW)
    radius = model.config.radius_of_level(0)
    inside = Counter(sequence[radius:-radius])
    for code, row in enumerate(read(tmp_path / "v", 0)):
        base = "ACGT"[code]
        assert row["count"] == inside[base]
        assert row["consensus"] == "N" * radius + base + "N" * radius
        assert row["information"][radius] == 2
        assert row["reverse_complement_id"] == 3 - code
        assert row["reverse_complement_share"] == 1
        assert row["edge_count"] > 0
        assert row["only_at_edges"] is False
    fine = read(tmp_path / "v", 1)
    for code, row in enumerate(fine):
        kmer = spell(code, 3)
        assert row["top_kmers"] == [{"kmer": kmer, "count": row["count"], "share": 1}]
        assert row["kmer_entropy"] == 0
        partner = fine[row["reverse_complement_id"]]["top_kmers"][0]["kmer"]
        assert partner == reverse_complement(kmer)
        assert row["reverse_complement_share"] == 1
    assert [level["reverse_complement_share"] for level in codes["levels"]] == [1, 1]


def slow_vocabulary(model, sequences: list[str], level: int, k: int) -> dict[int, dict]:
    """Every position by itself, in plain Python."""
    config = model.config
    ratio, radius = config.downsample_ratio, config.radius_of_level(level)
    found: dict[int, dict] = {}
    for sequence in sequences:
        padded = sequence + "-" * (-len(sequence) % ratio)
        ids = DNATokenizer()([padded, reverse_complement(padded)], return_tensors="pt").input_ids
        forward, other = model.tokenize(ids)[:, level].tolist()
        for t, code in enumerate(forward):
            field = sequence[max(0, t * ratio - radius) : (t + 1) * ratio + radius]
            is_whole = len(field) == 2 * radius + ratio and set(field) <= set("ACGT")
            if code < 0 or t * ratio < radius or not is_whole:
                continue
            first = t * ratio + math.floor((ratio - k) / 2)
            entry = found.setdefault(code, {"fields": [], "kmers": [], "others": []})
            entry["fields"].append(field)
            entry["kmers"].append(sequence[first : first + k])
            entry["others"].append(other[len(other) - 1 - t])
    return found


@pytest.mark.parametrize("k", [3, 4])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"downsample_ratio": 2},
        {"downsample_ratio": 4},
        {"quantizer_type": "fsq", "fsq_levels": [3, 3]},
        {"codebook_sizes": [8], "codebook_distance": "cosine", "codebook_dim": 4},
    ],
    ids=["r1", "r2", "r4", "fsq", "cosine"],
)
def test_every_statistic_is_that_of_the_slow_twin(options, k, tmp_path):
    model = quantizer(**options)
    long = random_sequence(700, seed=1)
    sequences = [long[:300] + "NNN" + long[300:], random_sequence(WINDOW, 2), random_sequence(9, 3)]
    fasta = write_fasta(tmp_path / "x.fa.gz", a=sequences[0], b=sequences[1], c=sequences[2])
    codes = export_vocabulary(model, [fasta], tmp_path / "v", k=k, window=WINDOW, batch_size=3)
    for level, size in enumerate(model.config.codebook_sizes):
        expected = slow_vocabulary(model, sequences, level, k)
        rows = read(tmp_path / "v", level)
        assert [row["id"] for row in rows] == [*range(size)]
        total = sum(len(entry["fields"]) for entry in expected.values())
        assert codes["levels"][level]["codes_counted"] == total
        assert codes["levels"][level]["active"] == len(expected)
        for row in rows:
            entry = expected.get(row["id"])
            if entry is None:
                assert row["count"] == 0
                assert row["top_kmers"] is row["consensus"] is row["position_weight_matrix"] is None
                continue
            count = len(entry["fields"])
            assert row["count"] == count
            assert row["frequency"] == pytest.approx(count / total)
            kmers = Counter(entry["kmers"])
            best = sorted(kmers.items(), key=lambda item: (-item[1], item[0]))[:10]
            assert [(kmer["kmer"], kmer["count"]) for kmer in row["top_kmers"]] == best
            assert [kmer["share"] for kmer in row["top_kmers"]] == [n / count for _, n in best]
            entropy = -sum(n / count * math.log2(n / count) for n in kmers.values())
            assert row["kmer_entropy"] == pytest.approx(entropy, abs=1e-12)
            columns = [Counter(column) for column in zip(*entry["fields"], strict=True)]
            table = np.array([[column[base] for base in "ACGT"] for column in columns])
            assert row["position_weight_matrix"] == [
                pytest.approx([n / count for n in position]) for position in table
            ]
            bits = [
                2 + sum(n / count * math.log2(n / count) for n in position if n)
                for position in table
            ]
            assert row["information"] == pytest.approx(bits, abs=1e-6)
            assert row["consensus"] == consensus(table)
            partners = Counter(entry["others"])
            assert row["reverse_complement_id"] == min(
                partners, key=lambda other: (-partners[other], other)
            )
            assert row["reverse_complement_share"] == max(partners.values()) / count


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({}, [23, 41]),
        ({"downsample_ratio": 2}, [42, 78]),
        ({"codebook_sizes": [8], "kernel_size": 3}, [17]),
    ],
)
def test_the_field_follows_from_the_configuration(options, fields):
    config = VQDNAQuantizerConfig(**options)
    radii = [config.radius_of_level(level) for level in range(config.num_quantizers)]
    assert [2 * radius + config.downsample_ratio for radius in radii] == fields
    assert radii[-1] == config.receptive_radius


@pytest.mark.parametrize("ratio", [1, 2, 4])
def test_codes_see_their_field_and_nothing_beyond(ratio):
    model, length = quantizer(downsample_ratio=ratio), 64
    ids = torch.randint(0, 4, (1, length), generator=torch.Generator().manual_seed(5))
    changed = (ids + torch.eye(length, dtype=torch.int64)) % 4  # one base in each row
    t = length // ratio // 2
    for level in range(2):
        with torch.no_grad():
            differences = model.encode(changed).latents[level] - model.encode(ids).latents[level]
        seen = differences[:, t].abs().amax(1).nonzero().flatten().tolist()
        radius = model.config.radius_of_level(level)
        assert (seen[0], seen[-1]) == (t * ratio - radius, (t + 1) * ratio - 1 + radius)


def test_codebooks_neighbours_and_moving_counts_are_those_of_the_model(tmp_path):
    model = quantizer()
    fasta = write_fasta(tmp_path / "x.fa.gz", a=random_sequence(200))
    export_vocabulary(model, [fasta], tmp_path / "v", k=3, window=WINDOW, num_neighbours=3)
    vectors = load_file(tmp_path / "v" / "codebook.safetensors")
    assert {name: tuple(v.shape) for name, v in vectors.items()} == {
        "level_0": (8, 12),
        "level_1": (16, 12),
    }
    for level in range(2):
        table = vectors[f"level_{level}"]
        assert torch.equal(table, model.get_codebook(level))
        moving = model.quantizer.codebooks[level].ema_count
        for row in read(tmp_path / "v", level):
            assert row["ema_count"] == moving[row["id"]]
            distances = (table - table[row["id"]]).norm(dim=1)
            distances[row["id"]] = torch.inf
            nearest = distances.argsort()[:3].tolist()
            assert [neighbour["id"] for neighbour in row["neighbours"]] == nearest
            apart = [neighbour["distance"] for neighbour in row["neighbours"]]
            assert apart == pytest.approx(distances[nearest].tolist(), rel=1e-5)


def test_a_grid_has_no_moving_counts(tmp_path):
    fasta = write_fasta(tmp_path / "x.fa.gz", a=random_sequence(100))
    model = quantizer(quantizer_type="fsq", fsq_levels=[3, 3])
    export_vocabulary(model, [fasta], tmp_path / "v", k=3, window=WINDOW)
    assert {row["ema_count"] for row in read(tmp_path / "v", 0)} == {None}


def test_codes_json_says_what_was_read_and_with_what(tmp_path):
    sequence = random_sequence(300).lower()
    fasta = write_fasta(tmp_path / "x.fa.gz", a=sequence, b="N" * 70 + "ACGT" * 30)
    model = quantizer()
    codes = export_vocabulary(model, [fasta], tmp_path / "v", k=3, window=WINDOW)
    assert json.loads((tmp_path / "v" / "codes.json").read_text()) == codes
    assert codes["codebook_sizes"] == [8, 16]
    assert codes["quantizer_layers"] == [1, 2]
    assert (codes["downsample_ratio"], codes["k"], codes["kmer_start"]) == (1, 3, -1)
    assert codes["preset"] is None
    assert VQDNAQuantizerConfig(**codes["config"]).to_dict() == model.config.to_dict()
    letters = f"{sequence.upper()}\n{'N' * 70}{'ACGT' * 30}\n"
    assert codes["data"]["sequence_sha256"] == hashlib.sha256(letters.encode()).hexdigest()
    assert codes["data"]["bases"] == 490
    assert sum(codes["data"]["base_counts"].values()) == 420
    assert codes["data"]["sources"] == ["x.fa.gz"]
    assert codes["hf_genomics"]


@pytest.mark.parametrize("preset", ["robust", "paper", "vq"])
def test_a_preset_is_recognized(preset):
    config = VQDNAQuantizerConfig.preset(preset, codebook_seed=7, codebook_frozen=True)
    assert vocabulary_files.preset_of(config) == preset
    assert vocabulary_files.preset_of(VQDNAQuantizerConfig.preset(preset, num_layers=4)) is None


def test_pieces_of_a_sequence_are_read_as_one(tmp_path, monkeypatch):
    fasta = write_fasta(tmp_path / "x.fa.gz", a=random_sequence(500), b=random_sequence(90, 1))
    whole = export_vocabulary(quantizer(), [fasta], tmp_path / "v", k=3, window=WINDOW)
    monkeypatch.setattr("hf_genomics.data.genome_windows.PIECE", 37)
    rows = load_genomes([str(fasta)], cache_dir=str(tmp_path / "pieces"))
    assert len(rows) == 14 + 3
    pieces = export_vocabulary(quantizer(), rows, tmp_path / "w", k=3, window=WINDOW)
    assert pieces["levels"] == whole["levels"]
    assert pieces["data"]["sequence_sha256"] == whole["data"]["sequence_sha256"]
    assert read(tmp_path / "v", 1) == read(tmp_path / "w", 1)


def test_only_so_many_bases_are_read(tmp_path):
    sequence = random_sequence(400)
    fasta = write_fasta(tmp_path / "x.fa.gz", a=sequence, b=sequence)
    part = export_vocabulary(
        quantizer(), [fasta], tmp_path / "v", k=3, window=WINDOW, max_bases=150
    )
    assert part["data"]["bases"] == 150
    expected = hashlib.sha256(f"{sequence[:150]}\n".encode()).hexdigest()
    assert part["data"]["sequence_sha256"] == expected
    assert [level["codes_counted"] for level in part["levels"]] == [150 - 2 * 2, 150 - 2 * 3]


def test_held_out_stretches_are_what_is_counted(tmp_path):
    sequence = random_sequence(400)
    fasta = write_fasta(tmp_path / "x.fa.gz", a=sequence, b=sequence[::-1])
    model = quantizer()
    part = export_vocabulary(
        model, [fasta], tmp_path / "v", held_out=["a:100-200"], k=3, window=WINDOW
    )
    alone = write_fasta(tmp_path / "y.fa.gz", a=sequence[100:200])
    same = export_vocabulary(model, [alone], tmp_path / "w", k=3, window=WINDOW)
    assert part["levels"] == same["levels"]
    assert part["data"]["held_out"] == ["a:100-200"]


def test_stretches_with_a_gap_between_them_are_not_joined(tmp_path):
    sequence = random_sequence(400)
    fasta = write_fasta(tmp_path / "x.fa.gz", a=sequence)
    apart = write_fasta(tmp_path / "y.fa.gz", a=sequence[50:150], b=sequence[200:290])
    codes = [
        export_vocabulary(quantizer(), [file], tmp_path / name, k=3, window=WINDOW, **options)
        for file, name, options in (
            (fasta, "v", {"held_out": ["a:50-150", "a:200-290"]}),
            (apart, "w", {}),
        )
    ]
    assert codes[0]["levels"] == codes[1]["levels"]
    assert codes[0]["data"]["sequence_sha256"] == codes[1]["data"]["sequence_sha256"]


def test_a_language_model_and_a_folder_give_the_vocabulary_of_their_quantizer(tmp_path):
    fasta = write_fasta(tmp_path / "x.fa.gz", a=random_sequence(200))
    model = quantizer()
    model.save_pretrained(tmp_path / "model")
    config = VQDNAConfig(
        quantizer_config=model.config.to_dict(),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    language_model = VQDNAModel(config)
    language_model.quantizer_model.load_state_dict(model.state_dict())
    levels = [
        export_vocabulary(given, [fasta], tmp_path / name, k=3, window=WINDOW)["levels"]
        for name, given in (("v", model), ("w", language_model), ("x", tmp_path / "model"))
    ]
    assert levels[0] == levels[1] == levels[2]
    named = json.loads((tmp_path / "x" / "codes.json").read_text())["model"]
    assert named == "model"


def test_an_output_with_files_is_left_alone(tmp_path):
    fasta = write_fasta(tmp_path / "x.fa.gz", a=random_sequence(200))
    (tmp_path / "v").mkdir()
    export_vocabulary(quantizer(), [fasta], tmp_path / "v", k=3, window=WINDOW)
    before = (tmp_path / "v" / "codes.json").read_bytes()
    for output in (tmp_path / "v", fasta):
        with pytest.raises(ValueError, match=r"give a new or empty folder"):
            export_vocabulary(quantizer(), [fasta], output, k=3, window=WINDOW)
    assert (tmp_path / "v" / "codes.json").read_bytes() == before


@pytest.mark.parametrize("step", ["table", "save", "description", "card"])
def test_a_write_that_is_broken_off_leaves_nothing(step, tmp_path, monkeypatch):
    fasta = write_fasta(tmp_path / "x.fa.gz", a=random_sequence(200))
    folder = tmp_path / "out"
    folder.mkdir()

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(vocabulary_files, step, stop)
    with pytest.raises(KeyboardInterrupt):
        export_vocabulary(quantizer(), [fasta], folder / "v", k=3, window=WINDOW)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 6}, "k is 6; give 1 to 5"),
        ({"window": 6}, "multiple of 1 above 6"),
        ({"top": 0}, "top is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"max_bases": 0}, "max_bases 0"),
        ({"max_bases": 4}, "no code was counted in 4 bases"),
        ({"held_out": ["z"]}, "no contig is named z"),
    ],
    ids=["k", "window", "top", "batch", "bases", "short", "contig"],
)
def test_mistakes_are_named_and_leave_nothing(options, message, tmp_path):
    fasta = write_fasta(tmp_path / "x.fa.gz", a=random_sequence(200))
    with pytest.raises(ValueError, match=message):
        export_vocabulary(
            quantizer(), [fasta], tmp_path / "v", **{"k": 3, "window": WINDOW} | options
        )
    assert not (tmp_path / "v").exists()


def test_a_device_that_is_not_there_is_refused_before_the_weights_are_read():
    with pytest.raises(ValueError, match="cannot use the device 'gpu'"):
        load_quantizer("no/such/folder", "gpu")


def test_a_quantizer_whose_codebooks_would_be_random_is_refused(tmp_path):
    quantizer().save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if "codebook" not in name}
    assert len(kept) < len(weights)
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="codebook.* is missing, and would be random"):
        load_quantizer(str(tmp_path))


def test_another_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is a Linear; give a VQDNAQuantizerModel"):
        export_vocabulary(torch.nn.Linear(2, 2), ["x.fa"], tmp_path / "v")


def test_it_runs_where_progress_bars_are_switched_off(tmp_path):
    genome = write_fasta(tmp_path / "g.fa.gz", one=random_sequence(300))
    logging.disable_progress_bar()
    try:
        export_vocabulary(
            quantizer(), [genome], tmp_path / "out", k=3, window=WINDOW, progress=True
        )
    finally:
        logging.enable_progress_bar()
    assert (tmp_path / "out/codes.json").exists()


def test_two_vocabularies_of_one_name_are_not_mixed_up(tmp_path):
    """`datasets` caches a folder by its name and its card."""
    model, counted = quantizer(), []
    for number, length in enumerate((400, 700)):
        fasta = write_fasta(tmp_path / f"{number}.fa.gz", one=random_sequence(length))
        folder = tmp_path / str(number) / "vocabulary"
        export_vocabulary(model, [fasta], folder, k=3, window=WINDOW)
        counted.append([sum(row["count"] for row in read(folder, level)) for level in (0, 1)])
    assert all(few < many for few, many in zip(*counted, strict=True))
