"""Irradiance through physics: a clear sky gives a clear sky's power, heat costs yield, and few days are enough."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.engine.mixture import hear, mix
from forecasting.members.course import LEVELS, PHYSICAL, Course, single_trial
from forecasting.series.request import Covariate, FileSeries, SeriesSettings
from forecasting.series.rows import make_rows
from forecasting.sun.members import SolarMembers
from forecasting.sun.physical import physical_kw
from forecasting.sun.plant import SUBSTEPS, Plant, clear_sky_kw, make_clear_sky
from grid.scores import mean_pinball_loss
from grid.time_axis import FloatArray, TimeAxis

PLACE = {"latitude": 39.7406, "longitude": -105.1775}
PLANT = Plant(**PLACE, tilt_deg=40.0, azimuth_deg=210.0, kw_per_w_m2=0.003, capacity_kw=10.0)
AHEAD = 48
HOUR = timedelta(hours=1)


def axis_of(days: int) -> TimeAxis:
    return TimeAxis(datetime(2012, 6, 20, 7, tzinfo=UTC), HOUR, 24 * days)


def clear_ghi(axis: TimeAxis) -> FloatArray:
    return np.asarray(make_clear_sky(axis, **PLACE).ghi_w_m2.reshape(-1, SUBSTEPS).mean(axis=1))


def measured(days: int, **changes: object) -> tuple[FileSeries, FloatArray]:
    """A plant whose clouds a weather forecast tells with some error, and what it will give; (hours ahead,)."""
    axis = axis_of(days + AHEAD // 24)
    draw, ghi = np.random.default_rng(3), clear_ghi(axis)
    cloud = np.clip(draw.choice([1.0, 0.9, 0.6, 0.25], len(ghi)), 0.0, 1.0)
    kw = physical_kw(PLANT, axis, ghi * cloud, np.full(len(ghi), 25.0))
    told = ghi * np.clip(cloud + draw.normal(0.0, 0.05, len(ghi)), 0.05, 1.1)
    origin = 24 * days
    plain: dict[str, object] = {
        "kind": "solar",
        "interval_minutes": 60,
        "tilt_deg": 40.0,
        "azimuth_deg": 210.0,
        "covariates": {"ssrd": Covariate(means="ghi")},
        **PLACE,
    }
    one = FileSeries(
        series_id="roof",
        settings=SeriesSettings(**(plain | changes)),  # type: ignore[arg-type]
        axis=axis,
        values=np.where(np.arange(len(kw)) < origin, kw, np.nan),
        origin=origin,
        asked=np.arange(origin, len(kw)),
        covariates={"ssrd": told},
    )
    return one, kw[origin:]


def test_irradiance_of_a_clear_sky_gives_about_its_power_and_none_gives_none() -> None:
    axis = axis_of(2)
    clear = clear_sky_kw(PLANT, make_clear_sky(axis, **PLACE))
    told = physical_kw(PLANT, axis, clear_ghi(axis), np.full(48, 5.0))
    day = clear > 0.1 * clear.max()
    assert np.abs(told[day] / clear[day] - 1.0).max() < 0.15
    assert np.all(told[clear == 0.0] == 0.0)
    dark = physical_kw(PLANT, axis, np.where(np.arange(48) < 24, 0.0, np.nan), np.full(48, 5.0))
    assert np.all(dark[:24] == 0.0)
    assert np.isnan(dark[24:]).all(), "unknown irradiance is no darkness"


def test_a_hot_day_yields_less_than_a_cold_one() -> None:
    axis = axis_of(1)
    cold, hot = (physical_kw(PLANT, axis, clear_ghi(axis), np.full(24, celsius)) for celsius in (0.0, 35.0))
    assert hot.sum() == pytest.approx(cold.sum() * (1.0 - 0.004 * 35.0), rel=0.02)


@given(st.lists(st.floats(0.0, 1500.0), min_size=24, max_size=24), st.floats(-30.0, 45.0))
@settings(max_examples=25, deadline=None)
def test_whatever_irradiance_is_told_power_stays_within_zero_and_capacity(ghi: list[float], celsius: float) -> None:
    small = replace(PLANT, capacity_kw=2.0)
    told = physical_kw(small, axis_of(1), np.array(ghi), np.full(24, celsius))
    assert np.all((told >= 0.0) & (told <= 2.0))


@pytest.mark.parametrize("days", [4, 10])
def test_with_few_days_of_history_it_speaks_and_the_mix_is_better_for_it(days: int) -> None:
    one, came = measured(days)
    heard = hear(make_rows([one]), course=Course(share=0.05), trained=False)
    told, without = (mix(heard, 0, seed=0, without=names) for names in ((), (PHYSICAL,)))
    assert told.blend.weights[PHYSICAL] > 0.1
    losses = [mean_pinball_loss(came, said.quantiles, levels=LEVELS) for said in (told, without)]
    assert losses[0] < losses[1]


@pytest.mark.parametrize(("unit", "per_w_m2"), [("W/m²", 1.0), ("kW/m2", 1e-3), ("Wh/m2", 1.0), ("J/m2", 3600.0)])
def test_irradiance_in_any_known_unit_says_the_same(unit: str, per_w_m2: float) -> None:
    one, _ = measured(10)
    other = measured(10, covariates={"ssrd": Covariate(means="ghi", unit=unit)})[0]
    other = replace(other, covariates={"ssrd": other.covariates["ssrd"] * per_w_m2})
    said = []
    for rows in (make_rows([one]), make_rows([other])):
        trial = single_trial(rows.axis.periods, rows.periods)
        members = SolarMembers(rows, course=Course(share=0.01), trial=trial, trained=False)
        said.append(members.present(asked={PHYSICAL})[PHYSICAL])
    np.testing.assert_allclose(said[1], said[0], rtol=1e-9)


@pytest.mark.parametrize(
    "changes",
    [
        {"latitude": None, "longitude": None, "tilt_deg": None, "azimuth_deg": None},
        {"covariates": {}},
    ],
)
def test_without_a_place_or_an_irradiance_it_is_silent(changes: dict[str, object]) -> None:
    rows = make_rows([measured(10, **changes)[0]])
    trial = single_trial(rows.axis.periods, rows.periods)
    members = SolarMembers(rows, course=Course(share=0.01), trial=trial, trained=False)
    assert PHYSICAL not in members.present(asked={PHYSICAL})


def test_where_trees_and_forest_speak_it_is_silent() -> None:
    rows = make_rows([measured(30)[0]])
    trial = single_trial(rows.axis.periods, rows.periods)
    members = SolarMembers(rows, course=Course(share=0.01), trial=trial, trained=True)
    assert PHYSICAL not in members.present(asked={PHYSICAL})


def test_what_comes_later_changes_nothing_of_what_it_said_before() -> None:
    one, _ = measured(20)
    later = np.arange(len(one.values)) >= 24 * 19
    changed = replace(one, values=np.where(later, 0.3 * one.values, one.values))
    said = []
    for each in (one, changed):
        rows = make_rows([each], units=[(0.0, 10.0)])
        trial = single_trial(rows.axis.periods, rows.periods)
        members = SolarMembers(rows, course=Course(share=0.01), trial=trial, trained=False)
        said.append(members.past(trial.origins[:-1], 24, asked={PHYSICAL})[PHYSICAL])
    np.testing.assert_allclose(said[1], said[0], rtol=1e-6, atol=1e-9)
