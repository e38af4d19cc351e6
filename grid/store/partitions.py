"""Partitions of four weeks for readings on plain PostgreSQL, made when they are about to be filled.

TimescaleDB makes its chunks by itself; there is nothing to do on it.
"""

from __future__ import annotations

import numpy as np
import psycopg

from grid.store.binary_copy import IntArray

SPAN_US = 28 * 86_400 * 1_000_000
DENSE = 1_000  # readings of a span in one batch, as in the SQL


def make_partitions(conn: psycopg.Connection, start_us: IntArray) -> int:
    """Make the partitions that readings with these interval starts want; returns how many were made.

    Call it in the transaction that then saves them, before the first row: a span that holds no more than a few stray
    stamps stays in the default partition, so rubbish cannot make thousands. A dense span has the next one made as well,
    in some quiet moment ahead of its first reading.

    Nobody is held up: while a reader holds the default partition, none is made (0), and a later call tries again.

    Args:
        start_us: Interval starts, microseconds since 1970, shape (readings,).
    """
    spans, counts = np.unique(start_us // SPAN_US, return_counts=True)
    ahead = np.setdiff1d(spans[counts >= DENSE] + 1, spans).tolist()
    wanted = spans.tolist() + ahead, counts.tolist() + [None] * len(ahead)
    row = conn.execute("SELECT make_reading_partitions(%s, %s)", wanted).fetchone()
    assert row is not None
    return int(row[0])
