"""A table as JSON, CSV or Parquet, as the ``Accept`` header asks."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Literal

import pandas as pd
from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from api.problems import Problem

Format = Literal["application/json", "text/csv", "application/vnd.apache.parquet"]
JSON: Format = "application/json"
CSV: Format = "text/csv"
PARQUET: Format = "application/vnd.apache.parquet"
_ACCEPTED: dict[str, Format] = {
    JSON: JSON,
    "application/*": JSON,
    "*/*": JSON,
    CSV: CSV,
    "text/*": CSV,
    PARQUET: PARQUET,
    "application/x-parquet": PARQUET,
    "application/parquet": PARQUET,
}

TABLE_RESPONSE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "JSON, CSV or Parquet, as `Accept` asks.",
        "content": {
            CSV: {"schema": {"type": "string"}},
            PARQUET: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


def wanted_format(request: Request) -> Format:
    """The format with the highest quality in ``Accept`` that we have; JSON where nothing is asked.

    Raises:
        Problem: 406, if none is acceptable.
    """
    accept = request.headers.get("accept", "*/*")
    wishes = []
    for i, part in enumerate(accept.split(",")):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((_quality(p[2:]) for p in parameters if p.startswith("q=")), 1.0)
        if media.lower() in _ACCEPTED and quality > 0:
            wishes.append((-quality, i, _ACCEPTED[media.lower()]))
    if not wishes:
        raise Problem(406, "not-acceptable", f"this is to be had as {JSON}, {CSV} or {PARQUET}, not as {accept!r:.120}")
    return min(wishes)[2]


def table_response(request: Request, document: BaseModel, table: Callable[[], pd.DataFrame], *, name: str) -> Response:
    """Answer with ``document`` as JSON, or with ``table()`` as CSV or Parquet under the file name ``name``."""
    media = wanted_format(request)
    if media == JSON:
        return JSONResponse(document.model_dump(mode="json"))
    frame, suffix = table(), "csv" if media == CSV else "parquet"
    if media == CSV:
        content = frame.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%SZ").encode()
    else:
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False)
        content = buffer.getvalue()
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)
    headers = {"Content-Disposition": f'attachment; filename="{safe}.{suffix}"', "Vary": "Accept"}
    return Response(content, media_type=media, headers=headers)


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
