"""Exactly once in effect, shown by force: workers killed, databases crashed, connections cut, every reading counted.

    python tests/bench/bench_faults.py [--short] [--ownership lease|group] [--seed N]

It starts its own PostgreSQL and broker, produces a stream of readings, weather and weather forecasts that is known to
the last value (:mod:`fault_stream`), and meanwhile, at moments drawn from the seed: kills workers by SIGKILL, freezes
some until others have taken their partitions over, stops the database as a crash would (immediate shutdown, then
recovery on the same files), cuts, slows and half-opens the broker's connections, takes the broker away for a moment or
lets it hang, adds workers and removes some, so that partitions move all the time, by leases or by a consumer group. At
the end the broker is really stopped: the embedded one keeps its messages in memory, so this happens once everything
sent so far is stored, and the rest is sent to topics made anew on the broker that follows.

Then the database's own counters must give the identity

    rows + history + duplicates + dead-lettered values = produced

exactly, where ``duplicates = stream_offset.readings - rows - history``: that counter only ever adds, in the
transaction that stores, so a message stored twice or not at all shows in it. And every stored value is compared with
the one that was produced.
"""

from __future__ import annotations

import argparse
import enum
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from fault_proxy import FaultProxy
from fault_stream import Message, Produced, make_stream
from fault_verdict import require, verify
from fault_workers import Crew

from api.demo import EmbeddedBroker, EmbeddedPostgres
from api.demo.server_process import free_port
from grid.store.migrate import migrate
from ingest.ownership import OwnershipKind
from ingest.producer import ReadingProducer
from ingest.topics import REQUEST_TIMEOUT_SECONDS, ensure_topics

PARTITIONS = 8
FEWEST, MOST = 2, 5  # workers


class Blow(enum.Enum):
    """One thing that happens to the chain while it works."""

    KILL = "kill -9 of a worker"
    FREEZE = "worker frozen beyond its lease"
    CRASH = "database crash"
    CUT = "connections cut"
    OUTAGE = "broker away"
    HANG = "broker hangs"
    SLOW = "connections slowed"
    HALF_OPEN = "connections half-open"
    JOIN = "worker added"
    LEAVE = "worker removed"


@dataclass(frozen=True, slots=True)
class Round:
    """How much is produced and what happens meanwhile; all of it bounded.

    Attributes:
        longest_pause: Between two blows. [s]
        longest_hang: Of the broker. [s]
        request_timeout_seconds: After which workers give a half-open connection up. [s]
        seconds: After which the round has failed. [s]
    """

    readings: int
    meters: int
    blows: dict[Blow, int]
    longest_pause: float
    longest_hang: float
    request_timeout_seconds: int
    seconds: float


LONG = Round(
    readings=1_000_000,
    meters=50,
    blows={
        Blow.KILL: 100,
        Blow.FREEZE: 20,
        Blow.CRASH: 6,
        Blow.CUT: 12,
        Blow.OUTAGE: 4,
        Blow.HANG: 4,
        Blow.SLOW: 4,
        Blow.HALF_OPEN: 4,
        Blow.JOIN: 10,
        Blow.LEAVE: 10,
    },
    longest_pause=2.0,
    longest_hang=4.0,
    request_timeout_seconds=REQUEST_TIMEOUT_SECONDS,
    seconds=1200,
)
# By a consumer group nobody leaves in good order: where the group's leader does so at the wrong moment, the embedded
# broker goes on naming it the leader, and the group never meets again. Killed members it misses in time.
GROUP = replace(LONG, readings=300_000, blows={b: -(-n // 4) for b, n in LONG.blows.items() if b is not Blow.LEAVE})
SHORT = Round(
    readings=40_000,
    meters=10,
    blows=dict.fromkeys(Blow, 1) | {Blow.KILL: 6, Blow.FREEZE: 3, Blow.CUT: 2},
    longest_pause=0.5,
    longest_hang=1.0,
    request_timeout_seconds=2,
    seconds=90,
)
SHORT_GROUP = replace(SHORT, blows={b: n for b, n in SHORT.blows.items() if b is not Blow.LEAVE})


class Chain:
    """The servers of one round."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._folder = folder / "postgres"
        self.postgres = EmbeddedPostgres(self._folder, port=free_port())
        stack.callback(self.postgres.stop)
        self.postgres.start()
        self.proxy = stack.enter_context(FaultProxy())
        self._broker_folder = folder / "broker"
        self._broker: EmbeddedBroker | None = None
        self.bootstrap = f"127.0.0.1:{self.proxy.port}"
        with psycopg.connect(self.postgres.url) as conn:
            migrate(conn)
        stack.callback(self._stop_broker)
        self.replace_broker()

    def _stop_broker(self) -> None:
        if self._broker is not None:
            self.proxy.server_port = 0  # nobody answers there
            self.proxy.cut()  # the broker waits for its connections before it stops
            self._broker.stop()

    def replace_broker(self) -> None:
        """Stop the broker, which forgets every message, and start another one with topics made anew."""
        self._stop_broker()
        self._broker = EmbeddedBroker(self._broker_folder, advertised_port=self.proxy.port)
        self._broker.start()
        self.proxy.server_port = int(self._broker.bootstrap.rpartition(":")[2])
        ensure_topics(self.bootstrap, partitions=PARTITIONS)

    def crash_database(self) -> None:
        """Immediate shutdown of our PostgreSQL: nothing is flushed. Then start it again on the same files."""
        (pid_file,) = self._folder.rglob("postmaster.pid")
        pid = int(pid_file.read_text().splitlines()[0])
        os.kill(pid, signal.SIGQUIT)
        while _alive(pid):
            time.sleep(0.01)
        self.postgres.stop()
        self.postgres.start()

    def ask(self, query: str) -> Any:
        """The one row that a query gives."""
        with psycopg.connect(self.postgres.url) as conn:
            return conn.execute(query.encode()).fetchone()

    def counted(self) -> tuple[int, int]:
        """Values that the offsets have counted, and dead letters."""
        values, letters = self.ask(
            "SELECT (SELECT coalesce(sum(readings), 0)::bigint FROM stream_offset), (SELECT count(*) FROM dead_letter)"
        )
        return values, letters


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def run_round(wanted: Round, *, ownership: OwnershipKind, seed: int) -> dict[str, Any]:
    """Run one round and return its figures.

    Raises:
        NotExactlyOnceError: If anything was lost, doubled or changed.
        WorkerDefectError: If a worker ended that nobody had ended.
    """
    rng = np.random.default_rng(seed)
    stream = make_stream(rng, readings=wanted.readings, meters=wanted.meters)
    blows = [blow for blow, times in wanted.blows.items() for _ in range(times)]
    order = [blows[i] for i in rng.permutation(len(blows))]
    waves = np.linspace(0, len(stream.messages), len(order) + 2).astype(int)  # the last one after the blows
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gridpilot-faults-")))
        folder.chmod(0o711)  # as root, the server runs under an account of its own
        chain = Chain(stack, folder)
        crew = Crew(
            chain.postgres.url,
            chain.bootstrap,
            folder / "workers.log",
            ownership=ownership,
            request_timeout_seconds=wanted.request_timeout_seconds,
            lifetime_seconds=wanted.seconds + 60,
        )
        stack.callback(crew.end)
        for _ in range(FEWEST + 1):
            crew.join()
        began = time.monotonic()
        struck_at_work = Counter[Blow]()
        for number, blow in enumerate(order):
            produce(chain, stream.messages[waves[number] : waves[number + 1]])
            time.sleep(rng.uniform(0, wanted.longest_pause))
            struck_at_work[blow] += chain.counted()[0] < values_of(stream.messages[: waves[number + 1]])
            strike(chain, crew, blow, wanted, rng)
            crew.check()
            require(time.monotonic() - began < wanted.seconds, "the round is over its time")
        struck = time.monotonic()
        deadline = began + wanted.seconds
        wait_until_stored(chain, crew, stream, stream.messages[: waves[-2]], deadline=deadline)
        caught_up = time.monotonic()
        chain.replace_broker()
        produce(chain, stream.messages[waves[-2] :])
        wait_until_stored(chain, crew, stream, stream.messages, deadline=deadline)
        crew.disband(seconds=45)
        figures = verify(chain.postgres.url, stream)
    return figures | {
        "blows": {blow.value: times for blow, times in wanted.blows.items()} | {"broker replaced": 1},
        "blows while messages waited": sum(struck_at_work.values()),
        "kills while messages waited": struck_at_work[Blow.KILL],
        "seconds": round(caught_up - began, 1),
        "seconds from the last blow to caught up": round(caught_up - struck, 1),
    }


def produce(chain: Chain, messages: Sequence[Message]) -> None:
    """Send messages and see that the broker has them."""
    with ReadingProducer(chain.bootstrap) as producer:
        for message in messages:
            producer.send(message.topic, message.owner_id, message.payload)


def values_of(messages: Sequence[Message]) -> int:
    """Values in all of them."""
    return sum(message.values for message in messages)


def wait_until_stored(chain: Chain, crew: Crew, stream: Produced, sent: Sequence[Message], *, deadline: float) -> None:
    """Return when every message that was sent is stored or a dead letter."""
    poison = set(stream.poison)
    wanted = (
        sum(message.values for message in sent if message.payload not in poison),
        sum(message.payload in poison for message in sent),
    )
    while (counted := chain.counted()) != wanted:
        crew.check()
        require(counted[0] <= wanted[0], f"{counted[0]} values were counted, {wanted[0]} produced")
        require(time.monotonic() < deadline, f"waited in vain: {counted} of {wanted}")
        time.sleep(0.05)


def strike(chain: Chain, crew: Crew, blow: Blow, wanted: Round, rng: np.random.Generator) -> None:
    """Let it happen."""
    match blow:
        case Blow.KILL:
            crew.kill(int(rng.integers(len(crew))))
        case Blow.FREEZE:
            crew.freeze(int(rng.integers(len(crew))))
        case Blow.CRASH:
            chain.crash_database()
        case Blow.CUT:
            chain.proxy.cut()
        case Blow.OUTAGE:
            chain.proxy.outage(rng.uniform(0.3, 1.5))
        case Blow.HANG:
            chain.proxy.freeze(rng.uniform(0.3, wanted.longest_hang))
        case Blow.SLOW:
            chain.proxy.slow()
        case Blow.HALF_OPEN:
            chain.proxy.silence()
        case Blow.JOIN if len(crew) < MOST:
            crew.join()
        case Blow.LEAVE if len(crew) > FEWEST:
            crew.leave(int(rng.integers(len(crew))))
        case _:  # as many as may be, or as few
            crew.kill(int(rng.integers(len(crew))))


def main() -> None:
    """Run a round for each way of sharing partitions, and print the figures, one a line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--short", action="store_true", help="a small round, as the tests run it")
    parser.add_argument("--ownership", choices=["lease", "group"], help="who shares the partitions out; else both")
    parser.add_argument("--seed", type=int, default=1, help="of the stream and of the blows")
    chosen = parser.parse_args()
    rounds: dict[OwnershipKind, Round] = {"lease": LONG, "group": GROUP}
    if chosen.short:
        rounds = {"lease": SHORT, "group": SHORT_GROUP}
    for ownership, wanted in rounds.items():
        if chosen.ownership in (None, ownership):
            print(f"partitions by {ownership}")
            figures = run_round(wanted, ownership=ownership, seed=chosen.seed)
            for name, figure in figures.items():
                print(f"  {name}: {figure if isinstance(figure, dict) else f'{figure:,}'}")
            print("every value was counted once, none lost, none doubled, none changed")


if __name__ == "__main__":
    main()
