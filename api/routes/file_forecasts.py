"""``POST /forecasts/from-file``: a forecast of the horizon of an uploaded file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pandas as pd
from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import Response
from pydantic import Field

from api.auth import Reader
from api.file_forecasts import FileAnswer, FileOptions
from api.problems import problems
from api.schemas import Document
from api.service import ServiceParts
from api.tables import TABLE_RESPONSE, table_response, wanted_format

router = APIRouter(tags=["forecasts"])


class FileReport(Document):
    """How one series of a file was forecast."""

    series_id: str = Field(description="Which series.")
    method: str = Field(description="The members that spoke, the weightiest first.")
    weights: dict[str, float] = Field(description="Weight of each of them.")
    width: float = Field(description="By how much the bands were widened after mixing.")
    skill: float | None = Field(description="Against the seasonal naive in the backtest that chose the weights.")
    backtest_origins: int = Field(description="How many forecasts that backtest held.")
    degraded: bool = Field(description="True if no network could speak.")
    reasons: list[str] = Field(description="What could not be used, and what stood in for it.")


class FileForecastDocument(Document):
    """Forecast of every horizon row of a file."""

    series: list[FileReport] = Field(description="In the order of the file.")
    rows: list[dict[str, Any]] = Field(description="series_id, time, mean, then a number per level such as `q0.1`.")


@router.post(
    "/forecasts/from-file",
    response_model=FileForecastDocument,
    responses={**TABLE_RESPONSE, **problems(400, 401, 403, 406, 413, 422, 503)},
    summary="Forecast a file",
)
def post_file_forecast(
    caller: Reader,
    service: ServiceParts,
    request: Request,
    file: Annotated[UploadFile, File(description="CSV or Parquet: series_id, time, value, then covariates.")],
    series: Annotated[UploadFile, File(description="SERIES.json: what each series is.")],
    quantiles: Annotated[
        str | None, Form(max_length=10_000, description="Levels, such as `0.1,0.5,0.9`; by default 0.05 to 0.95.")
    ] = None,
    effort: Annotated[Literal["fast", "full"], Form(description="How long to train on the file.")] = "full",
    seed: Annotated[int, Form(ge=0, le=2**31 - 1, description="Of every random draw.")] = 0,
) -> Response:
    """The rows after each series' last known value are forecast: JSON, CSV or Parquet. Nothing is stored."""
    wanted_format(request)  # refused before the work, not after it
    options = FileOptions(quantiles=quantiles, effort=effort, seed=seed)
    made = service.files.forecast(file.file.read(), series.file.read(), options)
    return table_response(request, _document(made), lambda: made.table, name="forecast")


def _document(made: FileAnswer) -> FileForecastDocument:
    times = pd.DatetimeIndex(made.table["time"]).strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = made.table.assign(time=times).to_dict(orient="records")
    reports = [FileReport.model_validate(report) for report in made.reports]
    return FileForecastDocument(series=reports, rows=[{str(name): row[name] for name in row} for row in rows])
