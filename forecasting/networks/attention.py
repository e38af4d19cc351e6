"""Where in the past a network looks: its attention told by day. It shows where it read, and no cause."""

from __future__ import annotations

import numpy as np
import torch

from forecasting.networks.network import QuantileNetwork
from forecasting.networks.windows import HISTORY_HOURS, WindowSource
from forecasting.nouns import IndexArray
from grid.time_axis import FloatArray

PAST_DAYS = HISTORY_HOURS // 24


def days_attended(
    network: QuantileNetwork, source: WindowSource, series: IndexArray, origins: IndexArray
) -> FloatArray:
    """Share of its attention that a forecast gives to each past day, over all intervals ahead.

    Args:
        series, origins: Of the windows, both of shape (windows,).

    Returns:
        Shape (windows, PAST_DAYS), the oldest day first, summing to one.
    """
    windows = source.cut(series, origins)
    network.eval()
    with torch.inference_mode():
        weights = network.attended(
            torch.from_numpy(windows.history), torch.from_numpy(windows.future), torch.from_numpy(windows.series)
        ).numpy()  # (windows, periods, patches)
    by_day = weights.mean(axis=1).reshape(len(weights), PAST_DAYS, -1).sum(axis=-1)
    return np.asarray(by_day / by_day.sum(axis=1, keepdims=True), dtype=np.float64)
