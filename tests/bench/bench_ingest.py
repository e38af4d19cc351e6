"""How fast readings get into the database: the whole way through the broker, and its parts, against a raw COPY.

Run it by ``make bench``. It starts its own PostgreSQL and broker, and measures every way in one run: the raw binary
COPY into a bare table with the same primary key is the most that this database can take, so the ratios say what the
rules (revisions, history, exactly once) and the broker cost.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg

from api.demo.embedded import EmbeddedBroker, EmbeddedPostgres
from grid.readings import ReadingBlock, Source
from grid.store.binary_copy import FLOAT8, INT2, INT4, POSTGRES_EPOCH_US, TIMESTAMPTZ, pack_rows
from grid.store.migrate import migrate
from grid.store.saving import save_readings
from grid.units import Channel
from ingest.encoding import encode_reading
from ingest.producer import ReadingProducer
from ingest.topics import READINGS_TOPIC, ensure_topics
from ingest.worker import run_worker

METERS = 1_000
DAYS = 4
PER_DAY = 96
READINGS = METERS * DAYS * PER_DAY
START = datetime(2026, 3, 1, tzinfo=UTC)
STEP_US = 15 * 60 * 1_000_000
BLOCKS_PER_COMMIT = 500


def day_blocks(prefix: str) -> list[ReadingBlock]:
    """One block per meter and day, day after day, as meters send them."""
    rng = np.random.default_rng(0)
    start_us = int(START.timestamp()) * 1_000_000
    return [
        ReadingBlock(
            source=Source.METER,
            owner_id=f"{prefix}-{meter}",
            channel=Channel.LOAD,
            interval_minutes=15,
            starts_us=start_us + STEP_US * (day * PER_DAY + np.arange(PER_DAY, dtype=np.int64)),
            values=rng.gamma(2.0, 1.0, PER_DAY),
            revision=0,
        )
        for day in range(DAYS)
        for meter in range(METERS)
    ]


def raw_copy(conn: psycopg.Connection, blocks: list[ReadingBlock]) -> float:
    """Seconds to COPY the same rows into a bare table, in as many commits."""
    conn.execute(
        "CREATE TABLE bare (meter integer, interval_start timestamptz, interval_minutes smallint,"
        " value double precision, PRIMARY KEY (meter, interval_start, interval_minutes))"
    )
    conn.commit()
    began = time.perf_counter()
    for first in range(0, len(blocks), BLOCKS_PER_COMMIT):
        part = blocks[first : first + BLOCKS_PER_COMMIT]
        meters = np.repeat([int(block.owner_id.split("-")[1]) for block in part], PER_DAY)
        starts = np.concatenate([block.starts_us for block in part]) - POSTGRES_EPOCH_US
        stream = pack_rows(
            [
                (INT4, meters),
                (TIMESTAMPTZ, starts),
                (INT2, np.full(len(starts), 15)),
                (FLOAT8, np.concatenate([block.values for block in part])),
            ]
        )
        with conn.cursor().copy("COPY bare FROM STDIN (FORMAT binary)") as copy:
            copy.write(stream)
        conn.commit()
    return time.perf_counter() - began


def save(conn: psycopg.Connection, blocks: list[ReadingBlock]) -> float:
    """Seconds to save the blocks by our rules, without a broker."""
    began = time.perf_counter()
    for first in range(0, len(blocks), BLOCKS_PER_COMMIT):
        save_readings(conn, blocks[first : first + BLOCKS_PER_COMMIT], received_at=START + timedelta(days=DAYS))
        conn.commit()
    return time.perf_counter() - began


def through_the_broker(bootstrap: str, database_url: str, blocks: list[ReadingBlock]) -> tuple[float, float]:
    """Seconds to produce the blocks, and seconds until a worker has stored them all."""
    ensure_topics(bootstrap)
    payloads = [(block.owner_id, encode_reading(block)) for block in blocks]
    began = time.perf_counter()
    with ReadingProducer(bootstrap, idempotent=False) as producer:
        for owner_id, payload in payloads:
            producer.send(READINGS_TOPIC, owner_id, payload)
    produced = time.perf_counter() - began
    report = run_worker(database_url=database_url, bootstrap=bootstrap, until_caught_up=True)
    if report.readings != len(blocks) * PER_DAY:
        raise RuntimeError(f"{report.readings} readings were stored, {len(blocks) * PER_DAY} were sent")
    return produced, report.seconds


def main() -> None:
    """Print one line per way."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gridpilot-bench-")))
        folder.chmod(0o711)  # as root, the server runs under an account of its own
        postgres = stack.enter_context(EmbeddedPostgres(folder / "postgres"))
        broker = stack.enter_context(EmbeddedBroker(folder / "broker"))
        conn = stack.enter_context(psycopg.connect(postgres.url))
        migrate(conn)
        conn.commit()
        bare = raw_copy(conn, day_blocks("m"))
        seconds = {"raw binary COPY": bare, "save_readings, new": save(conn, day_blocks("m"))}
        seconds["save_readings, sent again"] = save(conn, day_blocks("m"))
        produced, stored = through_the_broker(broker.bootstrap, postgres.url, day_blocks("k"))
        seconds |= {"produce to the broker": produced, "broker to database": stored}
    print(f"{READINGS:,} readings, {PER_DAY} a message")
    print(f"{'way':<28} {'readings/s':>12} {'of raw COPY':>12}")
    for way, taken in seconds.items():
        print(f"{way:<28} {READINGS / taken:>12,.0f} {bare / taken:>12.2f}")


if __name__ == "__main__":
    main()
