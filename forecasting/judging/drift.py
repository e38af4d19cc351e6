"""Drift: forecasts as they were issued, against what the backtest of their model promised.

Two figures are watched by day: the pinball loss, and the share of actual values outside the central 90 % band. The mean
of the last week stands against the promised mean, in standard errors that follow from the daily spread of the backtest:
anybody can work it out again. Drift is declared at four of them, and only if the loss is a quarter above the promise,
or five more values in a hundred miss the band. For losses that scatter by a third from day to day and hang together
by 0.4, a model that keeps its promise is suspected about once a year; a loss that grows by half is noticed after ten
days, one that doubles within a week. A CUSUM with the same rate of false alarms is no faster, and keeps a memory that
nobody can see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from forecasting.judging.daily_scores import DailyScores
from grid.time_axis import FloatArray

WATCHED_DAYS = 7
MINIMUM_DAYS = 3
DECLARED_AT = 4.0
"""Standard errors above the promise."""
LOSS_MARGIN = 0.25
"""Relative; less is no harm worth a training."""
MISSED_MARGIN = 0.05
ALL = "*"
"""Stands for the mean over all series of a model."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a backtest found of one series, or of the mean of all.

    Attributes:
        mean_kw: Of the series, by which its losses are divided; 1 for the mean of all.
        days: Days that were scored.
        loss, loss_spread: Mean and standard deviation of the daily pinball loss. [1]
        missed, missed_spread: The same of the share of values outside the central 90 % band. [1]
    """

    mean_kw: float
    days: int
    loss: float
    loss_spread: float
    missed: float
    missed_spread: float


@dataclass(frozen=True, slots=True)
class Drift:
    """The last week against the promise.

    Attributes:
        days: Scored days of the last week.
        loss, missed: Their means; NaN without a day.
        promised_loss, promised_missed: By the backtest.
        declared: The model no longer does what its backtest promised.
        reason: A sentence.
    """

    days: int
    loss: float
    promised_loss: float
    missed: float
    promised_missed: float
    declared: bool
    reason: str


def promises(names: Sequence[str], daily: DailyScores, *, mean_kw: FloatArray) -> dict[str, Any]:
    """What a manifest promises: by series, and under :data:`ALL` of their mean. A series without two days has none.

    Args:
        names: Series, in the order of the rows of ``daily``.
        mean_kw: Shape (series,).
    """
    made = {}
    for row, name in enumerate(names):
        made[name] = _promise(daily.loss[row], daily.missed[row], mean_kw=float(mean_kw[row]))
    made[ALL] = _promise(mean_over_series(daily.loss), mean_over_series(daily.missed), mean_kw=1.0)
    return {name: _rounded(promise) for name, promise in made.items() if promise is not None}


def read_promises(manifest: Mapping[str, Any]) -> dict[str, Promise]:
    """What a model's manifest promises; nothing for one that was trained before promises were kept."""
    return {name: Promise(**figures) for name, figures in manifest.get("promise", {}).items()}


def mean_over_series(daily: FloatArray) -> FloatArray:
    """Mean of the known values of each day, shape (days,). NaN where there is none."""
    known = np.isfinite(daily)
    count = known.sum(axis=0)
    total = np.where(known, daily, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def watch_model(
    promised: Mapping[str, Promise], pinball_kw: Mapping[str, FloatArray], missed: Mapping[str, FloatArray]
) -> dict[str, Drift]:
    """Hold a model's last days against its promises: every series that has one, and under :data:`ALL` their mean.

    Args:
        pinball_kw, missed: By series, the last :data:`WATCHED_DAYS` days, each of shape (days,). NaN where not scored.
    """
    known = [name for name in promised if name in pinball_kw]
    unknown = np.full(WATCHED_DAYS, np.nan)
    losses = {name: pinball_kw[name] / promised[name].mean_kw for name in known}
    found = {name: watch(losses[name], missed[name], promised[name]) for name in known}
    if ALL in promised:
        loss = mean_over_series(np.stack([losses[name] for name in known] or [unknown]))
        outside = mean_over_series(np.stack([missed[name] for name in known] or [unknown]))
        found[ALL] = watch(loss, outside, promised[ALL])
    return found


def watch(loss: FloatArray, missed: FloatArray, promise: Promise) -> Drift:
    """Hold the last days against a promise.

    Args:
        loss, missed: The last :data:`WATCHED_DAYS` days, both of shape (days,). NaN for a day without a score.
    """
    days, seen = _known_mean(loss)
    counted, outside = _known_mean(missed)
    drift = Drift(days, seen, promise.loss, outside, promise.missed, False, "")
    if days < MINIMUM_DAYS:
        return _told(drift, False, f"Too early to tell: {days} of the last {WATCHED_DAYS} days are scored.")
    times = seen / promise.loss if promise.loss > 0.0 else np.inf
    worse = _errors(seen - promise.loss, promise.loss_spread, days, promise.days)
    if worse > DECLARED_AT and times > 1.0 + LOSS_MARGIN:
        return _told(drift, True, f"The loss of the last {days} scored days is {times:.2f} times the promised one.")
    if counted >= MINIMUM_DAYS and outside - promise.missed > MISSED_MARGIN:
        worse = _errors(outside - promise.missed, promise.missed_spread, counted, promise.days)
        if worse > DECLARED_AT:
            said = f"{outside:.0%} of the values of the last {counted} scored days lay outside the 90 % band"
            return _told(drift, True, f"{said}; {promise.missed:.0%} were promised.")
    return _told(
        drift, False, f"As promised: the loss of the last {days} scored days is {times:.2f} times the promise."
    )


def _told(drift: Drift, declared: bool, reason: str) -> Drift:
    return Drift(**{**asdict(drift), "declared": declared, "reason": reason})


def _errors(above: float, spread: float, days: int, promised_days: int) -> float:
    """A difference in standard errors of it: both means are uncertain."""
    error = spread * np.sqrt(1.0 / days + 1.0 / promised_days)
    return float(above / error) if error > 0.0 else float(np.inf * np.sign(above))


def _known_mean(values: FloatArray) -> tuple[int, float]:
    known = np.isfinite(values)
    return int(known.sum()), float(values[known].mean()) if known.any() else float("nan")


def _promise(loss: FloatArray, missed: FloatArray, *, mean_kw: float) -> Promise | None:
    days, mean = _known_mean(loss)
    counted, outside = _known_mean(missed)
    if days < 2 or counted < 2:
        return None
    spread, missed_spread = (float(np.std(row[np.isfinite(row)], ddof=1)) for row in (loss, missed))
    return Promise(mean_kw, days, mean, spread, outside, missed_spread)


def _rounded(promise: Promise) -> dict[str, float | int]:
    return {name: round(value, 6) for name, value in asdict(promise).items()}
