"""Models of substitution: their closed forms, their special cases, and how a new one joins."""

import math
import pickle
from decimal import Decimal, localcontext

import pytest
import torch

from hf_genomics import Phylogeny
from hf_genomics.models.phylogpn.phylogenetic_likelihood import log_likelihood
from hf_genomics.models.phylogpn.substitution_models import (
    F81,
    HKY85,
    JC69,
    SubstitutionModel,
)
from tests.references import phylogenetic_likelihood as reference

MODELS = [F81(), F81("sigmoid"), JC69(), HKY85(1e-6), HKY85(0.3), HKY85(1.0), HKY85(5.0)]
EXACT = [model for model in MODELS if model.is_semigroup]
EXPONENTIALS = {
    "f81": (F81(), reference.f81_by_matrix_exponential),
    "jc69": (JC69(), reference.jc69_by_matrix_exponential),
    "hky85": (HKY85(0.3), reference.hky85_by_matrix_exponential(0.3)),
    "hky85 fast": (HKY85(7.0), reference.hky85_by_matrix_exponential(7.0)),
}
LENGTHS = torch.tensor([1e-6, 0.01, 0.3, 2.0, 40.0], dtype=torch.float64)
TREE = Phylogeny.from_newick("((A:0.1,B:0.2):0.05,(C:0.3,D:0.4,E:0.1):0.2);")


def transition_matrices(model, log_rates, lengths=LENGTHS):
    """P(t) as (B, N, 4, 4), column by column: what becomes of the four unit vectors."""
    w = log_rates.T
    coefficients = model.coefficients(w, lengths)
    pi = model.log_stationary(w).exp()
    units = torch.eye(4, dtype=log_rates.dtype)
    columns = [
        model.propagate(unit[None, :, None].expand(len(lengths), 4, w.shape[1]), coefficients, pi)
        for unit in units
    ]
    return torch.stack(columns, -1).transpose(1, 2)


def some_log_rates():
    return torch.randn(6, 4, dtype=torch.float64)


@pytest.mark.parametrize("name", EXPONENTIALS)
def test_transition_probabilities_are_the_matrix_exponential(name):
    model, log_transition = EXPONENTIALS[name]
    log_rates = some_log_rates()
    ours = transition_matrices(model, log_rates)
    expected = torch.stack(
        [torch.stack([log_transition(w, t) for w in log_rates]) for t in LENGTHS.tolist()]
    ).exp()
    torch.testing.assert_close(ours, expected, rtol=1e-11, atol=0)


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_rows_sum_to_one(model):
    total = transition_matrices(model, some_log_rates()).sum(-1)
    torch.testing.assert_close(total, torch.ones_like(total))


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_detailed_balance(model):
    log_rates = some_log_rates()
    pi = model.log_stationary(log_rates.T).exp().T
    flow = pi[:, :, None] * transition_matrices(model, log_rates)
    torch.testing.assert_close(flow, flow.transpose(-1, -2))


@pytest.mark.parametrize("model", EXACT, ids=repr)
def test_branches_in_a_row_add_up(model):
    log_rates = some_log_rates()
    first, second, both = (
        transition_matrices(model, log_rates, torch.tensor([t], dtype=torch.float64))
        for t in (0.2, 0.5, 0.7)
    )
    torch.testing.assert_close(first @ second, both)


def test_branches_in_a_row_do_not_add_up_under_the_sigmoid():
    log_rates = some_log_rates()
    once, twice = (
        transition_matrices(F81("sigmoid"), log_rates, torch.tensor([t], dtype=torch.float64))
        for t in (0.5, 1.0)
    )
    assert (once @ once - twice).abs().max() > 1e-3


def test_the_sigmoid_is_the_average_over_an_exponentially_distributed_rate():
    log_rates = some_log_rates()
    rates = torch.linspace(0, 60, 60_001, dtype=torch.float64)
    matrices = transition_matrices(F81(), log_rates[:1], rates.clamp(min=1e-9) * 0.4)
    average = torch.trapezoid(matrices * torch.exp(-rates)[:, None, None, None], rates, dim=0)
    (ours,) = transition_matrices(F81("sigmoid"), log_rates[:1], torch.tensor([0.4]).double())
    torch.testing.assert_close(ours, average, rtol=1e-6, atol=1e-6)


def test_kappa_of_one_is_f81():
    log_rates = some_log_rates()
    torch.testing.assert_close(
        transition_matrices(HKY85(1.0), log_rates), transition_matrices(F81(), log_rates)
    )


def test_equal_rates_are_jc69():
    log_rates = some_log_rates()[:, :1].expand(6, 4)
    torch.testing.assert_close(
        transition_matrices(JC69(), log_rates), transition_matrices(F81(), log_rates)
    )


def test_jc69_knows_only_the_total_rate():
    log_rates = some_log_rates()
    torch.testing.assert_close(
        transition_matrices(JC69(), log_rates), transition_matrices(JC69(), log_rates.flip(1))
    )


def test_kappa_is_the_ratio_of_individual_rates():
    """Over a short branch from A: to G kappa times as often as to a transversion of equal rate."""
    log_rates = torch.zeros(1, 4, dtype=torch.float64)
    (matrix,) = transition_matrices(HKY85(5.0), log_rates, torch.tensor([1e-8]).double())
    to = matrix[0, 0]
    assert (to[2] / to[1]).item() == pytest.approx(5, rel=1e-6)
    assert to[1].item() == pytest.approx(1e-8, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("log_rate", [5.0, 7.0, 20.0, 60.0])
@pytest.mark.parametrize("model", EXACT, ids=repr)
def test_at_high_rates_the_leaves_are_independent(model, log_rate, dtype):
    """log 1/4 for each leaf, and log rates move it by what they move their equilibrium."""
    log_rates = torch.full((1, 4), log_rate, dtype=dtype, requires_grad=True)
    leaves = torch.tensor([[0, 1, 0, 3, 2]])
    value = log_likelihood(log_rates, leaves, TREE, substitution_model=model)
    value.sum().backward()
    assert value.item() == pytest.approx(5 * math.log(1 / 4), rel=1e-3)
    # d/dw_k of the sum of log pi(leaf): the number of leaves with base k, less a quarter of all
    slope = 0 if isinstance(model, JC69) else torch.tensor([2, 1, 1, 1]) - 5 / 4
    torch.testing.assert_close(
        log_rates.grad[0], slope + torch.zeros(4, dtype=dtype), rtol=0.02, atol=0.02
    )


@pytest.mark.parametrize("model", MODELS, ids=repr)
@pytest.mark.parametrize("length", [1e-12, 1e-3, 30.0])
def test_float32_has_full_relative_precision(model, length):
    """Neither a tiny probability of change nor one of no change is lost beside a large one."""
    log_rates = torch.tensor([[0.0, -3.0, 1.0, -6.0]])
    lengths = torch.tensor([length])
    single = transition_matrices(model, log_rates, lengths)
    double = transition_matrices(model, log_rates.double(), lengths.double())
    torch.testing.assert_close(single.double(), double, rtol=2e-5, atol=0)


def hky85_of_fifty_digits(log_rates, kappa, length):
    """P(t) (4, 4) by the textbook's formula, in which differences of like numbers are taken."""
    with localcontext(prec=50):
        theta = [Decimal(w).exp() for w in log_rates.tolist()]
        total, kappa, t = sum(theta), Decimal(kappa), Decimal(length)
        u = (-total * t).exp()
        rows = []
        for i in range(4):
            share = (theta[i % 2] + theta[i % 2 + 2]) / total
            v = (-total * t * (1 + share * (kappa - 1))).exp()
            rows.append(
                [
                    float(
                        theta[j] / total * ((1 - u) + ((u - v) / share if (i - j) % 2 == 0 else 0))
                        + (v if i == j else 0)
                    )
                    for j in range(4)
                ]
            )
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize("length", [1e-9, 1e-3, 0.2, 30.0])
@pytest.mark.parametrize("kappa", [1e-8, 1e-4, 0.5, 3.0, 1e4])
def test_rates_far_apart_keep_the_precision_of_hky85(kappa, length):
    log_rates = 5 * torch.randn(200, 4, dtype=torch.float64)
    log_rates[0] = torch.tensor([12.0, -12.0, 12.0, -12.0])  # either group next to alone
    found = transition_matrices(HKY85(kappa), log_rates, torch.tensor([length]).double())[0]
    lengths = torch.tensor([length]).double().tolist()
    expected = torch.stack([hky85_of_fifty_digits(w, kappa, *lengths) for w in log_rates])
    # what is below is a rate so high that its exponential is taken for 0
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-300)


@pytest.mark.parametrize("kappa", [1e-8, 1e-4, 1e-2, 0.3, 1.0, 1e4])
def test_likelihoods_of_float32_are_as_good_for_any_kappa(kappa):
    log_rates, leaves = 5 * torch.randn(4000, 4), torch.randint(0, 5, (4000, 5))
    results = []
    for dtype in (torch.float32, torch.float64):
        w = log_rates.to(dtype).clone().requires_grad_()
        value = log_likelihood(w, leaves, TREE, substitution_model=HKY85(kappa))
        results.append((value, torch.autograd.grad(value.sum(), w)[0]))
    torch.testing.assert_close(results[0], results[1], rtol=1e-6, atol=1e-4, check_dtype=False)


def test_slow_transitions_do_not_underflow_in_float32():
    """Two in one tree, each far less likely than a transversion over the same branch."""
    tree = Phylogeny.from_newick("((A:1e-10,B:1e-10,C:1e-10):1e-10,D:1e-10,E:1e-10);")
    log_rates, leaves = torch.full((1, 4), -12.0), torch.tensor([[2, 2, 0, 0, 0]])
    model = HKY85(1e-8)
    single = log_likelihood(log_rates, leaves, tree, substitution_model=model)
    double = log_likelihood(log_rates.double(), leaves, tree, substitution_model=model)
    torch.testing.assert_close(single.double(), double, rtol=1e-6, atol=0)


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_derivatives_by_hand_are_those_of_autograd(model):
    partials = torch.rand(5, 4, 6, dtype=torch.float64)
    w = some_log_rates().T.contiguous()
    coefficients = model.coefficients(w, LENGTHS)
    pi = model.log_stationary(w).exp()
    gradient = torch.randn(5, 4, 6, dtype=torch.float64)
    ours = model.propagate_vjp(gradient, partials, coefficients, pi)
    expected = SubstitutionModel.propagate_vjp(model, gradient, partials, coefficients, pi)
    torch.testing.assert_close(ours, expected)
    gradients = (torch.randn_like(coefficients), torch.randn_like(pi), w, LENGTHS)
    torch.testing.assert_close(
        model.parameters_vjp(*gradients), SubstitutionModel.parameters_vjp(model, *gradients)
    )


def test_models_are_compared_by_their_parameters():
    assert F81() == F81("exact") != F81("sigmoid")
    assert HKY85(2) == HKY85(2.0) != HKY85(3)
    assert F81() != JC69()
    assert len({*MODELS, *MODELS}) == len(MODELS)
    assert [pickle.loads(pickle.dumps(model)) for model in MODELS] == MODELS
    assert repr(HKY85(2)) == "HKY85(kappa=2.0)"


@pytest.mark.parametrize("kappa", [0, -1.0, float("nan"), float("inf")])
def test_a_kappa_that_cannot_be(kappa):
    with pytest.raises(ValueError, match=f"kappa is {kappa}; it must be positive and finite"):
        HKY85(kappa)


def test_a_transition_that_is_not_there():
    with pytest.raises(ValueError, match=r"transition is 'tanh'; .* one of \('exact', 'sigmoid'\)"):
        F81("tanh")


class MatrixExponential(SubstitutionModel):
    """Any rate matrix: a new model needs three functions, and autograd finds the derivatives.

    Here the general time-reversible model: `Q_ij = exchangeability_ij theta_j`.
    """

    def __init__(self, exchangeabilities):
        self.exchangeabilities = tuple(exchangeabilities)  # AC, AG, AT, CG, CT, GT

    def log_stationary(self, log_rates):
        return log_rates.log_softmax(0)

    def coefficients(self, log_rates, branch_lengths):
        pairs = torch.triu_indices(4, 4, offset=1)
        symmetric = log_rates.new_zeros(4, 4)
        symmetric[pairs[0], pairs[1]] = log_rates.new_tensor(self.exchangeabilities)
        symmetric = symmetric + symmetric.T
        q = symmetric * log_rates.exp().T[:, None, :]  # (N, 4, 4)
        q = q - torch.diag_embed(q.sum(-1))
        qt = q * branch_lengths[:, None, None, None]
        p = torch.linalg.matrix_exp(qt.contiguous())  # (B, N, 4, 4)
        return p.permute(0, 2, 3, 1).flatten(1, 2)  # (B, 16, N)

    def propagate(self, partials, coefficients, pi):
        return torch.einsum("bijn,bjn->bin", coefficients.unflatten(1, (4, 4)), partials)


@pytest.mark.parametrize(
    ("exchangeabilities", "same"),
    [((1, 1, 1, 1, 1, 1), F81()), ((1, 4, 1, 1, 4, 1), HKY85(4.0))],
    ids=["f81", "hky85"],
)
def test_a_new_model_joins(exchangeabilities, same):
    states = torch.randint(0, 5, (8, 5))
    results = []
    for model in (MatrixExponential(exchangeabilities), same):
        log_rates = some_log_rates()[[0, 1, 2, 3, 4, 5, 0, 1]] if not results else results[0][0]
        log_rates = log_rates.detach().requires_grad_()
        value = log_likelihood(log_rates, states, TREE, substitution_model=model)
        (gradient,) = torch.autograd.grad(value.sum(), log_rates)
        results.append((log_rates, value, gradient))
    torch.testing.assert_close(results[0][1:], results[1][1:], rtol=1e-9, atol=1e-9)


def test_a_new_model_has_derivatives():
    model = MatrixExponential((0.5, 3, 1, 0.7, 2, 1.3))
    log_rates = some_log_rates().requires_grad_()
    states = torch.randint(0, 5, (6, 5))
    assert torch.autograd.gradcheck(
        lambda w: log_likelihood(w, states, TREE, substitution_model=model), log_rates
    )
