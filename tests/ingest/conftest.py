"""Meters whose readings are saved and validated, on a database of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import pytest

from grid.readings import Quality, ReadingBlock, Source
from grid.store.database import connect
from grid.store.saving import save_readings
from grid.time_axis import EPOCH, FloatArray
from grid.units import Channel
from ingest.judging import JudgedBatch
from ingest.validator import run_validator

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Meters:
    """Hourly readings on their way in, and what validation makes of them."""

    url: str
    conn: psycopg.Connection

    def course(self, days: int, *, level: float = 10.0) -> FloatArray:
        """Hourly power with a daily course and some noise: nothing that a rule would mind."""
        hours = np.arange(24 * days)
        noise = np.random.default_rng(1).uniform(0.95, 1.05, len(hours))
        return level * (1.5 + np.sin(hours * np.pi / 12.0)) * noise

    def save(
        self,
        values: FloatArray,
        *,
        owner: str = "m",
        start: datetime = START,
        channel: Channel = Channel.LOAD,
        at: datetime | None = None,
        revision: int = 0,
    ) -> None:
        """Save one message, received an hour after its last interval unless ``at`` says otherwise."""
        hours = np.arange(len(values), dtype=np.int64)
        starts = (start - EPOCH) // timedelta(microseconds=1) + hours * 3_600_000_000
        block = ReadingBlock(Source.METER, owner, channel, 60, starts, values, revision)
        with self.conn.transaction():
            save_readings(self.conn, [block], received_at=at or start + HOUR * (len(values) + 1))

    def validate(self, *, present: datetime | None = None, patience: timedelta = HOUR) -> JudgedBatch:
        """Validate until nothing waits."""
        return run_validator(
            database_url=self.url,
            until_caught_up=True,
            clock=None if present is None else lambda _: present,
            patience=patience,
        )

    def verdicts(self, owner: str = "m", channel: str = "load") -> dict[datetime, tuple[Any, Quality]]:
        """Validated value and bits by interval start."""
        rows = self.conn.execute(
            "SELECT interval_start, v.value, v.quality FROM verdict v JOIN channel c USING (channel_key)"
            " WHERE owner_id = %s AND channel = %s ORDER BY 1",
            (owner, channel),
        ).fetchall()
        return {start: (value, Quality(quality)) for start, value, quality in rows}

    def everything(self) -> list[Any]:
        """Every verdict but the instant at which it was judged."""
        columns = "channel_key, interval_start, interval_minutes, value, quality"
        return self.conn.execute(f"SELECT {columns} FROM verdict ORDER BY 1, 2, 3".encode()).fetchall()

    def count(self, table: str) -> int:
        """How many rows a table has."""
        row = self.conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
def meters(database_url: str) -> Iterator[Meters]:
    with connect(database_url, application_name="test") as conn:
        conn.autocommit = True
        yield Meters(database_url, conn)
