"""Everything that must hold of a problem before it is solved; all faults are found, then raised together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from grid.assets import ThermalUnit
from grid.faults import Fault, InputError
from grid.network import Branch
from grid.network_checks import interface_faults, island_faults
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.earlier import earlier_faults
from grid.problem.exchanges import exchange_faults
from grid.problem.in_scenarios import scenario_faults
from grid.problem.quick_starts import quick_start_faults
from grid.problem.requirements import requirement_faults
from grid.problem.storage_profiles import profile_faults
from grid.time_axis import FloatArray

_TOLERANCE_MW = 1e-6
_LEAST_EFFICIENCY = 1e-3
_MOST = 1e12
"""Of hours and MW: what is more is a mistake, and more than solvers take."""


def require_valid(problem: DispatchProblem) -> None:
    """Raise :class:`grid.faults.InputError` with every fault of ``problem``."""
    faults = problem_faults(problem)
    if faults:
        raise InputError(faults)


def problem_faults(problem: DispatchProblem) -> list[Fault]:
    """Every fault of ``problem``; what is wrong with an asset names the fields that it rests on."""
    faults = [*_names(problem), *_network(problem), *_arrays(problem), *_units(problem), *_storages(problem)]
    faults += earlier_faults(problem.earlier, problem.axis.periods)
    faults += scenario_faults(problem)
    faults += quick_start_faults(problem.quick_starts)
    return faults


def _names(problem: DispatchProblem) -> Iterator[Fault]:
    buses = {bus.bus_id for bus in problem.network.buses}
    assets = [
        *((unit.unit_id, unit.bus_id) for unit in problem.thermal_units),
        *((plant.plant_id, plant.bus_id) for plant in problem.renewable_plants),
        *((storage.storage_id, storage.bus_id) for storage in problem.storages),
    ]
    lines = [
        *((branch.branch_id, branch.from_bus, branch.to_bus) for branch in problem.network.branches),
        *((link.link_id, link.from_bus, link.to_bus) for link in problem.network.dc_links),
    ]
    named = [*(("asset", name) for name, _ in assets), *(("bus", bus.bus_id) for bus in problem.network.buses)]
    for (_, name), count in Counter(named).items():
        if count > 1:
            yield Fault(name, f"the id must be unique, it stands {count} times", "rename or delete the others")
    for place, bus in assets:
        if bus not in buses:
            yield Fault(place, f"its bus must be one of the network's, got {bus!r}", "add the bus or correct the id")
    for place, *ends in lines:
        for end, bus in zip(("from", "to"), ends, strict=True):
            if bus not in buses:
                told = f"its {end} end must be a bus of the network, got {bus!r}"
                yield Fault(place, told, "add the bus or correct the id")
        if ends[0] == ends[1]:
            yield Fault(place, f"its from and to ends must be two buses, both are {ends[0]!r}", "correct one of them")
    known = {unit.unit_id for unit in problem.thermal_units}
    for name in sorted(set(problem.initial) - known):
        yield Fault(f"initial state of {name}", "there is no thermal unit of this name", "correct the id or drop it")
    for name in sorted(set(problem.initial_mwh) - {storage.storage_id for storage in problem.storages}):
        yield Fault(f"initial charge of {name}", "there is no storage of this name", "correct the id or drop it")


def _network(problem: DispatchProblem) -> Iterator[Fault]:
    network = problem.network
    if not network.buses:
        yield Fault("network", "it must have a bus", "name at least one bus")
        return
    yield from _branches(network.branches, losses=problem.losses)
    yield from interface_faults(network.interfaces, [branch.branch_id for branch in network.branches])
    for interface in network.interfaces:
        if not interface.limit_mw >= 0.0:
            told = f"limit_mw must not be negative, got {interface.limit_mw}"
            yield Fault(interface.interface_id, told, "give what may flow over it")
    for link in network.dc_links:
        if not link.limit_mw >= 0.0:
            yield Fault(link.link_id, f"limit_mw must not be negative, got {link.limit_mw}", "give its rating")
    yield from island_faults([bus.bus_id for bus in network.buses], network.branches)


def _branches(branches: Sequence[Branch], *, losses: bool) -> Iterator[Fault]:
    for branch in branches:
        if branch.reactance_pu == 0.0 or not np.isfinite(branch.reactance_pu):
            yield Fault(branch.branch_id, f"reactance_pu must not be zero, got {branch.reactance_pu}", "give its value")
        if losses and branch.resistance_pu < 0.0:
            told = f"resistance_pu must not be negative where branches lose power, got {branch.resistance_pu}"
            yield Fault(branch.branch_id, told, "correct it, or plan without losses")
        if branch.tap_ratio <= 0.0:
            yield Fault(branch.branch_id, f"tap_ratio must be positive, got {branch.tap_ratio}", "use 1 for a line")
        if branch.limit_mw is not None and not branch.limit_mw > 0.0:
            yield Fault(branch.branch_id, f"limit_mw must be positive, got {branch.limit_mw}", "give its rating")
        if branch.emergency_mw is not None and not branch.emergency_mw >= (branch.limit_mw or 0.0):
            told = f"emergency_mw must be at least limit_mw, got {branch.emergency_mw} and {branch.limit_mw}"
            yield Fault(branch.branch_id, told, "leave it out where it is the same")


def _arrays(problem: DispatchProblem) -> Iterator[Fault]:
    periods = problem.axis.periods
    if periods < 1:
        yield Fault("axis", "it must have a period", "ask for at least one")
    wanted: list[tuple[str, FloatArray, tuple[int, ...], bool]] = [
        ("load_mw", problem.load_mw, (len(problem.network.buses), periods), False),
        ("available_mw", problem.available_mw, (len(problem.renewable_plants), periods), True),
        ("reserve_up_mw", problem.reserve_up_mw, (periods,), True),
        ("reserve_down_mw", problem.reserve_down_mw, (periods,), True),
    ]
    for name, array, shape, positive in wanted:
        if array.shape != shape:
            yield Fault(name, f"it must have shape {shape}, got {array.shape}", "order it as the docstring says")
        elif not np.all(np.abs(array) <= _MOST):
            told = f"every value must be finite and at most {_MOST:g} MW"
            yield Fault(name, told, "fill gaps before planning, with a flag")
        elif positive and np.any(array < 0.0):
            yield Fault(name, "no value may be negative", "clip or correct the forecast")
    areas = {bus.area for bus in problem.network.buses}
    buses = {bus.bus_id for bus in problem.network.buses}
    yield from exchange_faults(problem.exchanges, buses, periods=periods)
    yield from requirement_faults(problem.requirements, areas=areas, periods=periods)


def _units(problem: DispatchProblem) -> Iterator[Fault]:
    for unit in problem.thermal_units:
        yield from (Fault(unit.unit_id, problem_, "correct the unit's data") for problem_ in _unit_problems(unit))
        state = problem.initial.get(unit.unit_id)
        if state is None:
            continue
        if not 0.0 <= state.hours <= _MOST:
            told = f"initial hours must lie between 0 and {_MOST:g}, got {state.hours}"
            yield Fault(unit.unit_id, told, "give the time so far")
        most = unit.capacity_mw if state.on else 0.0
        if not -_TOLERANCE_MW <= state.power_mw <= most + _TOLERANCE_MW:
            yield Fault(
                unit.unit_id, f"initial power {state.power_mw} MW does not fit its state", "correct state or power"
            )


def _unit_problems(unit: ThermalUnit) -> Iterator[str]:
    if not 0.0 <= unit.minimum_mw <= unit.capacity_mw:
        yield f"0 <= minimum_mw <= capacity_mw must hold, got {unit.minimum_mw} and {unit.capacity_mw}"
    width = sum(segment.width_mw for segment in unit.segments)
    if abs(width - (unit.capacity_mw - unit.minimum_mw)) > 1e-3:
        told = f"{unit.capacity_mw - unit.minimum_mw}, got {width}"
        yield f"the widths of segments must sum to capacity_mw - minimum_mw = {told}"
    if any(a.cost_per_mwh > b.cost_per_mwh for a, b in pairwise(unit.segments)):
        yield "segments must not get cheaper from one to the next"
    if not unit.start_costs:
        yield "start_costs must have an entry"
    if any(a.offline_hours > b.offline_hours or a.cost > b.cost for a, b in pairwise(unit.start_costs)):
        yield "start_costs must not decrease in hours or cost"
    if any(start.cost < 0.0 for start in unit.start_costs):
        yield "start_costs must not be negative: it would pay to start for nothing"
    if not all(0.0 <= hours <= _MOST for hours in (unit.minimum_up_hours, unit.minimum_down_hours)):
        yield f"minimum_up_hours and minimum_down_hours must lie between 0 and {_MOST:g}"
    if min(unit.ramp_up_mw_per_hour, unit.ramp_down_mw_per_hour) <= 0.0:
        yield "ramp_mw_per_hour must be positive, up and down"
    if min(unit.start_ramp_mw, unit.stop_ramp_mw) < unit.minimum_mw - _TOLERANCE_MW:
        yield "start_ramp_mw and stop_ramp_mw must reach minimum_mw, or the unit could never start or stop"


def _storages(problem: DispatchProblem) -> Iterator[Fault]:
    yield from profile_faults(
        problem.storage_profiles,
        problem.storages,
        problem.initial_mwh,
        periods=problem.axis.periods,
        step_hours=problem.axis.step_hours,
    )
    for storage in problem.storages:
        name, initial = storage.storage_id, problem.initial_mwh.get(storage.storage_id, storage.initial_mwh)
        if storage.power_mw < 0.0 or storage.energy_mwh < 0.0:
            yield Fault(name, "power_mw and energy_mwh must not be negative", "give its ratings")
        most = 1.0 if storage.rebound_hours is None else np.inf
        least = _LEAST_EFFICIENCY
        if not (least <= storage.charge_efficiency <= most and least <= storage.discharge_efficiency <= 1.0):
            yield Fault(
                name, f"charge_efficiency and discharge_efficiency must lie in [{least:g}, 1]", "give fractions"
            )
        if storage.rebound_hours is not None and not storage.rebound_hours > 0.0:
            yield Fault(
                name, f"rebound_hours must be above 0, got {storage.rebound_hours}", "leave it out, or correct it"
            )
        if not 0.0 <= storage.standing_loss_per_hour < 1.0:
            told = f"standing_loss_per_hour must lie in [0, 1), got {storage.standing_loss_per_hour}"
            yield Fault(name, told, "give the share that is lost in an hour")
        if storage.standing_loss_per_hour and storage.rebound_hours is not None:
            yield Fault(name, "a demand response has no standing_loss_per_hour", "leave it out")
        if not 0.0 <= storage.end_value_per_mwh <= _MOST:
            told = f"end_value_per_mwh must lie in [0, {_MOST:g}], got {storage.end_value_per_mwh}"
            yield Fault(name, told, "give what a MWh is worth that is left")
        if not -_TOLERANCE_MW <= initial <= storage.energy_mwh + _TOLERANCE_MW:
            told = f"initial_mwh must lie between 0 and energy_mwh {storage.energy_mwh}, got {initial}"
            yield Fault(name, told, "correct it")
        if not 0.0 <= storage.end_minimum_mwh <= storage.energy_mwh:
            told = f"end_minimum_mwh must lie between 0 and energy_mwh {storage.energy_mwh}"
            yield Fault(name, f"{told}, got {storage.end_minimum_mwh}", "correct it")
