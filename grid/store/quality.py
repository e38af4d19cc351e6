"""How good the readings are: shares of what is valid, estimated and missing, and what was found where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import psycopg

from grid.readings import Layer, Quality, series_id
from grid.store.layers import asked, rows_query
from grid.store.series import ChannelId, find_channel_keys
from grid.units import Channel

_ESTIMATED = int(Quality.ESTIMATED_LINEARLY | Quality.ESTIMATED_BY_REFERENCE_DAYS | Quality.DERIVED)
_PLAIN = int(Quality.VALID | Quality.CORRECTED)

# Every interval that came or was judged. A reading that lies across the regular intervals is left out: what was derived
# from it, or the gap, stands in its place.
_KNOWN = f"""
    SELECT channel_key, interval_start, interval_minutes, value, quality FROM ({rows_query(Layer.VALIDATED)}) AS row
    WHERE quality & {Quality.OFF_GRID | Quality.DERIVED} <> {Quality.OFF_GRID}
"""
_LAST = """
    SELECT interval_start + interval_minutes * interval '1 minute' AS interval_end FROM reading r
    WHERE r.channel_key = c.channel_key ORDER BY interval_start DESC, interval_minutes DESC LIMIT 1
"""
# Each interval counts once: the first of these that fits it. The order is that of QualityCounts.
_COUNTS = f"""
    count(*),
    count(*) FILTER (WHERE value IS NOT NULL AND quality & {Quality.EDITED | Quality.QUESTIONABLE | _ESTIMATED} = 0
                     AND quality & {Quality.VALID} <> 0),
    count(*) FILTER (WHERE value IS NOT NULL AND quality & {Quality.EDITED | _ESTIMATED} = 0
                     AND quality & {Quality.QUESTIONABLE} <> 0),
    count(*) FILTER (WHERE value IS NOT NULL AND quality & {Quality.EDITED} = 0 AND quality & {_ESTIMATED} <> 0),
    count(*) FILTER (WHERE value IS NOT NULL AND quality & {Quality.EDITED} <> 0),
    count(*) FILTER (WHERE value IS NULL)
"""


@dataclass(frozen=True, slots=True)
class QualityCounts:
    """How many intervals are what; each counts once, and those that are nothing of this wait for validation.

    Attributes:
        intervals: That came, or that validation knows not to have come.
        valid: As sent, and nothing speaks against it.
        questionable: As sent, but a check doubts it.
        estimated: The value is an estimate, or derived from readings off the regular intervals.
        edited: An operator set the value.
        missing: There is no value.
    """

    intervals: int
    valid: int
    questionable: int
    estimated: int
    edited: int
    missing: int

    @property
    def waiting(self) -> int:
        """Not validated yet."""
        return self.intervals - self.valid - self.questionable - self.estimated - self.edited - self.missing


@dataclass(frozen=True, slots=True)
class FlaggedSpan:
    """Intervals in a row of which validation says the same.

    Attributes:
        start, end: Half-open.
        quality: Bits of :class:`grid.readings.Quality`, without CORRECTED, which is no flaw and would part a span.
        missing: True if they have no value.
    """

    start: datetime
    end: datetime
    intervals: int
    quality: int
    missing: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """How a series does in a span of time.

    Attributes:
        last: End of its newest reading's interval; None if it never sent one.
        quality: Every bit that any of its verdicts has.
    """

    series_id: str
    last: datetime | None
    counts: QualityCounts
    quality: int


def daily_quality(
    conn: psycopg.Connection[Any],
    channel: ChannelId,
    *,
    start: datetime,
    end: datetime,
    timezone: str,
    known_by: datetime | None = None,
) -> dict[date, QualityCounts]:
    """Counts by local day of the intervals that start in [start, end); a day without any is left out.

    Args:
        known_by: As it was known then (wall clock); None for now.
    """
    rows = conn.execute(
        f"SELECT (interval_start AT TIME ZONE %(zone)s)::date AS day, {_COUNTS} FROM ({_KNOWN}) known"
        " GROUP BY day ORDER BY day",
        _asked(conn, channel, start, end, known_by) | {"zone": timezone},
    ).fetchall()
    return {row[0]: QualityCounts(*row[1:]) for row in rows}


def total_counts(parts: Iterable[QualityCounts]) -> QualityCounts:
    """All of them together."""
    listed = list(parts)
    return QualityCounts(
        intervals=sum(part.intervals for part in listed),
        valid=sum(part.valid for part in listed),
        questionable=sum(part.questionable for part in listed),
        estimated=sum(part.estimated for part in listed),
        edited=sum(part.edited for part in listed),
        missing=sum(part.missing for part in listed),
    )


def flagged_spans(
    conn: psycopg.Connection[Any],
    channel: ChannelId,
    *,
    start: datetime,
    end: datetime,
    limit: int,
    known_by: datetime | None = None,
) -> list[FlaggedSpan]:
    """The first ``limit`` intervals in [start, end) of which something is to be told, those in a row as one.

    Args:
        known_by: As it was known then (wall clock); None for now.
    """
    rows = conn.execute(
        f"SELECT interval_start, interval_minutes, quality & ~{Quality.CORRECTED}, value IS NULL"
        f" FROM ({rows_query(Layer.VALIDATED)}) AS row"
        f" WHERE quality & ~{_PLAIN} <> 0 ORDER BY interval_start, interval_minutes LIMIT %(limit)s",
        _asked(conn, channel, start, end, known_by) | {"limit": limit},
    ).fetchall()
    return list(_joined(rows))


def worst_series(conn: psycopg.Connection[Any], *, start: datetime, end: datetime, limit: int) -> list[Standing]:
    """The series with the most time in [start, end) that is not plainly valid, the worst first."""
    rows = conn.execute(
        f"""
        WITH worst AS (
            SELECT channel_key, bit_or(quality) AS quality, sum(interval_minutes) AS minutes FROM verdict
            WHERE interval_start >= %(start)s AND interval_start < %(end)s
            AND (value IS NULL OR quality & {Quality.VALID} = 0)
            GROUP BY channel_key ORDER BY minutes DESC, channel_key LIMIT %(limit)s
        )
        SELECT worst.channel_key, worst.quality, c.owner_id, c.channel, last.interval_end
        FROM worst JOIN channel c USING (channel_key) LEFT JOIN LATERAL ({_LAST}) last ON true
        ORDER BY worst.minutes DESC, c.owner_id, c.channel
        """,
        {"start": start, "end": end, "limit": limit},
    ).fetchall()
    counts = _counts_by_key(conn, [row[0] for row in rows], start=start, end=end)
    return [
        Standing(series_id(owner, Channel(channel)), last, counts[key], quality)
        for key, quality, owner, channel, last in rows
    ]


def silent_series(conn: psycopg.Connection[Any], *, since: datetime, limit: int) -> list[Standing]:
    """Meters' series whose newest reading ended at ``since`` or before, silent longest first."""
    rows = conn.execute(
        f"SELECT c.owner_id, c.channel, last.interval_end FROM channel c CROSS JOIN LATERAL ({_LAST}) last"
        " WHERE c.source = 'meter' AND last.interval_end <= %s"
        " ORDER BY last.interval_end, c.owner_id, c.channel LIMIT %s",
        (since, limit),
    ).fetchall()
    return [Standing(series_id(owner, Channel(channel)), last, total_counts(()), 0) for owner, channel, last in rows]


def _counts_by_key(
    conn: psycopg.Connection[Any], keys: Sequence[int], *, start: datetime, end: datetime
) -> dict[int, QualityCounts]:
    rows = conn.execute(
        f"SELECT channel_key, {_COUNTS} FROM ({_KNOWN}) known GROUP BY channel_key",
        asked(conn, keys, start=start, end=end),
    ).fetchall()
    return {row[0]: QualityCounts(*row[1:]) for row in rows}


def _asked(
    conn: psycopg.Connection[Any], channel: ChannelId, start: datetime, end: datetime, known_by: datetime | None
) -> dict[str, object]:
    return asked(conn, find_channel_keys(conn, [channel]), start=start, end=end, known_by=known_by)


def _joined(rows: Iterable[tuple[datetime, int, int, bool]]) -> Iterator[FlaggedSpan]:
    span: FlaggedSpan | None = None
    for start, minutes, quality, missing in rows:
        end = start + timedelta(minutes=minutes)
        if span is not None and (span.end, span.quality, span.missing) == (start, quality, missing):
            span = FlaggedSpan(span.start, end, span.intervals + 1, quality, missing)
            continue
        if span is not None:
            yield span
        span = FlaggedSpan(start, end, 1, quality, missing)
    if span is not None:
        yield span
