"""Which partitions a worker reads: the one thing its loop asks, whoever decides it.

Leases in PostgreSQL (:mod:`ingest.leases`) or a consumer group of Kafka (:mod:`ingest.groups`) say who should try.
Neither says who may store: that is the lock on the offset row, so two workers that believe in the same partition cost
some reading twice and never a reading counted twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import psycopg

from grid.store.stream import Partition

OwnershipKind = Literal["lease", "group"]


class Ownership(Protocol):
    """One worker's claim to its share of the partitions. Used by one thread."""

    @property
    def due(self) -> bool:
        """Whether to call :meth:`renew` now."""
        ...

    @property
    def others_alive(self) -> bool:
        """Whether every partition that is not ours belongs to a worker that lives."""
        ...

    def renew(self, conn: psycopg.Connection, partitions: Sequence[Partition]) -> frozenset[Partition]:
        """Uphold the claim and return the partitions owned now, out of all ``partitions``.

        Args:
            conn: Outside any transaction.

        Raises:
            psycopg.Error, KafkaError: If who decides does not answer; ask again later.
        """
        ...

    def expect_renewal(self) -> None:
        """Let :meth:`renew` be due at once: what was owned may not be read yet."""
        ...

    def release(self, conn: psycopg.Connection | None) -> None:
        """Give everything back, so that others need not wait; ``conn`` is None if the database does not answer."""
        ...
