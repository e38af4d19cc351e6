"""How fast what is stored comes back, at 10,000 meters and 3,000 quarter-hours each: 30 million readings.

Run it by ``make bench``; ``--meters 1000`` makes it a quick one. It fills a PostgreSQL of its own by SQL, as ingest,
validator and roll-up would leave it, with 1 % of the readings corrected and 0.5 % flagged, and removes it afterwards.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import psycopg

from api.demo import EmbeddedPostgres
from grid.readings import Source
from grid.store.migrate import migrate
from grid.store.partitions import SPAN_US
from grid.store.reading_versions import readings_known_by
from grid.store.rollups import roll_up_all
from grid.store.validation_due import fold_done
from grid.time_axis import EPOCH
from grid.units import Channel

QUARTERS = 3_000
STEP = timedelta(minutes=15)
SPAN = timedelta(microseconds=SPAN_US)
START = EPOCH + 734 * SPAN
END = START + QUARTERS * STEP
WEEK = timedelta(days=7)
CORRECTED_AT = datetime(2027, 1, 1, tzinfo=UTC)


def fill(conn: psycopg.Connection, meters: int) -> None:
    """Readings day by day as they arrive, in the partitions that ingest would have made; their primary key at last."""
    conn.execute("SET work_mem = '256MB'")
    conn.execute("INSERT INTO meter (meter_id) SELECT 'm-' || i FROM generate_series(1, %s::int) i", (meters,))
    conn.execute("INSERT INTO channel (source, owner_id, channel, unit)"
                 " SELECT 'meter', 'm-' || i, 'load', 'kW' FROM generate_series(1, %s::int) i", (meters,))  # fmt: skip
    span = START
    while span < END:
        name = f"partitions.reading_{(span - EPOCH) // SPAN}"
        conn.execute(f"CREATE TABLE {name} (LIKE reading INCLUDING DEFAULTS)".encode())
        day = span
        while day < min(span + SPAN, END):
            until = min(day + timedelta(days=1), END)
            conn.execute(
                f"INSERT INTO {name} SELECT m, %(day)s::timestamptz + q * interval '15 minutes', 15, random(), 0, 0,"
                f" %(day)s::timestamptz + (q + 2) * interval '15 minutes' FROM generate_series(1, %(meters)s::int) m,"
                f" generate_series(0, %(quarters)s::int - 1) q".encode(),
                {"day": day, "meters": meters, "quarters": (until - day) // STEP},
            )
            day = until
        conn.execute(f"ALTER TABLE {name} ADD PRIMARY KEY (channel_key, interval_start, interval_minutes)".encode())
        conn.execute(
            f"ALTER TABLE reading ATTACH PARTITION {name} FOR VALUES FROM ('{span}') TO ('{span + SPAN}')".encode()
        )
        span += SPAN
    conn.execute(
        "WITH corrected AS (UPDATE reading SET revision = 1, received_at = %(at)s WHERE random() < 0.01 RETURNING *)"
        " INSERT INTO reading_history SELECT channel_key, NULL, interval_start, interval_minutes, value + 1, 0, 0,"
        " interval_start + interval '30 minutes', %(at)s FROM corrected",
        {"at": CORRECTED_AT},
    )
    conn.execute("ALTER TABLE verdict DISABLE TRIGGER USER")
    conn.execute("INSERT INTO verdict SELECT channel_key, interval_start, 15, value, 1 << 14, received_at"
                 " FROM reading WHERE random() < 0.005")  # fmt: skip
    conn.execute("ALTER TABLE verdict ENABLE TRIGGER USER")
    conn.execute("INSERT INTO validation_done SELECT channel_key, interval_start, interval_start + %(step)s,"
                 " received_at, received_at + interval '30 seconds' FROM reading", {"step": STEP})  # fmt: skip
    for day in range((END - START).days + 2):
        fold_done(conn, judged_before=min(START + timedelta(days=day), END - timedelta(days=1)))
    for table, bucket in (("reading_hourly", "date_bin('1 hour', interval_start, '1970-01-01Z')"),
                          ("reading_daily", "date_bin('1 day', interval_start, '1970-01-01Z')")):  # fmt: skip
        conn.execute(
            f"INSERT INTO {table} SELECT channel_key, {bucket}, sum(value * 15), sum(15), count(*), 0, 0, max(value)"
            f" FROM reading GROUP BY 1, 2 ORDER BY 2, 1".encode()
        )
    conn.commit()
    conn.autocommit = True
    conn.execute("VACUUM ANALYZE")
    conn.autocommit = False


class Taken(NamedTuple):
    """What one answer took: the median wall time, and the CPU time of the server's process on average. [ms]"""

    wall_ms: float
    cpu_ms: float


def timed(conn: psycopg.Connection, asked: Callable[[int], object], times: int) -> Taken:
    """Ask several times; the process's CPU time counts in steps of 10 ms, so few times say little about short ones."""
    taken = []
    cpu_before = server_cpu_ms(conn)
    for i in range(times):
        began = time.perf_counter()
        asked(i)
        taken.append(time.perf_counter() - began)
    return Taken(1e3 * statistics.median(taken), (server_cpu_ms(conn) - cpu_before) / times)


def server_cpu_ms(conn: psycopg.Connection) -> float:
    """CPU time that the server's process of this connection has used; NaN where the system does not tell."""
    try:
        fields = Path(f"/proc/{conn.info.backend_pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return 1e3 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def answer(conn: psycopg.Connection, query: str, parameters: Sequence[object] = ()) -> int:
    """Bytes of a query's whole answer, in binary and never parsed: what the database takes, not Python."""
    with conn.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT binary)", parameters) as rows:
        return sum(len(chunk) for chunk in rows)


def measure(conn: psycopg.Connection, meters: int) -> dict[str, Taken]:
    """What every read takes."""

    def week(i: int, known_by: datetime | None = None) -> object:
        meter = f"m-{1 + i * 7919 % meters}"
        channel = (Source.METER, meter, Channel.LOAD)
        return readings_known_by(conn, channel, start=END - WEEK, end=END, known_by=known_by, limit=10_000)

    def month_of_all(_: int) -> object:
        return answer(conn, "SELECT meter_id, day, energy_kwh, estimated, missing FROM v_reading_daily WHERE day >= %s",
                      [START.date()])  # fmt: skip

    def by_day(_: int) -> object:
        query = "SELECT day, sum(energy_kwh), sum(missing) FROM v_reading_daily WHERE day >= %s GROUP BY day"
        return conn.execute(query, [START.date()]).fetchall()

    def hours_of_one(i: int) -> object:
        query = "SELECT interval_start, energy_kwh FROM v_reading_hourly WHERE meter_id = %s AND interval_start >= %s"
        return conn.execute(query, [f"m-{1 + i * 7919 % meters}", END - timedelta(days=30)]).fetchall()

    def live_day(_: int) -> object:
        return answer(conn, "SELECT channel_key, sum(value * interval_minutes) / 60 FROM reading"
                      " WHERE interval_start >= %s GROUP BY channel_key", [END - timedelta(days=30)])  # fmt: skip

    taken = {
        "last 7 days of one meter, at first sight": timed(conn, week, 60),
        "last 7 days of one meter": timed(conn, week, 60),
        "  as of before the corrections": timed(conn, lambda i: week(i, END + WEEK), 60),
        "  as of now": timed(conn, lambda i: week(i, CORRECTED_AT + WEEK), 60),
        "a month of daily totals, every meter": timed(conn, month_of_all, 5),
        "  summed by day": timed(conn, by_day, 5),
        "a month summed from the readings": timed(conn, live_day, 1),
        "a month of hours of one meter": timed(conn, hours_of_one, 40),
    }
    conn.execute(
        "INSERT INTO rollup_due (channel_key, interval_from, interval_until)"
        " SELECT channel_key, %s, %s FROM channel WHERE channel_key %% 20 = 0",
        (END - timedelta(hours=1), END),
    )
    conn.commit()
    taken["daily totals, 5 % of the meters due"] = timed(conn, month_of_all, 3)
    taken["roll-up of these"] = timed(conn, lambda _: roll_up_all(conn), 1)
    return taken


def main() -> None:
    """Print a line per read, the ratio to plain reads as of an instant, and sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--meters", type=int, default=10_000)
    meters = parser.parse_args().meters
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gridpilot-bench-")))
        folder.chmod(0o711)  # as root, the server runs under an account of its own
        conn = stack.enter_context(psycopg.connect(stack.enter_context(EmbeddedPostgres(folder / "postgres")).url))
        migrate(conn)
        began = time.perf_counter()
        fill(conn, meters)
        print(f"{meters * QUARTERS:,} readings of {meters:,} meters, filled in {time.perf_counter() - began:.0f} s")
        taken = measure(conn, meters)
        print(f"{'':<44} {'median':>10} {'server CPU':>12}")
        for what, ms in taken.items():
            print(f"{what:<44} {ms.wall_ms:>7.1f} ms {ms.cpu_ms:>9.1f} ms")
        as_of = taken["  as of before the corrections"].wall_ms / taken["last 7 days of one meter"].wall_ms
        print(f"{'as of, against plain':<44} {as_of:>7.2f}")
        sizes = conn.execute(
            "SELECT (SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits"
            " WHERE inhparent = 'reading'::regclass),"
            " pg_total_relation_size('reading_hourly'), pg_total_relation_size('reading_daily'),"
            " pg_total_relation_size('validation_done_folded')"
        ).fetchone()
        for name, size in zip(
            ("readings", "hourly totals", "daily totals", "judged spans, folded"), sizes or (), strict=True
        ):
            print(f"{name:<44} {int(size) / 1e6:>7.0f} MB")


if __name__ == "__main__":
    main()
