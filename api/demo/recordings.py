"""A series as its source recorded it, on the demo's clock, and the telemetry messages that carry it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from grid.readings import Source
from grid.time_axis import EPOCH, FloatArray, TimeAxis
from grid.units import Channel

READINGS_TOPIC = "gridpilot.readings.v1"
WEATHER_TOPIC = "gridpilot.weather.v1"


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """Values of one channel on a regular axis, in the unit in which its source gives them.

    Attributes:
        owner_id: The meter's or the weather site's id.
        unit: One of :func:`grid.units.accepted_units` of ``channel``.
        values: Shape (axis.periods,), in ``unit``. NaN marks a missing value.
        decimals: Digits after the point that the source has.
    """

    source: Source
    owner_id: str
    channel: Channel
    unit: str
    axis: TimeAxis
    values: FloatArray
    decimals: int = 3

    def between(self, start: datetime, end: datetime) -> Recording:
        """The intervals that begin at or after ``start`` and are over by ``end``."""
        first = max(0, -((self.axis.start - start) // self.axis.step))
        last = min(self.axis.periods, (end - self.axis.start) // self.axis.step)
        axis = TimeAxis(self.axis.start + self.axis.step * first, self.axis.step, max(0, last - first))
        return replace(self, axis=axis, values=self.values[first : max(first, last)])


def on_regular_axis(starts: pd.DatetimeIndex, values: FloatArray, *, step: timedelta) -> tuple[TimeAxis, FloatArray]:
    """Lay values on the regular UTC axis from the first to the last of ``starts``.

    Args:
        starts: Aware interval starts, increasing by multiples of ``step``.
        values: Same length.

    Returns:
        The axis and its values, NaN where there is none.
    """
    micros = starts.tz_convert("UTC").as_unit("us").asi8
    position = (micros - micros[0]) // (step // timedelta(microseconds=1))
    regular = np.full(int(position[-1]) + 1, np.nan)
    regular[position] = values
    return TimeAxis(EPOCH + timedelta(microseconds=int(micros[0])), step, regular.size), regular


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """One telemetry message, ready to be encoded.

    Attributes:
        key: The meter's or weather site's id.
        document: The message's JSON object, as the telemetry contract has it.
    """

    topic: str
    key: str
    document: dict[str, object]


def to_messages(
    recording: Recording, *, size: int, issued_at: datetime | None = None, sent_at: datetime | None = None
) -> Iterator[Message]:
    """Cut a recording into messages of at most ``size`` values; stretches without any value are left out.

    Args:
        issued_at: For a forecast: when it was made.
        sent_at: When the messages leave; None means at the end of each one's last interval.
    """
    weather = recording.source is Source.WEATHER
    topic = WEATHER_TOPIC if weather else READINGS_TOPIC
    rounded = np.round(recording.values, recording.decimals)
    axis = recording.axis
    for first in range(0, axis.periods, size):
        part = rounded[first : first + size]
        if np.all(np.isnan(part)):
            continue
        start = axis.start + axis.step * first
        document: dict[str, object] = {
            "site_id" if weather else "meter_id": recording.owner_id,
            "channel": recording.channel.value,
            "unit": recording.unit,
            "interval": f"PT{axis.step // timedelta(minutes=1)}M",
            "start": _rfc3339(start),
            "values": [None if value != value else value for value in part.tolist()],
            "revision": 0,
            "sent_at": _rfc3339(sent_at or start + axis.step * len(part)),
        }
        if issued_at is not None:
            document["issued_at"] = _rfc3339(issued_at)
        yield Message(topic, recording.owner_id, document)


def _rfc3339(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
