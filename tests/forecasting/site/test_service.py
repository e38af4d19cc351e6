"""The whole of forecasting on a real database: ten weeks of history, a small budget, every way to fall back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import pytest

from forecasting.site.fallbacks import Level
from forecasting.site.service import ForecastService
from grid.forecasts import DEFAULT_LEVELS, Forecast, KnownInputs, Voice
from grid.network import Bus, Network
from grid.readings import ReadingBlock, Source
from grid.site import BusLoad, Meter, Site
from grid.store.database import connect
from grid.store.events import events_after
from grid.store.forecasts import load_forecast
from grid.store.models import list_models, promote, retire
from grid.store.saving import save_readings
from grid.time_axis import FloatArray, TimeAxis
from grid.units import Channel

RECEIVED = datetime(2026, 1, 1, tzinfo=UTC)
SITE = Site(
    site_id="test",
    name="Test",
    timezone="America/New_York",
    holidays="US",
    currency="USD",
    meters=(
        Meter("m-0", "load", "load", 60, weather_site_id="w"),
        Meter("m-1", "load", "load", 60, weather_site_id="w"),
        Meter("pv", "generation", "solar", 60, 3.4, None, 39.74, -75.18, 40.0, 170.0),
        Meter("wind", "generation", "external", 60, 80.0),
    ),
    loads=(BusLoad("b", "m-0:load", 0.001), BusLoad("b", "m-1:load", 0.002)),
    network=Network((Bus("b"),), ()),
    thermal_units=(),
    renewable_plants=(),
    storages=(),
)


def block(
    owner: str,
    channel: Channel,
    axis: TimeAxis,
    values: FloatArray,
    source: Source = Source.METER,
    issued_at: datetime | None = None,
) -> ReadingBlock:
    starts = np.array([int(start.timestamp()) * 1_000_000 for start in axis.interval_starts], dtype=np.int64)
    return ReadingBlock(source, owner, channel, 60, starts, values, 0, issued_at)


def wind_kw(axis: TimeAxis) -> FloatArray:
    return 40.0 + 20.0 * np.sin(np.arange(axis.periods) / 9.0)


def history(made: Any, *, hours: int) -> list[ReadingBlock]:
    axis = TimeAxis(made.load.axis.start, timedelta(hours=1), hours)
    blocks = [block(f"m-{row}", Channel.LOAD, axis, made.load.kw[row, :hours]) for row in (0, 1)]
    blocks.append(block("w", Channel.AIR_TEMPERATURE, axis, made.load.temperature_c[0, :hours], Source.WEATHER))
    blocks.append(block("pv", Channel.GENERATION, axis, made.solar.kw[0, :hours]))
    blocks.append(block("wind", Channel.GENERATION, axis, wind_kw(axis)))
    for day in range(hours // 24 - 20, hours // 24 + 1):
        issued = axis.start + timedelta(days=day)
        ahead = TimeAxis(issued, timedelta(hours=1), 72)
        told = wind_kw(TimeAxis(axis.start, axis.step, hours + 72))[24 * day : 24 * day + 72] + 3.0
        blocks.append(block("wind", Channel.GENERATION, ahead, told, Source.WEATHER, issued))
    return blocks


@pytest.fixture
def conn(made: Any, database_url: str) -> Iterator[psycopg.Connection]:
    """A database with all of the made history but its last four days."""
    with connect(database_url, application_name="test") as connection:
        save_readings(connection, history(made, hours=66 * 24), received_at=RECEIVED)
        yield connection


@pytest.fixture
def present(made: Any) -> datetime:
    return made.load.axis.start + timedelta(days=66)  # type: ignore[no-any-return]


def by_series(forecasts: list[Forecast]) -> dict[str, Forecast]:
    return {forecast.series_id: forecast for forecast in forecasts}


ALL = ["m-0:load", "m-1:load", "pv:generation", "site:load", "wind:generation"]


def test_the_chain_from_readings_to_forecasts(made: Any, conn: psycopg.Connection, present: datetime) -> None:
    service, told = ForecastService(), []
    before = by_series(service.forecast(conn, SITE, issued_at=present))
    assert sorted(before) == ALL
    assert before["m-0:load"].degraded
    assert before["m-0:load"].reasons[0] == "No load model has been promoted yet."

    reports = service.train(
        conn, SITE, issued_at=present, seed=1, budget_seconds=6.0, on_progress=lambda kind, share: told.append(kind)
    )
    assert [(report.kind, report.promoted) for report in reports] == [("load", True), ("solar", True)]
    assert all(report.scores is not None and report.scores.skill > 0.0 for report in reports)
    assert set(told) == {"load", "solar"}
    manifest = {model.kind: model.manifest for model in list_models(conn)}["load"]
    assert list(manifest["weights"]) == ["m-0:load", "m-1:load", "site:load"]
    assert manifest["data"]["end"] == present.isoformat()
    assert manifest["options"]["seed"] == 1

    forecasts = by_series(service.forecast(conn, SITE, issued_at=present))
    assert sorted(forecasts) == ALL
    for name, made_now in forecasts.items():
        assert not made_now.degraded, (name, made_now.reasons)
        assert made_now.axis == TimeAxis(present, timedelta(hours=1), 48)
        assert made_now.levels == DEFAULT_LEVELS
        stored, beside = (load_forecast(conn, name, issued_at=present, role=role) for role in ("primary", "baseline"))
        assert stored is not None
        assert beside is not None
        np.testing.assert_array_equal(stored.quantiles, made_now.quantiles)
        assert beside.method == "seasonal-naive"
    assert forecasts["m-0:load"].model_id == forecasts["site:load"].model_id == manifest["model_id"]
    actual = made.load.kw[0, 66 * 24 : 68 * 24]
    assert np.abs(forecasts["m-0:load"].median / actual - 1.0).mean() < 0.15
    parts = forecasts["m-0:load"].median + 2.0 * forecasts["m-1:load"].median
    assert np.abs(forecasts["site:load"].median / parts - 1.0).mean() < 0.1
    night = made.solar.clear_kw[0, 66 * 24 : 68 * 24] <= 0.0
    assert np.all(forecasts["pv:generation"].quantiles[night] == 0.0)
    wind = forecasts["wind:generation"]
    assert wind.method == "external-empirical"
    expected = wind_kw(TimeAxis(present, timedelta(hours=1), 68 * 24))[66 * 24 :]
    np.testing.assert_allclose(wind.median, expected, atol=0.2)  # its forecaster is 3 kW too high, always

    _explanations_add_up_to_what_is_stored(service, conn, forecasts)
    _broken_and_stale_inputs_are_labelled(service, conn, present)


def _explanations_add_up_to_what_is_stored(
    service: ForecastService, conn: psycopg.Connection, forecasts: dict[str, Forecast]
) -> None:
    for name, groups in (
        ("m-1:load", {"reference", "temperature", "calendar", "recent level"}),
        ("site:load", {"reference", "temperature", "calendar", "recent level"}),
        ("pv:generation", {"reference", "calendar", "recent level"}),
    ):
        stored = load_forecast(conn, name, issued_at=forecasts[name].issued_at)
        assert stored is not None
        why = service.explain(conn, SITE, stored)
        assert set(why.table["group"]) == groups
        total = why.table.groupby("time")[["to_median", "to_width"]].sum()
        assert list(total.index) == list(stored.axis.index)
        scale = stored.median.max()
        np.testing.assert_allclose(total["to_median"], stored.median, atol=1e-4 * scale, err_msg=name)
        width = stored.quantile(0.9) - stored.quantile(0.1)
        np.testing.assert_allclose(total["to_width"], width, atol=1e-4 * scale, err_msg=name)
        assert len(why.sentences) == len(
            set(stored.axis.index.tz_convert(SITE.timezone if "l" in name else "UTC").date)
        )
        assert why.attention.keys() <= {"lstm", "tcn", "self-attention"}
        moved = why.table[why.table["group"] != "reference"].groupby("group")["to_median"].apply(lambda c: abs(c).max())
        assert moved.max() > 0.005 * scale, "something beyond the hour of the day tells"
    wind = service.explain(conn, SITE, forecasts["wind:generation"])
    assert wind.table.empty
    assert wind.sentences == (
        "For 48 of 48 hours a forecast that was sent spoke, with bands of its past errors; no model of ours did.",
    )


def _only_hours_of_a_model_are_explained(
    service: ForecastService, conn: psycopg.Connection, later: Forecast, week: Forecast
) -> None:
    stood_in = service.explain(conn, SITE, later)
    assert stood_in.table.empty
    assert stood_in.sentences == ("For 48 of 48 hours regression-refit stood in, which is not taken apart.",)
    in_part = service.explain(conn, SITE, week)
    assert in_part.table["time"].nunique() == 48
    assert in_part.sentences[-1] == "For 24 of 72 hours regression-refit stood in, which is not taken apart."
    other = replace(SITE, meters=(replace(SITE.meters[0], weather_site_id="hill"), *SITE.meters[1:]))
    for site in (other, replace(SITE, meters=SITE.meters[1:])):
        gone = service.explain(conn, site, week)
        assert gone.table.empty
        assert gone.sentences[0] == "The site has changed: m-0:load is gone from it, or reads another weather site."
    forgotten = replace(later, spoken_by=(Voice("lstm", "load-gone", Level.CHAMPION),) * 48)
    assert service.explain(conn, SITE, forgotten).sentences == ("The model load-gone is no longer stored.",)

    with conn.transaction(force_rollback=True):
        hours = TimeAxis(week.axis.start - timedelta(hours=30), timedelta(hours=1), 24)
        save_readings(conn, [block("m-0", Channel.LOAD, hours, np.full(24, 9000.0))], received_at=RECEIVED)
        edited = service.explain(conn, SITE, week)
        total = edited.table.groupby("time")["to_median"].sum()
        assert "changed since" in set(edited.table["group"])
        np.testing.assert_allclose(total, week.median[:48], rtol=1e-9)


def broken_model(*_: object, **_options: object) -> None:
    raise RuntimeError("no such shape")


def _broken_and_stale_inputs_are_labelled(
    service: ForecastService, conn: psycopg.Connection, present: datetime
) -> None:
    """Goes on where the chain ended, so that it need not train again."""
    later = by_series(service.forecast(conn, SITE, issued_at=present + timedelta(hours=14)))
    assert later["m-0:load"].reasons[0].startswith("The newest reading is 14 hours old")
    assert later["m-0:load"].reasons[1] == "A regression fitted on the spot stands in."
    assert {voice.fallback_level for voice in later["m-0:load"].spoken_by} == {Level.REFIT}
    assert later["m-0:load"].inputs == KnownInputs(present, None, pytest.approx(154 / 168))
    week = by_series(service.forecast(conn, SITE, issued_at=present, periods=72))["m-0:load"]
    assert [voice.fallback_level for voice in week.spoken_by] == [Level.CHAMPION] * 48 + [Level.REFIT] * 24
    assert week.reasons == (
        "The model reaches 48 hours ahead.",
        "A regression fitted on the spot stands in for 24 of 72 hours.",
    )
    _only_hours_of_a_model_are_explained(service, conn, later["m-0:load"], week)
    fresh = by_series(service.forecast(conn, SITE, issued_at=present + timedelta(hours=3)))
    assert not fresh["m-0:load"].degraded

    wider = replace(SITE, meters=(*SITE.meters, Meter("m-2", "load", "load", 60)))
    first = (present - timedelta(days=30)).replace(minute=0)
    axis = TimeAxis(first, timedelta(hours=1), 30 * 24)
    save_readings(conn, [block("m-2", Channel.LOAD, axis, np.full(720, 5.0))], received_at=RECEIVED)
    new = by_series(service.forecast(conn, wider, issued_at=present))["m-2:load"]
    assert new.degraded
    assert new.reasons[0] == "The model was trained before this series was known."

    moved = replace(SITE, meters=(replace(SITE.meters[0], weather_site_id="hill"), *SITE.meters[1:]))
    elsewhere = by_series(service.forecast(conn, moved, issued_at=present))
    assert elsewhere["m-0:load"].degraded
    assert elsewhere["m-0:load"].reasons[0] == ("The model was trained without the weather site 'hill' of this series.")
    assert not elsewhere["m-1:load"].degraded

    with pytest.MonkeyPatch.context() as patch, conn.transaction(force_rollback=True):
        patch.setattr("forecasting.site.asking.ask_now", broken_model)
        failed = by_series(service.forecast(conn, SITE, issued_at=present))
        alarms = [event.payload for event in events_after(conn, event_id=0, limit=10_000) if event.kind == "alarm"]
        assert sorted((alarm["alarm"], alarm["kind"], alarm["cause"]) for alarm in alarms) == [
            ("model_refused", kind, "The model failed: no such shape.") for kind in ("load", "solar")
        ]
    assert sorted(failed) == ALL
    assert failed["m-0:load"].reasons[0] == failed["pv:generation"].reasons[0] == "The model failed: no such shape."

    champion = next(model for model in list_models(conn, kind="load") if model.status == "champion")
    _promotions_in_between_drop_no_forecast(service, conn, present, champion.model_id)
    with conn.transaction(force_rollback=True):
        assert retire(conn, "load").model_id == champion.model_id
        left = by_series(service.forecast(conn, SITE, issued_at=present))["m-0:load"]
        assert left.reasons[0] == "No load champion: it was retired."
        assert {voice.fallback_level for voice in left.spoken_by} == {Level.REFIT}, "load-twin does not stand in"
    conn.execute("UPDATE model SET weights = set_byte(weights, 900, 7) WHERE model_id = %s", (champion.model_id,))
    assert not by_series(service.forecast(conn, SITE, issued_at=present))["m-0:load"].degraded, "kept by id"
    broken = by_series(ForecastService().forecast(conn, SITE, issued_at=present))["m-0:load"]
    assert broken.degraded
    assert "SHA-256" in broken.reasons[0]
    assert (broken.model_id, broken.spoken_by[0].fallback_level) == ("load-twin", Level.FORMER_CHAMPION)
    assert broken.reasons[1] == "The champion before it, load-twin, stands in."
    alarms = [event.payload for event in events_after(conn, event_id=0, limit=10_000) if event.kind == "alarm"]
    assert [(alarm["alarm"], alarm["kind"], "SHA-256" in alarm["cause"]) for alarm in alarms] == [
        ("model_refused", "load", True)
    ]

    conn.execute(
        "INSERT INTO model (model_id, kind, status, manifest, weights)"
        " SELECT 'load-copy', kind, 'challenger', manifest || '{\"format\": 0}', weights FROM model"
        " WHERE model_id = %s",
        (champion.model_id,),
    )
    promote(conn, "load-copy")
    switched = by_series(service.forecast(conn, SITE, issued_at=present))["m-0:load"]
    assert "load-copy" in switched.reasons[0], "a promotion speaks from the next call on"
    assert switched.model_id == champion.model_id
    conn.execute("UPDATE model SET weights = '' WHERE kind = 'load'")
    nobody = by_series(ForecastService().forecast(conn, SITE, issued_at=present))["m-0:load"]
    assert (nobody.method, nobody.spoken_by[0].fallback_level) == ("regression-refit", Level.REFIT)
    assert "load-copy" in nobody.reasons[0]


def _promotions_in_between_drop_no_forecast(
    service: ForecastService, conn: psycopg.Connection, present: datetime, champion: str
) -> None:
    """Two models take turns while forecasts are issued one after the other."""
    conn.execute(
        "INSERT INTO model (model_id, kind, status, manifest, weights)"
        " SELECT 'load-twin', kind, 'challenger', manifest, weights FROM model WHERE model_id = %s",
        (champion,),
    )
    conn.commit()
    done = threading.Event()

    def take_turns() -> int:
        turns = 0
        with connect(conn.info.dsn + f" password={conn.info.password}", application_name="promoter") as other:
            while not done.is_set():
                promote(other, ("load-twin", champion)[turns % 2])
                other.commit()
                turns += 1
        return turns

    spoke = []
    with ThreadPoolExecutor(1) as pool:
        promoting = pool.submit(take_turns)
        for hour in range(8):
            issued = by_series(service.forecast(conn, SITE, issued_at=present + timedelta(minutes=hour)))
            conn.commit()
            assert not issued["m-0:load"].degraded, issued["m-0:load"].reasons
            assert {voice.model_id for voice in issued["m-0:load"].spoken_by} == {issued["m-1:load"].model_id}
            spoke.append(issued["m-0:load"].model_id)
        done.set()
        assert promoting.result(timeout=30) > 2
    assert set(spoke) <= {"load-twin", champion}
    promote(conn, "load-twin")
    promote(conn, champion)
    assert by_series(service.forecast(conn, SITE, issued_at=present))["m-0:load"].model_id == champion


def test_a_forecast_made_again_later_knows_no_more(made: Any, conn: psycopg.Connection, present: datetime) -> None:
    issued_at = present + timedelta(minutes=20)
    before = by_series(ForecastService().forecast(conn, SITE, issued_at=issued_at))
    save_readings(conn, history(made, hours=70 * 24), received_at=RECEIVED)
    again = by_series(ForecastService().forecast(conn, SITE, issued_at=issued_at))
    for name in ALL:
        assert again[name].axis.start == present + timedelta(hours=1)
        np.testing.assert_array_equal(again[name].quantiles, before[name].quantiles, err_msg=name)


def test_an_instant_that_is_not_utc_is_refused(conn: psycopg.Connection) -> None:
    with pytest.raises(ValueError, match="issued_at must be UTC"):
        ForecastService().forecast(conn, SITE, issued_at=datetime(2008, 5, 1))  # noqa: DTZ001
