"""``GET /series`` and the readings of one of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import AwareDatetime

from api.auth import Reader
from api.channels import SeriesId, channel_of
from api.instants import query_utc
from api.problems import Problem, invalid, problems
from api.schemas import ReadingRow, ReadingsDocument, SeriesDocument
from api.service import Database, site_of
from api.tables import JSON, TABLE_RESPONSE, batches_response, table_response, wanted_format
from grid.faults import Fault
from grid.readings import Layer, Quality, Source
from grid.site import SITE_LOAD, Site
from grid.store.reading_stream import stream_readings
from grid.store.reading_versions import load_channels_known_by, readings_known_by
from grid.store.readings import parse_series_id
from grid.store.series import ChannelId, SeriesSummary, list_series
from grid.time_axis import FloatArray, TimeAxis, ceil_to_step
from grid.units import STORED_UNIT, Channel, accepted_units, from_stored_unit
from ingest.messages import interval_minutes

router = APIRouter(tags=["series"])

MAX_ROWS = 200_000
_HOUR = timedelta(hours=1)
_LAST_YEAR = 9998
"""Steps of a later one end beyond the calendar."""
_SCHEMA = pa.schema(
    [("series_id", pa.string()), ("interval_start", pa.timestamp("us", "UTC")), ("interval_minutes", pa.int64()),
     ("value", pa.float64()), ("quality", pa.int64()), ("unit", pa.string())]
)  # fmt: skip
Resolution = Annotated[
    str | None,
    Query(
        description="Length of the intervals wanted, ISO 8601, such as PT1H: power is averaged where readings "
        "fill one, of a state (a register, a state of charge) it is the last. Without it, the intervals as they "
        "were measured.",
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
    unit: Annotated[
        str | None,
        Query(
            description="Such as MW, kWh (energy of each interval) or degF; by default the unit that is stored.",
            max_length=10,
        ),
    ] = None,
) -> Response:
    """Readings whose interval starts in [start, end). As Arrow, Parquet or CSV they may be any number."""
    start, end = query_utc(start, name="start"), query_utc(end, name="end")
    as_of = None if as_of is None else query_utc(as_of, name="as_of")
    name = f"{series_id}-readings"
    channel = None if series_id == SITE_LOAD else channel_of(conn, series_id)
    shown = _Shown(Channel.LOAD if channel is None else channel[2], unit)
    hourly = "PT1H" if channel is None else None  # the system's load is added up, and has no intervals of its own
    step, version = _check(start, end, resolution or hourly, shown), _Version(layer, as_of)
    if channel is None:
        rows = _site_load_rows(conn, site_of(conn), _axis(start, end, step or _HOUR), version, shown)
    elif step:
        rows = _averaged(conn, channel, _axis(start, end, step), version, shown)
    elif (media := wanted_format(request)) != JSON:
        batches = _batches(conn, channel, start, end, version, shown, series_id=series_id)
        return batches_response(media, _SCHEMA, batches, name=name)
    else:
        rows = _measured(conn, channel, start, end, version, shown)
    document = ReadingsDocument(
        series_id=series_id, unit=shown.name, resolution=resolution, as_of=as_of, layer=layer.value, readings=rows
    )
    return table_response(request, document, lambda: _frame(document), name=name)


@dataclass(frozen=True, slots=True)
class _Version:
    """Which of the versions of a reading is wanted."""

    layer: Layer
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class _Shown:
    """The unit that values are shown in; None for the one they are stored in."""

    channel: Channel
    unit: str | None

    @property
    def name(self) -> str:
        return self.unit or STORED_UNIT[self.channel]

    def __call__(self, values: FloatArray, minutes: FloatArray | float) -> FloatArray:
        if self.unit is None:
            return values
        return from_stored_unit(values, unit=self.unit, channel=self.channel, interval_minutes=minutes)


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


def _check(start: datetime, end: datetime, resolution: str | None, shown: _Shown) -> timedelta | None:
    faults = []
    if shown.unit is not None and shown.unit not in (known := accepted_units(shown.channel)):
        problem = f"{shown.unit!r} does not fit {shown.channel.value}"
        faults.append(Fault("query.unit", problem, f"choose one of {', '.join(known)}"))
    if start >= end:
        faults.append(Fault("query.end", f"must lie after start, got {end.isoformat()}", "choose a later one"))
    minutes = None if resolution is None else interval_minutes(resolution)
    if resolution is not None and minutes is None:
        problem = f"must be an ISO 8601 duration of whole minutes up to a day, got {resolution!r}"
        faults.append(Fault("query.resolution", problem, "such as PT15M, PT1H or P1D"))
    elif minutes is not None and (end - start) / timedelta(minutes=minutes) > MAX_ROWS:
        problem = f"the range holds more than {MAX_ROWS} intervals of {resolution}"
        faults.append(Fault("query.end", problem, "ask for less at once"))
    elif minutes is not None and end.year > _LAST_YEAR:
        faults.append(Fault("query.end", f"lies beyond the year {_LAST_YEAR}", "choose an earlier one"))
    if faults:
        raise invalid(faults)
    return None if minutes is None else timedelta(minutes=minutes)


def _measured(
    conn: psycopg.Connection[Any], channel: ChannelId, start: datetime, end: datetime, version: _Version, shown: _Shown
) -> list[ReadingRow]:
    found = readings_known_by(
        conn, channel, start=start, end=end, known_by=version.as_of, layer=version.layer, limit=MAX_ROWS + 1
    )
    if len(found) > MAX_ROWS:
        remedy = "ask for less at once, or for Arrow, Parquet or CSV by the Accept header"
        raise invalid([Fault("query.end", f"the range holds more than {MAX_ROWS} readings", remedy)])
    minutes = np.array([reading.interval_minutes for reading in found], dtype=np.float64)
    values = shown(np.array([reading.value for reading in found], dtype=np.float64), minutes)  # None becomes NaN
    return [
        ReadingRow(
            interval_start=reading.interval_start,
            interval_minutes=reading.interval_minutes,
            value=None if math.isnan(value) else value,
            quality=reading.quality,
        )
        for reading, value in zip(found, values.tolist(), strict=True)
    ]


def _batches(
    conn: psycopg.Connection[Any],
    channel: ChannelId,
    start: datetime,
    end: datetime,
    version: _Version,
    shown: _Shown,
    *,
    series_id: str,
) -> Iterator[pa.RecordBatch]:
    """The readings as they were measured, however many."""
    for part in stream_readings(conn, channel, start=start, end=end, known_by=version.as_of, layer=version.layer):
        columns = [
            pa.repeat(series_id, len(part.value)),
            pa.array(part.start_us, pa.timestamp("us", "UTC")),
            pa.array(part.minutes),
            pa.array(shown(part.value, part.minutes.astype(np.float64)), from_pandas=True),
            pa.array(part.quality),
            pa.repeat(shown.name, len(part.value)),
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=_SCHEMA)


def _averaged(
    conn: psycopg.Connection[Any], channel: ChannelId, axis: TimeAxis, version: _Version, shown: _Shown
) -> list[ReadingRow]:
    matrix = load_channels_known_by(conn, [channel], axis, known_by=version.as_of, layer=version.layer)
    return _rows(axis, shown(matrix[0], axis.step_hours * 60.0))


def _site_load_rows(
    conn: psycopg.Connection[Any], site: Site, axis: TimeAxis, version: _Version, shown: _Shown
) -> list[ReadingRow]:
    """The load of all buses, on the network's scale; missing where one of its meters is missing."""
    weights: dict[str, float] = {}
    for load in site.loads:
        weights[load.series_id] = weights.get(load.series_id, 0.0) + 1_000.0 * load.mw_per_kw
    channels: list[ChannelId] = [(Source.METER, *parse_series_id(series_id)) for series_id in weights]
    matrix = load_channels_known_by(conn, channels, axis, known_by=version.as_of, layer=version.layer)
    load_kw = np.array(list(weights.values())) @ matrix
    return _rows(axis, shown(load_kw, axis.step_hours * 60.0))


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
