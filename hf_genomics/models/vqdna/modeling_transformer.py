"""The Transformer encoder of the VQDNA language model: norms before each part, rotary positions.

The paper's is BERT-Base, which has norms after each part and learned positions: norms before train
without care, and rotary positions build no length in. Attention goes through Transformers'
interface, so `attn_implementation` may be `"eager"`, `"sdpa"`, `"flash_attention_2"` or a function
that somebody registered.

Legend: B batch, T positions, C channels, H heads, d channels of a head.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from .configuration_vqdna import VQDNAConfig
from .rotary_embedding import turned

Turns = tuple[Tensor, Tensor]


class VQDNAAttention(nn.Module):
    """Self-attention of all positions with all positions that are there."""

    is_causal = False

    def __init__(self, config: VQDNAConfig, layer_idx: int):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.head_dim = config.hidden_size // config.num_attention_heads
        self.scaling = self.head_dim**-0.5
        self.attention_dropout = float(config.attention_probs_dropout_prob)
        channels = config.hidden_size
        self.q_proj = nn.Linear(channels, channels)
        self.k_proj = nn.Linear(channels, channels)
        self.v_proj = nn.Linear(channels, channels)
        self.o_proj = nn.Linear(channels, channels)

    def forward(
        self, x: Tensor, attention_mask: Tensor | None, positions: Turns, **kwargs: Any
    ) -> tuple[Tensor, Tensor | None]:
        """`(B, T, C)` to the same, and the weights `(B, H, T, T)` if the implementation has any."""
        shape = (*x.shape[:2], -1, self.head_dim)
        # (B, T, C) -> (B, H, T, d)
        query = turned(self.q_proj(x).view(shape).transpose(1, 2), *positions)
        key = turned(self.k_proj(x).view(shape).transpose(1, 2), *positions)
        value = self.v_proj(x).view(shape).transpose(1, 2)
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        y, weights = attend(
            self,
            query,
            key,
            value,
            attention_mask,
            dropout=self.attention_dropout if self.training else 0.0,
            scaling=self.scaling,
            is_causal=False,
            **kwargs,
        )
        return self.o_proj(y.reshape(x.shape)), weights


def eager_attention_forward(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[Tensor, Tensor]:
    """Attention step by step; `attention_mask (B, 1, T, T)` is added to the scores."""
    scores = query @ key.transpose(2, 3) * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = scores.softmax(-1, torch.promote_types(scores.dtype, torch.float32)).to(value.dtype)
    weights = nn.functional.dropout(weights, dropout, module.training)
    # (B, H, T, d) -> (B, T, H, d)
    return (weights @ value).transpose(1, 2).contiguous(), weights


class VQDNALayer(GradientCheckpointingLayer):
    """Attention and a feed-forward network, each with a norm before it and a residual around it."""

    def __init__(self, config: VQDNAConfig, layer_idx: int):
        super().__init__()
        channels = config.hidden_size
        self.attention_norm = nn.LayerNorm(channels, eps=config.layer_norm_eps)
        self.attention = VQDNAAttention(config, layer_idx)
        self.feed_forward_norm = nn.LayerNorm(channels, eps=config.layer_norm_eps)
        self.up_proj = nn.Linear(channels, config.intermediate_size)
        self.down_proj = nn.Linear(config.intermediate_size, channels)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(
        self, x: Tensor, attention_mask: Tensor | None, positions: Turns, **kwargs: Any
    ) -> tuple[Tensor, Tensor | None]:
        """`(B, T, C)` to the same, and the attention's weights."""
        y, weights = self.attention(self.attention_norm(x), attention_mask, positions, **kwargs)
        x = x + self.dropout(y)
        y = self.down_proj(nn.functional.gelu(self.up_proj(self.feed_forward_norm(x))))
        return x + self.dropout(y), weights


def input_dtype(layer: nn.Module, x: Tensor) -> torch.dtype:
    """The type that a layer reads: that of its weight, or of what comes where it is quantized."""
    weight = layer.weight
    if isinstance(weight, Tensor) and weight.is_floating_point():
        return weight.dtype
    return x.dtype


class VQDNAEmbeddings(nn.Module):
    """What the Transformer reads at a code: its vector, or what stands there instead.

    A position without a nucleotide (N, `[MASK]`, a gap, further special tokens) has an embedding of
    its own. Where a code reads r nucleotides, each of its positions without one adds an r-th of its
    embedding to the code's.
    """

    def __init__(self, config: VQDNAConfig):
        super().__init__()
        # The rows of A, C, G and T are never read: they enter by their codes.
        self.tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.projection = nn.Linear(config.quantizer_config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, vectors: Tensor, ids: Tensor, is_base: Tensor, is_there: Tensor) -> Tensor:
        """`(B, T, C)`.

        Args:
            vectors: `(B, T, D)`, the quantizer's.
            ids: token ids `(B, T, r)`.
            is_base: `(B, T, r)` bool, True where the code knows of a nucleotide.
            is_there: `(B, T, r)` bool, False at padding.
        """
        x = self.projection(vectors.to(input_dtype(self.projection, vectors)))
        x = x * is_base.any(2)[:, :, None]
        others = (is_there & ~is_base)[:, :, :, None]
        x = x + (self.tokens(ids) * others).sum(2) / ids.shape[2]
        return self.dropout(self.norm(x))
