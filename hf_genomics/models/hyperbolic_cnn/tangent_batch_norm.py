"""Batch normalisation in the tangent space at the origin, with a scale for every channel.

The Lorentz batch norm of HCNN scales all directions by one number; this norm scales each channel as
a Euclidean batch norm does, and equals one in the limit of large k.
"""

import torch
from torch import Tensor

from .euclidean_layers import EuclideanBatchNorm
from .lorentz import MAX_RADIUS, asinh, safe_sqrt, sinh_cosh, squared_norm
from .lorentz_functions import ScalePositions, SquaredNorm


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

    def normalize(
        self, y: Tensor, k: Tensor | None, mask: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
        """`exp_o(BN(log_o(y)))`, and the batch's statistics of the tangent vectors.

        Raises:
            ValueError: `k` is missing.
        """
        if k is None:
            raise ValueError("a tangent batch norm needs the curvature k of its points.")
        s = k.to(y.dtype).sqrt()
        r = norms(y) / s
        v, statistics = super().normalize(scale(y, asinh(r) / r), None, mask)  # of log_o(y)
        r = norms(v) / s
        sinh, _ = sinh_cosh(r.clamp_max(self.max_radius))
        return scale(v, sinh / r), statistics


def norms(x: Tensor) -> Tensor:
    """`|x|` over the channels: `(B, C, L)` to `(B, 1, L)`."""
    return safe_sqrt(squared_norm(x) if torch.compiler.is_compiling() else SquaredNorm.apply(x))


def scale(x: Tensor, factors: Tensor) -> Tensor:
    """`x` times one factor per position: `(B, C, L)` and `(B, 1, L)`."""
    return x * factors if torch.compiler.is_compiling() else ScalePositions.apply(x, factors)
