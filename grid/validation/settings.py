"""Parameters of the validation rules: one small class for each rule or group of rules, and together by kind of channel.

A site file overrides them in ``[validation.<kind>]``; what it leaves out keeps the value that stands here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RangeRule:
    """How far a value may go.

    Attributes:
        times_capacity: Upper bound as a multiple of the capacity, where it is known.
        times_usual: Upper bound as a multiple of what is usual, where it is not.
        negative_share: What is negative by less than this share of what is usual is a meter's own use or its noise.
    """

    times_capacity: float = 1.2
    times_usual: float = 6.0
    negative_share: float = 0.05


@dataclass(frozen=True, slots=True)
class StampRule:
    """What a stamp may be.

    Attributes:
        future_minutes: How far the end of an interval may lie after its receipt: the error of the clocks.
        late_hours: Received this long after the end of its interval, a reading is late.
    """

    future_minutes: float = 5.0
    late_hours: float = 72.0


@dataclass(frozen=True, slots=True)
class EstimationRule:
    """How missing and rejected values are estimated.

    Attributes:
        linear_hours: Up to this length along the line between the neighbours.
        reference_days_hours: Up to this length from reference days; what is longer stays missing.
    """

    linear_hours: float = 2.0
    reference_days_hours: float = 168.0


@dataclass(frozen=True, slots=True)
class Rules:
    """Every parameter for one kind of channel."""

    range: RangeRule = RangeRule()
    stamps: StampRule = StampRule()
    estimation: EstimationRule = EstimationRule()
