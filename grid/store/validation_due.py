"""What waits for validation: spans of intervals of a channel, marked by whoever changes something that they rest on.

Marks are only ever added, so a writer never waits for a validator. A validator that has judged a span moves its mark
to ``validation_done``, which tells until when an interval was not yet valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import psycopg

from grid.store.binary_copy import INT4, POSTGRES_EPOCH_US, TIMESTAMPTZ, IntArray, pack_rows
from grid.time_axis import EPOCH

MERGE_WITHIN = timedelta(days=7)
"""Intervals of one channel no farther apart are marked together; the surroundings of each reach farther anyway."""
_MERGE_US = MERGE_WITHIN // timedelta(microseconds=1)
_MINUTE_US = 60_000_000


class DueSpan(NamedTuple):
    """Intervals of one channel that start in [interval_from, interval_until)."""

    channel_key: int
    interval_from: datetime
    interval_until: datetime


def mark_due(
    conn: psycopg.Connection[Any], spans: Sequence[DueSpan | tuple[int, datetime, datetime]], *, marked_at: datetime
) -> None:
    """Mark spans in the caller's transaction."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO validation_due (channel_key, interval_from, interval_until, marked_at)"
            " VALUES (%s, %s, %s, %s)",
            [(*span, marked_at) for span in spans],
        )


def mark_intervals(
    conn: psycopg.Connection[Any], channel_key: IntArray, start_us: IntArray, minutes: IntArray, *, marked_at: datetime
) -> None:
    """Mark many intervals, sorted by channel and start, as few spans, in the caller's transaction.

    Args:
        channel_key, start_us, minutes: Shape (intervals,); starts in microseconds since 1970.
    """
    if not len(channel_key):
        return
    begins = np.ones(len(channel_key), dtype=np.bool_)
    begins[1:] = (np.diff(channel_key) != 0) | (np.diff(start_us) > _MERGE_US)
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(begins)) - 1
    marked = np.full(len(first), (marked_at - EPOCH) // timedelta(microseconds=1) - POSTGRES_EPOCH_US)
    stream = pack_rows(
        [
            (INT4, channel_key[first]),
            (TIMESTAMPTZ, start_us[first] - POSTGRES_EPOCH_US),
            (TIMESTAMPTZ, start_us[last] + minutes[last] * _MINUTE_US - POSTGRES_EPOCH_US),
            (TIMESTAMPTZ, marked),
        ]
    )
    columns = "channel_key, interval_from, interval_until, marked_at"
    with conn.cursor().copy(f"COPY validation_due ({columns}) FROM STDIN (FORMAT binary)") as copy:
        copy.write(stream)
