"""How fast readings get into the database, through the broker and by the product's own workers, against a raw COPY.

Run it by ``make bench``. It starts its own PostgreSQL and broker. The raw binary COPY of the same rows into the same
table is the most that this database takes, so the ratios say what the rules (revisions, history, exactly once, marking
what is due for validation) and the broker cost. The ways take turns, and medians count, so that a busy machine weighs
on all of them alike.

CPU seconds, user and system, are counted of the workers and of all processes of PostgreSQL and of the broker. With
what the cores rested meanwhile they say what any number of workers could reach here: whatever one worker leaves unused,
and on a machine of two cores, which the servers share, that is not much.

Workers run as processes (``gridpilot ingest``). They are held back by a lock on the table until the whole stream has
been produced, and timed from the first third stored, which they may have read already, to the last reading.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path

import numpy as np
import psutil
import psycopg
from process_cpu import cpu_seconds, idle_seconds

from api.demo import EmbeddedBroker, EmbeddedPostgres
from grid.readings import Source
from grid.store.migrate import migrate
from grid.store.reading_rows import ReadingRows, pack_readings
from grid.time_axis import EPOCH
from grid.units import Channel
from ingest.encoding import encode_message
from ingest.producer import ReadingProducer
from ingest.reader import BATCH_READINGS
from ingest.topics import READINGS_TOPIC, ensure_topics

ROUNDS = 3
METERS = 1_000
READINGS = {96: 960_000, 1: 150_000}  # of one round, by readings a message
MINUTES = 15
FIRST_DAY = timedelta(days=20_000)
LARGE_MESSAGES, LARGE_BYTES = 300, 1024 * 1024
_names = count(1)


@dataclass(frozen=True, slots=True)
class Servers:
    """One database, one broker, and how to talk to both."""

    database_url: str
    bootstrap: str
    postgres_pid: int
    broker_pid: int

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "GRIDPILOT_DATABASE_URL": self.database_url,
            "GRIDPILOT_KAFKA_BOOTSTRAP": self.bootstrap,
            "GRIDPILOT_LOG_LEVEL": "ERROR",
            "OMP_NUM_THREADS": "1",
        }

    def ask(self, query: str) -> int:
        """The one number that a query gives."""
        with psycopg.connect(self.database_url) as conn:
            row = conn.execute(query.encode()).fetchone()
        return int(row[0]) if row else 0

    @contextmanager
    def running(self, command: str, processes: int) -> Iterator[list[int]]:
        """So many processes of one of the product's commands; their ids. They are told to stop in the end."""
        started = [
            subprocess.Popen(
                [sys.executable, "-m", "api.cli", command], env=self.environment, stdout=subprocess.DEVNULL
            )
            for _ in range(processes)
        ]
        try:
            yield [process.pid for process in started]
        finally:
            for process in started:
                process.send_signal(signal.SIGTERM)
            if any(process.wait() for process in started):
                raise RuntimeError(f"gridpilot {command} ended in disorder")

    @contextmanager
    def working(self, workers: int) -> Iterator[list[int]]:
        """So many workers, once they share every partition."""
        held = (
            "SELECT count(*) FILTER (WHERE worker_id <> '' AND expires_at > now()) = 12"
            f" AND count(DISTINCT worker_id) = {workers} FROM partition_lease"
        )
        with self.running("ingest", workers) as pids:
            while not self.ask(f"SELECT ({held})::int"):
                time.sleep(0.05)
            yield pids


def produce(servers: Servers, readings: int, values: int) -> None:
    """Send new readings of as many meters as there are, ``values`` a message, in the order of time."""
    prefix = f"m{next(_names)}"
    numbers = np.random.default_rng(0).gamma(2.0, 1.0, values)
    with ReadingProducer(servers.bootstrap, idempotent=False) as producer:
        for i in range(readings // values):
            turn, meter = divmod(i, METERS)
            owner_id = f"{prefix}-{meter}"
            payload = encode_message(
                Source.METER,
                owner_id,
                Channel.LOAD,
                unit="kW",
                interval_minutes=MINUTES,
                start=EPOCH + FIRST_DAY + timedelta(minutes=MINUTES * values * turn),
                values=numbers,
            )
            producer.send(READINGS_TOPIC, owner_id, payload)


def raw_copy(servers: Servers, readings: int, values: int) -> float:
    """Rows a second of a COPY of the same rows into the same table, in commits like a worker's, under keys apart."""
    turns = readings // (METERS * values)
    first_key = 1_000_000 * next(_names)
    starts = (FIRST_DAY // timedelta(microseconds=1)) + MINUTES * 60_000_000 * np.arange(turns * values)
    keys = first_key + np.arange(METERS)
    per_turn = [starts[turn * values : (turn + 1) * values] for turn in range(turns)]
    rows = ReadingRows(
        channel_key=np.concatenate([np.repeat(keys, values) for _ in per_turn]),
        issued_us=None,
        start_us=np.concatenate([np.tile(part, METERS) for part in per_turn]),
        minutes=np.full(readings, MINUTES),
        value=np.random.default_rng(0).gamma(2.0, 1.0, readings),
        revision=np.zeros(readings, dtype=np.int64),
        quality=np.zeros(readings, dtype=np.int64),
    )
    with psycopg.connect(servers.database_url) as conn:
        conn.execute("SET synchronous_commit = off")
        conn.commit()
        began = time.perf_counter()
        for first in range(0, readings, BATCH_READINGS):
            part = rows.take(np.arange(first, min(first + BATCH_READINGS, readings)))
            names, stream = pack_readings(part, received_at=EPOCH + FIRST_DAY)
            with conn.cursor().copy(f"COPY reading ({', '.join(names)}) FROM STDIN (FORMAT binary)".encode()) as copy:
                copy.write(stream)
            conn.commit()
        return readings / (time.perf_counter() - began)


@dataclass(frozen=True, slots=True)
class Run:
    """What one way came to: readings a second; CPU seconds per million readings, by whose they are, and of no one."""

    rate: float
    cpu: Mapping[str, float] = field(default_factory=dict)
    idle: float = 0.0

    @property
    def ceiling(self) -> float:
        """How many times this rate the machine could have reached, had no core rested."""
        return 1.0 + self.idle / sum(self.cpu.values())


def through_workers(servers: Servers, workers: int, readings: int, values: int) -> Run:
    """What so many workers make of what waits for them."""
    counted = "SELECT coalesce(sum(readings), 0) FROM stream_offset"
    before = servers.ask(counted)

    def wait_for(wanted: float) -> tuple[float, int]:
        while (stored := servers.ask(counted) - before) < wanted:
            time.sleep(0.01)
        return time.perf_counter(), stored

    with servers.working(workers) as pids, psycopg.connect(servers.database_url) as holding:
        whose = {"worker": pids, "PostgreSQL": [servers.postgres_pid], "broker": [servers.broker_pid]}
        holding.execute("LOCK TABLE reading IN EXCLUSIVE MODE")
        produce(servers, readings, values)
        holding.rollback()
        began, first = wait_for(readings / 3)
        used, idle = {name: -cpu_seconds(of) for name, of in whose.items()}, -idle_seconds()
        ended, stored = wait_for(readings)
        used, idle = {name: cpu_seconds(whose[name]) + s for name, s in used.items()}, idle + idle_seconds()
    if stored != readings:
        raise RuntimeError(f"{stored} readings were counted, {readings} were sent")
    millions = (stored - first) / 1e6
    return Run((stored - first) / (ended - began), {name: s / millions for name, s in used.items()}, idle / millions)


def peak_megabytes(servers: Servers) -> float:
    """The most memory that a worker ever held, after a backlog of the largest messages, half of them compressible."""
    rng = np.random.default_rng(0)
    counted = "SELECT count(*) FROM dead_letter"
    with servers.working(1) as (pid,):
        with psycopg.connect(servers.database_url) as holding:
            holding.execute("LOCK TABLE dead_letter IN EXCLUSIVE MODE")
            with ReadingProducer(servers.bootstrap, idempotent=False) as producer:
                for i in range(LARGE_MESSAGES):
                    producer.send(READINGS_TOPIC, f"m-{i}", rng.bytes(LARGE_BYTES) if i % 2 else bytes(LARGE_BYTES))
            time.sleep(2.0)  # in which a worker without bounds would read it all
            holding.rollback()
        while servers.ask(counted) < LARGE_MESSAGES:
            time.sleep(0.05)
        status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def measure(servers: Servers) -> None:
    """Print one line per way."""
    runs: dict[tuple[str, int], list[Run]] = {}

    def note(way: str, values: int, run: Run) -> None:
        runs.setdefault((way, values), []).append(run)

    for _ in range(ROUNDS):
        for values, readings in READINGS.items():
            note("one worker", values, through_workers(servers, 1, readings, values))
            note("raw COPY", values, Run(raw_copy(servers, readings, values)))
            note("two workers", values, through_workers(servers, 2, readings, values))
            with servers.running("validate", 1):
                note("one worker, validator beside", values, through_workers(servers, 1, readings, values))
    heads = f"{'way':<30} {'a message':>10} {'readings/s':>12} {'of raw COPY':>12} {'of one worker':>14}"
    print(f"{heads}  CPU seconds per million readings")
    for (way, values), measured in runs.items():
        of_copy, of_one = (
            statistics.median(a.rate / b.rate for a, b in zip(measured, runs[other, values], strict=True))
            for other in ("raw COPY", "one worker")
        )
        rate = statistics.median(run.rate for run in measured)
        cpu = {name: statistics.median(run.cpu[name] for run in measured) for name in measured[0].cpu}
        told = ", ".join(f"{name} {seconds:.1f}" for name, seconds in cpu.items())
        print(f"{way:<30} {values:>10} {rate:>12,.0f} {of_copy:>12.2f} {of_one:>14.2f}  {told}")
    for values in READINGS:
        most = statistics.median(run.ceiling for run in runs["one worker", values])
        print(f"{os.cpu_count()} cores, {values} a message: at most {most:.2f} of one worker before none rests")
    print(f"most memory of a worker, {LARGE_MESSAGES} messages of 1 MiB waiting: {peak_megabytes(servers):.0f} MB")


def main() -> None:
    """Start the servers and measure."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gridpilot-bench-")))
        folder.chmod(0o711)  # as root, the server runs under an account of its own
        postgres = stack.enter_context(EmbeddedPostgres(folder / "postgres"))
        (postgres_guard,) = psutil.Process().children()
        broker = stack.enter_context(EmbeddedBroker(folder / "broker"))
        (broker_guard,) = (child for child in psutil.Process().children() if child != postgres_guard)
        with psycopg.connect(postgres.url) as conn:
            migrate(conn)
        ensure_topics(broker.bootstrap)
        measure(Servers(postgres.url, broker.bootstrap, postgres_guard.pid, broker_guard.pid))


if __name__ == "__main__":
    main()
