"""The core of load: calendar and temperature, each where it belongs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from forecasting.core import calendar_level, fit_load_core, temperature_effect, temperature_terms
from forecasting.load_windows import LoadPanel, extended_calendar
from grid.time_axis import TimeAxis

ANYTHING = np.tile(np.array([-np.inf, np.inf]), (1, 3, 1))


def test_what_was_never_seen_gets_the_nearest_that_was() -> None:
    seen = np.array([[[0.0, 20.0], [5.0, 18.0], [8.0, 16.0]]])
    terms = temperature_terms(np.full((1, 100), 45.0), seen_c=seen)
    np.testing.assert_allclose(terms[0, -1, [0, 3, 6]], [0.5, 0.3, 0.1])


def test_temperature_terms_are_a_line_with_bends_of_the_present_and_of_trailing_means() -> None:
    terms = temperature_terms(np.array([[15.0, 25.0, 35.0]]), seen_c=ANYTHING)
    assert terms.shape == (1, 3, 9)
    np.testing.assert_allclose(terms[0, 1, :3], [1.0, 0.9, 0.3])
    np.testing.assert_allclose(terms[0, 2, :3], [2.0, 1.9, 1.3])
    np.testing.assert_allclose(terms[0, 2, 3:6], [1.0, 0.9, 0.3])


def test_temperature_terms_look_only_back() -> None:
    rising = np.linspace(0.0, 30.0, 200)[None]
    other = rising.copy()
    other[0, 120:] = -40.0
    np.testing.assert_array_equal(
        temperature_terms(rising, seen_c=ANYTHING)[0, :120], temperature_terms(other, seen_c=ANYTHING)[0, :120]
    )


def test_the_core_explains_most_of_a_load_made_of_calendar_and_temperature(made: Any) -> None:
    panel: LoadPanel = made.load
    calendar = extended_calendar(panel, 0)
    temperature = np.repeat(panel.temperature_c, 2, axis=0)
    log = np.log(panel.kw)
    core = fit_load_core(log, temperature, calendar)
    told = calendar_level(core, calendar) + temperature_effect(
        core,
        temperature_terms(temperature, seen_c=core.seen_c),
        series=np.array([0, 1]),
        hour=np.tile(calendar.hour, (2, 1)),
    )
    assert (log - told).std() < 0.25 * (log - log.mean(axis=1, keepdims=True)).std()
    assert np.all((core.spread > 0.015) & (core.spread < 0.06))


def test_a_few_weeks_do_not_invent_a_season_for_the_rest_of_the_year(made: Any) -> None:
    panel: LoadPanel = made.load
    core = fit_load_core(np.log(panel.kw), np.repeat(panel.temperature_c, 2, axis=0), extended_calendar(panel, 0))
    half_a_year_on = TimeAxis(panel.axis.start + 182 * 24 * panel.axis.step, panel.axis.step, 24 * 7)
    now, later = (
        calendar_level(core, extended_calendar(replace(panel, axis=axis), 0))[0].mean()
        for axis in (TimeAxis(panel.axis.start, panel.axis.step, 24 * 7), half_a_year_on)
    )
    assert abs(later - now) < 0.05


def test_gaps_leave_the_core_finite(made: Any) -> None:
    panel: LoadPanel = made.load
    log = np.log(panel.kw)
    log[0, 100:400] = np.nan
    core = fit_load_core(log, np.repeat(panel.temperature_c, 2, axis=0), extended_calendar(panel, 0))
    assert np.isfinite(core.calendar).all()
    assert np.isfinite(core.temperature).all()
