"""Where to read on: the database knows; what the broker has dropped before it was read is recorded and alarmed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from grid.store.events import publish_event
from grid.store.stream import OffsetProgress, Partition, advance_offsets, lock_offsets, record_gap
from ingest.alarms import gap_alarm_payload

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages ``[from_offset, to_offset)`` of a partition that the broker dropped before they were read."""

    partition: Partition
    from_offset: int
    to_offset: int


def stored_positions(
    conn: psycopg.Connection, first: Mapping[Partition, int]
) -> tuple[dict[Partition, int], list[Gap]]:
    """The next offset to read of each partition, and the gaps before them.

    A gap is a row of ``stream_gap`` and an event of kind ``alarm``, in the transaction that moves the offset past it:
    whoever reads the partition next finds no gap and raises no second alarm.

    Args:
        conn: Outside any transaction.
        first: The oldest offset that the broker still holds of each partition.
    """
    with conn.transaction():
        positions = lock_offsets(conn, first.keys())
        gaps = [Gap(p, stored, first[p]) for p, stored in positions.items() if stored < first[p]]
        for gap in gaps:
            record_gap(conn, gap.partition, from_offset=gap.from_offset, to_offset=gap.to_offset)
            advance_offsets(conn, {gap.partition: OffsetProgress(gap.to_offset, 0)})
            positions[gap.partition] = gap.to_offset
        if gaps:
            messages = sum(gap.to_offset - gap.from_offset for gap in gaps)
            topics = sorted({gap.partition.topic for gap in gaps})
            publish_event(conn, kind="alarm", payload=gap_alarm_payload(topics, messages, partitions=len(gaps)))
    for gap in gaps:
        _log.error(
            "%s[%d]: messages %d to %d are lost: the broker dropped them before they were read",
            gap.partition.topic,
            gap.partition.number,
            gap.from_offset,
            gap.to_offset - 1,
            extra={"topic": gap.partition.topic, "partition": gap.partition.number, "offset": gap.from_offset},
        )
    return positions, gaps
