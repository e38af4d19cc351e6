"""What validation works on and what it says: readings of one channel, what is known about it, and verdicts.

Raw readings are never changed. A verdict stands beside a reading that is not plainly valid, or in the place of one
that never came; an interval without a verdict is valid as it was sent. So the layer is as small as the faults are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grid.time_axis import FloatArray
from grid.units import Channel

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class IntervalReadings:
    """Readings of one channel and one interval length, in order of time, no interval twice.

    Attributes:
        interval_minutes: Length of every interval.
        starts_us: Interval starts, microseconds since 1970 (UTC), shape (readings,). They need not be regular.
        values: In the channel's stored unit, shape (readings,). NaN: reported as missing.
        received_us: When each was received, microseconds since 1970, shape (readings,).
    """

    interval_minutes: int
    starts_us: IntArray
    values: FloatArray
    received_us: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Edits:
    """Values that operators set by hand: they stand against every rule. Same order as in time.

    Attributes:
        starts_us: Interval starts, microseconds since 1970, shape (edits,).
        values: In the stored unit, shape (edits,). NaN: declared missing.
    """

    starts_us: IntArray
    values: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class KnownTotals:
    """Energy that is known over whole spans, from a register or a check meter; spans do not overlap.

    Attributes:
        starts_us, ends_us: Half-open spans, microseconds since 1970, shape (spans,).
        kwh: Energy over each span, shape (spans,). [kWh]
    """

    starts_us: IntArray
    ends_us: IntArray
    kwh: FloatArray


@dataclass(frozen=True, slots=True)
class ChannelProfile:
    """What is known about a channel before its first reading; None where it is not known.

    Attributes:
        channel: What is measured.
        kind: Which parameters the rules take: ``load``, ``solar`` or ``generic``.
        timezone: IANA name of the zone whose clock changes the sender's clock may follow.
        capacity: Largest value that can be true, in the channel's stored unit.
        latitude, longitude: Where it stands, for the sun's position. [degrees]
        tilt_deg, azimuth_deg: Plane of the array; None for fixed but unknown.
        register_kwh: Where the meter's register wraps to zero. [kWh]
    """

    channel: Channel
    kind: str = "generic"
    timezone: str = "UTC"
    capacity: float | None = None
    latitude: float | None = None
    longitude: float | None = None
    tilt_deg: float | None = None
    azimuth_deg: float | None = None
    register_kwh: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """What validation says of the intervals that are not plainly valid, in order of time.

    Attributes:
        starts_us: Interval starts, microseconds since 1970, shape (verdicts,).
        values: The validated value in the stored unit, shape (verdicts,): as sent, estimated, or edited. NaN: missing.
        quality: Bits of :class:`grid.readings.Quality`, shape (verdicts,).
    """

    starts_us: IntArray
    values: FloatArray
    quality: IntArray

    def __len__(self) -> int:
        return len(self.starts_us)
