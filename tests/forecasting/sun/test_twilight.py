"""Dim hours are told by dim hours of the past, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from forecasting.members.course import LEVELS
from forecasting.sun.twilight import twilight_quantiles
from forecasting.sun.windows import SolarPanel
from grid.time_axis import TimeAxis

DAYS = 40
HOURS, PERIODS = 24 * DAYS, 24
AHEAD = np.arange(HOURS, HOURS + PERIODS)
MIDDLE = LEVELS.index(0.5)


def panel() -> SolarPanel:
    """A plant of 1 kW, dim at 6 and at 18 o'clock: it gives 4 W at dawn and 1 W at dusk, whatever the sky."""
    clock = np.arange(HOURS + PERIODS) % 24
    clear = np.where((clock > 6) & (clock < 18), 0.8, 0.0)
    clear[(clock == 6) | (clock == 18)] = 0.002
    kw = 0.5 * clear
    kw[clock == 6], kw[clock == 18] = 0.004, 0.001
    return SolarPanel(
        axis=TimeAxis(datetime(2024, 1, 1, tzinfo=UTC), timedelta(hours=1), HOURS),
        series_ids=("plant",),
        kw=kw[None, :HOURS],
        capacity_kw=np.ones(1),
        clear_kw=clear[None],
        day_angle=np.zeros((1, HOURS + PERIODS)),
        year_angle=np.zeros(HOURS + PERIODS),
    )


def test_dawn_and_dusk_are_told_by_their_own_past_and_other_hours_are_left_alone() -> None:
    said = twilight_quantiles(panel(), AHEAD, until=HOURS)[0]
    assert np.flatnonzero(np.isfinite(said[:, MIDDLE])).tolist() == [6, 18]
    assert np.allclose(said[6], 0.004)
    assert np.allclose(said[18], 0.001)


def test_an_axis_that_ends_at_dawn_ends_in_a_morning() -> None:
    shown = panel()
    ending = replace(shown, clear_kw=shown.clear_kw[:, : HOURS + 7])
    assert np.allclose(twilight_quantiles(ending, AHEAD[:7], until=HOURS)[0, 6], 0.004)


def test_of_many_hours_those_nearest_in_light_count() -> None:
    shown = panel()
    many = 3 * HOURS
    clear, kw = np.tile(shown.clear_kw[:, :HOURS], 3), np.tile(shown.kw, 3)
    brighter = np.arange(6, HOURS, 24)
    clear[0, brighter], kw[0, brighter] = 0.009, 0.02
    clear = np.concatenate([clear, shown.clear_kw[:, HOURS:]], axis=1)
    longer = replace(shown, axis=TimeAxis(shown.axis.start, shown.axis.step, many), clear_kw=clear, kw=kw)
    assert np.allclose(twilight_quantiles(longer, np.array([many + 6]), until=many)[0, 0], 0.004)
    clear[0, many + 6] = 0.0095
    assert twilight_quantiles(longer, np.array([many + 6]), until=many)[0, 0, MIDDLE] == 0.02


def test_nothing_from_the_present_on_is_looked_at() -> None:
    shown = panel()
    kw = shown.kw.copy()
    kw[:, HOURS // 2 :] = 9.0
    later = replace(shown, kw=kw)
    wanted = np.arange(HOURS // 2, HOURS)
    before, after = (twilight_quantiles(one, wanted, until=HOURS // 2) for one in (shown, later))
    assert np.array_equal(before, after, equal_nan=True)


def test_too_few_dim_hours_say_nothing() -> None:
    assert np.isnan(twilight_quantiles(panel(), AHEAD, until=5 * 24)).all()
