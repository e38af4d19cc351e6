"""A site whose series are forecast every quarter of an hour, over a clock change: from readings to plan and drift."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import psycopg
import pytest

from api.jobs.watching import watch_champions
from api.plan_scenarios import draw_scenarios
from api.planning import PlanLimits, make_plan
from forecasting.site.service import ForecastService
from grid.forecasts import Forecast
from grid.readings import ReadingBlock, Source
from grid.site import SITE_LOAD, ForecastPolicy, Meter, ScenarioPolicy
from grid.site_file import EXAMPLE_SITE, read_site_file
from grid.store.forecasts import load_forecast
from grid.store.models import find_champion, promote
from grid.store.saving import save_readings
from grid.store.scores import load_scores
from grid.store.sites import save_site
from grid.time_axis import FloatArray, TimeAxis, to_us
from grid.units import Channel

EXAMPLE = read_site_file(EXAMPLE_SITE)
SITE = replace(
    EXAMPLE,
    meters=(*EXAMPLE.meters, Meter("wind", "generation", "external", 15, 80.0)),
    forecasts=ForecastPolicy(15),
)
HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)
PRESENT = datetime(2026, 3, 28, 18, tzinfo=UTC)  # Berlin's clocks go forward in the night
HISTORY_DAYS, AHEAD_HOURS = 42, 48
PUMP_KW = 8_000.0
"""Runs in the third quarter of every hour."""
MORE_KW = 3.0
"""By which the wind farm gives more than its operator foretells."""


@dataclass(frozen=True)
class Told:
    """What a training and an issue came to."""

    service: ForecastService
    forecasts: dict[str, Forecast]


def town_kw(axis: TimeAxis, celsius: FloatArray) -> FloatArray:
    """A load of the hour of the day and of temperature, and the pump. [kW]"""
    quarter = np.arange(axis.periods)
    noise = np.random.default_rng(5).normal(0.0, 400.0, axis.periods)
    day = 70_000.0 + 20_000.0 * np.sin(quarter / 96.0 * 2.0 * np.pi)
    return np.asarray(day - 800.0 * np.repeat(celsius, 4) + PUMP_KW * (quarter % 4 == 2) + noise)


def sun_kw(axis: TimeAxis) -> FloatArray:
    """Bright and dim days, between six and eighteen hours in UTC. [kW]"""
    quarter, draw = np.arange(axis.periods), np.random.default_rng(7)
    hour = (axis.start.hour + quarter / 4.0) % 24.0
    clear = np.repeat(draw.uniform(0.3, 1.0, axis.periods // 96 + 1), 96)[: axis.periods]
    return np.asarray(20_000.0 * clear * np.maximum(np.sin((hour - 6.0) / 12.0 * np.pi), 0.0))


def wind_kw(axis: TimeAxis) -> FloatArray:
    """What the wind farm's operator foretells of hours. [kW]"""
    hour = (axis.start - PRESENT) // HOUR + np.arange(axis.periods)
    return np.asarray(40.0 + 20.0 * np.sin(hour / 9.0))


def block(
    owner: str,
    channel: Channel,
    axis: TimeAxis,
    values: FloatArray,
    source: Source,
    issued_at: datetime | None = None,
) -> ReadingBlock:
    starts = to_us(axis.start) + np.arange(axis.periods, dtype=np.int64) * (axis.step // timedelta(microseconds=1))
    return ReadingBlock(source, owner, channel, axis.step // timedelta(minutes=1), starts, values, 0, issued_at)


def readings(*, days: int) -> list[ReadingBlock]:
    """Quarters of an hour of the town, its plant and the wind farm; hours of the weather and of what is foretold."""
    start = PRESENT - timedelta(days=HISTORY_DAYS)
    hours, quarters = TimeAxis(start, HOUR, 24 * days), TimeAxis(start, QUARTER, 96 * days)
    draw = np.random.default_rng(6)
    celsius = 5.0 + 4.0 * np.sin(np.arange(24 * days) / 12.0 * np.pi) + np.repeat(draw.normal(0.0, 3.0, days), 24)
    told = [TimeAxis(PRESENT - timedelta(days=back), HOUR, 72) for back in range(20, -1, -1)]
    return [
        *(block("wind", Channel.GENERATION, axis, wind_kw(axis), Source.WEATHER, axis.start - HOUR) for axis in told),
        block("wind", Channel.GENERATION, quarters, np.repeat(wind_kw(hours), 4) + MORE_KW, Source.METER),
        block("town", Channel.LOAD, quarters, town_kw(quarters, celsius), Source.METER),
        block("dune-solar", Channel.GENERATION, quarters, sun_kw(quarters), Source.METER),
        block("harbour-weather", Channel.AIR_TEMPERATURE, hours, celsius, Source.WEATHER),
    ]


@pytest.fixture(scope="module")
def url(postgres_url: str, _migrated_template: str) -> str:
    name = "quarter_hours"
    with psycopg.connect(postgres_url, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} TEMPLATE {_migrated_template} STRATEGY FILE_COPY")
    return f"{postgres_url.rsplit('/', 1)[0]}/{name}"


@pytest.fixture(scope="module")
def told(url: str) -> Told:
    """Both kinds trained for a second on six weeks, and 48 hours issued."""
    service = ForecastService()
    with psycopg.connect(url) as conn:
        save_site(conn, SITE)
        save_readings(conn, readings(days=HISTORY_DAYS), received_at=PRESENT)
        for report in service.train(conn, SITE, issued_at=PRESENT, seed=1, budget_seconds=1.0):
            assert report.model_id is not None, report.reason
            assert report.scores is not None
            assert report.scores.skill > 0.0
            promote(conn, report.model_id)
        issued = service.forecast(conn, SITE, issued_at=PRESENT - timedelta(minutes=20), periods=AHEAD_HOURS)
    return Told(service, {one.series_id: one for one in issued})


@pytest.fixture
def conn(url: str, told: Told) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url) as connection:
        yield connection


def test_a_model_tells_every_quarter_of_an_hour_apart(conn: psycopg.Connection, told: Told) -> None:
    assert sorted(told.forecasts) == ["dune-solar:generation", SITE_LOAD, "town:load", "wind:generation"]
    for name, one in told.forecasts.items():
        assert one.axis == TimeAxis(PRESENT, QUARTER, 4 * AHEAD_HOURS)
        assert not one.degraded, one.reasons
        stored = load_forecast(conn, name)
        assert stored is not None
        np.testing.assert_array_equal(stored.quantiles, one.quantiles)
    by_hour = told.forecasts["town:load"].median.reshape(-1, 4)
    pump = by_hour[:, 2] - by_hour[:, [1, 3]].mean(axis=1)
    np.testing.assert_allclose(pump, PUMP_KW, atol=0.25 * PUMP_KW)
    sun = told.forecasts["dune-solar:generation"]
    assert sun.quantiles[: 4 * 8].max() == 0.0, "until two o'clock in the morning"
    noon = sun.median.reshape(-1, 4)[16:20].ravel()  # from ten o'clock on
    assert len(np.unique(noon)) == len(noon), "no hour is repeated"


def test_hours_that_an_operator_foretells_are_told_in_quarters_with_their_past_errors(told: Told) -> None:
    wind = told.forecasts["wind:generation"]
    assert {voice.method for voice in wind.spoken_by} == {"external-empirical"}
    foretold = np.repeat(wind_kw(TimeAxis(PRESENT, HOUR, AHEAD_HOURS)), 4)
    np.testing.assert_allclose(wind.median, foretold + MORE_KW, atol=1e-6)


def test_the_quarter_hours_of_a_forecast_are_explained(conn: psycopg.Connection, told: Told) -> None:
    stored = told.forecasts["town:load"]
    why = told.service.explain(conn, SITE, stored)
    total = why.table.groupby("time")[["to_median", "to_width"]].sum()
    assert len(total) == 4 * AHEAD_HOURS
    np.testing.assert_allclose(total["to_median"], stored.median, rtol=1e-3)
    assert "changed since" not in set(why.table["group"])


def test_a_plan_takes_the_mean_of_an_hour(conn: psycopg.Connection, told: Told) -> None:
    limits = PlanLimits(horizon_hours=24, time_limit_seconds=10.0, gap=0.01, threads=1)
    plan = make_plan(conn, SITE, limits=limits)
    assert plan["axis"]["periods"] == 24
    hourly = told.forecasts["town:load"].median.reshape(-1, 4).mean(axis=1)
    assert [row["load_mw"] for row in plan["system"]] == pytest.approx(hourly[:24] / 1000.0, abs=0.01)


def test_scenarios_of_a_plan_are_drawn_in_quarters_and_averaged(conn: psycopg.Connection, told: Told) -> None:
    site = replace(SITE, scenarios=ScenarioPolicy(drawn=20))
    drawn, about = draw_scenarios(conn, site, told.forecasts, axis=TimeAxis(PRESENT, HOUR, 24))
    assert about["drawn"] == 20
    hourly = told.forecasts["town:load"].averaged(HOUR)
    load = drawn.load_mw.sum(axis=1)
    assert load.shape == (20, 24)
    np.testing.assert_allclose(np.median(load, axis=0), hourly.median[:24] / 1000.0, rtol=0.02)
    assert (load >= hourly.quantile(0.01)[:24] / 1000.0 - 1e-6).all()


def test_a_day_of_23_hours_has_92_scored_quarters(conn: psycopg.Connection, told: Told) -> None:
    save_readings(conn, readings(days=HISTORY_DAYS + 2), received_at=PRESENT + timedelta(days=2))
    conn.commit()
    watch_champions(conn, SITE, present=PRESENT + timedelta(days=2, hours=6))
    champion = find_champion(conn, "load")
    assert champion is not None
    scores = {(one.series_id, one.day): one.intervals for one in load_scores(conn, champion.model_id, since=date.min)}
    assert scores["town:load", date(2026, 3, 29)] == 92
    assert scores["town:load", date(2026, 3, 30)] == 80, "the forecast ends at 20 o'clock in Berlin"


def test_a_model_of_other_intervals_is_not_asked(conn: psycopg.Connection, told: Told) -> None:
    hourly = replace(SITE, forecasts=ForecastPolicy())
    issued = {one.series_id: one for one in told.service.forecast(conn, hourly, issued_at=PRESENT, periods=24)}
    assert issued["town:load"].axis == TimeAxis(PRESENT, HOUR, 24)
    assert "The model was trained on intervals of 15 minutes." in issued["town:load"].reasons
    assert {voice.method for voice in issued["town:load"].spoken_by} == {"regression-refit"}
    conn.rollback()


def test_a_fit_on_the_spot_stands_in_for_quarter_hours(conn: psycopg.Connection) -> None:
    conn.execute("TRUNCATE model CASCADE")
    issued = {one.series_id: one for one in ForecastService().forecast(conn, SITE, issued_at=PRESENT, periods=24)}
    town = issued["town:load"]
    assert {voice.method for voice in town.spoken_by} == {"regression-refit"}
    by_hour = town.median.reshape(-1, 4)
    np.testing.assert_allclose(by_hour[:, 2] - by_hour[:, [1, 3]].mean(axis=1), PUMP_KW, atol=0.1 * PUMP_KW)
    beside = load_forecast(conn, "town:load", role="baseline")
    assert beside is not None
    by_hour = beside.median.reshape(-1, 4)
    np.testing.assert_allclose(by_hour[:, 2] - by_hour[:, [1, 3]].mean(axis=1), PUMP_KW, atol=0.25 * PUMP_KW)
    conn.rollback()
