"""Somebody else's point forecast with the bands of its own past errors."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.series.sent import SentForecast
from forecasting.site.external import external_quantiles
from grid.time_axis import FloatArray

LEVELS = (0.05, 0.5, 0.95)
HOURS = 24 * 60


def daily_issues(actual: FloatArray, error: FloatArray) -> list[SentForecast]:
    """Every day a forecast of the next 72 hours that misses what comes by ``error``."""
    return [SentForecast(start, start, (actual + error)[start : start + 72]) for start in range(0, HOURS - 72, 24)]


@pytest.fixture
def actual() -> FloatArray:
    return 50.0 + 30.0 * np.sin(np.arange(HOURS) / 17.0)


def ask(issues: list[SentForecast], actual: FloatArray, origin: int, **changes: float) -> FloatArray:
    options = {"capacity_kw": 1000.0, **changes}
    made = external_quantiles(issues, actual, origin=origin, periods=48, levels=LEVELS, **options)
    assert made is not None
    return made.quantiles


def test_a_forecast_that_was_always_right_has_no_band(actual: FloatArray) -> None:
    quantiles = ask(daily_issues(actual, np.zeros(HOURS)), actual, 960)
    np.testing.assert_allclose(quantiles, np.repeat(actual[960:1008, None], 3, axis=1))


def test_a_constant_error_is_taken_out(actual: FloatArray) -> None:
    quantiles = ask(daily_issues(actual, np.full(HOURS, 7.0)), actual, 960)
    np.testing.assert_allclose(quantiles[:, 1], actual[960:1008])


def test_bands_are_as_wide_as_the_errors(actual: FloatArray) -> None:
    error = 4.0 * np.random.default_rng(0).normal(size=HOURS)
    quantiles = ask(daily_issues(actual, error), actual, 960)
    assert (quantiles[:, 2] - quantiles[:, 0]).mean() == pytest.approx(2 * 1.645 * 4.0, rel=0.2)


def test_later_issues_and_later_readings_are_not_looked_at(actual: FloatArray) -> None:
    issues = daily_issues(actual, np.random.default_rng(1).normal(size=HOURS))
    later = [SentForecast(i.issued, i.start, i.values if i.issued <= 970 else i.values + 500.0) for i in issues]
    blind = np.where(np.arange(HOURS) < 970, actual, -1e6)
    np.testing.assert_array_equal(ask(issues, actual, 970), ask(later, blind, 970))


def test_quantiles_stay_between_nothing_and_capacity(actual: FloatArray) -> None:
    quantiles = ask(
        daily_issues(actual, 40.0 * np.random.default_rng(2).normal(size=HOURS)), actual, 960, capacity_kw=60.0
    )
    assert quantiles.min() >= 0.0
    assert quantiles.max() <= 60.0
    assert np.all(np.diff(quantiles, axis=1) >= 0.0)


def test_hours_that_nobody_forecast_are_nan(actual: FloatArray) -> None:
    short = [SentForecast(960, 960, actual[960:970])]
    quantiles = ask(short, actual, 960)
    assert np.isfinite(quantiles[:10]).all()
    assert np.isnan(quantiles[10:]).all()


def test_without_an_issue_there_is_no_forecast(actual: FloatArray) -> None:
    late = [SentForecast(1000, 1000, actual[1000:1072])]
    assert external_quantiles(late, actual, origin=960, periods=48, levels=LEVELS, capacity_kw=1.0) is None


def test_leads_of_quarter_hours_are_counted_in_hours(actual: FloatArray) -> None:
    far = np.where(np.arange(72) < 24, 0.0, 10.0)  # wrong from the second day on, by turns upward and downward
    issues = [
        SentForecast(one.issued, one.start, one.values + (-1) ** day * far)
        for day, one in enumerate(daily_issues(actual, np.zeros(HOURS)))
    ]
    quarters = [SentForecast(4 * one.issued, 4 * one.start, np.repeat(one.values, 4)) for one in issues]
    made = external_quantiles(
        quarters, np.repeat(actual, 4), origin=3840, periods=192, levels=LEVELS, capacity_kw=1000.0, an_hour=4
    )
    assert made is not None
    width = made.quantiles[:, 2] - made.quantiles[:, 0]
    np.testing.assert_allclose(width[:96], 0.0, atol=1e-9)
    assert width[96:].min() > 10.0
