"""Irradiance as it had been forecast: by the newest forecast of each origin, and by nothing that was sent after it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.members.course import WEATHER_TREES, Course, nightly_trial
from forecasting.series.request import FileSeries
from forecasting.series.rows import make_rows
from forecasting.series.sent import SentForecast, newest
from forecasting.sun.members import SolarMembers
from forecasting.sun.sent_irradiance import SentIrradiance

AGE, NOW, DAY, GHI = 0, 3, 6, 7
CLEAR = np.full((1, 100), 2.0)


def shown(one: FileSeries, *sent: SentForecast) -> SentIrradiance:
    return SentIrradiance(make_rows([replace(one, sent={"ghi": sent})]), CLEAR)


def test_the_newest_forecast_of_an_origin_tells_an_hour_its_day_and_its_own_age(made: Any) -> None:
    old, new = SentForecast(10, 9, np.arange(40.0)), SentForecast(20, 20, np.full(30, 6.0))
    irradiance = shown(made.solar_series[0], old, new)
    row = np.zeros(4, dtype=np.int64)
    told = irradiance.features(row, np.array([25, 25, 25, 60]), np.array([9, 19, 20, 50]))
    np.testing.assert_array_equal(told[:, AGE], [np.nan, 15.0, 5.0, 40.0])  # hours since it was known
    np.testing.assert_array_equal(told[:, GHI], [np.nan, 16.0, 6.0, np.nan])  # none yet; old; new; beyond its reach
    np.testing.assert_array_equal(told[:, NOW], [np.nan, 8.0, 3.0, np.nan])
    np.testing.assert_array_equal(told[:3, DAY], [np.nan, 8.0, 3.0])


@given(
    issues=st.lists(st.tuples(st.integers(-20, 90), st.integers(-10, 10), st.integers(1, 60)), min_size=1, max_size=8),
    at=st.integers(0, 99),
    origin=st.integers(0, 99),
)
def test_what_is_sent_after_an_origin_changes_nothing_at_it(
    made: Any, issues: list[tuple[int, int, int]], at: int, origin: int
) -> None:
    sent = [SentForecast(issued, issued + by, np.full(hours, 1.0 + issued)) for issued, by, hours in sorted(issues)]
    known = [one for one in sent if one.issued <= origin]
    where = np.zeros(1, dtype=np.int64), np.array([at]), np.array([origin])
    told = shown(made.solar_series[0], *sent).features(*where)[0]
    if known:
        np.testing.assert_array_equal(told, shown(made.solar_series[0], *known).features(*where)[0])
        np.testing.assert_array_equal(told[GHI], np.float32(known[-1].over(at, 1)[0]))
    else:
        assert np.isnan(told[GHI])
    assert newest(sent, origin=origin) is (known[-1] if known else None)


def test_no_origin_of_a_backtest_sees_forecasts_that_were_sent_after_it(made: Any) -> None:
    one = made.solar_series[0]
    kw = np.nan_to_num(one.values)
    sent = [SentForecast(at, at, 300.0 * kw[at : at + 60]) for at in range(5, one.origin, 24)]
    trial = nightly_trial(one.origin, 48)
    until = int(trial.origins[20])
    later = [s if s.issued <= until else replace(s, values=np.full(60, 999.0)) for s in sent]

    def said(issues: list[SentForecast]) -> Any:
        rows = make_rows([replace(one, sent={"ghi": tuple(issues)})])
        members = SolarMembers(rows, course=Course(share=0.01), trial=trial, trained=True)
        return members.past(trial.origins, 48, asked=[WEATHER_TREES])

    told, again = said(sent)[WEATHER_TREES], said(later)[WEATHER_TREES]
    np.testing.assert_array_equal(again[:, :21], told[:, :21])
    assert not np.array_equal(again[:, 25:], told[:, 25:], equal_nan=True)


def test_trees_that_read_sent_weather_are_silent_where_none_was_sent_and_there_are_none_of_a_few_days(
    made: Any,
) -> None:
    one = made.solar_series[0]
    kw = np.nan_to_num(one.values)
    trial = nightly_trial(one.origin, 48)

    def said(first: int, last: int) -> Any:
        sent = tuple(SentForecast(at, at, 300.0 * kw[at : at + 80]) for at in range(first, last, 24))
        rows = make_rows([replace(one, sent={"ghi": sent})])
        return SolarMembers(rows, course=Course(share=0.01), trial=trial, trained=True).past(
            trial.origins, 48, asked=[WEATHER_TREES]
        )

    told = said(5, int(trial.origins[20]) - 72)[WEATHER_TREES]
    assert np.isfinite(told[:, :5]).all()
    assert np.isnan(told[:, 21:]).any(axis=(2, 3)).all()
    assert not (np.nan_to_num(told[:, 21:]) > 0.2).any(), "dim hours and nights alone are told"
    assert WEATHER_TREES not in said(trial.split.test - 48, one.origin)


@pytest.mark.parametrize("first", [-3, 0, 5, 12])
def test_a_sent_forecast_says_nothing_of_hours_that_it_does_not_reach(first: int) -> None:
    told = SentForecast(2, 2, np.arange(6.0)).over(first, 4)
    np.testing.assert_array_equal(told, [at - 2.0 if 2 <= at < 8 else np.nan for at in range(first, first + 4)])
