"""What the fault harness produces, and what must be stored of it: known beforehand, to the last value.

Every value tells its meter and its interval, so a reading that went astray would show. Messages of one meter come out
of order; some are sent twice; some are corrected by a higher revision, which may overtake what it corrects; some are
poison. A message that is sent twice is never corrected, so that history is known exactly as well, whatever batches
the workers make of the stream.
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

VALUES = 96  # a message: one day of quarter-hours
MINUTES = 15
CORRECTION_KW = 0.5  # a revised value is this much higher
SENT_TWICE, CORRECTED, POISON = 0.04, 0.04, 0.02  # shares of the messages
DISORDER = 60.0  # messages: about how far one may come before or after its place
_FOREIGN_UNIT = (
    b'{"meter_id":"m-%d","channel":"load","unit":"furlong","interval":"PT15M","start":"2026-01-01T00:00:00Z",'
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it is produced."""

    owner_id: str
    payload: bytes
    values: int


@dataclass(frozen=True, slots=True)
class Produced:
    """All messages in the order of sending, and what becomes of them.

    Attributes:
        values: Stored values of each meter, shape (meters, intervals). [kW] NaN: reported as missing.
        revisions: Their revisions, same shape.
        superseded: Values that must be in history, once each: those of the corrected intervals.
        repeated: Values that were sent twice and change nothing.
        poison: Payloads of the messages that must be dead letters, and how many values were in them.
    """

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
    """At least ``readings`` values of some meters, duplicates and corrections included."""
    days = -(-readings // (meters * VALUES))
    values = np.arange(meters)[:, None] * 1e6 + np.arange(days * VALUES, dtype=np.float64)
    values[rng.random(values.shape) < 0.01] = np.nan
    revisions = np.zeros(values.shape, dtype=np.int64)
    placed: list[tuple[float, Message]] = []
    poison: list[Message] = []
    repeated = 0
    for number in range(days * meters):
        day, meter = divmod(number, meters)
        there = slice(day * VALUES, (day + 1) * VALUES)
        place, draw = number + rng.uniform(0, DISORDER), rng.random()
        message = _message(meter, day, values[meter, there], revision=0)
        placed.append((place, message))
        if draw < SENT_TWICE:
            placed.append((place + rng.uniform(0, 20 * DISORDER), message))
            repeated += VALUES
        elif draw < SENT_TWICE + CORRECTED:
            values[meter, there] += CORRECTION_KW
            revisions[meter, there] = 1
            correction = _message(meter, day, values[meter, there], revision=1)
            placed.append((place + rng.uniform(-DISORDER, DISORDER), correction))
        elif draw < SENT_TWICE + CORRECTED + POISON:
            poison.append(_poisoned(len(poison), meter, message.payload))
            placed.append((place, poison[-1]))
    return Produced(
        messages=[message for _, message in sorted(placed, key=lambda item: item[0])],
        values=values,
        revisions=revisions,
        superseded=int(np.count_nonzero(revisions)),
        repeated=repeated,
        poison=[message.payload for message in poison],
        poison_values=sum(message.values for message in poison),
    )


def _message(meter: int, day: int, values: npt.NDArray[np.float64], *, revision: int) -> Message:
    payload = encode_message(
        Source.METER,
        f"m-{meter}",
        Channel.LOAD,
        unit="kW",
        interval_minutes=MINUTES,
        start=EPOCH + timedelta(days=day),
        values=values,
        revision=revision,
    )
    return Message(f"m-{meter}", payload, len(values))


def _poisoned(number: int, meter: int, whole: bytes) -> Message:
    """A message that cannot be stored; each is like no other, so that one kept twice would show."""
    foreign_unit = _FOREIGN_UNIT % meter + b'"values":[%d,2]}' % number
    kinds = [
        (b"no message at all %d" % number, 0),
        (whole[: len(whole) // 2] + b"%d" % number, 0),  # ends in the middle
        (foreign_unit, 2),
        (foreign_unit.replace(b"furlong", b"kW").replace(b",2]", b",1e999]"), 2),
        (foreign_unit.replace(b"furlong", b"kW").replace(b",2]", b",-3]"), 2),
        (b"\xff\xfe%d" % number, 0),
        (foreign_unit.replace(b"m-%d" % meter, b"somebody else"), 2),  # not who its key says
    ]
    payload, values = kinds[number % len(kinds)]
    owner_id = f"m-{meter}"
    if not isinstance(decode_reading(payload, Source.METER, key=owner_id.encode()), Rejection):
        raise AssertionError(f"the harness is wrong: this is no poison: {payload!r}")
    return Message(owner_id, payload, values)
