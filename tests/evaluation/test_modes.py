"""A model is in evaluation mode while it is measured, and then as it was."""

import pytest
from torch import nn

from hf_genomics.evaluation.modes import evaluation_mode


def test_every_part_is_afterwards_in_the_mode_that_it_was_in():
    model = nn.Sequential(nn.Dropout(), nn.Dropout()).train()
    model[1].eval()
    with evaluation_mode(model):
        assert not any(part.training for part in model.modules())
    assert [part.training for part in model.modules()] == [True, True, False]


def test_an_error_leaves_the_model_as_it_was():
    model = nn.Dropout()
    with pytest.raises(KeyError), evaluation_mode(model):
        raise KeyError
    assert model.training


def test_a_model_in_evaluation_mode_stays_there():
    model = nn.Dropout().eval()
    with evaluation_mode(model):
        pass
    assert not model.training


def test_what_is_no_model_is_left_alone():
    with evaluation_mode("a folder"):
        pass
