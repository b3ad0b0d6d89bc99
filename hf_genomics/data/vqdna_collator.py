"""Batches for masked language modelling on DNA: spans of nucleotides become `[MASK]`."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from hf_genomics.data.span_masking import masked_spans

NUM_BASES = 4  # token ids 0 to 3
IGNORED = -100  # a label that is not counted


class SpanMaskingCollator:
    """Tokenizes and pads sequences, masks spans, and labels what was masked.

    What a masked language model of Transformers expects, so it serves any; [`from_config`] has the
    settings of a VQDNA model. Every masked nucleotide becomes `[MASK]`: none is kept or replaced by
    a random one. N is never masked.

    Args:
        tokenizer: with `[MASK]`, and the ids 0 to 3 for A, C, G and T.
        mask_probability: share of each sequence's nucleotides to mask, in (0, 1).
        mean_span_length: mean length of a span; 1 for single nucleotides.
        max_span_length: longest span.
        unit: nucleotides that are masked together: those of a code.
        seed: with a seed, masks follow from it and the sequence alone: the same in every batch,
            process and resumed run. Windows that are moved or reversed at random still get new
            ones in every epoch; fixed sequences do not. None: drawn by torch's generator.
        max_length: longest sequence; longer ones are cut. None for no limit.

    Raises:
        ValueError: an option is out of range, or the tokenizer has no mask token.

    Example:
        >>> from hf_genomics import DNATokenizer
        >>> collator = SpanMaskingCollator(DNATokenizer())
        >>> batch = collator([{"sequence": "ACGTACGTACGTACGT"}, {"sequence": "ACGTNNNN"}])
        >>> (batch["labels"] != -100).sum(1).tolist()
        [4, 1]
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        mask_probability: float = 0.25,
        *,
        mean_span_length: float = 6.0,
        max_span_length: int = 20,
        unit: int = 1,
        seed: int | None = 0,
        max_length: int | None = None,
    ) -> None:
        if not 0 < mask_probability < 1:
            raise ValueError(f"mask_probability must lie in (0, 1), got {mask_probability}.")
        if mean_span_length < 1 or max_span_length < 1 or unit < 1:
            raise ValueError(
                f"mean_span_length, max_span_length and unit must be at least 1, got "
                f"{mean_span_length}, {max_span_length} and {unit}."
            )
        if tokenizer.mask_token_id is None:
            raise ValueError("the tokenizer has no mask token; DNATokenizer() has [MASK].")
        self.tokenizer = tokenizer
        self.mask_probability = mask_probability
        self.mean_span_length = mean_span_length
        self.max_span_length = max_span_length
        self.unit = unit
        self.seed = seed
        self.max_length = max_length

    @classmethod
    def from_config(
        cls, tokenizer: PreTrainedTokenizerBase, config: Any, **options: Any
    ) -> SpanMaskingCollator:
        """A collator with the masking of a `VQDNAConfig`.

        Args:
            tokenizer: of the model.
            config: of the model.
            options: as for the class; they come before the configuration's.
        """
        ours = {
            "mask_probability": config.mlm_probability,
            "mean_span_length": config.mean_span_length,
            "max_span_length": config.max_span_length,
            "unit": config.quantizer_config.downsample_ratio,
        }
        return cls(tokenizer, **ours | options)

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask` and `labels`, `(batch_size, longest)` each.

        Args:
            rows: each with a `sequence`, or with `input_ids` from a tokenizer; of these, positions
                with 0 in the row's `attention_mask` are left out.

        Raises:
            ValueError: there are no rows.
        """
        if not rows:
            raise ValueError("a batch needs a row or more, and none was given.")
        batch = self._padded(rows)
        ids, there = batch["input_ids"], batch["attention_mask"]
        is_masked = torch.zeros_like(ids, dtype=torch.bool)
        is_base = (ids < NUM_BASES) & (there != 0)
        for row in range(len(ids)):
            # the sequence without its padding, so that the masks do not depend on the batch
            kept = there[row].bool()
            masked = self._mask(ids[row, kept].numpy(), is_base[row, kept].numpy())
            is_masked[row, kept] = torch.from_numpy(masked)
        return {
            "input_ids": ids.masked_fill(is_masked, self.tokenizer.mask_token_id),
            "attention_mask": there,
            "labels": ids.masked_fill(~is_masked, IGNORED),
        }

    def _padded(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        if "sequence" in rows[0]:
            cut = {"truncation": True, "max_length": self.max_length} if self.max_length else {}
            sequences = [row["sequence"] for row in rows]
            return dict(self.tokenizer(sequences, padding=True, return_tensors="pt", **cut))
        # `pad` takes lists, and makes the mask anew from each one's length
        ids = [_without_padding(row)[: self.max_length].tolist() for row in rows]
        return dict(self.tokenizer.pad({"input_ids": ids}, padding=True, return_tensors="pt"))

    def _mask(self, ids: NDArray[np.int64], is_base: NDArray[np.bool_]) -> NDArray[np.bool_]:
        if self.seed is None:
            entropy = [int(torch.randint(2**62, ()))]
        else:
            entropy = [self.seed, zlib.crc32(ids.astype(np.uint8).tobytes()), len(ids)]
        return masked_spans(
            is_base,
            np.random.default_rng(entropy),
            share=self.mask_probability,
            mean_length=self.mean_span_length,
            max_length=self.max_span_length,
            unit=self.unit,
        )


def _without_padding(row: dict[str, Any]) -> Tensor:
    """The ids of a tokenized row; its mask alone tells padding from gaps, which have its id."""
    ids = torch.as_tensor(row["input_ids"])
    there = row.get("attention_mask")
    return ids if there is None else ids[torch.as_tensor(there) != 0]
