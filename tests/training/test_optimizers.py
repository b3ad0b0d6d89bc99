"""Points move as geoopt moves them, everything else as PyTorch does, and the state is exact."""

import copy
import io
import math
import re
import warnings

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification

from hf_genomics import HyperbolicCNNConfig, HyperbolicCNNForSequenceClassification
from hf_genomics.training.optimizers import (
    RiemannianAdamW,
    manifold_points,
    parameter_groups,
)
from hf_genomics.training.recipes import MODERN, PAPER, RECIPES

with warnings.catch_warnings():
    # geoopt 0.5.1 compiles its maps with torch.jit.script, which torch calls deprecated
    warnings.simplefilter("ignore")
    import geoopt

N = 31  # space components


def tiny_model(**options):
    sizes = {"num_channels": 6, "embedding_dim": 9, "num_layers": 2, "max_length": 12}
    return HyperbolicCNNForSequenceClassification(HyperbolicCNNConfig(**(sizes | options)))


def set_gradients(model, seed):
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator).to(parameter.dtype)


def lift(s, k):
    """The full point (1 + n) of space components (n,)."""
    return torch.cat([(k + s @ s).sqrt()[None], s])


def distance(s, t, k):
    """Distance of two points, from space components, in float64 and exact for near points."""
    x, y = lift(s.double(), k), lift(t.double(), k)
    chord = (x[1:] - y[1:]).square().sum() - (x[0] - y[0]).square()
    return 2 * k.sqrt() * torch.asinh(chord.clamp_min(0).sqrt() / (2 * k.sqrt()))


def optimizer_of_points(points, k, **options):
    named = [(f"point {i}", point, lambda: k) for i, point in enumerate(points)]
    return RiemannianAdamW(points, points=named, **options)


# --- points -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("k", "radius", "weight_decay", "stabilize"),
    [
        (1.0, 0.0, 0.0, None),
        (1.0, 0.0, 5e-4, 1),  # the paper's recipe, from the origin
        (0.5, 3.0, 0.1, None),
        (2.0, 1.0, 0.1, 1),
        (2.0, 3.0, 5e-4, 3),
    ],
)
def test_points_move_as_geoopts_riemannian_adam_moves_them(k, radius, weight_decay, stabilize):
    k = torch.tensor(k, dtype=torch.float64)
    starts = radius * torch.randn(6, N, dtype=torch.float64) / math.sqrt(N)
    directions = torch.randn(6, N + 1, dtype=torch.float64)
    ours = [nn.Parameter(start.clone()) for start in starts]
    manifold = geoopt.Lorentz(k=k)
    theirs = [geoopt.ManifoldParameter(lift(start, k), manifold=manifold) for start in starts]
    optimizer = optimizer_of_points(ours, k, lr=2e-2, weight_decay=weight_decay)
    reference = geoopt.optim.RiemannianAdam(
        theirs, lr=2e-2, weight_decay=weight_decay, stabilize=stabilize
    )

    def loss(points, step):  # its minimum moves, so steps never become tiny
        projected = directions * torch.stack(points)
        return torch.sin(projected.sum(1) + step / 10).sum() + projected.abs().sum() / 10

    for step in range(200):
        optimizer.zero_grad()
        reference.zero_grad()
        loss([lift(s, k) for s in ours], step).backward()
        loss(theirs, step).backward()
        optimizer.step()
        reference.step()
    for s, x in zip(ours, theirs, strict=True):
        assert (s - x[1:]).abs().max() < 5e-12


def test_points_stacked_move_as_points_alone():
    k = torch.tensor(1.5)
    together = [nn.Parameter(torch.randn(N)) for _ in range(4)]
    alone = [nn.Parameter(point.detach().clone()) for point in together]
    optimizers = [optimizer_of_points(together, k), *(optimizer_of_points([p], k) for p in alone)]
    for _ in range(5):
        for p, q in zip(together, alone, strict=True):
            p.grad = torch.randn(N)
            q.grad = p.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close(together, alone)


def test_points_of_several_sizes_and_ages_share_a_group():
    k = torch.tensor(1.0)
    points = [nn.Parameter(torch.randn(n)) for n in (3, 3, 7)]
    optimizer = optimizer_of_points(points, k)
    points[0].grad = torch.randn(3)
    optimizer.step()
    for point in points:
        point.grad = torch.randn_like(point)
    optimizer.step()
    assert [optimizer.state[point]["step"] for point in points] == [2, 1, 1]


@pytest.mark.parametrize("radius", [0.0, 1e-30, 1e-12, 1e-4, 1.0, 10.0])
@pytest.mark.parametrize("gradient_size", [0.0, 1e-20, 1.0, 1e6])
def test_float32_steps_agree_with_float64_at_every_radius(radius, gradient_size):
    k = torch.tensor(1.0, dtype=torch.float64)
    direction = nn.functional.normalize(torch.randn(N, dtype=torch.float64), dim=0)
    # The start is a float32 number, so both runs start at the very same point.
    start = (math.sinh(radius) * direction).float()
    single, double = nn.Parameter(start.clone()), nn.Parameter(start.double())
    optimizers = [optimizer_of_points([p], k, lr=2e-2, weight_decay=0) for p in (single, double)]
    for _ in range(20):
        gradient = gradient_size * torch.randn(N, dtype=torch.float64)
        single.grad, double.grad = gradient.float(), gradient.float().double()
        for optimizer in optimizers:
            optimizer.step()
    assert torch.isfinite(single).all()
    # Four float32 roundings of s alone, seen as a distance; each is up to 6e-8 |s| long.
    assert distance(single.detach(), double.detach(), k) <= 4 * 1.2e-7 * math.cosh(radius)


def test_a_zero_gradient_moves_nothing():
    points = [nn.Parameter(torch.zeros(N)), nn.Parameter(torch.randn(N))]
    before = [point.detach().clone() for point in points]
    optimizer = optimizer_of_points(points, torch.tensor(1.0), weight_decay=0)
    for point in points:
        point.grad = torch.zeros(N)
    optimizer.step()
    torch.testing.assert_close([p.detach() for p in points], before, rtol=0, atol=0)


def test_a_first_step_has_the_length_of_the_learning_rate():
    k = torch.tensor(2.0, dtype=torch.float64)
    point = nn.Parameter(torch.randn(N, dtype=torch.float64))
    before = point.detach().clone()
    point.grad = 1000 * torch.randn(N, dtype=torch.float64)
    optimizer_of_points([point], k, lr=0.3, weight_decay=0).step()
    assert distance(before, point.detach(), k).item() == pytest.approx(0.3, rel=1e-9)


def test_a_burst_of_gradient_moves_a_point_no_further_than_adams_bound():
    k = torch.tensor(1.0, dtype=torch.float64)
    point = nn.Parameter(torch.randn(N, dtype=torch.float64))
    optimizer = optimizer_of_points([point], k, lr=2e-2, weight_decay=0)
    for size in [1e-6] * 200 + [1e12]:
        before = point.detach().clone()
        point.grad = size * torch.randn(N, dtype=torch.float64)
        optimizer.step()
    assert distance(before, point.detach(), k) <= 2e-2 * 0.1 / math.sqrt(0.001) * 1.0001


def test_transport_keeps_the_length_of_the_momentum():
    k = torch.tensor(0.7, dtype=torch.float64)
    point = nn.Parameter(torch.randn(N, dtype=torch.float64))
    optimizer = optimizer_of_points([point], k, lr=0.3, weight_decay=0)

    def length(s, m):
        return (m.square().sum() - (s * m).sum() ** 2 / (k + s.square().sum())).sqrt()

    point.grad = torch.randn(N, dtype=torch.float64)
    optimizer.step()
    before, m = point.detach().clone(), optimizer.state[point]["exp_avg"].clone()
    # With a gradient of zero the first moment decays by beta1, and is transported.
    point.grad = torch.zeros(N, dtype=torch.float64)
    optimizer.step()
    after = point.detach()
    assert distance(before, after, k) > 0.1
    moved = optimizer.state[point]["exp_avg"]
    torch.testing.assert_close(length(after, moved), 0.9 * length(before, m), rtol=1e-9, atol=0)


@pytest.mark.parametrize("seed", range(5))
def test_a_gradient_that_cancels_the_decay_moves_nothing(seed):
    torch.manual_seed(seed)
    point = nn.Parameter(torch.randn(N, dtype=torch.float64))
    before = point.detach().clone()
    optimizer = optimizer_of_points([point], torch.tensor(1.0), weight_decay=0.3, eps=1e-6)
    point.grad = -2 * 0.3 * point.detach()
    optimizer.step()
    torch.testing.assert_close(point.detach(), before, rtol=0, atol=1e-10)


def test_a_gradient_that_overflows_shows_in_the_point_without_a_warning():
    point = nn.Parameter(torch.ones(N))
    optimizer = optimizer_of_points([point], torch.tensor(1.0))
    point.grad = torch.full((N,), math.inf)
    optimizer.step()
    assert not torch.isfinite(point).any()


def test_a_point_follows_the_curvature_of_the_forward_pass():
    # A learned curvature moves in the same step; the point must use the one its gradient has seen,
    # whatever the order of the groups.
    raw, point = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.ones(N))
    raw.grad, point.grad = torch.ones(1), torch.ones(N)
    points = [("point", point, lambda: raw.exp()[0])]
    RiemannianAdamW([{"params": [raw], "lr": 1.0}, {"params": [point]}], points=points).step()
    fixed = nn.Parameter(torch.ones(N))
    fixed.grad = torch.ones(N)
    optimizer_of_points([fixed], torch.tensor(1.0)).step()
    assert raw.item() == pytest.approx(-1)
    torch.testing.assert_close(point, fixed)


def test_bfloat16_points_move_in_full_precision():
    k = torch.tensor(1.0)
    point = nn.Parameter(torch.full((N,), 100.0, dtype=torch.bfloat16))
    twin = nn.Parameter(point.detach().float())
    point.grad = torch.randn(N).bfloat16()
    twin.grad = point.grad.float()
    for p in (point, twin):
        optimizer_of_points([p], k, lr=0.1).step()
    assert point.dtype == torch.bfloat16
    torch.testing.assert_close(point.detach(), twin.detach().bfloat16(), rtol=0, atol=0)


def test_points_that_share_a_curvature_ask_for_it_once():
    calls = []

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.points = nn.ParameterList([torch.ones(N) for _ in range(6)])

        def curvature(self):
            calls.append(1)
            return torch.tensor(1.0)

    model = Model()
    named = [(str(i), point, model.curvature) for i, point in enumerate(model.points)]
    set_gradients(model, 0)
    RiemannianAdamW(model.parameters(), points=named).step()
    assert len(calls) == 1


# --- ordinary parameters ------------------------------------------------------------------------


@pytest.mark.parametrize("fused", [None, True, False])
@pytest.mark.parametrize(
    ("decoupled", "reference"), [(True, torch.optim.AdamW), (False, torch.optim.Adam)]
)
def test_ordinary_parameters_move_as_pytorch_moves_them(decoupled, reference, fused):
    ours, theirs = nn.Linear(5, 3), nn.Linear(5, 3)
    theirs.load_state_dict(ours.state_dict())
    options = {"lr": 1e-2, "betas": (0.8, 0.9), "eps": 1e-6, "weight_decay": 0.1}
    optimizer = RiemannianAdamW(
        ours.parameters(), decoupled_weight_decay=decoupled, fused=fused, **options
    )
    twin = reference(theirs.parameters(), fused=fused is not False, **options)
    for step in range(10):
        set_gradients(ours, step)
        set_gradients(theirs, step)
        optimizer.step()
        twin.step()
    torch.testing.assert_close(list(ours.parameters()), list(theirs.parameters()), rtol=0, atol=0)


def test_the_euclidean_twin_has_no_points_and_takes_plain_adamw():
    model = tiny_model(geometry="euclidean")
    reference = copy.deepcopy(model)
    optimizer = RiemannianAdamW(parameter_groups(model, MODERN), points=manifold_points(model))
    groups = [
        {key: group[key] for key in ("params", "lr", "weight_decay")}
        for group in parameter_groups(reference, MODERN)
    ]
    twin = torch.optim.AdamW(groups, fused=True)
    for step in range(3):
        set_gradients(model, step)
        set_gradients(reference, step)
        optimizer.step()
        twin.step()
    assert [group["role"] for group in optimizer.param_groups] == ["weights", "norms_and_biases"]
    assert all(group["fused"] for group in optimizer.param_groups)
    for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_parameters_without_gradient_stay():
    model = tiny_model()
    optimizer = RiemannianAdamW(model.parameters(), points=model.manifold_points())
    before = copy.deepcopy(model.state_dict())
    optimizer.step()
    name, point, _ = next(model.manifold_points())
    point.grad = torch.ones_like(point)
    optimizer.step()
    changed = [key for key, value in model.state_dict().items() if not value.equal(before[key])]
    assert changed == [name]


def test_closures_are_called_with_gradients_on():
    weight = nn.Parameter(torch.ones(3))
    optimizer = RiemannianAdamW([weight])

    def closure():
        optimizer.zero_grad()
        loss = weight.square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure) == 3
    assert (weight < 1).all()


def test_hooks_run_once_a_step():
    weight = nn.Parameter(torch.ones(3))
    torch.optim.AdamW([weight])  # patches AdamW's step for good
    optimizer = RiemannianAdamW([weight])
    calls = []
    optimizer.register_step_post_hook(lambda *_: calls.append(1))
    weight.grad = torch.ones(3)
    optimizer.step()
    assert calls == [1]


def test_the_gradient_scaler_unscales_first_and_skips_overflows():
    model, reference = tiny_model(), tiny_model()
    reference.load_state_dict(model.state_dict())
    optimizers = [
        RiemannianAdamW(m.parameters(), points=m.manifold_points()) for m in (model, reference)
    ]
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    scaler.scale(torch.ones(()))  # makes the scale
    for seed in range(3):
        set_gradients(model, seed)
        set_gradients(reference, seed)
        for parameter in model.parameters():
            parameter.grad *= 1024
        if seed == 1:
            next(model.manifold_points())[1].grad[0] = math.inf
        else:
            optimizers[1].step()
        scaler.step(optimizers[0])
        scaler.update(1024.0)
    for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


# --- state --------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("options", [{}, {"multi_curvature": True}, {"geometry": "euclidean"}])
def test_a_loaded_state_goes_on_exactly(recipe, options):
    model = tiny_model(**options)

    def optimizer_of(model):
        return RiemannianAdamW(parameter_groups(model, recipe), points=manifold_points(model))

    optimizer = optimizer_of(model)
    for step in range(3):
        set_gradients(model, step)
        optimizer.step()
    buffer = io.BytesIO()
    torch.save(optimizer.state_dict(), buffer)
    buffer.seek(0)
    resumed = copy.deepcopy(model)
    resumed_optimizer = optimizer_of(resumed)
    resumed_optimizer.load_state_dict(torch.load(buffer, weights_only=True))
    for step in range(3, 6):
        for m, o in ((model, optimizer), (resumed, resumed_optimizer)):
            set_gradients(m, step)
            o.step()
    for ours, theirs in zip(model.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    loaded = [group["decoupled_weight_decay"] for group in resumed_optimizer.param_groups]
    assert set(loaded) == {recipe.decoupled_weight_decay}


def test_a_copied_optimizer_still_knows_its_points():
    model = tiny_model()
    optimizer = RiemannianAdamW(model.parameters(), points=model.manifold_points())
    copied_model, copied = copy.deepcopy((model, optimizer))
    for m, o in ((model, optimizer), (copied_model, copied)):
        set_gradients(m, 0)
        o.step()
    for ours, theirs in zip(model.parameters(), copied_model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


# --- groups -------------------------------------------------------------------------------------


def names_by_role(model, recipe):
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = parameter_groups(model, recipe)
    return {group["role"]: [names[id(p)] for p in group["params"]] for group in groups}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("geometry", ["lorentz", "euclidean"])
@pytest.mark.parametrize("head", ["flatten", "centroid"])
def test_every_trainable_parameter_is_in_exactly_one_group(recipe, geometry, head):
    model = tiny_model(geometry=geometry, head=head, multi_curvature=geometry == "lorentz")
    frozen = next(model.parameters())
    frozen.requires_grad_(False)
    grouped = [p for group in parameter_groups(model, recipe) for p in group["params"]]
    trainable = [p for p in model.parameters() if p.requires_grad]
    assert len(grouped) == len(trainable)
    assert {id(p) for p in grouped} == {id(p) for p in trainable}


def test_groups_follow_what_a_parameter_is():
    roles = names_by_role(tiny_model(num_layers=1), MODERN)
    layers = [f"model.blocks.0.layers.{i}" for i in (0, 1)]
    assert roles["points"] == [f"{layer}.norm.beta" for layer in layers]
    assert roles["curvature"] == ["model.curvature.raw_curvature"]
    assert {name.rpartition(".")[2] for name in roles["norms_and_biases"]} == {"gamma", "bias", "a"}
    assert {name.rpartition(".")[2] for name in roles["weights"]} == {"weight", "time_weight", "z"}


def test_the_twins_norm_parameters_do_not_decay():
    roles = names_by_role(tiny_model(geometry="euclidean"), MODERN)
    assert sum(".norm." in name for name in roles["norms_and_biases"]) == 8
    assert not any(".norm." in name for name in roles["weights"])


@pytest.mark.parametrize("model_type", ["hyperbolic_cnn", "phylogpn", "vqdna"])
def test_scales_of_norms_do_not_decay_in_any_family(model_type):
    config = AutoConfig.for_model(model_type)
    with torch.device("meta"):
        model = AutoModelForSequenceClassification.from_config(config)
    roles = names_by_role(model, MODERN)
    scales = {n for n in roles["norms_and_biases"] if not n.endswith((".bias", ".a"))}
    assert scales
    assert all(re.search(r"norm\d*\.(weight|gamma)$", name) for name in scales)
    assert not any(re.search(r"norm\d*\.", name) for name in roles["weights"])


def test_names_that_only_resemble_a_role_are_weights():
    class Trap(nn.Module):
        def __init__(self):
            super().__init__()
            self.normalizer = nn.Linear(2, 2, bias=False)
            self.bias_table = nn.Parameter(torch.ones(2))
            self.raw_curvature_scale = nn.Parameter(torch.ones(2))
            self.beta = nn.Parameter(torch.ones(2))
            self.layer_norm = nn.LayerNorm(2)  # a norm by its type, under any name
            self.pool = nn.Sequential(nn.BatchNorm1d(2))

    roles = names_by_role(Trap(), MODERN)
    assert set(roles["weights"]) == {
        "normalizer.weight",
        "bias_table",
        "raw_curvature_scale",
        "beta",
    }
    assert len(roles["norms_and_biases"]) == 4


def test_paper_groups_have_the_papers_rates_and_decays():
    settings = {
        group["role"]: (group["lr"], group["weight_decay"], group["decoupled_weight_decay"])
        for group in parameter_groups(tiny_model(), PAPER)
    }
    assert settings == {
        "weights": (1e-5, 0.1, False),
        "norms_and_biases": (1e-5, 0.1, False),
        "points": (2e-2, 5e-4, False),
        "curvature": (1e-4, 0.0, False),
    }


def test_modern_decays_weights_only():
    for group in parameter_groups(tiny_model(), MODERN):
        assert (group["weight_decay"] > 0) == (group["role"] == "weights")


# --- mistakes -----------------------------------------------------------------------------------


def test_a_parameter_on_meta_is_refused():
    with pytest.raises(ValueError, match="meta device"):
        RiemannianAdamW(nn.Linear(2, 2, device="meta").parameters())


def test_a_point_must_be_a_vector():
    point = nn.Parameter(torch.ones(2, 3))
    with pytest.raises(ValueError, match=r"'beta' has shape \(2, 3\)"):
        RiemannianAdamW([point], points=[("beta", point, lambda: torch.tensor(1.0))])


@pytest.mark.parametrize(
    "option", [{"lr": -1.0}, {"eps": -1.0}, {"weight_decay": math.nan}, {"betas": (0.9, 1.0)}]
)
def test_options_out_of_range_are_refused(option):
    with pytest.raises(ValueError, match=next(iter(option))):
        RiemannianAdamW([nn.Parameter(torch.ones(2))], **option)
