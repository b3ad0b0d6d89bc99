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
    boost_to_origin,
    expmap0,
    logmap0,
    normalize_time_like,
    safe_sqrt,
    sinh_cosh,
    squared_norm,
    time_component,
)
from .lorentz_functions import (
    BatchNormReLU,
    centroid_of_centroids,
    position_mean,
    sequence_weights,
)


class LorentzBatchNorm(nn.Module):
    """Lorentz batch norm (HCNN, Bdeir et al. 2024, section 4.2), with ReLU and residual built in.

    The batch is moved so that its centroid lies at the origin, scaled there by `gamma` over the
    mean distance to the centroid, and moved to the learned point `beta`:
    `exp_beta(PT_{o -> beta}(gamma / (spread + eps) PT_{mean -> o}(log_mean(y))))`, with the radius
    clamped to `max_radius * sqrt(k)` before the last move. As in the official code, the spread is
    the mean distance, not a root of the mean squared one (a Frechet variance), and `running_var`
    is the running mean of it.

    The centroid is taken in two stages as in the official code: over the positions of each
    sequence, then over sequences (each counts the same, whatever its length). The spread is the
    mean distance over all positions. Statistics are those of the process' own batch.

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
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(1))

    def forward(
        self,
        y: Tensor,
        k: Tensor,
        mask: Tensor | None = None,
        residual: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor] | None]:
        """Normalises points, adds `residual`, applies ReLU, and puts padding at the origin.

        Args:
            y: space components `(B, C, L)`.
            k: curvature, a scalar.
            mask: `(B, 1, L)`, 1 for a position that counts and 0 for padding.
            residual: space components `(B, C, L)` added before the ReLU.

        Returns:
            Space components `(B, C, L)`, their squared norms `(B, 1, L)`, and the batch's
            `(centroid (C,), spread (1,))` in training mode (for [`update_running_statistics_`]),
            `None` in evaluation mode.
        """
        with torch.autocast(y.device.type, enabled=False):
            k, gamma, beta = k.to(y.dtype), self.gamma.to(y.dtype), self.beta.to(y.dtype)
            mean = spread = None
            if not self.training:
                mean = expmap0(
                    self.running_mean.to(y.dtype), k=k, dim=0, max_radius=self.max_radius
                )
                spread = self.running_var.to(y.dtype)
            function = self.formula if torch.compiler.is_compiling() else BatchNormReLU.apply
            x, squared, mean, spread = function(
                y, k, gamma, beta, mean, spread, mask, residual, self.eps, self.max_radius
            )
        return x, squared, (mean, spread) if self.training else None

    @staticmethod
    def formula(
        y: Tensor,
        k: Tensor,
        gamma: Tensor,
        beta: Tensor,
        mean: Tensor | None,
        spread: Tensor | None,
        mask: Tensor | None,
        residual: Tensor | None,
        eps: float,
        max_radius: float,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The layer in ordinary operations: what compilers fuse, and the twin of `BatchNormReLU`.

        Args:
            mean: point `(C,)` that is moved to the origin; `None` for the centroid of the batch.
            spread: mean distance `(1,)` to it; `None` for that of the batch.

        Returns:
            Features `(B, C, L)`, their squared norms `(B, 1, L)`, and the `mean` and `spread` that
            were used.
        """
        s, y0 = k.sqrt(), time_component(y, k=k)
        of_batch = mean is None
        if of_batch:
            weights = torch.ones_like(y0) / y.shape[2] if mask is None else sequence_weights(mask)
            average = torch.bmm(y, weights.transpose(1, 2)).squeeze(2)
            mean = centroid_of_centroids(average, (y0 * weights).sum(2), mask, k)
        z = boost_to_origin(y, mean[None, :, None], k=k)
        r = safe_sqrt(squared_norm(z)) / s
        a = asinh(r)
        if of_batch:
            spread = (s * position_mean(a, mask)).reshape(1)
        u = (gamma / (spread + eps) * a).clamp(-max_radius, max_radius)
        sinh, cosh = sinh_cosh(u)
        f = sinh / r
        beta0 = time_component(beta, k=k, dim=0)
        q = (beta[:, None] * z).sum(1, keepdim=True)
        x = f * z + beta[:, None] * (cosh + f * q / (s * (s + beta0)))
        x = F.relu(x if residual is None else x + residual)
        x = x if mask is None else x * mask
        return x, squared_norm(x), mean.detach(), spread.detach()

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
