"""Exponentials near zero and far from it, against numbers of fifty digits."""

from decimal import Decimal, localcontext

import pytest
import torch

from hf_genomics.models.phylogpn.exponentials import (
    MAX_SERIES,
    mean_one_or_more,
    one_or_more,
    rate_times,
    two_or_more,
)

TOLERANCE = {torch.float32: 1e-6, torch.float64: 2e-15}
dtypes = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
FUNCTIONS = {
    one_or_more: lambda z: 1 - (-z).exp(),
    two_or_more: lambda z: 1 - (-z).exp() - z * (-z).exp(),
    mean_one_or_more: lambda z: 1 - (1 - (-z).exp()) / z,
}
functions = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)


@functions
@dtypes
def test_no_relative_precision_is_lost(function, dtype):
    near = torch.tensor([MAX_SERIES - 1e-3, MAX_SERIES, MAX_SERIES + 1e-3], dtype=dtype)
    z = torch.cat([torch.logspace(-12, 4, 200, dtype=dtype), near])
    with localcontext(prec=50):
        expected = [float(FUNCTIONS[function](Decimal(x))) for x in z.tolist()]
    torch.testing.assert_close(
        function(z), torch.tensor(expected, dtype=dtype), rtol=TOLERANCE[dtype], atol=0
    )


@functions
def test_derivatives_are_those_of_finite_differences(function):
    z = torch.tensor([1e-3, 0.3, 0.4999, 0.6, 3.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, z)


@functions
@dtypes
def test_at_zero_values_and_derivatives_are_finite(function, dtype):
    z = torch.zeros(1, dtype=dtype, requires_grad=True)
    (slope,) = torch.autograd.grad(function(z), z)
    assert function(z) == 0
    assert slope.isfinite()


def test_rates_times_lengths_do_not_overflow():
    log_rates = torch.tensor([[0.0, 200.0], [-3.0, 1.0]])
    lengths = torch.tensor([0.5, 2.0, 1e-3])
    found = rate_times(log_rates, lengths)
    assert found.shape == (3, 2, 2)
    assert found.isfinite().all()
    torch.testing.assert_close(found[:, 1], lengths[:, None] * log_rates[1].exp())
