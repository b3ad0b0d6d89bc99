"""Layers on the hyperboloid: linear, convolution and classifier (HGE, arXiv 2507.21648).

Points are carried as in `lorentz.py`, by space components, channels first. Widths of the paper
count the time component: its 32 channels are 31 here.

Legend: B batch, L positions, K kernel size, N classes.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .euclidean_layers import SameConv1d
from .lorentz import squared_norm, time_component
from .lorentz_functions import AddRankOne

MAX_EXPONENT = 80.0  # exp(80) is a float32; a larger exponent only ever multiplies 0 here


def input_dtype(layer: nn.Module, x: Tensor) -> torch.dtype:
    """The type that a layer reads: that of its weight, or of what comes where it is quantized."""
    weight = layer.weight
    if isinstance(weight, Tensor) and weight.is_floating_point():
        return weight.dtype
    return x.dtype


class LorentzLinear(nn.Module):
    """Lorentz linear layer (Chen et al. 2022): `y_s = W x_s + w_0 x_0 + b`, `y_0` recomputed.

    The official layer also computes a row for `y_0` and throws it away; here it does not exist.

    Args:
        in_features: space components in.
        out_features: space components out.
    """

    def __init__(self, in_features: int, out_features: int):
        super().__init__()
        self.space = nn.Linear(in_features, out_features)
        self.time_weight = nn.Parameter(torch.empty(out_features))

    def forward(self, x: Tensor, k: Tensor) -> Tensor:
        """Points `(B, in_features)` to points `(B, out_features)`, space components."""
        y = self.space(x.to(input_dtype(self.space, x))).to(x.dtype)
        with torch.autocast(x.device.type, enabled=False):
            return y + self.time_weight.to(x.dtype) * time_component(x, k=k, dim=-1)


class LorentzConv1d(nn.Module):
    """Lorentz convolution: a Lorentz linear layer on the direct concatenation of every window.

    The concatenation of the K points of a window has the space components of all of them and the
    time component `t' = sqrt(k + sum_i |x_i|^2)` (`t'^2 = sum_i t_i^2 - (K - 1) k`), so the layer
    is an ordinary convolution of the space components plus a rank-one term:
    `y_s = conv(x_s) + b + w_0 t'`. Zero padding of the space components is padding with the origin.

    Args:
        in_channels: space components in.
        out_channels: space components out.
        kernel_size: odd window width K; the length is kept.
        dilation: distance between the positions of a window.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, dilation: int = 1):
        super().__init__()
        self.kernel_size, self.dilation = kernel_size, dilation
        self.padding = dilation * (kernel_size // 2)
        self.space = SameConv1d(in_channels, out_channels, kernel_size, dilation=dilation)
        self.time_weight = nn.Parameter(torch.empty(out_channels))

    def forward(self, x: Tensor, squared: Tensor, k: Tensor) -> Tensor:
        """Convolves points.

        Args:
            x: space components `(B, in_channels, L)`.
            squared: their squared norms `|x_s|^2 (B, 1, L)`.
            k: curvature of the layer, a scalar.

        Returns:
            Space components `(B, out_channels, L)`.
        """
        y = self.space(x.to(self.space.weight.dtype)).to(x.dtype)
        with torch.autocast(x.device.type, enabled=False):
            K = self.kernel_size
            if self.dilation == 1:
                windows = F.avg_pool1d(squared, K, stride=1, padding=self.padding) * K
            else:
                ones = squared.new_ones(1, 1, K)
                windows = F.conv1d(squared, ones, padding=self.padding, dilation=self.dilation)
            w, t = self.time_weight.to(x.dtype), (k + windows).sqrt()
            if torch.compiler.is_compiling():
                return torch.addcmul(y, w[:, None], t)
            return AddRankOne.apply(y, w, t)


class LorentzMLR(nn.Module):
    """Lorentz multinomial logistic regression (HCNN, Bdeir et al. 2024, theorem 2).

    The logit of a class is its signed distance to the hyperplane `(a, z)`, scaled by `|z|`:
    `s |z| asinh(alpha / (s |z|))` with `alpha = cosh(a/s) <z, x_s> - sinh(a/s) |z| x_0`.

    `cosh` and `sinh` are factored as `exp(|a|/s)` times bounded terms, so the logit is finite for
    any `a` (the official expression is NaN in float32 from |a| = 10 on).

    Args:
        in_features: space components in.
        num_classes: number of logits N.
    """

    def __init__(self, in_features: int, num_classes: int):
        super().__init__()
        self.in_features, self.num_classes = in_features, num_classes
        self.a = nn.Parameter(torch.empty(num_classes))
        self.z = nn.Parameter(torch.empty(num_classes, in_features))

    def forward(self, x: Tensor, k: Tensor) -> Tensor:
        """Points `(B, in_features)` to logits `(B, N)`, in the dtype of `x`."""
        a, z, s = self.a.to(x.dtype), self.z.to(x.dtype), k.sqrt()
        z_norm = squared_norm(z, dim=1).squeeze(1).clamp_min(torch.finfo(x.dtype).tiny).sqrt()
        x0 = time_component(x, k=k, dim=-1)

        positive = a >= 0  # not sign(a) and |a|: their gradient at 0 would be 0
        c = torch.where(positive, a, -a) / s
        decay = torch.exp(-2 * c)
        sinh = torch.where(positive, 1 - decay, decay - 1) / 2  # sinh(a/s) exp(-c)
        # alpha = exp(c) r s |z|
        with torch.autocast(x.device.type, enabled=False):
            inner = F.linear(x, z)
        r = ((1 + decay) / 2 * inner / z_norm - sinh * x0) / s
        return s * z_norm * asinh_exp(r, c)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, num_classes={self.num_classes}"


def asinh_exp(r: Tensor, c: Tensor) -> Tensor:
    """`asinh(exp(c) r)` for `c >= 0` without overflow, with finite gradients.

    Beyond `exp(c) |r| = 1 / sqrt(eps)` the function equals `sign(r) (c + log(2 |r|))` to rounding.
    """
    c = c.expand_as(r)
    large = c + r.detach().abs().log() > -0.5 * math.log(torch.finfo(r.dtype).eps)
    # both branches are evaluated everywhere, so each gets arguments on which it is finite
    r_small = torch.where(large, 0, r)
    r_large = torch.where(large, r, 1)
    return torch.where(
        large,
        torch.sign(r_large) * (c + (2 * r_large.abs()).log()),
        torch.asinh(c.clamp_max(MAX_EXPONENT).exp() * r_small),
    )
