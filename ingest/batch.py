"""Storing a batch of messages: readings, dead letters and offsets in one transaction, so that each counts once.

The stored offset is the only truth about what has been read. Its row is locked first; records below it have been
stored before and are dropped. The transaction may be lost in a crash of the database (``synchronous_commit`` is off),
but only as a whole: offset and readings go back together, and the records are read again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
import psycopg
from psycopg import errors

from grid.readings import ReadingBlock, Rejection, Source
from grid.store.dead_letters import add_dead_letter
from grid.store.saving import SaveReport, save_readings
from grid.store.series import unregistered
from grid.store.settled import stamp
from grid.store.stream import OffsetProgress, Partition, advance_offsets, lock_offsets
from grid.time_axis import EPOCH
from ingest.messages import decode_reading

DEAD_LETTERS_TOLD = 10  # a batch, in the log; all of them are in the table

_log = logging.getLogger(__name__)


class OffsetsMovedBackError(Exception):
    """The stored offset lies before what was read: the database lost its last transactions. Read again from it."""


@dataclass(frozen=True, slots=True)
class Record:
    """One message as the broker holds it, and what it says."""

    partition: Partition
    offset: int
    key: bytes | None
    payload: bytes
    content: ReadingBlock | Rejection

    @property
    def readings(self) -> int:
        return len(self.content.values) if isinstance(self.content, ReadingBlock) else 0


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What became of the records of one or more batches.

    Attributes:
        messages: Stored or kept as dead letters; ``skipped`` ones not counted.
        skipped: Records that had been stored before.
        dead_letters: Messages that could not be stored.
        saved: What became of the readings.
        latest_interval_end: The newest interval's end among observed readings; None if there were none.
        error_classes: How many dead letters there were of each class.
    """

    messages: int = 0
    skipped: int = 0
    dead_letters: int = 0
    saved: SaveReport = field(default_factory=SaveReport)
    latest_interval_end: datetime | None = None
    error_classes: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: BatchReport) -> BatchReport:
        ends = [end for end in (self.latest_interval_end, other.latest_interval_end) if end is not None]
        return BatchReport(
            self.messages + other.messages,
            self.skipped + other.skipped,
            self.dead_letters + other.dead_letters,
            self.saved + other.saved,
            max(ends, default=None),
            dict(Counter(self.error_classes) + Counter(other.error_classes)),
        )


def decode_record(
    partition: Partition, offset: int, key: bytes | None, payload: bytes | None, *, source: Source
) -> Record:
    """A record with its message decoded; a message without a payload is rejected like any other bad one."""
    if payload is None:
        content: ReadingBlock | Rejection = Rejection("not_json", "", "the message has no payload")
    else:
        content = decode_reading(payload, source, key=key)
    return Record(partition, offset, key, payload or b"", content)


def _nothing_more(conn: psycopg.Connection, report: BatchReport) -> None:
    """The default last act of a batch's transaction."""


@dataclass(frozen=True, slots=True)
class BatchStore:
    """How batches are stored.

    Attributes:
        hold_unknown_meters: Keep readings of unregistered meters as dead letters until they are registered.
        before_commit: Called last in each transaction with what it holds, to tell others of it.
    """

    hold_unknown_meters: bool = False
    before_commit: Callable[[psycopg.Connection, BatchReport], None] = _nothing_more

    def store(
        self,
        conn: psycopg.Connection,
        records: Sequence[Record],
        *,
        read_from: Mapping[Partition, int],
        received_at: datetime | None = None,
    ) -> BatchReport:
        """Store records, each partition's in order of offset. One that the database refuses becomes a dead letter.

        Args:
            conn: Outside any transaction.
            records: All that was read since the last call.
            read_from: Per partition the offset at which that reading began.
            received_at: When they came in; None for the server's clock once the offsets are locked.

        Raises:
            OffsetsMovedBackError: If the database stands before ``read_from``.
            psycopg.Error, ConcurrentSaveError: If it cannot be stored now; the same call may succeed later.
        """
        try:
            return self._store(conn, records, read_from, received_at)
        except (errors.DataError, errors.IntegrityError) as error:
            if len(records) > 1:
                middle = len(records) // 2
                refused = "a batch of %d messages was refused (%s); trying its halves"
                _log.warning(refused, len(records), error, extra={"messages": len(records)})
                first = self.store(conn, records[:middle], read_from=read_from, received_at=received_at)
                return first + self.store(conn, records[middle:], read_from=read_from, received_at=received_at)
            said = error.diag.message_primary or str(error)
            rejection = Rejection("refused_by_database", "", f"{type(error).__name__}: {said}")
            return self._store(conn, [replace(records[0], content=rejection)], read_from, received_at)

    def _store(
        self,
        conn: psycopg.Connection,
        records: Sequence[Record],
        read_from: Mapping[Partition, int],
        received_at: datetime | None,
    ) -> BatchReport:
        with conn.transaction():
            offsets = lock_offsets(conn, {r.partition for r in records})
            received_at = received_at or stamp(conn)
            for p, next_offset in offsets.items():
                if next_offset < read_from[p]:
                    raise OffsetsMovedBackError(f"{p.topic}[{p.number}]: at {next_offset}, read from {read_from[p]}")
            fresh = [r for r in records if r.offset >= offsets[r.partition]]
            if self.hold_unknown_meters:
                fresh = _hold_unknown(conn, fresh)
            blocks = [r.content for r in fresh if isinstance(r.content, ReadingBlock)]
            saved = save_readings(conn, blocks, received_at=received_at)
            rejected = _keep_rejected(conn, fresh, received_at)
            advance_offsets(conn, _progress(fresh))
            report = BatchReport(
                messages=len(fresh),
                skipped=len(records) - len(fresh),
                dead_letters=rejected.total(),
                saved=saved,
                latest_interval_end=_latest_end(blocks),
                error_classes=rejected,
            )
            self.before_commit(conn, report)
        _tell_of_rejected(fresh)
        return report


def _hold_unknown(conn: psycopg.Connection, records: Sequence[Record]) -> list[Record]:
    unknown = unregistered(conn, {meter for meter in map(_meter_of, records) if meter is not None})
    held = []
    for r in records:
        meter = _meter_of(r)
        if meter in unknown:
            reason = f"{meter!r} is not registered; register it, then replay this dead letter"
            held.append(replace(r, content=Rejection("unknown_meter", "meter_id", reason)))
        else:
            held.append(r)
    return held


def _meter_of(record: Record) -> str | None:
    content = record.content
    return content.owner_id if isinstance(content, ReadingBlock) and content.source is Source.METER else None


def _keep_rejected(conn: psycopg.Connection, records: Sequence[Record], received_at: datetime) -> Counter[str]:
    """Keep the rejected ones as dead letters; returns how many there were of each class."""
    rejected = [(r, r.content) for r in records if isinstance(r.content, Rejection)]
    for r, rejection in rejected:
        add_dead_letter(
            conn,
            topic=r.partition.topic,
            partition=r.partition.number,
            offset=r.offset,
            message_key=r.key,
            payload=r.payload,
            rejection=rejection,
            received_at=received_at,
        )
    return Counter(rejection.error_class for _, rejection in rejected)


def _tell_of_rejected(records: Sequence[Record]) -> None:
    """A line of the log for each dead letter, with its coordinates; the first ones only, where a format broke."""
    rejected = [(r, r.content) for r in records if isinstance(r.content, Rejection)]
    for r, rejection in rejected[:DEAD_LETTERS_TOLD]:
        coordinates = {
            "topic": r.partition.topic,
            "partition": r.partition.number,
            "offset": r.offset,
            "meter_id": None if r.key is None else r.key.decode("utf-8", "backslashreplace"),
            "error_class": rejection.error_class,
            "field": rejection.field,
        }
        place = f"{r.partition.topic}[{r.partition.number}]@{r.offset}"
        _log.warning("%s is a dead letter: %s: %s", place, rejection.error_class, rejection.detail, extra=coordinates)
    if len(rejected) > DEAD_LETTERS_TOLD:
        _log.warning("%d more of the same batch are dead letters", len(rejected) - DEAD_LETTERS_TOLD)


def _progress(records: Sequence[Record]) -> dict[Partition, OffsetProgress]:
    ends = {r.partition: r.offset + 1 for r in records}
    readings: Counter[Partition] = Counter()
    for r in records:
        readings[r.partition] += r.readings
    return {p: OffsetProgress(end, readings[p]) for p, end in ends.items()}


def _latest_end(blocks: Sequence[ReadingBlock]) -> datetime | None:
    observed = [b for b in blocks if b.issued_at is None]
    if not observed:
        return None
    minutes = np.repeat([b.interval_minutes for b in observed], [len(b.values) for b in observed])
    ends = np.concatenate([b.starts_us for b in observed]) + minutes * 60_000_000
    return EPOCH + timedelta(microseconds=int(ends.max()))
