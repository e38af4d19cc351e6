from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from api.demo.recordings import Recording, on_regular_axis, to_messages
from grid.readings import ReadingBlock, Source
from grid.time_axis import TimeAxis
from grid.units import Channel
from ingest.messages import decode_reading
from ingest.topics import READINGS_TOPIC, WEATHER_TOPIC

START = datetime(2008, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def recording(values: list[float], *, source: Source = Source.METER, unit: str = "W") -> Recording:
    axis = TimeAxis(START, HOUR, len(values))
    return Recording(source, "m-1", Channel.GENERATION, unit, axis, np.array(values), decimals=1)


def decoded(payload: bytes, source: Source = Source.METER) -> ReadingBlock:
    block = decode_reading(payload, source, key=b"m-1")
    assert isinstance(block, ReadingBlock)
    return block


def test_message_reaches_the_stream_in_the_sources_unit_and_is_stored_in_ours() -> None:
    (message,) = to_messages(recording([1000.04, float("nan"), 3000.0]), size=10)
    assert message.topic == READINGS_TOPIC
    assert b'"unit":"W"' in message.payload
    assert b"[1000.0,null,3000.0]" in message.payload
    assert b'"sent_at":"2008-06-01T03:00:00Z"' in message.payload
    block = decoded(message.payload)
    assert block.values[[0, 2]].tolist() == [1.0, 3.0]
    assert np.isnan(block.values[1])


def test_forecast_carries_when_it_was_issued() -> None:
    forecast = recording([1.0], source=Source.WEATHER, unit="MW")
    (message,) = to_messages(forecast, size=10, issued_at=START - HOUR, sent_at=START - HOUR)
    assert message.topic == WEATHER_TOPIC
    assert decoded(message.payload, Source.WEATHER).issued_at == START - HOUR


def test_stretch_without_any_value_sends_nothing() -> None:
    nan = float("nan")
    messages = list(to_messages(recording([1.0, 2.0, nan, nan, 5.0]), size=2))
    assert [message.values for message in messages] == [2, 1]


@given(periods=st.integers(1, 40), size=st.integers(1, 12), cut=st.integers(-3, 43))
def test_messages_of_two_halves_carry_every_interval_once(periods: int, size: int, cut: int) -> None:
    whole = recording([float(i) for i in range(periods)])
    middle = START + HOUR * cut
    halves = [whole.between(START - 99 * HOUR, middle), whole.between(middle, START + 99 * HOUR)]
    blocks = [decoded(message.payload) for half in halves for message in to_messages(half, size=size)]
    starts = np.concatenate([block.starts_us for block in blocks])
    values = np.concatenate([block.values for block in blocks])
    assert np.array_equal(starts, int(START.timestamp()) * 10**6 + 3_600_000_000 * np.arange(periods))
    assert np.allclose(values * 1000.0, np.arange(periods))
    assert max(block.values.size for block in blocks) <= size


def test_gaps_between_stamps_become_missing_intervals() -> None:
    stamps = pd.DatetimeIndex(["2008-06-01T01:00+01:00", "2008-06-01T04:00+01:00"])
    axis, values = on_regular_axis(stamps, np.array([1.0, 4.0]), step=HOUR)
    assert axis == TimeAxis(START, HOUR, 4)
    assert values[[0, 3]].tolist() == [1.0, 4.0]
    assert np.isnan(values[1:3]).all()
