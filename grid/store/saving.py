"""Saving blocks of readings: the higher revision wins, then the later message; the loser is kept in history.

Everything happens in the caller's transaction, so that a stream's offset and its readings commit together; so do the
marks that make what changed due for validation.

Two ways lead into a table. A channel that has nothing stored between its first and its last interval is copied straight
in; if the primary key objects (somebody else was faster), and for all other channels, the rows are copied into a
temporary table and judged against what is stored. The primary key alone decides what is right; the check only picks
the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import psycopg
from psycopg import errors, sql
from psycopg.pq import TransactionStatus

from grid.readings import STATED_QUALITY, ReadingBlock
from grid.store.binary_copy import BoolArray
from grid.store.partitions import make_partitions
from grid.store.reading_rows import ReadingRows, changes, pack_readings, rows_of_blocks, settle
from grid.store.series import channel_keys
from grid.store.validation_due import MERGE_WITHIN, mark_intervals
from grid.time_axis import EPOCH

_STATED = sum(STATED_QUALITY.values())  # bits in which two readings of one value may differ


class ConcurrentSaveError(Exception):
    """Another transaction saved one of the same intervals meanwhile: roll back and save the whole batch again."""


@dataclass(frozen=True, slots=True)
class SaveReport:
    """What became of the readings of one call; the four sum to all of them.

    Attributes:
        added: For intervals that had no reading.
        replaced: Won over a stored reading, which is now in history.
        late: Lost against a higher revision, or against a later reading of the same call; kept in history.
        duplicates: Said what is stored already; nothing was written.
    """

    added: int = 0
    replaced: int = 0
    late: int = 0
    duplicates: int = 0

    def __add__(self, other: SaveReport) -> SaveReport:
        return SaveReport(
            self.added + other.added,
            self.replaced + other.replaced,
            self.late + other.late,
            self.duplicates + other.duplicates,
        )

    @property
    def readings(self) -> int:
        return self.added + self.replaced + self.late + self.duplicates


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a message had come that is saved only now. Of the same revision, what came after it stays.

    Attributes:
        at: When it came.
        exceptions: When readings were saved that had come before it, but were saved after ``at``.
    """

    at: datetime
    exceptions: Sequence[datetime] = ()


def save_readings(
    conn: psycopg.Connection, blocks: Sequence[ReadingBlock], *, received_at: datetime, arrival: Arrival | None = None
) -> SaveReport:
    """Save blocks in message order: observed ones to ``reading``, issued ones to ``weather_forecast``.

    Channels and meters not seen before are registered.

    Args:
        received_at: From when on the readings are known.
        arrival: For messages that waited as dead letters; None if they came now.

    Raises:
        ValueError: If every statement would be a transaction of its own: what is judged must last for all of them.
        ConcurrentSaveError: If another transaction saved one of the same intervals meanwhile.
        psycopg.Error: If the database fails or refuses a value; nothing is saved unless the caller commits.
    """
    if conn.autocommit and conn.info.transaction_status == TransactionStatus.IDLE:
        raise ValueError("readings are saved in one transaction: write `with conn.transaction():` around the call")
    report = SaveReport()
    keys = channel_keys(conn, {(b.source, b.owner_id, b.channel) for b in blocks}) if blocks else {}
    for issued in (False, True):
        chosen = [b for b in blocks if (b.issued_at is not None) is issued]
        if chosen:
            rows = rows_of_blocks(chosen, [keys[b.source, b.owner_id, b.channel] for b in chosen])
            report += _save_rows(conn, rows, received_at, arrival)
    return report


def _save_rows(
    conn: psycopg.Connection, rows: ReadingRows, received_at: datetime, arrival: Arrival | None
) -> SaveReport:
    winners, beaten, repeats = settle(rows)
    if rows.issued_us is None:
        make_partitions(conn, winners.start_us)
    fresh = _fresh(conn, winners)
    if fresh.any():
        try:
            with conn.transaction():
                _copy(conn, sql.Identifier(rows.table), winners.take(fresh), received_at)
        except errors.UniqueViolation:
            fresh[:] = False
    if rows.issued_us is None:
        new = winners.take(fresh)
        mark_intervals(conn, new.channel_key, new.start_us, new.minutes, marked_at=received_at)
    report = SaveReport(added=int(np.count_nonzero(fresh)), duplicates=repeats)
    if not fresh.all() or len(beaten):
        report += _judge(conn, winners.take(~fresh), beaten, received_at, arrival)
    return report


def _fresh(conn: psycopg.Connection, rows: ReadingRows) -> BoolArray:
    """Which of the sorted rows belong to a channel (and issue) that has nothing stored between its first and last."""
    begins = changes(rows.group_keys)
    firsts = np.flatnonzero(begins)
    lasts = np.append(firsts[1:], len(begins)) - 1
    issued = [None] * len(firsts) if rows.issued_us is None else rows.issued_us[firsts].tolist()
    query = sql.SQL(
        """
        SELECT EXISTS (SELECT FROM {table} r WHERE r.channel_key = g.channel_key {same_issue}
                       AND r.interval_start BETWEEN {first} AND {last}  -- a planner goes by constants
                       AND r.interval_start BETWEEN timestamptz '1970-01-01Z' + g.first_us * interval '1 microsecond'
                                                AND timestamptz '1970-01-01Z' + g.last_us * interval '1 microsecond')
        FROM unnest(%s::integer[], %s::bigint[], %s::bigint[], %s::bigint[])
             WITH ORDINALITY AS g(channel_key, first_us, last_us, issued_us, n)
        ORDER BY g.n
        """
    ).format(
        table=sql.Identifier(rows.table),
        first=sql.Literal(EPOCH + timedelta(microseconds=int(rows.start_us.min()))),
        last=sql.Literal(EPOCH + timedelta(microseconds=int(rows.start_us.max()))),
        same_issue=sql.SQL(
            ""
            if rows.issued_us is None
            else "AND r.issued_at = timestamptz '1970-01-01Z' + g.issued_us * interval '1 microsecond'"
        ),
    )
    spans = rows.channel_key[firsts].tolist(), rows.start_us[firsts].tolist(), rows.start_us[lasts].tolist()
    found = conn.execute(query, (*spans, issued)).fetchall()
    occupied = np.array([row[0] for row in found], dtype=bool)
    fresh: BoolArray = ~occupied[np.cumsum(begins) - 1]
    return fresh


def _judge(
    conn: psycopg.Connection,
    winners: ReadingRows,
    beaten: ReadingRows,
    received_at: datetime,
    arrival: Arrival | None,
) -> SaveReport:
    """Save the winners of each interval against what is stored; those beaten before only go to history."""
    incoming = sql.Identifier(f"incoming_{winners.table}")
    target = sql.Identifier(winners.table)
    conn.execute(
        sql.SQL(
            "CREATE TEMP TABLE IF NOT EXISTS {} (LIKE {}, beaten boolean NOT NULL DEFAULT false) ON COMMIT DELETE ROWS"
        ).format(incoming, target)
    )
    conn.execute(sql.SQL("TRUNCATE {}").format(incoming))
    if len(beaten):
        _copy(conn, incoming, beaten, received_at)
        conn.execute(sql.SQL("UPDATE {} SET beaten = true").format(incoming))
    if len(winners):
        _copy(conn, incoming, winners, received_at)
    conn.execute(sql.SQL("ANALYZE {}").format(incoming))
    # A correction inside a compressed chunk unpacks its neighbours; TimescaleDB would refuse beyond 100,000 of them.
    # Plain PostgreSQL takes the name of a setting that it does not know for a placeholder.
    conn.execute("SELECT set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true)")
    names = ["channel_key", "interval_start", "interval_minutes"]
    names[1:1] = [] if winners.issued_us is None else ["issued_at"]
    query = sql.SQL(_JUDGE).format(
        table=target,
        incoming=incoming,
        key=sql.SQL(", ").join(map(sql.Identifier, names)),
        same_interval=sql.SQL(" AND ").join(sql.SQL("r.{0} = j.{0}").format(sql.Identifier(n)) for n in names),
        issued_at=sql.SQL("NULL::timestamptz" if winners.issued_us is None else "j.issued_at"),
        within=_within(winners),
        overtaken=_overtaken(arrival),
        stated=sql.Literal(_STATED),
        marked=sql.SQL(_MARKED if winners.issued_us is None else "").format(within=sql.Literal(MERGE_WITHIN)),
    )
    row = conn.execute(query).fetchone()
    assert row is not None
    new, inserted, beats, replaced, late, duplicates = row
    if inserted < new or replaced < beats:
        overtaken = new - inserted + beats - replaced
        raise ConcurrentSaveError(f"{overtaken} intervals were saved by another transaction meanwhile")
    return SaveReport(added=inserted, replaced=replaced, late=late, duplicates=duplicates)


def _within(rows: ReadingRows) -> sql.Composable:
    """Constant bounds of the rows, so that a planner can leave out the chunks and segments that hold none of them."""
    if not len(rows):
        return sql.SQL("false")
    return sql.SQL("r.channel_key = ANY({keys}) AND r.interval_start BETWEEN {first} AND {last}").format(
        keys=sql.Literal(np.unique(rows.channel_key).tolist()),
        first=sql.Literal(EPOCH + timedelta(microseconds=int(rows.start_us.min()))),
        last=sql.Literal(EPOCH + timedelta(microseconds=int(rows.start_us.max()))),
    )


def _overtaken(arrival: Arrival | None) -> sql.Composable:
    """Whether a stored row came after the message that is saved now."""
    if arrival is None:
        return sql.SQL("false")
    return sql.SQL("s.received_at > {at} AND s.received_at <> ALL({exceptions}::timestamptz[])").format(
        at=sql.Literal(arrival.at), exceptions=sql.Literal(list(arrival.exceptions))
    )


# No row is locked while it is judged (TimescaleDB cannot lock compressed ones). Instead the insert and the update do
# nothing where another transaction was faster, and the counts tell.
_JUDGE = """
WITH stored AS MATERIALIZED (
    SELECT {key}, r.value, r.quality, r.revision, r.received_at FROM {table} r JOIN {incoming} i USING ({key})
    WHERE NOT i.beaten AND {within}
), judged AS MATERIALIZED (
    SELECT i.*, s.value AS old_value, s.quality AS old_quality, s.revision AS old_revision,
           s.received_at AS old_received_at,
           CASE WHEN i.beaten THEN 'late'
                WHEN s.channel_key IS NULL THEN 'new'
                WHEN i.revision < s.revision THEN 'late'
                WHEN i.revision = s.revision AND i.value IS NOT DISTINCT FROM s.value
                     AND i.quality & {stated} = s.quality & {stated} THEN 'duplicate'
                WHEN i.revision = s.revision AND {overtaken} THEN 'late'
                ELSE 'replaces' END AS verdict
    FROM {incoming} i LEFT JOIN stored s USING ({key})
), inserted AS (
    INSERT INTO {table} ({key}, value, quality, revision, received_at)
    SELECT {key}, value, quality, revision, received_at FROM judged WHERE verdict = 'new'
    ON CONFLICT DO NOTHING RETURNING 1
), replaced AS (
    UPDATE {table} r SET value = j.value, quality = j.quality, revision = j.revision, received_at = j.received_at
    FROM judged j
    WHERE j.verdict = 'replaces' AND {same_interval} AND {within}
      AND r.revision = j.old_revision AND r.value IS NOT DISTINCT FROM j.old_value
    RETURNING 1
), losers AS (
    SELECT j.channel_key, {issued_at} AS issued_at, j.interval_start, j.interval_minutes, j.old_value AS value,
           j.old_quality AS quality, j.old_revision AS revision, j.old_received_at AS received_at,
           j.received_at AS superseded_at
    FROM judged j WHERE j.verdict = 'replaces'
    UNION ALL
    SELECT DISTINCT j.channel_key, {issued_at}, j.interval_start, j.interval_minutes, j.value, j.quality, j.revision,
           j.received_at, j.received_at
    FROM judged j WHERE j.verdict = 'late' AND NOT EXISTS (
        SELECT FROM reading_history h
        WHERE h.channel_key = j.channel_key AND h.interval_start = j.interval_start
          AND h.interval_minutes = j.interval_minutes AND h.issued_at IS NOT DISTINCT FROM {issued_at}
          AND h.revision = j.revision AND h.value IS NOT DISTINCT FROM j.value)
), archived AS (
    INSERT INTO reading_history (channel_key, issued_at, interval_start, interval_minutes, value, quality, revision,
                                 received_at, superseded_at)
    SELECT * FROM losers
){marked}
SELECT count(*) FILTER (WHERE verdict = 'new'), (SELECT count(*) FROM inserted),
       count(*) FILTER (WHERE verdict = 'replaces'), (SELECT count(*) FROM replaced),
       count(*) FILTER (WHERE verdict = 'late'), count(*) FILTER (WHERE verdict = 'duplicate')
FROM judged
"""

# Only what changed is due for validation, as few spans.
_MARKED = """, changed AS (
    SELECT *, interval_start - lag(interval_start) OVER by_time > {within} AS far
    FROM judged WHERE verdict IN ('new', 'replaces')
    WINDOW by_time AS (PARTITION BY channel_key ORDER BY interval_start)
), grouped AS (
    SELECT *, count(*) FILTER (WHERE far) OVER (PARTITION BY channel_key ORDER BY interval_start) AS span FROM changed
), marked AS (
    INSERT INTO validation_due (channel_key, interval_from, interval_until, marked_at)
    SELECT channel_key, min(interval_start), max(interval_start + interval_minutes * interval '1 minute'),
           max(received_at)
    FROM grouped GROUP BY channel_key, span
)"""


def _copy(conn: psycopg.Connection, table: sql.Identifier, rows: ReadingRows, received_at: datetime) -> None:
    names, stream = pack_readings(rows, received_at=received_at)
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    with conn.cursor().copy(sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(table, columns)) as copy:
        copy.write(stream)
