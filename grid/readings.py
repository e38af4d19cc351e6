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
    """Quality bits of one reading. Bits 0 to 6 are those of IEEE 2030.5 (QualityFlags); the others say why.

    No bit at all means: not validated yet. The table, with the codes of ESPI and CIM, stands in the README.
    """

    VALID = 1 << 0
    EDITED = 1 << 1
    ESTIMATED_BY_REFERENCE_DAYS = 1 << 2
    ESTIMATED_LINEARLY = 1 << 3
    QUESTIONABLE = 1 << 4
    DERIVED = 1 << 5
    PROJECTED = 1 << 6
    # What the message itself said.
    MISSING = 1 << 7
    CORRECTED = 1 << 8
    # Why validation does not take it as it came.
    GAP = 1 << 9
    OUT_OF_RANGE = 1 << 10
    NEGATIVE = 1 << 11
    SENTINEL = 1 << 12
    SPIKE = 1 << 13
    FLAT_LINE = 1 << 14
    ZERO = 1 << 15
    ROLLOVER = 1 << 16
    RESET = 1 << 17
    SUM_MISMATCH = 1 << 18
    ABOVE_CLEAR_SKY = 1 << 19
    NIGHT_GENERATION = 1 << 20
    FUTURE = 1 << 21
    LATE = 1 << 22
    OFF_GRID = 1 << 23
    CLOCK_DRIFT = 1 << 24
    CLOCK_CHANGE = 1 << 25


STATED_QUALITY = {
    "edited": Quality.EDITED,
    "estimated_by_reference_days": Quality.ESTIMATED_BY_REFERENCE_DAYS,
    "estimated_linearly": Quality.ESTIMATED_LINEARLY,
    "questionable": Quality.QUESTIONABLE,
    "derived": Quality.DERIVED,
}
"""What a sender may say of its values, by the words of the message format."""

NOTHING_STATED = Quality(0)


class Source(StrEnum):
    """Who sent a reading: a meter (``gridpilot.readings.v1``) or a weather site (``gridpilot.weather.v1``)."""

    METER = "meter"
    WEATHER = "weather"


class Layer(StrEnum):
    """Readings as they were sent, or as validation takes them: flagged ones replaced or left out, gaps estimated."""

    RAW = "raw"
    VALIDATED = "validated"


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
        quality: What the sender says of all of the values: bits of :data:`STATED_QUALITY`.
    """

    source: Source
    owner_id: str
    channel: Channel
    interval_minutes: int
    starts_us: npt.NDArray[np.int64]
    values: FloatArray
    revision: int
    issued_at: datetime | None = None
    quality: Quality = NOTHING_STATED


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
