"""Measures of a learned vocabulary, on sequences it was not trained on.

Legend: W windows, L bases, Q levels, T codes (L for one code per nucleotide), K codes of a level.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from hf_genomics.evaluation.code_information import (
    Integers,
    corrected_information,
    entropy_bits,
    kmer_information,
    leak,
)
from hf_genomics.models.vqdna.modeling_vqdna_quantizer import VQDNAQuantizerModel

KMERS = (1, 3, 5, 7)
LEAKS = range(1, 11)
DROPPED = 0.5  # share of the codes that are hidden from the decoder in one of the measures
SHIFT = 7  # bases by which windows are moved for the consistency of codes


@torch.no_grad()
def codebook_metrics(
    model: VQDNAQuantizerModel, input_ids: Tensor, *, batch_size: int = 16, seed: int = 0
) -> dict[str, float]:
    """All measures of a quantizer on windows of held-out sequence.

    `_i` is the level, from 0. Per level: `active_i` percent of the codes that occur, `dead_i` codes
    whose moving count is below a tenth of an even one, `perplexity_i`, `perplexity_share_i` of K,
    `effective_rank_i` of the codebook, `quantization_error_i` as `|H - e|^2 / |H|^2`. Together:
    `positions` that have a code, `bits_per_nucleotide`, `joint_perplexity` and `level_information`
    (bits that levels 0 and 1 share), `representation_error` and `representation_error_coarse` (of
    the last feature, with all levels and the first alone), `accuracy` and `cross_entropy` (nats) of
    reading back from all codes, `_coarse` from the first level, `_dropped` with half of the codes
    hidden.

    With one code per nucleotide also, per level: `kmer_k_i`, bits of the k-mer under a code;
    `leak_o_i`, bits of the base o positions left of it; `reverse_complement_i`, share of the
    positions that the best one-to-one map from codes to those of the other strand explains;
    `snv_changed_i` and `snv_most_i`, mean and largest number of codes that one substitution
    changes; and for all levels `shift_consistency`, share of the codes that stay when a window is
    moved, outside the receptive field of its ends.

    Args:
        model: in evaluation mode.
        input_ids: `(W, L)`, as the tokenizer gives them.
        batch_size: windows at a time.
        seed: of shuffled labels, hidden codes and substitutions.

    Raises:
        ValueError: no window, or windows too short to have a base outside both margins.
    """
    radius = model.receptive_radius
    if not len(input_ids) or input_ids.shape[1] <= 2 * radius + SHIFT:
        raise ValueError(
            f"input_ids are {tuple(input_ids.shape)}; measures need windows of more than "
            f"{2 * radius + SHIFT} bases."
        )
    generator = np.random.default_rng(seed)
    batches = input_ids.split(batch_size)
    codes = np.concatenate([model.tokenize(batch).cpu().numpy() for batch in batches])
    result = usage_metrics(model, codes, generator)
    result |= reconstruction_metrics(model, batches, seed)
    if model.config.downsample_ratio == 1:
        bases = input_ids.cpu().numpy()
        for level in range(codes.shape[1]):
            for k in KMERS:
                result[f"kmer_{k}_{level}"] = kmer_information(codes[:, level], bases, k, generator)
            for offset in LEAKS:
                bits = leak(codes[:, level], bases, offset, generator)
                result[f"leak_{offset}_{level}"] = bits
        result |= consistency_metrics(model, batches, codes, generator)
    return result


def usage_metrics(
    model: VQDNAQuantizerModel, codes: Integers, generator: np.random.Generator
) -> dict[str, float]:
    """How the codes `(W, Q, T)` are used, and the shape of the codebooks."""
    result = {"positions": float((codes[:, 0] >= 0).sum())}
    bits = 0.0
    codebooks: Any = model.quantizer.codebooks
    for level, size in enumerate(model.config.codebook_sizes):
        here = codes[:, level]
        counts = np.bincount(here[here >= 0], minlength=size)
        entropy = entropy_bits(counts)
        bits += entropy
        result[f"active_{level}"] = 100.0 * float((counts > 0).mean())
        result[f"perplexity_{level}"] = 2.0**entropy
        result[f"perplexity_share_{level}"] = 2.0**entropy / size
        result[f"effective_rank_{level}"] = effective_rank(model.get_codebook(level))
        moving = getattr(codebooks[level], "ema_count", None)
        if moving is not None:
            result[f"dead_{level}"] = float((moving < 0.1 * moving.mean()).sum())
    result["bits_per_nucleotide"] = bits / model.config.downsample_ratio
    if codes.shape[1] > 1:
        first, second = (codes[:, level][codes[:, 0] >= 0] for level in (0, 1))
        joint = first.astype(np.int64) * model.config.codebook_sizes[1] + second
        result["joint_perplexity"] = 2.0 ** entropy_bits(np.unique(joint, return_counts=True)[1])
        result["level_information"] = corrected_information(first, second, generator)
    return result


def effective_rank(vectors: Tensor) -> float:
    """Exponential of the entropy of the singular values of centred vectors (Roy, Vetterli 2007)."""
    centred = vectors.double() - vectors.double().mean(0)
    values = torch.linalg.svdvals(centred)
    p = values / values.sum().clamp_min(torch.finfo(torch.float64).tiny)
    return float(torch.special.entr(p).sum().exp())


def reconstruction_metrics(
    model: VQDNAQuantizerModel, batches: Sequence[Tensor], seed: int
) -> dict[str, float]:
    """Errors of quantization, and of nucleotides read back from codes."""
    hidden = torch.Generator().manual_seed(seed)
    levels = model.config.num_quantizers
    codebooks: Any = model.quantizer.codebooks
    totals: dict[str, float] = dict.fromkeys(("known", "size", "error", "error_coarse"), 0.0)
    for batch in batches:
        encoded = model.encode(batch, return_dict=True)
        codes, latents = encoded.codes, encoded.latents
        add(totals, "known", ((batch >= 0) & (batch < 4)).sum())
        vectors = [codebook.lookup(codes[:, level]) for level, codebook in enumerate(codebooks)]
        mask = (codes[:, 0] >= 0)[:, :, None]
        for level, (latent, vector) in enumerate(zip(latents, vectors, strict=True)):
            add(totals, f"latent_{level}", (latent * mask).square().sum())
            add(totals, f"distance_{level}", ((latent - vector) * mask).square().sum())
        # the last feature, by the rule that made H_N of it
        if model.config.residual_rule == "paper":
            before, share = vectors[-2] if levels > 1 else 0 * vectors[0], min(levels, 2)
        else:
            before, share = sum(vectors[:-1], 0 * vectors[0]), levels
        feature = (latents[-1] + before) / share * mask
        add(totals, "size", feature.square().sum())
        add(totals, "error", (feature - sum(vectors) / levels * mask).square().sum())
        add(totals, "error_coarse", (feature - vectors[0] * mask).square().sum())
        whole = encoded.quantized_representation
        there = torch.rand(codes[:, 0].shape, generator=hidden) >= DROPPED
        stand_in = torch.zeros_like(whole)
        if model.dropped_code is not None:
            stand_in = mask * model.dropped_code.to(whole)
        versions = {
            "": whole,
            "_coarse": model.get_codebook_entry(codes[:, :1]),
            "_dropped": torch.where(there.to(whole.device)[:, :, None], whole, stand_in),
        }
        for name, representation in versions.items():
            right, entropy = read_back(model, representation, batch)
            add(totals, f"right{name}", right)
            add(totals, f"entropy{name}", entropy)
    result = {
        f"quantization_error_{level}": totals[f"distance_{level}"] / totals[f"latent_{level}"]
        for level in range(levels)
    }
    result["representation_error"] = totals["error"] / totals["size"]
    result["representation_error_coarse"] = totals["error_coarse"] / totals["size"]
    for name in versions:
        result[f"accuracy{name}"] = totals[f"right{name}"] / totals["known"]
        result[f"cross_entropy{name}"] = totals[f"entropy{name}"] / totals["known"]
    return result


def add(totals: dict[str, float], name: str, value: Tensor) -> None:
    totals[name] = totals.get(name, 0.0) + float(value)


def read_back(
    model: VQDNAQuantizerModel, representation: Tensor, ids: Tensor
) -> tuple[Tensor, Tensor]:
    """Number of bases read back, and the sum of their cross-entropies in nats."""
    logits = model.decode(quantized_representation=representation, return_dict=True).logits
    logits = logits[:, : ids.shape[1]].float()
    known = (ids >= 0) & (ids < 4)
    entropy = F.cross_entropy(
        logits.transpose(1, 2), torch.where(known, ids, -100), reduction="sum"
    )
    return ((logits.argmax(2) == ids) & known).sum(), entropy


def consistency_metrics(
    model: VQDNAQuantizerModel,
    batches: Sequence[Tensor],
    codes: Integers,
    generator: np.random.Generator,
) -> dict[str, float]:
    """How codes change when a window is moved, turned round, or changed in one base."""
    radius, length = model.receptive_radius, codes.shape[2]
    result: dict[str, float] = {}
    moved = np.concatenate([model.tokenize(batch[:, SHIFT:]).cpu().numpy() for batch in batches])
    inner = slice(SHIFT + radius, length - radius)
    same = codes[:, :, inner] == moved[:, :, inner.start - SHIFT : inner.stop - SHIFT]
    result["shift_consistency"] = float(same.mean())

    turned = np.concatenate(
        [model.tokenize(reverse_complement(batch)).flip(2).cpu().numpy() for batch in batches]
    )
    position = length // 2
    changed = []
    for batch in batches:
        mutant = batch.clone()
        step = torch.from_numpy(generator.integers(1, 4, len(batch))).to(batch)
        base = batch[:, position]
        mutant[:, position] = torch.where(base < 4, (base + step) % 4, base)
        changed.append(model.tokenize(mutant).cpu().numpy())
    differs = (np.concatenate(changed) != codes).sum(2)
    for level in range(codes.shape[1]):
        size = model.config.codebook_sizes[level]
        share = matched_share(codes[:, level], turned[:, level], size)
        result[f"reverse_complement_{level}"] = share
        result[f"snv_changed_{level}"] = float(differs[:, level].mean())
        result[f"snv_most_{level}"] = float(differs[:, level].max())
    return result


def reverse_complement(ids: Tensor) -> Tensor:
    """Bases 0 to 3 of the other strand; other ids stay."""
    return torch.where(ids < 4, 3 - ids, ids).flip(1)


def matched_share(codes: Integers, others: Integers, size: int) -> float:
    """Share of positions that the best one-to-one map of codes to other codes explains."""
    both = (codes >= 0) & (others >= 0)
    pairs = codes[both].astype(np.int64) * size + others[both]
    table: NDArray[np.int64] = np.bincount(pairs, minlength=size * size).reshape(size, size)
    rows, columns = linear_sum_assignment(table, maximize=True)
    return float(table[rows, columns].sum() / max(1, both.sum()))


def as_table(results: dict[str, dict[str, Any]], metrics: Sequence[str]) -> str:
    """A Markdown table: one row per metric, one column per model; `-` where there is none."""
    names = [*results]
    lines = ["| | " + " | ".join(names) + " |", "| --- " * (len(names) + 1) + "|"]
    for metric in metrics:
        values = [results[name].get(metric) for name in names]
        cells = ["-" if value is None else f"{value:.4g}" for value in values]
        lines.append(f"| {metric} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
