"""Verdicts in their tables: what validation works on is loaded for many channels at once, and differences are written.

A verdict that changes or goes is kept in ``verdict_history`` with the instant of its end, so that the validated layer
can be asked as of any instant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import psycopg

from grid.store.binary_copy import FLOAT8, INT2, INT4, POSTGRES_EPOCH_US, TIMESTAMPTZ, IntArray, pack_rows
from grid.store.readings import AHEAD_OF_TIME
from grid.store.validation_due import DueSpan
from grid.time_axis import FloatArray, to_us
from grid.validation.nouns import Edits, IntervalReadings, Verdicts

_STORED_READING = np.dtype([("start", TIMESTAMPTZ), ("minutes", INT2), ("value", FLOAT8), ("received", TIMESTAMPTZ)])
_STORED_VERDICT = np.dtype([("start", TIMESTAMPTZ), ("minutes", INT2), ("value", FLOAT8), ("quality", INT4)])
_VALUE = "float8send(coalesce({0}.value, 'NaN'))"
_SAME_VALUE = 1e-9

Key = tuple[int, int]
"""A channel's key and an interval length in minutes: what is judged together."""


@dataclass(frozen=True, slots=True, eq=False)
class VerdictChanges:
    """How verdicts of one channel and length differ from those that stand.

    Attributes:
        gone_us: Interval starts of verdicts that no longer hold, those to be replaced included, shape (gone,).
        added: Verdicts to be written.
    """

    gone_us: IntArray
    added: Verdicts

    def __len__(self) -> int:
        return len(self.gone_us) + len(self.added)


def load_spans(conn: psycopg.Connection[Any], spans: Sequence[DueSpan]) -> dict[Key, IntervalReadings]:
    """The readings of many channels, each over its own span, in one query. One span a channel."""
    packed = (
        "timestamptz_send(t.interval_start) || int2send(t.interval_minutes) || {} || timestamptz_send(t.received_at)"
    )
    found: dict[Key, IntervalReadings] = {}
    for key, table in _load(conn, "reading", packed.format(_VALUE.format("t")), _STORED_READING, spans):
        starts, minutes = table["start"].astype(np.int64) + POSTGRES_EPOCH_US, table["minutes"]
        values = table["value"].astype(np.float64)
        received = table["received"].astype(np.int64) + POSTGRES_EPOCH_US
        for length in np.unique(minutes).tolist():
            at = np.flatnonzero(minutes == length)
            at = at[np.argsort(starts[at])]
            found[key, length] = IntervalReadings(length, starts[at], values[at], received[at])
    return found


def load_verdicts(conn: psycopg.Connection[Any], spans: Sequence[DueSpan]) -> dict[Key, Verdicts]:
    """The verdicts that stand on many channels, each over its own span, in one query. One span a channel."""
    packed = "timestamptz_send(t.interval_start) || int2send(t.interval_minutes) || {} || int4send(t.quality)"
    found: dict[Key, Verdicts] = {}
    for key, table in _load(conn, "verdict", packed.format(_VALUE.format("t")), _STORED_VERDICT, spans):
        starts, minutes = table["start"].astype(np.int64) + POSTGRES_EPOCH_US, table["minutes"]
        values, quality = table["value"].astype(np.float64), table["quality"].astype(np.int64)
        for length in np.unique(minutes).tolist():
            at = np.flatnonzero(minutes == length)
            at = at[np.argsort(starts[at])]
            found[key, length] = Verdicts(starts[at], values[at], quality[at])
    return found


def load_edits(conn: psycopg.Connection[Any], spans: Sequence[DueSpan]) -> dict[Key, Edits]:
    """The edits that hold, of many channels, each over its own span: of an interval the newest not withdrawn."""
    rows = conn.execute(
        """
        SELECT DISTINCT ON (e.channel_key, e.interval_minutes, e.interval_start)
               e.channel_key, e.interval_minutes, e.interval_start, e.value
        FROM unnest(%s::integer[], %s::timestamptz[], %s::timestamptz[]) AS s(channel_key, begins, ends)
        JOIN reading_edit e ON e.channel_key = s.channel_key AND e.interval_start >= s.begins
                           AND e.interval_start < s.ends
        WHERE e.withdraws IS NULL AND NOT EXISTS (SELECT FROM reading_edit w WHERE w.withdraws = e.edit_id)
        ORDER BY e.channel_key, e.interval_minutes, e.interval_start, e.edit_id DESC
        """,
        _columns(spans),
    ).fetchall()
    grouped: dict[Key, list[tuple[int, float]]] = {}
    for key, minutes, start, value in rows:
        start_us = to_us(start)
        grouped.setdefault((key, minutes), []).append((start_us, np.nan if value is None else value))
    return {
        key: Edits(np.array([at for at, _ in edits], dtype=np.int64), np.array([value for _, value in edits]))
        for key, edits in grouped.items()
    }


def newest_intervals(
    conn: psycopg.Connection[Any], keys: Sequence[int], *, before: datetime
) -> dict[int, tuple[datetime, int]]:
    """Start and length in minutes of each channel's newest interval before an instant; of none sent ahead of time."""
    rows = conn.execute(
        """
        SELECT k.channel_key, newest.interval_start, newest.interval_minutes
        FROM unnest(%s::integer[]) AS k(channel_key)
        CROSS JOIN LATERAL (SELECT r.interval_start, r.interval_minutes FROM reading r
                            WHERE r.channel_key = k.channel_key AND r.interval_start < %s
                              AND r.interval_start + r.interval_minutes * interval '1 minute' <= r.received_at + %s
                            ORDER BY r.interval_start DESC, r.interval_minutes DESC LIMIT 1) newest
        """,
        (list(keys), before, AHEAD_OF_TIME),
    ).fetchall()
    return {key: (start, minutes) for key, start, minutes in rows}


def difference(standing: Verdicts | None, judged: Verdicts) -> VerdictChanges:
    """What must be written so that ``judged`` stands in the place of ``standing``."""
    if standing is None:
        return VerdictChanges(np.empty(0, dtype=np.int64), judged)
    _, old, new = np.intersect1d(standing.starts_us, judged.starts_us, assume_unique=True, return_indices=True)
    same = standing.quality[old] == judged.quality[new]
    same &= _alike(standing.values[old], judged.values[new])
    gone, added = np.ones(len(standing), dtype=np.bool_), np.ones(len(judged), dtype=np.bool_)
    gone[old[same]] = False
    added[new[same]] = False
    chosen = Verdicts(judged.starts_us[added], judged.values[added], judged.quality[added])
    return VerdictChanges(standing.starts_us[gone], chosen)


def write_changes(conn: psycopg.Connection[Any], changes: Mapping[Key, VerdictChanges], *, judged_at: datetime) -> None:
    """Write the differences of many channels: what goes is kept in history, what is new is copied in."""
    gone = [(key, c.gone_us) for key, c in changes.items() if len(c.gone_us)]
    if gone:
        channel_key, minutes = _spread([(key, len(starts)) for key, starts in gone])
        conn.execute(
            """
            WITH gone AS (
                DELETE FROM verdict v
                USING unnest(%s::integer[], %s::smallint[], %s::bigint[]) AS g(channel_key, minutes, start_us)
                WHERE v.channel_key = g.channel_key AND v.interval_minutes = g.minutes
                  AND v.interval_start = timestamptz '1970-01-01Z' + g.start_us * interval '1 microsecond'
                RETURNING v.*
            )
            INSERT INTO verdict_history (channel_key, interval_start, interval_minutes, value, quality, judged_at,
                                         superseded_at)
            SELECT channel_key, interval_start, interval_minutes, value, quality, judged_at, %s FROM gone
            """,
            (
                channel_key.tolist(),
                minutes.tolist(),
                np.concatenate([starts for _, starts in gone]).tolist(),
                judged_at,
            ),
        )
    added = [(key, c.added) for key, c in changes.items() if len(c.added)]
    if added:
        channel_key, minutes = _spread([(key, len(verdicts)) for key, verdicts in added])
        judged_us = to_us(judged_at) - POSTGRES_EPOCH_US
        stream = pack_rows(
            [
                (INT4, channel_key),
                (TIMESTAMPTZ, np.concatenate([verdicts.starts_us for _, verdicts in added]) - POSTGRES_EPOCH_US),
                (INT2, minutes),
                (FLOAT8, np.concatenate([verdicts.values for _, verdicts in added])),
                (INT4, np.concatenate([verdicts.quality for _, verdicts in added])),
                (TIMESTAMPTZ, np.full(len(channel_key), judged_us)),
            ],
            null_column=3,
        )
        names = "channel_key, interval_start, interval_minutes, value, quality, judged_at"
        with conn.cursor().copy(f"COPY verdict ({names}) FROM STDIN (FORMAT binary)") as copy:
            copy.write(stream)


def _load(
    conn: psycopg.Connection[Any], table: str, packed: str, layout: np.dtype[np.void], spans: Sequence[DueSpan]
) -> list[tuple[int, Any]]:
    """Per channel the rows of its span, packed by the server: parsed at once instead of row by row."""
    if not spans:
        return []
    keys, begins, ends = _columns(spans)
    # The bounds of all spans together let a planner leave out partitions and chunks.
    rows = (
        conn.cursor(binary=True)
        .execute(
            f"SELECT t.channel_key, string_agg({packed}, '')"
            " FROM unnest(%s::integer[], %s::timestamptz[], %s::timestamptz[]) AS s(channel_key, begins, ends)"
            f" JOIN {table} t ON t.channel_key = s.channel_key AND t.interval_start >= s.begins"
            " AND t.interval_start < s.ends AND t.interval_start >= %s AND t.interval_start < %s"
            " GROUP BY t.channel_key",
            (keys, begins, ends, min(begins), max(ends)),
        )
        .fetchall()
    )
    return [(key, np.frombuffer(data, dtype=layout)) for key, data in rows]


def _columns(spans: Sequence[DueSpan]) -> tuple[list[int], list[datetime], list[datetime]]:
    return (
        [span.channel_key for span in spans],
        [span.interval_from for span in spans],
        [span.interval_until for span in spans],
    )


def _spread(counts: Sequence[tuple[Key, int]]) -> tuple[IntArray, IntArray]:
    repeats = [count for _, count in counts]
    return (
        np.repeat(np.array([key for (key, _), _ in counts], dtype=np.int64), repeats),
        np.repeat(np.array([minutes for (_, minutes), _ in counts], dtype=np.int64), repeats),
    )


def _alike(a: FloatArray, b: FloatArray) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Equal but for rounding, which depends on how much lay around; NaN equals NaN."""
    return np.isclose(a, b, rtol=_SAME_VALUE, atol=_SAME_VALUE, equal_nan=True)
