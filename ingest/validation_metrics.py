"""What a validator tells Prometheus about itself: what it judged and found, how long that took, and what waits."""

from __future__ import annotations

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from grid.readings import Quality
from grid.store.validation_due import Backlog
from ingest.judging import JudgedBatch

PREFIX = "gridpilot_validate_"
BATCH_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class ValidationMetrics:
    """The metrics of one validator, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._intervals = self._counter("intervals", "Readings judged; one may be judged again.")
        self._verdicts = self._counter("verdicts", "Verdicts written or changed, by quality bit.", "bit")
        for bit in Quality:
            self._verdicts.labels(str(bit.name).lower())
        self._withdrawn = self._counter("verdicts_withdrawn", "Verdicts that no longer held, or were replaced.")
        self._judging = self._counter("judging_seconds", "Time within the rules.")
        self._batch = Histogram(
            f"{PREFIX}batch_seconds",
            "Time to validate a batch, commit included.",
            buckets=BATCH_SECONDS,
            registry=self.registry,
        )
        self._due = self._gauge("due_spans", "Spans that wait for validation, of all channels.")
        self._age = self._gauge("oldest_due_seconds", "How long the oldest of them has waited.")
        self._connected = self._gauge("connected", "1 while the database answers.")

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(PREFIX + name, documentation, labels, registry=self.registry)

    def _gauge(self, name: str, documentation: str) -> Gauge:
        return Gauge(PREFIX + name, documentation, registry=self.registry)

    def judged(self, batch: JudgedBatch) -> None:
        """A batch was committed."""
        self._intervals.inc(batch.intervals)
        self._withdrawn.inc(batch.withdrawn)
        self._judging.inc(batch.judging_seconds)
        for name, count in batch.reasons.items():
            self._verdicts.labels(name.lower()).inc(count)
        self._batch.observe(batch.seconds)

    def waiting(self, backlog: Backlog, *, at: datetime) -> None:
        """What waits at an instant of the wall clock."""
        oldest = backlog.oldest_marked_at
        self._due.set(backlog.marks)
        self._age.set(0.0 if oldest is None else max(0.0, (at - oldest).total_seconds()))

    def stands(self, *, connected: bool) -> None:
        """Whether the database answers."""
        self._connected.set(connected)
