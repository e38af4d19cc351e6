"""The regression as a member: refitted through the history, with its residuals, over courses of temperature."""

from __future__ import annotations

import copy

import numpy as np

from forecasting.calendar import Calendar
from forecasting.file_members import LEVELS
from forecasting.fitting import TimeSplit
from forecasting.load_windows import floor_kw
from forecasting.regression import CONTEXT_HOURS, PENALTIES, calendar_terms, rolling_fits, temperature_terms
from forecasting.residuals import ResidualModel, fit_residuals
from forecasting.temperature import climatology_c, fit_temperature
from forecasting.temperature_scenarios import shifted_years
from forecasting.windows import Float32Array, IndexArray
from grid.time_axis import FloatArray

FIRST_HOURS = 14 * 24
"""The first fit needs so much history."""
_REFIT_HOURS, _MOST_REFITS = 14 * 24, 60
_RESIDUAL_ORIGINS = 2 * 366
_SPARSE_DAYS = 8
_MIDDLES = tuple(((np.arange(19) + 0.5) / 19).tolist())


class Regression:
    """One row of a panel: its log power by calendar and temperature, as of every origin.

    Args:
        kw: Shape (hours,). NaN where unknown.
        temperature_c: Shape (hours + periods,), NaN where unknown; None if nothing is known of it.
        calendar: Of all hours.
        split: Between what may be learnt from and what judges it.
        periods: Hours to forecast.
    """

    def __init__(
        self,
        kw: FloatArray,
        temperature_c: FloatArray | None,
        calendar: Calendar,
        *,
        split: TimeSplit,
        periods: int,
    ) -> None:
        self.calendar, self._periods, self._split = calendar, periods, split
        self.floor = float(floor_kw(kw[None])[0])
        with np.errstate(invalid="ignore"):
            self.log = np.log(np.maximum(kw, 0.0) + self.floor)
        self._fixed, self._fixed_from = calendar_terms(calendar), 0
        self._learnt: dict[tuple[int, int], ResidualModel] = {}
        self.path, self._reach = _filled(temperature_c, calendar, hours=len(kw), periods=periods)
        begin = max(len(kw) // 4, FIRST_HOURS)
        refits = min(max((split.end - begin) // _REFIT_HOURS, 12), _MOST_REFITS)
        instants = np.unique([*np.linspace(begin, split.end, refits + 1).astype(np.int64), split.test])
        self._fits = rolling_fits(self._design, self.log, instants=instants)
        ends = np.minimum(np.append(instants[1:], split.end) + periods, split.end + periods)
        told = [
            fit.predict(self._design(fit.until, int(end))).T for fit, end in zip(self._fits, ends, strict=True)
        ]  # each (penalties, hours to the next fit + periods)
        left = np.full((len(PENALTIES), split.end), np.nan)
        for fit, until, mean in zip(self._fits, [*instants[1:], split.end], told, strict=True):
            left[:, fit.until : until] = self.log[fit.until : until] - mean[:, : until - fit.until]
        judged = np.where(np.isfinite(left[:, : split.test]), np.abs(left[:, : split.test]), 0.0).sum(axis=1)
        self._best = int(np.argmin(judged))
        self._instants, self._told = instants, [mean[self._best] for mean in told]
        self.residual = left[self._best]
        """What the newest fit before each hour leaves over, shape (hours,). NaN before the first fit."""
        known = self.residual[np.isfinite(self.residual)]
        self.scale = max(1.4826 * float(np.median(np.abs(known))) if len(known) else 0.0, 1e-3)

    def shown(self, kw: FloatArray, temperature_c: FloatArray | None, calendar: Calendar) -> Regression:
        """The same fits, asked about the horizon with other inputs; only of the horizon may it speak.

        Args:
            kw: Shape (hours,); what differs from the readings counts as left over.
            temperature_c: Shape (hours + periods,); where NaN, what was known or usual stays.
            calendar: Of all hours.
        """
        other, end = copy.copy(self), self._split.end
        other.calendar = calendar
        other._fixed, other._fixed_from = calendar_terms(calendar.part(slice(end, None))), end
        if self.path is not None and temperature_c is not None:
            other.path = np.where(np.isfinite(temperature_c), temperature_c, self.path)
        with np.errstate(invalid="ignore"):
            other.log = np.log(np.maximum(kw, 0.0) + self.floor)
        other.residual = self.residual + (other.log - self.log)
        told = self._fits[-1].predict(other._design(end, end + self._periods))[:, self._best]
        other._told = [*self._told[:-1], told]
        return other

    def ordinary(self, hours: int) -> FloatArray:
        """Power as it would have been had the last hours left nothing over, shape (hours of history,)."""
        late = np.arange(len(self.log)) >= len(self.log) - hours
        usual = np.where(late, self.log - self.residual, self.log)
        return np.where(np.isfinite(usual), np.exp(usual), np.exp(self.log)) - self.floor

    @property
    def first(self) -> int:
        """Position of the first residual."""
        return self._fits[0].until

    @property
    def told_ahead(self) -> bool:
        """Whether temperature is known over the whole horizon, or plays no part."""
        return self.path is None or self._reach >= self._periods

    def origins(self, until: int) -> IndexArray:
        """Origins before ``until`` at the hour of day at which the horizon begins."""
        begin = self.first + 24
        return np.arange(begin + (self._split.end - begin) % 24, until, 24)

    def expected(self, origins: IndexArray, periods: int) -> FloatArray:
        """Log power by the newest fit before each origin, at the temperature that came or is forecast to come.

        Returns:
            Shape (origins, periods).
        """
        newest = np.searchsorted(self._instants, origins, side="right") - 1
        begins = origins - self._instants[newest]
        return np.stack([self._told[k][at : at + periods] for k, at in zip(newest, begins, strict=True)])

    def left_ahead(self, origins: IndexArray, periods: int, *, until: int) -> FloatArray:
        """What each origin's own fit leaves over in the hours after it, shape (origins, periods).

        NaN where unknown, and from ``until`` on.
        """
        at = origins[:, None] + np.arange(periods)
        known = np.where(at < until, self.log[np.minimum(at, len(self.log) - 1)], np.nan)
        return np.asarray(known - self.expected(origins, periods))

    def speak(self, origins: IndexArray, periods: int, *, until: int) -> FloatArray:
        """Quantiles at LEVELS, shape (origins, periods, levels), errors learnt from hours before ``until``."""
        model = self.errors(periods, until)
        leads = np.arange(periods)
        centre = model.centre(self.residual, origins, leads)  # (origins, periods)
        spread = model.spread(leads)  # (periods, middles)
        made = np.empty((len(origins), periods, len(LEVELS)))
        for i, origin in enumerate(origins.tolist()):
            courses = self._courses(origin, periods, present=origin == self._split.end)  # (scenarios, periods)
            samples = courses[:, :, None] + spread  # (scenarios, periods, middles)
            pooled = samples.transpose(1, 0, 2).reshape(periods, -1) + centre[i][:, None]
            made[i] = np.quantile(pooled, LEVELS, axis=1).T
        return np.maximum(np.exp(made) - self.floor, 0.0)

    def errors(self, periods: int, until: int) -> ResidualModel:
        """How residuals go on, learnt before ``until``."""
        if (periods, until) not in self._learnt:
            origins = self.origins(until)[-_RESIDUAL_ORIGINS:]
            ahead = self.left_ahead(origins, periods, until=until)
            self._learnt[periods, until] = fit_residuals(self.residual, ahead, origins, levels=_MIDDLES)
        return self._learnt[periods, until]

    def _courses(self, origin: int, periods: int, *, present: bool) -> FloatArray:
        """Expected log power for every course that temperature may take, shape (scenarios, periods)."""
        reach = min(self._reach, periods)
        if self.path is None or reach == periods:
            return self.expected(np.array([origin]), periods)
        every = 4 if present else _SPARSE_DAYS
        paths = shifted_years(
            self.path,
            origin=origin + reach,
            periods=periods - reach,
            context=CONTEXT_HOURS + reach,
            every_days=every,
        )
        if not len(paths):
            return self.expected(np.array([origin]), periods)
        fit = self._fits[int(np.searchsorted(self._instants, origin, side="right")) - 1]
        calendar = self.calendar.part(slice(origin, origin + periods))
        fixed = self._calendar_terms(origin, origin + periods)
        count = fixed.shape[1]
        level = fixed @ fit.weights[self._best][:count].astype(np.float32) + fit.level[self._best]
        weights = fit.weights[self._best][count:].astype(np.float32)
        return np.stack([level + temperature_terms(path, calendar) @ weights for path in paths]).astype(np.float64)

    def _calendar_terms(self, begin: int, end: int) -> Float32Array:
        return self._fixed[begin - self._fixed_from : end - self._fixed_from]

    def _design(self, begin: int, end: int) -> Float32Array:
        if self.path is None:
            return self._calendar_terms(begin, end)
        at = np.maximum(np.arange(begin - CONTEXT_HOURS, end), 0)
        terms = temperature_terms(self.path[at], self.calendar.part(slice(begin, end)))
        return np.concatenate([self._calendar_terms(begin, end), terms], axis=1)


def _filled(
    temperature_c: FloatArray | None, calendar: Calendar, *, hours: int, periods: int
) -> tuple[FloatArray | None, int]:
    """Temperature with its gaps filled by climate, and for how many hours ahead it is known; None if it is not."""
    if temperature_c is None or np.isfinite(temperature_c[:hours]).sum() < 240:
        return None, 0
    model = fit_temperature(temperature_c[:hours], calendar.part(slice(0, hours)), periods=1)
    known = np.isfinite(temperature_c)
    path = np.where(known, temperature_c, climatology_c(model, calendar))
    unknown = np.flatnonzero(~known[hours:])
    ahead = known[hours:]
    return path, periods if ahead.mean() >= 0.9 else int(unknown[0])
