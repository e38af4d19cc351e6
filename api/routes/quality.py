"""Data quality: how good a series is and why not, and which series need somebody to look at them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from api.auth import Reader
from api.channels import MeasuredSeriesId, channel_of
from api.instants import query_utc
from api.problems import invalid, problems
from api.quality_schemas import (
    Backlog,
    QualityDay,
    QualityShares,
    QualitySpan,
    RuleCount,
    SeriesQuality,
    SeriesStanding,
    SiteQuality,
)
from api.service import Database, ServiceParts, present_of, site_of
from grid.faults import Fault
from grid.local_days import local_midnight
from grid.store.quality import (
    FlaggedSpan,
    QualityCounts,
    Standing,
    daily_quality,
    flagged_spans,
    silent_series,
    total_counts,
    worst_series,
)
from grid.store.validation_due import validation_backlog
from grid.validation import RULES, explain

router = APIRouter(tags=["quality"])

MAX_VERDICTS = 20_000
LONGEST = timedelta(days=3 * 366)


@router.get(
    "/series/{series_id}/quality", responses=problems(401, 403, 404, 422, 503), summary="How good a series is, and why"
)
def get_series_quality(
    caller: Reader,
    conn: Database,
    series_id: MeasuredSeriesId,
    start: Annotated[AwareDatetime, Query(description="First instant wanted, RFC 3339 with offset.")],
    end: Annotated[AwareDatetime, Query(description="Instant behind the last one wanted.")],
    as_of: Annotated[AwareDatetime | None, Query(description="As it was known then (wall clock).")] = None,
) -> SeriesQuality:
    """Shares of what is valid, estimated, edited and missing, by local day; every flagged span, explained in words."""
    start, end = query_utc(start, name="start"), query_utc(end, name="end")
    as_of = None if as_of is None else query_utc(as_of, name="as_of")
    if not timedelta(0) < end - start <= LONGEST:
        problem = f"must lie after start and at most {LONGEST.days} days behind it, got {end.isoformat()}"
        raise invalid([Fault("query.end", problem, "choose another one")])
    channel = channel_of(conn, series_id)
    zone = site_of(conn).timezone
    days = daily_quality(conn, channel, start=start, end=end, timezone=zone, known_by=as_of)
    spans = flagged_spans(conn, channel, start=start, end=end, limit=MAX_VERDICTS, known_by=as_of)
    return SeriesQuality(
        series_id=series_id,
        start=start,
        end=end,
        as_of=as_of,
        total=_shares(total_counts(days.values())),
        days=[
            QualityDay(day=day, start=local_midnight(day, zone), **_shares(counts).model_dump())
            for day, counts in days.items()
        ],
        rules=_rule_counts(spans),
        spans=[_span(span) for span in spans],
        complete=sum(span.intervals for span in spans) < MAX_VERDICTS,
    )


@router.get("/quality", responses=problems(401, 403, 422, 503), summary="Which series need a look")
def get_quality(
    caller: Reader,
    conn: Database,
    service: ServiceParts,
    hours: Annotated[int, Query(ge=1, le=24 * 31, description="How far back from the site's present.")] = 24,
    limit: Annotated[int, Query(ge=1, le=200, description="At most this many of each list.")] = 20,
) -> SiteQuality:
    """The worst series of the last hours, meters that are silent, and what waits for validation."""
    found = validation_backlog(conn)
    backlog = Backlog(spans=found.marks, series=found.channels, oldest_marked_at=found.oldest_marked_at)
    present = present_of(conn, site_of(conn), service.clock)
    if present is None:
        return SiteQuality(start=None, end=None, backlog=backlog, series=[], silent=[])
    start = present - timedelta(hours=hours)
    worst = [_standing(one) for one in worst_series(conn, start=start, end=present, limit=limit)]
    silent = [_standing(one) for one in silent_series(conn, since=start, limit=limit)]
    return SiteQuality(start=start, end=present, backlog=backlog, series=worst, silent=silent)


def _standing(standing: Standing) -> SeriesStanding:
    return SeriesStanding(
        series_id=standing.series_id,
        last=standing.last,
        reasons=[reason.name for reason in explain(standing.quality) if reason in RULES],
        **_shares(standing.counts).model_dump(),
    )


def _shares(counts: QualityCounts) -> QualityShares:
    return QualityShares.model_validate(counts, from_attributes=True)


def _rule_counts(spans: list[FlaggedSpan]) -> list[RuleCount]:
    counted = [(sum(span.intervals for span in spans if span.quality & rule.bit), rule) for rule in RULES]
    return [
        RuleCount(rule=rule.name, bit=int(rule.bit), intervals=count, seen=rule.seen, remedy=rule.remedy)
        for count, rule in sorted(counted, key=lambda pair: -pair[0])
        if count
    ]


def _span(span: FlaggedSpan) -> QualitySpan:
    said = explain(span.quality)
    return QualitySpan(
        start=span.start,
        end=span.end,
        intervals=span.intervals,
        quality=span.quality,
        missing=span.missing,
        reasons=[reason.name for reason in said],
        explanation=[reason.seen for reason in said],
    )
