"""``GET /forecasts``: quantiles of a series, as issued."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import pandas as pd
import psycopg
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import AwareDatetime

from api.auth import Reader
from api.instants import query_utc
from api.problems import invalid, not_found, problems
from api.schemas import ForecastDocument, ForecastRow, InputsDocument
from api.service import Database
from api.tables import TABLE_RESPONSE, table_response
from grid.faults import Fault
from grid.forecasts import Forecast, Voice
from grid.store.forecasts import PRIMARY, load_forecast

router = APIRouter(tags=["forecasts"])

SeriesId = Annotated[str, Query(max_length=250, description="`<owner>:<channel>`, or `site:load`.")]
IssuedAt = Annotated[AwareDatetime | None, Query(description="Exactly this issue.")]
AsOf = Annotated[AwareDatetime | None, Query(description="The latest issue up to this instant, on the site's clock.")]


@router.get(
    "/forecasts",
    response_model=ForecastDocument,
    responses={**TABLE_RESPONSE, **problems(401, 403, 404, 406, 422, 503)},
    summary="A forecast",
)
def get_forecast(
    caller: Reader,
    conn: Database,
    request: Request,
    series_id: SeriesId,
    issued_at: IssuedAt = None,
    as_of: AsOf = None,
    role: Annotated[
        Literal["primary", "baseline"], Query(description="`baseline` is the seasonal-naive forecast.")
    ] = "primary",
) -> Response:
    """The latest issue, or the one asked for: JSON, or CSV and Parquet with a column per quantile level."""
    found = forecast_asked_for(conn, series_id, issued_at=issued_at, as_of=as_of, role=role)
    document = ForecastDocument(
        series_id=series_id,
        role=role,
        issued_at=found.issued_at,
        unit="kW",
        interval_minutes=found.axis.step // timedelta(minutes=1),
        model_id=found.model_id,
        method=found.method,
        degraded=found.degraded,
        reasons=list(found.reasons),
        inputs=InputsDocument.model_validate(found.inputs, from_attributes=True) if found.inputs else None,
        levels=list(found.levels),
        intervals=_rows(found),
    )
    return table_response(request, document, lambda: _frame(document), name=f"{series_id}-forecast")


def forecast_asked_for(
    conn: psycopg.Connection[Any],
    series_id: str,
    *,
    issued_at: datetime | None,
    as_of: datetime | None,
    role: str = PRIMARY,
) -> Forecast:
    """The latest issue of a series, exactly one, or the latest up to an instant.

    Raises:
        Problem: 422 if both instants are given, 404 if there is no such forecast.
    """
    if issued_at is not None and as_of is not None:
        raise invalid([Fault("query.as_of", "issued_at is given as well", "give one of the two")])
    found = load_forecast(
        conn, series_id, issued_at=_utc(issued_at, "issued_at"), issued_by=_utc(as_of, "as_of"), role=role
    )
    if found is None:
        instant = issued_at or as_of
        when = f" at {instant.isoformat()}" if instant else ""
        raise not_found(
            f"{role} forecast{when} of series", series_id, remedy="see GET /api/v1/series, or leave the time"
        )
    return found


def _rows(found: Forecast) -> list[ForecastRow]:
    unnoted = Voice(found.method, found.model_id, None)
    voices = found.spoken_by or (unnoted,) * found.axis.periods
    return [
        ForecastRow(
            interval_start=interval_start,
            quantiles=quantiles,
            method=voice.method,
            model_id=voice.model_id,
            fallback_level=voice.fallback_level,
        )
        for interval_start, quantiles, voice in zip(
            found.axis.interval_starts, found.quantiles.tolist(), voices, strict=True
        )
    ]


def _utc(instant: datetime | None, name: str) -> datetime | None:
    return None if instant is None else query_utc(instant, name=name)


def _frame(document: ForecastDocument) -> pd.DataFrame:
    columns = [f"q{level:g}" for level in document.levels]
    frame = pd.DataFrame([row.quantiles for row in document.intervals], columns=columns, dtype=float)
    starts = pd.to_datetime([row.interval_start for row in document.intervals], utc=True)
    frame.insert(0, "interval_start", starts)
    frame.insert(0, "series_id", document.series_id)
    return frame.assign(
        issued_at=pd.Timestamp(document.issued_at),
        unit=document.unit,
        model_id=[row.model_id for row in document.intervals],
        method=[row.method for row in document.intervals],
        fallback_level=pd.array([row.fallback_level for row in document.intervals], dtype="Int64"),
    )
