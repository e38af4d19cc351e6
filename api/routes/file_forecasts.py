"""``POST /forecasts/from-file``: a forecast of the horizon of an uploaded file."""

from __future__ import annotations

from datetime import datetime
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


class FileInputsDocument(Document):
    """What was known of a series of a file."""

    readings_until: datetime | None = Field(description="End of its last known value; null without one.")
    covariates_until: datetime | None = Field(
        description="End of the last known value of its covariates, which may lie in the horizon; null without any."
    )
    completeness: float = Field(description="Share of the week before the horizon whose values were known.")


class FileReport(Document):
    """How one series of a file was forecast: the provenance of all its rows."""

    series_id: str = Field(description="Which series.")
    method: str = Field(description="The members that spoke, the weightiest first.")
    weights: dict[str, float] = Field(description="Weight of each of them.")
    width: float = Field(description="By how much the bands were widened after mixing.")
    skill: float | None = Field(
        description="Against the seasonal naive in the backtest that chose the weights; null where that never erred."
    )
    backtest_origins: int = Field(description="How many forecasts that backtest held.")
    degraded: bool = Field(description="Neither a regression nor trees nor a network could speak, or neighbours did.")
    reasons: list[str] = Field(description="What could not be used, and what stood in for it.")
    model_id: str = Field(description="Of what was trained on the file: the same for the same file, effort and seed.")
    fallback_level: int = Field(
        description="0; 4 where neighbours spoke, 5 if otherwise `degraded`, as for stored forecasts."
    )
    issued_at: datetime = Field(description="When the horizon begins: no value measured from then on was known.")
    inputs: FileInputsDocument = Field(description="What was known.")


class SeriesExplanationDocument(Document):
    """Why one series' forecast is what it is, in words."""

    series_id: str = Field(description="Which series.")
    sentences: list[str] = Field(description="One per local day.")
    attention: dict[str, list[float]] = Field(
        description="By network, share of its attention to each of the last seven days, the oldest first; not a cause."
    )


class FileExplanation(Document):
    """Contributions that add up to the forecast."""

    series: list[SeriesExplanationDocument] = Field(description="In the order of the file.")
    rows: list[dict[str, Any]] = Field(
        description="series_id, time, group, to_median, to_width; the groups of an instant add up to the median and to "
        "the width of the central 80 %."
    )


class FileHistory(Document):
    """What was known of a series right before its horizon."""

    series_id: str = Field(description="Which series.")
    unit: str = Field(description="Of its values, as SERIES.json names it.")
    interval_minutes: int = Field(description="Length of its intervals.")
    start: datetime = Field(description="Start of the first one; the last one ends where the horizon begins.")
    values: list[float | None] = Field(description="Of each interval; null where unknown.")


class FileForecastDocument(Document):
    """Forecast of every horizon row of a file."""

    series: list[FileReport] = Field(description="In the order of the file.")
    rows: list[dict[str, Any]] = Field(description="series_id, time, mean, then a number per level such as `q0.1`.")
    scenarios: list[dict[str, Any]] | None = Field(
        description="series_id, time, then `s1`, `s2`, …: the k-th of all series and times belong together."
    )
    explanation: FileExplanation | None = Field(description="What each group of inputs contributes.")
    history: list[FileHistory] | None = Field(description="What was known before each horizon, in the file's order.")


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
    series: Annotated[UploadFile, File(description="SERIES.json: what each series is, see docs/forecast-files.md.")],
    quantiles: Annotated[
        str | None, Form(max_length=10_000, description="Levels, such as `0.1,0.5,0.9`; by default 0.05 to 0.95.")
    ] = None,
    effort: Annotated[Literal["fast", "full"], Form(description="How long to train on the file.")] = "full",
    seed: Annotated[int, Form(ge=0, le=2**31 - 1, description="Of every random draw.")] = 0,
    scenarios: Annotated[int, Form(ge=0, le=10_000, description="How many joint scenarios; told in JSON.")] = 0,
    explain: Annotated[bool, Form(description="Whether to tell what each input contributes; told in JSON.")] = False,
    history_days: Annotated[
        int, Form(ge=0, le=31, description="How many days before each horizon to tell beside it; told in JSON.")
    ] = 0,
) -> Response:
    """The rows after each series' last known value are forecast: JSON, CSV or Parquet. Nothing is stored."""
    wanted_format(request)  # refused before the work, not after it
    options = FileOptions(
        quantiles=quantiles, effort=effort, seed=seed, scenarios=scenarios, explain=explain, history_days=history_days
    )
    made = service.files.forecast(file.file.read(), series.file.read(), options)
    return table_response(request, _document(made), lambda: made.table, name="forecast")


def _document(made: FileAnswer) -> FileForecastDocument:
    return FileForecastDocument(
        series=[FileReport.model_validate(report) for report in made.reports],
        rows=_records(made.table),
        scenarios=None if made.scenarios is None else _records(made.scenarios),
        explanation=None if made.explanation is None else FileExplanation.model_validate(made.explanation),
        history=None if made.history is None else [FileHistory.model_validate(one) for one in made.history],
    )


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    times = pd.DatetimeIndex(table["time"]).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [{str(name): row[name] for name in row} for row in table.assign(time=times).to_dict(orient="records")]
