"""The network of a folder case: from a MATPOWER file or from ``network.json``, with the units that stand on it.

In service only. A generator of a MATPOWER file becomes a unit that ramps and starts freely; what it can really do is
told in ``periods.json``. Its quadratic cost becomes ten linear pieces of equal width.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from grid.assets import CostSegment, StartCost, ThermalUnit
from grid.cases.case import Case, Costs
from grid.cases.fields import Fields
from grid.faults import Fault
from grid.network import Branch, Bus, DcLink, Interface, Network

_PIECES = 10
_BRANCH = (
    "from", "to", "reactance_pu", "resistance_pu", "limit_mw", "emergency_mw", "tap_ratio", "phase_shift_deg",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grid:
    """A network, the units on it and the load of one instant, by bus. [MW]"""

    network: Network
    units: tuple[ThermalUnit, ...]
    load_mw: dict[str, float]


def grid_of_case(case: Case, faults: list[Fault]) -> Grid:
    """The parts of a MATPOWER case that are in service."""
    ids, table, generators, links = case.bus_ids, case.branches, case.generators, case.links
    branches = tuple(
        Branch(
            branch_id=table.names[i],
            from_bus=ids[table.from_bus[i]],
            to_bus=ids[table.to_bus[i]],
            reactance_pu=float(table.reactance_pu[i]),
            limit_mw=_finite(table.limit_mw[i]),
            tap_ratio=float(table.tap_ratio[i]),
            resistance_pu=float(table.resistance_pu[i]),
            emergency_mw=_finite(table.emergency_mw[i]),
            phase_shift_deg=math.degrees(table.shift_rad[i]),
        )
        for i in np.flatnonzero(table.in_service).tolist()
    )
    dc_links = []
    for i in np.flatnonzero(links.in_service).tolist():
        low, high = float(links.minimum_mw[i]), float(links.maximum_mw[i])
        if links.loss_share[i] or links.loss_mw[i] or not math.isclose(-low, high):
            problem = f"{links.names[i]} must have no losses and equal limits both ways for a plan of many periods"
            faults.append(Fault("mpc.dcline", problem, "set loss0 and loss1 to 0 and Pmin to -Pmax"))
        dc_links.append(DcLink(links.names[i], ids[links.from_bus[i]], ids[links.to_bus[i]], abs(high)))
    units = []
    for i in np.flatnonzero(generators.in_service).tolist():
        low, high = float(generators.minimum_mw[i]), float(generators.maximum_mw[i])
        if low < 0.0:
            problem = f"{generators.names[i]} must not take power, its Pmin is {low:g}"
            faults.append(Fault("mpc.gen", problem, "make it a load, a storage or a demand response of periods.json"))
            continue
        units.append(_unit(generators.names[i], ids[generators.bus[i]], low, high, generators.costs, i))
    buses = tuple(
        Bus(name, area=area) for name, area, out in zip(ids, case.areas, case.isolated, strict=True) if not out
    )
    return Grid(
        network=Network(buses, branches, tuple(dc_links), case.base_mva),
        units=tuple(units),
        load_mw={name: float(mw) for name, mw, out in zip(ids, case.demand_mw, case.isolated, strict=True) if not out},
    )


def grid_of_json(network: Fields) -> Grid:
    """What ``network.json`` describes; ``docs/dispatch-files.md`` lists its fields."""
    network.unknown("base_mva", "buses", "branches", "links", "units")
    load, buses = {}, []
    for name, bus in network.items("buses"):
        bus.unknown("load_mw", "area")
        load[name] = bus.number("load_mw", default=0.0)
        buses.append(Bus(name, area=bus.text("area", default="")))
    branches = []
    for name, branch in network.items("branches"):
        branch.unknown(*_BRANCH)
        branches.append(
            Branch(
                branch_id=name,
                from_bus=branch.text("from"),
                to_bus=branch.text("to"),
                reactance_pu=branch.number("reactance_pu"),
                limit_mw=branch.number("limit_mw") if branch.has("limit_mw") else None,
                tap_ratio=branch.number("tap_ratio", default=1.0),
                resistance_pu=branch.number("resistance_pu", default=0.0),
                emergency_mw=branch.number("emergency_mw") if branch.has("emergency_mw") else None,
                phase_shift_deg=branch.number("phase_shift_deg", default=0.0),
            )
        )
    links = []
    for name, link in network.items("links"):
        link.unknown("from", "to", "limit_mw")
        links.append(DcLink(name, link.text("from"), link.text("to"), link.number("limit_mw", least=0.0)))
    units = []
    for name, unit in network.items("units"):
        unit.unknown("bus", "minimum_mw", "capacity_mw", "minimum_cost_per_hour", "segments")
        units.append(_json_unit(name, unit))
    base_mva = network.number("base_mva", default=100.0)
    if base_mva <= 0.0:
        network.fault("base_mva", f"must be above 0, got {base_mva:g}", "leave it out where it is 100")
    return Grid(Network(tuple(buses), tuple(branches), tuple(links), base_mva), tuple(units), load)


def read_interfaces(top: Fields) -> Iterator[Interface]:
    """The interfaces that ``periods.json`` names over a network's branches."""
    for name, interface in top.items("interfaces"):
        interface.unknown("limit_mw", "branches", "reversed_branches")
        limit_mw = interface.number("limit_mw", least=0.0)
        yield Interface(name, limit_mw, interface.texts("branches"), interface.texts("reversed_branches"))


def _json_unit(name: str, unit: Fields) -> ThermalUnit:
    minimum, capacity = unit.number("minimum_mw", default=0.0, least=0.0), unit.number("capacity_mw", least=0.0)
    segments = []
    for segment in unit.rows("segments"):
        segment.unknown("width_mw", "cost_per_mwh")
        segments.append(CostSegment(segment.number("width_mw", least=0.0), segment.number("cost_per_mwh")))
    least_cost = unit.number("minimum_cost_per_hour", default=0.0)
    return _free_unit(name, unit.text("bus"), minimum, capacity, least_cost, tuple(segments))


def _unit(name: str, bus: str, low: float, high: float, costs: Costs, row: int) -> ThermalUnit:
    if row in costs.curves:
        curve = costs.curves[row]
        inside = curve[(curve[:, 0] > low) & (curve[:, 0] < high), 0]
        points = np.unique(np.concatenate([[low], inside, [high]]))
        slopes = np.diff(curve[:, 1]) / np.diff(curve[:, 0])
        piece = np.clip(np.searchsorted(curve[:, 0], points, side="right") - 1, 0, len(slopes) - 1)
        cost = curve[piece, 1] + slopes[piece] * (points - curve[piece, 0])
    else:
        points = np.linspace(low, high, _PIECES + 1) if costs.quadratic[row] else np.array([low, high])
        cost = costs.quadratic[row] * points**2 + costs.linear[row] * points + costs.constant[row]
    widths, rises = np.diff(points), np.diff(cost)
    segments = tuple(CostSegment(float(w), float(rise / w)) for w, rise in zip(widths, rises, strict=True) if w > 0.0)
    return _free_unit(name, bus, low, high, float(cost[0]), segments)


def _free_unit(
    name: str, bus: str, minimum: float, capacity: float, least_cost: float, segments: tuple[CostSegment, ...]
) -> ThermalUnit:
    """A unit that nothing but its output range limits."""
    ramp = max(capacity, 1.0)
    return ThermalUnit(
        unit_id=name,
        bus_id=bus,
        minimum_mw=minimum,
        capacity_mw=capacity,
        minimum_cost_per_hour=least_cost,
        segments=segments,
        start_costs=(StartCost(0.0, 0.0),),
        minimum_up_hours=0.0,
        minimum_down_hours=0.0,
        ramp_up_mw_per_hour=ramp,
        ramp_down_mw_per_hour=ramp,
        start_ramp_mw=capacity,
        stop_ramp_mw=capacity,
    )


def _finite(limit: float) -> float | None:
    return float(limit) if math.isfinite(limit) else None
