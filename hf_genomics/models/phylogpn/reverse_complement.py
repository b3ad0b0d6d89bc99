"""Reverse complement in the symmetric basis: where equivariant maps fall apart into two halves.

Reverse complement reads the positions of a sequence backwards and exchanges each channel c of C
with its partner C-1-c (bases: A with T, C with G). In the basis

    s_c = (x_c + x_{C-1-c}) / sqrt(2),    a_c = (x_c - x_{C-1-c}) / sqrt(2),    c < C/2,

it reads the positions backwards, keeps s and changes the sign of a. A linear map that commutes with
it takes s to s and a to a by the even part of its taps, and a to s and s to a by their odd part:
half the weights and half the products of a map that does not know.

Legend: B batch, L positions, C channels (I in, O out), K taps. A tensor "in the symmetric basis"
holds s in the first half of its last dimension and a in the second; one "in pairs" holds the
channels c < C/2 and then their partners, in the same order.
"""

import torch
from torch import Tensor

SQRT_HALF = 0.5**0.5
NUM_TOKENS = 6  # A, C, G, T, N, -
TOKEN_PARTNERS = (3, 2, 1, 0, 4, 5)


def butterfly(x: Tensor) -> Tensor:
    """`[p, q] -> [p + q, p - q]` for the halves of the last dimension: `(..., C)` to `(..., C)`.

    Up to a factor sqrt(2) it takes the symmetric basis to pairs, and pairs to the symmetric basis.
    """
    p, q = x.chunk(2, -1)
    return torch.cat([p + q, p - q], -1)


def to_pairs(x: Tensor) -> Tensor:
    """Channels in their own order `(..., C)` to pairs."""
    p, q = x.chunk(2, -1)
    return torch.cat([p, q.flip(-1)], -1)


from_pairs = to_pairs  # the same permutation takes pairs back


def to_symmetric(x: Tensor) -> Tensor:
    """Channels in their own order `(..., C)` to the symmetric basis."""
    return butterfly(to_pairs(x)) * SQRT_HALF


def from_symmetric(x: Tensor) -> Tensor:
    """The symmetric basis `(..., C)` to channels in their own order."""
    return from_pairs(butterfly(x) * SQRT_HALF)


def fold_taps(s: Tensor, a: Tensor, *, kernel_size: int, dilation: int) -> tuple[Tensor, Tensor]:
    """What the two halves of an equivariant convolution multiply their weights with.

    Args:
        s: `(B, L, I/2)`, the symmetric half of the features, and `a` the other.
        kernel_size: number of taps K, odd.
        dilation: distance of two taps in positions.

    Returns:
        For s and for a the features `(B, L', K * I/2)` with `L' = L - (K - 1) * dilation`: the
        centre tap, then the sums of the taps j to the right and to the left (j = 1 to K // 2) of
        the half itself, then their differences of the other half.
    """
    if kernel_size == 1:
        return s, a
    right_s, left_s = taps(s, kernel_size, dilation)
    right_a, left_a = taps(a, kernel_size, dilation)

    def folded(own: list[list[Tensor]], other: list[list[Tensor]]) -> Tensor:
        sums = [right + left for right, left in zip(*own, strict=True)]
        differences = [right - left for right, left in zip(*other, strict=True)]
        return torch.cat([own[0][0], *sums[1:], *differences[1:]], -1)

    return (
        folded([right_s, left_s], [right_a, left_a]),
        folded([right_a, left_a], [right_s, left_s]),
    )


def unfold_taps_(
    ds: Tensor, da: Tensor, folded: tuple[Tensor, Tensor], *, kernel_size: int, dilation: int
) -> None:
    """Adds the derivatives by the features of [`fold_taps`] to those by its input.

    Args:
        ds: `(B, L, I/2)`, changed, and `da` alike.
        folded: derivatives by the features of s and of a, `(B, L', K * I/2)` each.
        kernel_size: number of taps K, odd.
        dilation: distance of two taps in positions.
    """
    half = kernel_size // 2
    for features, own, other in zip(folded, (ds, da), (da, ds), strict=True):
        centre, *parts = features.chunk(kernel_size, -1)
        right, left = taps(own, kernel_size, dilation)
        right[0] += centre
        for j in range(half):
            right[j + 1] += parts[j]
            left[j + 1] += parts[j]
        right, left = taps(other, kernel_size, dilation)
        for j in range(half):
            right[j + 1] += parts[half + j]
            left[j + 1] -= parts[half + j]


def taps(x: Tensor, kernel_size: int, dilation: int) -> tuple[list[Tensor], list[Tensor]]:
    """Views `(B, L', C)` of `(B, L, C)`: j taps to the right of each centre, and to the left."""
    centre = kernel_size // 2 * dilation
    length = x.shape[1] - 2 * centre
    shifts = [j * dilation for j in range(kernel_size // 2 + 1)]
    return (
        [x.narrow(1, centre + shift, length) for shift in shifts],
        [x.narrow(1, centre - shift, length) for shift in shifts],
    )


def split_weight(weight: Tensor) -> tuple[Tensor, Tensor]:
    """The two halves of the equivariant part of a convolution.

    Args:
        weight: `(O, I, K)`, any; its equivariant part is the mean of it and of it with all three
            axes reversed, as the original network makes of its parameters.

    Returns:
        The weights `(O/2, K * I/2)` of the features of s and of a, in the order of [`fold_taps`].
    """
    weight = (weight + weight.flip(0, 1, 2)) / 2
    top, partner = weight[: weight.shape[0] // 2].chunk(2, 1)  # (O/2, I/2, K) each
    plus, minus = top + partner.flip(1), top - partner.flip(1)
    centre = weight.shape[2] // 2
    halves = []
    for own, other in ((plus, minus), (minus, plus)):
        even = (own + own.flip(2)) / 2
        odd = (other - other.flip(2)) / 2
        taps = torch.cat([even[:, :, centre:], odd[:, :, centre + 1 :]], 2)
        halves.append(taps.transpose(1, 2).flatten(1))  # (O/2, I/2, K) -> (O/2, K * I/2)
    return halves[0], halves[1]


def merge_weight(symmetric: Tensor, antisymmetric: Tensor, *, kernel_size: int) -> Tensor:
    """The whole convolution `(O, I, K)` of its two halves: the inverse of [`split_weight`]."""
    centre = kernel_size // 2
    s, a = (
        half.unflatten(1, (kernel_size, -1)).transpose(1, 2)  # (O/2, I/2, K)
        for half in (symmetric, antisymmetric)
    )

    def around(even: Tensor, odd: Tensor) -> Tensor:
        right, middle = even[:, :, 1 : centre + 1], even[:, :, :1]
        difference = odd[:, :, centre + 1 :]
        return torch.cat([(right - difference).flip(2), middle, right + difference], 2)

    plus, minus = around(s, a), around(a, s)
    top = torch.cat([plus + minus, (plus - minus).flip(1)], 1) / 2
    return torch.cat([top, top.flip(0, 1, 2)])


def split_bias(bias: Tensor) -> Tensor:
    """The symmetric half `(O/2,)` of a bias `(O,)`; the other half of an equivariant one is 0."""
    return to_symmetric(bias)[: bias.shape[0] // 2]


def merge_bias(symmetric: Tensor) -> Tensor:
    """The whole bias `(O,)`: the inverse of [`split_bias`]."""
    return from_symmetric(torch.cat([symmetric, torch.zeros_like(symmetric)]))


def split_embedding(table: Tensor) -> tuple[Tensor, Tensor]:
    """What is free in the equivariant part of an embedding `(6, C)` of A, C, G, T, N, -.

    Returns:
        The rows of A and C in the symmetric basis `(2, C)`, and s of N `(C/2,)`. T is the partner
        of A, G of C, N its own; the row of `-` is left out, it is zero.
    """
    table = to_symmetric((table + table[list(TOKEN_PARTNERS)].flip(1)) / 2)
    return table[:2], table[4, : table.shape[1] // 2]


def join_embedding(bases: Tensor, unknown: Tensor) -> Tensor:
    """The embedding `(6, C)` in the symmetric basis: the inverse of [`split_embedding`]."""
    s, a = bases.chunk(2, 1)
    partners = torch.cat([s, -a], 1).flip(0)  # G, T
    n = torch.cat([unknown, torch.zeros_like(unknown)])
    return torch.cat([bases, partners, n[None], torch.zeros_like(n)[None]])
