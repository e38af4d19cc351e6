"""The table of reasons: each rule with its bit, its name in metrics, and what it tells a person."""

from __future__ import annotations

from dataclasses import dataclass

from grid.readings import Quality


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an interval is not plainly valid, or how its value came about.

    Attributes:
        bit: The bit that it sets.
        name: Its name in metrics, such as ``out_of_range``.
        seen: What was seen.
        remedy: What to do.
    """

    bit: Quality
    name: str
    seen: str
    remedy: str


def _reason(bit: Quality, seen: str, remedy: str) -> Reason:
    return Reason(bit, str(bit.name).lower(), seen, remedy)


RULES: tuple[Reason, ...] = (
    _reason(
        Quality.MISSING,
        "The sender reports the value as missing, or an operator declared it so.",
        "Nothing, unless it is often: then look at the meter.",
    ),
    _reason(
        Quality.GAP,
        "No reading came for this interval, though the channel has readings before and after it.",
        "Ask the meter for it again; a reading that still comes takes the place of the estimate.",
    ),
    _reason(
        Quality.OUT_OF_RANGE,
        "The value is beyond what nature, the capacity or, without one, three times the usual peak allows.",
        "Check the unit that the sender names, and the capacity in the site file.",
    ),
    _reason(
        Quality.NEGATIVE,
        "The value is below zero on a channel that counts one way.",
        "Check the wiring, or send the other direction on its own channel.",
    ),
    _reason(
        Quality.SENTINEL,
        "The value is a number by which devices say that they have none, such as -99 or 65535.",
        "Have the sender report null instead.",
    ),
    _reason(
        Quality.SPIKE,
        "The value stands out from both neighbours by far more than neighbours of this channel differ.",
        "Compare it with the register; after a gap it is likely the energy of the gap in one piece.",
    ),
    _reason(
        Quality.FLAT_LINE,
        "The same value, to the last digit, for longer than chance would have it in this channel.",
        "Look whether the meter or its gateway repeats its last value.",
    ),
    _reason(
        Quality.ZERO,
        "Zero, or next to nothing under the sun, for hours at which this channel is otherwise in use.",
        "Ask whether there was an outage; if not, look at the meter.",
    ),
    _reason(
        Quality.ROLLOVER,
        "A register wrapped to zero; in interval data, two huge values of opposite sign that cancel.",
        "Nothing for a register. For interval data, have the sender count on over the wrap.",
    ),
    _reason(
        Quality.RESET,
        "A register stands lower than before without having wrapped.",
        "Note the exchange of the meter; there is no total over it.",
    ),
    _reason(
        Quality.SUM_MISMATCH,
        "The value does not close a sum: with the parts behind this meter, or with its register.",
        "Look for the part that is wrong; its own checks may say which.",
    ),
    _reason(
        Quality.ABOVE_CLEAR_SKY,
        "More than a cloudless sky gives at this place and instant.",
        "Check capacity, plane and place in the site file, and the sender's clock.",
    ),
    _reason(
        Quality.NIGHT_GENERATION,
        "Generation while the sun was down for the whole interval.",
        "Check the place in the site file and the sender's clock.",
    ),
    _reason(
        Quality.FUTURE,
        "The reading was received before its interval was over.",
        "Set the sender's clock.",
    ),
    _reason(
        Quality.LATE,
        "The reading was received days after newer ones; forecasts and plans in between did not know it.",
        "Nothing, unless it is often: then look at the connection.",
    ),
    _reason(
        Quality.OFF_GRID,
        "The interval does not begin on a multiple of its length by the clock that its channel keeps.",
        "Set the sender's clock. What can be derived for the regular intervals is.",
    ),
    _reason(
        Quality.CLOCK_DRIFT,
        "The days around grow light and dark earlier or later than the sun's course has it.",
        "Set the sender's clock, or the zone of its stamps; it may follow daylight saving time.",
    ),
    _reason(
        Quality.CLOCK_CHANGE,
        "An hour is missing just where the zone's clocks change.",
        "Have the sender stamp in UTC: its other stamps may be an hour off for half of the year.",
    ),
)
"""Every rule, in the order of its bit's meaning: what came, what it was, when it came."""

_RESULTS: tuple[Reason, ...] = (
    _reason(Quality.VALID, "The value passed every check that rejects or doubts.", "Nothing."),
    _reason(Quality.EDITED, "An operator set the value.", "The audit trail says who and why."),
    _reason(
        Quality.ESTIMATED_BY_REFERENCE_DAYS,
        "Estimated from recent days of the same type, at the level of the neighbouring days or of the known total.",
        "Nothing; a reading that still comes takes its place.",
    ),
    _reason(
        Quality.ESTIMATED_LINEARLY,
        "Estimated along the line between the neighbours, bent as the sun and recent days bend there.",
        "Nothing; a reading that still comes takes its place.",
    ),
    _reason(Quality.QUESTIONABLE, "The value stands, but a check doubts it.", "See the reason beside it."),
    _reason(
        Quality.DERIVED,
        "Derived from other readings: those that lie across the regular intervals or, of an estimate, a donor's.",
        "Nothing for an estimate; else set the sender's clock.",
    ),
    _reason(Quality.PROJECTED, "A forecast, not a measurement.", "Nothing."),
    _reason(
        Quality.CORRECTED,
        "It took the place of an earlier reading of the same interval, which is kept.",
        "Nothing.",
    ),
)

REJECTING = (
    Quality.MISSING
    | Quality.GAP
    | Quality.OUT_OF_RANGE
    | Quality.NEGATIVE
    | Quality.SENTINEL
    | Quality.SPIKE
    | Quality.FLAT_LINE
    | Quality.NIGHT_GENERATION
    | Quality.FUTURE
    | Quality.OFF_GRID
)
"""Reasons for which a value is not used: it is estimated or missing. ROLLOVER rejects too in interval data."""

DOUBTING = (
    Quality.ZERO
    | Quality.RESET
    | Quality.SUM_MISMATCH
    | Quality.ABOVE_CLEAR_SKY
    | Quality.CLOCK_DRIFT
    | Quality.CLOCK_CHANGE
)
"""Reasons for which a value stands as sent, but questionable. All others only tell."""


def explain(quality: int) -> list[Reason]:
    """What a bit mask says, first what the value is, then why; empty for a reading that is not validated yet."""
    return [reason for reason in (*_RESULTS, *RULES) if quality & reason.bit]
