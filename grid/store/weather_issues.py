"""Reading back many issues of the forecasts that others send us, to learn how good they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import psycopg

from grid.readings import Source
from grid.resampling import resample
from grid.store.binary_copy import POSTGRES_EPOCH_US
from grid.store.readings import PACKED_READING
from grid.store.series import find_channel_keys
from grid.time_axis import FloatArray, TimeAxis, floor_to_step, require_utc
from grid.units import Channel

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, eq=False)
class IssuedForecast:
    """One issue of one channel.

    Attributes:
        axis: Of the hours, from the first to the last, that it speaks of; in steps of an hour or of parts of one.
        values: In the channel's stored unit, shape (periods,). NaN where it says nothing.
    """

    issued_at: datetime
    axis: TimeAxis
    values: FloatArray


def load_issued_forecasts(
    conn: psycopg.Connection,
    owners: Sequence[str],
    channel: Channel,
    *,
    issued_from: datetime,
    issued_by: datetime,
    step: timedelta = _HOUR,
) -> dict[str, list[IssuedForecast]]:
    """Every forecast of a channel issued within [issued_from, issued_by], by owner, the oldest first.

    Args:
        owners: Weather sites, or meters whose plants' output is forecast. One without a forecast has an empty list.
        step: An hour or a part of one. Parts of an hour of which only the whole is told have its mean.

    Raises:
        ValueError: If an instant is not in UTC.
    """
    require_utc(issued_from, name="issued_from")
    require_utc(issued_by, name="issued_by")
    keys = find_channel_keys(conn, [(Source.WEATHER, owner, channel) for owner in owners])
    owner_of = {key: owner for key, owner in zip(keys, owners, strict=True) if key is not None}
    # Packed by the server, one value per issue: parsed at once instead of row by row.
    rows = (
        conn.cursor(binary=True)
        .execute(
            "SELECT channel_key, issued_at, min(interval_start), max(interval_start),"
            " string_agg(timestamptz_send(interval_start) || int2send(interval_minutes) || float8send(value), '')"
            " FROM weather_forecast WHERE channel_key = ANY(%s) AND issued_at BETWEEN %s AND %s AND value IS NOT NULL"
            " GROUP BY channel_key, issued_at ORDER BY channel_key, issued_at",
            (list(owner_of), issued_from, issued_by),
        )
        .fetchall()
    )
    found: dict[str, list[IssuedForecast]] = {owner: [] for owner in owners}
    for key, issued_at, first, last, packed in rows:
        start = floor_to_step(first, _HOUR)
        hours = TimeAxis(start, _HOUR, (last - start) // _HOUR + 1)
        axis = TimeAxis(start, step, hours.periods * (_HOUR // step))
        table = np.frombuffer(packed, dtype=PACKED_READING)
        start_us = table["start"].astype(np.int64) + POSTGRES_EPOCH_US
        columns = start_us, table["minutes"].astype(np.int64), table["value"].astype(float)
        values = np.repeat(resample(*columns, axis=hours), _HOUR // step)
        if step < _HOUR:
            own = resample(*columns, axis=axis)
            values = np.where(np.isfinite(own), own, values)
        found[owner_of[key]].append(IssuedForecast(issued_at, axis, values))
    return found
