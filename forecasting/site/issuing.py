"""What all forecasts of one instant share: the instant, whether a model may be asked, and the baseline beside each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from forecasting.members.baseline import DAY_HOURS, WEEK_HOURS, seasonal_naive
from forecasting.networks.windows import HISTORY_HOURS, MAX_HIDDEN_HOURS
from grid.forecasts import Forecast
from grid.time_axis import FloatArray, TimeAxis

HOUR = timedelta(hours=1)
NAIVE = "seasonal-naive"
EXTERNAL = "external-empirical"
MINIMUM_KNOWN_SHARE = 0.7
"""Of the last week's hours; with less, a model that reads the week is not asked."""


@dataclass(frozen=True, slots=True)
class Issuance:
    """What all forecasts of one instant have in common.

    Attributes:
        axis: What to forecast: whole hours, in intervals of an hour or a part of one.
        origin: Position of ``axis.start`` on the history's axis, whose intervals are the same and which begins with a
            full hour: history before it, nothing from it on.
    """

    issued_at: datetime
    axis: TimeAxis
    origin: int
    levels: tuple[float, ...]

    @property
    def an_hour(self) -> int:
        """Intervals in an hour."""
        return HOUR // self.axis.step

    @property
    def hours(self) -> int:
        """Hours to forecast."""
        return self.axis.periods // self.an_hour

    def told(self, intervals: int) -> str:
        """How many hours some intervals are, such as ``3`` or ``2.25``."""
        return f"{intervals / self.an_hour:g}"

    def dealt(self, kw: FloatArray) -> FloatArray:
        """The history as hourly rows, one for each part of an hour, shape (parts, hours before the origin)."""
        return kw[: self.origin].reshape(-1, self.an_hour).T

    def joined(self, told: FloatArray) -> FloatArray:
        """What was told of the parts of an hour, shape (parts, hours, levels), by interval: (intervals, levels)."""
        return told.swapaxes(0, 1).reshape(-1, told.shape[-1])


def why_not_ask(kw: FloatArray, issuance: Issuance) -> str | None:
    """Why a model cannot be asked about a series now, as a sentence; None if it can.

    Args:
        kw: History, shape (intervals,); its last week before the origin counts.
    """
    week = HISTORY_HOURS * issuance.an_hour
    known = np.isfinite(kw[max(issuance.origin - week, 0) : issuance.origin])
    if not known.any():
        return "No reading arrived in the last week."
    stale = int(np.argmax(known[::-1]))
    if stale > MAX_HIDDEN_HOURS * issuance.an_hour:
        return f"The newest reading is {issuance.told(stale)} hours old; the model copes with {MAX_HIDDEN_HOURS}."
    share = known.sum() / week
    if share < MINIMUM_KNOWN_SHARE:
        return f"Only {share:.0%} of the last week's hours are known; the model needs {MINIMUM_KNOWN_SHARE:.0%}."
    return None


def baseline_forecast(
    series_id: str,
    kw: FloatArray,
    issuance: Issuance,
    *,
    weekly: bool,
    capacity_kw: float = np.inf,
    night: npt.NDArray[np.bool_] | None = None,
    utc_offset_hours: FloatArray | None = None,
) -> Forecast | None:
    """The seasonal naive forecast of one series; None if its last eight weeks hold no known hour.

    Args:
        kw: History, shape (intervals,).
        weekly: The season is a week (load), otherwise a day.
        night: True where the sun is down, shape (periods,): power is then 0.
        utc_offset_hours: For series that follow the wall clock, shape (hours + periods,).
    """
    rows = issuance.dealt(kw)
    try:
        naive = seasonal_naive(
            rows,
            origins=np.full(len(rows), rows.shape[1]),
            periods=issuance.hours,
            season_hours=WEEK_HOURS if weekly else DAY_HOURS,
            levels=issuance.levels,
            utc_offset_hours=utc_offset_hours,
        )
    except ValueError:
        return None
    quantiles = np.minimum(issuance.joined(naive.quantiles), capacity_kw)
    if night is not None:
        quantiles = np.where(night[:, None], 0.0, quantiles)
    missing = int(naive.substituted.sum())
    reasons = (
        (f"{issuance.told(missing)} of {issuance.hours} hours repeat an older season: the newest one was not known.",)
        if missing
        else ()
    )
    return Forecast(
        series_id=series_id,
        axis=issuance.axis,
        issued_at=issuance.issued_at,
        levels=issuance.levels,
        quantiles=np.sort(quantiles, axis=1),
        model_id=NAIVE,
        method=NAIVE,
        degraded=bool(reasons),
        reasons=reasons,
    )


def position_of(instant: datetime, axis: TimeAxis) -> int:
    """Position of the first interval of ``axis`` that begins at or after ``instant``; may lie outside the axis."""
    return -((axis.start - instant) // axis.step)
