"""Rotary position embedding, RoPE (Su et al., 2021, arXiv 2104.09864).

Pairs of channels of queries and keys are turned by angles that grow with the position, so their
products depend on distances alone, and no length is built in.

Legend: B batch, H heads, T positions, d channels of a head.
"""

import torch
from torch import Tensor


def turns(
    length: int, dim: int, *, theta: float, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Cosines and sines `(T, d / 2)` of the angles `t * theta ** (-2 i / d)`.

    Args:
        length: T.
        dim: d, even.
        theta: base of the wavelengths, which run from 2 pi to almost `2 pi theta` positions.
        dtype: of the result, if it is more precise than float32: bfloat16 counts to 256 only.
        device: of the result.
    """
    dtype = torch.promote_types(dtype, torch.float32)
    pairs = torch.arange(0, dim, 2, dtype=dtype, device=device)
    angles = torch.arange(length, dtype=dtype, device=device)[:, None] * theta ** (-pairs / dim)
    return angles.cos(), angles.sin()


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Queries or keys `(B, H, T, d)` turned: channel i is paired with channel `i + d / 2`."""
    first, second = x.chunk(2, -1)
    result = torch.cat([first * cos - second * sin, second * cos + first * sin], -1)
    return result.to(x.dtype)
