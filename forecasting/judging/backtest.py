"""Scores of a backtest from rolling origins, against what happened and beside the seasonal naive of the same hours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.members.baseline import DAY_HOURS
from forecasting.nouns import IndexArray
from grid.scores import (
    central_coverage,
    peak_weighted_losses,
    pinball_losses,
    skill_score,
    weighted_quantile_loss,
)
from grid.time_axis import FloatArray

LEAD_BLOCK_HOURS = 6


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one set of forecasts.

    Shares are of each series' mean power, so that large ones do not drown small ones; in WQL they do.

    Attributes:
        windows: Forecasts scored.
        pinball: Mean pinball loss over levels and intervals, a share; twice that is the CRPS. [1]
        baseline_pinball: The seasonal naive's, on the same intervals.
        skill: 1 - pinball / baseline_pinball.
        wql: Weighted quantile loss of all series together. [1]
        mae: Mean absolute error of the median, a share. [1]
        peak_pinball: Mean peak-weighted pinball loss, a share. [1]
        peak_skill: Of it, against the seasonal naive's; NaN where neither came near a peak.
        coverage_50, coverage_90: Share of actual values within the central bands; of daylight hours, if solar.
        baseline_coverage_90: The seasonal naive's.
        levels: Those that were scored.
        reliability: Share of actual values at or below the quantile of each level, of the hours whose coverage counts.
        skill_by_lead: Skill of every six-hour block of lead time.
        skill_by_hour: Of every hour of the local day, from midnight on.
    """

    windows: int
    pinball: float
    baseline_pinball: float
    skill: float
    wql: float
    mae: float
    peak_pinball: float
    peak_skill: float
    coverage_50: float
    coverage_90: float
    baseline_coverage_90: float
    levels: tuple[float, ...]
    reliability: tuple[float, ...]
    skill_by_lead: tuple[float, ...]
    skill_by_hour: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        """For a manifest: plain numbers, rounded to five digits."""
        return {
            name: [_rounded(v) for v in value] if isinstance(value, tuple) else _rounded(value)
            for name in self.__slots__
            for value in [getattr(self, name)]
        }


def score(
    actual_kw: FloatArray,
    quantiles: FloatArray,
    baseline: FloatArray,
    *,
    levels: tuple[float, ...],
    mean_kw: FloatArray,
    peak_kw: FloatArray,
    hour: IndexArray,
    counted: npt.NDArray[np.bool_] | None = None,
) -> Scores:
    """Score quantile forecasts beside the baseline's of the same windows.

    Args:
        actual_kw: Shape (windows, periods). NaN where unknown.
        quantiles, baseline: Shape (windows, periods, levels). [kW]
        levels: 0.05, 0.25, 0.5, 0.75 and 0.95 among them.
        mean_kw: Mean power of each window's series, by which its losses are divided, shape (windows,).
        peak_kw: From where on the power of each window's series counts as a peak, shape (windows,).
        hour: Local hour of the day of each interval, shape (windows, periods).
        counted: Intervals whose coverage counts, shape (windows, periods); all if None. A night that is told exactly
            would flatter solar bands.
    """
    both = np.isfinite(actual_kw) & np.isfinite(quantiles).all(axis=-1) & np.isfinite(baseline).all(axis=-1)
    actual = np.where(both, actual_kw, np.nan)
    share, peak = mean_kw[:, None], peak_kw[:, None]
    loss, reference = (
        pinball_losses(actual, said, levels=levels).mean(axis=-1) / share  # (windows, periods)
        for said in (quantiles, baseline)
    )
    near, near_reference = (
        _mean(peak_weighted_losses(actual, said, levels=levels, peak_kw=peak).mean(axis=-1) / share)
        for said in (quantiles, baseline)
    )
    awake = actual if counted is None else np.where(counted, actual, np.nan)
    below = np.where(np.isfinite(awake)[..., None], awake[..., None] <= quantiles, np.nan)
    periods = actual.shape[1]
    blocks = [slice(begin, begin + LEAD_BLOCK_HOURS) for begin in range(0, periods, LEAD_BLOCK_HOURS)]
    return Scores(
        windows=len(actual),
        pinball=_mean(loss),
        baseline_pinball=_mean(reference),
        skill=skill_score(_mean(loss), reference=_mean(reference)),
        wql=weighted_quantile_loss(actual, quantiles, levels=levels),
        mae=_mean(np.abs(actual - quantiles[..., levels.index(0.5)]) / share),
        peak_pinball=near,
        peak_skill=skill_score(near, reference=near_reference),
        coverage_50=central_coverage(awake, quantiles, levels=levels, share=0.5),
        coverage_90=central_coverage(awake, quantiles, levels=levels, share=0.9),
        baseline_coverage_90=central_coverage(awake, baseline, levels=levels, share=0.9),
        levels=levels,
        reliability=tuple(_mean(below[..., place]) for place in range(len(levels))),
        skill_by_lead=tuple(skill_score(_mean(loss[:, b]), reference=_mean(reference[:, b])) for b in blocks),
        skill_by_hour=tuple(
            skill_score(_mean(loss[hour == one]), reference=_mean(reference[hour == one])) for one in range(DAY_HOURS)
        ),
    )


def _mean(losses: FloatArray) -> float:
    known = np.isfinite(losses)
    return float(losses[known].mean()) if known.any() else float("nan")


def _rounded(value: float) -> float | int | None:
    if isinstance(value, int):
        return value
    return round(value, 5) if np.isfinite(value) else None
