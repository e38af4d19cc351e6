"""What must hold between the parts of a site: ids, references, ranges, connectivity, cost curves."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from graphlib import CycleError, TopologicalSorter

import holidays

from grid.asset_checks import asset_faults
from grid.assets import RenewablePlant, Reservoir, Storage, ThermalUnit
from grid.clock_checks import clock_faults
from grid.faults import Fault
from grid.fleets import EvFleet
from grid.network import Branch, Bus, DcLink, Interface
from grid.network_checks import duplicate_faults, network_faults, unknown_bus
from grid.ranges import range_faults
from grid.readings import series_id
from grid.site import (
    BusLoad,
    ChangePrices,
    ForecastPolicy,
    Meter,
    PromotionPolicy,
    ReservePolicy,
    ScenarioPolicy,
    SumCheck,
)
from grid.tariffs import TariffExchange
from grid.time_axis import is_timezone
from grid.units import STORED_UNIT, Channel
from grid.validation.settings import RulesByKind

METER_KINDS = ("load", "solar", "external")
FORECAST_MINUTES = (60, 30, 15)
POWER_CHANNELS = tuple(channel for channel, unit in STORED_UNIT.items() if unit == "kW")


@dataclass(frozen=True, slots=True)
class SiteParts:
    """The parts of a site that could be read. Ids named by entries that could not be read count as known.

    Attributes:
        bus_ids, series_ids: Every id that the file names, also in an entry that has another fault.
    """

    timezone: str | None
    holidays: str | None
    currency: str | None
    reserve: ReservePolicy
    change_prices: ChangePrices
    scenarios: ScenarioPolicy
    forecasts: ForecastPolicy
    promotion: PromotionPolicy
    meters: tuple[Meter, ...]
    loads: tuple[BusLoad, ...]
    sum_checks: tuple[SumCheck, ...]
    validation: RulesByKind
    base_mva: float | None
    buses: tuple[Bus, ...]
    branches: tuple[Branch, ...]
    dc_links: tuple[DcLink, ...]
    interfaces: tuple[Interface, ...]
    thermal_units: tuple[ThermalUnit, ...]
    renewable_plants: tuple[RenewablePlant, ...]
    storages: tuple[Storage, ...]
    exchanges: tuple[TariffExchange, ...]
    ev_fleets: tuple[EvFleet, ...]
    reservoirs: tuple[Reservoir, ...]
    bus_ids: Collection[str]
    series_ids: Collection[str]
    whole_network: bool


def site_faults(parts: SiteParts) -> list[Fault]:
    """Everything that is wrong between and within the parts, in the order of the file."""
    return [
        *_general(parts),
        *_meters(parts.meters),
        *_forecasts(parts.forecasts.interval_minutes, parts.meters),
        *_donors(parts.meters),
        *_sum_checks(parts),
        *_circles(parts),
        *_validation(parts.validation),
        *network_faults(
            parts.buses,
            parts.branches,
            parts.dc_links,
            parts.interfaces,
            bus_ids=parts.bus_ids,
            whole=parts.whole_network,
        ),
        *_loads(parts),
        *_asset_ids(parts),
        *asset_faults(parts.thermal_units, parts.renewable_plants, parts.storages),
        *clock_faults(parts.exchanges, parts.ev_fleets, parts.reservoirs, holidays=bool(parts.holidays)),
        *_references(parts),
    ]


def _general(parts: SiteParts) -> Iterator[Fault]:
    if parts.timezone is not None and not is_timezone(parts.timezone):
        remedy = "use an IANA name such as Europe/Berlin or America/New_York"
        yield Fault("timezone", f"no such time zone: {parts.timezone!r}", remedy)
    if parts.holidays and parts.holidays not in holidays.list_supported_countries():
        remedy = 'use an ISO 3166 code such as US or DE, or "" for none'
        yield Fault("holidays", f"no holiday calendar for country {parts.holidays!r}", remedy)
    if parts.currency is not None and not re.fullmatch(r"[A-Z]{3}", parts.currency):
        yield Fault("currency", f"must be an ISO 4217 code, got {parts.currency!r}", "write EUR, USD or the like")
    yield from range_faults("reserve", parts.reserve)
    yield from _products(parts)
    yield from range_faults("change_prices", parts.change_prices)
    yield from range_faults("scenarios", parts.scenarios)
    yield from range_faults("promotion", parts.promotion)
    if parts.base_mva is not None and parts.base_mva <= 0:
        yield Fault("network.base_mva", f"must be above 0, got {parts.base_mva:g}", "correct it; 100 is common")


def _products(parts: SiteParts) -> Iterator[Fault]:
    areas, seen = {bus.area for bus in parts.buses}, set()
    minutes: dict[tuple[str, str], float] = {}
    for need in parts.reserve.requirements:
        product = (need.product, need.direction)
        place = f'reserve.requirements "{need.product}" {need.direction} {", ".join(need.areas)}'.rstrip()
        yield from range_faults(place, need)
        for area in need.areas if parts.whole_network else ():
            if area not in areas:
                yield Fault(f"{place}: areas", f"no bus lies in area {area!r}", "correct it, or the buses' area")
        if (product, need.areas) in seen:
            yield Fault(place, "is required twice", "add the two up")
        seen.add((product, need.areas))
        if minutes.setdefault(product, need.minutes) != need.minutes:
            problem = (
                f"must be the same wherever the product is required, got {minutes[product]:g} and {need.minutes:g}"
            )
            yield Fault(f"{place}: minutes", problem, "choose one")


def _meters(meters: Sequence[Meter]) -> Iterator[Fault]:
    seen: set[tuple[str, str]] = set()
    for meter in meters:
        place = f'meters "{meter.meter_id}"'
        if (meter.meter_id, meter.channel) in seen:
            remedy = "remove one of the two or give it its own id"
            yield Fault(place, f"meter {meter.meter_id!r} with channel {meter.channel!r} is named twice", remedy)
        seen.add((meter.meter_id, meter.channel))
        if meter.channel not in POWER_CHANNELS:
            remedy = f"use one of {', '.join(POWER_CHANNELS)}"
            yield Fault(f"{place}: channel", f"{meter.channel!r} is no power channel", remedy)
        if meter.kind not in METER_KINDS:
            yield Fault(f"{place}: kind", f"no such kind: {meter.kind!r}", f"use one of {', '.join(METER_KINDS)}")
        if 0 < meter.interval_minutes <= 1440 and 1440 % meter.interval_minutes:
            remedy = "use 5, 15, 30, 60 or another whole part of a day"
            yield Fault(f"{place}: interval_minutes", f"{meter.interval_minutes} minutes do not divide a day", remedy)
        if meter.kind == "solar" and (meter.latitude is None or meter.longitude is None):
            yield Fault(f"{place}: latitude, longitude", "a solar meter must have its place", "add both, in degrees")
        yield from range_faults(place, meter)


def _forecasts(minutes: int, meters: Sequence[Meter]) -> Iterator[Fault]:
    """A forecast in intervals that meters do not tell would have no reading to learn from."""
    if minutes not in FORECAST_MINUTES:
        remedy = f"use one of {', '.join(map(str, FORECAST_MINUTES))}"
        yield Fault("forecasts: interval_minutes", f"{minutes} minutes are no interval of forecasts", remedy)
        return
    for meter in meters if minutes < max(FORECAST_MINUTES) else ():
        if meter.interval_minutes > 0 and minutes % meter.interval_minutes:
            problem = f"intervals of {meter.interval_minutes} minutes cannot be forecast every {minutes}"
            yield Fault(f'meters "{meter.meter_id}": interval_minutes', problem, "let forecasts have longer intervals")


def _donors(meters: Sequence[Meter]) -> Iterator[Fault]:
    """What a meter could never follow. A donor that the file does not list is taken on trust."""
    minutes = {f"{meter.meter_id}:{meter.channel}": meter.interval_minutes for meter in meters}
    for meter in meters:
        place = f'meters "{meter.meter_id}": donors'
        for donor in dict.fromkeys(meter.donors):
            if donor == f"{meter.meter_id}:{meter.channel}" or not _is_power(donor):
                remedy = f"write <meter_id>:<channel> of another series, with one of {', '.join(POWER_CHANNELS)}"
                yield Fault(place, f"{donor!r} is no other series of power", remedy)
            elif minutes.get(donor, 0) > 0 and meter.interval_minutes % minutes[donor]:
                problem = f"{donor!r} has intervals of {minutes[donor]} minutes, which do not divide this meter's"
                yield Fault(place, f"{problem} of {meter.interval_minutes}", "take it out; it could not be followed")
            if meter.donors.count(donor) > 1:
                yield Fault(place, f"{donor!r} is named twice", "name each donor once")


def _is_power(series: str) -> bool:
    owner, _, channel = series.rpartition(":")
    return bool(owner) and channel in POWER_CHANNELS


def _sum_checks(parts: SiteParts) -> Iterator[Fault]:
    for check in parts.sum_checks:
        place = f'sum_checks "{check.total}"'
        for series in (check.total, *check.parts):
            if not _is_power(series):
                remedy = f"write <meter_id>:<channel> with one of {', '.join(POWER_CHANNELS)}"
                yield Fault(place, f"{series!r} is no series of power", remedy)
        if not check.parts:
            yield Fault(
                f"{place}: parts", "there must be at least one part", "name the series that add up to the total"
            )
        if check.total in check.parts or len(set(check.parts)) < len(check.parts):
            yield Fault(f"{place}: parts", "a series stands twice in the sum", "name each series once")
        yield from range_faults(place, check)
    totals = [check.total for check in parts.sum_checks]
    for total in sorted({total for total in totals if totals.count(total) > 1}):
        yield Fault(f'sum_checks "{total}"', "stands twice as a total", "put all of its parts into one sum")


def _circles(parts: SiteParts) -> Iterator[Fault]:
    """What is judged by another series must not bear upon it in turn: a verdict would wait for itself."""
    rests_on: dict[str, set[str]] = {}
    for check in parts.sum_checks:
        rests_on.setdefault(check.total, set()).update(check.parts)
    for meter in parts.meters:
        rests_on.setdefault(f"{meter.meter_id}:{meter.channel}", set()).update(meter.donors)
    try:
        TopologicalSorter({series: others - {series} for series, others in rests_on.items()}).prepare()
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        yield Fault("sum_checks, donors", f"rest on each other in a circle: {circle}", "take one of these out")


def _validation(rules: RulesByKind) -> Iterator[Fault]:
    for kind in fields(rules):
        of_kind = getattr(rules, kind.name)
        for group in fields(of_kind):
            yield from range_faults(f"validation.{kind.name}.{group.name}", getattr(of_kind, group.name))


def _asset_ids(parts: SiteParts) -> Iterator[Fault]:
    ids = [unit.unit_id for unit in parts.thermal_units]
    ids += [plant.plant_id for plant in parts.renewable_plants]
    ids += [storage.storage_id for storage in parts.storages]
    ids += [exchange.exchange_id for exchange in parts.exchanges]
    ids += [fleet.fleet_id for fleet in parts.ev_fleets] + [reservoir.reservoir_id for reservoir in parts.reservoirs]
    yield from duplicate_faults("assets", ids)


def _loads(parts: SiteParts) -> Iterator[Fault]:
    seen: set[tuple[str, str]] = set()
    for load in parts.loads:
        place = f'loads "{load.bus_id}"'
        if (load.bus_id, load.series_id) in seen:
            yield Fault(place, f"series {load.series_id!r} is put on this bus twice", "add up the two shares")
        seen.add((load.bus_id, load.series_id))
        yield from range_faults(place, load)


def _references(parts: SiteParts) -> Iterator[Fault]:
    users: list[tuple[str, str, str | None]] = [
        (f'loads "{load.bus_id}"', load.bus_id, load.series_id) for load in parts.loads
    ]
    users += [(f'thermal_units "{unit.unit_id}"', unit.bus_id, None) for unit in parts.thermal_units]
    users += [
        (f'renewable_plants "{plant.plant_id}"', plant.bus_id, plant.series_id) for plant in parts.renewable_plants
    ]
    users += [(f'storages "{item.storage_id}"', item.bus_id, None) for item in parts.storages]
    users += [(f'exchanges "{item.exchange_id}"', item.bus_id, None) for item in parts.exchanges]
    users += [(f'ev_fleets "{item.fleet_id}"', item.bus_id, None) for item in parts.ev_fleets]
    users += [(f'reservoirs "{item.reservoir_id}"', item.bus_id, None) for item in parts.reservoirs]
    for place, bus_id, series in users:
        if bus_id not in parts.bus_ids:
            yield unknown_bus(f"{place}: bus_id", bus_id)
        if series is not None and series not in parts.series_ids:
            remedy = "add the meter, or correct the id (<meter_id>:<channel>)"
            yield Fault(f"{place}: series_id", f"no meter gives series {series!r}", remedy)


def named_series(meters: Iterable[object]) -> set[str]:
    """The series that raw meter entries name, whether or not the rest of an entry is right."""
    named: set[str] = set()
    for entry in meters:
        if isinstance(entry, Mapping) and isinstance(entry.get("meter_id"), str):
            channel = entry.get("channel")
            if channel in list(Channel):
                named.add(series_id(entry["meter_id"], Channel(channel)))
    return named
