"""From the features of all positions of a sequence to one embedding.

Legend: B batch, S strands, C channels of a feature without time, L positions, P parts, E
embedding width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .configuration_hyperbolic_cnn import HyperbolicCNNConfig
from .euclidean_layers import EuclideanLinear
from .lorentz import centroid, normalize_time_like, time_component
from .lorentz_layers import LorentzLinear


class HyperbolicCNNPooler(nn.Module):
    """One point for a sequence by the configuration's `head`, then, if asked for, linear and ReLU.

    Points are joined by Lorentz direct concatenation: the space components of all, with the time
    component `sqrt(k + sum_i |x_i|^2)`, which is on the hyperboloid for every k. `"flatten"` joins
    `max_length` positions; `"parts"` joins the centroid, the maximum of every channel (a point, as
    all vectors of space components are) and the centroids of the P parts, these scaled by
    `1 / sqrt(P)`, so that together they weigh as much as one point.
    """

    def __init__(self, config: HyperbolicCNNConfig):
        super().__init__()
        self.lorentz = config.geometry == "lorentz"
        self.head, self.num_parts = config.head, config.num_parts
        self.oriented_parts, self.parts_dropout = config.oriented_parts, config.parts_dropout
        self.max_length = config.max_length if config.head == "flatten" else None
        time = int(self.lorentz)
        linear = LorentzLinear if self.lorentz else EuclideanLinear
        width = (config.num_channels - time) * config.joined_points
        self.linear = (
            None if config.embedding_dim is None else linear(width, config.embedding_dim - time)
        )

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None,
        k: Tensor | None,
        strands: int = 1,
        squared: Tensor | None = None,
    ) -> Tensor:
        """Features `(S B, C, L)` and mask `(S B, 1, L)` to embeddings without time, `(B, E - 1)`.

        `squared (S B, 1, L)` is `|x_s|^2` where it is known already.
        With two strands (S = 2, the given one first) the embedding is the average of both, or with
        `oriented_parts` made of the average of their motifs and of the parts of the given one.
        """
        if self.oriented_parts and strands == 2:
            given, given_mask, given_squared = (
                y if y is None else y.unflatten(0, (2, -1))[0] for y in (x, mask, squared)
            )
            motifs = self._average(self._motifs(x, mask, k, squared), k)
            parts = self._parts(given, given_mask, k, given_squared)
            pooled = torch.cat([motifs, parts], 2)
            return self._embed(pooled.flatten(1), k)
        if self.max_length is not None:
            pooled = F.pad(x, (0, self.max_length - x.shape[2]))
        elif self.head == "parts":
            features = (x, mask, k, squared)
            pooled = torch.cat([self._motifs(*features), self._parts(*features)], 2)
        else:
            pooled = self._centroid(x, mask, k, squared)
        embeddings = self._embed(pooled.flatten(1), k)
        return self._average(embeddings, k) if strands == 2 else embeddings

    def _embed(self, joined: Tensor, k: Tensor | None) -> Tensor:
        """The joined point `(B, C P)` through the linear layer and ReLU, if they are asked for."""
        return joined if self.linear is None else F.relu(self.linear(joined, k))

    def _average(self, points: Tensor, k: Tensor | None) -> Tensor:
        """The average of the two strands, `(2 B, ...)` to `(B, ...)`; space components along 1."""
        both = points.unflatten(0, (2, -1))
        return centroid(both, k=k, dim=2, over=0) if self.lorentz else both.mean(0)

    def _motifs(
        self, x: Tensor, mask: Tensor | None, k: Tensor | None, squared: Tensor | None
    ) -> Tensor:
        """Centroid and maximum, `(B, C, 2)`."""
        # features are not negative, so where padding is 0 it is no maximum
        largest = (x if mask is None else x * mask).amax(2)
        return torch.stack([self._centroid(x, mask, k, squared), largest], 2)

    def _centroid(
        self, x: Tensor, mask: Tensor | None, k: Tensor | None, squared: Tensor | None
    ) -> Tensor:
        """The average of the positions, `(B, C)`."""
        if self.lorentz:
            return centroid(x, mask, squared, k=k, dim=1, over=2)
        if mask is None:
            return x.mean(2)
        return (x * mask).sum(2) / mask.sum(2).clamp_min(1)

    def _parts(
        self, x: Tensor, mask: Tensor | None, k: Tensor | None, squared: Tensor | None
    ) -> Tensor:
        """The centroids of the parts, scaled, `(B, C, P)`; without a position, the origin."""
        if not self.num_parts:
            return x[:, :, :0]
        weights = part_weights(x, mask, self.num_parts)
        with torch.autocast(x.device.type, enabled=False):
            parts = torch.bmm(x, weights)
            if self.lorentz:
                time = torch.bmm(time_component(x, squared, k=k), weights)
                time = torch.where(weights.any(1, keepdim=True), time, k.to(x.dtype).sqrt())
                parts = normalize_time_like(parts, time, k=k)
        # one number a sequence: what is dropped is the origin, in either geometry
        scale = torch.full_like(parts[:, :1, :1], self.num_parts**-0.5)
        return parts * F.dropout(scale, self.parts_dropout, self.training)


def part_weights(x: Tensor, mask: Tensor | None, num_parts: int) -> Tensor:
    """Weights `(B, L, P)` with which positions are averaged into parts.

    Position i of n counts for part `floor(i P / n)`, and positions of a part count alike. Where a
    sequence is shorter than P bases some parts are empty: all their weights are 0.

    Args:
        x: features `(B, C, L)`, for their shape and dtype.
        mask: `(B, 1, L)`, 1 for a base and 0 for padding, on either side.
        num_parts: P.
    """
    length = x.shape[2]
    parts = torch.arange(num_parts, device=x.device)
    if mask is None:
        part = (torch.arange(length, device=x.device) * num_parts // length)[None]
    else:
        rank = mask.squeeze(1).long().cumsum(1) - 1  # the how-manieth base of its sequence
        part = rank * num_parts // mask.sum((1, 2)).long().clamp_min(1)[:, None]
    member = (part[:, :, None] == parts).to(x.dtype)
    if mask is not None:
        member = member * mask.transpose(1, 2)
    return (member / member.sum(1, keepdim=True).clamp_min(1)).expand(x.shape[0], -1, -1)
