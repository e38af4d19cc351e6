"""The verdict of the fault harness: the database against what was produced, by count and by value."""

from __future__ import annotations

import numpy as np
import psycopg
from fault_stream import CORRECTION_KW, MINUTES, Produced


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
        " (SELECT count(*) FROM reading), (SELECT count(*) FROM reading_history) FROM stream_offset"
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
    for meter in range(len(stream.values)):
        _compare_meter(conn, stream, meter)
    return {
        "messages": len(stream.messages),
        "values produced": stream.total,
        "rows": rows,
        "history": history,
        "duplicates": duplicates,
        "dead-lettered messages": len(letters),
        "dead-lettered values": stream.poison_values,
    }


def _compare_meter(conn: psycopg.Connection, stream: Produced, meter: int) -> None:
    """Every value and revision of one meter, and the values in history, equal what was produced."""
    place = f"(extract(epoch FROM interval_start) / {MINUTES * 60})::integer"
    query = f"SELECT {place}, value, revision FROM {{}} JOIN channel USING (channel_key) WHERE owner_id = %s ORDER BY 1"
    stored = np.array(conn.execute(query.format("reading").encode(), [f"m-{meter}"]).fetchall(), dtype=np.float64)
    expected = np.column_stack([np.arange(stream.values.shape[1]), stream.values[meter], stream.revisions[meter]])
    require(np.array_equal(stored, expected, equal_nan=True), f"values of meter {meter} differ from those produced")
    found = conn.execute(query.format("reading_history").encode(), [f"m-{meter}"]).fetchall()
    lost = np.array(found, dtype=np.float64).reshape(-1, 3)
    expected = expected[expected[:, 2] == 1] - [0, CORRECTION_KW, 1]
    require(np.array_equal(lost, expected, equal_nan=True), f"history of meter {meter} differs from what was produced")


def require(holds: bool, otherwise: str) -> None:
    """Raise if something does not hold; unlike assert, also under ``python -O``."""
    if not holds:
        raise NotExactlyOnceError(otherwise)
