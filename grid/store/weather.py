"""Reading back forecasts that others send us: of the weather, or of a plant's output, each by its instant of issue."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import psycopg

from grid.readings import Source
from grid.resampling import resample
from grid.store.binary_copy import POSTGRES_EPOCH_US
from grid.store.readings import PACKED_READING
from grid.store.series import find_channel_keys
from grid.time_axis import FloatArray, TimeAxis, require_utc
from grid.units import Channel


def load_weather_forecast(
    conn: psycopg.Connection, owner_id: str, channel: Channel, *, issued_by: datetime, axis: TimeAxis
) -> tuple[datetime | None, FloatArray]:
    """The newest forecast issued at or before ``issued_by``, on a time axis.

    Values come from that one issue, averaged as in :mod:`grid.store.readings`; what it does not cover is NaN.

    Returns:
        When it was issued, None if there is no such forecast; and its values in the channel's stored unit,
        shape (periods,).

    Raises:
        ValueError: If ``issued_by`` is not in UTC.
    """
    require_utc(issued_by, name="issued_by")
    nothing = np.full(axis.periods, np.nan)
    (key,) = find_channel_keys(conn, [(Source.WEATHER, owner_id, channel)])
    row = conn.execute(
        "SELECT max(issued_at) FROM weather_forecast WHERE channel_key = %s AND issued_at <= %s", (key, issued_by)
    ).fetchone()
    issued_at: datetime | None = row[0] if row else None
    if issued_at is None:
        return None, nothing
    packed = (
        conn.cursor(binary=True)
        .execute(
            "SELECT string_agg(timestamptz_send(interval_start) || int2send(interval_minutes) || float8send(value), '')"
            " FROM weather_forecast WHERE channel_key = %s AND issued_at = %s"
            " AND interval_start >= %s AND interval_start < %s AND value IS NOT NULL",
            (key, issued_at, axis.start, axis.end),
        )
        .fetchone()
    )
    if packed is None or packed[0] is None:
        return issued_at, nothing
    table = np.frombuffer(packed[0], dtype=PACKED_READING)
    start_us = table["start"].astype(np.int64) + POSTGRES_EPOCH_US
    return issued_at, resample(start_us, table["minutes"].astype(np.int64), table["value"].astype(float), axis=axis)
