"""A folder case: ``network.m`` or ``network.json`` with ``periods.json`` into a problem of many periods on a network.

``docs/dispatch-files.md`` lists the fields of both.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import fields as fields_of
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from grid.assets import Storage, ThermalUnit
from grid.cases.earlier import read_earlier
from grid.cases.fields import Fields
from grid.cases.folder_assets import (
    read_demand_response,
    read_exchanges,
    read_plants,
    read_profiled,
    read_storages,
    read_units,
)
from grid.cases.folder_reserves import read_reserves
from grid.cases.folder_scenarios import read_scenarios
from grid.cases.matpower import read_matpower
from grid.cases.network_files import Grid, grid_of_case, grid_of_json, read_interfaces
from grid.cases.spans import MOST_PERIODS, span_problem
from grid.cases.uncertain import Profile, net_load_spread, read_profile
from grid.faults import Fault, InputError
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.soft_limits import Penalties
from grid.problem.validate import problem_faults
from grid.records import parse_json
from grid.site import Contingency
from grid.time_axis import EPOCH, FloatArray, TimeAxis, is_timezone

_TOP = (
    "start", "step_minutes", "periods", "timezone", "currency", "load_scale", "loads", "renewables", "units",
    "storages", "ev_fleets", "reservoirs", "demand_response", "exchanges", "interfaces", "reserves", "penalties", "n_1",
    "losses", "previous", "change_prices", "uncertainty",
)  # fmt: skip
_YEAR_MINUTES = 366 * 24 * 60


def read_folder(network: str, periods: str, *, matpower: bool) -> DispatchProblem:
    """The problem that the texts of a folder's two files state.

    Args:
        matpower: Whether ``network`` is a MATPOWER file, else JSON.

    Raises:
        InputError: With every fault of both files, each with its place; without a number of periods only those met
            until then, as it is not known how long a profile must be.
    """
    faults: list[Fault] = []
    grid = _grid(network, matpower, faults)
    top = Fields(_json(periods, "periods.json", faults), "", faults)
    if any(fault.place == "periods.json" for fault in faults):
        raise InputError(faults)
    top.unknown(*_TOP)
    axis = _axis(top)
    if any(fault.place == "periods" for fault in faults):
        raise InputError(faults)
    scale = top.series("load_scale", axis.periods, default=1.0)
    loads = top.object("loads")
    profiles = {name: read_profile(loads, name, axis.periods, sign=1.0) for name in loads.names()}
    load = np.array([_load(bus.bus_id, grid, profiles, scale) for bus in grid.network.buses])
    known = {bus.bus_id for bus in grid.network.buses}
    for name in sorted(set(loads.names()) - known) if known else ():
        loads.fault(name, "is no bus of the network", "correct the name, or add the bus")
    plants, available = read_plants(top, axis.periods, profiles)
    units, initial = read_units(top, grid, {plant.plant_id for plant in plants})
    shifts = list(read_demand_response(top))
    units += [shift for shift in shifts if isinstance(shift, ThermalUnit)]
    profiled = list(read_profiled(top, axis.periods))
    storages = (*read_storages(top), *(storage for storage, _ in profiled))
    storages += tuple(shift for shift in shifts if isinstance(shift, Storage))
    load = load.reshape(len(grid.network.buses), axis.periods)
    up, down, requirements = read_reserves(top, grid.network, profiles, load)
    n_1 = _contingencies(top)
    problem = DispatchProblem(
        axis=axis,
        network=replace(grid.network, interfaces=tuple(read_interfaces(top))),
        thermal_units=tuple(units),
        renewable_plants=plants,
        storages=storages,
        load_mw=load,
        available_mw=available,
        reserve_up_mw=up,
        reserve_down_mw=down,
        initial=initial,
        initial_mwh={},
        exchanges=tuple(read_exchanges(top, axis.periods)),
        storage_profiles={storage.storage_id: profile for storage, profile in profiled},
        penalties=_penalties(top),
        currency=top.text("currency", default="USD"),
        timezone=_timezone(top),
        requirements=requirements,
        secure="branches" in n_1,
        secure_units="units" in n_1,
        losses=top.flag("losses", default=False),
        deliverable=top.object("reserves").flag("deliverable", default=False),
        reserve_from_plants=top.object("reserves").flag("from_plants", default=False),
        earlier=read_earlier(
            top, [unit.unit_id for unit in units], [storage.storage_id for storage in storages], axis.periods
        ),
        spread=None if faults else net_load_spread(list(profiles.values()), axis.periods),
        scenarios=read_scenarios(
            top,
            profiles,
            loads=[bus.bus_id for bus in grid.network.buses],
            plants=[f"renewables: {plant.plant_id}" for plant in plants],
            load_mw=load,
            available_mw=available,
        ),
    )
    if grid.network.buses:  # else nothing is known of what stands on them
        faults += _unread(problem_faults(problem), faults)
    if faults:
        raise InputError(faults)
    return problem


def _unread(faults: Iterable[Fault], read: Iterable[Fault]) -> list[Fault]:
    """Those ``faults`` of a problem that are no echo: of nothing that rests on a field with a fault of reading."""
    fields: defaultdict[str, set[str]] = defaultdict(set)
    for fault in read:
        name, _, field = fault.place.partition(": ")
        fields[name] |= _words(field)
    return [fault for fault in faults if not fields[fault.place.rpartition(" of ")[2]] & _words(fault.problem)]


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]\w+", text))


def _grid(text: str, matpower: bool, faults: list[Fault]) -> Grid:
    if not matpower:
        return grid_of_json(Fields(_json(text, "network.json", faults), "network", faults))
    try:
        return grid_of_case(read_matpower(text), faults)
    except InputError as error:
        faults += error.faults
        return grid_of_json(Fields({}, "network", []))


def _json(text: str, place: str, faults: list[Fault]) -> Any:
    try:
        return parse_json(text)
    except ValueError as error:
        faults.append(Fault(place, f"is no JSON: {error}", "correct it"))
        return {}


def _axis(top: Fields) -> TimeAxis:
    step = timedelta(minutes=top.whole("step_minutes", least=1, most=_YEAR_MINUTES, default=60))
    periods = top.whole("periods", least=1, most=MOST_PERIODS)
    start = _instant(top) if top.has("start") else EPOCH
    if problem := span_problem(start, step, periods):
        top.fault("start", problem, "correct it, or plan fewer periods")
    return TimeAxis(start, step, periods)


def _instant(top: Fields) -> datetime:
    text = top.text("start")
    try:
        start = datetime.fromisoformat(text)
        if start.tzinfo is not None:
            return start.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    top.fault("start", f"must be an instant with its offset, got {text!r}", "such as 2026-03-01T00:00:00Z")
    return EPOCH


def _timezone(top: Fields) -> str:
    """The zone of the texts' clock; none where periods have no date."""
    name = top.text("timezone", default="UTC")
    if not is_timezone(name):
        top.fault("timezone", f"there is no time zone {name!r}", "use an IANA name such as Europe/Berlin")
    return name if top.has("start") else ""


def _load(bus: str, grid: Grid, profiles: dict[str, Profile], scale: FloatArray) -> FloatArray:
    """A bus's load: its own profile, or what the network gives it times ``load_scale``."""
    return profiles[bus].central if bus in profiles else grid.load_mw.get(bus, 0.0) * scale


def _contingencies(top: Fields) -> tuple[str, ...]:
    """What must be survived: ``n_1`` is a list, or true for branches."""
    if not top.is_list("n_1"):
        return ("branches",) if top.flag("n_1", default=False) else ()
    named = top.texts("n_1")
    for name in named:
        if name not in list(Contingency):
            top.fault("n_1", f"must name {' or '.join(Contingency)}, got {name!r}", "correct it")
    return named


def _penalties(top: Fields) -> Penalties:
    """The usual prices but for those told; null is a limit that is never relaxed."""
    told = top.object("penalties")
    names = [field.name for field in fields_of(Penalties)]
    told.unknown(*names)
    usual = Penalties()
    prices = {
        name: math.inf if name in told.names() and not told.has(name)
        else told.number(name, default=getattr(usual, name), least=0.0)
        for name in names
    }  # fmt: skip
    return Penalties(**prices)
