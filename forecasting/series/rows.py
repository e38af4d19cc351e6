"""Series as rows of hourly panels: a series of half hours is two hourly ones, the full and the half hours.

The engine thinks in hours. A series of finer intervals is dealt out to 60 / interval_minutes rows, each with its own
core and its own place in the network's embedding, and put together again afterwards; nothing is averaged away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from forecasting.nouns import IndexArray
from forecasting.series.calendar import Calendar, make_calendar
from forecasting.series.request import FileSeries
from forecasting.series.table import to_celsius
from grid.time_axis import FloatArray, TimeAxis

HOUR = timedelta(hours=1)
_WANTED_KNOWN = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Series of one kind, clock and horizon as hourly rows; the rows of a series stand together.

    Attributes:
        axis: Hourly, up to the first hour to forecast.
        periods: Hours to forecast.
        parts: Rows of every series: intervals in an hour.
        values: Shape (rows, hours), shifted by ``offset`` and divided by ``scale``. NaN where unknown.
        offset, scale: Of every series, shape (series,).
        first: Place of the first row among those that its members were trained on.
        days_back: The horizon's calendar is that of so many days earlier: to ask what the calendar is answerable for.
    """

    series: tuple[FileSeries, ...]
    axis: TimeAxis
    periods: int
    parts: int
    values: FloatArray
    offset: FloatArray
    scale: FloatArray
    first: int = 0
    days_back: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """A name for every row."""
        return tuple(f"{one.series_id}#{part}" for one in self.series for part in range(self.parts))

    def known_hours(self) -> list[int]:
        """Hours of each series of which anything is known."""
        known = np.isfinite(self.values).reshape(len(self.series), self.parts, -1).any(axis=1)
        return [int(count) for count in known.sum(axis=1)]

    def calendar(self) -> Calendar:
        """Wall clock of every hour, those to forecast too."""
        settings = self.series[0].settings
        longer = TimeAxis(self.axis.start, HOUR, self.axis.periods + self.periods)
        made = make_calendar(longer, timezone=settings.timezone, holidays=settings.holidays)
        if not self.days_back:
            return made
        ahead = TimeAxis(self.axis.end - 24 * self.days_back * HOUR, HOUR, self.periods)
        return made.ending_as(make_calendar(ahead, timezone=settings.timezone, holidays=settings.holidays))

    def before(self, hours: IndexArray) -> Rows:
        """The same rows as they stood when nothing from an hour on had been measured: later values are NaN.

        Args:
            hours: Of each series, shape (series,).
        """
        later = np.maximum(self.axis.periods - hours, 0) * self.parts
        return replace(
            self,
            series=tuple(
                replace(one, values=np.where(np.arange(one.axis.periods) < one.origin - unseen, one.values, np.nan))
                for one, unseen in zip(self.series, later, strict=True)
            ),
            values=np.where(np.arange(self.axis.periods) < np.repeat(hours, self.parts)[:, None], self.values, np.nan),
        )

    def spread(self, one: FileSeries, native: FloatArray) -> FloatArray:
        """A covariate of one series on the panel's hours, shape (parts, hours + periods)."""
        return _dealt(native, one.origin, self.parts, self.axis.periods, self.periods)

    def given(self, one: FileSeries, column: str) -> bool:
        """Whether a covariate is known over (nearly) all of the horizon."""
        ahead = one.covariates[column][one.asked] if column in one.covariates else np.empty(0)
        return bool(len(ahead)) and float(np.isfinite(ahead).mean()) >= _WANTED_KNOWN

    def temperatures_c(self, one: FileSeries) -> tuple[FloatArray, bool]:
        """Air temperatures of a series, shape (stations, parts, hours + periods) [degC], and whether known ahead.

        Where some stations are known over the horizon, those that are not are left out.
        """
        columns = [name for name in one.meaning("air_temperature") if name in one.covariates]
        ahead = [name for name in columns if self.given(one, name)]
        found = [
            self.spread(one, celsius)
            for name in ahead or columns
            if (celsius := to_celsius(one.covariates[name], one.settings.covariates[name].unit)) is not None
        ]
        shape = (-1, self.parts, self.axis.periods + self.periods)
        return np.array(found).reshape(shape), bool(ahead)

    def joined(self, own: FloatArray, index: int) -> FloatArray:
        """Forecasts of one series' rows in its own unit and intervals, shape (intervals, levels).

        Args:
            own: Of its rows, shape (parts, periods, levels).
        """
        native: FloatArray = own.transpose(1, 0, 2).reshape(-1, own.shape[-1])
        return np.asarray(native * self.scale[index] + self.offset[index])


def make_rows(series: Sequence[FileSeries], *, units: Sequence[tuple[float, float]] | None = None) -> Rows:
    """Put series with one interval, clock, origin and kind into rows.

    Args:
        units: Offset and scale of each, where something was trained on it before; otherwise by :func:`own_unit`.
    """
    parts = series[0].parts
    hours = max(-(-one.origin // parts) for one in series)
    periods = max(-(-(one.axis.periods - one.origin) // parts) for one in series)
    instant = series[0].axis.start + series[0].axis.step * series[0].origin
    units = [own_unit(one) for one in series] if units is None else units
    rows = []
    for one, (offset, scale) in zip(series, units, strict=True):
        past = one.values[: one.origin]
        past = np.maximum(past, 0.0) if one.settings.kind == "solar" else past
        rows.append(_dealt((past - offset) / scale, one.origin, parts, hours, 0))
    return Rows(
        series=tuple(series),
        axis=TimeAxis(instant - hours * HOUR, HOUR, hours),
        periods=periods,
        parts=parts,
        values=np.concatenate(rows),
        offset=np.array([offset for offset, _ in units]),
        scale=np.array([scale for _, scale in units]),
    )


def own_unit(one: FileSeries, *, until: int | None = None) -> tuple[float, float]:
    """Offset and scale of a series, by its values before position ``until``, or before its horizon.

    Power is divided by its median size, or by the capacity of a solar plant. Where a load or a generic series falls
    below zero it is lifted by its own range, so that logarithms stand.
    """
    past = one.values[: one.origin if until is None else until]
    known = past[np.isfinite(past)]
    low, high = float(known.min()), float(known.max())
    if one.settings.kind == "solar":
        return 0.0, one.settings.capacity or max(high, 1e-9)
    offset = low - max(high - low, abs(low)) if low < 0.0 else 0.0
    return offset, float(np.median(known - offset)) or max(high - offset, 1e-9)


def _dealt(native: FloatArray, origin: int, parts: int, hours: int, periods: int) -> FloatArray:
    """Intervals dealt out to hourly rows about ``origin``, shape (parts, hours + periods). NaN where there are none."""
    whole = np.full((hours + periods) * parts, np.nan)
    begin = hours * parts - origin
    length = min(len(native), len(whole) - begin)
    whole[begin : begin + length] = native[:length]
    return whole.reshape(-1, parts).T
