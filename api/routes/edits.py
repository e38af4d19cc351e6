"""Edits of readings by hand: each with its reason, none ever erased, all of them in the audit log."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime

from api.auth import Operator, Reader
from api.channels import MeasuredSeriesId, channel_of
from api.instants import query_utc
from api.problems import Problem, invalid, not_found, problems
from api.quality_schemas import REASON_PATTERN, EditDocument, EditRequest
from api.service import Database
from grid.faults import Fault
from grid.store.audit import key_actor
from grid.store.edits import MAX_EDITS, IntervalValue, ReadingEdit, add_edits, find_edit, list_edits, withdraw_edits
from grid.store.known_intervals import known_intervals, newest_interval
from grid.store.series import ChannelId
from grid.store.settled import stamp
from ingest.messages import EARLIEST, LATEST

router = APIRouter(prefix="/series/{series_id}/edits", tags=["quality"])

LAST_ID = 2**63 - 1
_DAY_MINUTES = 1440
WhyNot = Annotated[
    str, Query(min_length=3, max_length=2000, pattern=REASON_PATTERN, description="Why it is taken back.")
]
Start = Annotated[AwareDatetime, Query(description="First instant, RFC 3339 with offset.")]
End = Annotated[AwareDatetime, Query(description="Instant behind the last one.")]


@router.get("", responses=problems(401, 403, 404, 422, 503), summary="Edits of one series")
def get_edits(
    caller: Reader,
    conn: Database,
    series_id: MeasuredSeriesId,
    start: Start,
    end: End,
    withdrawn: Annotated[bool, Query(description="Those that were taken back, too.")] = False,
) -> list[EditDocument]:
    """The edits of intervals that start in [start, end), in order of time and then of their making."""
    start, end = _span(start, end)
    channel = channel_of(conn, series_id)
    return [_document(edit) for edit in list_edits(conn, channel, start=start, end=end, withdrawn=withdrawn)]


@router.post("", status_code=201, responses=problems(401, 403, 404, 413, 422, 503), summary="Edit readings by hand")
def post_edits(
    caller: Operator, conn: Database, series_id: MeasuredSeriesId, request: EditRequest
) -> list[EditDocument]:
    """Set values, declare them missing, or accept what was sent, for at most 10,000 intervals.

    The raw readings stay as they were sent; the validated layer takes the edit over within moments, and every forecast
    after that. An edit stands against every rule until it is withdrawn.
    """
    channel = channel_of(conn, series_id)
    intervals = _intervals(conn, channel, request)
    if len(intervals) > MAX_EDITS:
        raise invalid([Fault("body.end", f"the span holds more than {MAX_EDITS} intervals", "edit less at once")])
    actor = key_actor(caller.name)
    made = add_edits(conn, channel, intervals, reason=request.reason, actor=actor, at=stamp(conn))
    return [_document(edit) for edit in made]


@router.delete("", responses=problems(401, 403, 404, 422, 503), summary="Withdraw the edits of a span")
def delete_edits(
    caller: Operator, conn: Database, series_id: MeasuredSeriesId, start: Start, end: End, reason: WhyNot
) -> list[EditDocument]:
    """Take back every edit in force of intervals that start in [start, end). The answer is what was taken back."""
    start, end = _span(start, end)
    channel = channel_of(conn, series_id)
    edits = list_edits(conn, channel, start=start, end=end, withdrawn=False)
    taken = withdraw_edits(conn, channel, edits, reason=reason, actor=key_actor(caller.name), at=stamp(conn))
    return [_document(edit) for edit in taken]


@router.delete("/{edit_id}", responses=problems(401, 403, 404, 409, 422, 503), summary="Withdraw one edit")
def delete_edit(
    caller: Operator,
    conn: Database,
    series_id: MeasuredSeriesId,
    edit_id: Annotated[int, Path(ge=1, le=LAST_ID, description="Which edit.")],
    reason: WhyNot,
) -> EditDocument:
    """Take one edit back; an older edit of the same interval then holds again. It is kept, with the reason."""
    channel = channel_of(conn, series_id)
    edit = find_edit(conn, channel, edit_id)
    if edit is None:
        raise not_found(f"edit of {series_id}", str(edit_id), remedy="GET /api/v1/series/{series_id}/edits lists them")
    taken = withdraw_edits(conn, channel, [edit], reason=reason, actor=key_actor(caller.name), at=stamp(conn))
    if not taken:
        raise Problem(409, "withdrawn-before", f"edit {edit_id} was withdrawn before; the list of edits says by whom")
    return _document(taken[0])


def _span(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    start, end = query_utc(start, name="start"), query_utc(end, name="end")
    if start >= end:
        raise invalid([Fault("query.end", f"must lie after start, got {end.isoformat()}", "choose a later one")])
    return start, end


def _intervals(conn: Database, channel: ChannelId, request: EditRequest) -> list[IntervalValue]:
    """What the request sets each interval to."""
    faults = []
    if request.action == "set" and (request.value is None) == (request.values is None):
        faults.append(Fault("body.value", "or `values` must be given to set, one of them", "give a value or a list"))
    if request.action != "set" and (request.value is not None or request.values is not None):
        faults.append(Fault("body.value", f"does not go with {request.action!r}", "leave the values, or choose set"))
    if (request.end is None) == (request.values is None):
        faults.append(Fault("body.end", "must be given, unless `values` are", "name the instant behind the last one"))
    if faults:
        raise invalid(faults)
    start = query_utc(request.start, name="start", where="body")
    end = LATEST if request.end is None else query_utc(request.end, name="end", where="body")
    if not EARLIEST <= start < end <= LATEST:
        problem = f"must lie after start, both from {EARLIEST.isoformat()} to {LATEST.isoformat()}"
        raise invalid([Fault("body.end", problem, "choose another span")])
    if request.action == "set":
        return _to_set(conn, channel, request, start, end)
    known = known_intervals(conn, channel, start=start, end=end, limit=MAX_EDITS + 1)
    if request.action == "accept":
        chosen = [IntervalValue(x.interval_start, x.interval_minutes, x.sent) for x in known if x.came]
    else:
        chosen = [IntervalValue(x.interval_start, x.interval_minutes, None) for x in known]
    if not chosen:
        what = "no reading came" if request.action == "accept" else "no interval is known"
        raise invalid([Fault("body.start", f"{what} in this span", "see GET /api/v1/series/{series_id}/readings")])
    return chosen


def _to_set(
    conn: Database, channel: ChannelId, request: EditRequest, start: datetime, end: datetime
) -> list[IntervalValue]:
    """Intervals of one length from ``start`` on, whether they came or not, each with its value."""
    newest = newest_interval(conn, channel)
    minutes = request.interval_minutes or (newest[1] if newest else None)
    if minutes is None:
        raise invalid([Fault("body.interval_minutes", "must be given: the series has no reading", "name the length")])
    step = timedelta(minutes=minutes)
    if newest is not None and minutes < _DAY_MINUTES and (start - newest[0]) % step:
        nearest = newest[0] + (start - newest[0]) // step * step
        problem = f"no interval of {minutes} minutes of this series begins then, got {start.isoformat()}"
        raise invalid([Fault("body.start", problem, f"such as {nearest.isoformat()}")])
    values = request.values or [request.value] * min(-((start - end) // step), MAX_EDITS + 1)
    if start + len(values) * step > LATEST:
        raise invalid([Fault("body.values", f"reach beyond {LATEST.isoformat()}", "send fewer, or an earlier start")])
    return [IntervalValue(start + i * step, minutes, value) for i, value in enumerate(values)]


def _document(edit: ReadingEdit) -> EditDocument:
    return EditDocument.model_validate(edit, from_attributes=True)
