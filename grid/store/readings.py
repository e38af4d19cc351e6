"""Reading back what meters and weather sites reported, on a regular time axis.

Intervals of any length are brought onto the axis by the rules of :mod:`grid.resampling`; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import psycopg

from grid.readings import Layer, Source
from grid.resampling import STATES, resample
from grid.store.binary_copy import FLOAT8, INT2, POSTGRES_EPOCH_US, TIMESTAMPTZ
from grid.store.layers import asked, values_query
from grid.store.series import ChannelId, find_channel_keys
from grid.time_axis import FloatArray, TimeAxis
from grid.units import STORED_UNIT, Channel

AHEAD_OF_TIME = timedelta(minutes=5)
"""An interval that ends later than this after it was received has a false stamp: some clock is wrong."""

PACKED_READING = np.dtype([("start", TIMESTAMPTZ), ("minutes", INT2), ("value", FLOAT8)])


def parse_series_id(series: str) -> tuple[str, Channel]:
    """Owner and channel of a series id such as ``zone-1:load``.

    Raises:
        ValueError: If it has no known channel after its last colon.
    """
    owner, _, channel = series.rpartition(":")
    if not owner or channel not in set(Channel):
        known = ", ".join(Channel)
        raise ValueError(f"series id must be <owner_id>:<channel> with a channel of {known}; got {series!r}")
    return owner, Channel(channel)


def load_power_matrix(
    conn: psycopg.Connection, series: Sequence[str], axis: TimeAxis, *, layer: Layer = Layer.RAW
) -> FloatArray:
    """Mean power of many meters' series, in one query: shape (series, periods). [kW] NaN where missing.

    Raises:
        ValueError: If one of ``series`` does not name a channel of power.
    """
    ids = [parse_series_id(s) for s in series]
    for (_, channel), name in zip(ids, series, strict=True):
        if STORED_UNIT[channel] != "kW":
            raise ValueError(f"{name} is in {STORED_UNIT[channel]}, not in kW; read it with load_channels")
    return load_channels(conn, [(Source.METER, owner, channel) for owner, channel in ids], axis, layer=layer)


def load_channels(
    conn: psycopg.Connection, channels: Sequence[ChannelId], axis: TimeAxis, *, layer: Layer = Layer.RAW
) -> FloatArray:
    """Many channels on ``axis``, in one query: shape (channels, periods), each in its stored unit. NaN where missing.

    Means over each period; of a state its last value.
    """
    keys = find_channel_keys(conn, channels)
    # One bytea per channel: fetched and parsed at once, where a row at a time would take seven times as long.
    rows = (
        conn.cursor(binary=True)
        .execute(
            "SELECT channel_key,"
            " string_agg(timestamptz_send(interval_start) || int2send(interval_minutes) || float8send(value), '')"
            f" FROM ({values_query(layer)}) AS known GROUP BY channel_key",
            asked(conn, keys, start=axis.start, end=axis.end),
        )
        .fetchall()
    )
    found = {key: np.frombuffer(packed, dtype=PACKED_READING) for key, packed in rows}
    result = np.full((len(keys), axis.periods), np.nan)
    for i, key in enumerate(keys):
        if key is not None and key in found:
            table = found[key]
            start_us = table["start"].astype(np.int64) + POSTGRES_EPOCH_US
            minutes, value = table["minutes"].astype(np.int64), table["value"].astype(float)
            result[i] = resample(start_us, minutes, value, axis=axis, state=channels[i][2] in STATES)
    return result


def latest_interval_end(conn: psycopg.Connection, series: Sequence[str]) -> datetime | None:
    """The end of the newest interval that any of the meters' series has a value for: the data's clock.

    None if there is none. Intervals that were received more than :data:`AHEAD_OF_TIME` before their end do not count.
    """
    keys = find_channel_keys(conn, [(Source.METER, *parse_series_id(s)) for s in series])
    row = conn.execute(
        """
        SELECT max(newest.interval_end) FROM unnest(%s::integer[]) AS k(channel_key)
        CROSS JOIN LATERAL (
            SELECT interval_start + interval_minutes * interval '1 minute' AS interval_end FROM reading r
            WHERE r.channel_key = k.channel_key AND value IS NOT NULL
              AND interval_start + interval_minutes * interval '1 minute' <= received_at + %s
            ORDER BY interval_start DESC, interval_minutes DESC LIMIT 1) newest
        """,
        ([key for key in keys if key is not None], AHEAD_OF_TIME),
    ).fetchone()
    return row[0] if row else None
