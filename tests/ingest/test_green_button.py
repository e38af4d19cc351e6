"""A Green Button feed becomes the readings that it holds, whatever the order of its entries, and at no risk."""

from __future__ import annotations

import tracemalloc
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grid.faults import InputError
from grid.readings import Quality
from grid.store.database import connect
from grid.time_axis import EPOCH
from ingest.files import check_file, replay_file
from ingest.green_button import is_xml, read_green_button
from ingest.pieces import FaultList
from ingest.worker import run_worker

HOUSE = Path(__file__).parent / "feeds" / "house.xml"
METER = "5a1d0b9e-4a30-4d0c-8b5e-9d6f1f0a0002"
FIRST = datetime(2026, 11, 1, 5, tzinfo=UTC)  # an hour before the clocks of New York go back
Rows = dict[tuple[str, str, str, int], list[tuple[datetime, float]]]


def rows_of(path: Path, faults: FaultList | None = None, *, meter_id: str | None = None) -> Rows:
    found: Rows = defaultdict(list)
    for piece in read_green_button(path, faults or FaultList(path), meter_id=meter_id):
        columns = (piece.owner_id, piece.channel, piece.unit, piece.minutes.tolist())
        starts = [EPOCH + timedelta(microseconds=us) for us in piece.start_us.tolist()]
        for *key, start, value in zip(*columns, starts, piece.value.tolist(), strict=True):
            found[tuple(key)].append((start, value))  # type: ignore[index]
    return found


def faults_of(path: Path, *, meter_id: str | None = None) -> list[str]:
    with pytest.raises(InputError) as caught:
        check_file(path, meter_id=meter_id)
    return [str(fault) for fault in caught.value.faults]


def changed(folder: Path, *changes: tuple[str, str]) -> Path:
    """The house's feed with some words replaced, each wherever it stands."""
    text = HOUSE.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "feed.xml"
    path.write_text(text, encoding="utf-8")
    return path


def line_of(path: Path, words: str) -> int:
    return path.read_text(encoding="utf-8").split(words)[0].count("\n") + 1


def test_each_series_has_its_meter_channel_unit_and_instants_in_utc() -> None:
    faults = FaultList(HOUSE)
    rows = rows_of(HOUSE, faults)
    faults.raise_if_any()
    quarter = timedelta(minutes=15)
    taken = rows.pop((METER, "import", "Wh", 15))
    assert [start for start, _ in taken] == [FIRST + i * quarter for i in range(6)]
    assert str([value for _, value in taken]) == "[420.0, 400.0, nan, -390.0, 380.0, 370.0]"
    assert rows.pop((METER, "export", "W", 60)) == [(FIRST, 1200.0)]
    assert rows.pop((METER, "import_register", "Wh", 1440)) == [(FIRST, 123456.789)]
    assert not rows


def test_what_no_channel_can_hold_is_left_out_and_counted_by_reason() -> None:
    faults = FaultList(HOUSE)
    rows_of(HOUSE, faults)
    assert faults.left_out == {
        "service 1 is not electricity": 1,
        "projections are no measurements": 1,
        "intervals longer than 25 hours": 1,
    }


def test_the_meter_may_be_named_by_the_caller(tmp_path: Path) -> None:
    assert {owner for owner, *_ in rows_of(HOUSE, meter_id="m-17")} == {"m-17"}
    table = tmp_path / "readings.csv"
    table.write_text("meter_id,channel,unit,time,interval,value\n", encoding="utf-8")
    assert "column meter_id" in faults_of(table, meter_id="m-17")[0]


def test_one_meter_cannot_be_named_for_two_usage_points(tmp_path: Path) -> None:
    path = changed(tmp_path, ("<kind>1</kind>", "<kind>0</kind>"), ("<commodity>7</commodity><uom>119<", "<uom>29<"))
    assert {owner for owner, *_ in rows_of(path)} == {METER, METER[:-2] + "40"}
    assert "the feed has 2 usage points" in faults_of(path, meter_id="m-17")[0]


def test_every_fault_of_a_value_is_told_with_its_line(tmp_path: Path) -> None:
    path = changed(
        tmp_path,
        ("<value>420</value>", "<value>12O</value>"),
        ("<duration>900</duration><start>1793510100</start>", "<duration>901</duration><start>1793510100</start>"),
        ("<duration>900</duration><start>1793511000</start>", "<duration>900</duration><start>soon</start>"),
        ("<quality>9</quality>", "<quality>fair</quality>"),
        ("<espi:start>1793512800</espi:start>", "<espi:start>9999999999</espi:start>"),
    )
    lines = [i for i, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if "IntervalReading>" in line]
    found = "\n".join(faults_of(path))
    for line, field in [(lines[0], "value"), (lines[2], "duration"), (lines[4], "start")]:
        assert f"feed.xml, line {line}, {field}:" in found
    assert f"line {line_of(path, '<quality>fair')}, quality: must be a whole number, got 'fair'" in found
    assert "start: must lie from" in found


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'UsagePoint/1/MeterReading/1/IntervalBlock"/>\n    <title/>',
            'x"/>\n    <title/>',
            "leads to no MeterReading",
        ),
        ('ReadingType/1"/>\n    <link rel="up"', 'ReadingType/9"/>\n    <link rel="up"', "leads to no ReadingType"),
        ('Subscription/7/UsagePoint/1"/>\n    <link rel="up"', 'x"/>\n    <link rel="y"', "leads to no UsagePoint"),
        ("<uom>38</uom>", "", "ReadingType, uom: is missing"),
        ("<uom>38</uom>", "<uom>kW</uom>", "ReadingType, uom: must be a whole number, got 'kW'"),
        ("<flowDirection>19</flowDirection>", "", "ReadingType, flowDirection: is missing"),
        ("<accumulationBehaviour>4</accumulationBehaviour>", "", "accumulationBehaviour: is missing"),
        ("<powerOfTenMultiplier>2<", "<powerOfTenMultiplier>300<", "must lie from -12 to 12"),
        ("<intervalLength>86400</intervalLength>", "", "duration: must be whole minutes, got 0 s"),
        ("<interval><duration>1800</duration><start>1793512800</start></interval>", "", "its start is not told"),
    ],
)
def test_what_a_feed_does_not_say_is_a_fault_and_not_guessed(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert said in "\n".join(faults_of(changed(tmp_path, (old, new))))


def test_two_meter_readings_of_one_channel_are_a_fault(tmp_path: Path) -> None:
    path = changed(
        tmp_path, ("<accumulationBehaviour>1<", "<accumulationBehaviour>4<"), (">86400</intervalL", ">900</intervalL")
    )
    assert "gives import of its usage point, and so does that of line" in faults_of(path)[0]


def test_a_feed_without_anything_to_send_says_why(tmp_path: Path) -> None:
    path = changed(tmp_path, ("<kind>0</kind>", "<kind>2</kind>"))
    assert "service 1 is not electricity; service 2 is not electricity" in faults_of(path)[0]


def test_more_qualities_than_a_reading_can_have_are_a_fault_and_cost_no_memory(tmp_path: Path) -> None:
    said, peaks = [], []
    for count in (16, 20_000, 60_000):
        path = changed(tmp_path, ("<quality>9</quality>", "<quality>9</quality>\n" * count))
        faults = FaultList(path)
        tracemalloc.start()
        rows_of(path, faults)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        said.append(faults.count)
    assert said == [0, 1, 1]
    assert "quality: there are more than 16" in faults_of(path)[0]
    assert peaks[2] < 1.6 * peaks[1]


def test_what_is_kept_of_a_resource_is_short_whatever_it_holds(tmp_path: Path) -> None:
    text = HOUSE.read_text(encoding="utf-8")
    point = text[text.index("<entry>") : text.index("</entry>") + len("</entry>")]
    filled = point.replace(
        "<kind>0</kind>", f"<kind>{'0' * 9_000}</kind><uom xmlns='http://naesb.org/espi'>{'1' * 9_000}</uom>"
    )
    peaks = []
    for count in (20, 500):
        path = changed(tmp_path, ("</feed>", filled.replace("UsagePoint/1", "UsagePoint/9") * count + "</feed>"))
        tracemalloc.start()
        rows_of(path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 3e6, "of eight million characters more"


def test_a_feed_of_ever_more_entries_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "feed.xml"
    path.write_text(FEED + "\n<entry/>" * 11 + "</feed>", encoding="utf-8")
    monkeypatch.setattr("ingest.espi_feed.MAX_ENTRIES", 10)
    assert faults_of(path) == ["feed.xml, line 12: has more than 10 entries; split the feed"]


FEED = "<feed xmlns='http://www.w3.org/2005/Atom'>"
LAUGHS = "".join(f'<!ENTITY l{i + 1} "{f"&l{i};" * 10}">' for i in range(9))
HOSTILE = {
    "a billion laughs": (f'<!DOCTYPE feed [<!ENTITY l0 "ha">{LAUGHS}]><feed>&l9;</feed>', "document type declaration"),
    "quadratic blowup": (f'<!DOCTYPE f [<!ENTITY a "{"a" * 50_000}">]><f>{"&a;" * 5_000}</f>', "document type"),
    "an external entity": ('<!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/passwd">]><f>&x;</f>', "document type"),
    "an external subset": ('<!DOCTYPE f SYSTEM "http://192.0.2.1/x.dtd"><f/>', "document type declaration"),
    "an undefined entity": (f"{FEED}&x;</feed>", "undefined entity"),
    "deep nesting": (FEED + "<a>" * 100_000, "more than 64 deep"),
    "a huge text": (f"{FEED}<id>{'x' * 3_000_000}</id></feed>", "a text of more"),
    "a huge tag": (f"<feed a='{'x' * 3_000_000}'/>", "tag or comment of more"),
    "a huge comment": (f"<!--{'x' * 3_000_000}--><feed/>", "tag or comment of more"),
    "many names": (FEED + "".join(f"<n{i}/>" for i in range(20_000)), "names"),
    "many links": (
        FEED + "<entry>" + "<link rel='related' href='x'/>" * 50_001,
        "more than 50000 links",
    ),
    "a long link": (f"{FEED}<entry><link href='{'x' * 9_999}'/>", "a link of more"),
    "a truncated file": (HOUSE.read_text(encoding="utf-8")[:5_000], "no well-formed XML"),
    "another document": ("<html><body/></html>", "begins with <html>"),
    "rubbish": ("<\0\1\2", "no well-formed XML"),
    "an unknown encoding": ('<?xml version="1.0" encoding="klingon"?><feed/>', "unknown encoding"),
    "an encoding of several bytes": ('<?xml version="1.0" encoding="big5"?><feed/>', "encoding"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_by_name_and_costs_little(name: str, tmp_path: Path) -> None:
    content, said = HOSTILE[name]
    path = tmp_path / "feed.xml"
    path.write_text(content, encoding="utf-8")
    tracemalloc.start()
    try:
        (fault,) = faults_of(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert said in fault
    assert fault.startswith("feed.xml, line ")
    assert peak < 40e6


def test_an_entry_within_an_entry_is_refused(tmp_path: Path) -> None:
    path = changed(tmp_path, ("<title>Taken from the grid</title>", "<entry><id>x</id></entry>"))
    assert "an entry within an entry" in faults_of(path)[0]


def test_readings_outside_of_an_entry_belong_to_nobody(tmp_path: Path) -> None:
    reading = "<timePeriod><duration>900</duration><start>0</start></timePeriod><value>1</value>"
    stray = f"<IntervalBlock xmlns='http://naesb.org/espi'><IntervalReading>{reading}</IntervalReading></IntervalBlock>"
    path = changed(tmp_path, ("</feed>", stray + "</feed>"))
    assert str(rows_of(path)) == str(rows_of(HOUSE))


PIECES = [
    b"<entry>",
    b"</entry>",
    b"<IntervalBlock>",
    b"</content>",
    b"\xff",
    b"-1",
    b"1e9",
    b"&x;",
    b"<!--",
    b"",
    b"]]>",
]


@given(st.lists(st.tuples(st.integers(0, 9_000), st.integers(0, 40), st.sampled_from(PIECES)), max_size=4))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_damaged_feed_is_read_or_refused(tmp_path: Path, damage: list[tuple[int, int, bytes]]) -> None:
    content = HOUSE.read_bytes()
    for place, length, piece in damage:
        content = content[:place] + piece + content[place + length :]
    path = tmp_path / "feed.xml"
    path.write_bytes(content)
    with suppress(InputError):
        check_file(path)


def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.green_button.PIECE_ROWS", 1_000)
    peaks = []
    for days in (30, 150):
        path = tmp_path / f"{days}.xml"
        path.write_text("".join(long_feed(days)), encoding="utf-8")
        tracemalloc.start()
        faults = FaultList(path)
        readings = sum(len(piece.value) for piece in read_green_button(path, faults))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert readings == 96 * days
    small, large = peaks
    assert large < 1.6 * small, "five times the readings"


def long_feed(days: int) -> Iterator[str]:
    text = HOUSE.read_text(encoding="utf-8")
    head, _, rest = text.partition("<entry>\n    <id>urn:uuid:5a1d0b9e-4a30-4d0c-8b5e-9d6f1f0a0011")
    block, _, rest = rest.partition("</entry>")
    links = block[block.index("<link") : block.index("<content>")]
    yield head
    for day in range(days):
        yield f"<entry>{links}<content><IntervalBlock xmlns='http://naesb.org/espi'>"
        for quarter in range(96):
            start = 1_700_000_100 + day * 86_400 + quarter * 900
            period = f"<timePeriod><duration>900</duration><start>{start}</start></timePeriod>"
            yield f"<IntervalReading>{period}<value>{quarter}</value></IntervalReading>"
        yield "</IntervalBlock></content></entry>"
    kept, _, _ = rest.partition("<entry>\n    <id>urn:uuid:5a1d0b9e-4a30-4d0c-8b5e-9d6f1f0a0020")
    yield kept + "</feed>"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"<feed/>", True),
        (b"\xef\xbb\xbf<?xml version='1.0'?>", True),
        (b"\n  <feed/>", True),
        ("<feed/>".encode("utf-16"), True),
        (b"meter_id,channel", False),
        (b"PAR1", False),
        (b"", False),
    ],
)
def test_xml_is_known_by_how_it_begins(content: bytes, expected: bool, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert is_xml(path) is expected


def test_a_replayed_feed_arrives_and_again_changes_nothing(broker: str, database_url: str) -> None:
    topics = {"readings_topic": "green-button-test.readings", "weather_topic": "green-button-test.weather"}
    for _ in range(2):
        report = replay_file(HOUSE, broker, **topics)  # type: ignore[arg-type]
    assert (report.messages, report.readings, sum(report.left_out.values())) == (4, 8, 3)
    done = run_worker(database_url=database_url, bootstrap=broker, until_caught_up=True, **topics)  # type: ignore[arg-type]
    assert (done.batches.saved.added, done.batches.saved.duplicates, done.batches.dead_letters) == (8, 8, 0)
    with connect(database_url, application_name="test") as conn:
        found = conn.execute(
            "SELECT channel, unit, value FROM v_reading WHERE interval_start = %s AND meter_id = %s ORDER BY channel",
            (FIRST, METER),
        ).fetchall()
        stated = conn.execute("SELECT interval_start, quality & 28 FROM v_reading WHERE quality & 28 <> 0").fetchall()
    assert found == [("export", "kW", 1.2), ("import", "kW", 1.68), ("import_register", "kWh", 123.456789)]
    assert stated == [(FIRST + timedelta(minutes=75), Quality.ESTIMATED_LINEARLY)], "as the feed says"
