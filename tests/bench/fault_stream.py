"""What the fault harness produces, and what must be stored of it: known beforehand, to the last value.

Meters send their load, weather sites what they observe and, day by day, what they forecast. Every value tells its
series and its interval, so a reading that went astray would show. Messages of one series come out of order; some are
sent twice; some are corrected by a higher revision, which may overtake what it corrects; some are poison. A message
that is sent twice is never corrected, so that history is known exactly as well, whatever batches the workers make of
the stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from grid.readings import Rejection, Source
from grid.time_axis import EPOCH
from grid.units import Channel
from ingest.encoding import encode_message
from ingest.messages import decode_reading
from ingest.topics import READINGS_TOPIC, WEATHER_TOPIC

VALUES = 96  # a message: one day of quarter-hours
MINUTES = 15
CORRECTION = 0.5  # a revised value is this much higher
SENT_TWICE, CORRECTED, POISON = 0.04, 0.04, 0.02  # shares of the messages
DISORDER = 60.0  # messages: about how far one may come before or after its place
METERS_PER_SITE = 10
_FOREIGN_UNIT = b'{"meter_id":"%s","channel":"load","unit":"furlong","interval":"PT15M","start":"2026-01-01T00:00:00Z",'


@dataclass(frozen=True, slots=True)
class Series:
    """Who sends: a meter, or a weather site that observes or forecasts."""

    owner_id: str
    source: Source
    forecast: bool = False

    @property
    def topic(self) -> str:
        return READINGS_TOPIC if self.source is Source.METER else WEATHER_TOPIC

    @property
    def table(self) -> str:
        return "weather_forecast" if self.forecast else "reading"

    def message(self, day: int, values: npt.NDArray[np.float64], *, revision: int) -> Message:
        """One day's message; a forecast is issued as its day begins."""
        start = EPOCH + timedelta(days=day)
        meter = self.source is Source.METER
        payload = encode_message(
            self.source,
            self.owner_id,
            Channel.LOAD if meter else Channel.AIR_TEMPERATURE,
            unit="kW" if meter else "degC",
            interval_minutes=MINUTES,
            start=start,
            values=values,
            revision=revision,
            issued_at=start if self.forecast else None,
        )
        return Message(self.topic, self.owner_id, payload, len(values))


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it is produced."""

    topic: str
    owner_id: str
    payload: bytes
    values: int


@dataclass(frozen=True, slots=True)
class Produced:
    """All messages in the order of sending, and what becomes of them.

    Attributes:
        values: Stored values, shape (series, intervals). NaN: reported as missing.
        revisions: Their revisions, same shape.
        superseded: Values that must be in history, once each: those of the corrected intervals.
        repeated: Values that were sent twice and change nothing.
        poison: Payloads of the messages that must be dead letters, and how many values were in them.
    """

    series: list[Series]
    messages: list[Message]
    values: npt.NDArray[np.float64]
    revisions: npt.NDArray[np.int64]
    superseded: int
    repeated: int
    poison: list[bytes]
    poison_values: int

    @property
    def total(self) -> int:
        """Values produced, poisoned ones included."""
        return sum(message.values for message in self.messages)

    @property
    def counted(self) -> int:
        """Values that the stored offsets must have counted."""
        return self.total - self.poison_values


def make_stream(rng: np.random.Generator, *, readings: int, meters: int) -> Produced:
    """At least ``readings`` values, duplicates and corrections included; a weather site for every ten meters."""
    series = [Series(f"m-{n}", Source.METER) for n in range(meters)]
    for n in range(-(-meters // METERS_PER_SITE)):
        series += [Series(f"s-{n}", Source.WEATHER), Series(f"f-{n}", Source.WEATHER, forecast=True)]
    days = -(-readings // (len(series) * VALUES))
    values = np.arange(len(series))[:, None] * 1e6 + np.arange(days * VALUES, dtype=np.float64)
    values[rng.random(values.shape) < 0.01] = np.nan
    revisions = np.zeros(values.shape, dtype=np.int64)
    placed: list[tuple[float, Message]] = []
    poison: list[Message] = []
    repeated = 0
    for number in range(days * len(series)):
        day, of = divmod(number, len(series))
        there = slice(day * VALUES, (day + 1) * VALUES)
        place, draw = number + rng.uniform(0, DISORDER), rng.random()
        message = series[of].message(day, values[of, there], revision=0)
        placed.append((place, message))
        if draw < SENT_TWICE:
            placed.append((place + rng.uniform(0, 20 * DISORDER), message))
            repeated += VALUES
        elif draw < SENT_TWICE + CORRECTED:
            values[of, there] += CORRECTION
            revisions[of, there] = 1
            correction = series[of].message(day, values[of, there], revision=1)
            placed.append((place + rng.uniform(-DISORDER, DISORDER), correction))
        elif draw < SENT_TWICE + CORRECTED + POISON:
            poison.append(_poisoned(len(poison), message))
            placed.append((place, poison[-1]))
    return Produced(
        series=series,
        messages=[message for _, message in sorted(placed, key=lambda item: item[0])],
        values=values,
        revisions=revisions,
        superseded=int(np.count_nonzero(revisions)),
        repeated=repeated,
        poison=[message.payload for message in poison],
        poison_values=sum(message.values for message in poison),
    )


def _poisoned(number: int, whole: Message) -> Message:
    """A message that cannot be stored; each is like no other, so that one kept twice would show."""
    meter = whole.topic == READINGS_TOPIC
    owner = whole.owner_id.encode()
    foreign_unit = _FOREIGN_UNIT % owner + b'"values":[%d,2]}' % number
    if not meter:
        foreign_unit = foreign_unit.replace(b"meter_id", b"site_id").replace(b"load", b"air_temperature")
    native_unit = foreign_unit.replace(b"furlong", b"kW" if meter else b"degC")
    kinds = [
        (b"no message at all %d" % number, 0),
        (whole.payload[: len(whole.payload) // 2] + b"%d" % number, 0),  # ends in the middle
        (foreign_unit, 2),
        (native_unit.replace(b",2]", b",1e999]"), 2),
        (b"\xff\xfe%d" % number, 0),
        (native_unit.replace(owner, b"somebody else"), 2),  # not who its key says
        (native_unit.replace(b"2026-01-01T00:00:00Z", b"2026-01-01T00:00:00"), 2),  # of which zone?
    ]
    payload, values = kinds[number % len(kinds)]
    source = Source.METER if meter else Source.WEATHER
    if not isinstance(decode_reading(payload, source, key=owner), Rejection):
        raise AssertionError(f"the harness is wrong: this is no poison: {payload!r}")
    return Message(whole.topic, whole.owner_id, payload, values)
