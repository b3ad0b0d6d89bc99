"""Files of a vocabulary: a Parquet table per level, the codebooks, `codes.json` and a card.

Legend: K codes of a level, D channels, F bases that a code reads.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors.torch import save
from torch import Tensor

from hf_genomics.data.alignment_files import sha256_of
from hf_genomics.evaluation.code_information import entropy_bits
from hf_genomics.evaluation.results import package_versions
from hf_genomics.evaluation.vocabulary_card import CODEBOOK, CODES, card, config_fields, preset_of
from hf_genomics.evaluation.vocabulary_statistics import LevelStatistics
from hf_genomics.models.vqdna.modeling_vqdna_quantizer import VQDNAQuantizerModel

CARD = "README.md"
DISTANCES_AT_A_TIME = 2**22  # of pairs of codes

_KMER = pa.struct([("kmer", pa.string()), ("count", pa.int64()), ("share", pa.float64())])
_NEIGHBOUR = pa.struct([("id", pa.int32()), ("distance", pa.float32())])
SCHEMA = pa.schema(
    [
        ("id", pa.int32()),
        ("count", pa.int64()),
        ("frequency", pa.float64()),
        ("edge_count", pa.int64()),
        ("only_at_edges", pa.bool_()),
        ("ema_count", pa.float32()),
        ("top_kmers", pa.list_(_KMER)),
        ("kmer_entropy", pa.float64()),
        ("position_weight_matrix", pa.list_(pa.list_(pa.float32()))),
        ("information", pa.list_(pa.float32())),
        ("consensus", pa.string()),
        ("reverse_complement_id", pa.int32()),
        ("reverse_complement_share", pa.float64()),
        ("neighbours", pa.list_(_NEIGHBOUR)),
    ]
)


@dataclass(frozen=True)
class Vocabulary:
    """What the files are made of.

    Attributes:
        quantizer: the model.
        levels: counts of each level, coarse to fine.
        data: what was read: `bases`, `sequence_sha256` and more, plain JSON values.
        name: of the model.
        window: bases that were read at a time.
        top: k-mers per code.
        neighbours: nearest codes per code.
    """

    quantizer: VQDNAQuantizerModel
    levels: list[LevelStatistics]
    data: dict[str, Any]
    name: str | None
    window: int
    top: int
    neighbours: int


def write_vocabulary(vocabulary: Vocabulary, output: Path) -> dict[str, Any]:
    """Writes the folder aside, and moves it into place when it is complete.

    Returns:
        What `codes.json` holds.

    Raises:
        ValueError: the output is a file or holds files.
    """
    check_target(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    aside = output.with_name(f".{output.name}.writing-{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir()
        codebooks: dict[str, Tensor] = {}
        for level, statistics in enumerate(vocabulary.levels):
            vectors = vocabulary.quantizer.get_codebook(level).float().cpu().contiguous()
            codebooks[f"level_{level}"] = vectors
            pq.write_table(table(vocabulary, level, statistics, vectors), aside / file_of(level))
        # not by save_file, whose files only their owner can read
        (aside / CODEBOOK).write_bytes(save(codebooks, metadata={"format": "pt"}))
        codes = description(vocabulary)
        (aside / CODES).write_text(json.dumps(codes, indent=2) + "\n", encoding="utf-8")
        files = [entry["file"] for entry in codes["levels"]]
        checksums = {file: sha256_of(aside / file) for file in files}
        (aside / CARD).write_text(card(codes, checksums), encoding="utf-8")
        if output.exists():
            output.rmdir()
        os.replace(aside, output)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return codes


def check_target(output: Path) -> None:
    """Raises ValueError if a folder cannot be written here because something is there."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        what = "not empty" if output.is_dir() else "a file"
        raise ValueError(f"{output} is {what}; give a new or empty folder.")


def file_of(level: int) -> str:
    return f"level_{level}.parquet"


def table(
    vocabulary: Vocabulary, level: int, statistics: LevelStatistics, vectors: Tensor
) -> pa.Table:
    """One row per code."""
    codebooks: Any = vocabulary.quantizer.quantizer.codebooks
    moving = getattr(codebooks[level], "ema_count", None)  # a grid of fixed vectors has none
    averages = [None] * statistics.size if moving is None else moving.float().tolist()
    near = nearest_codes(vectors, vocabulary.neighbours)
    rows = statistics.rows(top=vocabulary.top)
    for row, average, neighbours in zip(rows, averages, near, strict=True):
        row["ema_count"] = average
        row["neighbours"] = neighbours
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def nearest_codes(vectors: Tensor, number: int) -> list[list[dict[str, Any]]]:
    """For each of the vectors `(K, D)` the nearest others: `id` and Euclidean `distance`."""
    size = len(vectors)
    number = min(number, size - 1)
    found: list[list[dict[str, Any]]] = []
    for start in range(0, size, step := max(1, DISTANCES_AT_A_TIME // size)):
        part = vectors[start : start + step].double()
        # no products: differences of near vectors would drown in the squares of far ones
        distances = torch.cdist(part, vectors.double(), compute_mode="donot_use_mm_for_euclid_dist")
        itself = torch.arange(start, start + len(part))
        distances[torch.arange(len(part)), itself] = torch.inf
        # a stable sort: of equally near codes those with the smaller number first
        sorted_distances, ids = distances.sort(dim=1, stable=True)
        found += [
            [{"id": i, "distance": d} for i, d in zip(row, apart, strict=True)]
            for row, apart in zip(
                ids[:, :number].tolist(), sorted_distances[:, :number].tolist(), strict=True
            )
        ]
    return found


def description(vocabulary: Vocabulary) -> dict[str, Any]:
    """What `codes.json` holds: the model, the data, and each level in short."""
    config = vocabulary.quantizer.config
    layers: Any = config.quantizer_layers
    levels = []
    for level, statistics in enumerate(vocabulary.levels):
        levels.append(
            {
                "level": level,
                "file": file_of(level),
                "codebook_size": statistics.size,
                "quantizer_layer": layers[level],
                "receptive_field": statistics.field,
                "codes_counted": int(statistics.count.sum()),
                "codes_at_edges": int(statistics.edge_count.sum()),
                "active": int((statistics.count > 0).sum()),
                "only_at_edges": int(((statistics.edge_count > 0) & (statistics.count == 0)).sum()),
                "perplexity": 2.0 ** entropy_bits(statistics.count),
                "reverse_complement_share": statistics.reverse_complement_share(),
            }
        )
    return {
        "hf_genomics": package_versions().get("hf_genomics"),
        "model": vocabulary.name,
        "preset": preset_of(config),
        "codebook_sizes": list(config.codebook_sizes),
        "quantizer_layers": list(layers),
        "downsample_ratio": config.downsample_ratio,
        "k": vocabulary.levels[0].k,
        "kmer_start": vocabulary.levels[0].kmer_start,
        "window": vocabulary.window,
        "data": vocabulary.data,
        "levels": levels,
        "config": {name: getattr(config, name) for name in config_fields()},
    }
