"""How fast readings are validated: in bulk, day by day, one by one as they come, and again; how busy that keeps one.

Run it by ``make bench``. It starts its own PostgreSQL. CPU seconds are those of the validator alone; what is not "in
rules" is mostly waiting for the server. Faults are planted, so that there is something to write.

Judging a channel takes about as long whatever is new, because it looks 70 days back. So a simulated hour of some meters
says what an hour of many takes.
"""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psutil
import psycopg
from process_cpu import cpu_seconds

from api.demo import EmbeddedPostgres
from grid.readings import ReadingBlock, Source
from grid.store.migrate import migrate
from grid.store.saving import save_readings
from grid.time_axis import EPOCH, FloatArray
from grid.units import Channel
from grid.validation import LOOK_AHEAD, LOOK_BACK
from ingest.judging import JudgedBatch
from ingest.validator import run_validator

METERS = 500
DAYS = 60
PER_DAY = 96
LIVE_DAYS = 5
SINGLE = 4
START = datetime(2026, 3, 1, tzinfo=UTC)
LIVE_METERS, LIVE_MEASURED = 10_000, 100
LIVE_MINUTES = 5
JUDGED_EVERY = 10  # minutes: GRIDPILOT_VALIDATE_EVERY_MINUTES


def meter_values(rng: np.random.Generator, days: int, *, minutes: int = 15) -> FloatArray:
    """Load with a daily course; one value in 500 is missing, one in 2,000 is a spike."""
    per_day = 1440 // minutes
    n = days * per_day
    values = (1.2 + np.sin(np.arange(n) * 2.0 * np.pi / per_day)) * rng.gamma(20.0, 0.05, n)
    values[rng.random(n) < 0.002] = np.nan
    values[rng.random(n) < 0.0005] *= 40.0
    return values


def save(conn: psycopg.Connection, values: list[FloatArray], *, first: int, minutes: int = 15, name: str = "m") -> None:
    """Store a block per meter as received when it ends.

    Args:
        first: How many intervals of each came before.
    """
    step = timedelta(minutes=minutes)
    starts = (START - EPOCH + step * first) // timedelta(microseconds=1) + step // timedelta(
        microseconds=1
    ) * np.arange(len(values[0]), dtype=np.int64)
    blocks = [
        ReadingBlock(Source.METER, f"{name}-{meter}", Channel.LOAD, minutes, starts, block, 0)
        for meter, block in enumerate(values)
    ]
    for at in range(0, len(blocks), 25):
        save_readings(conn, blocks[at : at + 25], received_at=START + step * (first + len(values[0])))
        conn.commit()


def validate(url: str) -> tuple[JudgedBatch, float, float]:
    """What a validator did until nothing waited, its wall and its CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    total = run_validator(database_url=url, until_caught_up=True)
    return total, time.perf_counter() - wall, time.process_time() - cpu


def measure_live(conn: psycopg.Connection, url: str, rng: np.random.Generator) -> None:
    """An hour of meters that send every five minutes, judged every ten: the share of it that many would take."""
    name = f"meters with a reading every {LIVE_MINUTES} minutes"
    days = (LOOK_BACK + LOOK_AHEAD).days + 1
    values = [meter_values(rng, days + 1, minutes=LIVE_MINUTES) for _ in range(LIVE_MEASURED)]
    stored = days * 1440 // LIVE_MINUTES
    save(conn, [v[:stored] for v in values], first=0, minutes=LIVE_MINUTES, name="live")
    validate(url)
    conn.execute("CREATE TEMP TABLE stored AS SELECT * FROM reading")  # as live readings come: a meter's lie far apart
    conn.execute("TRUNCATE reading")
    conn.execute("INSERT INTO reading SELECT * FROM stored ORDER BY interval_start")
    conn.execute("DROP TABLE stored")
    conn.commit()
    with psycopg.connect(url, autocommit=True) as vacuuming:
        vacuuming.execute("VACUUM ANALYZE reading")
    together = JUDGED_EVERY // LIVE_MINUTES
    servers = [child.pid for child in psutil.Process().children()]
    turns = []
    for first in range(stored, stored + 60 // LIVE_MINUTES, together):
        save(conn, [v[first : first + together] for v in values], first=first, minutes=LIVE_MINUTES, name="live")
        before = cpu_seconds(servers)
        total, wall, cpu = validate(url)
        turns.append((wall, cpu, cpu_seconds(servers) - before, total.intervals / wall))
    wall, cpu, server, rate = (statistics.median(column) for column in zip(*turns, strict=True))
    share = 60 / JUDGED_EVERY * LIVE_METERS / LIVE_MEASURED / 3600
    print(f"{LIVE_METERS:,} {name}, judged every {JUDGED_EVERY} ({LIVE_MEASURED} measured, {rate:,.0f} judged/s):")
    busy, own, others = (seconds * share for seconds in (wall, cpu, server))
    print(f"  one validator is busy {busy:.0%} of the time, in which it computes {own:.0%} and PostgreSQL {others:.0%}")


def validate_beside(url: str) -> float:
    """Validate until nothing waits; the wall seconds that took."""
    return validate(url)[1]


def measure_together(conn: psycopg.Connection, url: str) -> None:
    """Everything again by one validator and by two at once, each a process that has started before."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(validate_beside, [url] * 2))
        seconds = []
        for validators in (1, 2):
            mark_everything(conn)
            seconds.append(max(pool.map(validate_beside, [url] * validators)))
    print(f"two validators are {seconds[0] / seconds[1]:.2f} times as fast as one, on {psutil.cpu_count()} cores")


def mark_everything(conn: psycopg.Connection) -> None:
    """Make all that was judged due again."""
    conn.execute(
        "INSERT INTO validation_due (channel_key, interval_from, interval_until, marked_at)"
        " SELECT channel_key, min(interval_from), max(interval_until), now() FROM validation_done GROUP BY 1"
    )
    conn.commit()


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
        save(conn, [v[: DAYS * PER_DAY] for v in values], first=0)
        heads = ("new/CPU-s", "judged/CPU-s", "judged/s", "in rules", "verdicts")
        print(f"{'way':<28}" + "".join(f"{head:>14}" for head in heads))
        _show("in bulk", METERS * DAYS * PER_DAY, validate(postgres.url))
        for day in range(DAYS, DAYS + LIVE_DAYS):
            save(conn, [v[day * PER_DAY : (day + 1) * PER_DAY] for v in values], first=day * PER_DAY)
            if day == DAYS + LIVE_DAYS - 1:
                _show("one more day of every meter", METERS * PER_DAY, validate(postgres.url))
            else:
                validate(postgres.url)
        first = (DAYS + LIVE_DAYS) * PER_DAY
        for together in (1, SINGLE):
            save(conn, [v[first : first + together] for v in values], first=first)
            many = "one more reading" if together == 1 else f"{together} more readings"
            _show(f"{many} of each meter", METERS * together, validate(postgres.url))
            first += together
        mark_everything(conn)
        _show("everything again", METERS * (DAYS + LIVE_DAYS) * PER_DAY, validate(postgres.url))
        measure_together(conn, postgres.url)
        measure_live(conn, postgres.url, rng)


def _show(way: str, new: int, done: tuple[JudgedBatch, float, float]) -> None:
    total, wall, cpu = done
    rates = "".join(f"{rate:>14,.0f}" for rate in (new / cpu, total.intervals / cpu, total.intervals / wall))
    print(f"{way:<28}{rates}{total.judging_seconds / wall:>14.0%}{total.written:>14,}")


if __name__ == "__main__":
    main()
