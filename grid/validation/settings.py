"""Parameters of the validation rules: one small class for each rule or group of rules, and together by kind of channel.

A site file overrides them in ``[validation.<kind>]``; what it leaves out keeps the value that stands here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RangeRule:
    """How far a value may go.

    Attributes:
        times_capacity: Largest value as a multiple of the capacity, where that is known.
        times_usual: Largest power as a multiple of the usual peak, where the capacity is not known.
        times_usual_voltage: The same for a voltage.
        own_use_share: On a one-way channel this share of the capacity, or of the usual peak, may be negative: what a
            plant uses itself at night.
    """

    times_capacity: float = 1.2
    times_usual: float = 3.0
    times_usual_voltage: float = 1.3
    own_use_share: float = 0.0


@dataclass(frozen=True, slots=True)
class SpikeRule:
    """How far one or two values may stand out from both neighbours.

    Attributes:
        times_change: As a multiple of the usual largest change of a day.
        times_usual: And as a multiple of the usual peak.
    """

    times_change: float = 1.1
    times_usual: float = 0.1


@dataclass(frozen=True, slots=True)
class RunRule:
    """How long a value may stand still.

    Attributes:
        flat_hours: The same value, other than zero, for so long is a flat line, unless the channel does that often.
        flat_share_of_usual: Below this share of the usual peak a standing value is a standby, not a flat line.
        zero_hours: Zero for so long at times of day at which it is not usual is zero on an active meter.
        zero_usual_share: Zero is usual at a time of day if this share of the days around, but for dead ones, had it.
    """

    flat_hours: float = 6.0
    flat_share_of_usual: float = 0.01
    zero_hours: float = 6.0
    zero_usual_share: float = 0.19


@dataclass(frozen=True, slots=True)
class StampRule:
    """What a stamp may be.

    Attributes:
        future_minutes: How far the end of an interval may lie after its receipt: the error of the clocks.
        late_hours: Received this long after readings of the following days, a reading is late.
    """

    future_minutes: float = 5.0
    late_hours: float = 72.0


@dataclass(frozen=True, slots=True)
class SunRule:
    """What the sun allows, where the place is known.

    Attributes:
        night_share: Generation while the sun is down, as a share of the capacity or the usual peak.
        times_clear_sky: Generation as a multiple of what the clear sky gives; arrays are often larger than their
            inverters, and the edges of clouds add light.
        dark_share: Less than this share of a clear day's energy, five days in a row, is no weather.
        drift_minutes: How far the middle of the lit hours may lie from where the sun puts it.
    """

    night_share: float = 0.02
    times_clear_sky: float = 1.6
    dark_share: float = 0.1
    drift_minutes: float = 30.0


@dataclass(frozen=True, slots=True)
class SumRule:
    """How well a sum must close: parts against their check meter, intervals against a register.

    Attributes:
        share: Of the larger of the two.
        share_of_usual: And of the usual peak.
    """

    share: float = 0.02
    share_of_usual: float = 0.01


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
    spike: SpikeRule = SpikeRule()
    runs: RunRule = RunRule()
    stamps: StampRule = StampRule()
    sun: SunRule = SunRule()
    sums: SumRule = SumRule()
    estimation: EstimationRule = EstimationRule()


@dataclass(frozen=True, slots=True)
class RulesByKind:
    """The parameters of every kind of channel, as a site has them."""

    load: Rules = Rules()
    solar: Rules = Rules(range=RangeRule(own_use_share=0.02))
    generic: Rules = Rules()

    def for_kind(self, kind: str) -> Rules:
        """The rules of ``kind``; those of ``generic`` for a kind of another name."""
        return {"load": self.load, "solar": self.solar}.get(kind, self.generic)


DEFAULT_RULES = RulesByKind()
"""What holds where a site file says nothing."""
