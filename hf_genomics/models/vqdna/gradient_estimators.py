"""How a gradient passes a look-up, which has none: values of e, gradients to h."""

import torch
import torch.nn.functional as F
from torch import Tensor

# Lengths below it count as it, so that a vector of zeros has a finite gradient.
SHORTEST = 1e-12


def straight_through(h: Tensor, e: Tensor) -> Tensor:
    """e to the last bit, with the gradient of h (van den Oord et al., 2017)."""
    return e.detach() + (h - h.detach())


def rotate(h: Tensor, e: Tensor) -> Tensor:
    """e, with the gradient of the rotation and stretch that take h to it (arXiv 2410.06424, Eq. 6).

    `e = (|e| / |h|) R h`, `R = I - 2 r r^T + 2 u_e u_h^T` with unit vectors `u_h`, `u_e` and r
    that of their sum; stretch and R are constants. Where the two are opposite, R is
    `I - 2 u_h u_h^T`.

    Args:
        h: `(..., c)`.
        e: `(..., c)`, constant.
    """
    with torch.no_grad():
        h_length = h.norm(dim=-1, keepdim=True).clamp_min(SHORTEST)
        u_h = h / h_length
        u_e = F.normalize(e, dim=-1, eps=SHORTEST)
        r = F.normalize(u_h + u_e, dim=-1, eps=SHORTEST)
        stretch = e.norm(dim=-1, keepdim=True) / h_length
    along_r = (h * r).sum(-1, keepdim=True)
    along_h = (h * u_h).sum(-1, keepdim=True)
    turned = stretch * (h - 2 * along_r * r + 2 * along_h * u_e)
    return straight_through(turned, e)
