"""The codes of ESPI: which channel and unit a ReadingType stands for, and what is said of a reading's quality.

====================  ==========================  ====================================================================
field                 code                        becomes
====================  ==========================  ====================================================================
uom                   72 Wh, 38 W, 29 V           energy over the interval, mean power, voltage
flowDirection         1 forward, 19 reverse       import, export
accumulationBehaviour 4 delta, or 0 for power     what flowed in the interval
..                    1 bulk, 2 and 3 cumulative  the register's reading: import_register, export_register
dataQualifier         0, 2 average, 12 normal     taken; maxima, minima and the like are left out
commodity             0, 1, 2 electricity         taken; gas, water and the like are left out
====================  ==========================  ====================================================================

References:
    NAESB REQ.21, espi.xsd: UnitSymbolKind, FlowDirectionKind, AccumulationKind, DataQualifierKind, CommodityKind,
    QualityOfReading. They are codes of IEC 61968-9 Annex C.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from grid.readings import Quality
from grid.units import Channel

FIELDS = frozenset(
    {
        "accumulationBehaviour",
        "commodity",
        "dataQualifier",
        "defaultQuality",
        "flowDirection",
        "intervalLength",
        "powerOfTenMultiplier",
        "uom",
    }
)
WATT_HOURS, WATTS, VOLTS = 72, 38, 29
_UNITS = {WATT_HOURS: "Wh", WATTS: "W", VOLTS: "V"}
_DELTA, _NONE = 4, 0
_REGISTERS = frozenset({1, 2, 3})
_AS_MEASURED = frozenset({0, 2, 12})
_AVERAGE = 2
_ELECTRICITY = frozenset({0, 1, 2})
_FLOWS = {
    1: (Channel.IMPORT, Channel.IMPORT_REGISTER),
    19: (Channel.EXPORT, Channel.EXPORT_REGISTER),
}
_INTEGER = re.compile(r"[+-]?[0-9]{1,10}")

STATED = {
    7: Quality.EDITED,
    8: Quality.ESTIMATED_BY_REFERENCE_DAYS,
    9: Quality.ESTIMATED_LINEARLY,
    10: Quality.QUESTIONABLE,
    11: Quality.DERIVED,
}
"""Qualities that go with the value. Valid, raw, verified and the like (0, 13, 14, 16 to 19) say nothing against it."""

NOT_MEASURED = {12: "projections", 15: "values normalized for weather"}
"""Qualities of values that are no measurement of that interval."""


@dataclass(frozen=True, slots=True)
class ReadingType:
    """What the values of a series mean.

    Attributes:
        unit: Of a value times ten to the ``power_of_ten``.
        interval_seconds: Length of its intervals unless a reading says otherwise; 0 if it is not told. [s]
        quality: Code of readings that tell none; None if that is not told either.
    """

    channel: Channel
    unit: str
    power_of_ten: int
    interval_seconds: int
    quality: int | None = None


@dataclass(frozen=True, slots=True)
class TypeFault:
    """A field of a ReadingType that cannot be understood."""

    field: str
    problem: str
    remedy: str


def read_type(fields: Mapping[str, str]) -> ReadingType | str | list[TypeFault]:
    """The meaning of a ReadingType; or in words why its readings are left out; or what is wrong with it."""
    faults = [
        TypeFault(name, f"must be a whole number, got {text[:40]!r}", "write the code of the standard")
        for name, text in fields.items()
        if not _INTEGER.fullmatch(text)
    ]
    if "uom" not in fields:
        faults.append(TypeFault("uom", "is missing", "say what the values are in, such as 72 for Wh"))
    if faults:
        return faults
    codes = {name: int(text) for name, text in fields.items()}
    return _left_out(codes) or _meaning(codes)


def _left_out(codes: Mapping[str, int]) -> str:
    commodity, unit = codes.get("commodity", 0), codes["uom"]
    qualifier = codes.get("dataQualifier", 0)
    if commodity not in _ELECTRICITY:
        return f"commodity {commodity} is not electricity"
    if unit not in _UNITS:
        return f"there is no channel for the unit of code {unit}"
    if qualifier not in _AS_MEASURED:
        return f"values of dataQualifier {qualifier} are not the interval's mean or total"
    if unit == VOLTS:
        return ""
    flow, behaviour = codes.get("flowDirection"), codes.get("accumulationBehaviour")
    if flow is not None and flow not in _FLOWS:
        return f"there is no channel for flowDirection {flow}; 1 is import, 19 is export"
    power = unit == WATTS and (behaviour in (None, _NONE) or qualifier == _AVERAGE)
    known = behaviour == _DELTA or power or (unit == WATT_HOURS and (behaviour is None or behaviour in _REGISTERS))
    return "" if known else f"values of accumulationBehaviour {behaviour} are not the interval's mean or total"


def _meaning(codes: Mapping[str, int]) -> ReadingType | list[TypeFault]:
    unit, behaviour = codes["uom"], codes.get("accumulationBehaviour")
    power_of_ten, seconds = codes.get("powerOfTenMultiplier", 0), codes.get("intervalLength", 0)
    faults = []
    if not -12 <= power_of_ten <= 12:
        faults.append(TypeFault("powerOfTenMultiplier", f"must lie from -12 to 12, got {power_of_ten}", "correct it"))
    if seconds < 0:
        faults.append(TypeFault("intervalLength", f"must be 0 or more seconds, got {seconds}", "correct it"))
    if unit != VOLTS and "flowDirection" not in codes:
        faults.append(TypeFault("flowDirection", "is missing", "say 1 for what was taken, 19 for what was fed in"))
    if unit == WATT_HOURS and behaviour is None:
        remedy = "say 4 for energy over each interval, 1 or 3 for the readings of a register"
        faults.append(TypeFault("accumulationBehaviour", "is missing", remedy))
    if faults:
        return faults
    channel = Channel.VOLTAGE if unit == VOLTS else _FLOWS[codes["flowDirection"]][behaviour in _REGISTERS]
    return ReadingType(channel, _UNITS[unit], power_of_ten, seconds, codes.get("defaultQuality"))
