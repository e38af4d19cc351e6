"""A model is watched by what its own backtest promised."""

from __future__ import annotations

import json

import numpy as np
import pytest

from forecasting.judging.daily_scores import daily_scores
from forecasting.judging.drift import ALL, WATCHED_DAYS, Promise, promises, read_promises, watch
from grid.time_axis import FloatArray

LEVELS = (0.05, 0.5, 0.95)
PROMISE = Promise(mean_kw=100.0, days=21, loss=0.04, loss_spread=0.01, missed=0.1, missed_spread=0.04)


def week(loss: float, missed: float, days: int = WATCHED_DAYS) -> tuple[FloatArray, FloatArray]:
    unknown = [np.nan] * (WATCHED_DAYS - days)
    return np.array([*unknown, *[loss] * days]), np.array([*unknown, *[missed] * days])


def test_a_week_as_promised_is_no_drift() -> None:
    seen = watch(*week(0.042, 0.12), PROMISE)
    assert not seen.declared
    assert seen.reason == "As promised: the loss of the last 7 scored days is 1.05 times the promise."


def test_a_loss_far_above_the_promise_is_drift_and_a_little_one_is_not() -> None:
    seen = watch(*week(0.08, 0.1), PROMISE)
    assert seen.declared
    assert seen.reason == "The loss of the last 7 scored days is 2.00 times the promised one."
    # Beyond luck, for the daily spread is tiny; but less than a quarter.
    exact = Promise(100.0, 21, 0.04, 0.0001, 0.1, 0.04)
    assert not watch(*week(0.048, 0.1), exact).declared
    assert watch(*week(0.051, 0.1), exact).declared


def test_a_loss_that_scatters_anyway_is_not_suspected() -> None:
    wild = Promise(100.0, 21, 0.04, 0.04, 0.1, 0.04)
    assert not watch(*week(0.08, 0.1), wild).declared


def test_bands_that_no_longer_hold_are_drift() -> None:
    seen = watch(*week(0.04, 0.3), PROMISE)
    assert seen.declared
    assert seen.reason == "30% of the values of the last 7 scored days lay outside the 90 % band; 10% were promised."
    assert not watch(*week(0.04, 0.0), PROMISE).declared, "bands that hold too much are no drift"


def test_two_days_are_too_few_to_tell() -> None:
    seen = watch(*week(0.4, 1.0, days=2), PROMISE)
    assert not seen.declared
    assert seen.reason == "Too early to tell: 2 of the last 7 days are scored."
    assert watch(*week(0.4, 1.0, days=3), PROMISE).declared
    assert np.isnan(watch(*week(0.4, 1.0, days=0), PROMISE).loss)


@pytest.mark.parametrize(("growth", "least", "most"), [(1.0, 0.0, 0.02), (1.5, 0.25, 0.6), (2.0, 0.7, 0.95)])
def test_how_often_a_week_is_suspected(growth: float, least: float, most: float) -> None:
    draw = np.random.default_rng(4)
    suspected = 0
    for _ in range(600):
        noise = draw.normal(size=21 + WATCHED_DAYS)
        for day in range(1, len(noise)):
            noise[day] = 0.4 * noise[day - 1] + np.sqrt(1 - 0.4**2) * noise[day]
        loss = 0.04 * np.exp(0.35 * noise)
        before = loss[:21]
        promise = Promise(1.0, 21, before.mean(), before.std(ddof=1), 0.1, 0.04)
        suspected += watch(growth * loss[21:], np.full(WATCHED_DAYS, 0.1), promise).declared
    assert least <= suspected / 600 <= most


def test_days_are_those_that_are_forecast_and_promises_survive_a_manifest() -> None:
    # Two series, one window of 48 hours each from position 12 on: days 0, 1 and 2.
    actual = np.full((2, 48), 10.0)
    actual[1, 40:] = np.nan
    quantiles = np.repeat(np.array([[8.0, 10.0, 12.0], [11.0, 12.0, 13.0]])[:, None], 48, axis=1)
    hours = np.arange(12, 60)[None].repeat(2, axis=0)
    rows = np.arange(2)
    daily = daily_scores(actual, quantiles, levels=LEVELS, mean_kw=np.array([10.0, 20.0]), series=rows, hours=hours)
    assert daily.loss.shape == (2, 3)
    np.testing.assert_allclose(daily.loss[0], (0.05 * 2 + 0.0 + 0.05 * 2) / 3 / 10.0)
    np.testing.assert_allclose(daily.loss[1], (0.95 * 1 + 0.5 * 2 + 0.05 * 3) / 3 / 20.0)
    np.testing.assert_array_equal(daily.missed, [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])

    told = promises(["a", "b"], daily, mean_kw=np.array([10.0, 20.0]))
    back = read_promises(json.loads(json.dumps({"promise": told})))
    assert sorted(back) == [ALL, "a", "b"]
    assert (back["b"].days, back["b"].mean_kw, back["b"].missed) == (3, 20.0, 1.0)
    assert back[ALL].missed == 0.5
    assert read_promises({}) == {}


def test_a_miss_by_night_does_not_count_and_a_series_without_power_has_no_loss() -> None:
    actual = np.array([[0.0, 5.0], [1.0, 1.0]])
    quantiles = np.zeros((2, 2, 3))
    quantiles[0, 1, 2] = 1.0
    daily = daily_scores(
        actual,
        quantiles,
        levels=LEVELS,
        mean_kw=np.array([5.0, 0.0]),
        series=np.arange(2),
        hours=np.array([[23, 24], [23, 24]]),
    )
    assert np.isnan(daily.missed[0, 0])
    assert daily.missed[0, 1] == 1.0
    assert np.isnan(daily.loss[1]).all()
    assert promises(["a", "b"], daily, mean_kw=np.array([5.0, 0.0])) == {}
