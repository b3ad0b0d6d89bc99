"""Where a model runs."""

from __future__ import annotations

import torch


def usable_device(device: str | torch.device | None = None) -> torch.device:
    """The device of a name; without one the first GPU if there is any, else the CPU.

    Raises:
        ValueError: PyTorch does not know it, or cannot use it on this machine.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # a build without CUDA asserts
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"PyTorch cannot use the device {str(device)!r} ({reason}); give cpu, or one that this "
            "machine has."
        ) from None
    return torch.device(device)
