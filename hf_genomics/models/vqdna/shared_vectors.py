"""Vectors that lie on several processes, drawn from as if they lay on one.

Whether there are several is asked at every call, so a model that was built before the process group
is synchronised all the same.
"""

import torch
import torch.distributed as dist
from torch import Tensor


def is_shared() -> bool:
    """Whether there are other processes to agree with."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def sum_over_processes(values: Tensor) -> None:
    """Adds up a tensor over the processes, in place."""
    if is_shared():
        dist.all_reduce(values)


class SharedVectors:
    """The vectors of all processes, those of the first process first.

    Every process must make one, and make the same calls.

    Args:
        own: `(n, c)`, of this process; n may differ between them and be 0.

    Attributes:
        total: number of vectors of all processes.
    """

    def __init__(self, own: Tensor):
        self.own = own
        numbers = torch.tensor([len(own)], device=own.device)
        if is_shared():
            every = [torch.empty_like(numbers) for _ in range(dist.get_world_size())]
            dist.all_gather(every, numbers)
            numbers = torch.cat(every)
        ends = [0, *numbers.cumsum(0).tolist()]
        self.total = ends[-1]
        self.first = ends[dist.get_rank() if is_shared() else 0]

    def draw(self, number: int, generator: torch.Generator) -> Tensor:
        """Random vectors `(number, c)`, the same on every process.

        None is drawn twice, unless there are too few.

        Args:
            number: how many.
            generator: on the CPU, in the same state on every process.
        """
        order = torch.randperm(self.total, generator=generator)
        if number > self.total:
            order = order.repeat(-(-number // self.total))
        places = order[:number] - self.first
        here = (places >= 0) & (places < len(self.own))
        drawn = self.own.new_zeros(number, self.own.shape[1])
        drawn[here.to(drawn.device)] = self.own[places[here].to(drawn.device)]
        sum_over_processes(drawn)  # the others have zeros there
        return drawn

    def from_first_process(self, values: Tensor) -> None:
        """Takes over the first process's values, in place."""
        if is_shared():
            dist.broadcast(values, 0)
