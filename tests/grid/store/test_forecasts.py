"""Forecasts in a real database: saved whole, read back as issued."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from grid.forecasts import Forecast, KnownInputs, Voice
from grid.store.database import connect
from grid.store.events import events_after
from grid.store.forecasts import latest_forecasts, load_forecast, save_forecasts
from grid.time_axis import TimeAxis

ISSUED = datetime(2008, 6, 16, 10, tzinfo=UTC)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, application_name="test") as connection:
        yield connection


def forecast(series_id: str = "zone-1:load", hours_later: int = 0, level: float = 100.0) -> Forecast:
    issued = ISSUED + timedelta(hours=hours_later)
    return Forecast(
        series_id=series_id,
        axis=TimeAxis(issued, timedelta(hours=1), 3),
        issued_at=issued,
        levels=(0.1, 0.5, 0.9),
        quantiles=level + np.arange(9, dtype=np.float64).reshape(3, 3),
        model_id="load-1",
        method="lstm-attention",
        degraded=True,
        reasons=("One thing.", 'Another, with a comma and a "quote".'),
    )


def test_a_forecast_comes_back_as_it_was_saved(conn: psycopg.Connection) -> None:
    saved = forecast()
    save_forecasts(conn, [saved], role="primary")
    back = load_forecast(conn, saved.series_id, issued_at=ISSUED)
    assert back is not None
    assert back.axis == saved.axis
    np.testing.assert_array_equal(back.quantiles, saved.quantiles)
    for name in ("series_id", "issued_at", "levels", "model_id", "method", "degraded", "reasons"):
        assert getattr(back, name) == getattr(saved, name), name


def test_every_value_keeps_who_spoke_for_it_and_what_was_known(conn: psycopg.Connection) -> None:
    model, naive = Voice("lstm-attention", "load-1", 0), Voice("seasonal-naive", "seasonal-naive", 3)
    inputs = KnownInputs(ISSUED - timedelta(hours=2), None, 0.75)
    saved = replace(forecast(), spoken_by=(model, naive, model), inputs=inputs)
    save_forecasts(conn, [saved, forecast("plain:load")], role="primary")
    back, plain = (load_forecast(conn, name, issued_at=ISSUED) for name in (saved.series_id, "plain:load"))
    assert back is not None
    assert plain is not None
    assert (back.spoken_by, back.inputs) == (saved.spoken_by, inputs)
    assert (plain.spoken_by, plain.inputs) == ((), None)
    rows = conn.execute(
        "SELECT model_id, method, fallback_level, readings_until, weather_issued_at, completeness FROM v_forecast"
        " WHERE series_id = 'zone-1:load' AND quantile = 0.5 ORDER BY interval_start"
    ).fetchall()
    known = inputs.readings_until, None, 0.75
    told = [("load-1", "lstm-attention", 0, *known), ("seasonal-naive", "seasonal-naive", 3, *known)]
    assert rows == [told[0], told[1], told[0]]
    old = "SELECT DISTINCT model_id, method, fallback_level FROM v_forecast WHERE series_id = 'plain:load'"
    assert conn.execute(old).fetchall() == [("load-1", "lstm-attention", None)]


def test_the_newest_issue_by_an_instant_is_found(conn: psycopg.Connection) -> None:
    save_forecasts(conn, [forecast(hours_later=h, level=float(h)) for h in (0, 2, 4)], role="primary")
    for by, expected in ((0, 0), (1, 0), (2, 2), (3, 2), (9, 4)):
        found = load_forecast(conn, "zone-1:load", issued_by=ISSUED + timedelta(hours=by))
        assert found is not None
        assert found.issued_at == ISSUED + timedelta(hours=expected)
    newest = load_forecast(conn, "zone-1:load")
    assert newest is not None
    assert newest.issued_at == ISSUED + timedelta(hours=4)
    assert load_forecast(conn, "zone-1:load", issued_by=ISSUED - timedelta(seconds=1)) is None
    assert load_forecast(conn, "zone-1:load", issued_at=ISSUED + timedelta(hours=1)) is None


def test_many_series_come_in_one_call_and_missing_ones_are_left_out(conn: psycopg.Connection) -> None:
    save_forecasts(conn, [forecast("a:load"), forecast("b:load")], role="primary")
    found = latest_forecasts(conn, ["a:load", "b:load", "c:load"], ISSUED)
    assert sorted(found) == ["a:load", "b:load"]


def test_primary_and_baseline_stand_side_by_side(conn: psycopg.Connection) -> None:
    save_forecasts(conn, [forecast(level=1.0)], role="primary")
    save_forecasts(conn, [replace(forecast(level=2.0), model_id="seasonal-naive")], role="baseline")
    primary, baseline = (load_forecast(conn, "zone-1:load", role=role) for role in ("primary", "baseline"))
    assert primary is not None
    assert baseline is not None
    assert (primary.quantiles[0, 0], baseline.quantiles[0, 0]) == (1.0, 2.0)


def test_a_forecast_issued_again_replaces_the_earlier_one_whoever_spoke(conn: psycopg.Connection) -> None:
    save_forecasts(conn, [forecast(level=1.0)], role="primary")
    save_forecasts(conn, [replace(forecast(level=2.0), model_id="load-2")], role="primary")
    rows = conn.execute("SELECT DISTINCT model_id FROM v_forecast").fetchall()
    assert rows == [("load-2",)]


def test_saving_tells_listeners_once_per_issue(conn: psycopg.Connection) -> None:
    save_forecasts(conn, [forecast("a:load"), forecast("b:load")], role="primary")
    (event,) = events_after(conn, event_id=0)
    assert event.kind == "forecast"
    assert event.payload == {"issued_at": ISSUED.isoformat(), "series": ["a:load", "b:load"], "role": "primary"}


def test_a_set_that_cannot_be_saved_whole_is_not_saved_at_all(conn: psycopg.Connection) -> None:
    with pytest.raises(ValueError, match="must stand once"):
        save_forecasts(conn, [forecast(), forecast()], role="primary")
    assert load_forecast(conn, "zone-1:load") is None
    with pytest.raises(ValueError, match="role must be"):
        save_forecasts(conn, [forecast()], role="champion")


def test_two_instants_at_once_are_refused(conn: psycopg.Connection) -> None:
    with pytest.raises(ValueError, match="not both"):
        load_forecast(conn, "zone-1:load", issued_at=ISSUED, issued_by=ISSUED)
