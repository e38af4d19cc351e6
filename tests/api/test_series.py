"""Readings come back as they were stored, on the axis asked for, as of the instant asked for."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grid.readings import ReadingBlock, Source
from grid.store.saving import save_readings
from grid.units import Channel

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = {"start": "2026-03-01T06:00:00Z", "end": "2026-03-02T06:00:00Z"}
TOWN = "/series/town:load/readings"


def correct(api: Any, *, at: datetime, kw: float, received_at: datetime) -> None:
    starts = np.array([int(at.timestamp()) * 1_000_000])
    block = ReadingBlock(Source.METER, "town", Channel.LOAD, 60, starts, np.array([kw]), 1)
    with psycopg.connect(api.database_url) as conn:
        save_readings(conn, [block], received_at=received_at)


def test_series_are_listed_once_each_with_the_systems_load_first(api: Any) -> None:
    series = api.get("/series").json()
    assert [s["series_id"] for s in series] == ["site:load", "dune-solar:generation", "town:load"]
    assert [s["kind"] for s in series] == ["load", "solar", "load"]
    assert series[2]["last"] == "2026-03-02T06:00:00Z"


def test_readings_of_a_day_are_those_stored(api: Any) -> None:
    document = api.get(TOWN, params=DAY).json()
    assert document["unit"] == "kW"
    assert [row["interval_start"] for row in document["readings"]][:2] == [
        "2026-03-01T06:00:00Z",
        "2026-03-01T07:00:00Z",
    ]
    assert len(document["readings"]) == 24
    assert document["readings"][6]["value"] == pytest.approx(90_000.0)


def test_the_systems_load_is_the_weighted_sum_of_its_meters(api: Any) -> None:
    town = api.get(TOWN, params=DAY).json()["readings"]
    system = api.get("/series/site:load/readings", params=DAY).json()["readings"]
    assert [row["value"] for row in system] == pytest.approx([row["value"] * (0.6 + 0.4) for row in town])


@pytest.mark.parametrize(
    ("path", "asked", "told"),
    [
        ("site:load", {"start": "0001-01-01T00:00:00Z", "end": "9998-12-31T00:00:00Z"}, "intervals of PT1H"),
        ("site:load", {"start": "9999-12-30T00:00:00Z", "end": "9999-12-31T23:59:59Z"}, "beyond the year 9998"),
        ("town:load", {"start": "9999-12-31T23:30:00Z", "end": "9999-12-31T23:59:00Z", "resolution": "P1D"}, "beyond"),
    ],
)
def test_a_span_that_no_axis_holds_is_a_fault(api: Any, path: str, asked: dict[str, str], told: str) -> None:
    answer = api.get(f"/series/{path}/readings", params=asked)
    assert answer.status_code == 422
    assert told in answer.json()["faults"][0]["problem"]


def test_a_coarser_resolution_averages_and_leaves_no_half_filled_interval(api: Any) -> None:
    rows = api.get(TOWN, params=DAY | {"resolution": "PT6H"}).json()["readings"]
    hourly = [row["value"] for row in api.get(TOWN, params=DAY).json()["readings"]]
    assert [row["interval_minutes"] for row in rows] == [360] * 4
    assert rows[0]["value"] == pytest.approx(np.mean(hourly[:6]))
    beyond = {"start": "2026-03-02T00:00:00Z", "end": "2026-03-02T18:00:00Z", "resolution": "PT12H"}
    assert [row["value"] for row in api.get(TOWN, params=beyond).json()["readings"]] == [None, None]


def test_as_of_an_instant_shows_what_had_been_received_by_then(own_api: Any) -> None:
    at, corrected_at = NOW - 2 * HOUR, NOW + 3 * HOUR
    hour = {"start": at.isoformat(), "end": (at + HOUR).isoformat()}
    before = own_api.get(TOWN, params=hour).json()["readings"][0]
    correct(own_api, at=at, kw=12_345.0, received_at=corrected_at)

    def value(**query: str) -> Any:
        rows = own_api.get(TOWN, params=hour | query).json()["readings"]
        return [row["value"] for row in rows]

    assert value() == [12_345.0]
    assert value(as_of=(corrected_at - HOUR).isoformat()) == [before["value"]]
    assert value(as_of=corrected_at.isoformat()) == [12_345.0]
    assert value(as_of=(NOW - HOUR).isoformat()) == []
    assert value(as_of=(corrected_at - HOUR).isoformat(), resolution="PT1H") == [before["value"]]
    assert own_api.get(TOWN, params=hour).json()["readings"][0]["quality"] == 256


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv; charset=utf-8"),
        ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream"),
        ("application/json;q=0.5, text/csv;q=0.9", "text/csv; charset=utf-8"),
    ],
)
def test_the_accept_header_chooses_the_format(api: Any, accept: str, media: str) -> None:
    response = api.get(TOWN, params=DAY, headers={"Accept": accept})
    assert response.status_code == 200
    assert response.headers["content-type"] == media


def test_csv_and_parquet_hold_what_json_holds(api: Any) -> None:
    document = api.get(TOWN, params=DAY).json()
    csv = pd.read_csv(io.BytesIO(api.get(TOWN, params=DAY, headers={"Accept": "text/csv"}).content))
    parquet_response = api.get(TOWN, params=DAY, headers={"Accept": "application/vnd.apache.parquet"})
    parquet = pd.read_parquet(io.BytesIO(parquet_response.content))
    values = [row["value"] for row in document["readings"]]
    assert csv["value"].tolist() == pytest.approx(values)
    assert csv["interval_start"].tolist() == [row["interval_start"] for row in document["readings"]]
    assert parquet["value"].tolist() == values
    assert list(parquet.columns) == list(csv.columns)


ARROW = {"Accept": "application/vnd.apache.arrow.stream"}


def test_an_arrow_stream_holds_what_json_holds(api: Any) -> None:
    document = api.get(TOWN, params=DAY).json()
    for query in (DAY, DAY | {"resolution": "PT1H"}):
        table = pa.ipc.open_stream(api.get(TOWN, params=query, headers=ARROW).content).read_all()
        assert table["value"].to_pylist() == [row["value"] for row in document["readings"]]
        starts = [start.isoformat().replace("+00:00", "Z") for start in table["interval_start"].to_pylist()]
        assert starts == [row["interval_start"] for row in document["readings"]]


def test_more_rows_than_a_document_may_hold_leave_as_a_stream_of_batches(own_api: Any, problem: Any) -> None:
    count = 200_001
    starts = int(NOW.timestamp()) * 1_000_000 + np.arange(count, dtype=np.int64) * 60_000_000
    block = ReadingBlock(Source.METER, "busy", Channel.LOAD, 1, starts, np.arange(count) / 7, 0)
    with psycopg.connect(own_api.database_url) as conn:
        save_readings(conn, [block], received_at=NOW)
    query = {"start": NOW.isoformat(), "end": (NOW + timedelta(days=300)).isoformat()}
    refused = problem(own_api.get("/series/busy:load/readings", params=query), 422)
    assert "Arrow" in refused["faults"][0]["remedy"]
    reader = pa.ipc.open_stream(own_api.get("/series/busy:load/readings", params=query, headers=ARROW).content)
    batches = list(reader)
    assert [len(batch) for batch in batches] == [50_000] * 4 + [1]
    values = np.concatenate([batch.column("value").to_numpy() for batch in batches])
    np.testing.assert_array_equal(values, np.arange(count) / 7)
    csv = own_api.get("/series/busy:load/readings", params=query, headers={"Accept": "text/csv"}).text
    assert csv.count("\n") == count + 1
    parquet = own_api.get("/series/busy:load/readings", params=query, headers={"Accept": "application/parquet"}).content
    assert pq.read_metadata(io.BytesIO(parquet)).num_rows == count


@pytest.mark.parametrize(("unit", "factor"), [("MW", 1e-3), ("kWh", 1.0), ("Wh", 1e3), ("kW", 1.0)])
@pytest.mark.parametrize("headers", [{}, ARROW])
def test_values_come_in_the_unit_asked_for(api: Any, unit: str, factor: float, headers: dict[str, str]) -> None:
    hourly = [row["value"] for row in api.get(TOWN, params=DAY).json()["readings"]]
    for query, hours in ((DAY, 1), (DAY | {"resolution": "PT6H"}, 6)):
        response = api.get(TOWN, params=query | {"unit": unit}, headers=headers)
        if headers:
            table = pa.ipc.open_stream(response.content).read_all()
            values, units = table["value"].to_pylist(), set(table["unit"].to_pylist())
        else:
            values, units = [row["value"] for row in response.json()["readings"]], {response.json()["unit"]}
        means = np.reshape(hourly, (-1, hours)).mean(axis=1)
        assert units == {unit}
        assert values == pytest.approx(means * factor * (hours if unit.endswith("h") else 1))


def test_a_unit_of_another_kind_is_refused_with_those_that_fit(api: Any, problem: Any) -> None:
    (fault,) = problem(api.get(TOWN, params=DAY | {"unit": "degF"}), 422)["faults"]
    assert fault["place"] == "query.unit"
    assert "MWh" in fault["remedy"]


def test_an_unknown_format_is_not_acceptable(api: Any, problem: Any) -> None:
    problem(api.get(TOWN, params=DAY, headers={"Accept": "image/png"}), 406)


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ({"start": "2026-03-01T00:00:00"}, "query.start"),
        ({"end": "yesterday"}, "query.end"),
        ({"end": "2026-02-01T00:00:00Z"}, "query.end"),
        ({"resolution": "1h"}, "query.resolution"),
        ({"resolution": "PT1M", "start": "1990-01-01T00:00:00Z"}, "query.end"),
    ],
)
def test_wrong_queries_name_the_place(api: Any, problem: Any, query: dict[str, str], place: str) -> None:
    document = problem(api.get(TOWN, params=DAY | query), 422)
    assert [fault["place"] for fault in document["faults"]] == [place]


def test_a_series_without_readings_in_the_range_is_empty_not_missing(api: Any) -> None:
    past = {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}
    assert api.get(TOWN, params=past).json()["readings"] == []
