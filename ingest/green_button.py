"""Reading Green Button (ESPI) XML: the interval readings of a feed, a piece at a time, every fault with its line.

Instants in ESPI are seconds since 1970 in UTC, so the feed's local time parameters are not needed. The meter is the
usage point, by the UUID of its entry, or what the caller says. A register is read at the start of its time period.
Readings that no channel can hold (gas, reactive energy, maxima, projections, billing periods) are left out and counted
by reason. Feeds are read twice, because the entry that says what values mean may follow them; memory stays bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from grid.faults import Fault, InputError
from grid.readings import NOTHING_STATED, Source
from ingest.espi_feed import ATOM, ESPI, Feed, FeedSeries, read_feed
from ingest.espi_types import NOT_MEASURED, STATED, ReadingType
from ingest.messages import EARLIEST, LATEST, MAX_INTERVAL_MINUTES
from ingest.pieces import PIECE_ROWS, FaultList, FileRows
from ingest.xml_stream import XmlRefusedError, XmlStream

MAX_QUALITIES = 16  # of one reading
_INTEGER = re.compile(r"[+-]?[0-9]{1,12}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,12})?")
_IN_READING = {
    (ESPI + "timePeriod", ESPI + "start"): "start",
    (ESPI + "timePeriod", ESPI + "duration"): "duration",
    (ESPI + "IntervalReading", ESPI + "value"): "value",
}


def is_xml(path: Path) -> bool:
    """Whether a file begins as XML does, in any encoding."""
    with path.open("rb") as file:
        begin = file.read(64).removeprefix(b"\xef\xbb\xbf")
    return begin.startswith((b"\xff\xfe<", b"\xfe\xff\0<")) or begin.lstrip().startswith(b"<")


def read_green_button(path: Path, faults: FaultList, *, meter_id: str | None = None) -> Iterator[FileRows]:
    """The feed's readings in order; what is wrong goes to ``faults``, readings with a fault are left out.

    Args:
        meter_id: The meter, in place of the usage point's identity; the feed may then have only one usage point.

    Raises:
        InputError: If it is not well-formed, too hostile to be read on, or cannot be read.
    """
    try:
        feed = read_feed(path, faults, meter_id=meter_id)
        if feed is None:
            return
        reader = _BlockReader(feed, faults)
        for _ in reader.stream.read(path):
            if len(reader) >= PIECE_ROWS:
                yield reader.take()
        if len(reader):
            yield reader.take()
    except XmlRefusedError as error:
        raise InputError([Fault(f"{path.name}, line {error.line}", str(error), error.remedy)]) from error
    except OSError as error:
        raise InputError([Fault(path.name, error.strerror or str(error), "name a readable file")]) from error


class _BlockReader:
    """Collects the readings of interval blocks in columns."""

    def __init__(self, feed: Feed, faults: FaultList) -> None:
        self.stream = XmlStream(self._start, self._end)
        self._feed, self._faults = feed, faults
        self._entry = -1
        self._series: FeedSeries | None = None
        self._parents: list[str] = []
        self._block_start: int | None = None
        self._nth = 0  # reading of its block
        self._line = 0
        self._reading: dict[str, str] = {}
        self._qualities: list[str] = []
        self._rows: list[tuple[int, str, str, str, int, int, float, int]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def take(self) -> FileRows:
        """What was collected, and begin anew."""
        lines, owners, channels, units, starts, minutes, values, quality = zip(*self._rows, strict=True)
        self._rows = []
        return FileRows(
            Source.METER,
            np.array(lines, dtype=np.int64),
            np.array(owners, dtype=object),
            np.array(channels, dtype=object),
            np.array(units, dtype=object),
            np.array(starts, dtype=np.int64) * 1_000_000,
            np.array(minutes, dtype=np.int64),
            np.array(values, dtype=np.float64),
            np.zeros(len(values), dtype=np.int64),
            np.full(len(values), -1, dtype=np.int64),
            np.array(quality, dtype=np.int64),
        )

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._parents.append(name)
        if name == ATOM + "entry":
            self._entry += 1
            number = self._feed.series_of_entry[self._entry]
            self._series = self._feed.series[number] if number >= 0 else None
        elif name == ESPI + "IntervalBlock":
            self._block_start, self._nth = None, 0
        elif name == ESPI + "IntervalReading":
            self._line = self.stream.line
            self._reading.clear()
            self._qualities.clear()

    def _end(self, name: str, text: str) -> None:
        self._parents.pop()
        if name == ATOM + "entry":
            self._series = None
        if self._series is None or not self._parents:
            return
        parent = self._parents[-1]
        part = _IN_READING.get((parent, name))
        if part is not None:
            self._reading[part] = text
        elif name == ESPI + "quality" and parent == ESPI + "ReadingQuality":
            if len(self._qualities) <= MAX_QUALITIES:  # one too many is enough to know
                self._qualities.append(text)
        elif name == ESPI + "start" and parent == ESPI + "interval":
            self._block_start = self._whole(text, "IntervalBlock start", self.stream.line)
        elif name == ESPI + "IntervalReading":
            if isinstance(self._series.meaning, str):
                self._faults.left_out[self._series.meaning] += 1
            else:
                self._take_reading(self._series.owner_id, self._series.meaning)
            self._nth += 1

    def _take_reading(self, owner_id: str, meaning: ReadingType) -> None:
        if len(self._qualities) > MAX_QUALITIES:
            self._faults.add(
                self._line, "quality", f"there are more than {MAX_QUALITIES} of one reading", "export it again"
            )
            return
        before = self._faults.count
        start, seconds = self._period(meaning)
        value = self._value(meaning)
        codes = [self._whole(text, "quality", self._line) for text in self._qualities] or [meaning.quality]
        if start is None or seconds is None or self._faults.count > before:
            return
        if not EARLIEST.timestamp() <= start < LATEST.timestamp():
            problem = f"must lie from {EARLIEST} and before {LATEST}, got {start} s since 1970"
            self._faults.add(self._line, "start", problem, "correct it")
            return
        for code in codes:
            if code in NOT_MEASURED:
                self._faults.left_out[f"{NOT_MEASURED[code]} are no measurements"] += 1
                return
        if seconds > MAX_INTERVAL_MINUTES * 60:
            self._faults.left_out[f"intervals longer than {MAX_INTERVAL_MINUTES // 60} hours"] += 1
            return
        if seconds < 60 or seconds % 60:
            problem = f"must be whole minutes, got {seconds} s"
            self._faults.add(self._line, "duration", problem, "say it there, or as intervalLength of the ReadingType")
            return
        quality = 0
        for code in codes:
            quality |= STATED.get(code, NOTHING_STATED) if code is not None else NOTHING_STATED
        where = self._line, owner_id, meaning.channel.value, meaning.unit
        self._rows.append((*where, start, seconds // 60, value, quality))

    def _period(self, meaning: ReadingType) -> tuple[int | None, int | None]:
        """Start and length of a reading. Without a time period of their own they follow each other in the block."""
        duration, start = self._reading.get("duration"), self._reading.get("start")
        seconds: int | None = meaning.interval_seconds
        if duration is not None:
            seconds = self._whole(duration, "duration", self._line) or meaning.interval_seconds
        if start is not None:
            return self._whole(start, "start", self._line), seconds
        if self._block_start is None or not meaning.interval_seconds:
            problem = "its start is not told: neither by a timePeriod, nor by its block and an intervalLength"
            self._faults.add(self._line, "start", problem, "add a timePeriod")
            return None, seconds
        return self._block_start + self._nth * meaning.interval_seconds, seconds

    def _value(self, meaning: ReadingType) -> float:
        text = self._reading.get("value", "")
        if not text:
            return float("nan")
        if not _NUMBER.fullmatch(text):
            problem = f"must be a number, got {text[:40]!r}"
            self._faults.add(self._line, "value", problem, "correct it, or leave it out if it is missing")
            return float("nan")
        if meaning.power_of_ten < 0:  # a division by an exact power rounds once, a product with an inexact one twice
            return float(text) / 10.0**-meaning.power_of_ten
        return float(text) * 10.0**meaning.power_of_ten

    def _whole(self, text: str, what: str, line: int) -> int | None:
        if _INTEGER.fullmatch(text):
            return int(text)
        self._faults.add(line, what, f"must be a whole number, got {text[:40]!r}", "correct it")
        return None
