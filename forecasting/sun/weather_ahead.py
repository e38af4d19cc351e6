"""Weather known ahead as the members for the sun read it: of every hour, and irradiance near it and over its day.

A weather forecast errs in when the clouds come: what it says of the sun before and after, and over the day, tells how
far to trust what it says of the hour. So does how clear the air is between the clouds: humid air makes more of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from forecasting.members.baseline import DAY_HOURS
from forecasting.series.rows import Rows
from grid.time_axis import FloatArray

_NEAR_HOURS = (-3, -2, -1, 0, 1, 2, 3)
_HALF_DAY = 11
_LEAST_CLEAR, _MOST_SHARE = 0.02, 1.5
_MOST_DEVIATIONS = 5.0
_LOWEST_SUN = 0.03
"""Cosine of the zenith below which nothing is divided by it."""
_STILL = 1e-9
_GOES_WITH = 0.25
"""Least correlation of changes from day to day. Irradiance and cloud reach 0.3 to 0.7, astronomy 0.1 by chance."""


def weather_told(rows: Rows, *, until: int) -> bool:
    """Whether something that is known ahead tells the weather: it changes from day to day as power does, or against it.

    A clear sky and the sun's height, a row's number or the day of the week are known ahead and do not.

    Args:
        until: Nothing from this hour on is looked at.
    """
    return any(
        abs(_changing_together(rows.values[:, :until], _hourly(rows, name)[:, :until])) >= _GOES_WITH
        for name in _known_ahead(rows)
    )


def weather_ahead(rows: Rows, clear: FloatArray) -> FloatArray:
    """Features of every hour, shape (rows, all hours, features), where :func:`weather_told`.

    Of each covariate its value; of irradiance also its share of a clear sky, from three hours before to three hours
    after and of the day around; of a clear sky also how much of the sun above the air it lets through, where the zenith
    is given. Few features: hours of one day share their weather, so that there are far fewer examples than hours. All
    are standardised over the daylight of the past; where nothing is known stands 0, the mean.

    Args:
        clear: Power under a clear sky, shape (rows, all hours).
    """
    first, names = rows.series[0], _known_ahead(rows)
    sunny = clear[:, : rows.axis.periods] > 0.0
    hourly = {name: _hourly(rows, name) for name in names}
    zeniths = [hourly[name] for name in first.meaning("solar_zenith") if name in hourly]
    made = []
    for name, values in hourly.items():
        made.append(values)
        if name in first.meaning("ghi"):
            made += _shares(values, clear, sunny)
        if name in first.meaning("clear_sky_ghi"):
            made += [_clearness(values, zenith) for zenith in zeniths[:1]]
    return np.stack([_standardised(values, sunny) for values in made], axis=-1)


def _known_ahead(rows: Rows) -> list[str]:
    return [name for name in rows.series[0].covariates if all(rows.given(one, name) for one in rows.series)]


def _hourly(rows: Rows, name: str) -> FloatArray:
    """A covariate, shape (rows, all hours)."""
    return np.concatenate([rows.spread(one, one.covariates[name]) for one in rows.series])


def _changing_together(power: FloatArray, values: FloatArray) -> float:
    """Correlation of their changes since the same hour of the day before, both of shape (rows, hours); 0 if still."""
    of_power, change = (one[:, DAY_HOURS:] - one[:, :-DAY_HOURS] for one in (power, values))
    known = np.isfinite(change) & np.isfinite(of_power) & (of_power != 0.0)  # nights stand still
    if not known.any():
        return 0.0
    one, other = of_power[known] - of_power[known].mean(), change[known] - change[known].mean()
    if np.abs(other).max() <= _STILL * np.abs(change[known]).max():  # as a row's number, which grows by a day's rows
        return 0.0
    return float(one @ other) / max(float(np.linalg.norm(one) * np.linalg.norm(other)), np.finfo(float).tiny)


def _clearness(clear_sky_ghi: FloatArray, zenith_deg: FloatArray) -> FloatArray:
    """What cloudless air lets through, up to a factor: low where it is humid or hazy. NaN where no sun is up."""
    height = np.cos(np.deg2rad(zenith_deg))
    up = height > _LOWEST_SUN
    return np.where(up, clear_sky_ghi / np.where(up, height, 1.0), np.nan)


def _shares(ghi: FloatArray, clear: FloatArray, sunny: npt.NDArray[np.bool_]) -> list[FloatArray]:
    """Irradiance as a share of a clear sky near each hour and over the day around it. NaN where no sun is up."""
    lit = np.isfinite(ghi) & (clear > _LEAST_CLEAR * clear.max(initial=0.0))
    share = np.where(lit, ghi / np.where(lit, clear, 1.0), np.nan)
    known = share[:, : sunny.shape[1]][sunny & lit[:, : sunny.shape[1]]]
    most = _MOST_SHARE * float(np.quantile(known, 0.9)) if len(known) else np.inf
    share = np.clip(share, 0.0, most)
    given, possible = _around(np.where(lit, ghi, 0.0)), _around(np.where(lit, clear, 0.0))
    day = np.where(possible > 0.0, given / np.where(possible > 0.0, possible, 1.0), np.nan)
    return [*(_moved(share, by) for by in _NEAR_HOURS), day]


def _moved(values: FloatArray, by: int) -> FloatArray:
    """What stands ``by`` hours later, shape (rows, hours); the ends are repeated."""
    return values[:, np.clip(np.arange(values.shape[1]) + by, 0, values.shape[1] - 1)]


def _around(values: FloatArray) -> FloatArray:
    """Sum over each hour and half a day on both sides of it, shape (rows, hours)."""
    total = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    at, last = np.arange(values.shape[1]), values.shape[1]
    made: FloatArray = total[:, np.minimum(at + _HALF_DAY + 1, last)] - total[:, np.maximum(at - _HALF_DAY, 0)]
    return made


def _standardised(values: FloatArray, sunny: npt.NDArray[np.bool_]) -> FloatArray:
    """About mean 0 and deviation 1 over the daylight of the past, within five deviations, 0 where unknown."""
    known = values[:, : sunny.shape[1]][sunny]
    known = known[np.isfinite(known)]
    if not len(known):
        return np.zeros_like(values)
    scaled = (values - known.mean()) / max(float(known.std()), 1e-9)
    return np.asarray(np.nan_to_num(np.clip(scaled, -_MOST_DEVIATIONS, _MOST_DEVIATIONS)))
