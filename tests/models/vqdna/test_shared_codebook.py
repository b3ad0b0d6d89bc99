"""Two processes hold one codebook: that of one process with the vectors of both."""

import os
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from hf_genomics import VQDNAQuantizerModel
from hf_genomics.models.vqdna.codebook import Codebook
from tests.models.vqdna.tiny_quantizer import random_ids, tiny_config

STEPS = 4
# Vectors of each process in each step: uneven, none in one, none at all.
NUMBERS = [(30, 17), (0, 25), (0, 0), (40, 40)]


def make_codebook(**options: float) -> Codebook:
    return Codebook(8, 5, **({"revival_threshold": 0.6, "decay": 0.8} | options)).train()


def vectors(step: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(step)
    return [torch.randn(n, 5, generator=generator) for n in NUMBERS[step]]


def state(codebook: Codebook) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in codebook.state_dict().items()}


def train(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    codebook = make_codebook()  # before there is a group
    dist.init_process_group("gloo", init_method=f"file://{folder}/group", rank=rank, world_size=2)
    states = []
    for step in range(STEPS):
        codebook(vectors(step)[rank].requires_grad_())
        states.append(state(codebook))
    torch.save(states, Path(folder) / f"{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_make_the_steps_of_one(tmp_path):
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    mp.spawn(train, (str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    codebook = make_codebook()
    for step in range(STEPS):
        codebook(torch.cat(vectors(step)).requires_grad_())
        expected = state(codebook)
        for name, value in expected.items():
            assert torch.equal(first[step][name], second[step][name]), (step, name)
            torch.testing.assert_close(first[step][name], value, rtol=1e-5, atol=1e-6)
    assert codebook.num_updates == STEPS - 1  # one step was without vectors


def train_model(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = VQDNAQuantizerModel(tiny_config(codebook_dim=4, kmeans_warmup_steps=3)).train()
    dist.init_process_group("gloo", init_method=f"file://{folder}/group", rank=rank, world_size=2)
    wrapped = DistributedDataParallel(model, broadcast_buffers=False)
    maps = [p for name, p in model.named_parameters() if "project_" in name]
    torch.manual_seed(rank)
    during = []
    for _ in range(5):
        model.zero_grad()
        wrapped(random_ids(40, 60)).loss.backward()
        during.append([float(weight.grad.abs().max()) for weight in maps])
    torch.save((during, model.state_dict()), Path(folder) / f"{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_maps_that_wait_for_the_codebook_keep_no_process_waiting(tmp_path):
    """In the warm-up nothing passes through them, and DDP asked for their gradients."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    mp.spawn(train_model, (str(tmp_path),), nprocs=2)
    (during, first), (_, second) = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    assert all(gradient == 0 for step in during[:3] for gradient in step)
    assert all(gradient > 0 for step in during[3:] for gradient in step)
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
