"""The series that the database knows: meters, their channels, and how far each one reaches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from grid.readings import Source, series_id
from grid.units import STORED_UNIT, Channel

ChannelId = tuple[Source, str, Channel]


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """One series of readings.

    Attributes:
        series_id: ``<owner_id>:<channel>``.
        source: Meter or weather site.
        unit: In which its values are stored.
        first_interval_start, last_interval_end: Span of its readings; None if it has none (forecasts only).
        last_received_at: When its newest interval came in (wall clock).
    """

    series_id: str
    source: Source
    owner_id: str
    channel: Channel
    unit: str
    first_interval_start: datetime | None
    last_interval_end: datetime | None
    last_received_at: datetime | None


def channel_keys(conn: psycopg.Connection, wanted: Collection[ChannelId]) -> dict[ChannelId, int]:
    """Keys of the channels, registering those not seen before together with their meters.

    New rows are inserted in sorted order, so that two writers cannot wait for each other in a circle.
    """
    keys = _known_keys(conn, wanted)
    new = sorted(set(wanted) - keys.keys())
    if not new:
        return keys
    meters = sorted({owner for source, owner, _ in new if source is Source.METER})
    conn.execute("INSERT INTO meter (meter_id) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING", (meters,))
    conn.execute(
        "INSERT INTO channel (source, owner_id, channel, unit)"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) ON CONFLICT DO NOTHING",
        (
            [source.value for source, _, _ in new],
            [owner for _, owner, _ in new],
            [channel.value for _, _, channel in new],
            [STORED_UNIT[channel] for _, _, channel in new],
        ),
    )
    return _known_keys(conn, wanted)


def find_channel_keys(conn: psycopg.Connection, wanted: Sequence[ChannelId]) -> list[int | None]:
    """Key of each channel, in order; None for one never seen."""
    keys = _known_keys(conn, wanted)
    return [keys.get(channel) for channel in wanted]


def channels_of_keys(conn: psycopg.Connection, keys: Collection[int]) -> dict[int, ChannelId]:
    """The channel that each key stands for."""
    rows = conn.execute(
        "SELECT channel_key, source, owner_id, channel FROM channel WHERE channel_key = ANY(%s)", (list(keys),)
    ).fetchall()
    return {key: (Source(source), owner, Channel(channel)) for key, source, owner, channel in rows}


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter that was named by the operator or in the stream.

    Attributes:
        registered: Whether the operator named it; False if it was first seen in the stream.
        first_seen_at: When it was first named (wall clock).
    """

    meter_id: str
    registered: bool
    first_seen_at: datetime


def list_meters(conn: psycopg.Connection, *, registered: bool | None = None) -> list[Meter]:
    """Meters in order of their ids; only registered ones, or only others, if so asked."""
    rows = conn.execute(
        "SELECT meter_id, registered, first_seen_at FROM meter"
        " WHERE %(registered)s::boolean IS NULL OR registered = %(registered)s ORDER BY meter_id",
        {"registered": registered},
    ).fetchall()
    return [Meter(*row) for row in rows]


def register_meters(conn: psycopg.Connection, meter_ids: Collection[str]) -> list[str]:
    """Mark meters as known to the operator; their held readings can then be replayed. Returns those that were not."""
    rows = conn.execute(
        "INSERT INTO meter (meter_id, registered) SELECT unnest(%s::text[]), true"
        " ON CONFLICT (meter_id) DO UPDATE SET registered = true WHERE NOT meter.registered RETURNING meter_id",
        (sorted(set(meter_ids)),),
    ).fetchall()
    return sorted(row[0] for row in rows)


def unregistered(conn: psycopg.Connection, meter_ids: Collection[str]) -> set[str]:
    """Those of the meters that nobody has registered."""
    rows = conn.execute(
        "SELECT meter_id FROM meter WHERE registered AND meter_id = ANY(%s)", (sorted(set(meter_ids)),)
    ).fetchall()
    return set(meter_ids) - {row[0] for row in rows}


def list_series(conn: psycopg.Connection, *, source: Source | None = None) -> list[SeriesSummary]:
    """Every series of readings, in order of its id; of one source only, if given."""
    rows = conn.execute(
        """
        SELECT c.source, c.owner_id, c.channel, c.unit, first.interval_start,
               last.interval_start + last.interval_minutes * interval '1 minute', last.received_at
        FROM channel c
        LEFT JOIN LATERAL (SELECT r.interval_start FROM reading r WHERE r.channel_key = c.channel_key
                           ORDER BY r.interval_start LIMIT 1) first ON true
        LEFT JOIN LATERAL (SELECT r.interval_start, r.interval_minutes, r.received_at FROM reading r
                           WHERE r.channel_key = c.channel_key
                           ORDER BY r.interval_start DESC, r.interval_minutes DESC LIMIT 1) last ON true
        WHERE %(source)s::text IS NULL OR c.source = %(source)s
        ORDER BY c.owner_id, c.channel, c.source
        """,
        {"source": source and source.value},
    ).fetchall()
    return [
        SeriesSummary(
            series_id(owner, Channel(channel)), Source(source_), owner, Channel(channel), unit, first, last, received
        )
        for source_, owner, channel, unit, first, last, received in rows
    ]


def _known_keys(conn: psycopg.Connection, wanted: Collection[ChannelId]) -> dict[ChannelId, int]:
    ids = list(wanted)
    rows = conn.execute(
        "SELECT c.source, c.owner_id, c.channel, c.channel_key FROM channel c"
        " JOIN unnest(%s::text[], %s::text[], %s::text[]) AS w(source, owner_id, channel)"
        " USING (source, owner_id, channel)",
        (
            [source.value for source, _, _ in ids],
            [owner for _, owner, _ in ids],
            [channel.value for _, _, channel in ids],
        ),
    ).fetchall()
    return {(Source(source), owner, Channel(channel)): key for source, owner, channel, key in rows}
