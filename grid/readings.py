"""Telemetry nouns: a block of readings of one channel, and the rejection of a message that cannot be stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntFlag, StrEnum

import numpy as np
import numpy.typing as npt

from grid.time_axis import FloatArray
from grid.units import Channel

MAX_MESSAGE_BYTES = 1024 * 1024
MAX_VALUES_PER_MESSAGE = 10_000


class Quality(IntFlag):
    """Quality bits of one stored reading; 0 is a plain valid value. The table stands in the README."""

    GOOD = 0
    MISSING = 1
    CORRECTED = 2


class Source(StrEnum):
    """Who sent a reading: a meter (``gridpilot.readings.v1``) or a weather site (``gridpilot.weather.v1``)."""

    METER = "meter"
    WEATHER = "weather"


@dataclass(frozen=True, slots=True, eq=False)
class ReadingBlock:
    """Readings of one channel of one meter or weather site, as one message carries them.

    Attributes:
        source: Meter or weather site.
        owner_id: The meter's or the weather site's id.
        channel: What is measured.
        interval_minutes: Length of each reading's interval.
        starts_us: Interval starts, microseconds since the epoch (UTC), shape (readings,).
        values: In the channel's stored unit, shape (readings,). NaN marks a missing reading.
        revision: The higher one wins for the same meter, channel and interval.
        issued_at: When a weather forecast was issued; None for anything observed.
    """

    source: Source
    owner_id: str
    channel: Channel
    interval_minutes: int
    starts_us: npt.NDArray[np.int64]
    values: FloatArray
    revision: int
    issued_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a message cannot be stored: kept with the message as a dead letter, never raised.

    Attributes:
        error_class: Short stable code, such as ``not_json`` or ``unknown_unit``.
        field: The field at fault, or "" for the whole message.
        detail: What must hold, what came, and what to do.
    """

    error_class: str
    field: str
    detail: str


def series_id(owner_id: str, channel: Channel) -> str:
    """The name under which a channel's readings and forecasts are asked for, such as ``zone-1:load``."""
    return f"{owner_id}:{channel.value}"
