"""Readings of many channels in columns, on their way into a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np

from grid.readings import Quality, ReadingBlock
from grid.store.binary_copy import (
    FLOAT8,
    INT2,
    INT4,
    POSTGRES_EPOCH_US,
    TIMESTAMPTZ,
    Array,
    BoolArray,
    IntArray,
    pack_rows,
)
from grid.time_axis import FloatArray, to_us


@dataclass(frozen=True, slots=True, eq=False)
class ReadingRows:
    """Readings in columns of shape (rows,). Instants are microseconds since 1970.

    Attributes:
        issued_us: When each forecast value was issued; None for observed readings.
        value: NaN where the reading was reported as missing.
        quality: What the sender says of the value.
    """

    channel_key: IntArray
    issued_us: IntArray | None
    start_us: IntArray
    minutes: IntArray
    value: FloatArray
    revision: IntArray
    quality: IntArray

    def __len__(self) -> int:
        return len(self.value)

    @property
    def table(self) -> str:
        return "reading" if self.issued_us is None else "weather_forecast"

    @property
    def group_keys(self) -> list[IntArray]:
        """The primary key less the interval: whose readings these are, and of which issue."""
        return [self.channel_key] if self.issued_us is None else [self.channel_key, self.issued_us]

    @property
    def keys(self) -> list[IntArray]:
        """The columns of the primary key, most significant first."""
        return [*self.group_keys, self.start_us, self.minutes]

    def take(self, chosen: IntArray | BoolArray) -> ReadingRows:
        """The rows at some positions, or where a mask says so."""
        return ReadingRows(
            self.channel_key[chosen],
            None if self.issued_us is None else self.issued_us[chosen],
            self.start_us[chosen],
            self.minutes[chosen],
            self.value[chosen],
            self.revision[chosen],
            self.quality[chosen],
        )


class Contest(NamedTuple):
    """Rows of one batch, settled among themselves.

    Attributes:
        winners: One row per interval, in order of the primary key.
        beaten: Rows that lost against a winner and differ from it.
        repeats: How many rows said the same as their winner.
    """

    winners: ReadingRows
    beaten: ReadingRows
    repeats: int


def rows_of_blocks(blocks: Sequence[ReadingBlock], keys: Sequence[int]) -> ReadingRows:
    """Blocks, all observed or all issued, one after another; ``keys`` holds the channel key of each."""
    counts = [len(b.values) for b in blocks]

    def spread(per_block: Sequence[int]) -> IntArray:
        return np.repeat(np.array(per_block, dtype=np.int64), counts)

    issued = [to_us(b.issued_at) for b in blocks if b.issued_at is not None]
    return ReadingRows(
        channel_key=spread(keys),
        issued_us=spread(issued) if issued else None,
        start_us=np.concatenate([b.starts_us for b in blocks]),
        minutes=spread([b.interval_minutes for b in blocks]),
        value=np.concatenate([b.values for b in blocks]),
        revision=spread([b.revision for b in blocks]),
        quality=spread([b.quality for b in blocks]),
    )


def settle(rows: ReadingRows) -> Contest:
    """Among rows in message order, let the higher revision win each interval, then the later row."""
    rows = rows.take(np.lexsort([rows.revision, *rows.keys[::-1]]))  # stable, so the winner is the last of its interval
    ends = np.append(changes(rows.keys)[1:], True)
    if ends.all():
        return Contest(rows, rows.take(np.zeros(0, dtype=np.int64)), 0)
    last = np.flatnonzero(ends)
    winner = last[np.searchsorted(last, np.arange(len(rows)))]
    same_value = (rows.value == rows.value[winner]) | (np.isnan(rows.value) & np.isnan(rows.value[winner]))
    same_word = (rows.revision == rows.revision[winner]) & (rows.quality == rows.quality[winner])
    repeats = ~ends & same_value & same_word
    return Contest(rows.take(ends), rows.take(~ends & ~repeats), int(np.count_nonzero(repeats)))


def changes(columns: Sequence[Array]) -> BoolArray:
    """Where sorted rows begin another group: True at the first row and wherever a column differs from before."""
    begins = np.ones(len(columns[0]), dtype=bool)
    if len(begins) > 1:
        begins[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return begins


def pack_readings(rows: ReadingRows, *, received_at: datetime) -> tuple[list[str], bytes]:
    """Column names, and the rows as a binary COPY stream of those columns. NaN becomes NULL with its quality bit."""
    quality = np.where(np.isnan(rows.value), Quality.MISSING.value, 0)
    quality |= rows.quality
    quality |= np.where(rows.revision > 0, Quality.CORRECTED.value, 0)
    received = np.full(len(rows), to_us(received_at) - POSTGRES_EPOCH_US)
    columns: list[tuple[str, str, Array]] = [
        ("channel_key", INT4, rows.channel_key),
        ("interval_start", TIMESTAMPTZ, rows.start_us - POSTGRES_EPOCH_US),
        ("interval_minutes", INT2, rows.minutes),
        ("value", FLOAT8, rows.value),
        ("quality", INT4, quality),
        ("revision", INT4, rows.revision),
        ("received_at", TIMESTAMPTZ, received),
    ]
    if rows.issued_us is not None:
        columns.insert(1, ("issued_at", TIMESTAMPTZ, rows.issued_us - POSTGRES_EPOCH_US))
    names = [name for name, _, _ in columns]
    return names, pack_rows([(kind, values) for _, kind, values in columns], null_column=names.index("value"))
