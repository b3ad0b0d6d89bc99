"""The number of an epoch, as a data set and its copies in worker processes know it."""

from __future__ import annotations

import torch


class SharedEpoch:
    """A number from 0 that the processes of a `DataLoader` read where the main one has set it.

    Workers that live on from epoch to epoch have copies of the data set; this is not copied.
    """

    def __init__(self) -> None:
        self._value = torch.zeros((), dtype=torch.int64).share_memory_()

    def __int__(self) -> int:
        return int(self._value)

    def set(self, epoch: int) -> None:
        self._value.fill_(epoch)
