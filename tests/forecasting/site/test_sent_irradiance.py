"""A plant of stored telemetry whose irradiance somebody forecasts: read as sent, and done without where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import pytest

from forecasting.members.course import Course
from forecasting.site.fallbacks import Level
from forecasting.site.service import ForecastService
from grid.forecasts import DEFAULT_LEVELS, Forecast
from grid.network import Bus, Network
from grid.readings import ReadingBlock, Source
from grid.scores import pinball_losses
from grid.site import Meter, Site
from grid.store.database import connect
from grid.store.models import list_models
from grid.store.saving import save_readings
from grid.time_axis import FloatArray
from grid.units import Channel

HOUR = timedelta(hours=1)
RECEIVED = datetime(2026, 1, 1, tzinfo=UTC)
DAYS, REACH = 66, 60
PLANT = Meter("pv", "generation", "solar", 60, 3.4, "roof", 39.74, -75.18, 40.0, 170.0)
SITE = Site(
    site_id="test",
    name="Test",
    timezone="America/New_York",
    holidays="US",
    currency="USD",
    meters=(PLANT,),
    loads=(),
    network=Network((Bus("b"),), ()),
    thermal_units=(),
    renewable_plants=(),
    storages=(),
)
BLIND = replace(SITE, meters=(replace(PLANT, weather_site_id=None),))


def block(
    source: Source, owner: str, channel: Channel, start: datetime, values: FloatArray, **issue: Any
) -> ReadingBlock:
    starts = (int(start.timestamp()) + 3600 * np.arange(len(values), dtype=np.int64)) * 1_000_000
    return ReadingBlock(source, owner, channel, 60, starts, values, 0, **issue)


def irradiance_issues(made: Any, *, days: range) -> list[ReadingBlock]:
    """At 05:30 every day the irradiance of the next sixty hours: what the plant will make of it, and an error."""
    draw, blocks = np.random.default_rng(1), []
    for day in days:
        issued_at = made.solar.axis.start + timedelta(days=day, hours=5, minutes=30)
        told = made.solar.kw[0, 24 * day + 6 : 24 * day + 6 + REACH] * 300.0 * draw.uniform(0.9, 1.1)
        start = made.solar.axis.start + timedelta(days=day, hours=6)
        blocks.append(block(Source.WEATHER, "roof", Channel.IRRADIANCE, start, told, issued_at=issued_at))
    return blocks


@pytest.fixture
def conn(made: Any, database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, application_name="test") as connection:
        power = block(Source.METER, "pv", Channel.GENERATION, made.solar.axis.start, made.solar.kw[0, : 24 * DAYS])
        save_readings(connection, [power, *irradiance_issues(made, days=range(DAYS))], received_at=RECEIVED)
        yield connection


@pytest.fixture
def present(made: Any) -> datetime:
    return made.solar.axis.start + timedelta(days=DAYS)  # type: ignore[no-any-return]


def test_irradiance_that_was_sent_is_read_and_done_without(
    made: Any, conn: psycopg.Connection, present: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forecasting.site.service.course_within", lambda *_, **_options: Course(share=0.2))
    blind, service = ForecastService(), ForecastService()
    with conn.transaction(force_rollback=True):
        blind.train(conn, BLIND, issued_at=present)
        (unseen,) = blind.forecast(conn, BLIND, issued_at=present)
    assert service.train(conn, SITE, issued_at=present)[0].promoted
    (manifest,) = (model.manifest for model in list_models(conn))
    assert max(manifest["weights"]["pv:generation"], key=manifest["weights"]["pv:generation"].get) == "weather-trees"

    (seen,) = service.forecast(conn, SITE, issued_at=present)
    actual = made.solar.kw[0, 24 * DAYS : 24 * DAYS + 48]
    newest = present - timedelta(hours=18, minutes=30)
    reached = np.arange(48) < REACH - 18
    assert loss(seen, actual)[reached].mean() < 0.6 * loss(unseen, actual)[reached].mean()
    assert seen.inputs is not None
    assert seen.inputs.weather_issued_at == newest
    dark = ~reached & (seen.quantiles[:, -1] > 0.0)
    lit = int((seen.quantiles[:, -1] > 0.0).sum())
    assert dark.any()
    assert seen.reasons == (f"No irradiance forecast tells {dark.sum()} of {lit} hours of daylight.",)
    np.testing.assert_allclose(seen.quantiles[dark], unseen.quantiles[dark], rtol=1e-6)
    assert {voice.fallback_level for voice in seen.spoken_by} == {Level.CHAMPION}
    assert [voice.method != unseen.method for voice in seen.spoken_by] == (~dark).tolist()

    save_readings(conn, irradiance_issues(made, days=range(DAYS, DAYS + 1)), received_at=RECEIVED)
    (again,) = service.forecast(conn, SITE, issued_at=present)
    np.testing.assert_array_equal(again.quantiles, seen.quantiles)  # what was issued later is not known
    (later,) = service.forecast(conn, SITE, issued_at=present + 6 * HOUR)
    assert not later.degraded, later.reasons

    moved = replace(SITE, meters=(replace(PLANT, weather_site_id="hill"),))
    (elsewhere,) = service.forecast(conn, moved, issued_at=present)
    assert elsewhere.reasons[0] == "The model was trained without the weather site 'hill' of this series."

    _its_share_is_explained(service, conn, seen)
    _without_any_it_is_as_if_none_had_ever_been_sent(service, conn, present, unseen)


def _its_share_is_explained(service: ForecastService, conn: psycopg.Connection, stored: Forecast) -> None:
    why = service.explain(conn, SITE, stored)
    assert set(why.table["group"]) == {"reference", "calendar", "recent level", "other weather"}
    total = why.table.groupby("time")["to_median"].sum()
    np.testing.assert_allclose(total, stored.median, atol=1e-4 * stored.median.max())
    shares = why.table.groupby("group")["to_median"].apply(lambda share: share.abs().sum())
    assert shares["other weather"] > shares["recent level"]


def _without_any_it_is_as_if_none_had_ever_been_sent(
    service: ForecastService, conn: psycopg.Connection, present: datetime, unseen: Forecast
) -> None:
    conn.execute("DELETE FROM weather_forecast")
    (without,) = service.forecast(conn, SITE, issued_at=present)
    lit = int((without.quantiles[:, -1] > 0.0).sum())
    assert without.reasons == (f"No irradiance forecast tells {lit} of {lit} hours of daylight.",)
    assert without.method == unseen.method
    assert without.inputs is not None
    assert without.inputs.weather_issued_at is None
    np.testing.assert_allclose(without.quantiles, unseen.quantiles, rtol=1e-6)


def loss(forecast: Forecast, actual: FloatArray) -> FloatArray:
    """Mean pinball loss of every hour, shape (hours,)."""
    return np.asarray(pinball_losses(actual, forecast.quantiles, levels=DEFAULT_LEVELS).mean(axis=-1))
