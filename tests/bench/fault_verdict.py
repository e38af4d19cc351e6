"""The verdict of the fault harness: the database against what was produced, by count and by value."""

from __future__ import annotations

import numpy as np
import psycopg
from fault_stream import CORRECTION, MINUTES, Produced


class NotExactlyOnceError(AssertionError):
    """Something was lost, doubled or changed."""


def verify(database_url: str, stream: Produced) -> dict[str, int]:
    """Compare the database with what was produced, by count and by value.

    Raises:
        NotExactlyOnceError: If they differ in anything.
    """
    with psycopg.connect(database_url) as conn:
        return _verify(conn, stream)


def _verify(conn: psycopg.Connection, stream: Produced) -> dict[str, int]:
    row = conn.execute(
        "SELECT sum(readings)::bigint, sum(next_offset)::bigint, (SELECT count(*) FROM stream_gap),"
        " (SELECT count(*) FROM reading) + (SELECT count(*) FROM weather_forecast),"
        " (SELECT count(*) FROM reading_history) FROM stream_offset"
    ).fetchone()
    assert row is not None
    counted, offsets, gaps, rows, history = row
    duplicates = counted - rows - history
    produced = rows + history + duplicates + stream.poison_values
    require(produced == stream.total, f"{produced} values are accounted for, {stream.total} were produced")
    require(duplicates == stream.repeated, f"{duplicates} duplicates, {stream.repeated} values were sent twice")
    require(history == stream.superseded, f"{history} rows in history, {stream.superseded} values were corrected")
    require(rows == stream.values.size, f"{rows} rows, {stream.values.size} intervals were sent")
    require(offsets == len(stream.messages), f"offsets sum to {offsets}, {len(stream.messages)} messages were sent")
    require(gaps == 0, "a gap was recorded, the broker dropped nothing")
    letters = [bytes(payload) for (payload,) in conn.execute("SELECT payload FROM dead_letter")]
    require(sorted(letters) == sorted(stream.poison), "the dead letters are not the poison messages")
    for number in range(len(stream.series)):
        _compare(conn, stream, number)
    return {
        "messages": len(stream.messages),
        "values produced": stream.total,
        "rows": rows,
        "rows of weather forecasts": sum(s.forecast for s in stream.series) * stream.values.shape[1],
        "history": history,
        "duplicates": duplicates,
        "dead-lettered messages": len(letters),
        "dead-lettered values": stream.poison_values,
    }


def _compare(conn: psycopg.Connection, stream: Produced, number: int) -> None:
    """Every value and revision of one series, and the values in history, equal what was produced."""
    series = stream.series[number]
    place = f"(extract(epoch FROM interval_start) / {MINUTES * 60})::integer"
    issued = "CASE WHEN issued_at IS NULL THEN NULL ELSE extract(epoch FROM issued_at) / 86400 END::float8"
    query = (
        f"SELECT {place}, value, revision, {issued if series.forecast else 'NULL::float8'} FROM {{}}"
        " JOIN channel USING (channel_key) WHERE owner_id = %s ORDER BY 1"
    )
    intervals = np.arange(stream.values.shape[1])
    issued_on = intervals * MINUTES // (24 * 60) if series.forecast else np.full(len(intervals), np.nan)
    expected = np.column_stack([intervals, stream.values[number], stream.revisions[number], issued_on])
    for table, rows in (
        (series.table, expected),
        ("reading_history", expected[expected[:, 2] == 1] - [0, CORRECTION, 1, 0]),
    ):
        found = conn.execute(query.format(table).encode(), [series.owner_id]).fetchall()
        stored = np.array(found, dtype=np.float64).reshape(-1, 4)
        differ = f"{series.owner_id}: what is in {table} differs from what was produced"
        require(np.array_equal(stored, rows, equal_nan=True), differ)


def require(holds: bool, otherwise: str) -> None:
    """Raise if something does not hold; unlike assert, also under ``python -O``."""
    if not holds:
        raise NotExactlyOnceError(otherwise)
