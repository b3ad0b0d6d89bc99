"""Batch normalisation on the hyperboloid (HCNN, Bdeir et al. 2024, section 4.2; HGE).

Legend: B batch, C space channels, L positions. `s = sqrt(k)`; `z` the batch moved so that its
centroid is the origin; `d` the distance of a point to the centroid; `u` its scaled radius over `s`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .lorentz import (
    MAX_RADIUS,
    asinh,
    expmap0,
    logmap0,
    normalize_time_like,
    safe_sqrt,
    sinh_cosh,
    squared_norm,
    time_component,
)


class LorentzBatchNorm(nn.Module):
    """Lorentz batch norm (HCNN, Bdeir et al. 2024, section 4.2), with ReLU and residual built in.

    The batch is moved so that its centroid lies at the origin, scaled there by `gamma` over the
    mean distance to the centroid, and moved to the learned point `beta`:
    `exp_beta(PT_{o -> beta}(gamma / (spread + eps) PT_{mean -> o}(log_mean(y))))`, with the radius
    clamped to `max_radius * sqrt(k)` before the last move.

    The centroid is taken in two stages as in the official code: over the positions of each
    sequence, then over sequences (each sequence counts the same, whatever its length). The spread is
    the mean distance over all positions. Statistics are those of the process' own batch.

    `beta` and `running_mean` are free vectors: space components of a point, and of a tangent vector
    at the origin, so no update can take them off the manifold.

    Args:
        num_features: space components C.
        eps: added to the spread.
        momentum: weight of the newest batch in the running statistics.
        max_radius: see [`lorentz.expmap0`].
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        max_radius: float = MAX_RADIUS,
    ):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.max_radius = max_radius
        self.beta = nn.Parameter(torch.empty(num_features))
        self.gamma = nn.Parameter(torch.empty(1))
        self.register_buffer("running_mean", torch.empty(num_features))
        self.register_buffer("running_var", torch.empty(1))

    def forward(
        self,
        y: Tensor,
        k: Tensor,
        mask: Tensor | None = None,
        residual: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
        """Normalises points, adds `residual`, applies ReLU, and puts padding at the origin.

        Args:
            y: space components `(B, C, L)`.
            k: curvature, a scalar.
            mask: `(B, 1, L)`, 1 for a position that counts and 0 for padding.
            residual: space components `(B, C, L)` added before the ReLU.

        Returns:
            Space components `(B, C, L)`, and the batch's `(centroid (C,), spread (1,))` in training
            mode (for [`update_running_statistics_`]), `None` in evaluation mode.
        """
        k = k.to(y.dtype)
        s, y0 = k.sqrt(), time_component(y, k=k)
        statistics = None
        if self.training:
            mean = two_stage_centroid(y, y0, mask, k)
        else:
            mean = expmap0(self.running_mean.to(y.dtype), k=k, dim=0, max_radius=self.max_radius)

        mean0 = time_component(mean, k=k, dim=0)
        g = (y0 - torch.matmul(mean[None], y) / (s + mean0)) / s
        z = y - mean[:, None] * g
        norm = safe_sqrt(squared_norm(z))
        d = s * asinh(norm / s)
        if self.training:
            spread = masked_mean(d, mask).reshape(1)
            statistics = (mean, spread)
        else:
            spread = self.running_var.to(y.dtype)

        gamma, beta = self.gamma.to(y.dtype), self.beta.to(y.dtype)
        u = (gamma / (spread + self.eps) * d / s).clamp(-self.max_radius, self.max_radius)
        sinh, cosh = sinh_cosh(u)
        f = s * sinh / norm
        beta0 = time_component(beta, k=k, dim=0)
        h = cosh + f * torch.matmul(beta[None], z) / (s * (s + beta0))
        out = f * z + beta[:, None] * h
        if residual is not None:
            out = out + residual
        out = F.relu(out)
        return (out if mask is None else out * mask), statistics

    @torch.no_grad()
    def update_running_statistics_(self, mean: Tensor, spread: Tensor, k: Tensor) -> None:
        """Moves the running statistics towards a batch's centroid `mean (C,)` and `spread (1,)`."""
        dtype = mean.dtype
        k = k.to(dtype)
        old = expmap0(self.running_mean.to(dtype), k=k, dim=0, max_radius=self.max_radius)
        weights = (1 - self.momentum, self.momentum)
        average, average0 = (
            weights[0] * a + weights[1] * b
            for a, b in (
                (old, mean),
                (time_component(old, k=k, dim=0), time_component(mean, k=k, dim=0)),
            )
        )
        point = normalize_time_like(average, average0, k=k, dim=0)
        self.running_mean.copy_(logmap0(point, k=k, dim=0))
        self.running_var.lerp_(spread.to(self.running_var.dtype), self.momentum)

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"


def two_stage_centroid(y: Tensor, y0: Tensor, mask: Tensor | None, k: Tensor) -> Tensor:
    """Centroid of the sequences' centroids: points `(B, C, L)`, times `(B, 1, L)` to `(C,)`."""
    if mask is None:
        points = normalize_time_like(y.mean(2), y0.mean(2), k=k)
        mean, mean0 = points.mean(0), time_component(points, k=k).mean(0)
    else:
        count = mask.sum(2, keepdim=True)  # (B, 1, 1)
        weights = (mask / count.clamp_min(1)).transpose(1, 2)  # (B, L, 1)
        points = normalize_time_like(
            torch.matmul(y, weights).squeeze(2), torch.matmul(y0, weights).squeeze(2), k=k
        )
        present = (count.squeeze(2) > 0).to(y.dtype)  # a sequence of padding alone has no centroid
        present = present / present.sum().clamp_min(1)  # (B, 1)
        mean = (present * points).sum(0)
        mean0 = (present * time_component(points, k=k)).sum(0)
    return normalize_time_like(mean, mean0, k=k, dim=0)


def masked_mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of `values (B, 1, L)` over the positions that count."""
    if mask is None:
        return values.mean()
    return (values * mask).sum() / mask.sum().clamp_min(1)
