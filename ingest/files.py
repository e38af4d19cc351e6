"""Replaying a file of readings through Kafka: checked as a whole first, then sent, as a meter would have sent it.

Files are tables of :mod:`ingest.reading_files` or feeds of :mod:`ingest.green_button`. Neighbouring rows of one series
with consecutive intervals share a message, so a file sorted by series and time makes few, large messages. The file is
read twice, in pieces: memory stays bounded whatever its size, and nothing is sent of a file that has a fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import monotonic

import numpy as np

from grid.faults import Fault, InputError
from grid.readings import Quality, Rejection, Source
from grid.time_axis import EPOCH
from grid.units import Channel
from ingest.encoding import encode_message
from ingest.green_button import is_xml, read_green_button
from ingest.messages import decode_reading
from ingest.pieces import FaultList, FileRows
from ingest.producer import ReadingProducer
from ingest.reading_files import read_table
from ingest.topics import READINGS_TOPIC, WEATHER_TOPIC, ensure_topics

VALUES_PER_MESSAGE = 1_000


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What was sent and acknowledged by the broker, in how many seconds.

    Attributes:
        left_out: How many readings of a Green Button feed no channel can hold, by the reason.
    """

    messages: int
    readings: int
    seconds: float
    left_out: Mapping[str, int] = field(default_factory=dict)


def replay_file(
    path: Path,
    bootstrap: str,
    *,
    meter_id: str | None = None,
    readings_topic: str = READINGS_TOPIC,
    weather_topic: str = WEATHER_TOPIC,
) -> ReplayReport:
    """Check a CSV, Parquet or Green Button file of readings and produce it to Kafka; missing topics are made.

    Sending the same file again changes nothing in the database.

    Args:
        meter_id: The meter of a Green Button feed, in place of its usage point's identity.

    Raises:
        InputError: If the file has faults (all are listed with their rows), or no broker answers.
        DeliveryError: If the broker does not acknowledge a message.
    """
    began = monotonic()
    check_file(path, meter_id=meter_id)
    ensure_topics(bootstrap, topics=(readings_topic, weather_topic))
    readings = 0
    faults = FaultList(path)
    with ReadingProducer(bootstrap) as producer:
        for piece in _pieces(path, faults, meter_id):
            topic = readings_topic if piece.source is Source.METER else weather_topic
            for begin, end in _runs(piece):
                producer.send(topic, str(piece.owner_id[begin]), _message(piece, begin, end))
                readings += end - begin
        producer.flush()
        messages = producer.messages_acknowledged
    return ReplayReport(messages, readings, monotonic() - began, dict(faults.left_out))


def check_file(path: Path, *, meter_id: str | None = None) -> int:
    """Check every row as the worker would check its message; returns the number of readings.

    Raises:
        InputError: If the file has faults; all are listed with their rows.
    """
    faults = FaultList(path)
    readings = 0
    for piece in _pieces(path, faults, meter_id):
        for begin, end in _runs(piece):
            readings += end - begin
            if _refusal(piece, begin, end) is not None:
                _blame_rows(piece, begin, end, faults)
        if faults.full:
            break
    faults.raise_if_any()
    return readings


def _pieces(path: Path, faults: FaultList, meter_id: str | None) -> Iterator[FileRows]:
    try:
        if is_xml(path):
            faults.counted = "line"
            return read_green_button(path, faults, meter_id=meter_id)
    except OSError as error:
        raise InputError([Fault(path.name, error.strerror or str(error), "name a readable file")]) from error
    if meter_id is not None:
        raise InputError([Fault("--meter-id", "is for Green Button files only", "write it into the column meter_id")])
    return read_table(path, faults)


def _runs(piece: FileRows) -> Iterator[tuple[int, int]]:
    """Ranges of rows that fit into one message: one series, consecutive intervals, not too many."""
    count = len(piece.value)
    if count == 0:
        return
    breaks = np.ones(count, dtype=bool)
    columns = (piece.owner_id, piece.channel, piece.unit, piece.minutes, piece.revision, piece.issued_us, piece.quality)
    breaks[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    breaks[1:] |= np.diff(piece.start_us) != piece.minutes[:-1] * 60_000_000
    begins = np.flatnonzero(breaks).tolist()
    for begin, end in zip(begins, [*begins[1:], count], strict=True):
        for first in range(begin, end, VALUES_PER_MESSAGE):
            yield first, min(first + VALUES_PER_MESSAGE, end)


def _message(piece: FileRows, begin: int, end: int) -> bytes:
    issued_us = int(piece.issued_us[begin])
    return encode_message(
        piece.source,
        str(piece.owner_id[begin]),
        Channel(piece.channel[begin]),
        unit=str(piece.unit[begin]),
        interval_minutes=int(piece.minutes[begin]),
        start=EPOCH + timedelta(microseconds=int(piece.start_us[begin])),
        values=piece.value[begin:end],
        revision=int(piece.revision[begin]),
        issued_at=None if issued_us < 0 else EPOCH + timedelta(microseconds=issued_us),
        quality=Quality(int(piece.quality[begin])),
    )


def _refusal(piece: FileRows, begin: int, end: int) -> Rejection | None:
    content = decode_reading(_message(piece, begin, end), piece.source)
    return content if isinstance(content, Rejection) else None


def _blame_rows(piece: FileRows, begin: int, end: int, faults: FaultList) -> None:
    """Find out which rows of a refused message are at fault."""
    for row in range(begin, end):
        refusal = _refusal(piece, row, row + 1)
        if refusal is not None:
            column = "value" if refusal.field == "values" else refusal.field
            faults.add(int(piece.row_number[row]), column, refusal.detail, f"correct the {faults.counted}")
