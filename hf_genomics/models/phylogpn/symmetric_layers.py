"""Layers in the symmetric basis: equivariant under reverse complement whatever their weights.

Legend: B batch, L positions, C channels (I in, O out), K taps. Features are a pair of tensors
`(B, L, C/2)`, s and a of the symmetric basis of `reverse_complement.py`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .reverse_complement import SQRT_HALF, fold_taps, join_embedding
from .symmetric_functions import NormGeluConv

Features = tuple[Tensor, Tensor]


class SymmetricEmbedding(nn.Module):
    """Embeds A, C, G, T, N; every other id is zero. T is the partner of A, and G of C.

    Args:
        channels: C, even.
        num_ids: number of ids; the table has at least the six rows of A, C, G, T, N and `-`.
    """

    def __init__(self, channels: int, num_ids: int):
        super().__init__()
        self.num_ids = num_ids
        self.bases = nn.Parameter(torch.zeros(2, channels))
        self.unknown = nn.Parameter(torch.zeros(channels // 2))

    def table(self) -> Tensor:
        """Embeddings `(num_ids, C)` in the symmetric basis; of the six tokens if more than ids."""
        table = join_embedding(self.bases, self.unknown)
        return F.pad(table, (0, 0, 0, max(0, self.num_ids - len(table))))

    def forward(self, input_ids: Tensor) -> Tensor:
        """Ids `(B, L)` to `(B, L, C)` in the symmetric basis."""
        return F.embedding(input_ids, self.table())


class HalfConv1d(nn.Linear):
    """Half of an equivariant convolution: a linear map of folded taps.

    Args:
        in_channels: I of the whole convolution.
        out_channels: O of the whole convolution.
        kernel_size: K.
        bias: whether there is one; only the symmetric half may have one.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, bias: bool):
        super().__init__(in_channels // 2 * kernel_size, out_channels // 2, bias)
        self.whole_shape = (out_channels, in_channels, kernel_size)


class SymmetricConv1d(nn.Module):
    """Convolution without padding that commutes with reverse complement.

    Two linear maps of half the width each: `symmetric` makes s, with the bias, and `antisymmetric`
    makes a. Any weights will do, also those of an adapter on either.

    Args:
        in_channels: I, even.
        out_channels: O, even.
        kernel_size: K, odd.
        dilation: distance of two taps.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 1, dilation: int = 1
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.symmetric = HalfConv1d(in_channels, out_channels, kernel_size, bias=True)
        self.antisymmetric = HalfConv1d(in_channels, out_channels, kernel_size, bias=False)

    def forward(self, s: Tensor, a: Tensor) -> Features:
        """Features `(B, L, I/2)` twice to `(B, L - (K - 1) * dilation, O/2)` twice."""
        s, a = fold_taps(s, a, kernel_size=self.kernel_size, dilation=self.dilation)
        return self.symmetric(s), self.antisymmetric(a)


class SymmetricNorm(nn.Module):
    """Layer norm, or group norm of one group, of features in the symmetric basis.

    Scale and shift are elementwise in the channels themselves, so the result is in pairs.

    Args:
        channels: C, even.
        eps: added to the variance.
        tied: one scale and shift for a channel and its partner, which commutes with reverse
            complement; if not, one each, in pairs.
        over_positions: statistics over channels and positions together (group norm).
    """

    def __init__(self, channels: int, *, eps: float, tied: bool, over_positions: bool):
        super().__init__()
        self.channels = channels
        self.eps = eps
        self.tied = tied
        self.over_positions = over_positions
        self.weight = nn.Parameter(torch.ones(channels // 2 if tied else channels))
        self.bias = nn.Parameter(torch.zeros(channels // 2 if tied else channels))

    def affine(self) -> tuple[Tensor, Tensor]:
        """Scale and shift `(C,)` each, in pairs."""
        if not self.tied:
            return self.weight, self.bias
        return self.weight.repeat(2), self.bias.repeat(2)

    def forward(self, s: Tensor, a: Tensor, mask: Tensor | None = None) -> Tensor:
        """Features `(B, L, C/2)` twice to normalised features `(B, L, C)` in pairs.

        Args:
            mask: `(B, L)`, the positions that count in statistics over positions; all if `None`,
                and all of a sequence of which none counts.
        """
        weight, bias = self.affine()
        # sqrt(2) times the channels in pairs, so eps counts twice: the same exactly
        x = torch.cat([s + a, s - a], -1)
        if not self.over_positions:
            return F.layer_norm(x, (self.channels,), weight, bias, 2 * self.eps)
        exact = x.to(torch.promote_types(x.dtype, torch.float32))
        if mask is None:
            mean = exact.mean((1, 2), keepdim=True)
            variance = (exact - mean).square().mean((1, 2), keepdim=True)
        else:
            none = mask.amax(1, keepdim=True) == 0
            counted = torch.where(none, 1, mask.to(exact.dtype))[:, :, None]
            number = self.channels * counted.sum((1, 2), keepdim=True)
            mean = (exact * counted).sum((1, 2), keepdim=True) / number
            variance = ((exact - mean).square() * counted).sum((1, 2), keepdim=True) / number
        y = (exact - mean) * (variance + 2 * self.eps).rsqrt()
        return (y * weight + bias).to(x.dtype)


def gelu(pairs: Tensor) -> Features:
    """Exact GELU of features `(B, L, C)` in pairs, in the symmetric basis `(B, L, C/2)` twice."""
    u, v = (F.gelu(pairs) * SQRT_HALF).chunk(2, -1)
    return u + v, u - v


def norm_gelu_conv(
    norm: SymmetricNorm, conv: SymmetricConv1d, s: Tensor, a: Tensor, mask: Tensor | None = None
) -> Features:
    """`conv(gelu(norm(x)))`, the step that the network repeats.

    In eager mode it is one function that keeps only its input for the backward pass; compilers and
    exporters get the operations one by one, and fuse them themselves; so do modules whose calls
    someone relies on.
    """
    if torch.compiler.is_compiling() or not are_plain(norm, conv) or norm.over_positions:
        return conv(*gelu(norm(s, a, mask)))
    device, dtype = s.device.type, conv.symmetric.weight.dtype
    weight, bias = norm.affine()
    options = norm.eps, conv.kernel_size, conv.dilation
    parameters = conv.symmetric.weight, conv.symmetric.bias, conv.antisymmetric.weight
    if not torch.is_autocast_enabled(device) or s.dtype == torch.float64:
        return NormGeluConv.apply(s, a, weight, bias, *parameters, *options, dtype)
    with torch.autocast(device, enabled=False):
        # products in autocast's dtype, norms in the dtype of their scale
        norms, dtype = (weight.float(), bias.float()), torch.get_autocast_dtype(device)
        return NormGeluConv.apply(s, a, *norms, *parameters, *options, dtype)


def are_plain(norm: nn.Module, conv: nn.Module) -> bool:
    """Whether nobody notices that a norm and a convolution, with its halves, are not called."""
    return (
        is_plain(norm, SymmetricNorm)
        and is_plain(conv, SymmetricConv1d)
        and is_plain(conv.symmetric, HalfConv1d)
        and is_plain(conv.antisymmetric, HalfConv1d)
    )


def is_plain(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether a module is of this very kind, without an adapter, a quantizer or a hook on it."""
    if type(module) is not kind or (
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    ):
        return False
    # accelerate, which fetches weights at a call, puts a function of its own in place of the method
    return getattr(module.forward, "__func__", None) is kind.forward


class StrandInvariantLinear(nn.Linear):
    """A linear map of what both strands agree on, averaged over positions.

    The features are s and the absolute value of a, since a only changes its sign: as many as there
    are channels.
    """

    def forward(self, pairs: Tensor, mask: Tensor | None = None) -> Tensor:
        """Features `(B, L, C)` in pairs and the mask `(B, L)` of those that count, to `(B, N)`."""
        u, v = (pairs * SQRT_HALF).chunk(2, -1)
        features = torch.cat([u + v, (u - v).abs()], -1)
        if mask is None:
            return super().forward(features.mean(1))
        weights = mask.to(features.dtype)[:, :, None]
        return super().forward((features * weights).sum(1) / weights.sum(1).clamp_min(1))
