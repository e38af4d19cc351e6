"""Backtests from rolling origins: how good a forecast was against what happened and against the seasonal naive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from grid.scores import central_coverage, pinball_losses, skill_score
from grid.time_axis import FloatArray

LEAD_BLOCK_HOURS = 6


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one set of forecasts.

    Attributes:
        windows: Forecasts scored.
        pinball: Mean pinball loss over levels and intervals as a share of each series' mean power. [1]
        baseline_pinball: The seasonal naive's, on the same intervals.
        skill: 1 - pinball / baseline_pinball.
        coverage_50, coverage_90: Share of actual values within the central bands; of daylight hours, if solar.
        baseline_coverage_90: The seasonal naive's.
        skill_by_lead: Skill of every six-hour block of lead time.
    """

    windows: int
    pinball: float
    baseline_pinball: float
    skill: float
    coverage_50: float
    coverage_90: float
    baseline_coverage_90: float
    skill_by_lead: tuple[float, ...]

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
    counted: npt.NDArray[np.bool_] | None = None,
) -> Scores:
    """Score quantile forecasts beside the baseline's of the same windows.

    Args:
        actual_kw: Shape (windows, periods). NaN where unknown.
        quantiles, baseline: Shape (windows, periods, levels). [kW]
        levels: 0.05, 0.25, 0.75 and 0.95 among them.
        mean_kw: Mean power of each window's series, by which its losses are divided, shape (windows,).
        counted: Intervals whose coverage counts, shape (windows, periods); all if None. A night that is told exactly
            would flatter solar bands.
    """
    share = mean_kw[:, None]
    loss = pinball_losses(actual_kw, quantiles, levels=levels).mean(axis=-1) / share  # (windows, periods)
    reference = pinball_losses(actual_kw, baseline, levels=levels).mean(axis=-1) / share
    both = np.isfinite(loss) & np.isfinite(reference)
    loss, reference = np.where(both, loss, np.nan), np.where(both, reference, np.nan)
    periods = actual_kw.shape[1]
    blocks = [slice(begin, begin + LEAD_BLOCK_HOURS) for begin in range(0, periods, LEAD_BLOCK_HOURS)]
    covered = actual_kw if counted is None else np.where(counted, actual_kw, np.nan)
    return Scores(
        windows=len(actual_kw),
        pinball=_mean(loss),
        baseline_pinball=_mean(reference),
        skill=skill_score(_mean(loss), reference=_mean(reference)),
        coverage_50=central_coverage(covered, quantiles, levels=levels, share=0.5),
        coverage_90=central_coverage(covered, quantiles, levels=levels, share=0.9),
        baseline_coverage_90=central_coverage(covered, baseline, levels=levels, share=0.9),
        skill_by_lead=tuple(skill_score(_mean(loss[:, b]), reference=_mean(reference[:, b])) for b in blocks),
    )


def _mean(losses: FloatArray) -> float:
    known = np.isfinite(losses)
    return float(losses[known].mean()) if known.any() else float("nan")


def _rounded(value: float) -> float | int | None:
    if isinstance(value, int):
        return value
    return round(value, 5) if np.isfinite(value) else None
