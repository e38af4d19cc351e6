"""Expected temperature: climatology and an anomaly that fades, from the past alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting.series.calendar import Calendar, make_calendar
from forecasting.series.temperature import ANOMALY_HOURS, anomaly_statistics, climatology_c, fit_temperature
from grid.time_axis import FloatArray, TimeAxis

START = datetime(2006, 1, 1, tzinfo=UTC)


def two_years(seed: int = 0) -> tuple[Calendar, FloatArray, FloatArray]:
    """Calendar, normal temperature, and a slow anomaly about it."""
    calendar = make_calendar(TimeAxis(START, timedelta(hours=1), 2 * 8760), timezone="UTC", holidays="")
    normal = 10.0 - 9.0 * np.cos(calendar.year_angle - 0.4) + 4.0 * np.sin(2 * np.pi * (calendar.hour - 9) / 24)
    draw, anomaly = np.random.default_rng(seed), np.zeros(2 * 8760)
    for hour in range(1, len(anomaly)):
        anomaly[hour] = 0.98 * anomaly[hour - 1] + 0.6 * draw.normal()
    return calendar, normal, anomaly


def test_climatology_finds_the_normal_course() -> None:
    calendar, normal, anomaly = two_years()
    model = fit_temperature(normal + anomaly, calendar, periods=48)
    assert np.abs(climatology_c(model, calendar) - normal).mean() < 1.0


def test_an_anomaly_fades_with_lead_time() -> None:
    calendar, normal, anomaly = two_years()
    model = fit_temperature(normal + anomaly, calendar, periods=48)
    told = anomaly_statistics(np.full(ANOMALY_HOURS, 5.0)) @ model.damping.T
    assert 4.0 < told[0] < 5.5
    assert told[0] > told[12] > told[24] > told[47] > 0.0


def test_gaps_in_history_are_no_temperatures() -> None:
    calendar, normal, anomaly = two_years()
    gappy = normal + anomaly
    gappy[1000:1500] = np.nan
    model = fit_temperature(gappy, calendar, periods=4)
    assert np.isfinite(model.climatology).all()
    assert np.abs(climatology_c(model, calendar) - normal).mean() < 1.0


def test_a_few_weeks_do_not_invent_a_season() -> None:
    calendar, normal, _ = two_years()
    weeks = slice(0, 24 * 30)
    model = fit_temperature(normal[weeks], calendar.part(weeks), periods=4)
    spread = climatology_c(model, calendar)[12::24]
    assert spread.max() - spread.min() < 5.0


def test_too_few_hours_are_refused() -> None:
    calendar, normal, _ = two_years()
    unknown = np.where(np.arange(len(normal)) < 100, normal, np.nan)
    with pytest.raises(ValueError, match="240 known hours, got 100"):
        fit_temperature(unknown, calendar, periods=4)
