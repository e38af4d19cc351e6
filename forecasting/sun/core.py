"""The simple core of a solar forecast: clear-sky index by hour and season, plus the fading weather of the last days.

The clear-sky index is power over the power that a clear sky would give: 1 on a clear hour, 0 under the thickest cloud.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.series.calendar import harmonics
from grid.time_axis import FloatArray

INDEX_BOUND = 3.0
"""Near sunrise a little light from elsewhere makes any index; beyond this it says nothing."""
DAYLIGHT_SHARE = 0.01
"""An hour counts as day if a clear sky would give more than this share of the capacity."""
STATISTICS_HOURS = (6, 24, 72)


@dataclass(frozen=True, slots=True, eq=False)
class SolarCore:
    """Climatology of the index and how a deviation from it fades with lead time; one for all plants.

    Attributes:
        climatology: Coefficients of season x time of day harmonics, shape (25,).
        damping: Weight of each recent deviation by lead, shape (periods, 3).
        spread: Standard deviation of the index about its climatology, weighted by clear-sky power.
    """

    climatology: FloatArray
    damping: FloatArray
    spread: float


def climatology_index(core: SolarCore, day_angle: FloatArray, year_angle: FloatArray) -> FloatArray:
    """Normal clear-sky index of each interval, shape (...,)."""
    return _climate_basis(day_angle, year_angle) @ core.climatology


def recent_deviation(deviation: FloatArray, clear_kw: FloatArray) -> FloatArray:
    """Clear-sky weighted mean deviation of the last 6, 24 and 72 hours.

    Args:
        deviation: Index minus climatology, shape (..., 72 or more hours), 0 where unknown.
        clear_kw: Same shape, 0 at night and where the index is unknown.

    Returns:
        Shape (..., 3); 0 where no hour was known.
    """
    statistics = []
    for hours in STATISTICS_HOURS:
        weight = clear_kw[..., -hours:]
        total = weight.sum(axis=-1)
        mean = (deviation[..., -hours:] * weight).sum(axis=-1) / np.maximum(total, 1e-9)
        statistics.append(np.where(total > 0.0, mean, 0.0))
    return np.stack(statistics, axis=-1)


def fit_solar_core(
    index: FloatArray, clear_kw: FloatArray, day_angle: FloatArray, year_angle: FloatArray, *, periods: int
) -> SolarCore:
    """Fit the core to all plants at once, hours weighing as much as a clear sky would yield.

    Args:
        index: Clear-sky index, shape (plants, hours). NaN at night and where unknown.
        clear_kw: Clear-sky power as a share of capacity, same shape.
        day_angle, year_angle: Sun time and season of each hour, same shape and (hours,). [radians]
        periods: Longest lead, in hours.

    Raises:
        ValueError: If fewer than 50 daylight hours are known.
    """
    known = np.isfinite(index)
    if known.sum() < 50:
        raise ValueError(f"the solar core needs 50 known hours of daylight, got {int(known.sum())}")
    weight = np.where(known, clear_kw, 0.0)
    basis = _climate_basis(day_angle, np.broadcast_to(year_angle, index.shape))  # (plants, hours, 25)
    # A season that was never seen must not be guessed at: its terms are held back until a year is known.
    penalty = np.full((5, 5), 1.0)
    penalty[1:] = 10.0 if index.shape[1] >= 8766 else 1e6
    penalty[0, 0] = 1e-6
    climatology = _weighted_ridge(basis[known], index[known], weight[known], penalty.reshape(-1))
    deviation = np.where(known, index - basis @ climatology, 0.0)  # (plants, hours)

    longest = max(STATISTICS_HOURS)
    damping = np.zeros((periods, len(STATISTICS_HOURS)))
    view = np.lib.stride_tricks.sliding_window_view
    statistics = recent_deviation(view(deviation, longest, axis=1), view(weight, longest, axis=1))
    for lead in range(periods):
        origins = index.shape[1] - longest - lead
        if origins < 24:
            break
        damping[lead] = _weighted_ridge(
            statistics[:, :origins].reshape(-1, len(STATISTICS_HOURS)),
            deviation[:, longest + lead :].reshape(-1),
            weight[:, longest + lead :].reshape(-1),
            np.full(len(STATISTICS_HOURS), 5.0),
        )
    spread = float(np.sqrt(np.average(deviation[known] ** 2, weights=weight[known])))
    return SolarCore(climatology, damping, max(spread, 0.02))


def _climate_basis(day_angle: FloatArray, year_angle: FloatArray) -> FloatArray:
    season, day = harmonics(year_angle, 2), harmonics(day_angle, 2)  # (..., 5) each
    return (season[..., :, None] * day[..., None, :]).reshape(*day_angle.shape, -1)  # (..., 25)


def _weighted_ridge(design: FloatArray, target: FloatArray, weight: FloatArray, penalty: FloatArray) -> FloatArray:
    weighted = design * weight[:, None]
    gram = weighted.T @ design + np.diag(penalty)
    return np.linalg.solve(gram, weighted.T @ target).astype(np.float64)
