"""Comparison of rates on the same sites."""

import numpy as np
import pytest
import torch

from hf_genomics.evaluation.alignment_sites import AlignmentSites
from hf_genomics.evaluation.conditional_likelihood import (
    compare_rates,
    markdown_table,
    means_by_block,
)
from hf_genomics.evaluation.context_rates import Context, ContextRates
from hf_genomics.evaluation.context_rates_file import load_context_rates, save_context_rates

VALUES = {"worse": np.array([-1.0, -2.0, -4.0]), "model": np.array([-0.5, -1.5, -2.0])}
BLOCKS = np.array([0, 0, 1])


def test_ours_comes_first_and_leads_by_the_mean_difference():
    ours, worse = compare_rates(VALUES, BLOCKS, ours="model")
    assert (ours["rates"], ours["lead"]) == ("model", None)
    assert ours["log_likelihood"].value == pytest.approx(-4 / 3)
    assert worse["log_likelihood"].value == pytest.approx(-7 / 3)
    assert worse["lead"].value == pytest.approx(1.0)
    assert (worse["lead"].low, worse["lead"].high) == (0.5, 2.0)
    assert markdown_table([ours, worse]).splitlines()[2:] == [
        "| model | -1.3333 [-2.0000, -1.0000] |  |",
        "| worse | -2.3333 [-4.0000, -1.5000] | 1.0000 [0.5000, 2.0000] |",
    ]


def test_ours_must_be_there():
    with pytest.raises(ValueError, match="'them' is none of worse, model"):
        compare_rates(VALUES, BLOCKS, ours="them")


def test_means_of_each_block():
    assert means_by_block(VALUES, BLOCKS, ["a", "b"]) == {
        "a": {"sites": 2, "worse": -1.5, "model": -1.0},
        "b": {"sites": 1, "worse": -4.0, "model": -2.0},
    }


def test_tables_come_back_from_their_file(tmp_path):
    root = ContextRates(Context(0), torch.randn(1, 4, dtype=torch.float64), None, 10.0)
    base = ContextRates(Context(1), torch.randn(4, 4, dtype=torch.float64), root, 0.5)
    save_context_rates(tmp_path / "tables.safetensors", {"one vector": root, "base": base})
    fitted = load_context_rates(tmp_path / "tables.safetensors")
    assert list(fitted) == ["one vector", "base"]
    assert fitted["base"].parent is fitted["one vector"]
    assert fitted["base"].prior_std == 0.5
    states = np.zeros((4, 1), np.int8)
    row = {"name": "a", "start": 0, "sequence": "ACGT", "leaf_states": states}
    sites = AlignmentSites.from_regions([row])
    assert fitted["base"].log_rates(sites).equal(base.log_rates(sites))


def test_a_table_without_its_parent_is_refused(tmp_path):
    base = ContextRates(Context(1), torch.zeros(4, 4), None, 0.5)
    save_context_rates(tmp_path / "tables.safetensors", {"base": base})
    with pytest.raises(ValueError, match="'base' without 'one vector'"):
        load_context_rates(tmp_path / "tables.safetensors")
