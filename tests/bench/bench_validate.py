"""How fast readings are validated: in bulk, day by day and one by one as they come, and again.

Run it by ``make bench``. It starts its own PostgreSQL. CPU seconds are those of the validator alone; what is not "in
rules" is mostly waiting for the server. Faults are planted, so that there is something to write.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg

from api.demo.embedded import EmbeddedPostgres
from grid.readings import ReadingBlock, Source
from grid.store.migrate import migrate
from grid.store.saving import save_readings
from grid.time_axis import EPOCH, FloatArray
from grid.units import Channel
from ingest.judging import JudgedBatch
from ingest.validator import run_validator

METERS = 500
DAYS = 60
PER_DAY = 96
LIVE_DAYS = 5
SINGLE = 4
START = datetime(2026, 3, 1, tzinfo=UTC)
STEP_US = 15 * 60 * 1_000_000


def meter_values(rng: np.random.Generator, days: int) -> FloatArray:
    """Quarter-hourly load with a daily course; one value in 500 is missing, one in 2,000 is a spike."""
    n = days * PER_DAY
    values = (1.2 + np.sin(np.arange(n) * 2.0 * np.pi / PER_DAY)) * rng.gamma(20.0, 0.05, n)
    values[rng.random(n) < 0.002] = np.nan
    values[rng.random(n) < 0.0005] *= 40.0
    return values


def save(conn: psycopg.Connection, values: list[FloatArray], *, first_day: float) -> None:
    """Store a block per meter as received when it ends."""
    days = len(values[0]) / PER_DAY
    start_us = (START + timedelta(days=first_day) - EPOCH) // timedelta(microseconds=1)
    starts = start_us + STEP_US * np.arange(len(values[0]), dtype=np.int64)
    blocks = [
        ReadingBlock(Source.METER, f"m-{meter}", Channel.LOAD, 15, starts, block, 0)
        for meter, block in enumerate(values)
    ]
    for first in range(0, len(blocks), 100):
        save_readings(conn, blocks[first : first + 100], received_at=START + timedelta(days=first_day + days))
        conn.commit()


def validate(url: str) -> tuple[JudgedBatch, float, float]:
    """What a validator did until nothing waited, its wall and its CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    total = run_validator(database_url=url, until_caught_up=True)
    return total, time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Print one line per way."""
    rng = np.random.default_rng(0)
    values = [meter_values(rng, DAYS + LIVE_DAYS + 1) for _ in range(METERS)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gridpilot-bench-")))
        folder.chmod(0o711)  # as root, the server runs under an account of its own
        postgres = stack.enter_context(EmbeddedPostgres(folder / "postgres"))
        conn = stack.enter_context(psycopg.connect(postgres.url))
        migrate(conn)
        conn.commit()
        save(conn, [v[: DAYS * PER_DAY] for v in values], first_day=0)
        heads = ("new/CPU-s", "judged/CPU-s", "judged/s", "in rules", "verdicts")
        print(f"{'way':<28}" + "".join(f"{head:>14}" for head in heads))
        _show("in bulk", METERS * DAYS * PER_DAY, validate(postgres.url))
        for day in range(DAYS, DAYS + LIVE_DAYS):
            save(conn, [v[day * PER_DAY : (day + 1) * PER_DAY] for v in values], first_day=day)
            if day == DAYS + LIVE_DAYS - 1:
                _show("one more day of every meter", METERS * PER_DAY, validate(postgres.url))
            else:
                validate(postgres.url)
        first = (DAYS + LIVE_DAYS) * PER_DAY
        for together in (1, SINGLE):
            save(conn, [v[first : first + together] for v in values], first_day=first / PER_DAY)
            many = "one more reading" if together == 1 else f"{together} more readings"
            _show(f"{many} of each meter", METERS * together, validate(postgres.url))
            first += together
        conn.execute(
            "INSERT INTO validation_due (channel_key, interval_from, interval_until, marked_at)"
            " SELECT channel_key, min(interval_from), max(interval_until), now() FROM validation_done GROUP BY 1"
        )
        conn.commit()
        _show("everything again", METERS * (DAYS + LIVE_DAYS) * PER_DAY, validate(postgres.url))


def _show(way: str, new: int, done: tuple[JudgedBatch, float, float]) -> None:
    total, wall, cpu = done
    rates = "".join(f"{rate:>14,.0f}" for rate in (new / cpu, total.intervals / cpu, total.intervals / wall))
    print(f"{way:<28}{rates}{total.judging_seconds / wall:>14.0%}{total.written:>14,}")


if __name__ == "__main__":
    main()
