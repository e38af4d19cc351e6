"""The two layers of telemetry in SQL: readings as they were sent, and as validation takes them; each as of an instant.

Every query here takes the parameters that :func:`asked` gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg

from grid.readings import Layer, Quality
from grid.store.settled import wait_until_settled
from grid.store.validation_due import FOLDED_SPAN, LONGEST_PIECE

_INTERVALS = "channel_key = ANY(%(keys)s) AND interval_start >= %(start)s AND interval_start < %(end)s"

# A reading was in force at an instant if it had been received, and was not superseded before. History also holds
# readings that lost on arrival: those were superseded the moment they came, and were never in force.
_READINGS = f"""
    SELECT channel_key, interval_start, interval_minutes, value, quality, revision, received_at FROM reading
    WHERE {_INTERVALS} AND (%(known_by)s::timestamptz IS NULL OR received_at <= %(known_by)s)
    UNION ALL
    SELECT channel_key, interval_start, interval_minutes, value, quality, revision, received_at FROM reading_history
    WHERE {_INTERVALS} AND issued_at IS NULL AND received_at <= %(known_by)s AND superseded_at > %(known_by)s
"""
_VERDICTS = f"""
    SELECT channel_key, interval_start, interval_minutes, value, quality, judged_at FROM verdict
    WHERE {_INTERVALS} AND (%(known_by)s::timestamptz IS NULL OR judged_at <= %(known_by)s)
    UNION ALL
    SELECT channel_key, interval_start, interval_minutes, value, quality, judged_at FROM verdict_history
    WHERE {_INTERVALS} AND judged_at <= %(known_by)s AND superseded_at > %(known_by)s
"""
_SPANS = "channel_key = ANY(%(keys)s) AND interval_from < %(end)s AND interval_until > %(start)s"
# No span that was judged is longer than this, so what begins before cannot reach into the intervals asked for.
_EARLIEST = f"%(start)s - interval '{(LONGEST_PIECE + FOLDED_SPAN).days} days'"
_DUE = f"""
    SELECT channel_key, interval_from, interval_until FROM validation_due
    WHERE {_SPANS} AND (%(known_by)s::timestamptz IS NULL OR marked_at <= %(known_by)s)
    UNION ALL
    SELECT channel_key, interval_from, interval_until FROM validation_done
    WHERE {_SPANS} AND interval_from > {_EARLIEST} AND marked_at <= %(known_by)s AND judged_at > %(known_by)s
    UNION ALL
    SELECT channel_key, s.* FROM validation_done_folded CROSS JOIN LATERAL (
        SELECT one_from, one_until FROM unnest(spans_from, spans_until, spans_marked_at, spans_judged_at)
            AS one(one_from, one_until, one_marked_at, one_judged_at)
        WHERE one_marked_at <= %(known_by)s AND one_judged_at > %(known_by)s) s
    WHERE {_SPANS} AND interval_from > {_EARLIEST} AND marked_at <= %(known_by)s AND judged_at > %(known_by)s
"""
_SAME_INTERVAL = (
    "v.channel_key = r.channel_key AND v.interval_start = r.interval_start AND v.interval_minutes = r.interval_minutes"
)
_GAPS = f"""
    SELECT v.channel_key, v.interval_start, v.interval_minutes, v.value, v.quality, 0 AS revision,
           v.judged_at AS received_at
    FROM verdicts v WHERE NOT EXISTS (SELECT FROM readings r WHERE {_SAME_INTERVAL})
"""


def asked(
    conn: psycopg.Connection[Any],
    keys: Sequence[int | None],
    *,
    start: datetime,
    end: datetime,
    known_by: datetime | None = None,
) -> dict[str, object]:
    """The parameters of a query, once its answer is final: asked again as of the same instant it will be the same.

    Args:
        keys: Channel keys; None for a channel that there is not.
        start, end: Intervals that start in [start, end).
        known_by: Only what was known by then (the server's clock); None for what is known now.

    Raises:
        DatabaseUnavailableError: If what was known by then is still being written after some seconds.
    """
    if known_by is not None:
        wait_until_settled(conn, known_by)
    return {"keys": [key for key in keys if key is not None], "start": start, "end": end, "known_by": known_by}


def rows_query(layer: Layer) -> str:
    """``channel_key, interval_start, interval_minutes, value, quality, revision, received_at`` of a layer.

    Quality holds the bits of the message and of the verdict, and VALID where there is no verdict and none is due. The
    validated layer has rows for intervals that never came, received when they were judged.
    """
    value = "CASE WHEN v.channel_key IS NULL THEN r.value ELSE v.value END" if layer is Layer.VALIDATED else "r.value"
    return f"""
        WITH readings AS MATERIALIZED ({_READINGS}),
             verdicts AS MATERIALIZED ({_VERDICTS}),
             due AS MATERIALIZED ({_DUE})
        SELECT r.channel_key, r.interval_start, r.interval_minutes, {value} AS value,
               r.quality | coalesce(v.quality, CASE WHEN EXISTS (
                   SELECT FROM due d WHERE d.channel_key = r.channel_key AND d.interval_from <= r.interval_start
                   AND d.interval_until > r.interval_start) THEN 0 ELSE {int(Quality.VALID)} END) AS quality,
               r.revision, r.received_at
        FROM readings r LEFT JOIN verdicts v USING (channel_key, interval_start, interval_minutes)
        {f"UNION ALL {_GAPS}" if layer is Layer.VALIDATED else ""}
    """


def values_query(layer: Layer) -> str:
    """``channel_key, interval_start, interval_minutes, value`` of a layer, where there is a value."""
    if layer is Layer.RAW:
        return f"""
            SELECT channel_key, interval_start, interval_minutes, value FROM ({_READINGS}) AS readings
            WHERE value IS NOT NULL
        """
    return f"""
        WITH verdicts AS MATERIALIZED ({_VERDICTS})
        SELECT r.channel_key, r.interval_start, r.interval_minutes, r.value FROM ({_READINGS}) AS r
        WHERE r.value IS NOT NULL AND NOT EXISTS (SELECT FROM verdicts v WHERE {_SAME_INTERVAL})
        UNION ALL
        SELECT channel_key, interval_start, interval_minutes, value FROM verdicts WHERE value IS NOT NULL
    """
