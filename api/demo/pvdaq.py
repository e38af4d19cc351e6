"""A real photovoltaic inverter: PVDAQ system 50 in Golden, Colorado, 15-minute power, with NSRDB weather of the place.

The power file carries a clock error that was left in it on purpose: its stamps say UTC-7 all year, but they are the
wall clock of Denver, daylight saving time included. The proof is in the file: the hour from 02:00 is missing on the
days the clocks go forward and nowhere else, and the sun's course is one hour late between the changes only. Corrected
here: a stamp is read as Denver wall clock. The hour that stands once in autumn is taken as the first; it is night.

The stamps are taken to mark the *end* of their quarter-hour: on 162 clear days, clear-sky irradiance on the array
as it is documented (facing 158 degrees, tilted 45) fits the power best 0 to 8 minutes before the stamp, in no season
after it.

NSRDB's stamps are right: its clear-sky irradiance is centred on the sun's transit within two minutes in every month.
Its half-hourly values are instants; the mean over each half-hour is taken as that of the instants at its ends. In
this file its air temperatures never fall below zero: frost stands at 0.0. They are sent as they are, and validation
flags the flat lines (11,000 of 53,000 half-hours).

The array is moved onto the demo's calendar: 1826 days (five years) back, and two hours earlier at a longitude thirty
degrees further east, so that the sun stands as it truly stood while the site's clock is US Eastern.
"""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from api.demo.recordings import Recording, on_regular_axis
from api.demo.wheels import read_member
from grid.readings import Source
from grid.time_axis import FloatArray, TimeAxis
from grid.units import Channel

METER = "pv-50"
WEATHER_SITE = "pv-50-weather"
TRUE_TIMEZONE = "America/Denver"
TRUE_LONGITUDE = -105.1775
LATITUDE = 39.7406
LONGITUDE = TRUE_LONGITUDE + 30.0
TILT_DEG = 45.0
AZIMUTH_DEG = 158.0
CAPACITY_KW = 3.4  # its highest quarter-hour is 3.368 kW
TO_DEMO_CALENDAR = timedelta(days=-1826, hours=-2)

_POWER = "pvanalytics/data/system_50_ac_power_2_full_DST.parquet"
_WEATHER = "pvanalytics/data/system_50_ac_power_2_full_DST_psm3.parquet"
_QUARTER = timedelta(minutes=15)
_HALF_HOUR = timedelta(minutes=30)


def read_generation(wheel: Path) -> Recording:
    """Power of the inverter on the demo's calendar, meter ``pv-50``. [W, 15 minutes]"""
    table = pd.read_parquet(io.BytesIO(read_member(wheel, _POWER)))
    stamps = pd.DatetimeIndex(table["measured_on"])
    axis, watts = correct_clock(stamps, table["ac_power_2"].to_numpy(dtype=np.float64))
    return Recording(Source.METER, METER, Channel.GENERATION, "W", _to_demo(axis), watts, decimals=1)


def read_weather(wheel: Path) -> list[Recording]:
    """Irradiance [W/m2] and air temperature [degC] at the array on the demo's calendar, every 30 minutes."""
    table = pd.read_parquet(io.BytesIO(read_member(wheel, _WEATHER)))
    instants = pd.DatetimeIndex(table["index"])
    recordings = []
    for column, channel, unit in (
        ("ghi", Channel.IRRADIANCE, "W/m2"),
        ("temp_air", Channel.AIR_TEMPERATURE, "degC"),
    ):
        axis, at_instants = on_regular_axis(instants, table[column].to_numpy(dtype=np.float64), step=_HALF_HOUR)
        axis = TimeAxis(axis.start, axis.step, axis.periods - 1)
        means = (at_instants[:-1] + at_instants[1:]) / 2.0
        recordings.append(Recording(Source.WEATHER, WEATHER_SITE, channel, unit, _to_demo(axis), means, decimals=2))
    return recordings


def correct_clock(stamps: pd.DatetimeIndex, watts: FloatArray) -> tuple[TimeAxis, FloatArray]:
    """Power on the true UTC axis of quarter-hours, from stamps that end them by Denver wall clock labelled UTC-7.

    Args:
        stamps: Increasing, labelled with a constant offset.
        watts: Same length. [W]

    Returns:
        The axis and its values; NaN where the file has none.
    """
    wall_clock = stamps.tz_localize(None)
    ends = wall_clock.tz_localize(TRUE_TIMEZONE, ambiguous=np.ones(len(stamps), dtype=bool), nonexistent="NaT")
    exists = ends.notna()
    return on_regular_axis(ends[exists] - _QUARTER, watts[exists], step=_QUARTER)


def _to_demo(axis: TimeAxis) -> TimeAxis:
    return TimeAxis(axis.start + TO_DEMO_CALENDAR, axis.step, axis.periods)
