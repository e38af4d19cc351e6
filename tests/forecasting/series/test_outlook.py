"""What temperature was expected to be: from the past alone, or as it was given or sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting.series.calendar import Calendar, make_calendar
from forecasting.series.outlook import make_outlook
from forecasting.series.sent import SentForecast
from grid.time_axis import FloatArray, TimeAxis

HOURS, PERIODS, ORIGIN = 100 * 24, 48, np.array([90 * 24])


def calendar() -> Calendar:
    axis = TimeAxis(datetime(2025, 1, 1, tzinfo=UTC), timedelta(hours=1), HOURS + PERIODS)
    return make_calendar(axis, timezone="UTC", holidays="")


def measured() -> FloatArray:
    hour = np.arange(HOURS + PERIODS)
    noise = np.random.default_rng(0).normal(size=len(hour))
    return np.asarray(
        10.0 - 4.0 * np.cos(2 * np.pi * hour / 24) + np.convolve(noise, 0.97 ** np.arange(200))[: len(hour)]
    )


def hidden(known_ahead: int = 0) -> FloatArray:
    return np.where(np.arange(HOURS + PERIODS) < HOURS + known_ahead, measured(), np.nan)


def test_what_is_given_is_expected() -> None:
    outlook = make_outlook(measured(), calendar(), periods=PERIODS, until=HOURS)
    assert outlook is not None
    assert outlook.given
    at = ORIGIN[0] + np.arange(-72, PERIODS)
    np.testing.assert_array_equal(outlook.expected(ORIGIN, PERIODS, context=72)[0], measured()[at])


@pytest.mark.parametrize("known_ahead", [0, 12])
def test_nothing_beyond_what_is_known_is_looked_at(known_ahead: int) -> None:
    later = np.arange(HOURS + PERIODS) >= ORIGIN[0] + known_ahead
    told = []
    for path in (hidden(known_ahead), np.where(later, 50.0, hidden(known_ahead))):
        path = np.where(np.isfinite(hidden(known_ahead)), path, np.nan)
        outlook = make_outlook(path, calendar(), periods=PERIODS, until=80 * 24)
        assert outlook is not None
        assert outlook.reach == known_ahead
        told.append(outlook.expected(ORIGIN, PERIODS, context=72))
    np.testing.assert_array_equal(told[0], told[1])
    at = ORIGIN[0] + np.arange(-72, known_ahead)
    np.testing.assert_array_equal(told[0][0, : 72 + known_ahead], measured()[at])


def test_an_anomaly_fades() -> None:
    outlook = make_outlook(hidden(), calendar(), periods=PERIODS, until=HOURS)
    assert outlook is not None
    origins = np.arange(50 * 24, 95 * 24, 7)
    gap = outlook.expected(origins, PERIODS, context=0) - outlook.climate_c[origins[:, None] + np.arange(PERIODS)]
    assert np.abs(gap[:, 0]).mean() > 1.5 * np.abs(gap[:, -1]).mean()


def test_the_newest_forecast_sent_by_an_origin_stands_where_it_reaches() -> None:
    sent = [
        SentForecast(issued=int(ORIGIN[0]) - 20, start=int(ORIGIN[0]) - 20, values=np.full(60, 33.0)),
        SentForecast(issued=int(ORIGIN[0]) + 1, start=int(ORIGIN[0]) + 1, values=np.full(60, 44.0)),
    ]
    plain = make_outlook(hidden(), calendar(), periods=PERIODS, until=HOURS)
    outlook = make_outlook(hidden(), calendar(), periods=PERIODS, until=HOURS, sent=sent)
    assert outlook is not None
    assert plain is not None
    told, untold = (one.expected(ORIGIN, PERIODS, context=24)[0] for one in (outlook, plain))
    assert (told[24:64] == 33.0).all()
    np.testing.assert_array_equal(told[64:], untold[64:])
    np.testing.assert_array_equal(told[:24], measured()[ORIGIN[0] - 24 : ORIGIN[0]])


def test_too_little_is_no_outlook() -> None:
    few = np.where(np.arange(HOURS + PERIODS) < 100, measured(), np.nan)
    assert make_outlook(few, calendar(), periods=PERIODS, until=HOURS) is None
