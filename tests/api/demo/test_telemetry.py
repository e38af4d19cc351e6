from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from api.demo.recordings import Message, Recording
from api.demo.telemetry import (
    DEMO_END,
    DEMO_START,
    DemoTelemetry,
    history_messages,
    live_hours,
    load_telemetry,
)
from grid.readings import ReadingBlock, Source
from grid.time_axis import TimeAxis
from grid.units import Channel
from ingest.messages import decode_reading
from ingest.topics import WEATHER_TOPIC

HOUR = timedelta(hours=1)
START = datetime(2008, 3, 7, tzinfo=UTC)


@pytest.fixture(scope="module")
def small() -> DemoTelemetry:
    """Five days over the spring clock change: an hourly and a quarter-hourly meter, and one forecaster."""

    def series(source: Source, owner: str, minutes: int) -> Recording:
        periods = 5 * 1440 // minutes
        axis = TimeAxis(START, timedelta(minutes=minutes), periods)
        return Recording(source, owner, Channel.GENERATION, "kW", axis, np.arange(float(periods)))

    meters = (series(Source.METER, "hourly", 60), series(Source.METER, "quarters", 15))
    return DemoTelemetry(meters, (series(Source.WEATHER, "wind", 60),))


def block(message: Message) -> ReadingBlock:
    source = Source.WEATHER if message.topic == WEATHER_TOPIC else Source.METER
    decoded = decode_reading(message.payload, source, key=message.owner_id.encode())
    assert isinstance(decoded, ReadingBlock), decoded
    return decoded


def test_history_and_live_hours_together_send_every_reading_once(small: DemoTelemetry) -> None:
    present = START + 50 * HOUR
    messages = list(history_messages(small, until=present))
    for hour in live_hours(small, start=present, end=START + 5 * 24 * HOUR):
        messages += hour.messages
    starts = defaultdict(list)
    for message in messages:
        if message.topic != WEATHER_TOPIC:
            starts[message.owner_id] += block(message).starts_us.tolist()
    for recording in small.observed:
        micros = [int(start.timestamp() * 1e6) for start in recording.axis.interval_starts]
        assert starts[recording.owner_id] == micros


def test_history_goes_on_where_an_earlier_run_stopped(small: DemoTelemetry) -> None:
    present, stored = START + 50 * HOUR, START + 47 * HOUR
    messages = history_messages(small, until=present, stored={"hourly:generation": stored})
    (hourly,) = [block(message) for message in messages if message.owner_id == "hourly"]
    assert hourly.starts_us.tolist() == [int((stored + i * HOUR).timestamp() * 1e6) for i in range(3)]


def test_nothing_is_sent_before_it_has_happened(small: DemoTelemetry) -> None:
    present = START + 50 * HOUR
    sent = [(present, message) for message in history_messages(small, until=present)]
    sent += [
        (hour.instant, m) for hour in live_hours(small, start=present, end=present + 20 * HOUR) for m in hour.messages
    ]
    for instant, message in sent:
        decoded = block(message)
        if decoded.issued_at is not None:
            assert decoded.issued_at <= instant
        else:
            end_us = decoded.starts_us[-1] + decoded.interval_minutes * 60_000_000
            assert end_us <= instant.timestamp() * 1e6


def test_forecasts_are_issued_at_six_by_the_wall_clock(small: DemoTelemetry) -> None:
    issued = [
        block(message).issued_at
        for hour in live_hours(small, start=START, end=START + 4 * 24 * HOUR)
        for message in hour.messages
        if message.topic == WEATHER_TOPIC
    ]
    assert issued == [datetime(2008, 3, day, hour, tzinfo=UTC) for day, hour in ((7, 11), (8, 11), (9, 10), (10, 10))]


def test_forecast_reaches_to_the_end_of_the_day_after_tomorrow(small: DemoTelemetry) -> None:
    (message,) = [m for m in history_messages(small, until=START + 11 * HOUR) if m.topic == WEATHER_TOPIC]
    decoded = block(message)
    assert decoded.starts_us[0] == (START + 11 * HOUR).timestamp() * 1e6
    assert decoded.starts_us[-1] == datetime(2008, 3, 10, 3, tzinfo=UTC).timestamp() * 1e6  # 23:00 EDT on 03-09


@pytest.fixture(scope="module")
def demo(demo_cache: Path) -> DemoTelemetry:
    return load_telemetry(demo_cache)


def test_demo_history_is_whole_messages_up_to_the_present(demo: DemoTelemetry) -> None:
    messages = list(history_messages(demo))
    blocks = [block(message) for message in messages]
    observed = [decoded for decoded in blocks if decoded.issued_at is None]
    assert sum(decoded.values.size for decoded in observed) > 1_400_000
    newest = max(int(decoded.starts_us[-1]) + decoded.interval_minutes * 60_000_000 for decoded in observed)
    assert newest == DEMO_START.timestamp() * 1e6
    owners = {decoded.owner_id for decoded in observed}
    assert {"zone-20", "stations-mean", "pv-50", "pv-50-weather", "wind-309_WIND_1", "hydro-322_HYDRO_4"} <= owners


def test_every_live_hour_of_the_demo_has_loads_except_where_none_were_published(demo: DemoTelemetry) -> None:
    zones = {f"zone-{i}" for i in range(1, 21)} - {"zone-7"}
    silent = []
    for hour in live_hours(demo):
        present = {message.owner_id for message in hour.messages}
        assert "pv-50-weather" in present
        if not zones <= present:
            silent.append(hour.instant)
    assert silent[0] == datetime(2008, 6, 30, 11, tzinfo=UTC)
    assert silent[-1] == datetime(2008, 7, 1, 4, tzinfo=UTC)
    assert len(silent) == 18
    assert hour.instant == DEMO_END
