"""Batches of randomly drawn windows, kept on the device that learns from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from forecasting.networks.team import Team
from forecasting.networks.windows import MAX_HIDDEN_HOURS, Windows, WindowSource
from forecasting.nouns import IndexArray

_TOGETHER = 8
"""So many batches are cut at once: cutting few windows costs nearly as much as cutting many."""
_MOST_WINDOWS = 24_000
"""Some 200 MB of a device; a longer course sees its batches again."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Windows as tensors; shapes as of :class:`Windows`, with so many leads as were chosen for periods."""

    history: Tensor
    future: Tensor
    series: Tensor
    core: Tensor
    scale: Tensor
    target: Tensor
    weight: Tensor


def on_device(windows: Windows, device: torch.device, leads: IndexArray | None = None) -> Batch:
    """Windows as tensors.

    Args:
        leads: Which of its hours ahead each window is asked about, shape (batch, leads); all if None.
    """

    def some(values: np.typing.NDArray[np.float32]) -> Tensor:
        chosen = values
        if leads is not None:
            chosen = np.take_along_axis(values, leads if values.ndim == 2 else leads[..., None], axis=1)
        return torch.from_numpy(chosen).to(device)

    return Batch(
        history=torch.from_numpy(windows.history).to(device),
        future=some(windows.future),
        series=torch.from_numpy(windows.series).to(device),
        core=some(windows.core),
        scale=torch.from_numpy(windows.scale).to(device),
        target=some(windows.target),
        weight=some(windows.weight),
    )


class RandomBatches:
    """What each step learns from: windows at random, some of whose last hours have not arrived, and random leads.

    Args:
        series: Row of each window that may be drawn, shape (windows,).
        origins: Its origin, same shape.
        size: Windows of a batch, of one process.
        leads: How many hours ahead each window is asked about.
        late: Share of windows some of whose last hours have not arrived.
        team: All processes draw alike; each keeps its share.
    """

    def __init__(
        self,
        source: WindowSource,
        series: IndexArray,
        origins: IndexArray,
        *,
        size: int,
        leads: int,
        late: float,
        seed: int,
        team: Team,
    ) -> None:
        self._source, self._series, self._origins = source, series, origins
        self._size, self._leads, self._late, self._team = size, leads, late, team
        self._draw = np.random.default_rng(seed)
        self._most = max(_MOST_WINDOWS // size, 1)
        self._kept: list[Batch] = []

    def __getitem__(self, step: int) -> Batch:
        """The batch of a step, counted from 0."""
        place = step % self._most
        while place >= len(self._kept):
            self._kept += self._cut(min(_TOGETHER, self._most - len(self._kept)))
        return self._kept[place]

    def _cut(self, batches: int) -> list[Batch]:
        shape = batches, self._team.size, self._size
        own = self._team.rank
        picks = self._draw.integers(len(self._origins), size=shape)
        late = self._draw.random(shape) < self._late
        hidden = np.where(late, self._draw.integers(1, MAX_HIDDEN_HOURS + 1, size=shape), 0)[:, own].ravel()
        chosen = picks[:, own].ravel()
        windows = self._source.cut(self._series[chosen], self._origins[chosen], hidden_hours=hidden)
        order = self._draw.random((*shape, windows.future.shape[1]))[:, own].argsort(axis=-1)
        leads = order.reshape(len(chosen), -1)[:, : self._leads]
        return _split(on_device(windows, self._team.device, leads), self._size)


def _split(batch: Batch, size: int) -> list[Batch]:
    """Batches of ``size`` windows each."""
    parts = (getattr(batch, name).split(size) for name in Batch.__slots__)
    return [Batch(*tensors) for tensors in zip(*parts, strict=True)]
