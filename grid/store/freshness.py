"""How far each link of the chain has come: for health checks, metrics and the dashboard's header."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg


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
