"""Who stands in where the champion cannot speak, from a fit on the spot down to what capacity alone tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.calendar import Calendar
from forecasting.fallbacks import Answer, Level
from forecasting.file_members import LEVELS, split_history
from forecasting.file_regression import Regression
from forecasting.issuing import NAIVE, Issuance
from forecasting.mixing import at_levels
from grid.forecasts import Forecast, Voice
from grid.time_axis import FloatArray

REGRESSION, NEIGHBOURS, PARTS, CAPACITY = "regression-refit", "neighbours", "sum-of-meters", "capacity-band"
REFIT_HOURS = 28 * 24
"""Known hours that a regression wants."""
MOST_NEIGHBOURS = 25
_FINE = tuple(((np.arange(49) + 0.5) / 49).tolist())


@dataclass(frozen=True, slots=True, eq=False)
class Neighbour:
    """Another series of the same kind, and what was just forecast of it.

    Attributes:
        kw: Its hourly history, shape (hours,). NaN where unknown.
        capacity_kw: None if unknown.
    """

    forecast: Forecast
    kw: FloatArray
    capacity_kw: float | None


def refit(kw: FloatArray, calendar: Calendar, issuance: Issuance) -> Answer | str:
    """A regression on the calendar, fitted on the spot; what it left over lately goes on and fades.

    Args:
        kw: Hourly history, shape (hours,). NaN where unknown.
        calendar: Of these hours and of those to forecast.
    """
    known = int(np.isfinite(kw[: issuance.origin]).sum())
    if known < REFIT_HOURS:
        return f"A regression needs {REFIT_HOURS} known hours, there are {known}."
    periods = issuance.axis.periods
    split = split_history(issuance.origin, periods)
    regression = Regression(kw[: issuance.origin], None, calendar, split=split, periods=periods)
    told = regression.speak(np.array([issuance.origin]), periods, until=issuance.origin)[0]
    quantiles = at_levels(told, levels=LEVELS, wanted=issuance.levels)
    voice = Voice(REGRESSION, REGRESSION, Level.REFIT)
    return Answer("A regression fitted on the spot", voice, np.maximum(quantiles, 0.0))


def naive(baseline: Forecast | None, kw: FloatArray, issuance: Issuance, *, season_hours: int) -> Answer | str:
    """The baseline, if a season of readings stands behind it."""
    known = int(np.isfinite(kw[: issuance.origin]).sum())
    if baseline is None or known < season_hours:
        return f"The seasonal naive forecast needs {season_hours} known hours, there are {known}."
    voice = Voice(NAIVE, NAIVE, Level.SEASONAL_NAIVE)
    return Answer("The seasonal naive forecast", voice, baseline.quantiles, baseline.reasons)


def short_naive(baseline: Forecast | None) -> Answer | str:
    """The baseline, however short the history behind it."""
    if baseline is None:
        return "There is no reading in eight weeks."
    voice = Voice(NAIVE, NAIVE, Level.SHORT_HISTORY)
    return Answer("The seasonal naive forecast of a short history", voice, baseline.quantiles, baseline.reasons)


def neighbours(
    kw: FloatArray, others: Sequence[Neighbour], issuance: Issuance, *, capacity_kw: float | None
) -> Answer | str:
    """The forecasts of series of the same kind, each scaled to this one, pooled into one distribution.

    Scaled by the hours that both know; without any, by capacity; without that they stand as large as they are. How the
    neighbours differ is part of the bands.

    Args:
        kw: This series' history, shape (hours,). NaN where unknown.
        capacity_kw: This series'; None if unknown.
    """
    scales, how = _scales(kw, others, issuance, capacity_kw=capacity_kw)
    usable = [(scale, other) for scale, other in zip(scales, others, strict=True) if np.isfinite(scale)]
    if not usable:
        return "There is no neighbour of its kind to take a profile from."
    usable.sort(key=lambda one: abs(np.log(max(one[0], 1e-9))))
    chosen = usable[:MOST_NEIGHBOURS]  # those nearest in size
    fine = np.stack(
        [
            scale * at_levels(other.forecast.quantiles, levels=other.forecast.levels, wanted=_FINE)
            for scale, other in chosen
        ]
    )  # (neighbours, periods, fine levels)
    pooled = np.clip(fine, 0.0, capacity_kw or np.inf).transpose(1, 0, 2).reshape(fine.shape[1], -1)
    quantiles = np.quantile(pooled, issuance.levels, axis=1).T  # (periods, levels)
    voice = Voice(NEIGHBOURS, chosen[0][1].forecast.model_id, Level.NEIGHBOURS)
    return Answer(f"The profile of {len(chosen)} neighbours, {how},", voice, quantiles)


def parts(weighted: Sequence[tuple[float, Forecast | None]]) -> Answer | str:
    """The sum of the forecasts that a total is made of, level by level: as if all were high or low at once.

    Args:
        weighted: Weight and forecast of each part.
    """
    told = [(weight, part) for weight, part in weighted if part is not None]
    if not told or len(told) < len(weighted):
        return "Not every part of the total is forecast."
    total: FloatArray = np.sum([weight * part.quantiles for weight, part in told], axis=0)
    voice = Voice(PARTS, PARTS, Level.NEIGHBOURS)
    return Answer("The sum of the meters' forecasts", voice, total)


def capacity_band(ceiling_kw: FloatArray | None, issuance: Issuance) -> Answer | str:
    """All that capacity tells: any power between nothing and it, each as likely as the other.

    Args:
        ceiling_kw: The most that is possible in each interval, shape (periods,); None if nobody knows.
    """
    if ceiling_kw is None:
        return "Its capacity is unknown."
    voice = Voice(CAPACITY, CAPACITY, Level.CAPACITY)
    return Answer("A band that knows its capacity only", voice, ceiling_kw[:, None] * np.asarray(issuance.levels))


def _scales(
    kw: FloatArray, others: Sequence[Neighbour], issuance: Issuance, *, capacity_kw: float | None
) -> tuple[list[float], str]:
    """By what each neighbour is multiplied, NaN for one that cannot be compared; and how that was found."""
    by_readings = [_ratio(kw[: issuance.origin], other.kw[: issuance.origin]) for other in others]
    if np.isfinite(by_readings).any():
        hours = int(np.isfinite(kw[: issuance.origin]).sum())
        return by_readings, f"scaled to {hours} hours of its readings"
    if capacity_kw is not None:
        by_capacity = [capacity_kw / other.capacity_kw if other.capacity_kw else np.nan for other in others]
        if np.isfinite(by_capacity).any():
            return by_capacity, "scaled by capacity"
    return [1.0] * len(others), "as large as they are"


def _ratio(kw: FloatArray, other_kw: FloatArray) -> float:
    both = np.isfinite(kw) & np.isfinite(other_kw)
    total = float(other_kw[both].sum())
    return float(kw[both].sum()) / total if total > 0.0 else float("nan")
