"""``GET /forecasts/scenarios``: joint courses of several series, drawn from their newest forecasts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import AwareDatetime, Field

from api.auth import Reader
from api.file_forecasts import MAX_SCENARIO_VALUES
from api.instants import query_utc
from api.problems import invalid, not_found, problems
from api.schemas import Document
from api.service import Database, site_of
from api.tables import TABLE_RESPONSE, table_response
from forecasting.site.data import load_series_kw
from forecasting.site.joint import Joint, joint_scenarios, past_of
from grid.faults import Fault
from grid.store.forecasts import load_forecast, load_issues

router = APIRouter(tags=["forecasts"])


class ScenarioDocument(Document):
    """Joint scenarios of several series."""

    unit: str = Field(description="kW.")
    issues: int = Field(description="How many earlier issues told what hangs together; with none, nothing does.")
    issued_at: dict[str, datetime] = Field(description="By series, the issue that was drawn from.")
    rows: list[dict[str, Any]] = Field(
        description="series_id, interval_start, mean, then `s1`, `s2`, …: the k-th of all rows belong together."
    )


@router.get(
    "/forecasts/scenarios",
    response_model=ScenarioDocument,
    responses={**TABLE_RESPONSE, **problems(401, 403, 404, 406, 422, 503)},
    summary="Joint scenarios",
)
def get_scenarios(
    caller: Reader,
    conn: Database,
    request: Request,
    series_id: Annotated[list[str], Query(min_length=1, max_length=100, description="One or more series.")],
    as_of: Annotated[
        AwareDatetime | None, Query(description="The newest issues up to this instant, on the site's clock.")
    ] = None,
    count: Annotated[int, Query(ge=1, le=1000, description="How many scenarios.")] = 100,
    add_up: Annotated[
        bool, Query(description="Make totals of the site's sum checks the sums of their parts, with rests as needed.")
    ] = False,
    seed: Annotated[int, Query(ge=0, le=2**31 - 1, description="The same seed draws the same.")] = 0,
) -> Response:
    """Courses whose hours and series hang together; each series on its own is as its quantiles say."""
    issued_by = None if as_of is None else query_utc(as_of, name="as_of")
    newest = []
    for name in dict.fromkeys(series_id):
        found = load_forecast(conn, name, issued_by=issued_by)
        if found is None:
            raise not_found("forecast of series", name, remedy="see GET /api/v1/series, or leave the time")
        newest.append(found)
    values = count * len(newest) * min(one.axis.periods for one in newest)
    if values > MAX_SCENARIO_VALUES:
        remedy = f"ask for fewer scenarios or series: {MAX_SCENARIO_VALUES:,} at most"
        raise invalid([Fault("query.count", f"would be {values:,} values", remedy)])
    try:
        past = past_of(newest)
    except ValueError as error:
        raise invalid([Fault("query.series_id", str(error), "ask for fewer series")]) from error
    site, names = site_of(conn), [one.series_id for one in newest]
    issues = load_issues(conn, names, past.issued_at)
    kw = load_series_kw(conn, site, names, past.axis)
    checks = site.sum_checks if add_up else None
    joint = joint_scenarios(newest, issues, kw, checks=checks, count=count, seed=seed)
    frame = _frame(joint)
    document = ScenarioDocument(
        unit="kW",
        issues=joint.issues,
        issued_at={one.series_id: one.issued_at for one in newest},
        rows=[{str(name): row[name] for name in row} for row in frame.to_dict(orient="records")],
    )
    return table_response(request, document, lambda: frame, name="scenarios")


def _frame(joint: Joint) -> pd.DataFrame:
    columns = [f"s{k}" for k in range(1, len(joint.scenarios) + 1)]
    parts = []
    for row, name in enumerate(joint.names):
        own = pd.DataFrame(joint.scenarios[:, row].T, columns=columns)
        own.insert(0, "mean", joint.mean[row])
        own.insert(0, "interval_start", joint.axis.index)
        own.insert(0, "series_id", name)
        parts.append(own)
    return pd.concat(parts, ignore_index=True)
