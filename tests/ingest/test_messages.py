"""Messages are taken whole or refused whole, and a refusal says what and where."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.readings import NOTHING_STATED, STATED_QUALITY, Quality, ReadingBlock, Rejection, Source
from grid.time_axis import EPOCH
from grid.units import Channel
from ingest.encoding import encode_message, encode_reading
from ingest.messages import decode_reading, interval_minutes, stated_source

GOOD: dict[str, Any] = {
    "meter_id": "m-17",
    "channel": "import",
    "unit": "kWh",
    "interval": "PT15M",
    "start": "2026-03-01T00:00:00Z",
    "values": [0.42, 0.40, None, 0.39],
    "revision": 0,
    "sent_at": "2026-03-01T01:00:03Z",
}


def message(**changes: Any) -> bytes:
    document = {**GOOD, **changes}
    return json.dumps({name: value for name, value in document.items() if value is not ...}).encode()


def decode(payload: bytes, source: Source = Source.METER, key: bytes | None = None) -> ReadingBlock:
    content = decode_reading(payload, source, key=key)
    assert isinstance(content, ReadingBlock), content
    return content


def refuse(payload: bytes, source: Source = Source.METER, key: bytes | None = None) -> Rejection:
    content = decode_reading(payload, source, key=key)
    assert isinstance(content, Rejection), content
    return content


def test_energy_over_a_quarter_hour_becomes_mean_power_and_null_becomes_nan() -> None:
    block = decode(message(), key=b"m-17")
    assert block.channel is Channel.IMPORT
    assert block.interval_minutes == 15
    np.testing.assert_allclose(block.values, [1.68, 1.60, np.nan, 1.56])
    start = datetime(2026, 3, 1, tzinfo=UTC)
    expected = [(start + timedelta(minutes=15 * i) - EPOCH) // timedelta(microseconds=1) for i in range(4)]
    assert block.starts_us.tolist() == expected


def test_irregular_readings_keep_their_own_instants_whatever_their_offsets() -> None:
    pairs = [["2026-03-01T00:00:00+01:00", 0.42], ["2026-02-28T23:15:00.5Z", None]]
    block = decode(message(start=..., values=..., readings=pairs))
    first = datetime(2026, 2, 28, 23, tzinfo=UTC)
    starts = [EPOCH + timedelta(microseconds=us) for us in block.starts_us.tolist()]
    assert starts == [first, first + timedelta(minutes=15, milliseconds=500)]


def test_fahrenheit_of_a_weather_site_becomes_celsius_and_its_issue_is_kept() -> None:
    payload = message(
        meter_id=...,
        site_id="s-1",
        channel="air_temperature",
        unit="°F",
        values=[212, 32],
        issued_at="2026-02-28T06:00:00Z",
    )
    block = decode(payload, Source.WEATHER)
    np.testing.assert_allclose(block.values, [100.0, 0.0])
    assert block.issued_at == datetime(2026, 2, 28, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("payload", "error_class", "field"),
    [
        (b"", "not_json", ""),
        (b"\xff\xfe", "not_json", ""),
        (b"{" + b'"x":[' * 100_000, "not_json", ""),
        (b"[]", "wrong_type", ""),
        (b" " * (1024 * 1024 + 1), "too_large", ""),
        (message(meter_id=...), "missing_field", "meter_id"),
        (message(meter_id="a\u0000b"), "bad_id", "meter_id"),
        (message(meter_id=17), "wrong_type", "meter_id"),
        (message(channel="imports"), "unknown_channel", "channel"),
        (message(unit="kwh"), "unknown_unit", "unit"),
        (message(unit="degC"), "unknown_unit", "unit"),
        (message(unit=...), "missing_field", "unit"),
        (message(interval="15"), "bad_interval", "interval"),
        (message(interval="PT30S"), "bad_interval", "interval"),
        (message(interval="P2D"), "bad_interval", "interval"),
        (message(start="2026-03-01T00:00:00"), "wrong_type", "start"),
        (message(start="2026-02-30T00:00:00Z"), "wrong_type", "start"),
        (message(start=1772323200), "wrong_type", "start"),
        (message(start="1969-12-31T23:45:00Z"), "time_out_of_range", "start"),
        (message(start="2199-12-31T23:45:00Z"), "time_out_of_range", "start"),
        (message(start="0001-01-01T00:00:00+14:00"), "time_out_of_range", "start"),
        (message(start=...), "missing_field", "start"),
        (message(start=..., values=...), "missing_field", "values"),
        (message(values=[]), "empty", "values"),
        (message(values=[1, "2"]), "wrong_type", "values"),
        (message(values=[True]), "wrong_type", "values"),
        (message(values=[0.0] * 10_001), "too_many_values", "values"),
        (message().replace(b'"unit"', b'"unit": "Wh", "unit"'), "duplicate_field", "unit"),
        (message().replace(b'"unit"', b'"un\\u0069t": "Wh", "unit"'), "duplicate_field", "unit"),
        (message().replace(b'"unit"', b'"unit": "kWh", "unit"'), "duplicate_field", "unit"),
        (message().replace(b'"values"', b'"values": [1.0], "values"'), "duplicate_field", "values"),
        (message().replace(b'"revision"', b'"revision": null, "revision"'), "duplicate_field", "revision"),
        (message(firmware={"a": '"'}).replace(b'"unit"', b'"firmware": 1e999, "unit"'), "duplicate_field", "firmware"),
        (message(values=[1e308], unit="MWh"), "not_finite", "values"),
        (message(readings=[["2026-03-01T00:00:00Z", 1.0]]), "two_shapes", "readings"),
        (message(revision=-1), "wrong_type", "revision"),
        (message(quality="estimated_linearly"), "wrong_type", "quality"),
        (message(quality=["edited", "good"]), "unknown_quality", "quality"),
        (message(quality=["projected"]), "unknown_quality", "quality"),
        (message(quality=["edited"]).replace(b'"unit"', b'"quality": [], "unit"'), "duplicate_field", "quality"),
        (message(revision=2**31), "wrong_type", "revision"),
        (message(revision=True), "wrong_type", "revision"),
        (message(issued_at="2026-03-01T00:00:00Z"), "unexpected_field", "issued_at"),
    ],
)
def test_a_bad_message_is_refused_by_class_and_field(payload: bytes, error_class: str, field: str) -> None:
    rejection = refuse(payload)
    assert (rejection.error_class, rejection.field) == (error_class, field)
    assert rejection.detail


@pytest.mark.parametrize("number", [b"1e999", b"NaN", b"Infinity", b"-1e999"])
def test_numbers_beyond_a_float_are_refused(number: bytes) -> None:
    refuse(message().replace(b"0.42", number))


def test_a_negative_value_is_taken_as_it_came_for_validation_to_judge() -> None:
    block = decode(message(channel="generation", unit="kW", values=[0.5, -0.2]))
    assert block.values.tolist() == [0.5, -0.2]


def test_what_the_sender_says_of_its_values_goes_with_them() -> None:
    assert decode(message()).quality == Quality(0)
    assert decode(message(quality=[])).quality == Quality(0)
    both = decode(message(quality=["edited", "estimated_linearly", "edited"])).quality
    assert both == Quality.EDITED | Quality.ESTIMATED_LINEARLY


def test_a_register_is_taken_in_units_of_energy_only() -> None:
    assert decode(message(channel="import_register", unit="MWh", values=[1.5])).values.tolist() == [1500.0]
    assert refuse(message(channel="import_register", unit="kW")).error_class == "unknown_unit"


def test_fields_we_do_not_know_are_ignored_whatever_they_hold() -> None:
    extra = {"firmware": {"unit": "x", "values": ['"', "\\"]}, "z": [1] * 50, "unit\u0000": "a"}
    assert len(decode(message(**extra)).values) == 4
    long_number = message().replace(b'"unit"', b'"serial": ' + b"9" * 5000 + b', "unit"')
    assert len(decode(long_number).values) == 4


def test_every_fault_of_a_message_that_repeats_a_name_is_told() -> None:
    rejection = refuse(message(unit="stone").replace(b'"interval"', b'"interval": "PT1H", "interval"'))
    assert (rejection.error_class, rejection.field) == ("duplicate_field", "interval")
    assert "stands there 2 times" in rejection.detail
    assert "unit:" in rejection.detail
    wrong_type = refuse(message(values="none").replace(b'"unit"', b'"unit": "Wh", "unit"'))
    assert wrong_type.error_class == "duplicate_field"
    assert "values:" in wrong_type.detail


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["meter_id", "unit", "start", "x", 'q"', "values", "r\u00e9"]), max_size=8), st.booleans()
)
def test_a_message_is_refused_for_repeated_names_if_and_only_if_it_has_some(names: list[str], escaped: bool) -> None:
    pairs = [(name, value) for name, value in GOOD.items() if name not in names]
    pairs += [(name, GOOD.get(name, 1)) for name in names]
    written = ", ".join(f"{_written(name, escaped=escaped)}: {json.dumps(value)}" for name, value in pairs)
    content = decode_reading(("{" + written + "}").encode(), Source.METER)
    repeated = isinstance(content, Rejection) and content.error_class == "duplicate_field"
    assert repeated is (len(set(names)) < len(names))


def _written(name: str, *, escaped: bool) -> str:
    return '"' + "".join(f"\\u{ord(c):04x}" for c in name) + '"' if escaped else json.dumps(name)


def test_every_reason_for_a_refusal_stands_in_the_documentation() -> None:
    root = Path(__file__).parents[2]
    sources = [root / "ingest" / "messages.py", root / "ingest" / "batch.py", root / "api" / "routes" / "readings.py"]
    said = r'(?:Rejection|_choice)\(\s*"(\w+)"|"(\w+)" if out_of_range else "(\w+)"'
    classes = {name for path in sources for names in re.findall(said, path.read_text()) for name in names if name}
    page = (root / "docs" / "telemetry.md").read_text()
    assert len(classes) > 15
    assert [name for name in sorted(classes) if f"`{name}`" not in page] == []


def test_the_same_instant_twice_in_one_message_is_refused() -> None:
    pairs = [["2026-03-01T00:00:00+01:00", 1.0], ["2026-02-28T23:00:00Z", 2.0]]
    assert refuse(message(start=..., values=..., readings=pairs)).error_class == "duplicate_interval"


def test_the_key_must_be_the_owner_but_may_be_missing() -> None:
    assert refuse(message(), key=b"m-18").error_class == "key_mismatch"
    assert decode(message(), key=None).owner_id == "m-17"


@pytest.mark.parametrize(
    ("payload", "source"),
    [
        (b'{"meter_id": "m"}', Source.METER),
        (b'{"site_id": "town"}', Source.WEATHER),
        (b'{"site_id": 7}', Source.WEATHER),
        (b'{"meter_id": "m", "site_id": "town"}', Source.METER),
        (b"{}", Source.METER),
        (b"[", Source.METER),
        (b"\xff", Source.METER),
    ],
)
def test_a_message_is_of_weather_if_it_names_a_site_and_no_meter(payload: bytes, source: Source) -> None:
    assert stated_source(payload) is source


def test_weather_among_the_readings_is_told_for_what_it_is() -> None:
    refused = decode_reading(b'{"site_id": "town"}', Source.METER)
    assert isinstance(refused, Rejection)
    assert (refused.field, "weather" in refused.detail) == ("meter_id", True)


def test_every_fault_is_told_at_once() -> None:
    rejection = refuse(message(meter_id="", unit="stone", interval="soon", start="1960-01-01T00:00:00Z"))
    for field in ("unit", "interval", "start"):
        assert f"{field}:" in rejection.detail
    types = refuse(message(meter_id=1, values="none", revision="x"))
    assert types.field == "meter_id"
    assert "values:" in types.detail
    assert "revision:" in types.detail


def test_a_temperature_below_absolute_zero_is_refused_and_absolute_zero_is_not() -> None:
    weather = {"meter_id": ..., "site_id": "s", "channel": "air_temperature", "unit": "°F"}
    assert refuse(message(**weather, values=[-460.0]), Source.WEATHER).error_class == "out_of_range"
    assert decode(message(**weather, values=[-459.67]), Source.WEATHER).values[0] == pytest.approx(-273.15)


def test_a_wrong_type_hides_no_other_fault_and_brings_none() -> None:
    bad = message(values=[1, "2"], channel="warmth", interval="PT0M", quality="good", meter_id="m\n")
    told = refuse(bad)
    assert (told.error_class, told.field) == ("wrong_type", "values")
    assert re.findall(r"; (\w+): ", told.detail) == ["quality", "meter_id", "channel", "interval"]
    alone = refuse(message(start="2026-03-01T00:00:00"))
    assert (alone.error_class, alone.field) == ("wrong_type", "start")
    assert "; " not in alone.detail


def test_the_largest_allowed_message_is_taken() -> None:
    assert len(decode(message(values=[0.0] * 10_000)).values) == 10_000


@pytest.mark.parametrize(
    ("text", "minutes"), [("PT15M", 15), ("PT1H", 60), ("P1D", 1440), ("PT25H", 1500), ("PT1H30M", 90), ("PT60S", 1)]
)
def test_intervals_are_read_as_iso_8601(text: str, minutes: int) -> None:
    assert interval_minutes(text) == minutes


@pytest.mark.parametrize("text", ["", "P", "PT", "PT0M", "PT1.5H", "P1M", "PT1501M", "-PT15M", "PT99999999999M"])
def test_other_intervals_are_none(text: str) -> None:
    assert interval_minutes(text) is None


_MICROSECONDS_TO_2200 = 7_258_118_400_000_000


@st.composite
def blocks(draw: st.DrawFn) -> ReadingBlock:
    source = draw(st.sampled_from(Source))
    minutes = draw(st.integers(1, 1500))
    count = draw(st.integers(1, 20))
    latest = _MICROSECONDS_TO_2200 - 1 - count * minutes * 60_000_000
    if draw(st.booleans()):
        starts = draw(st.integers(0, latest)) + np.arange(count, dtype=np.int64) * minutes * 60_000_000
    else:
        chosen = draw(st.lists(st.integers(0, latest), min_size=count, max_size=count, unique=True))
        starts = np.array(chosen, dtype=np.int64)
    channel = draw(st.sampled_from(Channel))
    value = st.one_of(st.just(float("nan")), st.floats(-273.15, allow_infinity=False))
    issued = st.datetimes(datetime(1970, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
    return ReadingBlock(
        source,
        draw(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=30)),
        channel,
        minutes,
        starts,
        np.array(draw(st.lists(value, min_size=count, max_size=count))),
        draw(st.integers(0, 2**31 - 1)),
        draw(st.none() | issued) if source is Source.WEATHER else None,
        reduce(or_, draw(st.sets(st.sampled_from(sorted(STATED_QUALITY.values())))), NOTHING_STATED),
    )


@settings(deadline=None)
@given(blocks())
def test_decoding_what_was_encoded_is_the_identity(block: ReadingBlock) -> None:
    again = decode(encode_reading(block), block.source, key=block.owner_id.encode())
    assert (again.source, again.owner_id, again.channel) == (block.source, block.owner_id, block.channel)
    assert (again.interval_minutes, again.revision) == (block.interval_minutes, block.revision)
    assert (again.issued_at, again.quality) == (block.issued_at, block.quality)
    np.testing.assert_array_equal(again.starts_us, block.starts_us)
    np.testing.assert_array_equal(again.values, block.values)


@settings(deadline=None)
@given(
    st.binary(max_size=300)
    | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_no_payload_makes_the_decoder_raise(payload: bytes) -> None:
    assert isinstance(decode_reading(payload, Source.METER), Rejection)


def test_an_infinite_value_is_never_sent_as_missing() -> None:
    with pytest.raises(ValueError, match="infinite"):
        encode_message(
            Source.METER, "m", Channel.LOAD, unit="kW", interval_minutes=15, start=EPOCH, values=np.array([np.inf])
        )


def test_a_naive_start_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match="aware"):
        encode_message(
            Source.METER,
            "m",
            Channel.LOAD,
            unit="kW",
            interval_minutes=15,
            start=EPOCH.replace(tzinfo=None),
            values=np.array([1.0]),
        )
