"""A network and the calibration of its bands: trained on windows of many rows, asked about some of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from forecasting.networks.calibration import apply_shifts, fit_shifts
from forecasting.networks.encoders import Encoder
from forecasting.networks.network import QuantileNetwork
from forecasting.networks.training import Progress, Split, TrainingOptions, TrainingResult, train_network
from forecasting.networks.windows import BLOCKS, Windows, WindowSource
from forecasting.nouns import IndexArray
from grid.time_axis import FloatArray

logger = logging.getLogger(__name__)

_CHUNK = 512
"""Windows that are asked together."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainedNetwork:
    """A network that has been trained.

    Attributes:
        shifts: By how much its bands are moved, shape (BLOCKS, levels).
    """

    network: QuantileNetwork
    shifts: FloatArray

    def say(self, windows: Windows) -> FloatArray:
        """Quantiles in the target's domain, shape (batch, periods, levels)."""
        return apply_shifts(predict(self.network, windows), self.shifts, block=windows.block, scale=windows.scale)


def predict(network: QuantileNetwork, windows: Windows, *, chunk: int = 1024) -> FloatArray:
    """Quantiles in the target's domain, shape (batch, periods, levels)."""
    if network.training:
        network.eval()
    parts = []
    with torch.inference_mode():
        for begin in range(0, len(windows.series), chunk):
            part = slice(begin, begin + chunk)
            raw = network(
                torch.from_numpy(windows.history[part]),
                torch.from_numpy(windows.future[part]),
                torch.from_numpy(windows.series[part]),
            ).numpy()
            parts.append(windows.core[part, :, None] + windows.scale[part, :, None] * raw.astype(np.float64))
    return np.concatenate(parts)


def ask_all(networks: Mapping[str, TrainedNetwork], source: WindowSource, origins: IndexArray) -> dict[str, FloatArray]:
    """Quantiles of power by each of some networks, of windows that are cut once for all of them.

    Returns:
        By network, for every row from every origin, each of shape (rows, origins, periods, levels).
    """
    rows, at = np.meshgrid(np.arange(source.series_count), origins, indexing="ij")
    series, origin = rows.ravel(), at.ravel()
    told: dict[str, list[FloatArray]] = {name: [] for name in networks}
    for begin in range(0, len(series) if networks else 0, _CHUNK):
        part = slice(begin, begin + _CHUNK)
        windows = source.cut(series[part], origin[part])
        for name, one in networks.items():
            told[name].append(source.to_kw(one.say(windows), series[part], origin[part]))
    joined = {name: np.concatenate(parts) for name, parts in told.items()}
    return {name: made.reshape(*rows.shape, *made.shape[1:]) for name, made in joined.items()}


def train_calibrated(
    source: WindowSource,
    split: Split,
    *,
    levels: tuple[float, ...],
    options: TrainingOptions,
    on_progress: Progress | None = None,
) -> tuple[TrainedNetwork, TrainingResult]:
    """Train a network and calibrate it on the windows that judged it, if any did.

    Arguments as of :func:`train_network`.
    """
    network, result = train_network(source, split, levels=levels, options=options, on_progress=on_progress)
    if not len(split.tail_origins):
        return TrainedNetwork(network, np.zeros((BLOCKS, len(levels)))), result
    tail = source.cut(split.tail_series, split.tail_origins)
    return TrainedNetwork(network, fit_shifts(predict(network, tail), tail, levels=levels)), result


def train_all(
    encoders: Mapping[str, Encoder],
    train: Callable[[Encoder, Progress | None], tuple[TrainedNetwork, TrainingResult]],
    *,
    on_progress: Progress | None,
) -> dict[str, TrainedNetwork]:
    """A network for every encoder, by member, each taking an equal share of the progress.

    One that is still what it started from is left out: its budget was spent too soon, or its tail found no gain.
    """
    made: dict[str, TrainedNetwork] = {}
    for number, (name, encoder) in enumerate(encoders.items()):
        told = None if on_progress is None else partial(_tell, on_progress, number, len(encoders))
        network, result = train(encoder, told)
        if result.learnt:
            made[name] = network
        else:
            logger.warning("%s is left out: it learnt nothing (stopped by: %s)", name, result.stopped_by)
    return made


def _tell(on_progress: Progress, done: int, count: int, share: float) -> None:
    on_progress((done + share) / count)
