"""Real genomes with lineages, and every embedding of them that a study of lineages compares."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers.utils.logging import tqdm

from hf_genomics.data.fasta import read_fasta
from hf_genomics.data.tables import column_names, read_batches
from hf_genomics.evaluation.lineage_codes import Codes
from hf_genomics.evaluation.lineage_features import (
    code_frequencies,
    kmer_frequencies,
    kmer_presence,
    length_and_unknowns,
    mean_vectors,
    word_presence,
)
from hf_genomics.evaluation.lineage_probe import Probe, linear_probe, probe_scores
from hf_genomics.evaluation.lineages import (
    neighbour_scores,
    variance_explained,
    variance_in_axes,
)
from hf_genomics.models.vqdna.modeling_vqdna_quantizer import VQDNAQuantizerModel

Floats = NDArray[np.float64]

NOT_A_LINEAGE = ("none", "recombinant")  # no WHO name; several lineages in one genome
BASELINE = "6-mer frequencies"
LEAK = "length and number of N"
COLUMNS = ("name", "nearest_who", "nearest_pango", "jaccard")


@dataclass(frozen=True)
class LabelledGenomes:
    """Genomes `(n,)` in upper case with the names of their WHO variant and Pango lineage."""

    names: list[str]
    sequences: list[str]
    variants: NDArray[np.str_]
    lineages: NDArray[np.str_]

    @property
    def named(self) -> NDArray[np.bool_]:
        """`(n,)`: whether the genome belongs to one variant with a WHO name."""
        return ~np.isin(self.variants, NOT_A_LINEAGE)

    def where(self, kept: NDArray[np.bool_]) -> LabelledGenomes:
        """The genomes at which `kept` `(n,)` is True."""
        return LabelledGenomes(
            [name for name, keep in zip(self.names, kept, strict=True) if keep],
            [sequence for sequence, keep in zip(self.sequences, kept, strict=True) if keep],
            self.variants[kept],
            self.lineages[kept],
        )


def read_labelled_genomes(
    fasta: str | Path, labels: str | Path, *, min_jaccard: float = 0.5
) -> LabelledGenomes:
    """Genomes of a FASTA file whose row in a table of labels is sure enough.

    Args:
        fasta: Genomes, not aligned.
        labels: CSV with the columns `name`, `nearest_who`, `nearest_pango` and `jaccard`.
        min_jaccard: Rows with less are left out.

    Raises:
        ValueError: A column, a name or every row is missing, a name stands twice in a file, or a
            jaccard is no number.
    """
    present = column_names(labels)
    lacking = [name for name in COLUMNS if name not in present]
    if lacking:
        raise ValueError(f"{labels} lacks {', '.join(lacking)}; it needs {', '.join(COLUMNS)}.")
    rows = [
        dict(zip(COLUMNS, values, strict=True))
        for batch in read_batches(labels, 10_000)
        for values in zip(*(batch[name] for name in COLUMNS), strict=True)
    ]
    _require_once([row["name"] for row in rows], labels)
    kept = [
        row
        for number, row in enumerate(rows)
        if _jaccard(row["jaccard"], f"Row {number} (from 0) of {labels}") >= min_jaccard
    ]
    if not kept:
        raise ValueError(
            f"No row of {labels} has a jaccard of {min_jaccard} or more; ask for less."
        )
    records = [(record.name, record.sequence.upper()) for record in read_fasta(fasta)]
    _require_once([name for name, _ in records], fasta)
    sequences = dict(records)
    unknown = [row["name"] for row in kept if row["name"] not in sequences]
    if unknown:
        raise ValueError(
            f"{fasta} lacks {len(unknown)} genomes that {labels} names, such as {unknown[0]!r}."
        )
    return LabelledGenomes(
        [row["name"] for row in kept],
        [sequences[row["name"]] for row in kept],
        np.array([row["nearest_who"] for row in kept]),
        np.array([row["nearest_pango"] for row in kept]),
    )


def _require_once(names: Sequence[str], file: str | Path) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(
            f"{file} has {len(repeated)} names more than once, such as {repeated[0]!r}; keep one "
            "genome of each."
        )


def _jaccard(text: object, where: str) -> float:
    try:
        value = float(str(text))
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise ValueError(
            f"{where} has the jaccard {text!r}; a number from 0 to 1 is needed; leave the row out."
        )
    return value


def code_embeddings(
    codes: Sequence[Codes], codebooks: Sequence[Floats], *, permutation_seed: int | None = None
) -> dict[str, Floats]:
    """Mean vectors `(n, D)` of each level and of the quantized representation, coarse to fine.

    Args:
        codes: `(Q, L)` of each genome.
        codebooks: `(K, D)` of each level.
        permutation_seed: Give every code the vector of another one, drawn by this.
    """
    generator = np.random.default_rng(permutation_seed)
    means = []
    for level, codebook in enumerate(codebooks):
        vectors = codebook if permutation_seed is None else generator.permutation(codebook)
        means.append(mean_vectors(code_frequencies(codes, level, len(codebook)), vectors))
    embeddings = {f"e_{level + 1}": mean for level, mean in enumerate(means)}
    return embeddings | {"Z_hat": np.mean(means, 0)}


def model_embeddings(codes: Sequence[Codes], codebooks: Sequence[Floats]) -> dict[str, Floats]:
    """Everything that is made of a quantizer's codes, by name: means, their control, counts."""
    embeddings = code_embeddings(codes, codebooks)
    permuted = code_embeddings(codes, codebooks, permutation_seed=0)
    embeddings["Z_hat, vectors permuted"] = permuted["Z_hat"]
    for level, codebook in enumerate(codebooks):
        frequencies = code_frequencies(codes, level, len(codebook))
        embeddings[f"code frequencies, level {level + 1}"] = frequencies
    if len(codebooks) > 1:
        embeddings["pairs of codes, present or not"] = word_presence(codes, len(codebooks[1]))
    return embeddings


def baseline_embeddings(sequences: Sequence[str]) -> dict[str, Floats]:
    """What needs no network, by name."""
    return {
        BASELINE: kmer_frequencies(sequences, 6),
        "12-mers, present or not": kmer_presence(sequences, 12),
        LEAK: length_and_unknowns(sequences),
    }


def untrained(model: VQDNAQuantizerModel, seed: int = 0) -> VQDNAQuantizerModel:
    """A quantizer of the same shape with random weights and codebooks, neither ever trained."""
    config = type(model.config).from_dict(model.config.to_dict())
    config.kmeans_init = False
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return VQDNAQuantizerModel(config).eval().to(model.device)


def codebooks_of(model: VQDNAQuantizerModel) -> list[Floats]:
    """The vectors `(K, D)` of every level."""
    levels = range(model.config.num_quantizers)
    return [model.get_codebook(level).detach().cpu().double().numpy() for level in levels]


def codes_in_use(codes: Sequence[Codes], level: int) -> int:
    """How many different codes of a level the genomes have."""
    return len(np.unique(np.concatenate([of_genome[level] for of_genome in codes]))) - any(
        (of_genome[level] < 0).any() for of_genome in codes
    )


def compare_embeddings(
    embeddings: Mapping[str, Floats],
    variants: NDArray[np.str_],
    lineages: NDArray[np.str_],
    *,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Every score of every embedding, leads being over `BASELINE`.

    Args:
        embeddings: `(n, channels)` by name, of genomes of one variant each; those named `BASELINE`
            and `LEAK` must be among them.
        variants: `(n,)`, the labels.
        lineages: `(n,)`, Pango lineages, kept apart by the probe.
        seed: Of the folds.

    Returns:
        By name: `channels`, `from_leak` (share of the variance that is linear in `LEAK`),
        `in_two_axes` (share in two principal axes), the scores of `neighbour_scores`, `macro_f1`
        and `lead` (`Estimate`s), `strengths`.
    """
    scores: dict[str, dict[str, Any]] = {}
    probes: dict[str, Probe] = {}
    for name, features in tqdm(embeddings.items(), desc="embeddings"):
        probes[name] = linear_probe(features, variants, lineages, seed=seed)
        scores[name] = {
            "channels": features.shape[1],
            "from_leak": variance_explained(features, embeddings[LEAK]),
            "in_two_axes": variance_in_axes(features),
            **neighbour_scores(features, variants, lineages),
            "strengths": probes[name].strengths,
        }
    for name, of_probe in probe_scores(probes, BASELINE).items():
        scores[name] |= of_probe
    return scores
