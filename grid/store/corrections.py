"""What readings were taken for before they were corrected, edited or judged anew: the past as it looked in the past.

An answer as of one instant is a query (:mod:`grid.store.reading_versions`). A backtest asks as of a hundred instants,
at which nearly all readings stood as they stand now: so what was ever taken for something else is read once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import psycopg

from grid.resampling import STATES, IntArray, resample
from grid.store.layers import asked
from grid.store.series import ChannelId, find_channel_keys
from grid.time_axis import FloatArray, TimeAxis, to_us

_NOW = np.iinfo(np.int64).max - 1
_SPAN = "channel_key = ANY(%(keys)s) AND interval_start >= %(start)s AND interval_start < %(end)s"
_SAME_PERIOD = "channel_key = t.channel_key AND interval_start >= t.period AND interval_start < t.period + %(step)s"
_QUERY = f"""
    WITH changed AS MATERIALIZED (
        SELECT channel_key, interval_start FROM reading_history
        WHERE {_SPAN} AND issued_at IS NULL AND received_at < superseded_at
          AND received_at <= %(last)s AND superseded_at > %(first)s
        UNION ALL
        SELECT channel_key, interval_start FROM verdict_history
        WHERE {_SPAN} AND judged_at <= %(last)s AND superseded_at > %(first)s
        UNION ALL
        SELECT channel_key, interval_start
        FROM (SELECT * FROM verdict WHERE {_SPAN} AND judged_at > %(first)s) v
        JOIN reading r USING (channel_key, interval_start, interval_minutes)
        WHERE r.received_at < v.judged_at AND r.received_at <= %(last)s
    ), touched AS MATERIALIZED (
        SELECT DISTINCT channel_key, date_bin(%(step)s, interval_start, %(start)s) AS period FROM changed
    )
    SELECT t.channel_key, extract(epoch FROM interval_start), interval_minutes, judged, value,
           extract(epoch FROM since), extract(epoch FROM until)
    FROM touched t CROSS JOIN LATERAL (
        SELECT interval_start, interval_minutes, false AS judged, value,
               received_at AS since, NULL::timestamptz AS until
        FROM reading WHERE {_SAME_PERIOD}
        UNION ALL
        SELECT interval_start, interval_minutes, false, value, received_at, superseded_at
        FROM reading_history WHERE {_SAME_PERIOD} AND issued_at IS NULL AND received_at < superseded_at
        UNION ALL
        SELECT interval_start, interval_minutes, true, value, judged_at, NULL
        FROM verdict WHERE {_SAME_PERIOD}
        UNION ALL
        SELECT interval_start, interval_minutes, true, value, judged_at, superseded_at
        FROM verdict_history WHERE {_SAME_PERIOD}) one
"""


@dataclass(frozen=True, slots=True, eq=False)
class _Versions:
    """What the intervals of one channel were taken for; only those of periods in which something changed.

    Attributes:
        start_us, minutes: Of each interval, shape (intervals,).
        interval: Which of them a version is of, shape (versions,).
        judged: It is a verdict, which counts for more than what was sent.
        value: In the stored unit. NaN: reported, or taken for, missing.
        since_us, until_us: When it was in force; half-open.
    """

    start_us: IntArray
    minutes: IntArray
    interval: IntArray
    judged: npt.NDArray[np.bool_]
    value: FloatArray
    since_us: IntArray
    until_us: IntArray

    def taken_at(self, instant_us: int) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        """Validated values at an instant, and whether anything was known of the interval, both (intervals,)."""
        value, heard = np.full(len(self.start_us), np.nan), np.zeros(len(self.start_us), dtype=bool)
        for judged in (False, True):
            chosen = (self.judged == judged) & (self.since_us <= instant_us) & (instant_us < self.until_us)
            value[self.interval[chosen]], heard[self.interval[chosen]] = self.value[chosen], True
        return value, heard


@dataclass(frozen=True, slots=True, eq=False)
class Corrections:
    """What channels were taken for on an axis before they were taken for what they are now. Of those that changed."""

    axis: TimeAxis
    versions: Mapping[ChannelId, _Versions]

    def undone_at(self, instant: datetime) -> dict[ChannelId, tuple[IntArray, FloatArray]]:
        """Positions on the axis whose validated value was another at an instant, and that value; NaN: missing.

        An interval of which nothing was known then stands as it stands now: nobody can tell whether it came late, or
        was loaded into the database long after it had been measured.
        """
        found = {}
        for channel, one in self.versions.items():
            now, _ = one.taken_at(_NOW)
            then, heard = one.taken_at(to_us(instant))
            then = np.where(heard, then, now)
            if not np.array_equal(then, now, equal_nan=True):
                before, after = (self._resampled(channel, one, value) for value in (then, now))
                at = np.flatnonzero(~((before == after) | (np.isnan(before) & np.isnan(after))))
                found[channel] = at, before[at]
        return found

    def _resampled(self, channel: ChannelId, one: _Versions, value: FloatArray) -> FloatArray:
        known = np.isfinite(value)
        state = channel[2] in STATES
        return resample(one.start_us[known], one.minutes[known], value[known], axis=self.axis, state=state)


def load_corrections(
    conn: psycopg.Connection, channels: Sequence[ChannelId], axis: TimeAxis, *, first: datetime, last: datetime
) -> Corrections:
    """All that was taken for something else at some instant in [first, last], whenever it was measured."""
    keys = find_channel_keys(conn, channels)
    span = asked(conn, keys, start=axis.start, end=axis.end)
    rows = conn.execute(_QUERY, span | {"step": axis.step, "first": first, "last": last}).fetchall()
    versions = {}
    for channel, key in zip(channels, keys, strict=True):
        own = [row[1:] for row in rows if row[0] == key]
        if own:
            start, minutes, judged, value, since, until = zip(*own, strict=True)
            both, interval = np.unique([_micro(start), minutes], axis=1, return_inverse=True)
            versions[channel] = _Versions(
                start_us=both[0],
                minutes=both[1],
                interval=interval.ravel(),
                judged=np.array(judged),
                value=np.array(value, dtype=np.float64),
                since_us=_micro(since),
                until_us=_micro(until),
            )
    return Corrections(axis, versions)


def _micro(seconds: Sequence[Decimal | None]) -> IntArray:
    """Instants as microseconds since 1970; None is never."""
    return np.array([_NOW + 1 if one is None else int(one * 1_000_000) for one in seconds], dtype=np.int64)
