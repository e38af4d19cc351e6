"""The part of the client SDK about the quality of readings: shares, flagged spans, edits by hand.

Example:
    >>> days = grid.quality.days("m-17:import", start, end)  # doctest: +SKIP
    >>> days.attrs["spans"]  # doctest: +SKIP
    >>> grid.quality.edit("m-17:import", start, [0.4, 0.5, None], reason="read off the display")  # doctest: +SKIP
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

import pandas as pd

from api.client_transport import Transport, given


class QualityClient:
    """``GridPilot(...).quality``: how good readings are, and edits of them by hand."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def days(self, series_id: str, start: datetime, end: datetime, *, as_of: datetime | None = None) -> pd.DataFrame:
        """Intervals by local day: start, intervals, valid, questionable, estimated, edited, missing, waiting.

        ``frame.attrs`` holds ``total``, and as frames ``rules`` (rule, intervals, seen, remedy) and ``spans`` (start,
        end, intervals, quality, missing, reasons, explanation).

        Args:
            as_of: As it was known then (wall clock).
        """
        query = given(start=start, end=end, as_of=as_of)
        told = self._transport.document("GET", f"/series/{quote(series_id, safe='')}/quality", params=query)
        frame = _frame(_frame(told["days"], instants=("day",), utc=False), instants=("start",))
        spans = _frame(told["spans"], instants=("start", "end"))
        rules = pd.DataFrame(told["rules"])
        frame.attrs = {"total": told["total"], "rules": rules, "spans": spans, "complete": told["complete"]}
        return frame.set_index("day") if len(frame) else frame

    def worst(self, *, hours: int = 24, limit: int = 20) -> pd.DataFrame:
        """The series with the most time that is not plainly valid, worst first.

        ``frame.attrs`` holds ``silent`` (a frame of meters without any reading in that time) and ``backlog``.
        """
        told = self._transport.document("GET", "/quality", params={"hours": hours, "limit": limit})
        frame = _frame(told["series"], instants=("last",))
        frame.attrs = {"silent": _frame(told["silent"], instants=("last",)), "backlog": told["backlog"]}
        return frame

    def edit(
        self,
        series_id: str,
        start: datetime,
        values: Sequence[float | None],
        *,
        reason: str,
        interval_minutes: int | None = None,
    ) -> pd.DataFrame:
        """Set one value per interval from ``start`` on; None or NaN declares one missing. The edits made.

        Args:
            interval_minutes: Length of each interval; None for that of the newest reading.
        """
        wanted = [None if value is None or math.isnan(value) else float(value) for value in values]
        body: dict[str, Any] = {"action": "set", "values": wanted, "reason": reason, **given(start=start)}
        if interval_minutes is not None:
            body["interval_minutes"] = interval_minutes
        return self._edit(series_id, body)

    def edit_span(
        self,
        series_id: str,
        start: datetime,
        end: datetime,
        action: Literal["accept", "missing"] | float,
        *,
        reason: str,
    ) -> pd.DataFrame:
        """Treat every interval in [start, end) alike: accept what was sent, declare it missing, or set one value."""
        said: dict[str, Any] = (
            {"action": action} if isinstance(action, str) else {"action": "set", "value": float(action)}
        )
        return self._edit(series_id, {**said, "reason": reason, **given(start=start, end=end)})

    def edits(self, series_id: str, start: datetime, end: datetime, *, withdrawn: bool = False) -> pd.DataFrame:
        """The edits of intervals that start in [start, end), in order of time; the withdrawn ones too, if asked."""
        query = {**given(start=start, end=end), "withdrawn": str(withdrawn).lower()}
        return _edits(self._transport.documents("GET", _path(series_id), params=query))

    def withdraw(self, series_id: str, start: datetime, end: datetime, *, reason: str) -> pd.DataFrame:
        """Take back every edit in force of intervals that start in [start, end). Those that were taken back."""
        query = given(start=start, end=end, reason=reason)
        return _edits(self._transport.documents("DELETE", _path(series_id), params=query))

    def _edit(self, series_id: str, body: dict[str, Any]) -> pd.DataFrame:
        return _edits(self._transport.documents("POST", _path(series_id), json=body))


def _path(series_id: str) -> str:
    return f"/series/{quote(series_id, safe='')}/edits"


def _edits(documents: list[dict[str, Any]]) -> pd.DataFrame:
    frame = _frame(documents, instants=("interval_start", "edited_at", "withdrawn_at"))
    for column in ("old_value", "value"):
        if column in frame:
            frame[column] = frame[column].astype(float)
    return frame


def _frame(
    documents: list[dict[str, Any]] | pd.DataFrame, *, instants: tuple[str, ...], utc: bool = True
) -> pd.DataFrame:
    frame = pd.DataFrame(documents)
    for column in instants:
        if column in frame:
            frame[column] = pd.to_datetime(frame[column], utc=utc, format="ISO8601")
    return frame
