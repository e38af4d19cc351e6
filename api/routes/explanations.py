"""``GET /forecasts/explanation``: what each group of inputs contributes to a stored forecast."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field

from api.auth import Reader
from api.problems import problems, unavailable
from api.routes.forecasts import AsOf, IssuedAt, SeriesId, forecast_asked_for
from api.schemas import Document
from api.service import Database, ServiceParts, site_of
from api.tables import TABLE_RESPONSE, table_response, wanted_format

router = APIRouter(tags=["forecasts"])
RETRY_SECONDS = 3


class ForecastExplanation(Document):
    """Contributions that add up to a stored forecast."""

    series_id: str = Field(description="Which series.")
    issued_at: datetime = Field(description="Which issue.")
    unit: str = Field(description="kW.")
    sentences: list[str] = Field(
        description="One per local day; then who spoke for hours that no model of ours did. Why is in the forecast."
    )
    attention: dict[str, list[float]] = Field(
        description="By network, share of its attention to each of the last seven days, the oldest first; not a cause."
    )
    rows: list[dict[str, Any]] = Field(
        description="interval_start, group, to_median, to_width, of the hours for which a model spoke; the groups of "
        "an instant add up to the median and to the width of the central 80 %. `changed since` is what the model would "
        "say otherwise today, because readings came or were edited after the issue."
    )


@router.get(
    "/forecasts/explanation",
    response_model=ForecastExplanation,
    responses={**TABLE_RESPONSE, **problems(401, 403, 404, 406, 422, 503)},
    summary="Why a forecast is what it is",
)
def get_explanation(
    caller: Reader,
    conn: Database,
    service: ServiceParts,
    request: Request,
    series_id: SeriesId,
    issued_at: IssuedAt = None,
    as_of: AsOf = None,
) -> Response:
    """The model that spoke is asked again, as of the instant of issue, with groups of inputs as they usually are.

    One forecast is explained at a time in a process; while one is, others get 503 with `Retry-After`.
    """
    wanted_format(request)  # refused before the work, not after it
    stored = forecast_asked_for(conn, series_id, issued_at=issued_at, as_of=as_of)
    site = site_of(conn)
    if not service.explaining.acquire(blocking=False):
        raise unavailable("another forecast is being explained here; ask again later", retry_seconds=RETRY_SECONDS)
    try:
        from forecasting.site.service import (
            ForecastService,  # here, so that the API starts and mostly runs without torch
        )

        made = ForecastService().explain(conn, site, stored)
    finally:
        service.explaining.release()
    table = made.table.rename(columns={"time": "interval_start"})
    starts = table["interval_start"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = table.drop(columns="series_id").assign(interval_start=starts).to_dict(orient="records")
    document = ForecastExplanation(
        series_id=series_id,
        issued_at=stored.issued_at,
        unit="kW",
        sentences=list(made.sentences),
        attention={name: list(shares) for name, shares in made.attention.items()},
        rows=[{str(name): row[name] for name in row} for row in rows],
    )
    return table_response(request, document, lambda: table, name=f"{series_id}-explanation")
