"""What the series of a Green Button feed are: whose meter, which channel, which unit.

A feed (NAESB REQ.21, ESPI) is a list of Atom entries that refer to each other by links. An IntervalBlock names its
MeterReading by ``up``, or is named by it as ``related``; so does the MeterReading its UsagePoint. The MeterReading
names its ReadingType as ``related``. Entries may stand in any order, so this is a reading of its own, before the one of
the values in :mod:`ingest.green_button`.

References:
    NAESB REQ.21 Energy Services Provider Interface, and its schema espi.xsd (Apache License 2.0).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from grid.units import Channel
from ingest.espi_types import FIELDS, ReadingType, read_type
from ingest.pieces import FaultList
from ingest.xml_stream import XmlRefusedError, XmlStream

ATOM, ESPI = "http://www.w3.org/2005/Atom ", "http://naesb.org/espi "
MAX_LINKS = 50_000  # of usage points, meter readings and reading types, and different ones of interval blocks
MAX_LINK_LENGTH = 2_000  # and of an identity
MAX_CODE_LENGTH = 40  # of a code that is kept; no longer one is valid, and no more of it is ever shown
MAX_ENTRIES = 5_000_000
ELECTRICITY = "0"
_KEPT_FIELDS = FIELDS | {"kind"}


@dataclass(frozen=True, slots=True)
class FeedSeries:
    """One series of readings of a feed.

    Attributes:
        meaning: Of its values; or in words why they are not sent.
    """

    owner_id: str
    meaning: ReadingType | str


@dataclass(frozen=True, slots=True)
class Feed:
    """The series of a feed, and which of them each entry with interval blocks belongs to.

    Attributes:
        series_of_entry: By the number of the entry, counted from 0; -1 for an entry without interval blocks.
    """

    series: tuple[FeedSeries, ...]
    series_of_entry: array[int]


@dataclass(slots=True)
class _Entry:
    """An Atom entry while it is read, and kept if it is a resource that others refer to."""

    line: int
    entry_id: str = ""
    self_link: str = ""
    up: str = ""
    related: list[str] = field(default_factory=list)
    kind: str = ""
    fields: dict[str, str] = field(default_factory=dict)


def read_feed(path: Path, faults: FaultList, *, meter_id: str | None) -> Feed | None:
    """Read the resources of a feed; None if it has faults, which then stand in ``faults``.

    Args:
        meter_id: The meter, in place of the usage point's identity; the feed may then have only one usage point.

    Raises:
        XmlRefusedError, OSError: See :meth:`ingest.xml_stream.XmlStream.read`.
    """
    reader = _ResourceReader(faults)
    for _ in reader.stream.read(path):
        pass
    return _Resolver(reader, faults).feed(meter_id=meter_id)


class _ResourceReader:
    """Collects the entries of a feed; of interval blocks no more than their links.

    Attributes:
        block_links: Each link that interval blocks go by, with its number.
        block_lines: Where the link of each number was first met.
        link_of_entry: By the number of the entry: the number of its link, -1 if it holds no interval blocks.
    """

    def __init__(self, faults: FaultList) -> None:
        self.stream = XmlStream(self._start, self._end)
        self.resources: dict[str, list[_Entry]] = {"UsagePoint": [], "MeterReading": [], "ReadingType": []}
        self.block_links: dict[str, int] = {}
        self.block_lines: list[int] = []
        self.link_of_entry: array[int] = array("l")
        self._faults = faults
        self._entry: _Entry | None = None
        self._links = 0
        self._begun = False

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if not self._begun:
            self._begun = True
            if name not in (ATOM + "feed", ATOM + "entry"):
                problem = f"begins with <{name.rpartition(' ')[2][:80]}>, not with a feed of Atom entries"
                raise XmlRefusedError(self.stream.line, problem, "export it as Green Button (ESPI) XML")
        if name == ATOM + "entry":
            if self._entry is not None:
                raise XmlRefusedError(self.stream.line, "holds an entry within an entry", "export it again")
            if len(self.link_of_entry) == MAX_ENTRIES:
                raise XmlRefusedError(self.stream.line, f"has more than {MAX_ENTRIES} entries", "split the feed")
            self._entry = _Entry(self.stream.line)
        elif (entry := self._entry) is None:
            return
        elif name == ATOM + "link":
            self._link(entry, attributes.get("rel", ""), attributes.get("href", "").rstrip("/"))
        elif not entry.kind and name.startswith(ESPI):
            entry.kind = name.removeprefix(ESPI)

    def _end(self, name: str, text: str) -> None:
        entry = self._entry
        if entry is None:
            return
        if name == ATOM + "entry":
            self._keep(entry)
            self._entry = None
        elif name == ATOM + "id":
            entry.entry_id = text[:MAX_LINK_LENGTH]
        elif text and entry.kind != "IntervalBlock" and (field_name := name.removeprefix(ESPI)) in _KEPT_FIELDS:
            entry.fields.setdefault(field_name, text[:MAX_CODE_LENGTH])

    def _link(self, entry: _Entry, relation: str, target: str) -> None:
        if len(target) > MAX_LINK_LENGTH:
            problem = f"has a link of more than {MAX_LINK_LENGTH} characters"
            raise XmlRefusedError(self.stream.line, problem, "export it again")
        if relation == "self":
            entry.self_link = target
        elif relation == "up":
            entry.up = target
        elif relation == "related":
            entry.related.append(target)
            self._count_links(1)

    def _keep(self, entry: _Entry) -> None:
        number = -1
        if entry.kind == "IntervalBlock":
            number = self.block_links.setdefault(entry.up or entry.self_link, len(self.block_links))
            if number == len(self.block_lines):
                self.block_lines.append(entry.line)
                self._count_links(1)
        elif entry.kind in self.resources:
            self.resources[entry.kind].append(entry)
            self._count_links(2)
        self.link_of_entry.append(number)

    def _count_links(self, count: int) -> None:
        self._links += count
        if self._links > MAX_LINKS:
            raise XmlRefusedError(self.stream.line, f"has more than {MAX_LINKS} links", "split the feed")


class _Resolver:
    """Follows the links from interval blocks to the meter and the type of their readings."""

    def __init__(self, reader: _ResourceReader, faults: FaultList) -> None:
        self._reader, self._faults = reader, faults
        self._points = _by_link(reader.resources["UsagePoint"], "MeterReading")
        self._meters = _by_link(reader.resources["MeterReading"], "IntervalBlock")
        self._types = {entry.self_link: entry for entry in reader.resources["ReadingType"]}
        self._series: list[FeedSeries] = []
        self._numbers: dict[int, int] = {}  # of the series, by the line of its MeterReading
        self._claims: dict[tuple[str, Channel, int], int] = {}  # which MeterReading gives a channel

    def feed(self, *, meter_id: str | None) -> Feed | None:
        series_of_link = array("l", map(self._resolve, self._reader.block_links, self._reader.block_lines))
        sent = {series.owner_id for series in self._series if isinstance(series.meaning, ReadingType)}
        if meter_id is not None and len(sent) > 1:
            problem = f"--meter-id names one meter, and the feed has {len(sent)} usage points"
            self._faults.add(None, "", problem, "leave --meter-id out, or split the feed")
        if not sent and not self._faults.any:
            why = "; ".join(sorted({str(series.meaning) for series in self._series})) or "there is no IntervalBlock"
            self._faults.add(None, "", f"holds no readings that can be sent: {why}", "export electricity readings")
        if self._faults.any:
            return None
        series = (replace(one, owner_id=meter_id or one.owner_id) for one in self._series)
        links = self._reader.link_of_entry
        return Feed(tuple(series), array("l", (series_of_link[link] if link >= 0 else -1 for link in links)))

    def _resolve(self, link: str, line: int) -> int:
        """The number of the series whose interval blocks go by this link; -1 with a fault if there is none."""
        meters = self._meters.get(link, [])
        if len(meters) != 1:
            which = "no MeterReading" if not meters else f"{len(meters)} MeterReadings"
            remedy = "it must be the MeterReading's own link, or one that it names as related"
            self._faults.add(line, "IntervalBlock", f'its link rel="up" leads to {which}: {link[-120:]!r}', remedy)
            return -1
        meter = meters[0]
        if meter.line not in self._numbers:
            series = self._series_of(meter)
            if series is None:
                return -1
            self._numbers[meter.line] = len(self._series)
            self._series.append(series)
        return self._numbers[meter.line]

    def _series_of(self, meter: _Entry) -> FeedSeries | None:
        points = self._points.get(meter.up, [])
        types = [self._types[link] for link in meter.related if link in self._types]
        for found, what, relation in ((points, "UsagePoint", "up"), (types, "ReadingType", "related")):
            if len(found) != 1:
                problem = f'its link rel="{relation}" leads to {len(found) or "no"} {what}'
                self._faults.add(meter.line, "MeterReading", problem, "it must lead to exactly one of the feed")
        if len(points) != 1 or len(types) != 1:
            return None
        owner_id, kind = _identity(points[0]), points[0].fields.get("kind", ELECTRICITY)
        meaning = read_type(types[0].fields) if kind == ELECTRICITY else f"service {kind[:20]} is not electricity"
        if isinstance(meaning, list):
            for fault in meaning:
                self._faults.add(types[0].line, f"ReadingType, {fault.field}", fault.problem, fault.remedy)
            return None
        if isinstance(meaning, ReadingType):
            first = self._claims.setdefault((owner_id, meaning.channel, meaning.interval_seconds), meter.line)
            if first != meter.line:
                problem = f"gives {meaning.channel.value} of its usage point, and so does that of line {first}"
                self._faults.add(meter.line, "MeterReading", problem, "leave one of them out of the export")
        return FeedSeries(owner_id, meaning)


def _identity(point: _Entry) -> str:
    """The usage point's identity: the UUID of its entry, or else the last part of its link."""
    return point.entry_id.removeprefix("urn:uuid:") or point.self_link.rpartition("/")[2]


def _by_link(entries: Iterable[_Entry], children: str) -> dict[str, list[_Entry]]:
    """Entries by every link under which others may name them as their parent."""
    found: dict[str, list[_Entry]] = {}
    for entry in entries:
        for link in {entry.self_link, f"{entry.self_link}/{children}", *entry.related}:
            found.setdefault(link, []).append(entry)
    return found
