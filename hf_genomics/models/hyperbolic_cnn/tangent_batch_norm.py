"""Batch normalisation in the tangent space at the origin, with a scale for every channel.

The Lorentz batch norm of HCNN scales all directions by one number; this norm scales each channel as
a Euclidean batch norm does, and equals one in the limit of large k.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .euclidean_layers import EuclideanBatchNorm, positions, unbiased
from .lorentz import MAX_RADIUS, expmap0, logmap0, squared_norm
from .tangent_functions import TangentBatchNormReLU


class TangentBatchNorm(EuclideanBatchNorm):
    """`relu(exp_o(BN(log_o(y))) + residual)`: a batch norm between the maps of the origin.

    `BN` is the ordinary batch norm with its own scale and shift for every channel, applied to
    tangent vectors at the origin; ReLU and the sum act on space components, which keeps points on
    the hyperboloid. Statistics and parameters are Euclidean, so none of them is a point. Takes
    points by their space components `(B, C, L)` and their curvature k; padding ends at the origin.

    A batch-normalised vector of C channels has a norm of about `sqrt(C)`: with `k` near C, points
    lie about `sqrt(k)` from the origin, where the curvature is felt and nothing is clamped.

    Args:
        num_features: space components C.
        eps: added to the variance.
        momentum: weight of the newest batch in the running statistics.
        max_radius: see [`lorentz.expmap0`].
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        max_radius: float | None = None,
    ):
        super().__init__(num_features, eps, momentum)
        self.max_radius = MAX_RADIUS if max_radius is None else max_radius

    def forward(
        self,
        y: Tensor,
        k: Tensor | None = None,
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
            Space components `(B, C, L)`, their squared norms `(B, 1, L)`, and the mean and unbiased
            variance of the batch's tangent vectors, `(C,)` each, in training mode.

        Raises:
            ValueError: `k` is missing.
        """
        if k is None:
            raise ValueError("a tangent batch norm needs the curvature k of its points.")
        with torch.autocast(y.device.type, enabled=False):
            k, weight, bias = (of.to(y.dtype) for of in (k, self.weight, self.bias))
            mean = var = None
            if not self.training:
                mean, var = self.running_mean.to(y.dtype), self.running_var.to(y.dtype)
            compiling = torch.compiler.is_compiling()
            function = self.formula if compiling else TangentBatchNormReLU.apply
            x, squared, mean, var = function(
                y, k, weight, bias, mean, var, mask, residual, self.eps, self.max_radius
            )
            return x, squared, (mean, unbiased(var, y, mask)) if self.training else None

    @staticmethod
    def formula(
        y: Tensor,
        k: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor | None,
        var: Tensor | None,
        mask: Tensor | None,
        residual: Tensor | None,
        eps: float,
        max_radius: float,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The layer in ordinary operations: what compilers fuse, and the twin of the function.

        Args:
            mean: that of the tangent vectors, `(C,)`; `None` for the batch's.
            var: their variance `(C,)`; `None` for the batch's.

        Returns:
            Features `(B, C, L)`, their squared norms `(B, 1, L)`, and the `mean` and `var` that
            were used.
        """
        u = logmap0(y, k=k)
        if mean is None:
            count, counted = positions(y, mask), 1 if mask is None else mask
            mean = (u * counted).sum((0, 2)) / count
            var = ((u - mean[:, None]).square() * counted).sum((0, 2)) / count
        n = (u - mean[:, None]) * (var + eps).rsqrt()[:, None]
        x = expmap0(n * weight[:, None] + bias[:, None], k=k, max_radius=max_radius)
        x = F.relu(x if residual is None else x + residual)
        x = x if mask is None else x * mask
        return x, squared_norm(x), mean.detach(), var.detach()
