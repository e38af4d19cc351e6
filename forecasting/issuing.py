"""From arrays to forecasts: the model's where it may speak, else a labelled stand-in; a baseline always beside it.

A substitute is never silent: the forecast is ``degraded`` and each reason is a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from forecasting.baseline import DAY_HOURS, WEEK_HOURS, seasonal_naive
from forecasting.external import Issue, external_quantiles
from forecasting.training import MAX_HIDDEN_HOURS
from forecasting.windows import HISTORY_HOURS
from grid.forecasts import Forecast
from grid.time_axis import FloatArray, TimeAxis

NAIVE = "seasonal-naive"
EXTERNAL = "external-empirical"
LSTM = "lstm-attention"
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


@dataclass(frozen=True, slots=True, eq=False)
class ModelAnswer:
    """What a model said for one series: quantiles, shape (up to periods, levels) [kW], and who it is."""

    model_id: str
    quantiles: FloatArray


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
    return _forecast(series_id, issuance, quantiles, model_id=NAIVE, method=NAIVE, reasons=reasons)


def primary_forecast(
    series_id: str, issuance: Issuance, baseline: Forecast, *, answer: ModelAnswer | None, reason: str | None
) -> Forecast:
    """The model's answer, or the baseline labelled as its substitute.

    Args:
        answer: None if no model spoke.
        reason: Why not.
    """
    if answer is None:
        why = (reason or "No model spoke.", "The seasonal naive forecast stands in.")
        return replace(baseline, degraded=True, reasons=(*why, *baseline.reasons))
    told, wanted = len(answer.quantiles), issuance.axis.periods
    if told >= wanted:
        return _forecast(series_id, issuance, answer.quantiles[:wanted], model_id=answer.model_id, method=LSTM)
    quantiles = np.concatenate([answer.quantiles, baseline.quantiles[told:]])
    beyond = f"The model reaches {told} hours ahead; the seasonal naive forecast stands in beyond."
    reasons = (beyond, *baseline.reasons)
    return _forecast(series_id, issuance, quantiles, model_id=answer.model_id, method=LSTM, reasons=reasons)


def external_forecast(
    series_id: str,
    kw: FloatArray,
    issues: Sequence[Issue],
    issuance: Issuance,
    baseline: Forecast | None,
    *,
    capacity_kw: float,
) -> Forecast | None:
    """Somebody else's point forecast with bands of its past errors; the baseline, labelled, where it does not reach.

    Returns:
        None if there is neither.
    """
    made = external_quantiles(
        issues,
        kw,
        origin=issuance.origin,
        periods=issuance.axis.periods,
        levels=issuance.levels,
        capacity_kw=capacity_kw,
    )
    if made is None:
        reasons = ("Nobody has sent a forecast of this plant.", "The seasonal naive forecast stands in.")
        return None if baseline is None else replace(baseline, degraded=True, reasons=(*reasons, *baseline.reasons))
    quantiles, reasons_found = made.quantiles, []
    absent = np.isnan(quantiles[:, 0])
    if absent.any():
        if baseline is None:
            return None
        quantiles = np.where(absent[:, None], baseline.quantiles, quantiles)
        reasons_found.append(
            f"The forecast that was sent leaves out {int(absent.sum())} hours; the seasonal naive forecast stands in."
        )
    if made.errors == 0:
        reasons_found.append("No earlier forecast of this plant can be compared with what came: there are no bands.")
    return _forecast(series_id, issuance, quantiles, model_id=EXTERNAL, method=EXTERNAL, reasons=tuple(reasons_found))


def position_of(instant: datetime, axis: TimeAxis) -> int:
    """Position of the first hour of ``axis`` that begins at or after ``instant``; may lie outside the axis."""
    return -((axis.start - instant) // timedelta(hours=1))


def _forecast(
    series_id: str,
    issuance: Issuance,
    quantiles: FloatArray,
    *,
    model_id: str,
    method: str,
    reasons: tuple[str, ...] = (),
) -> Forecast:
    return Forecast(
        series_id=series_id,
        axis=issuance.axis,
        issued_at=issuance.issued_at,
        levels=issuance.levels,
        # Clipping at zero and capacity keeps the order; rounding in sums and shifts may not.
        quantiles=np.sort(quantiles, axis=1),
        model_id=model_id,
        method=method,
        degraded=bool(reasons),
        reasons=reasons,
    )
