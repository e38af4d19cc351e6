"""Members that forecast the sun's power: what judges them taught them nothing, the clear sky among it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting.members.course import Course, single_trial
from forecasting.series.request import Covariate, FileSeries, SeriesSettings
from forecasting.series.rows import make_rows
from forecasting.sun.members import SolarMembers
from grid.time_axis import FloatArray, TimeAxis

DAYS, PERIODS = 40, 24
HOURS = 24 * DAYS
AT = np.arange(HOURS + PERIODS) % 24 + 0.5
GREENWICH = SeriesSettings(kind="solar", interval_minutes=60, latitude=0.0, longitude=0.0)
NOWHERE = SeriesSettings(kind="solar", interval_minutes=60)
TOLD = SeriesSettings(kind="solar", interval_minutes=60, covariates={"sky": Covariate(means="clear_sky_ghi")})
HALF_HOURS = SeriesSettings(kind="solar", interval_minutes=30, capacity=8.0)


def plant(settings: SeriesSettings) -> FileSeries:
    """Forty days at the equator, with a clear sky in a column."""
    parts = 60 // settings.interval_minutes
    clear = np.repeat(np.maximum(np.sin((AT - 6.0) / 12.0 * np.pi), 0.0), parts)
    cloudless = np.random.default_rng(0).uniform(0.2, 1.0, len(clear))
    past = np.arange(len(clear)) < HOURS * parts
    return FileSeries(
        series_id="plant",
        settings=settings,
        axis=TimeAxis(datetime(2026, 4, 1, tzinfo=UTC), timedelta(minutes=settings.interval_minutes), len(clear)),
        values=np.where(past, 4.0 * clear * cloudless, np.nan),
        covariates={"sky": 1000.0 * clear},
        origin=HOURS * parts,
        asked=np.arange(HOURS * parts, len(clear)),
    )


def said_of_the_backtest(one: FileSeries) -> dict[str, FloatArray]:
    """In the series' own unit, at every origin but the last, before which the days stand that are changed here."""
    rows, trial = make_rows([one]), single_trial(HOURS, PERIODS)
    assert len(trial.origins) > 3
    members = SolarMembers(rows, course=Course(share=0.01), trial=trial, trained=True)
    return {name: said * rows.scale for name, said in members.past(trial.origins[:-1], PERIODS).items()}


@pytest.mark.parametrize("settings", [GREENWICH, NOWHERE, TOLD, HALF_HOURS])
def test_what_comes_later_changes_nothing_of_what_members_said_before_it(settings: SeriesSettings) -> None:
    one = plant(settings)
    later = np.arange(len(one.values)) >= one.origin * (HOURS - PERIODS) // HOURS
    changed = replace(one, values=np.where(later, 1.4 * one.values, one.values))
    said, again = said_of_the_backtest(one), said_of_the_backtest(changed)
    assert len(said) > 4
    for name, quantiles in said.items():
        np.testing.assert_allclose(again[name], quantiles, rtol=1e-4, atol=1e-6, err_msg=name)


def test_a_plant_that_is_newer_than_the_weeks_that_judge_is_forecast() -> None:
    one = plant(NOWHERE)
    new = replace(one, values=np.where(np.arange(len(one.values)) < HOURS - 48, np.nan, one.values))
    trial = single_trial(HOURS, PERIODS)
    members = SolarMembers(make_rows([new]), course=Course(share=0.01), trial=trial, trained=True)
    assert all(said[0, -1, 12].max() > 0.0 for said in members.past(trial.origins, PERIODS).values())
    assert all(said[0, 0, 12].min() > 0.0 for said in members.present().values())
