"""What a site says by the clock, as it is in each period of a plan: tariffs, fleets of cars, water that flows in.

Everything follows what clocks show, so that a night has 23 or 25 hours less one where they change. A price or inflow
that changes within a period counts with its share of it; cars charge for the part of a period in which they are there.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

import holidays
import numpy as np

from grid.assets import Reservoir, Storage
from grid.fleets import EvFleet, Stay
from grid.local_days import clock_minutes, local_date, local_instant, wall_minutes
from grid.problem.exchanges import Exchange
from grid.problem.storage_profiles import StorageProfile
from grid.site import Site
from grid.tariffs import TariffExchange, prices_at
from grid.time_axis import TimeAxis

_KW_PER_MW = 1000.0
_Stored = tuple[Storage, StorageProfile]


def exchanges_by_clock(site: Site, axis: TimeAxis) -> tuple[Exchange, ...]:
    """The site's exchanges over the periods of ``axis``."""
    calendar = holidays.country_holidays(site.holidays) if site.holidays else set[date]()
    return tuple(_exchange(told, axis, site.timezone, calendar) for told in site.exchanges)


def stored_by_clock(site: Site, axis: TimeAxis) -> list[_Stored]:
    """The site's fleets and reservoirs over the periods of ``axis``, as storages whose limits change."""
    fleets = [_fleet(fleet, axis, site.timezone) for fleet in site.ev_fleets]
    return fleets + [_reservoir(reservoir, axis, site.timezone) for reservoir in site.reservoirs]


def _exchange(told: TariffExchange, axis: TimeAxis, timezone: str, calendar: Container[date]) -> Exchange:
    day, minute = wall_minutes(axis, timezone)
    imports, exports = prices_at(told, day, minute, holidays=calendar)
    import_mw, export_mw = np.full(axis.periods, told.import_mw), np.full(axis.periods, told.export_mw)
    prices = imports.mean(axis=1), exports.mean(axis=1)
    return Exchange(told.exchange_id, told.bus_id, import_mw, export_mw, *prices)


def _reservoir(told: Reservoir, axis: TimeAxis, timezone: str) -> _Stored:
    """A storage that cannot be charged and spills what does not fit."""
    power, energy, inflow, nothing = (
        np.full(axis.periods, value) for value in (told.power_mw, told.energy_mwh, told.inflow_mw, 0.0)
    )
    if told.monthly_inflow_mw:
        day, _ = wall_minutes(axis, timezone)
        months = np.array([date.fromordinal(n).month for n in day.ravel().tolist()]).reshape(day.shape)
        inflow = np.array(told.monthly_inflow_mw)[months - 1].mean(axis=1)
    storage = Storage(
        told.reservoir_id, told.bus_id, told.power_mw, told.energy_mwh, 1.0, 1.0, told.initial_mwh,
        told.end_minimum_mwh, told.cost_per_mwh, end_value_per_mwh=told.end_value_per_mwh,
    )  # fmt: skip
    return storage, StorageProfile(nothing, power, energy, inflow * axis.step_hours, nothing, spills=True)


def present_mwh(site: Site, axis: TimeAxis) -> dict[str, float]:
    """By fleet, most that the cars hold which are there before ``axis`` begins."""
    present: dict[str, float] = {}
    for fleet in site.ev_fleets:
        vehicles = sum(stay.vehicles for stay, begin, _ in _presences(fleet, axis, site.timezone) if begin < 0.0)
        present[fleet.fleet_id] = vehicles * fleet.battery_kwh / _KW_PER_MW
    return present


class _Presence(NamedTuple):
    """One occurrence of a stay; its begin and end in periods since the beginning of the plan."""

    stay: Stay
    begin: float
    end: float


def _fleet(fleet: EvFleet, axis: TimeAxis, timezone: str) -> _Stored:
    """One storage for all cars: what can be charged, what is held, what comes with cars and must leave with them.

    Cars that are there before the plan begins, and of which no plan before tells, were charged at once on coming, up to
    what is due. At the plan's end those that stay must hold what they could not charge any more until they leave. Cars
    that cannot feed back keep what they came with.
    """
    periods, leaves = np.arange(axis.periods), np.zeros(axis.periods, dtype=np.bool_)
    plugged, held, inflow, due = (np.zeros(axis.periods) for _ in range(4))
    initial_kwh = end_kwh = 0.0
    minutes = axis.step / timedelta(minutes=1)
    for stay, begin, end in _presences(fleet, axis, timezone):
        plugged += stay.vehicles * np.clip(np.minimum(periods + 1, end) - np.maximum(periods, begin), 0.0, 1.0)
        held += stay.vehicles * ((begin < periods + 1) & (end > periods + 1))
        if begin >= 0.0:
            inflow[math.floor(begin)] += stay.vehicles * stay.arrives_kwh
        else:
            charged = fleet.reached_kwh(stay, -begin * minutes)
            initial_kwh += stay.vehicles * max(stay.arrives_kwh, min(charged, stay.due_kwh))
        if end <= axis.periods:
            leaves[math.ceil(end) - 1] = True
            due[math.ceil(end) - 1] += stay.vehicles * fleet.leaving_kwh(stay)
        else:
            later = fleet.charger_kw * fleet.charge_efficiency * (end - axis.periods) * axis.step_hours
            end_kwh += stay.vehicles * max(stay.due_kwh - later, fleet.kept_kwh(stay))
    storage = Storage(
        fleet.fleet_id, fleet.bus_id, fleet.power_mw, fleet.energy_mwh, fleet.charge_efficiency,
        fleet.discharge_efficiency, initial_kwh / _KW_PER_MW, end_kwh / _KW_PER_MW, fleet.cost_per_mwh,
    )  # fmt: skip
    return storage, StorageProfile(
        charge_mw=plugged * fleet.charger_kw / _KW_PER_MW,
        discharge_mw=plugged * fleet.discharge_kw / _KW_PER_MW,
        energy_mwh=held * fleet.battery_kwh / _KW_PER_MW,
        inflow_mwh=inflow / _KW_PER_MW,
        due_mwh=due / _KW_PER_MW,
        leaves=leaves,
    )


def _presences(fleet: EvFleet, axis: TimeAxis, timezone: str) -> Iterator[_Presence]:
    """Every occurrence of a stay that shares time with ``axis``.

    A stay that begins in the hour which clocks skip begins an hour later; one that would be over by then is left out.
    """
    last = local_date(axis.end, timezone)
    for stay in fleet.stays:
        first = local_date(axis.start, timezone) - timedelta(days=stay.midnights + 1)
        for day in stay.dates(first, last):
            begin = _instant(day, stay.arrives, timezone)
            end = _instant(day + timedelta(days=stay.midnights), stay.leaves, timezone)
            if max(begin, axis.start) < min(end, axis.end):
                yield _Presence(stay, (begin - axis.start) / axis.step, (end - axis.start) / axis.step)


def _instant(day: date, clock: str, timezone: str) -> datetime:
    hours, minutes = divmod(clock_minutes(clock), 60)
    return local_instant(day, time(hours, minutes), timezone)
