"""The VQDNA quantizer (Li et al., ICML 2024, arXiv 2405.10812): a learned DNA vocabulary.

A convolutional encoder reads nucleotides, hierarchical residual quantization (HRQ) turns its
features into codes, and the encoder's mirror reads the nucleotides back from the codes' vectors.

Legend: B batch, L nucleotides, r nucleotides per code, T codes (L / r, rounded up), Q levels,
D channels, K codebook size.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.utils import ModelOutput, can_return_tuple

# Who loads a saved folder may have a Transformers before 5.8, which copies only the files that this
# one names itself: those that it does not use (F401) are needed by those that it does.
from .code_search import nearest  # noqa: F401
from .codebook import Codebook, FiniteScalarCodebook
from .configuration_vqdna_quantizer import VQDNAQuantizerConfig
from .convolutional_blocks import NUM_BASES, ConvNeXtBlock1d, Head, Stem
from .gradient_estimators import straight_through  # noqa: F401
from .hierarchical_quantization import (
    CodebookUsage,
    HierarchicalOutput,
    HierarchicalQuantizer,
    code_counts,
    perplexity,
    usage,
)
from .linear_layers import RowwiseLinear  # noqa: F401
from .modeling_quantizer_base import VQDNAQuantizerPreTrainedModel, check_token_ids
from .products import product  # noqa: F401
from .remote_code import code_files  # noqa: F401
from .shared_vectors import SharedVectors  # noqa: F401


@dataclass
class VQDNAQuantizerOutput(ModelOutput):
    """What a [`VQDNAQuantizerModel`] returns.

    Args:
        loss: `()`, `reconstruction_loss + config.commitment_weight * commitment_loss`.
        reconstruction_loss: `()`, mean cross-entropy of the nucleotides, in nats.
        commitment_loss: `()`, summed over the levels: mean squared distance of what is quantized
            from its code vector, per channel.
        logits: `(B, L, 4)`, of A, C, G, T at each position.
        codes: `(B, Q, T)` int64; -1 at padding, N and special tokens.
        quantized_representation: `(B, T, D)`, the mean of the levels' code vectors; zero where
            there is no code.
        codebook_perplexity: `(Q,)`, of the codes of this batch, from 1 to K; 0 without a code.
    """

    loss: Tensor | None = None
    reconstruction_loss: Tensor | None = None
    commitment_loss: Tensor | None = None
    logits: Tensor | None = None
    codes: Tensor | None = None
    quantized_representation: Tensor | None = None
    codebook_perplexity: Tensor | None = None


@dataclass
class VQDNAQuantizerEncoderOutput(ModelOutput):
    """What [`VQDNAQuantizerModel.encode`] returns.

    Args:
        loss: `()`, the weighted commitment loss.
        codes: `(B, Q, T)` int64; -1 at padding, N and special tokens.
        quantized_representation: `(B, T, D)`, the mean of the levels' code vectors; zero where
            there is no code.
        latents: Q tensors `(B, T, D)`: what each level quantizes.
    """

    loss: Tensor | None = None
    codes: Tensor | None = None
    quantized_representation: Tensor | None = None
    latents: tuple[Tensor, ...] | None = None


@dataclass
class VQDNAQuantizerDecoderOutput(ModelOutput):
    """What [`VQDNAQuantizerModel.decode`] returns.

    Args:
        logits: `(B, T * r, 4)`, of A, C, G, T at each position.
    """

    logits: Tensor | None = None


class VQDNAQuantizerBlock(GradientCheckpointingLayer, ConvNeXtBlock1d):
    """A block whose activations may be computed again in the backward pass."""

    def __init__(self, config: VQDNAQuantizerConfig):
        super().__init__(
            config.hidden_size, config.kernel_size, config.expansion, config.layer_norm_eps
        )


class VQDNAQuantizerEncoder(nn.Module):
    """Stem and blocks, read after the blocks that the levels tap."""

    def __init__(self, config: VQDNAQuantizerConfig):
        super().__init__()
        self.taps = list(config.quantizer_layers)
        self.stem = Stem(*sizes_of_stem(config))
        self.blocks = nn.ModuleList(VQDNAQuantizerBlock(config) for _ in range(config.num_layers))

    def forward(
        self, one_hot: Tensor, mask: Tensor, code_mask: Tensor, num_quantizers: int
    ) -> list[Tensor]:
        """The features `(B, T, D)` of the first levels; see [`Stem`] for the inputs."""
        x = self.stem(one_hot, mask, code_mask)
        if self.training and self.blocks[0].gradient_checkpointing and not x.requires_grad:
            # reentrant checkpointing gives no gradient to a block none of whose inputs has one
            x = x.detach().requires_grad_()
        taps = self.taps[:num_quantizers]
        states = [x]
        for block in self.blocks[: taps[-1]]:
            states.append(block(states[-1], code_mask))
        return [states[tap] for tap in taps]


class VQDNAQuantizerDecoder(nn.Module):
    """The encoder in reverse, from code vectors to nucleotides."""

    def __init__(self, config: VQDNAQuantizerConfig):
        super().__init__()
        self.blocks = nn.ModuleList(VQDNAQuantizerBlock(config) for _ in range(config.num_layers))
        self.head = Head(*sizes_of_stem(config))

    def forward(self, x: Tensor, code_mask: Tensor) -> Tensor:
        """`(B, T, D)` to `(B, T * r, 4)`; `code_mask (B, T, 1)`, 1 where there is a code."""
        if self.training and self.blocks[0].gradient_checkpointing and not x.requires_grad:
            x = x.detach().requires_grad_()
        for block in self.blocks:
            x = block(x, code_mask)
        return self.head(x, code_mask)


def sizes_of_stem(config: VQDNAQuantizerConfig) -> tuple[int, int, int, int, float]:
    """What a stem and its mirror are built from."""
    return (
        config.stem_dim,
        config.hidden_size,
        config.stem_kernel_size,
        config.downsample_ratio,
        config.layer_norm_eps,
    )


def make_codebook(config: VQDNAQuantizerConfig, level: int) -> nn.Module:
    """The codebook of a level (from 0) as the configuration says."""
    if config.quantizer_type == "fsq":
        return FiniteScalarCodebook(config.fsq_levels, config.hidden_size)
    return Codebook(
        config.codebook_sizes[level],
        config.hidden_size,
        codebook_dim=config.codebook_dim,
        distance=config.codebook_distance,
        gradient=config.codebook_gradient,
        decay=config.codebook_decay,
        kmeans_init=config.kmeans_init,
        revival_threshold=config.revival_threshold,
        seed=config.codebook_seed,
        level=level,
    )


class VQDNAQuantizerModel(VQDNAQuantizerPreTrainedModel):
    """The learnable tokenizer: nucleotides to codes, and codes to nucleotides.

    Convolutions read A, C, G and T only. N, padding and special tokens are zeros, as what lies
    beyond the ends of a sequence is, so codes depend neither on the padding nor on the batch.

    Args:
        config: sizes and options.

    Example:
        >>> from hf_genomics import DNATokenizer, VQDNAQuantizerConfig, VQDNAQuantizerModel
        >>> config = VQDNAQuantizerConfig(hidden_size=32, num_layers=2, codebook_sizes=[16, 32])
        >>> model = VQDNAQuantizerModel(config).eval()
        >>> inputs = DNATokenizer()(["ACGTN", "TTAGGG"], padding=True, return_tensors="pt")
        >>> model.tokenize(**inputs).shape
        torch.Size([2, 2, 6])
    """

    training_steps: Tensor

    def __init__(self, config: VQDNAQuantizerConfig):
        super().__init__(config)
        self.encoder = VQDNAQuantizerEncoder(config)
        self.quantizer = HierarchicalQuantizer(
            [make_codebook(config, level) for level in range(config.num_quantizers)],
            config.residual_rule,
        )
        self.dropped_code = None
        if config.code_dropout > 0:
            self.dropped_code = nn.Parameter(torch.zeros(config.hidden_size))
        self.decoder = VQDNAQuantizerDecoder(config)
        # forward passes in training mode, for the warm-up; saved, so that training resumes exactly
        self.register_buffer("training_steps", torch.zeros((), dtype=torch.int64))
        if config.codebook_frozen:
            self.freeze_codebook()
        if config.quantizer_type == "fsq":  # a grid has no vectors to keep in float32
            self._keep_in_fp32_modules_strict = []
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_loss: bool = True,
        **kwargs: Any,
    ) -> VQDNAQuantizerOutput:
        """Encodes, quantizes and reads back sequences; in training mode also moves the codebooks.

        A pass in training mode with gradients is one training step of the codebooks: with gradient
        accumulation they move once per micro-batch. For the first `config.kmeans_warmup_steps`
        of them nothing is quantized: codes are -1, and the decoder reads the features themselves.

        Args:
            input_ids: token ids `(B, L)`: 0 to 3 are A, C, G, T; all others are read as nothing.
            attention_mask: `(B, L)`, 0 for a position that is not there.
            return_loss: whether to compute the losses.

        Returns:
            See [`VQDNAQuantizerOutput`]. The reconstruction loss is the mean over A, C, G and T.

        Raises:
            ValueError: no input, no positions, wrong shapes, an id outside the vocabulary (checked
                on the CPU outside compiled code), or with `downsample_ratio > 1` left padding.
        """
        one_hot, mask = self._read(input_ids, attention_mask, None)
        code_mask = self._group(mask)
        quantization = self._quantize(one_hot, mask, code_mask, self.config.num_quantizers)
        vectors = quantization.quantized
        if self.training and self.dropped_code is not None:
            dropped = torch.rand(code_mask.shape, device=vectors.device) < self.config.code_dropout
            vector = self.dropped_code.to(vectors.dtype)
            vectors = torch.where((dropped & code_mask)[:, :, None], vector, vectors)
        logits = self.decoder(vectors, code_mask[:, :, None].to(vectors.dtype))
        logits = logits[:, : mask.shape[1]]

        loss = reconstruction_loss = commitment_loss = None
        if return_loss:
            targets = torch.where(mask, input_ids.long(), -100)
            total = F.cross_entropy(
                logits.flatten(0, 1).float(), targets.flatten(), reduction="sum"
            )
            reconstruction_loss = total / mask.sum().clamp_min(1)
            commitment_loss = quantization.commitment_loss
            loss = reconstruction_loss + self.config.commitment_weight * commitment_loss
        return VQDNAQuantizerOutput(
            loss=loss,
            reconstruction_loss=reconstruction_loss,
            commitment_loss=commitment_loss,
            logits=logits,
            codes=quantization.codes,
            quantized_representation=quantization.quantized,
            codebook_perplexity=self._perplexities(quantization.codes),
        )

    @can_return_tuple
    def encode(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        num_quantizers: int | None = None,
        nucleotide_mask: Tensor | None = None,
        **kwargs: Any,
    ) -> VQDNAQuantizerEncoderOutput:
        """Turns sequences into codes and their vectors.

        In training mode with gradients this moves the codebooks, as [`forward`] does.

        Args:
            input_ids: token ids `(B, L)`: 0 to 3 are A, C, G, T; all others are read as nothing.
            attention_mask: `(B, L)`, 0 for a position that is not there.
            num_quantizers: use the first levels only, from 1 to Q; all by default.
            nucleotide_mask: `(B, L)` bool, True for a nucleotide to hide: it is read as N is, and
                no code tells of it.

        Raises:
            ValueError: as for [`forward`], or a number of levels that the model does not have.
        """
        levels = self.config.num_quantizers if num_quantizers is None else num_quantizers
        if not 1 <= levels <= self.config.num_quantizers:
            raise ValueError(
                f"num_quantizers must be from 1 to {self.config.num_quantizers}, the levels of "
                f"this model, got {num_quantizers}."
            )
        one_hot, mask = self._read(input_ids, attention_mask, nucleotide_mask)
        quantization = self._quantize(one_hot, mask, self._group(mask), levels)
        return VQDNAQuantizerEncoderOutput(
            loss=self.config.commitment_weight * quantization.commitment_loss,
            codes=quantization.codes,
            quantized_representation=quantization.quantized,
            latents=quantization.latents,
        )

    @can_return_tuple
    def decode(
        self,
        quantized_representation: Tensor | None = None,
        codes: Tensor | None = None,
        **kwargs: Any,
    ) -> VQDNAQuantizerDecoderOutput:
        """Reads nucleotides back, from vectors or from codes.

        Args:
            quantized_representation: `(B, T, D)`; a vector of zeros stands for no code.
            codes: `(B, Q', T)`, of the first Q' levels, -1 for none.

        Returns:
            `logits (B, T * r, 4)`; `logits.argmax(-1)` are token ids.

        Raises:
            ValueError: neither or both given, wrong shapes, or codes outside the codebooks.
        """
        if (quantized_representation is None) == (codes is None):
            raise ValueError(
                "pass either quantized_representation (B, T, D) or codes (B, Q, T), and not both."
            )
        vectors = quantized_representation
        if vectors is None:
            vectors = self.get_codebook_entry(codes)
            code_mask = (codes >= 0).any(1)[:, :, None]  # the centre of a grid is a vector of zeros
        elif vectors.dim() != 3 or vectors.shape[2] != self.config.hidden_size:
            raise ValueError(
                f"quantized_representation must be (B, T, {self.config.hidden_size}), got "
                f"{tuple(vectors.shape)}."
            )
        else:
            code_mask = (vectors != 0).any(2, keepdim=True)
        vectors = vectors.to(self._weights_dtype())
        return VQDNAQuantizerDecoderOutput(logits=self.decoder(vectors, code_mask.to(vectors)))

    @torch.no_grad()
    def tokenize(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        chunk_size: int | None = None,
    ) -> Tensor:
        """The codes `(B, Q, T)` of sequences, without gradients and with codebooks at rest.

        Args:
            input_ids: token ids `(B, L)`.
            attention_mask: `(B, L)`, 0 for a position that is not there.
            chunk_size: nucleotides to work on at a time, a multiple of r. A chunk is read with
                what its codes see beyond its ends, so the codes are those of the whole sequence,
                and memory follows the chunk. By default the whole sequence at once.

        Raises:
            ValueError: as for [`encode`], or a chunk size that is no positive multiple of r.
        """
        if chunk_size is None:
            return self.encode(input_ids, attention_mask, return_dict=True).codes
        ratio = self.config.downsample_ratio
        if chunk_size < 1 or chunk_size % ratio:
            raise ValueError(
                f"chunk_size must be a positive multiple of downsample_ratio={ratio}, got "
                f"{chunk_size}."
            )
        self._check(input_ids, attention_mask)
        batch, length = input_ids.shape
        shape = (batch, self.config.num_quantizers, self.get_encoded_length(length))
        codes = torch.empty(shape, dtype=torch.int64, device=input_ids.device)
        halo = -(-self.receptive_radius // ratio) * ratio
        for window, inside, kept in windows(length, chunk_size, halo):
            # hidden, which reads the same: a chunk may begin in a hole, which is no left padding
            hidden = None if attention_mask is None else attention_mask[:, window] == 0
            found = self.encode(
                input_ids[:, window], nucleotide_mask=hidden, return_dict=True
            ).codes
            codes[:, :, per_code(kept, ratio)] = found[:, :, per_code(inside, ratio)]
        return codes

    @torch.no_grad()
    def detokenize(self, codes: Tensor, chunk_size: int | None = None) -> list[str]:
        """DNA strings read back from codes.

        Args:
            codes: `(B, Q', T)`, of the first Q' levels, -1 for none.
            chunk_size: codes to work on at a time; the result is the same.

        Returns:
            One string per row: r letters per code, N for a code of -1 between others. Those at
            either end are left out: they may be padding.

        Raises:
            ValueError: codes of another shape or outside the codebooks, or a chunk size under 1.
        """
        if chunk_size is not None and chunk_size < 1:
            raise ValueError(f"chunk_size must be at least 1, got {chunk_size}.")
        codes = self._checked_codes(codes)
        config, length = self.config, codes.shape[2]
        ratio = config.downsample_ratio
        # the decoder's blocks, and the codes that its last convolution reaches
        halo = config.num_layers * (config.kernel_size // 2)
        halo += -(-(config.stem_kernel_size // 2) // ratio)
        ids = torch.empty(len(codes), length * ratio, dtype=torch.int64, device=codes.device)
        for window, inside, kept in windows(length, chunk_size or max(length, 1), halo):
            logits = self.decode(codes=codes[:, :, window], return_dict=True).logits
            found = logits.argmax(2).unflatten(1, (-1, ratio))[:, inside]
            ids[:, kept.start * ratio : kept.stop * ratio] = found.flatten(1)
        there = (codes[:, 0] >= 0).repeat_interleave(ratio, 1)
        letters = torch.where(there, ids, NUM_BASES).to("cpu", torch.uint8).numpy()
        return [row.tobytes().translate(LETTERS).decode("ascii").strip("N") for row in letters]

    def get_codebook(self, level: int) -> Tensor:
        """The vectors `(K, D)` float32 of a level's codebook, coarse to fine from 0.

        Raises:
            IndexError: there is no such level.
        """
        levels = self.config.num_quantizers
        if not -levels <= level < levels:
            raise IndexError(
                f"level {level} was asked for, but there are levels 0 to {levels - 1}."
            )
        codes = torch.arange(self.config.codebook_sizes[level], device=self.device)
        return self.quantizer.codebooks[level].lookup(codes).detach()

    def get_codebook_entry(self, codes: Tensor) -> Tensor:
        """The vectors `(B, T, D)` of codes `(B, Q', T)` of the first Q' levels: the mean of theirs.

        Zero for a code of -1.

        Raises:
            ValueError: codes of another shape or outside the codebooks.
        """
        return self.quantizer.lookup(self._checked_codes(codes))

    def get_codes_mask(self, attention_mask: Tensor) -> Tensor:
        """From the mask `(B, L)` of the input, `(B, T)` bool: True where a code reads a position.

        A code may still be -1 there: the mask does not know of N.
        """
        return self._group(attention_mask != 0)

    def get_encoded_length(self, length: int) -> int:
        """Number of codes T of a sequence of so many nucleotides."""
        return -(-length // self.config.downsample_ratio)

    def codebook_usage(self, codes: Tensor) -> list[CodebookUsage]:
        """How the codes `(B, Q', T)` use each level's codebook: counts, active share, perplexity.

        Raises:
            ValueError: codes of another shape or outside the codebooks.
        """
        return usage(self._checked_codes(codes), self.config.codebook_sizes)

    def freeze_codebook(self) -> None:
        """Stops the codebooks from changing, in training too; kept when the model is saved."""
        self._set_frozen(True)

    def unfreeze_codebook(self) -> None:
        """Lets the codebooks change again."""
        self._set_frozen(False)

    @property
    def receptive_radius(self) -> int:
        """Nucleotides that a code of the last level reads on either side of its own."""
        return self.config.receptive_radius

    def _set_frozen(self, frozen: bool) -> None:
        self.config.codebook_frozen = frozen
        for codebook in self.quantizer.codebooks:
            setattr(codebook, "frozen", frozen)  # noqa: B010  (an nn.ModuleList holds any module)
            for parameter in codebook.parameters():
                parameter.requires_grad_(not frozen)

    def _read(
        self,
        input_ids: Tensor | None,
        attention_mask: Tensor | None,
        nucleotide_mask: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """One-hot nucleotides `(B, L', 4)`, L' the next multiple of r, and their mask `(B, L)`."""
        self._check(input_ids, attention_mask, nucleotide_mask)
        mask = input_ids.ge(0) & input_ids.lt(NUM_BASES)
        if attention_mask is not None:
            mask = mask & (attention_mask != 0)
        if nucleotide_mask is not None:
            mask = mask & ~nucleotide_mask.bool()
        bases = torch.arange(NUM_BASES, device=input_ids.device)
        one_hot = (input_ids[:, :, None] == bases) & mask[:, :, None]
        short = -input_ids.shape[1] % self.config.downsample_ratio
        return F.pad(one_hot.to(self._weights_dtype()), (0, 0, 0, short)), mask

    def _weights_dtype(self) -> torch.dtype:
        """As `self.dtype`, which finds no parameters in a replica of `nn.DataParallel`."""
        dtype: torch.dtype = self.encoder.stem.norm.weight.dtype
        return dtype

    def _group(self, mask: Tensor) -> Tensor:
        """From positions `(B, L)` bool to codes `(B, T)`: True if any of a code's positions is."""
        ratio = self.config.downsample_ratio
        padded = F.pad(mask, (0, -mask.shape[1] % ratio))
        return padded.unflatten(1, (padded.shape[1] // ratio, ratio)).any(2)

    def _quantize(
        self, one_hot: Tensor, mask: Tensor, code_mask: Tensor, levels: int
    ) -> HierarchicalOutput:
        quantize = True
        if self.training and torch.is_grad_enabled() and not self.config.codebook_frozen:
            warm_up = self.config.kmeans_warmup_steps
            quantize = warm_up == 0 or int(self.training_steps) >= warm_up
            self.training_steps.add_(1)
        wide = F.pad(mask, (0, one_hot.shape[1] - mask.shape[1]))[:, :, None].to(one_hot.dtype)
        narrow = code_mask[:, :, None].to(one_hot.dtype)
        features = self.encoder(one_hot, wide, narrow, levels)
        return self.quantizer(features, code_mask, quantize=quantize)

    @torch.no_grad()
    def _perplexities(self, codes: Tensor) -> Tensor:
        levels = zip(codes.unbind(1), self.config.codebook_sizes, strict=True)
        return torch.stack([perplexity(code_counts(level, size)) for level, size in levels])

    def _check(self, input_ids: Tensor | None, *masks: Tensor | None) -> None:
        check_token_ids(input_ids)
        for mask in masks:
            if mask is not None and mask.shape != input_ids.shape:
                raise ValueError(
                    f"a mask must have the shape {tuple(input_ids.shape)} of the input, got "
                    f"{tuple(mask.shape)}."
                )
        if torch.compiler.is_compiling() or not input_ids.numel():
            return
        if self.config.downsample_ratio > 1 and masks[0] is not None:
            there = masks[0] != 0
            if bool((~there[:, 0] & there.any(1)).any()):
                raise ValueError(
                    f"codes of downsample_ratio={self.config.downsample_ratio} nucleotides count "
                    f"from the first column, but attention_mask has padding on the left; set "
                    f"tokenizer.padding_side = 'right'."
                )
        if input_ids.device.type == "cpu":
            low, high = (bound.item() for bound in input_ids.aminmax())
            if low < 0 or high >= self.config.vocab_size:
                raise ValueError(
                    f"input_ids hold {low if low < 0 else high}, but the model knows the ids 0 to "
                    f"{self.config.vocab_size - 1}; use the tokenizer saved with the model."
                )

    def _checked_codes(self, codes: Tensor) -> Tensor:
        """The codes as int64, the integers that tables are indexed with."""
        sizes = self.config.codebook_sizes
        if not isinstance(codes, Tensor) or codes.is_floating_point():
            got = codes.dtype if isinstance(codes, Tensor) else f"a {type(codes).__name__}"
            raise ValueError(f"codes must be a tensor of integers (B, Q, T), got {got}.")
        if codes.dim() != 3 or not 1 <= codes.shape[1] <= len(sizes):
            raise ValueError(
                f"codes must be (B, Q, T) with 1 to {len(sizes)} levels, got {tuple(codes.shape)}."
            )
        codes = codes.long()
        if torch.compiler.is_compiling() or codes.device.type != "cpu" or not codes.numel():
            return codes
        for level, size in enumerate(sizes[: codes.shape[1]]):
            low, high = (bound.item() for bound in codes[:, level].aminmax())
            if low < -1 or high >= size:
                raise ValueError(
                    f"codes of level {level} hold {low if low < -1 else high}, but its codebook "
                    f"has the codes 0 to {size - 1}, and -1 for none."
                )
        return codes


def windows(length: int, size: int, halo: int) -> Iterator[tuple[slice, slice, slice]]:
    """Pieces of a sequence: what to read, which part of it counts, and where that lies."""
    for start in range(0, length, size):
        stop = min(start + size, length)
        first, last = max(start - halo, 0), min(stop + halo, length)
        yield slice(first, last), slice(start - first, stop - first), slice(start, stop)


def per_code(positions: slice, ratio: int) -> slice:
    """Positions as codes; the start is a multiple of the ratio."""
    return slice(positions.start // ratio, -(-positions.stop // ratio))


LETTERS = b"ACGTN".ljust(256, b"?")

__all__ = [
    "VQDNAQuantizerModel",
    "VQDNAQuantizerPreTrainedModel",
]
