"""Joint scenarios of stored forecasts: their marginals, what hangs together, and totals that are sums."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import psycopg
import pytest

from api.client import GridPilot
from grid.forecasts import DEFAULT_LEVELS, Forecast
from grid.readings import ReadingBlock, Source
from grid.site import SumCheck
from grid.site_file import EXAMPLE_SITE, read_site_file
from grid.store.forecasts import PRIMARY, save_forecasts
from grid.store.saving import save_readings
from grid.store.sites import save_site
from grid.time_axis import TimeAxis
from grid.units import Channel

DAYS = 12
FEEDER, HOMES = "feeder:load", ("home-1:load", "home-2:load")


@pytest.fixture
def street(own_api: Any) -> Any:
    """Two homes that are high on the same days, their feeder, and a forecast of each for every day."""
    now = own_api.get("/site").json()["present"]
    with psycopg.connect(own_api.database_url) as conn:
        (present,) = conn.execute("SELECT %s::timestamptz", (now,)).fetchone() or (None,)
        assert present is not None
        start = present - timedelta(days=DAYS)
        draw = np.random.default_rng(3)
        mood = np.repeat(draw.normal(0.0, 10.0, DAYS), 24)
        kw = {name: 100.0 + mood + draw.normal(0.0, 2.0, DAYS * 24) for name in HOMES}
        kw[FEEDER] = kw[HOMES[0]] + kw[HOMES[1]]
        at = int(start.timestamp()) * 1_000_000 + np.arange(DAYS * 24, dtype=np.int64) * 3_600_000_000
        blocks = [
            ReadingBlock(Source.METER, name.split(":")[0], Channel.LOAD, 60, at, values, 0)
            for name, values in kw.items()
        ]
        save_readings(conn, blocks, received_at=present)
        spread = 20.0 * (np.array(DEFAULT_LEVELS) - 0.5)
        for day in range(1, DAYS + 1):
            issued = start + timedelta(days=day)
            axis = TimeAxis(issued, timedelta(hours=1), 24)
            made = [
                Forecast(name, axis, issued, DEFAULT_LEVELS, np.tile(level + spread, (24, 1)), "m", "lstm-attention")
                for name, level in ((FEEDER, 206.0), *((home, 100.0) for home in HOMES))
            ]
            save_forecasts(conn, made, role=PRIMARY)
        checks = (SumCheck(FEEDER, HOMES),)
        save_site(conn, replace(read_site_file(EXAMPLE_SITE), sum_checks=checks))
    return own_api


def test_each_series_is_as_its_quantiles_say_and_both_are_high_together(street: Any) -> None:
    with GridPilot(street.url, street.keys["operator"]) as grid:
        drawn = grid.scenarios(HOMES, count=50, seed=1)
        median = grid.forecast(HOMES[0])[0.5]
    assert drawn.attrs["issues"] == DAYS - 1
    by_series = {name: own.iloc[:, 3:].to_numpy() for name, own in drawn.groupby("series_id")}
    assert by_series[HOMES[0]].shape == (24, 50)
    np.testing.assert_allclose(np.median(by_series[HOMES[0]], axis=1), median, atol=0.5)
    days = [by_series[home].mean(axis=0) for home in HOMES]
    assert np.corrcoef(days[0], days[1])[0, 1] > 0.4


def test_totals_can_be_made_the_sums_of_their_parts(street: Any) -> None:
    with GridPilot(street.url, street.keys["operator"]) as grid:
        drawn = grid.scenarios([FEEDER, *HOMES], count=20, add_up=True)
        lacking = grid.scenarios([FEEDER, HOMES[0]], count=20, add_up=True)
    values = {name: own.iloc[:, 2:].to_numpy() for name, own in drawn.groupby("series_id")}
    np.testing.assert_allclose(values[FEEDER], values[HOMES[0]] + values[HOMES[1]], atol=1e-6)
    rest = {name: own["mean"].mean() for name, own in lacking.groupby("series_id")}
    assert rest.keys() == {FEEDER, HOMES[0], f"rest of {FEEDER}"}
    assert rest[f"rest of {FEEDER}"] == pytest.approx(rest[FEEDER] - rest[HOMES[0]])


def test_without_earlier_issues_nothing_hangs_together_and_it_is_said(api: Any) -> None:
    answer = api.get("/forecasts/scenarios", params={"series_id": ["town:load", "site:load"], "count": 4}).json()
    assert answer["issues"] == 0
    assert len(answer["rows"]) == 2 * 48
    assert {"series_id", "interval_start", "mean", "s1", "s4"} <= answer["rows"][0].keys()


def test_more_values_than_an_answer_holds_are_refused(api: Any, problem: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.routes.scenarios.MAX_SCENARIO_VALUES", 2 * 48 * 10)
    two = {"series_id": ["town:load", "site:load"]}
    assert api.get("/forecasts/scenarios", params={**two, "count": 10}).status_code == 200
    told = problem(api.get("/forecasts/scenarios", params={**two, "count": 11}), 422)
    (fault,) = told["faults"]
    assert fault["problem"] == "would be 1,056 values"
    assert fault["remedy"] == "ask for fewer scenarios or series: 960 at most"


def test_a_series_without_a_forecast_is_not_found(api: Any, problem: Any) -> None:
    problem(api.get("/forecasts/scenarios", params={"series_id": "nobody:load"}), 404)
