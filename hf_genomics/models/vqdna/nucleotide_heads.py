"""What turns the Transformer's features into logits: per nucleotide, or per sequence.

Legend: B batch, T codes, r nucleotides per code, L nucleotides, H channels, N logits.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class PerNucleotideHead(nn.Module):
    """A hidden layer of H channels for each nucleotide of a code, norm, and one linear layer."""

    def __init__(self, channels: int, ratio: int, num_logits: int, *, eps: float, dropout: float):
        super().__init__()
        self.channels = channels
        self.dense = nn.Linear(channels, ratio * channels)
        self.norm = nn.LayerNorm(channels, eps=eps)
        self.dropout = nn.Dropout(dropout)
        self.decoder = nn.Linear(channels, num_logits)

    def forward(self, x: Tensor, length: int) -> Tensor:
        """Features `(B, T, H)` to logits `(B, L, N)` of the first `length` nucleotides."""
        # (B, T, r * H) -> (B, T * r, H)
        h = self.dense(x).unflatten(2, (-1, self.channels)).flatten(1, 2)[:, :length]
        return self.decoder(self.dropout(self.norm(F.gelu(h))))


class PerSequenceHead(nn.Module):
    """A hidden layer and one linear layer on pooled features."""

    def __init__(self, channels: int, num_logits: int, *, dropout: float):
        super().__init__()
        self.dense = nn.Linear(channels, channels)
        self.dropout = nn.Dropout(dropout)
        self.decoder = nn.Linear(channels, num_logits)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, H)` to `(B, N)`."""
        return self.decoder(self.dropout(F.gelu(self.dense(self.dropout(x)))))


def mean_over(x: Tensor, mask: Tensor) -> Tensor:
    """The mean `(B, H)` of features `(B, T, H)` where the mask `(B, T)` is True; 0 for none."""
    # summed in float32 or better: bfloat16 has 8 bits, and sequences thousands of positions
    weights = mask[:, :, None].float()
    mean = (x * weights).sum(1) / weights.sum(1).clamp_min(1)
    return mean.to(x.dtype)
