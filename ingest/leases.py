"""Which partitions this worker reads: leases in PostgreSQL, shared out fairly among the workers heard of lately.

A lease says who should try; the lock on the offset row says who may store. So a lease that two workers believe in,
after a long pause say, costs some reading twice and never a reading counted twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import psycopg

from grid.store.stream import Partition, release_leases, renew_leases

_log = logging.getLogger(__name__)


class LeaseKeeper:
    """Renews one worker's leases in time. A dead worker's partitions move on within 4/3 of the duration."""

    def __init__(
        self,
        worker_id: str,
        *,
        monotonic: Callable[[], float],
        duration: timedelta,
    ) -> None:
        self._worker_id = worker_id
        self._monotonic = monotonic
        self._duration = duration
        self._renew_after = duration.total_seconds() / 3
        self._due_at = 0.0
        self._first_seen: dict[tuple[str, int], datetime | None] = {}
        self.owned: frozenset[Partition] = frozenset()
        self.others_alive = False

    @property
    def due(self) -> bool:
        return self._monotonic() >= self._due_at

    def expect_renewal(self) -> None:
        """Renew at the next opportunity, whatever the time."""
        self._due_at = 0.0

    def renew(self, conn: psycopg.Connection, partitions: Sequence[Partition]) -> frozenset[Partition]:
        """Renew now and return the partitions owned.

        ``others_alive`` then says whether all other partitions belong to workers that have renewed their leases since
        this one first saw them: workers that live, not leases that a dead one left behind.
        """
        names = {(p.topic, p.number): p for p in partitions}
        view = renew_leases(conn, names.keys(), worker_id=self._worker_id, duration=self._duration)
        self._due_at = self._monotonic() + self._renew_after
        owned = frozenset(names[name] for name in view.owned)
        if owned != self.owned:
            listed = ", ".join(f"{p.topic}[{p.number}]" for p in sorted(owned))
            said = {"worker_id": self._worker_id}
            _log.info("worker %s owns %s", self._worker_id, listed or "no partition", extra=said)
        self.owned = owned
        self._first_seen = {name: self._first_seen.get(name, until) for name, until in view.others.items()}
        self.others_alive = all(
            until is not None and until != self._first_seen[name] for name, until in view.others.items()
        )
        return owned

    def release(self, conn: psycopg.Connection | None) -> None:
        """Give everything back, so that other workers need not wait; without a database they expire."""
        if conn is not None:
            release_leases(conn, worker_id=self._worker_id)
        self.owned = frozenset()
