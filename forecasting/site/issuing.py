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

NAIVE = "seasonal-naive"
EXTERNAL = "external-empirical"
MINIMUM_KNOWN_SHARE = 0.7
"""Of the last week's hours; with less, a model that reads the week is not asked."""


@dataclass(frozen=True, slots=True)
class Issuance:
    """What all forecasts of one instant have in common.

    Attributes:
        axis: The hours to forecast.
        origin: Position of ``axis.start`` on the history's axis: history before it, nothing from it on.
    """

    issued_at: datetime
    axis: TimeAxis
    origin: int
    levels: tuple[float, ...]


def why_not_ask(kw: FloatArray, *, origin: int) -> str | None:
    """Why a model cannot be asked about a series now, as a sentence; None if it can.

    Args:
        kw: Hourly history, shape (hours,); its last week before ``origin`` counts.
    """
    known = np.isfinite(kw[max(origin - HISTORY_HOURS, 0) : origin])
    if not known.any():
        return "No reading arrived in the last week."
    stale = int(np.argmax(known[::-1]))
    if stale > MAX_HIDDEN_HOURS:
        return f"The newest reading is {stale} hours old; the model copes with {MAX_HIDDEN_HOURS}."
    share = known.sum() / HISTORY_HOURS
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
        kw: Hourly history, shape (hours,).
        weekly: The season is a week (load), otherwise a day.
        night: True where the sun is down, shape (periods,): power is then 0.
        utc_offset_hours: For series that follow the wall clock, shape (hours + periods,).
    """
    try:
        naive = seasonal_naive(
            kw,
            origins=np.array([issuance.origin]),
            periods=issuance.axis.periods,
            season_hours=WEEK_HOURS if weekly else DAY_HOURS,
            levels=issuance.levels,
            utc_offset_hours=utc_offset_hours,
        )
    except ValueError:
        return None
    quantiles = np.minimum(naive.quantiles[0], capacity_kw)
    if night is not None:
        quantiles = np.where(night[:, None], 0.0, quantiles)
    missing = int(naive.substituted[0])
    reasons = (
        (f"{missing} of {issuance.axis.periods} hours repeat an older season: the newest one was not known.",)
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
    """Position of the first hour of ``axis`` that begins at or after ``instant``; may lie outside the axis."""
    return -((axis.start - instant) // timedelta(hours=1))
