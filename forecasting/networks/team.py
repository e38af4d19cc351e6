"""Processes that train one network together: each learns from its share of every batch, all take the same step.

``torchrun --nproc-per-node N`` starts them, one for each GPU or, without any, on the CPU. A process that was started
alone is a team of one, by the same code.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Team:
    """The processes that train together.

    Attributes:
        rank: Of this one, from 0.
        size: How many there are.
        device: That this one learns on.
    """

    rank: int
    size: int
    device: torch.device

    @classmethod
    def present(cls) -> Team:
        """The team this process has joined, or itself alone."""
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size(), device)
        return cls(0, 1, device)

    @property
    def leads(self) -> bool:
        """Whether this process is the one that keeps what all have made."""
        return self.rank == 0

    def total(self, values: Tensor) -> Tensor:
        """Sum over all processes, same shape."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def mean(self, value: float) -> float:
        """Mean over all processes, the same in each: what it decides they decide alike."""
        return value if self.size == 1 else float(self.total(torch.tensor([value], device=self.device))) / self.size

    def first(self, values: Tensor) -> Tensor:
        """The first process's values in every process, same shape; written where they stand."""
        if self.size > 1:
            dist.broadcast(values, src=0)
        return values

    def first_instant(self, instant: datetime) -> datetime:
        """The first process's instant in every process, in UTC."""
        seconds = self.first(torch.tensor(instant.timestamp(), dtype=torch.float64, device=self.device))
        return datetime.fromtimestamp(float(seconds), UTC)

    def agree(self, on: str, value: bytes) -> None:
        """Make sure that all processes have the same value, before steps that they take together.

        Args:
            on: What is compared, for the sentence.

        Raises:
            RuntimeError: In every process, if any of them differs.
        """
        own = int.from_bytes(hashlib.sha256(value).digest()[:7])
        extremes = torch.tensor([own, -own], device=self.device)
        if self.size > 1:
            dist.all_reduce(extremes, dist.ReduceOp.MAX)
        if int(extremes.sum()):
            raise RuntimeError(f"processes that train together differ in {on}: start them again on the same data")

    def add_gradients(self, network: nn.Module, weight: Tensor) -> Tensor:
        """Make every process's gradient the mean over all that was learnt from; returns its weight.

        Args:
            network: Its gradients are those of a sum.
            weight: Of what this process's sum counted, shape ().
        """
        gradients = [own.grad for own in network.parameters() if own.grad is not None]
        if self.size > 1:
            together = self.total(torch.cat([*(one.flatten() for one in gradients), weight.detach()[None]]))
            nn.utils.vector_to_parameters(together[:-1], gradients)
            weight = together[-1]
        torch._foreach_div_(gradients, weight.clamp_min(1e-9))
        return weight


@contextmanager
def joined() -> Iterator[Team]:
    """Join the team that ``torchrun`` has started, if it has, until the end of the block."""
    if not dist.is_available() or not dist.is_torchelastic_launched():
        yield Team.present()
        return
    # An optimiser imports this when it is first made. Imported once a group is there, its defaults would hold that
    # group, and with it threads that outlive destroy_process_group and may abort the process as it ends.
    importlib.import_module("torch.distributed.nn.functional")
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Team.present()
    finally:
        dist.destroy_process_group()
