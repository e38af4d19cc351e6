"""Channels of telemetry, the units they may arrive in, and the one unit each is stored in."""

from __future__ import annotations

from enum import StrEnum
from functools import cache

import numpy as np

from grid.time_axis import FloatArray


class Channel(StrEnum):
    """What a reading measures. Power is a mean over the interval; the others are states at its start.

    A register is the meter's own count of energy since it was set up; it never falls but where it wraps to zero.
    """

    IMPORT = "import"
    EXPORT = "export"
    GENERATION = "generation"
    LOAD = "load"
    IMPORT_REGISTER = "import_register"
    EXPORT_REGISTER = "export_register"
    GENERATION_REGISTER = "generation_register"
    STATE_OF_CHARGE = "state_of_charge"
    VOLTAGE = "voltage"
    AIR_TEMPERATURE = "air_temperature"
    IRRADIANCE = "irradiance"


STORED_UNIT: dict[Channel, str] = {
    Channel.IMPORT: "kW",
    Channel.EXPORT: "kW",
    Channel.GENERATION: "kW",
    Channel.LOAD: "kW",
    Channel.IMPORT_REGISTER: "kWh",
    Channel.EXPORT_REGISTER: "kWh",
    Channel.GENERATION_REGISTER: "kWh",
    Channel.STATE_OF_CHARGE: "kWh",
    Channel.VOLTAGE: "V",
    Channel.AIR_TEMPERATURE: "degC",
    Channel.IRRADIANCE: "W/m2",
}

REGISTERS = frozenset({Channel.IMPORT_REGISTER, Channel.EXPORT_REGISTER, Channel.GENERATION_REGISTER})
"""Channels that hold a register's reading at the start of the interval, not what flowed within it."""

_COUNTED = REGISTERS | {Channel.STATE_OF_CHARGE}
_POWER_TO_KW = {"kW": 1.0, "W": 1e-3, "MW": 1e3}
_ENERGY_TO_KWH = {"kWh": 1.0, "Wh": 1e-3, "MWh": 1e3}
_TEMPERATURE_UNITS = {"degC": "degC", "°C": "degC", "C": "degC", "degF": "degF", "°F": "degF", "F": "degF", "K": "K"}
_IRRADIANCE_UNITS = ("W/m2", "W/m²")


@cache
def accepted_units(channel: Channel) -> tuple[str, ...]:
    """The unit names that :func:`to_stored_unit` accepts for ``channel``."""
    match channel:
        case _ if channel in _COUNTED:
            return tuple(_ENERGY_TO_KWH)
        case Channel.VOLTAGE:
            return ("V", "kV")
        case Channel.AIR_TEMPERATURE:
            return tuple(_TEMPERATURE_UNITS)
        case Channel.IRRADIANCE:
            return _IRRADIANCE_UNITS
        case _:
            return (*_POWER_TO_KW, *_ENERGY_TO_KWH)


def to_stored_unit(values: FloatArray, *, unit: str, channel: Channel, interval_minutes: float) -> FloatArray:
    """Convert values of one channel to the unit it is stored in (:data:`STORED_UNIT`).

    Energy over an interval becomes the mean power over it. NaN stays NaN.

    Args:
        values: Any shape, in ``unit``.
        unit: One of :func:`accepted_units`.
        channel: What the values measure.
        interval_minutes: Length of each reading's interval, > 0.

    Raises:
        ValueError: If ``unit`` does not belong to ``channel``; the message lists what does.
    """
    if unit not in accepted_units(channel):
        raise ValueError(
            f"unit {unit!r} does not fit channel {channel.value!r}; use one of {', '.join(accepted_units(channel))}"
        )
    values = np.asarray(values, dtype=np.float64)
    if unit == STORED_UNIT[channel]:
        return values
    match channel:
        case _ if channel in _COUNTED:
            return values * _ENERGY_TO_KWH[unit]
        case Channel.VOLTAGE:
            return values * (1e3 if unit == "kV" else 1.0)
        case Channel.AIR_TEMPERATURE:
            kind = _TEMPERATURE_UNITS[unit]
            return values if kind == "degC" else values - 273.15 if kind == "K" else (values - 32.0) * (5.0 / 9.0)
        case Channel.IRRADIANCE:
            return values
        case _ if unit in _POWER_TO_KW:
            return values * _POWER_TO_KW[unit]
        case _:
            return values * (_ENERGY_TO_KWH[unit] * 60.0 / interval_minutes)


def from_stored_unit(
    values: FloatArray, *, unit: str, channel: Channel, interval_minutes: FloatArray | float
) -> FloatArray:
    """Convert values from the unit they are stored in to ``unit``: the inverse of :func:`to_stored_unit`.

    Args:
        values: In the channel's stored unit, any shape.
        unit: One of :func:`accepted_units`. Mean power becomes energy over the interval where that is asked.
        interval_minutes: Length of each interval, > 0: one for all, or the shape of ``values``.

    Raises:
        ValueError: If ``unit`` does not belong to ``channel``; the message lists what does.
    """
    zero, one = to_stored_unit(np.array([0.0, 1.0]), unit=unit, channel=channel, interval_minutes=60.0)
    converted: FloatArray = (np.asarray(values, dtype=np.float64) - zero) / (one - zero)
    if unit in _ENERGY_TO_KWH and channel not in _COUNTED:
        converted = converted * (np.asarray(interval_minutes) / 60.0)
    return converted
