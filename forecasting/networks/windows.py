"""Windows: what a network may see at an origin, and what it must then tell.

A window's origin is the first hour that is forecast. Everything a window shows is cut from hours before its origin, or
is known ahead (calendar, clear sky, a weather forecast issued by then). Only ``target`` and ``weight`` look past it,
and only for training and scores. The types hold this: what was measured is kept as :class:`Past`, which cannot be read
from an origin on, and as :class:`Outcomes`, of which only ``target`` and ``weight`` are made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from forecasting.nouns import Float32Array, IndexArray
from grid.time_axis import FloatArray

HISTORY_HOURS = 168
PATCH_HOURS = 6
PATCHES = HISTORY_HOURS // PATCH_HOURS
BLOCKS = 8
MAX_HIDDEN_HOURS = 12
"""Training now and then hides up to this many of the last hours: at issue, the newest readings may not be here yet."""


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """A batch of windows. The forecast of an interval is ``core + scale * network output``.

    Attributes:
        history: Shape (batch, PATCHES, history features).
        future: Shape (batch, periods, future features). NaN or infinite where unknown.
        series: Row of each window's series, shape (batch,).
        core: Shape (batch, periods), in the target's domain.
        scale: Spread of the window's own recent residuals, shape (batch, 1), > 0.
        target: Shape (batch, periods), NaN where unknown.
        weight: What an error in each interval costs, shape (batch, periods); 0 where it cannot count.
        block: Kind of hour, 0 to BLOCKS - 1, within which bands are calibrated, shape (batch, periods).
    """

    history: Float32Array
    future: Float32Array
    series: IndexArray
    core: Float32Array
    scale: Float32Array
    target: Float32Array
    weight: Float32Array
    block: IndexArray


class WindowSource(Protocol):
    """Cuts windows of one kind of series, and turns what the network says back into power."""

    @property
    def series_count(self) -> int: ...

    def cut(self, series: IndexArray, origins: IndexArray, *, hidden_hours: IndexArray | None = None) -> Windows:
        """Windows of the given rows at the given positions of the axis, both of shape (batch,).

        Args:
            hidden_hours: How many of the last hours before each origin have not arrived, shape (batch,).
        """
        ...

    def to_kw(self, values: FloatArray, series: IndexArray, origins: IndexArray) -> FloatArray:
        """Quantiles in the target's domain, shape (batch, periods, levels), as power. [kW]"""
        ...


class Past:
    """Values by row and hour that can only be read before an origin: whoever makes features holds this, not the array.

    Args:
        values: Shape (rows, hours). NaN where unknown.
    """

    __slots__ = ("__values",)

    def __init__(self, values: FloatArray) -> None:
        self.__values = values

    def before(self, rows: IndexArray, origins: IndexArray, hours: int) -> FloatArray:
        """The hours before each origin, oldest first, shape (batch, hours). NaN before the beginning.

        Args:
            rows: Shape (batch,).
            origins: Same shape.
        """
        at = history_positions(origins, hours)
        return np.asarray(np.where(at >= 0, self.__values[rows[:, None], np.maximum(at, 0)], np.nan))


class Outcomes:
    """Values by row and hour that can only be read from an origin on: what training and scores hold against a forecast.

    Args:
        values: Shape (rows, hours). NaN where unknown.
    """

    __slots__ = ("__values",)

    def __init__(self, values: FloatArray) -> None:
        self.__values = values

    def after(self, rows: IndexArray, origins: IndexArray, periods: int) -> FloatArray:
        """The hours from each origin on, shape (batch, periods). NaN beyond the end.

        Args:
            rows: Shape (batch,).
            origins: Same shape.
        """
        at, hours = future_positions(origins, periods), self.__values.shape[1]
        return np.asarray(np.where(at < hours, self.__values[rows[:, None], np.minimum(at, hours - 1)], np.nan))


def history_positions(origins: IndexArray, hours: int = HISTORY_HOURS) -> IndexArray:
    """Positions of the hours before each origin, oldest first, shape (batch, hours)."""
    return origins[:, None] + np.arange(-hours, 0)


def future_positions(origins: IndexArray, periods: int) -> IndexArray:
    """Positions of the hours to forecast, shape (batch, periods)."""
    return origins[:, None] + np.arange(periods)


def patched(channels: list[FloatArray], calendar: Float32Array | None = None) -> Float32Array:
    """Hourly channels folded into patches, each with the calendar of its first hour, if any is told.

    Args:
        channels: Each of shape (batch, HISTORY_HOURS).
        calendar: Shape (batch, HISTORY_HOURS, calendar features).

    Returns:
        Shape (batch, PATCHES, len(channels) * PATCH_HOURS + calendar features).
    """
    stacked = np.stack(channels, axis=-1)  # (batch, HISTORY_HOURS, channels)
    folded = stacked.reshape(len(stacked), PATCHES, -1)  # (batch, PATCHES, PATCH_HOURS * channels)
    told = folded if calendar is None else np.concatenate([folded, calendar[:, ::PATCH_HOURS]], axis=-1)
    return told.astype(np.float32)


def same_hour_before(values: FloatArray, known: npt.NDArray[np.bool_], periods: int) -> tuple[FloatArray, FloatArray]:
    """The newest known value of the same hour of day, up to three days back, for every interval to forecast.

    Args:
        values: History, shape (batch, HISTORY_HOURS).
        known: Which of them arrived, same shape.

    Returns:
        The value (0 where there is none) and whether there is one, both of shape (batch, periods).
    """
    found = np.zeros((len(values), periods))
    have = np.zeros((len(values), periods), dtype=bool)
    lead = np.arange(periods)
    for back in range(1, 4):
        at = HISTORY_HOURS + lead % 24 - 24 * back
        use = ~have & known[:, at]
        found = np.where(use, values[:, at], found)
        have |= use
    return found, have.astype(np.float64)


def masked_mean(values: FloatArray, known: npt.NDArray[np.bool_]) -> FloatArray:
    """Mean of the known values along the last axis, 0 where there is none, shape (...)."""
    count = known.sum(axis=-1)
    mean: FloatArray = np.where(known, values, 0.0).sum(axis=-1) / np.maximum(count, 1)
    return mean
