"""The nearest of K vectors, and the vectors that are nearest to many: k-means.

Legend: N vectors, c channels, K codes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .products import product

# Distances that are held at a time: on a processor as many as its cache holds.
DISTANCES = {"cpu": 2**19}
MOST_DISTANCES = 2**26
# Share of the standard deviation by which copies of a vector are moved apart.
JITTER = 1e-2


def nearest(vectors: Tensor, embed: Tensor) -> Tensor:
    """The code `(N,)` int64 whose vector is nearest to each of `(N, c)`; the first if several are.

    `argmin_k |e_k|^2 - 2 h e_k`: the square of h is the same for all codes. For unit vectors this
    is the largest cosine.

    Args:
        vectors: `(N, c)`.
        embed: `(K, c)`.
    """
    weight, squares = -2 * embed, embed.square().sum(1)
    rows = max(1, DISTANCES.get(vectors.device.type, MOST_DISTANCES) // len(embed))
    codes = [product(part, weight, squares).argmin(1) for part in vectors.split(rows)]
    return torch.cat(codes)


def kmeans(
    vectors: Tensor, num_codes: int, iterations: int, generator: torch.Generator, distance: str
) -> tuple[Tensor, Tensor]:
    """Lloyd's algorithm from randomly chosen vectors.

    A centre that no vector is nearest to stays where it is.

    Args:
        vectors: `(N, c)` float32, N at least 1. If N < K, the vectors are used more than once,
            moved apart by a hundredth of their standard deviation.
        num_codes: K.
        iterations: rounds.
        generator: on the CPU.
        distance: `"euclidean"`, or `"cosine"`: vectors and centres of length 1.

    Returns:
        Centres `(K, c)`, and how many vectors `(K,)` float32 are nearest to each.
    """
    order = torch.randperm(len(vectors), generator=generator)
    chosen = order.repeat(-(-num_codes // len(order)))[:num_codes].to(vectors.device)
    centres = vectors[chosen]
    if len(vectors) < num_codes:
        noise = torch.randn(centres.shape, generator=generator).to(centres)
        spread = vectors.std(0, correction=0) + torch.finfo(vectors.dtype).eps
        noise[: len(vectors)] = 0
        centres = centres + JITTER * spread * noise
        if distance == "cosine":
            centres = F.normalize(centres, dim=1)
    for _ in range(iterations):
        counts, sums = occupancy(vectors, nearest(vectors, centres), num_codes)
        means = sums / counts.clamp_min(1)[:, None]
        if distance == "cosine":
            means = F.normalize(means, dim=1)
        centres = torch.where(counts[:, None] > 0, means, centres)
    counts, _ = occupancy(vectors, nearest(vectors, centres), num_codes)
    return centres, counts


def occupancy(vectors: Tensor, codes: Tensor, num_codes: int) -> tuple[Tensor, Tensor]:
    """How many vectors `(K,)` have each code, and their sums `(K, c)`."""
    counts = torch.bincount(codes, minlength=num_codes).to(vectors.dtype)
    sums = vectors.new_zeros(num_codes, vectors.shape[1]).index_add_(0, codes, vectors)
    return counts, sums
