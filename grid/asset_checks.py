"""What must hold for thermal units, renewable plants and storages: ranges, cost curves, start costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from grid.assets import RenewablePlant, Storage, ThermalUnit
from grid.faults import Fault
from grid.ranges import range_faults


def asset_faults(
    thermal_units: Sequence[ThermalUnit], renewable_plants: Sequence[RenewablePlant], storages: Sequence[Storage]
) -> Iterator[Fault]:
    """What is wrong with the assets themselves; their ids, buses and series are checked with the site."""
    for unit in thermal_units:
        place = f'thermal_units "{unit.unit_id}"'
        yield from range_faults(place, unit)
        yield from _cost_curve(place, unit)
        yield from _start_costs(place, unit)
        for field in ("start_ramp_mw", "stop_ramp_mw"):
            if getattr(unit, field) < unit.minimum_mw:
                problem = f"{getattr(unit, field):g} MW does not reach minimum_mw {unit.minimum_mw:g}"
                yield Fault(f"{place}: {field}", problem, "raise it to minimum_mw or more")
    for plant in renewable_plants:
        yield from range_faults(f'renewable_plants "{plant.plant_id}"', plant)
    for storage in storages:
        place = f'storages "{storage.storage_id}"'
        yield from range_faults(place, storage)
        for field in ("initial_mwh", "end_minimum_mwh"):
            if getattr(storage, field) > storage.energy_mwh:
                problem = f"{getattr(storage, field):g} MWh exceed energy_mwh {storage.energy_mwh:g}"
                yield Fault(f"{place}: {field}", problem, "lower it")
        if storage.rebound_hours is not None and storage.standing_loss_per_hour:
            problem = "a demand response loses nothing while it waits to put back"
            yield Fault(f"{place}: standing_loss_per_hour", problem, "leave it out, or tell it by charge_efficiency")


def _cost_curve(place: str, unit: ThermalUnit) -> Iterator[Fault]:
    if unit.minimum_mw > unit.capacity_mw:
        problem = f"{unit.minimum_mw:g} MW exceed capacity_mw {unit.capacity_mw:g}"
        yield Fault(f"{place}: minimum_mw", problem, "correct one of the two")
        return
    for position, segment in enumerate(unit.segments):
        yield from range_faults(f"{place}: segments[{position}]", segment)
    costs = [segment.cost_per_mwh for segment in unit.segments]
    for position, (cost, following) in enumerate(pairwise(costs)):
        if following < cost:
            problem = f"the curve gets cheaper, from {cost:g} to {following:g} per MWh"
            yield Fault(f"{place}: segments[{position + 1}]", problem, "order the segments by cost, or average the two")
    width, span = sum(segment.width_mw for segment in unit.segments), unit.capacity_mw - unit.minimum_mw
    if abs(width - span) > 1e-6 * unit.capacity_mw:
        problem = f"their widths sum to {width:g} MW, capacity_mw - minimum_mw is {span:g}"
        yield Fault(f"{place}: segments", problem, "correct the widths")


def _start_costs(place: str, unit: ThermalUnit) -> Iterator[Fault]:
    if not unit.start_costs:
        remedy = "write [{offline_hours = 0, cost = 0}] if it starts for free"
        yield Fault(f"{place}: start_costs", "there must be at least one", remedy)
        return
    for position, start in enumerate(unit.start_costs):
        yield from range_faults(f"{place}: start_costs[{position}]", start)
    if unit.start_costs[0].offline_hours > unit.minimum_down_hours:
        problem = f"a start after minimum_down_hours {unit.minimum_down_hours:g} has no cost"
        yield Fault(f"{place}: start_costs[0]", problem, "let the first offline_hours be 0")
    for earlier, later in pairwise(unit.start_costs):
        if later.offline_hours <= earlier.offline_hours or later.cost < earlier.cost:
            problem = "offline_hours must increase and cost must not fall along the list"
            yield Fault(f"{place}: start_costs", problem, "order the list from hot to cold")
            return
