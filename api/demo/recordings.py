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
from ingest.encoding import encode_message
from ingest.topics import TOPICS


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


@dataclass(frozen=True, slots=True)
class Message:
    """One telemetry message, ready to be produced.

    Attributes:
        owner_id: The meter's or weather site's id, the message's key.
        payload: JSON as the telemetry contract has it.
        values: How many values it carries, missing ones included.
    """

    topic: str
    owner_id: str
    payload: bytes
    values: int


def to_messages(
    recording: Recording, *, size: int, issued_at: datetime | None = None, sent_at: datetime | None = None
) -> Iterator[Message]:
    """Cut a recording into messages of at most ``size`` values; those without any known value are left out.

    Args:
        issued_at: For a forecast: when it was made.
        sent_at: When the messages leave; None means at the end of each one's last interval.
    """
    rounded = np.round(recording.values, recording.decimals)
    axis = recording.axis
    for first in range(0, axis.periods, size):
        part = rounded[first : first + size]
        if np.all(np.isnan(part)):
            continue
        start = axis.start + axis.step * first
        payload = encode_message(
            recording.source,
            recording.owner_id,
            recording.channel,
            unit=recording.unit,
            interval_minutes=axis.step // timedelta(minutes=1),
            start=start,
            values=part,
            issued_at=issued_at,
            sent_at=sent_at or start + axis.step * len(part),
        )
        yield Message(TOPICS[recording.source], recording.owner_id, payload, len(part))
