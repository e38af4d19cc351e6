"""The regression as a member: refitted through the history, with its residuals, over courses of temperature."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.design import Design, Newest
from forecasting.fitting import TimeSplit
from forecasting.members import LEVELS, MINIMUM_KNOWN_HOURS, first_residual
from forecasting.regression import (
    CALENDAR_TERMS,
    CONTEXT_HOURS,
    PENALTIES,
    TEMPERATURE_TERMS,
    rolling_fits,
    temperature_bends,
    temperature_response,
)
from forecasting.residuals import ResidualModel, fit_residuals, recent_features
from forecasting.temperature_scenarios import shifted_years
from forecasting.windows import Float32Array, IndexArray
from grid.time_axis import FloatArray

_REFIT_HOURS, _MOST_REFITS = 14 * 24, 60
_RESIDUAL_ORIGINS = 2 * 366
_NIGHTLY_ORIGINS = 366
_SPARSE_DAYS = 8
_FLOOR_SHARE = 0.05
_MIDDLES = tuple(((np.arange(19) + 0.5) / 19).tolist())
_READ_OFF = np.maximum(0.0, 1.0 - np.abs(np.multiply.outer(LEVELS, [len(_MIDDLES) - 1]) - np.arange(len(_MIDDLES)))).T
"""What each of increasing middles counts for at LEVELS, as empirical quantiles have it, shape (middles, levels)."""


@dataclass(frozen=True, slots=True, eq=False)
class FittedRow:
    """One row's regression as of several instants: what a night's training leaves of it.

    Attributes:
        floor: Added to its power before the logarithm: 5 % of the median. A load may fall to nothing in an outage;
            without the floor its logarithm would run away.
        scale: Robust standard deviation of what it leaves over out of sample, in the log.
        instants: Each fit has seen what lies before its own, shape (fits,).
        weights: Shape (fits, terms).
        level: Shape (fits,).
    """

    floor: float
    scale: float
    instants: IndexArray
    weights: FloatArray
    level: FloatArray


class Regression:
    """One row of a panel: its log power by calendar and temperature, as of every origin.

    Args:
        kw: Shape (hours,). NaN where unknown.
        design: Of all hours and the horizon.
        fitted: Its instants are positions on the row's hours.
        told: What each fit says from its instant up to the next and a horizon beyond.
        level: What its calendar alone says of the same hours.
        periods: Hours to forecast.
        every: Hours between the origins that its errors are learnt from.
    """

    def __init__(
        self,
        kw: FloatArray,
        design: Design,
        fitted: FittedRow,
        *,
        told: Sequence[FloatArray],
        level: Sequence[FloatArray],
        periods: int,
        every: int = 24,
    ) -> None:
        self.fitted, self.scale, self.floor, self.outlook = fitted, fitted.scale, fitted.floor, design.outlook
        self._design, self._end, self._periods, self._every = design, len(kw), periods, every
        instants = fitted.instants
        self.first = int(_first_fits(kw[None], instants)[0])
        """Position of the first residual."""
        self.log = log_power(kw, fitted.floor)
        self.log[: self.first] = np.nan  # what the first fit has learnt from; nobody is to learn from its errors
        self._told, self._level = np.concatenate(told), np.concatenate(level)
        self._shift = np.cumsum([0, *(len(one) for one in told[:-1])]) - instants  # from an hour to its place in told
        self._expected, self._recent = Newest(self._expect), Newest(self._left_lately)
        self.residual = _left(self.log, instants, told)
        """What the newest fit before each hour leaves over, shape (hours,). NaN before the first fit."""
        if design.outlook is not None:
            self._by_hour, self._by_season = temperature_response(fitted.weights[:, -TEMPERATURE_TERMS:])

    @property
    def told_ahead(self) -> bool:
        """Whether a horizon's temperature is known or can be foretold, or plays no part."""
        return self.outlook is None or not self.outlook.far

    def origins(self, until: int) -> IndexArray:
        """Origins before ``until`` to learn from."""
        begin = self.first + 24
        return np.arange(begin + (self._end - begin) % self._every, until, self._every)

    def expected(self, origins: IndexArray, periods: int) -> FloatArray:
        """Log power by the newest fit before each origin, at the temperature that was expected there.

        Returns:
            Shape (origins, periods).
        """
        return self._expected.of(origins, periods)

    def _expect(self, origins: IndexArray, periods: int) -> FloatArray:
        newest = self._newest(origins)
        at = origins[:, None] + np.arange(periods)
        if self.outlook is None or self.outlook.given:
            return self._told[self._shift[newest][:, None] + at]
        level = self._level[self._shift[newest][:, None] + at]
        return np.asarray(level + self._effect(self._design.bends.of(origins, periods), newest[:, None], at))

    def recent(self, origins: IndexArray, periods: int) -> FloatArray:
        """Features of what was left over before each origin, shape (origins, periods, FEATURES)."""
        return self._recent.of(origins, periods)

    def _left_lately(self, origins: IndexArray, periods: int) -> FloatArray:
        return recent_features(self.residual, origins, np.arange(periods))

    def paths_c(self, origins: IndexArray, periods: int) -> FloatArray:
        """Temperature about each origin as expected there, shape (origins, HISTORY_HOURS + periods)."""
        return self._design.paths_c.of(origins, periods)

    def shown(self, kw: FloatArray, design: Design) -> Regression:
        """The same fits, asked about the horizon with other inputs; only of the horizon may it speak.

        Args:
            kw: Shape (hours,); what differs from the readings counts as left over.
            design: Of other temperatures or another calendar.
        """
        other, end = copy.copy(self), self._end
        other._design, other.outlook = design, design.outlook
        other.log = log_power(kw, self.floor)
        other.residual = self.residual + (other.log - self.log)
        weights, base = self.fitted.weights[-1].astype(np.float32), self.fitted.level[-1]
        told = design(end, end + self._periods) @ weights + base
        other._told = np.concatenate([self._told[: -self._periods], told])
        if self.outlook is not None:
            level = design.fixed(end, end + self._periods) @ weights[:-TEMPERATURE_TERMS] + base
            other._level = np.concatenate([self._level[: -self._periods], level])
        other._expected, other._recent = Newest(other._expect), Newest(other._left_lately)
        return other

    def ordinary(self, hours: int) -> FloatArray:
        """Power as it would have been had the last hours left nothing over, shape (hours of history,)."""
        late = np.arange(len(self.log)) >= len(self.log) - hours
        usual = np.where(late, self.log - self.residual, self.log)
        return np.where(np.isfinite(usual), np.exp(usual), np.exp(self.log)) - self.floor

    def _newest(self, origins: IndexArray) -> IndexArray:
        return np.maximum(np.searchsorted(self.fitted.instants, origins, side="right") - 1, 0).astype(np.int64)

    def _effect(self, bends: FloatArray, fits: IndexArray, at: IndexArray) -> FloatArray:
        """What temperature adds on paths whose bends have the shape (paths, periods, bends), shape (paths, periods)."""
        calendar = self._design.calendar
        free = (calendar.day_type[at] > 0).astype(np.int64)
        weights = self._by_hour[fits, free, calendar.hour[at]]  # (paths, periods, bends)
        weights = weights + self._design.seasons[at] @ self._by_season[fits[:, 0]]
        return np.asarray(np.einsum("opb,opb->op", bends, weights))

    def left_ahead(self, origins: IndexArray, periods: int, *, until: int) -> FloatArray:
        """What each origin's own fit leaves over in the hours after it, shape (origins, periods).

        NaN where unknown, and from ``until`` on.
        """
        at = origins[:, None] + np.arange(periods)
        known = np.where(at < until, self.log[np.minimum(at, len(self.log) - 1)], np.nan)
        early = (origins < self.first)[:, None]
        return np.where(early, np.nan, known - self.expected(origins, periods))

    def speak(self, origins: IndexArray, periods: int, model: ResidualModel) -> FloatArray:
        """Quantiles at LEVELS, shape (origins, periods, levels).

        Args:
            model: From :meth:`errors`, learnt before the origins.
        """
        leads = np.arange(periods)
        centre = model.centre(self.recent(origins, periods), leads)  # (origins, periods)
        spread = model.spread(origins, leads)  # (origins, periods, middles)
        if self.told_ahead:
            told = (self.expected(origins, periods) + centre)[..., None] + spread @ _READ_OFF
            return np.maximum(np.exp(told) - self.floor, 0.0)
        made = np.empty((len(origins), periods, len(LEVELS)))
        for i, origin in enumerate(origins.tolist()):
            courses = self._courses(origin, periods, present=origin == self._end)  # (scenarios, periods)
            samples = courses[:, :, None] + spread[i]  # (scenarios, periods, middles)
            pooled = samples.transpose(1, 0, 2).reshape(periods, -1) + centre[i][:, None]
            made[i] = np.quantile(pooled, LEVELS, axis=1).T
        return np.maximum(np.exp(made) - self.floor, 0.0)

    def errors(self, periods: int, until: int) -> ResidualModel:
        """How residuals go on, learnt before ``until``."""
        origins = self.origins(until)[-(_RESIDUAL_ORIGINS if self._every == 24 else _NIGHTLY_ORIGINS) :]
        ahead = self.left_ahead(origins, periods, until=until)
        return fit_residuals(self.residual, ahead, origins, levels=_MIDDLES)

    def _courses(self, origin: int, periods: int, *, present: bool) -> FloatArray:
        """Expected log power for every course that temperature may take, shape (scenarios, periods)."""
        alone = np.array([origin])
        assert self.outlook is not None
        reach = min(self.outlook.reach, periods)
        paths = shifted_years(
            self.outlook.path_c,
            origin=origin + reach,
            periods=periods - reach,
            context=CONTEXT_HOURS + reach,
            every_days=4 if present else _SPARSE_DAYS,
        )
        if not len(paths):
            return self.expected(alone, periods)
        newest, at = self._newest(alone), origin + np.arange(periods)[None]
        level = self._level[self._shift[newest][:, None] + at]
        return np.asarray(level + self._effect(temperature_bends(paths), newest[:, None], at))


def recall_regressions(
    kw: FloatArray, design: Design, fitted: Sequence[FittedRow], *, periods: int, every: int
) -> list[Regression]:
    """Regressions fitted before, of rows that share their terms and the instants of their fits.

    Args:
        kw: Shape (rows, hours). NaN where unknown.
    """
    instants = fitted[0].instants.tolist()
    told, level = [], []
    for number, (until, end) in enumerate(zip(instants, [*instants[1:], kw.shape[1]], strict=True)):
        terms = design(until, end + periods)
        weights = np.stack([one.weights[number] for one in fitted])
        base = np.array([one.level[number] for one in fitted])[:, None]
        level.append(_said(terms[:, :CALENDAR_TERMS], weights[:, :CALENDAR_TERMS]) + base)
        told.append(level[-1] + _said(terms[:, CALENDAR_TERMS:], weights[:, CALENDAR_TERMS:]))
    made = []
    for row, (values, one) in enumerate(zip(kw, fitted, strict=True)):
        own = [one[row] for one in told], [one[row] for one in level]
        made.append(Regression(values, design, one, told=own[0], level=own[1], periods=periods, every=every))
    return made


def fit_regressions(
    kw: FloatArray, design: Design, *, split: TimeSplit, periods: int, every: int = 24, begin: int = 0
) -> list[Regression]:
    """A regression for every row of some that share their terms, refitted through the history.

    Args:
        kw: Shape (rows, hours). NaN where unknown.
        split: Penalty, floor and scale are chosen by the hours before its test.
        begin: Residuals are wanted from here on.
    """
    hours = kw.shape[1]
    known = [row[np.isfinite(row)] for row in kw[:, : split.test]]
    floors = np.array([max(_FLOOR_SHARE * abs(float(np.median(row))), 1e-3) if len(row) else 1e-3 for row in known])
    log = log_power(kw, floors[:, None])
    begin = max(begin, first_residual(hours))
    spacing = _REFIT_HOURS if every == 24 else 2 * _REFIT_HOURS
    refits = min(max((hours - begin) // spacing, 12), _MOST_REFITS)
    instants = np.unique([*np.linspace(begin, hours, refits + 1).astype(np.int64), split.test])
    fits = rolling_fits(design, log, instants=instants, beyond=periods)
    log = np.where(np.arange(hours) < _first_fits(kw, instants)[:, None], np.nan, log)
    judged = np.zeros((len(kw), len(PENALTIES)))
    ends = [*instants[1:].tolist(), hours]
    for fit, end in zip(fits, ends, strict=True):
        end = min(end, split.test)
        left = log[:, None, fit.until : end] - fit.told[..., : max(end - fit.until, 0)]
        judged += np.nansum(np.abs(left), axis=-1)
    best = np.argmin(judged, axis=1)
    chosen = np.arange(len(kw)), best
    levels = [
        _said(design.fixed(fit.until, end + periods), fit.weights[chosen][:, :CALENDAR_TERMS])
        + fit.level[chosen][:, None]
        for fit, end in zip(fits, ends, strict=True)
    ]
    made = []
    for row, penalty in enumerate(best.tolist()):
        told = [fit.told[row, penalty] for fit in fits]
        left = np.abs(_left(log[row], instants, told)[: split.test])
        scale = max(1.4826 * float(np.nanmedian(left)) if np.isfinite(left).any() else 0.0, 1e-3)
        weights = np.stack([fit.weights[row, penalty] for fit in fits])
        level = np.array([fit.level[row, penalty] for fit in fits])
        fitted = FittedRow(float(floors[row]), scale, instants, weights, level)
        of_calendar = [one[row] for one in levels]
        made.append(Regression(kw[row], design, fitted, told=told, level=of_calendar, periods=periods, every=every))
    return made


def _first_fits(kw: FloatArray, instants: IndexArray) -> IndexArray:
    """When each row's first fit was made that had seen enough of it, for a series may join late, shape (rows,)."""
    seen = np.cumsum(np.isfinite(kw), axis=1)[:, instants - 1]  # (rows, fits)
    return np.asarray(instants[np.argmax(seen >= MINIMUM_KNOWN_HOURS, axis=1)])


def _said(terms: Float32Array, weights: FloatArray) -> FloatArray:
    """What terms, shape (hours, terms), say by the weights of every row, shape (rows, terms): (rows, hours)."""
    return (terms @ weights.T.astype(np.float32)).T.astype(np.float64)


def log_power(kw: FloatArray, floor: float | FloatArray) -> FloatArray:
    """Log of power with the floor beneath it. NaN where unknown."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.log(np.maximum(kw, 0.0) + floor))


def _left(log: FloatArray, instants: IndexArray, told: Sequence[FloatArray]) -> FloatArray:
    """What the newest fit before each hour leaves over, shape (hours,). NaN before the first fit."""
    left = np.full(len(log), np.nan)
    for until, end, mean in zip(instants.tolist(), [*instants[1:].tolist(), len(log)], told, strict=True):
        left[until:end] = log[until:end] - mean[: end - until]
    return left
