"""AdamW for models in which some parameters are points of a hyperboloid.

Riemannian Adam: Becigneul and Ganea, "Riemannian Adaptive Optimization Methods" (ICLR 2019,
arXiv 1810.00760).

Legend: P points, n space components, s space components of a point x, x0 its time component,
m first moment (a tangent vector at x, again by its space components), v second moment,
k curvature parameter as in geoopt: <x, x> = -x0^2 + |s|^2 = -k, sectional curvature -1/k.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.adam import adam
from torch.optim.adamw import adamw

from .recipes import Recipe

FUSED_DEVICE_TYPES = frozenset({"cpu", "cuda", "mps", "xpu"})  # where torch has a fused Adam kernel

TINY = 1e-30  # makes 0 / 0 the limit it stands for, and changes no other number
MAX_ANGLE = 50.0  # in units of sqrt(k); no step of a working run is near it, and cosh(50) is finite

Curvature = Callable[[], Tensor]
Mixture = tuple[float, float, float]


class RiemannianAdamW(Optimizer):
    """Fused AdamW for ordinary parameters, Riemannian Adam for points of a hyperboloid.

    A point moves exactly as geoopt's ``RiemannianAdam`` would move the full (1 + n)-dimensional
    point, but only its n space components are stored, so it can never leave its manifold, not even
    when its curvature is learned. All points of a group that share a dimension move together, in
    float64. Ordinary parameters take ``torch.optim.AdamW``'s fused kernel, or fused Adam
    (decay added to the gradient) in groups with ``decoupled_weight_decay=False``.

    A point's weight decay is always geoopt's: the gradient of ``weight_decay / 2 (x0^2 + |s|^2)``.
    One step moves a point by at most about ``lr (1 - beta1) / sqrt(1 - beta2)`` (3.2 ``lr`` with
    the defaults), since the step is Adam's and transport keeps lengths.

    Curvatures are callables, so they live beside ``param_groups``: ``state_dict`` holds numbers and
    tensors only, and ``torch.load(..., weights_only=True)`` reads it.

    Args:
        params: parameters, or dicts of parameters and options as for any torch optimizer. Points
            may sit in any group, alone or among ordinary parameters.
        lr: step size.
        betas: decay rates of the first and the second moment.
        eps: added to the root of the second moment.
        weight_decay: decay of ordinary parameters (see above for points).
        decoupled_weight_decay: True as in AdamW, False as in Adam with L2.
        fused: use the fused kernels; None means wherever torch has them.
        points: (name, parameter, curvature) for each point, as ``model.manifold_points()`` yields
            them: parameter (n,) holds space components, ``curvature()`` returns the current k > 0,
            0-dim.

    Raises:
        ValueError: for an option out of range, a parameter on the meta device, or a point that is
            not a vector.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        *,
        decoupled_weight_decay: bool = True,
        fused: bool | None = None,
        points: Iterable[tuple[str, nn.Parameter, Curvature]] = (),
    ) -> None:
        self._curvatures: dict[Tensor, Curvature] = {}
        distinct: dict[Any, Curvature] = {}
        for name, point, curvature in points:
            if point.ndim != 1:
                raise ValueError(
                    f"the point {name!r} has shape {tuple(point.shape)}; "
                    "pass the space components of one point per parameter, shape (n,)."
                )
            # Equal calls are made once per step: a curvature costs as much as a point's whole move.
            self._curvatures[point] = distinct.setdefault(_call(curvature), curvature)
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def __getstate__(self) -> dict[str, Any]:
        # Optimizer copies and pickles its own three fields only; without the curvatures a copy
        # would take points for ordinary parameters.
        return {**super().__getstate__(), "_curvatures": self._curvatures}

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group; decides whether it takes the fused kernels.

        Raises:
            ValueError: for an option out of range or a parameter on the meta device.
        """
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        _check_options(group)
        if any(parameter.is_meta for parameter in group["params"]):
            raise ValueError(
                "a parameter is on the meta device and has no data to optimize; "
                "load or initialise the model first."
            )
        if group["fused"] is None:
            # A plain bool in the group, because load_state_dict puts step counts on the right
            # device only for groups that say they are fused.
            group["fused"] = all(
                parameter.device.type in FUSED_DEVICE_TYPES and parameter.is_floating_point()
                for parameter in group["params"]
            )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Moves every parameter that has a gradient.

        Args:
            closure: recomputes the loss and the gradients.

        Returns:
            The closure's loss, None without a closure.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        points = {id(point) for point in self._curvatures}  # hashing tensors 80 times is slow
        split = []
        for group in self.param_groups:
            moving = [p for p in group["params"] if p.grad is not None]
            split.append([p for p in moving if id(p) not in points])
            # Points first: their gradients belong to the curvature the forward pass has seen.
            if len(split[-1]) < len(moving):
                for alike in self._alike([p for p in moving if id(p) in points]):
                    self._move_points(group, alike)
        for group, ordinary in zip(self.param_groups, split, strict=True):
            if ordinary:
                self._move_ordinary(group, ordinary)
        return loss

    def _alike(self, points: list[Tensor]) -> Iterator[list[Tensor]]:
        """Splits points into lists that can be stacked: same size, dtype, device and step count."""
        buckets = defaultdict(list)
        for point in points:
            state = self.state[point]
            if not state:
                # A point has one second moment; it and the count are read on the host every step.
                state["step"] = 0
                state["exp_avg"] = torch.zeros_like(point)
                state["exp_avg_sq"] = 0.0
            buckets[point.shape, point.dtype, point.device, state["step"]].append(point)
        yield from buckets.values()

    def _move_points(self, group: dict[str, Any], points: list[Tensor]) -> None:
        states = [self.state[point] for point in points]
        moments = [state["exp_avg"] for state in states]
        gradients = [point.grad for point in points]
        vectors = torch.stack([*points, *gradients, *moments])  # type: ignore[list-item]
        # Six points are a few hundred numbers: float64 costs nothing, and one trip to the host is
        # quicker than fifty operations on tensors of six numbers, on a CPU as on a GPU.
        vectors = vectors.to("cpu", torch.float64)
        bases = vectors.unflatten(0, (3, len(points))).transpose(0, 1)  # (P, 3, n): s, ds, m
        products = (bases @ bases.transpose(1, 2)).tolist()
        step = states[0]["step"] + 1
        mixtures = []
        for state, gram, k in zip(states, products, self._current_curvatures(points), strict=True):
            new_s, new_m, state["exp_avg_sq"] = riemannian_adam_step(
                gram,
                state["exp_avg_sq"],
                k,
                step=step,
                lr=group["lr"],
                betas=group["betas"],
                eps=group["eps"],
                weight_decay=group["weight_decay"],
            )
            state["step"] = step
            mixtures.append((new_s, new_m))
        new = torch.tensor(mixtures, dtype=torch.float64) @ bases  # (P, 2, 3) @ (P, 3, n)
        new = new.to(points[0].device, points[0].dtype)
        torch._foreach_copy_([*points, *moments], [*new[:, 0], *new[:, 1]])

    def _current_curvatures(self, points: list[Tensor]) -> list[float]:
        """Current k of each point."""
        curvatures = [self._curvatures[point] for point in points]
        current = {curvature: curvature().item() for curvature in dict.fromkeys(curvatures)}
        return [current[curvature] for curvature in curvatures]

    def _move_ordinary(self, group: dict[str, Any], parameters: list[Tensor]) -> None:
        states = [self.state[parameter] for parameter in parameters]
        for parameter, state in zip(parameters, states, strict=True):
            if not state:
                # Fused kernels want the count beside the parameter.
                device = parameter.device if group["fused"] else "cpu"
                state["step"] = torch.zeros((), dtype=torch.float32, device=device)
                state["exp_avg"] = torch.zeros_like(parameter)
                state["exp_avg_sq"] = torch.zeros_like(parameter)
        beta1, beta2 = group["betas"]
        update = adamw if group["decoupled_weight_decay"] else adam
        update(
            parameters,
            [parameter.grad for parameter in parameters],  # type: ignore[misc]
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=group["fused"],
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )


def riemannian_adam_step(
    gram: Sequence[Sequence[float]],
    v: float,
    k: float,
    *,
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
) -> tuple[Mixture, Mixture, float]:
    """One Riemannian Adam step of a point.

    The new point and its first moment lie in the plane of the old ones and the gradient, so the
    step is worked out on their inner products and comes as weights of the three vectors.

    Args:
        gram: Euclidean inner products (3, 3) of s, ds and m: space components of the point, the
            gradient with respect to them, and space components of the first moment.
        v: second moment.
        k: curvature.
        step: number of this step, 1 for the first.
        lr: step size.
        betas: decay rates of the moments.
        eps: added to the root of the second moment.
        weight_decay: of the ambient square |x|^2 = x0^2 + |s|^2.

    Returns:
        Weights of s, ds and m in the new s; weights in the new m, a tangent vector at the new
        point; the new v.
    """
    (ss, sg, sm), (_, gg, gm), (_, _, mm) = gram
    beta1, beta2 = betas
    # d/ds of weight_decay / 2 * (x0^2 + |s|^2), where x0^2 = k + |s|^2, joins the gradient
    pull = 2 * weight_decay
    gg += 2 * pull * sg + pull * pull * ss
    sg += pull * ss
    gm += pull * sm
    # Riemannian gradient r = ds + along s. Minkowski products: <r, r> = |ds|^2 + <s, ds>^2 / k,
    # <m, r> = <m_s, ds> (that is what a gradient is), <m, m> = |m_s|^2 - <s, m_s>^2 / x0^2.
    along = sg / k
    # Rounding may leave a square that should be 0 below it.
    rr = max(gg + along * sg, 0.0)
    v = beta2 * v + (1 - beta2) * rr
    old, new = beta1, 1 - beta1  # weights of m and r in the first moment
    mm -= sm * sm / (k + ss)
    mm = max(old * old * mm + 2 * old * new * gm + new * new * rr, 0.0)

    # distance moved per unit of |m|: lr / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)
    root = math.sqrt(1 - beta2**step)
    rate = lr * root / (1 - beta1**step) / (math.sqrt(v) + eps * root + TINY)
    # The direction is -rate * m: x and m turn into each other along one geodesic, by angle theta.
    theta = min(math.sqrt(mm / k) * rate + TINY, MAX_ANGLE)
    cosh = math.cosh(theta)
    rate *= math.sinh(theta) / theta
    from_s = new * (along + pull)
    turn = rate * mm / k
    return (
        (cosh - rate * from_s, -rate * new, -rate * old),
        (cosh * from_s - turn, cosh * new, cosh * old),
        v,
    )


def parameter_groups(model: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Sorts a model's trainable parameters into groups with the recipe's rates and decays.

    Roles are told by what a parameter is, not by parts of its name: points are those that
    ``model.manifold_points()`` yields; curvatures are the parameters called ``raw_curvature``; norm
    parameters are those of `norm_parameters`; biases are called ``bias`` or are the offsets ``a``
    of a Lorentz classifier (their own names, not parts of them). Everything else is a weight.

    Args:
        model: any model; one without ``manifold_points`` has no points.
        recipe: the rates and decays.

    Returns:
        Non-empty groups, each with ``params``, ``role``, ``lr``, ``weight_decay`` and
        ``decoupled_weight_decay``; every trainable parameter sits in exactly one. The weights come
        first, so that theirs is the learning rate a Trainer logs.
    """
    points = {id(parameter) for _, parameter, _ in manifold_points(model)}
    norms = set(map(id, norm_parameters(model)))
    roles: dict[str, list[nn.Parameter]] = {role: [] for role in GROUP_ROLES}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        own_name = name.rpartition(".")[2]
        if id(parameter) in points:
            role = "points"
        elif own_name == "raw_curvature":
            role = "curvature"
        elif id(parameter) in norms or own_name in BIAS_NAMES:
            role = "norms_and_biases"
        else:
            role = "weights"
        roles[role].append(parameter)
    return [
        {
            "params": parameters,
            "role": role,
            "lr": recipe.rate(role),
            "weight_decay": recipe.decay(role),
            "decoupled_weight_decay": recipe.decoupled_weight_decay,
        }
        for role, parameters in roles.items()
        if parameters
    ]


def norm_parameters(model: nn.Module) -> list[nn.Parameter]:
    """The parameters of torch's norms and of modules that their parent holds as a norm.

    A parent holds a norm by a name such as ``norm``, ``norm2`` or ``input_layernorm``.
    """
    return [
        parameter
        for name, module in model.named_modules()
        if isinstance(module, NORM_TYPES) or NORM_NAME.search(name)
        for parameter in module.parameters()
    ]


def manifold_points(model: nn.Module) -> list[tuple[str, nn.Parameter, Curvature]]:
    """The points of a model, empty for a family that has none."""
    points = getattr(model, "manifold_points", None)
    return [] if points is None else list(points())


GROUP_ROLES = ("weights", "norms_and_biases", "points", "curvature")
BIAS_NAMES = frozenset({"bias", "a"})
NORM_NAME = re.compile(r"norm\d*$")
NORM_TYPES = (
    nn.modules.batchnorm._NormBase,  # batch and instance norms of every dimension
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)


def _call(curvature: Curvature) -> Any:
    """What tells one callable from another; partials compare by identity, their parts do not."""
    if isinstance(curvature, partial) and not curvature.keywords:
        return curvature.func, curvature.args
    return curvature


def _check_options(group: dict[str, Any]) -> None:
    for name in ("lr", "eps", "weight_decay"):
        if not group[name] >= 0:
            raise ValueError(f"{name} is {group[name]}; it must not be negative.")
    if not all(0 <= beta < 1 for beta in group["betas"]):
        raise ValueError(f"betas are {group['betas']}; both must lie in [0, 1).")
