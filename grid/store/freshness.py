"""How far each link of the chain has come: for health checks, metrics and the dashboard's header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

import psycopg

from grid.readings import Source
from grid.store.readings import parse_series_id
from grid.store.series import find_channel_keys


@dataclass(frozen=True, slots=True)
class Arrivals:
    """When the newest readings of some series came (wall clock).

    Attributes:
        last: None before the first.
        gap: The median time between two arrivals of one series; None before a second.
    """

    last: datetime | None
    gap: timedelta | None


@dataclass(frozen=True, slots=True)
class ChainState:
    """The newest of everything, None where there is none yet.

    Attributes:
        received_at: When the stream's offsets last advanced (wall clock).
        readings: Values counted once each since the beginning.
        forecast_issued_at, plan_issued_at: On the site's clock; plans without the what-ifs.
        dead_letters: Messages that could not be stored and wait for somebody.
    """

    received_at: datetime | None
    readings: int
    forecast_issued_at: datetime | None
    plan_issued_at: datetime | None
    dead_letters: int


def chain_state(conn: psycopg.Connection) -> ChainState:
    """Read it in one round trip; every part is an index look-up or a small table."""
    row = conn.execute(
        """
        SELECT (SELECT max(updated_at) FROM stream_offset),
               (SELECT coalesce(sum(readings), 0)::bigint FROM stream_offset),
               (SELECT max(issued_at) FROM forecast_run WHERE role = 'primary'),
               (SELECT max(issued_at) FROM plan WHERE NOT what_if),
               (SELECT count(*) FROM dead_letter WHERE resolved_at IS NULL)
        """
    ).fetchone()
    assert row is not None
    return ChainState(*row)


def arrivals(conn: psycopg.Connection, series: Sequence[str], *, readings: int = 6) -> Arrivals:
    """When readings of these meters' series came.

    Args:
        series: Meters' series, such as ``zone-1:load``.
        readings: So many of the newest of each are looked at; those that came together are one arrival.
    """
    keys = find_channel_keys(conn, [(Source.METER, *parse_series_id(s)) for s in series])
    rows = conn.execute(
        """
        SELECT DISTINCT k.channel_key, newest.received_at FROM unnest(%s::integer[]) AS k(channel_key)
        CROSS JOIN LATERAL (
            SELECT received_at FROM reading r WHERE r.channel_key = k.channel_key
            ORDER BY interval_start DESC, interval_minutes DESC LIMIT %s) newest
        ORDER BY k.channel_key, newest.received_at
        """,
        ([key for key in keys if key is not None], readings),
    ).fetchall()
    gaps = [(later - earlier).total_seconds() for (a, earlier), (b, later) in pairwise(rows) if a == b]
    gap = timedelta(seconds=median(gaps)) if gaps else None
    return Arrivals(max((received_at for _, received_at in rows), default=None), gap)
