"""Where a model runs."""

import pytest
import torch

from hf_genomics.evaluation.devices import usable_device


def test_the_processor_is_always_there():
    assert usable_device("cpu") == torch.device("cpu")
    assert usable_device().type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["cuda:99", "cpux", "mps:7", "cuda:x"])
def test_a_device_that_is_not_there(name):
    with pytest.raises(ValueError, match=f"cannot use the device '{name}' .*; give cpu, or one"):
        usable_device(name)
