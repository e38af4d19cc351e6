"""``GET /series`` and the readings of one of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import numpy as np
import pandas as pd
import psycopg
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import AwareDatetime

from api.auth import Reader
from api.channels import SeriesId, channel_of
from api.instants import query_utc
from api.problems import Problem, invalid, problems
from api.schemas import ReadingRow, ReadingsDocument, SeriesDocument
from api.service import Database, site_of
from api.tables import TABLE_RESPONSE, table_response
from grid.faults import Fault
from grid.readings import Layer, Quality, Source
from grid.site import SITE_LOAD, Site
from grid.store.reading_versions import load_channels_known_by, readings_known_by
from grid.store.readings import parse_series_id
from grid.store.series import ChannelId, SeriesSummary, list_series
from grid.time_axis import FloatArray, TimeAxis, ceil_to_step
from grid.units import STORED_UNIT
from ingest.messages import interval_minutes

router = APIRouter(tags=["series"])

MAX_ROWS = 200_000
_HOUR = timedelta(hours=1)
Resolution = Annotated[
    str | None,
    Query(
        description="Length of the intervals wanted, ISO 8601, such as PT1H: finer readings are averaged where "
        "they fill one. Without it, the intervals as they were measured.",
        examples=["PT1H"],
        max_length=20,
    ),
]


@router.get("/series", responses=problems(401, 403, 503), summary="Every series")
def get_series(caller: Reader, conn: Database) -> list[SeriesDocument]:
    """The series that have readings or are forecast, and `site:load`, the load of the whole system."""
    try:
        site: Site | None = site_of(conn)
    except Problem:
        site = None
    kinds = {f"{m.meter_id}:{m.channel}": m.kind for m in site.meters} if site else {}
    # Who forecasts a meter for us sends under the meter's own name: then the meter's series is the one.
    summaries = sorted(list_series(conn), key=lambda summary: summary.source is Source.METER)
    stored = {summary.series_id: summary for summary in summaries}
    documents = [_document(stored[series_id], kinds.get(series_id)) for series_id in sorted(stored)]
    if site and site.loads:
        documents.insert(0, _site_load(site, stored))
    return documents


@router.get(
    "/series/{series_id}/readings",
    response_model=ReadingsDocument,
    responses={**TABLE_RESPONSE, **problems(401, 403, 404, 406, 422, 503)},
    summary="Readings of one series",
)
def get_readings(
    caller: Reader,
    conn: Database,
    request: Request,
    series_id: SeriesId,
    start: Annotated[AwareDatetime, Query(description="First instant wanted, RFC 3339 with offset.")],
    end: Annotated[AwareDatetime, Query(description="Instant behind the last one wanted.")],
    resolution: Resolution = None,
    as_of: Annotated[
        AwareDatetime | None,
        Query(description="Only what had been received by then (wall clock): later corrections are left out."),
    ] = None,
    layer: Annotated[
        Layer, Query(description="`raw`: as sent. `validated`: flagged values replaced or left out, gaps estimated.")
    ] = Layer.RAW,
) -> Response:
    """Readings whose interval starts in [start, end), in the unit they are stored in."""
    start, end = query_utc(start, name="start"), query_utc(end, name="end")
    as_of = None if as_of is None else query_utc(as_of, name="as_of")
    step, version = _check(start, end, resolution), _Version(layer, as_of)
    if series_id == SITE_LOAD:
        rows, unit = _site_load_rows(conn, site_of(conn), _axis(start, end, step or _HOUR), version), "kW"
    else:
        channel = channel_of(conn, series_id)
        unit = STORED_UNIT[channel[2]]
        if step:
            rows = _averaged(conn, channel, _axis(start, end, step), version)
        else:
            rows = _measured(conn, channel, start, end, version)
    document = ReadingsDocument(
        series_id=series_id, unit=unit, resolution=resolution, as_of=as_of, layer=layer.value, readings=rows
    )
    return table_response(request, document, lambda: _frame(document), name=f"{series_id}-readings")


@dataclass(frozen=True, slots=True)
class _Version:
    """Which of the versions of a reading is wanted."""

    layer: Layer
    as_of: datetime | None


def _document(summary: SeriesSummary, kind: str | None) -> SeriesDocument:
    return SeriesDocument(
        series_id=summary.series_id,
        source=summary.source.value,
        unit=summary.unit,
        kind=kind,
        first=summary.first_interval_start,
        last=summary.last_interval_end,
    )


def _site_load(site: Site, stored: dict[str, SeriesSummary]) -> SeriesDocument:
    parts = [stored[load.series_id] for load in site.loads if load.series_id in stored]
    starts = [s.first_interval_start for s in parts if s.first_interval_start]
    ends = [s.last_interval_end for s in parts if s.last_interval_end]
    return SeriesDocument(
        series_id=SITE_LOAD,
        source="derived",
        unit="kW",
        kind="load",
        first=max(starts, default=None),
        last=min(ends, default=None),
    )


def _check(start: datetime, end: datetime, resolution: str | None) -> timedelta | None:
    faults = []
    if start >= end:
        faults.append(Fault("query.end", f"must lie after start, got {end.isoformat()}", "choose a later one"))
    minutes = None if resolution is None else interval_minutes(resolution)
    if resolution is not None and minutes is None:
        problem = f"must be an ISO 8601 duration of whole minutes up to a day, got {resolution!r}"
        faults.append(Fault("query.resolution", problem, "such as PT15M, PT1H or P1D"))
    elif minutes is not None and (end - start) / timedelta(minutes=minutes) > MAX_ROWS:
        problem = f"the range holds more than {MAX_ROWS} intervals of {resolution}"
        faults.append(Fault("query.end", problem, "ask for less at once"))
    if faults:
        raise invalid(faults)
    return None if minutes is None else timedelta(minutes=minutes)


def _measured(
    conn: psycopg.Connection[Any], channel: ChannelId, start: datetime, end: datetime, version: _Version
) -> list[ReadingRow]:
    found = readings_known_by(
        conn, channel, start=start, end=end, known_by=version.as_of, layer=version.layer, limit=MAX_ROWS + 1
    )
    if len(found) > MAX_ROWS:
        raise invalid([Fault("query.end", f"the range holds more than {MAX_ROWS} readings", "ask for less at once")])
    return [
        ReadingRow(
            interval_start=reading.interval_start,
            interval_minutes=reading.interval_minutes,
            value=reading.value,
            quality=reading.quality,
        )
        for reading in found
    ]


def _averaged(conn: psycopg.Connection[Any], channel: ChannelId, axis: TimeAxis, version: _Version) -> list[ReadingRow]:
    matrix = load_channels_known_by(conn, [channel], axis, known_by=version.as_of, layer=version.layer)
    return _rows(axis, matrix[0])


def _site_load_rows(conn: psycopg.Connection[Any], site: Site, axis: TimeAxis, version: _Version) -> list[ReadingRow]:
    """The load of all buses, on the network's scale; missing where one of its meters is missing. [kW]"""
    weights: dict[str, float] = {}
    for load in site.loads:
        weights[load.series_id] = weights.get(load.series_id, 0.0) + 1_000.0 * load.mw_per_kw
    channels: list[ChannelId] = [(Source.METER, *parse_series_id(series_id)) for series_id in weights]
    matrix = load_channels_known_by(conn, channels, axis, known_by=version.as_of, layer=version.layer)
    return _rows(axis, np.array(list(weights.values())) @ matrix)


def _axis(start: datetime, end: datetime, step: timedelta) -> TimeAxis:
    """The steps (multiples of ``step`` since 1970) that begin in [start, end)."""
    first = ceil_to_step(start, step)
    return TimeAxis(first, step, max(0, -((first - end) // step)))


def _rows(axis: TimeAxis, values: FloatArray) -> list[ReadingRow]:
    minutes = int(axis.step / timedelta(minutes=1))
    return [
        ReadingRow(
            interval_start=interval_start,
            interval_minutes=minutes,
            value=None if math.isnan(value) else value,
            quality=int(Quality.MISSING) if math.isnan(value) else 0,
        )
        for interval_start, value in zip(axis.interval_starts, values.tolist(), strict=True)
    ]


def _frame(document: ReadingsDocument) -> pd.DataFrame:
    columns = ["interval_start", "interval_minutes", "value", "quality"]
    frame = pd.DataFrame([row.model_dump() for row in document.readings], columns=columns)
    frame["interval_start"] = pd.to_datetime(frame["interval_start"], utc=True)
    frame["value"] = frame["value"].astype(float)
    frame.insert(0, "series_id", document.series_id)
    frame["unit"] = document.unit
    return frame
