"""The vocabulary of a VQDNA quantizer as files: what each code stands for in given genomes.

Legend: W windows, L bases of a window, r bases per code, T codes (L / r), Q levels, K codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import AutoModel
from transformers.utils.logging import tqdm

from hf_genomics.data.genome_windows import load_genomes
from hf_genomics.data.progress import bars_shown
from hf_genomics.evaluation.codebooks import reverse_complement
from hf_genomics.evaluation.devices import usable_device
from hf_genomics.evaluation.loaded_weights import naming_weights, require_all_weights
from hf_genomics.evaluation.vocabulary_files import Vocabulary, check_target, write_vocabulary
from hf_genomics.evaluation.vocabulary_statistics import LevelStatistics
from hf_genomics.evaluation.vocabulary_windows import WindowReader, batches
from hf_genomics.models.vqdna.modeling_vqdna_quantizer import VQDNAQuantizerModel


def export_vocabulary(
    model: VQDNAQuantizerModel | str | Path,
    genomes: Sequence[str | Path] | Dataset,
    output: str | Path,
    *,
    held_out: Sequence[str] = (),
    k: int = 7,
    top: int = 10,
    num_neighbours: int = 5,
    max_bases: int | None = None,
    window: int = 512,
    batch_size: int = 16,
    device: str | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Writes what the codes of a quantizer stand for in genomes; all of it or nothing.

    Per level one Parquet file `level_<n>.parquet`, coarse to fine from 0, with one row per code:
    counts, the most frequent k-mers at its centre, a position weight matrix of the bases it reads,
    their consensus, its partner on the other strand, and the nearest codes of the codebook;
    docs/vqdna_vocabulary.md describes the columns. Beside them `codebook.safetensors` (`level_<n>`,
    `(K, D)`), `codes.json` and a card, with which `datasets.load_dataset(output, "level_<n>")`
    reads the folder.

    Genomes are read in windows that overlap, so that every code whose field lies within its
    sequence is counted once, on the strand that the files give; the other strand is read for
    partners. [`LevelStatistics`] says which codes are *at edges* and left out, and where the
    centred k-mer lies where a code stands for r = 2 or 4 bases: its first base is the code's first
    base plus `floor((r - k) / 2)`. Memory does not grow with the genomes.

    Args:
        model: a quantizer, a language model over one, or the folder or Hub id of either.
        genomes: FASTA files, or folders or Hub ids of data sets with a column `sequence`; or rows
            of [`load_genomes`].
        output: folder to write; new or empty.
        held_out: count in these contigs `NAME` or stretches `NAME:START-END` (0-based, half-open)
            alone; in everything if empty.
        k: bases of the centred k-mers, 1 to 11, and at most what a code of any level reads.
        top: k-mers to name per code.
        num_neighbours: nearest codes to name per code.
        max_bases: stop after so many bases.
        window: bases read at a time; a multiple of r, and more than what a code reads.
        batch_size: windows at a time.
        device: of a model that is loaded; a GPU if there is one.
        progress: show a bar of the bases read.

    Returns:
        What `codes.json` holds.

    Raises:
        ValueError: the output is not empty, the model is no quantizer, an option is out of range,
            `load_genomes` does not take the genomes, or no code could be counted.
    """
    output = Path(output).resolve()
    check_target(output)
    for name, value in (("top", top), ("window", window), ("batch_size", batch_size)):
        if value < 1:
            raise ValueError(f"{name} is {value}; give 1 or more.")
    if num_neighbours < 0 or (max_bases is not None and max_bases < 1):
        raise ValueError(
            f"num_neighbours is {num_neighbours} and max_bases {max_bases}; give 0 or more, and 1 "
            "or more."
        )
    quantizer = load_quantizer(model, device)
    config = quantizer.config
    ratio = config.downsample_ratio
    halo = -(-config.receptive_radius // ratio) * ratio
    if window % ratio or window <= 2 * halo:
        raise ValueError(
            f"window is {window}; give a multiple of {ratio} above {2 * halo}, beyond which a code "
            "sees its whole field."
        )
    levels = [
        LevelStatistics(size, config.radius_of_level(level), ratio, k)
        for level, size in enumerate(config.codebook_sizes)
    ]
    rows = genomes
    if not isinstance(rows, Dataset):
        sources = [str(source) for source in rows]
        with bars_shown(progress):
            rows = load_genomes(sources, held_out=held_out, want_held_out=bool(held_out))
    elif held_out:
        raise ValueError("held_out is for files; choose among rows before passing them.")
    reader = WindowReader(rows, window, halo, max_bases)
    shown = 0
    with tqdm(total=reader.total, unit=" bases", disable=not progress) as bar:
        for windows in batches(reader, batch_size):
            bases = np.stack([window.bases for window in windows])
            owned = np.stack([window.owned[::ratio] for window in windows])
            ids = torch.from_numpy(bases).to(quantizer.device)
            codes = quantizer.tokenize(ids).cpu().numpy()
            others = quantizer.tokenize(reverse_complement(ids)).flip(2).cpu().numpy()
            for level, statistics in enumerate(levels):
                statistics.add(codes[:, level], others[:, level], bases, owned)
            # the bar does not know how far it is where Transformers' bars are switched off
            bar.update(reader.num_bases - shown)
            shown = reader.num_bases
        bar.update(reader.num_bases - shown)
    if not levels[0].count.sum():
        raise ValueError(
            f"no code was counted in {reader.num_bases} bases: each has an end or an unknown base "
            f"within {levels[0].radius} bases; give longer sequences."
        )
    data = {
        "sequence_sha256": reader.sha256.hexdigest(),
        "bases": reader.num_bases,
        "base_counts": dict(zip("ACGT", reader.base_counts.tolist(), strict=True)),
        "sources": [] if isinstance(genomes, Dataset) else [Path(g).name for g in genomes],
        "held_out": list(held_out),
        "max_bases": max_bases,
    }
    vocabulary = Vocabulary(
        quantizer, levels, data, name_of(model), window=window, top=top, neighbours=num_neighbours
    )
    return write_vocabulary(vocabulary, output)


def load_quantizer(
    model: VQDNAQuantizerModel | str | Path, device: str | None = None
) -> VQDNAQuantizerModel:
    """The quantizer that a model is, holds, or is saved as; in float32 where it is loaded.

    Raises:
        ValueError: there is none, PyTorch cannot use the device, or weights cannot be read, are
            missing or have another shape than the configuration says.
    """
    loaded: Any = model
    loading: Any = None
    if isinstance(model, str | Path):
        usable = usable_device(device)  # known before the weights are read
        with naming_weights(str(model)):
            loaded, loading = AutoModel.from_pretrained(
                str(model),
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # refused below, in one sentence
            )
        loaded = loaded.eval().to(usable)
    quantizer = getattr(loaded, "quantizer_model", loaded)
    if not isinstance(quantizer, VQDNAQuantizerModel):
        raise ValueError(
            f"{model if isinstance(model, str | Path) else type(model).__name__} is a "
            f"{type(loaded).__name__}; give a VQDNAQuantizerModel or a VQDNA model over one."
        )
    if loading is not None:
        require_all_weights(loading, str(model))
    return quantizer


def name_of(model: VQDNAQuantizerModel | str | Path) -> str | None:
    """A Hub id, or the last part of a local path: files that are passed on name no folders."""
    given = model if isinstance(model, str | Path) else model.config._name_or_path
    return (Path(given).name if Path(given).exists() else str(given)) if given else None
