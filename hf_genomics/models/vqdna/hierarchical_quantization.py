"""Hierarchical residual quantization, HRQ (Li et al., ICML 2024, section 3.3, Eq. 6).

Each level looks up its own codebook, reads its own depth of the encoder, and quantizes what the
levels before it left. The result is the mean of the levels' vectors, so fewer levels give a coarser
vector of the same scale.

Legend: B batch, Q levels, T codes, D channels, K codebook size; Z_n feature of level n, e_n its
code vector, H_n what it quantizes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .shared_vectors import is_shared


@dataclass
class HierarchicalOutput:
    """Levels of one quantization.

    Args:
        quantized: `(B, T, D)`, the mean over the levels; zero where the mask is False.
        codes: `(B, Q, T)` int64, -1 where the mask is False.
        commitment_loss: `()` float32, the sum over the levels of the mean of `(H_n - sg(e_n))^2`
            over vectors and channels.
        latents: Q tensors `(B, T, D)`, H_n.
    """

    quantized: Tensor
    codes: Tensor
    commitment_loss: Tensor
    latents: tuple[Tensor, ...]


@dataclass
class CodebookUsage:
    """How the codes of one level are used.

    Args:
        counts: `(K,)` int64, occurrences of each code.
        active_percent: share of the codes that occur, 0 to 100.
        perplexity: `2 ** entropy` of the frequencies, from 1 to K; 0 without any code.
    """

    counts: Tensor
    active_percent: float
    perplexity: float


class HierarchicalQuantizer(nn.Module):
    """A codebook per level, and the rule for what each level quantizes.

    With two levels, averaged, the vector is to be Z_2: `(e_1 + e_2) / 2 = Z_2` asks for
    `e_2 = 2 Z_2 - e_1`, which is what level 2 quantizes. The error of H_2 is therefore twice that
    of Z_2, and four times when squared: a commitment weight of 0.5 counts as 2 there.

    Args:
        codebooks: one per level, coarse to fine.
        residual_rule: `"paper"`: `H_n = 2 Z_n - e_(n-1)`, so that neighbouring levels average to
            Z_n. `"mean"`: `H_n = n Z_n - (e_1 + ... + e_(n-1))`, so that all levels average to Z_N.
    """

    def __init__(self, codebooks: Sequence[nn.Module], residual_rule: str = "paper"):
        super().__init__()
        self.codebooks = nn.ModuleList(codebooks)
        self.residual_rule = residual_rule

    def forward(
        self, features: Sequence[Tensor], mask: Tensor, quantize: bool = True
    ) -> HierarchicalOutput:
        """Quantizes the first `len(features)` levels.

        Args:
            features: Z_n for each level, `(B, T, D)`, zero where the mask is False.
            mask: `(B, T)` bool, True where there is a code.
            quantize: False takes H_n for the vector: the codes are -1, and the mean of two levels
                is the last feature.
        """
        latents: list[Tensor] = []
        vectors: list[Tensor] = []
        codes: list[Tensor] = []
        loss = features[0].new_zeros((), dtype=torch.float32)
        for feature, codebook in zip(features, self.codebooks, strict=False):
            latent = self._level_input(feature, vectors)
            if quantize:
                output = codebook(latent, mask)
                vectors.append(output.quantized.to(latent.dtype))
                codes.append(output.codes)
                loss = loss + output.commitment_loss
            else:
                vectors.append(latent)
                codes.append(torch.full(mask.shape, -1, device=mask.device))
                if is_shared():  # DDP waits for a gradient of every parameter
                    loss = loss + 0 * sum(weight.sum() for weight in codebook.parameters())
            latents.append(latent)
        return HierarchicalOutput(
            quantized=mean_over_levels(vectors),
            codes=torch.stack(codes, 1),
            commitment_loss=loss,
            latents=tuple(latents),
        )

    def lookup(self, codes: Tensor) -> Tensor:
        """Vectors `(B, T, D)` float32 of codes `(B, Q', T)` of the first Q' levels; 0 for -1."""
        levels = zip(codes.unbind(1), self.codebooks, strict=False)
        return mean_over_levels([codebook.lookup(code) for code, codebook in levels])

    def _level_input(self, feature: Tensor, vectors: list[Tensor]) -> Tensor:
        """H_n (Eq. 6). The vectors before it are constants: no gradient goes through them."""
        if not vectors:
            return feature
        if self.residual_rule == "paper":
            return 2 * feature - vectors[-1].detach()
        return (len(vectors) + 1) * feature - sum(vector.detach() for vector in vectors)


def mean_over_levels(vectors: Sequence[Tensor]) -> Tensor:
    """The mean of tensors of one shape."""
    total = vectors[0]
    for vector in vectors[1:]:
        total = total + vector
    return total / len(vectors)


def code_counts(codes: Tensor, codebook_size: int) -> Tensor:
    """Occurrences `(K,)` int64 of the codes 0 to K - 1 in a tensor of any shape; -1 is left out."""
    flat = codes.flatten() + 1  # -1 falls into a bin of its own
    counts = torch.zeros(codebook_size + 1, dtype=torch.int64, device=codes.device)
    return counts.index_add_(0, flat, torch.ones_like(flat))[1:]


def perplexity(counts: Tensor) -> Tensor:
    """`2 ** entropy` of counts `(K,)`: `()`, float64 for float64 counts, else float32; from 1
    to K, 0 if all are 0."""
    total = counts.sum()
    frequencies = counts / total.clamp_min(1)
    entropy = -torch.special.xlogy(frequencies, frequencies).sum()
    return entropy.exp() * (total > 0)


def usage(codes: Tensor, codebook_sizes: Sequence[int]) -> list[CodebookUsage]:
    """The use of each level's codes.

    Args:
        codes: `(B, Q', T)`, -1 where there is none.
        codebook_sizes: at least Q'.
    """
    report = []
    for level, size in zip(codes.unbind(1), codebook_sizes, strict=False):
        counts = code_counts(level, size)
        active = 100.0 * int((counts > 0).sum()) / size
        report.append(CodebookUsage(counts, active, float(perplexity(counts))))
    return report
