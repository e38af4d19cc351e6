"""Forecasts come back as they were issued: the latest, one by its issue, or as of an instant."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import pandas as pd
import psycopg
import pytest

from api.client import GridPilot
from grid.forecasts import DEFAULT_LEVELS, Forecast, KnownInputs, Voice
from grid.store.forecasts import save_forecasts
from grid.store.scores import save_drift
from grid.time_axis import TimeAxis


def test_the_latest_forecast_has_its_levels_in_order_and_never_crosses(api: Any) -> None:
    document = api.get("/forecasts", params={"series_id": "site:load"}).json()
    assert document["levels"] == list(DEFAULT_LEVELS)
    assert len(document["intervals"]) == 48
    assert all(row["quantiles"] == sorted(row["quantiles"]) for row in document["intervals"])
    assert (document["role"], document["unit"], document["interval_minutes"]) == ("primary", "kW", 60)


def test_the_baseline_stands_beside_it(api: Any) -> None:
    query = {"series_id": "site:load"}
    primary = api.get("/forecasts", params=query).json()
    baseline = api.get("/forecasts", params=query | {"role": "baseline"}).json()
    assert baseline["role"] == "baseline"
    assert baseline["intervals"][0]["quantiles"] == pytest.approx(
        [0.98 * value for value in primary["intervals"][0]["quantiles"]]
    )


def test_as_of_never_shows_a_later_issue(own_api: Any, problem: Any) -> None:
    with psycopg.connect(own_api.database_url) as conn:
        conn.execute(
            "INSERT INTO forecast_run (series_id, role, issued_at, interval_minutes, levels, unit, model_id, method,"
            " degraded, reasons) SELECT series_id, role, issued_at + interval '1 hour', interval_minutes, levels, unit,"
            " 'later', method, true, '{a substitute}' FROM forecast_run WHERE series_id = 'site:load'"
        )
        conn.execute(
            "INSERT INTO forecast_value SELECT later.forecast_id, v.interval_start + interval '1 hour', v.quantiles"
            " FROM forecast_run later JOIN forecast_run earlier ON earlier.series_id = later.series_id"
            " AND earlier.role = later.role AND earlier.issued_at = later.issued_at - interval '1 hour'"
            " JOIN forecast_value v ON v.forecast_id = earlier.forecast_id WHERE later.model_id = 'later'"
        )

    def model(**query: str) -> Any:
        return own_api.get("/forecasts", params={"series_id": "site:load"} | query).json()["model_id"]

    assert model() == "later"
    assert model(as_of="2026-03-02T06:59:59Z") == "load-1"
    assert model(as_of="2026-03-02T08:00:00+01:00") == "later"
    assert model(issued_at="2026-03-02T06:00:00Z") == "load-1"
    early = {"series_id": "site:load", "as_of": "2026-03-02T05:00:00Z"}
    problem(own_api.get("/forecasts", params=early), 404)


def test_both_instants_at_once_are_refused(api: Any, problem: Any) -> None:
    query = {"series_id": "site:load", "as_of": "2026-03-02T06:00:00Z", "issued_at": "2026-03-02T06:00:00Z"}
    assert problem(api.get("/forecasts", params=query), 422)["faults"][0]["place"] == "query.as_of"


def test_csv_has_a_column_per_level(api: Any) -> None:
    response = api.get("/forecasts", params={"series_id": "town:load"}, headers={"Accept": "text/csv"})
    frame = pd.read_csv(io.BytesIO(response.content))
    assert [name for name in frame if name.startswith("q")] == [f"q{level:g}" for level in DEFAULT_LEVELS]
    assert len(frame) == 48


def test_models_are_listed_and_a_promotion_changes_the_champion(own_api: Any, problem: Any) -> None:
    def champions() -> list[str]:
        return [m["model_id"] for m in own_api.get("/models").json() if m["status"] == "champion"]

    assert champions() == ["load-1"]
    promoted = own_api.post("/models/load-2/promote", role="analyst")
    assert promoted.status_code == 200
    assert promoted.json()["promoted_at"] is not None
    assert champions() == ["load-2"]
    problem(own_api.post("/models/nothing/promote", role="admin"), 404)


def test_every_interval_tells_who_spoke_for_it_and_the_forecast_what_was_known(own_api: Any) -> None:
    issued_at = datetime(2026, 3, 3, 6, tzinfo=UTC)
    voices = (Voice("lstm-attention", "load-1", 0), Voice("seasonal-naive", "seasonal-naive", 3))
    made = Forecast(
        "town:load",
        TimeAxis(issued_at, timedelta(hours=1), 2),
        issued_at,
        (0.1, 0.5, 0.9),
        np.array([[1.0, 2.0, 3.0]] * 2),
        "load-1",
        "lstm-attention",
        degraded=True,
        reasons=("The model reaches 1 hours ahead.",),
        spoken_by=voices,
        inputs=KnownInputs(issued_at, None, 0.5),
    )
    with psycopg.connect(own_api.database_url) as conn:
        save_forecasts(conn, [made], role="primary")
    query = {"series_id": "town:load", "issued_at": "2026-03-03T06:00:00Z"}
    document = own_api.get("/forecasts", params=query).json()
    said = [(row["method"], row["model_id"], row["fallback_level"]) for row in document["intervals"]]
    assert said == [("lstm-attention", "load-1", 0), ("seasonal-naive", "seasonal-naive", 3)]
    assert document["inputs"] == {
        "readings_until": "2026-03-03T06:00:00Z",
        "weather_issued_at": None,
        "completeness": 0.5,
    }
    table = own_api.get("/forecasts", params=query, headers={"Accept": "text/csv"})
    frame = pd.read_csv(io.BytesIO(table.content))
    assert frame[["method", "model_id", "fallback_level"]].to_numpy().tolist() == [list(one) for one in said]
    with GridPilot(own_api.url, own_api.keys["operator"]) as client:
        told = client.forecast("town:load", issued_at=issued_at).attrs["spoken_by"]
        usual = client.forecast("site:load").attrs["spoken_by"]
    assert [(one["method"], one["interval_start"]) for one in told] == [
        ("lstm-attention", "2026-03-03T06:00:00Z"),
        ("seasonal-naive", "2026-03-03T07:00:00Z"),
    ]
    assert len(usual) == 1, "who tells all intervals is named once"
    earlier = own_api.get("/forecasts", params={"series_id": "town:load", "as_of": "2026-03-02T06:00:00Z"}).json()
    assert earlier["inputs"] is None
    assert {row["fallback_level"] for row in earlier["intervals"]} == {None}


def test_a_champions_drift_is_told_with_the_models_and_measured(own_api: Any) -> None:
    mean = {"days": 7, "loss": 0.08, "promised_loss": 0.04, "missed": None, "promised_missed": 0.1, "declared": True}
    calm = mean | {"declared": False, "reason": "As promised."}
    document = {"*": mean | {"reason": "Twice the promise."}, "a:load": mean | {"reason": "x"}, "b:load": calm}
    with psycopg.connect(own_api.database_url) as conn:
        save_drift(conn, "load-1", checked_at=datetime(2026, 3, 2, tzinfo=UTC), declared=True, document=document)
    models = {one["model_id"]: one for one in own_api.get("/models").json()}
    assert models["load-2"]["drift"] is None
    told = models["load-1"]["drift"]
    assert (told["declared"], told["loss"], told["missed"], told["reason"]) == (True, 0.08, None, "Twice the promise.")
    assert told["drifted_series"] == ["a:load"]
    said = httpx.get(f"{own_api.url}/metrics").text
    assert 'gridpilot_forecast_drift{kind="load"} 1.0' in said
    assert 'gridpilot_forecast_loss{kind="load"} 0.08' in said
    assert "gridpilot_forecast_missed{" not in said


def test_promotions_among_requests_fail_none_and_there_is_one_champion_at_any_time(own_api: Any) -> None:
    def read(_: int) -> tuple[int, int, list[str]]:
        forecast = own_api.get("/forecasts", params={"series_id": "site:load"})
        models = own_api.get("/models")
        champions = [one["model_id"] for one in models.json() if one["status"] == "champion"]
        return forecast.status_code, models.status_code, champions

    with ThreadPoolExecutor(3) as pool:
        answers = pool.map(read, range(30))
        turns = [own_api.post(f"/models/load-{2 - k % 2}/promote", role="analyst").status_code for k in range(15)]
        turns.append(own_api.post("/models/load/rollback", role="analyst").status_code)
        read_meanwhile = list(answers)
    assert set(turns) == {200}
    assert {(one, two) for one, two, _ in read_meanwhile} == {(200, 200)}
    assert all(len(champions) == 1 for _, _, champions in read_meanwhile)
    assert read(0)[2] == ["load-1"]


def test_an_instant_beyond_the_calendar_is_refused_by_name(api: Any) -> None:
    edge = "0001-01-01T00:00:00+14:00"
    answer = api.get("/forecasts", params={"series_id": "site:load", "issued_at": edge})
    assert (answer.status_code, "query.issued_at" in answer.text) == (422, True)
    span = {"start": edge, "end": "2026-01-01T00:00:00Z"}
    answer = api.get("/series/town:load/readings", params=span)
    assert (answer.status_code, "query.start" in answer.text) == (422, True)
