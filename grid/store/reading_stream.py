"""Readings of one channel as a stream of columns: any range, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import psycopg

from grid.readings import Layer
from grid.store.binary_copy import FLOAT8, INT2, INT4, POSTGRES_EPOCH_US, TIMESTAMPTZ, IntArray
from grid.store.layers import asked, rows_query
from grid.store.series import ChannelId, find_channel_keys
from grid.time_axis import FloatArray

# One row of a binary COPY without NULLs: every field behind its length.
_ROW = np.dtype(
    [("fields", INT2), ("length0", INT4), ("start", TIMESTAMPTZ), ("length1", INT4), ("minutes", INT2),
     ("length2", INT4), ("value", FLOAT8), ("length3", INT4), ("quality", INT4)]
)  # fmt: skip
_HEADER_BYTES, _TRAILER_BYTES = 19, 2


class ReadingColumns(NamedTuple):
    """Some readings in order of time, in columns of shape (readings,).

    Attributes:
        start_us: Interval starts, microseconds since 1970.
        minutes: Interval lengths.
        value: In the channel's stored unit; NaN where missing.
        quality: Bits of :class:`grid.readings.Quality`.
    """

    start_us: IntArray
    minutes: IntArray
    value: FloatArray
    quality: IntArray


def stream_readings(
    conn: psycopg.Connection[Any],
    channel: ChannelId,
    *,
    start: datetime,
    end: datetime,
    known_by: datetime | None = None,
    layer: Layer = Layer.RAW,
    rows: int = 50_000,
) -> Iterator[ReadingColumns]:
    """Readings of one channel whose interval starts in [start, end), in order of time, ``rows`` at a time.

    All come from one snapshot: what is stored while they are read does not show.

    Args:
        known_by: Only what had been received and judged by then (wall clock); None for what is known now.
        layer: The validated one has its values, and intervals that never came.
    """
    query = (
        "COPY (SELECT interval_start, interval_minutes, coalesce(value, 'NaN'), quality"
        f" FROM ({rows_query(layer)}) AS known ORDER BY interval_start, interval_minutes) TO STDOUT (FORMAT binary)"
    )
    bounds = asked(conn, find_channel_keys(conn, [channel]), start=start, end=end, known_by=known_by)
    held = bytearray()
    with conn.cursor().copy(query.encode(), bounds) as copy:
        begun = False
        for data in copy:
            held += data
            if not begun and len(held) >= _HEADER_BYTES:
                del held[:_HEADER_BYTES]
                begun = True
            if len(held) > rows * _ROW.itemsize + _TRAILER_BYTES:
                yield _columns(bytes(held[: rows * _ROW.itemsize]))
                del held[: rows * _ROW.itemsize]
    yield _columns(bytes(held[:-_TRAILER_BYTES]))


def _columns(packed: bytes) -> ReadingColumns:
    table = np.frombuffer(packed, dtype=_ROW)
    return ReadingColumns(
        table["start"].astype(np.int64) + POSTGRES_EPOCH_US,
        table["minutes"].astype(np.int64),
        table["value"].astype(np.float64),
        table["quality"].astype(np.int64),
    )
