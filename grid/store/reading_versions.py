"""Readings as they were known at an instant: what had been received by then, whatever was corrected since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import psycopg

from grid.readings import Layer
from grid.resampling import STATES, resample
from grid.store.layers import asked, rows_query, values_query
from grid.store.series import ChannelId, find_channel_keys
from grid.time_axis import EPOCH, FloatArray, TimeAxis


@dataclass(frozen=True, slots=True)
class StoredReading:
    """One reading as it is stored.

    Attributes:
        value: In the channel's stored unit; None where it was reported as missing.
        quality: Bits of :class:`grid.readings.Quality`.
        received_at: Wall clock.
    """

    interval_start: datetime
    interval_minutes: int
    value: float | None
    quality: int
    revision: int
    received_at: datetime


def readings_known_by(
    conn: psycopg.Connection,
    channel: ChannelId,
    *,
    start: datetime,
    end: datetime,
    known_by: datetime | None = None,
    layer: Layer = Layer.RAW,
    limit: int,
) -> list[StoredReading]:
    """Readings of one channel whose interval starts in [start, end), in order of time, at most ``limit``.

    Args:
        known_by: Only what had been received and judged by then (wall clock); None for what is known now.
        layer: The validated one has its values, and intervals that never came.
    """
    bounds = asked(conn, find_channel_keys(conn, [channel]), start=start, end=end, known_by=known_by)
    rows = conn.execute(
        "SELECT interval_start, interval_minutes, value, quality, revision, received_at"
        f" FROM ({rows_query(layer)}) AS known"
        " ORDER BY interval_start, interval_minutes LIMIT %(limit)s",
        bounds | {"limit": limit},
    ).fetchall()
    return [StoredReading(*row) for row in rows]


def load_channels_known_by(
    conn: psycopg.Connection,
    channels: Sequence[ChannelId],
    axis: TimeAxis,
    *,
    known_by: datetime | None = None,
    layer: Layer = Layer.RAW,
) -> FloatArray:
    """Means of channels over each interval of ``axis`` as known at an instant, shape (channels, periods). NaN: missing.

    Mixed lengths are brought onto the axis by the rules of :mod:`grid.resampling`.
    """
    keys = find_channel_keys(conn, channels)
    rows = conn.execute(
        values_query(layer), asked(conn, keys, start=axis.start, end=axis.end, known_by=known_by)
    ).fetchall()
    found: dict[int, list[tuple[int, int, float]]] = {}
    for key, interval_start, minutes, value in rows:
        found.setdefault(key, []).append((int((interval_start - EPOCH).total_seconds()) * 1_000_000, minutes, value))
    result = np.full((len(keys), axis.periods), np.nan)
    for i, channel_key in enumerate(keys):
        if channel_key is not None and channel_key in found:
            start_us, minutes_, values = zip(*found[channel_key], strict=True)
            result[i] = resample(
                np.array(start_us, np.int64),
                np.array(minutes_, np.int64),
                np.array(values, np.float64),
                axis=axis,
                state=channels[i][2] in STATES,
            )
    return result
