"""The regression as a member: refitted through the history, with its residuals, over courses of temperature."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from forecasting.load.design import Design
from forecasting.load.regression import (
    CALENDAR_TERMS,
    CONTEXT_HOURS,
    PENALTIES,
    rolling_fits,
    temperature_bends,
)
from forecasting.load.residuals import ResidualModel, fit_residuals, recent_features
from forecasting.load.shared_fits import FittedRow, SharedFits, said
from forecasting.members.course import LEVELS, first_residual
from forecasting.nouns import IndexArray
from forecasting.series.outlook import Outlook
from forecasting.series.splits import MINIMUM_KNOWN_HOURS, TimeSplit
from forecasting.series.temperature_scenarios import shifted_years
from grid.time_axis import FloatArray

_REFIT_HOURS, _MOST_REFITS = 14 * 24, 60
_RESIDUAL_ORIGINS = 2 * 366
_NIGHTLY_ORIGINS = 366
_SPARSE_DAYS = 8
_FLOOR_SHARE = 0.05
_MIDDLES = tuple(((np.arange(19) + 0.5) / 19).tolist())
READ_OFF = np.maximum(0.0, 1.0 - np.abs(np.multiply.outer(LEVELS, [len(_MIDDLES) - 1]) - np.arange(len(_MIDDLES)))).T
"""What each of increasing middles counts for at LEVELS, as empirical quantiles have it, shape (middles, levels)."""


class Regression:
    """One row of a panel: its log power by calendar and temperature, as of every origin.

    Args:
        shared: The fits of all rows that share its terms.
        row: Its own among them.
        fitted: Its instants are positions on the row's hours.
        log: Its log power, shape (hours,); NaN before its first fit, of whose errors nobody is to learn.
        residual: What the newest fit before each hour leaves over, shape (hours,). NaN before the first fit.
        first: Position of the first residual.
        periods: Hours to forecast.
        every: Hours between the origins that its errors are learnt from.
    """

    def __init__(
        self,
        shared: SharedFits,
        row: int,
        fitted: FittedRow,
        *,
        log: FloatArray,
        residual: FloatArray,
        first: int,
        periods: int,
        every: int,
    ) -> None:
        self.shared, self.row, self.fitted, self.first = shared, row, fitted, first
        self.scale, self.floor = fitted.scale, fitted.floor
        self.log, self.residual = log, residual
        self._end, self._periods, self._every = len(log), periods, every

    @property
    def outlook(self) -> Outlook | None:
        return self.shared.outlook

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
        return self.shared.expected(np.full(len(origins), self.row), origins, periods)

    def shown(self, kw: FloatArray, design: Design) -> Regression:
        """The same fits, asked about the horizon with other inputs; only of the horizon may it speak.

        Args:
            kw: Shape (hours,); what differs from the readings counts as left over.
            design: Of other temperatures or another calendar.
        """
        other = copy.copy(self)
        other.shared, other.row = self.shared.shown(self.row, design, end=self._end, periods=self._periods), 0
        other.log = log_power(kw, self.floor)
        other.residual = self.residual + (other.log - self.log)
        return other

    def ordinary(self, hours: int) -> FloatArray:
        """Power as it would have been had the last hours left nothing over, shape (hours of history,)."""
        late = np.arange(len(self.log)) >= len(self.log) - hours
        usual = np.where(late, self.log - self.residual, self.log)
        return np.where(np.isfinite(usual), np.exp(usual), np.exp(self.log)) - self.floor

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
        centre = model.centre(recent_features(self.residual, origins, leads), leads)  # (origins, periods)
        spread = model.spread(origins, leads)  # (origins, periods, middles)
        if self.told_ahead:
            told = (self.expected(origins, periods) + centre)[..., None] + spread @ READ_OFF
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
            self.outlook.climate_c,
            origin=origin + reach,
            periods=periods - reach,
            context=CONTEXT_HOURS + reach,
            every_days=4 if present else _SPARSE_DAYS,
        )
        if not len(paths):
            return self.expected(alone, periods)
        return self.shared.at_bends(temperature_bends(paths), np.array([self.row]), alone)


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
        hours = until, end + periods
        weights = np.stack([one.weights[number] for one in fitted])
        base = np.array([one.level[number] for one in fitted])[:, None]
        level.append(said(design.fixed(*hours), weights[:, :CALENDAR_TERMS]) + base)
        told.append(level[-1] + said(design.warm(*hours), weights[:, CALENDAR_TERMS:]))
    return _regressions(kw, design, fitted, told=told, level=level, periods=periods, every=every)


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
        said(design.fixed(fit.until, end + periods), fit.weights[chosen][:, :CALENDAR_TERMS])
        + fit.level[chosen][:, None]
        for fit, end in zip(fits, ends, strict=True)
    ]
    told = [fit.told[chosen] for fit in fits]
    left = np.abs(_left(log, instants, told)[:, : split.test])
    fitted = []
    for row, penalty in enumerate(best.tolist()):
        scale = 1.4826 * float(np.nanmedian(left[row])) if np.isfinite(left[row]).any() else 0.0
        weights = np.stack([fit.weights[row, penalty] for fit in fits])
        level = np.array([fit.level[row, penalty] for fit in fits])
        fitted.append(FittedRow(float(floors[row]), max(scale, 1e-3), instants, weights, level))
    return _regressions(kw, design, fitted, told=told, level=levels, periods=periods, every=every)


def _regressions(
    kw: FloatArray,
    design: Design,
    fitted: Sequence[FittedRow],
    *,
    told: Sequence[FloatArray],
    level: Sequence[FloatArray],
    periods: int,
    every: int,
) -> list[Regression]:
    """One for every row; arguments as of :class:`SharedFits`."""
    instants = fitted[0].instants
    shared = SharedFits(design, fitted, told=told, level=level)
    first = _first_fits(kw, instants)
    log = log_power(kw, np.array([[one.floor] for one in fitted]))
    log[np.arange(kw.shape[1]) < first[:, None]] = np.nan
    residual = _left(log, instants, told)
    return [
        Regression(
            shared,
            row,
            one,
            log=log[row],
            residual=residual[row],
            first=int(first[row]),
            periods=periods,
            every=every,
        )
        for row, one in enumerate(fitted)
    ]


def _first_fits(kw: FloatArray, instants: IndexArray) -> IndexArray:
    """When each row's first fit was made that had seen enough of it, for a series may join late, shape (rows,)."""
    seen = np.cumsum(np.isfinite(kw), axis=1)[:, instants - 1]  # (rows, fits)
    return np.asarray(instants[np.argmax(seen >= MINIMUM_KNOWN_HOURS, axis=1)])


def log_power(kw: FloatArray, floor: float | FloatArray) -> FloatArray:
    """Log of power with the floor beneath it. NaN where unknown."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.log(np.maximum(kw, 0.0) + floor))


def _left(log: FloatArray, instants: IndexArray, told: Sequence[FloatArray]) -> FloatArray:
    """What the newest fit before each hour leaves over, shape (rows, hours). NaN before the first fit.

    Args:
        told: What each fit says from its instant on, each of shape (rows, hours).
    """
    left = np.full(log.shape, np.nan)
    for until, end, mean in zip(instants.tolist(), [*instants[1:].tolist(), log.shape[1]], told, strict=True):
        left[:, until:end] = log[:, until:end] - mean[:, : end - until]
    return left
