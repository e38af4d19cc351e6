"""What a worker tells Prometheus about itself: how far behind it is, what became of the readings, whether it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, start_http_server

from grid.faults import Fault, InputError
from grid.store.stream import Partition
from ingest.batch import BatchReport

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series per counter, which nobody reads

SETTING = "GRIDPILOT_METRICS_PORT"
PREFIX = "gridpilot_ingest_"
COMMIT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class IngestMetrics:
    """The metrics of one worker, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._lag = self._gauge("lag_messages", "Messages of a partition of ours not read yet.", "topic", "partition")
        self._messages = self._counter("messages", "Messages stored or kept as dead letters.")
        self._skipped = self._counter("messages_skipped", "Messages read that had been stored before.")
        self._readings = self._counter("readings", "Readings by what became of them.", "outcome")
        for outcome in ("added", "replaced", "late", "duplicate"):
            self._readings.labels(outcome)
        self._dead_letters = self._counter("dead_letters", "Messages that could not be stored.", "error_class")
        self._gaps = self._counter("gaps", "Times the broker had dropped messages before they were read.")
        self._commit = Histogram(
            f"{PREFIX}commit_seconds",
            "Time to store a batch, commit included.",
            buckets=COMMIT_SECONDS,
            registry=self.registry,
        )
        self._connected = self._gauge("connected", "1 while database and broker answer.")
        self._paused = self._gauge("paused", "1 while reading rests because of dead letters.")

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(PREFIX + name, documentation, labels, registry=self.registry)

    def _gauge(self, name: str, documentation: str, *labels: str) -> Gauge:
        return Gauge(PREFIX + name, documentation, labels, registry=self.registry)

    def stored(self, report: BatchReport, *, seconds: float) -> None:
        """A batch was committed."""
        self._messages.inc(report.messages)
        self._skipped.inc(report.skipped)
        saved = report.saved
        self._readings.labels("added").inc(saved.added)
        self._readings.labels("replaced").inc(saved.replaced)
        self._readings.labels("late").inc(saved.late)
        self._readings.labels("duplicate").inc(saved.duplicates)
        for error_class, messages in report.error_classes.items():
            self._dead_letters.labels(error_class).inc(messages)
        self._commit.observe(seconds)

    def gap(self) -> None:
        """The broker had dropped messages before they were read."""
        self._gaps.inc()

    def stands(self, *, connected: bool, paused: bool = False) -> None:
        """Whether database and broker answer, and whether reading rests."""
        self._connected.set(connected)
        self._paused.set(paused)

    def behind(self, lags: Mapping[Partition, int]) -> None:
        """How many messages of each partition wait; partitions that are no longer ours are forgotten."""
        self._lag.clear()
        for partition, messages in lags.items():
            self._lag.labels(partition.topic, partition.number).set(messages)


class Measured(Protocol):
    """Whoever keeps metrics."""

    registry: CollectorRegistry


@contextmanager
def served(metrics: Measured, *, host: str, port: int | None) -> Iterator[None]:
    """Answer Prometheus at ``http://host:port/metrics`` meanwhile; with ``port`` None do nothing.

    Raises:
        InputError: If the address cannot be listened on.
    """
    if port is None:
        yield
        return
    try:
        server, thread = start_http_server(port, addr=host, registry=metrics.registry)
    except OSError as error:
        problem = f"{host}:{port} cannot be listened on: {error.strerror}"
        raise InputError([Fault(SETTING, problem, "choose another port, or leave it unset")]) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
