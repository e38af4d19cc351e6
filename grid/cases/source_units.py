"""Thermal units of a source folder's ``gen.csv``: from heat rates, fuel prices and start heats to costs.

* The average heat rate at the lowest output prices an hour there; the incremental heat rates price the steps above it.
  [BTU/kWh x $/MMBTU / 1000 = $/MWh] Variable operating cost is added to both. The points in between are rounded to
  0.1 MW, as the format's other readers do.
* A heat rate that falls along the curve would make it cheaper with output, which no linear dispatch can follow; such
  neighbours are averaged (the least convex curve through both ends).
* A start costs the heat of the state that the unit has cooled to, times the fuel price, plus the cost without fuel. As
  a unit stays off for its minimum down time at least, states passed by then never apply.
* The format has no ramps at start and stop; a unit starts and stops at its lowest output, as in pglib-uc's instances
  of RTS-GMLC.

References:
    The README of RTS-GMLC's SourceData; Prescient's documentation, "The CSV Input File Format" (rounding, states).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from grid.assets import CostSegment, StartCost, ThermalUnit
from grid.cases.source_tables import Row

_HOTTEST_FIRST = ("Hot", "Warm", "Cold")


def thermal_unit(row: Row) -> ThermalUnit:
    """One line of ``gen.csv`` as a unit that is committed; a nuclear one runs always."""
    capacity_mw, minimum_mw = row.number("PMax MW", above=0.0), row.number("PMin MW", least=0.0)
    if minimum_mw > capacity_mw:
        row.fault("PMin MW", f"{minimum_mw:g} is above PMax MW {capacity_mw:g}", "exchange or correct")
    fuel_price, other_cost = row.number("Fuel Price $/MMBTU"), row.number("VOM", default=0.0)
    down_hours = row.number("Min Down Time Hr", least=0.0)
    ramp_mw_per_hour = 60.0 * row.number("Ramp Rate MW/Min", above=0.0)
    if row.number("Non Fuel Shutdown Cost $", default=0.0):
        row.fault("Non Fuel Shutdown Cost $", "must be 0: a stop has no cost here", "add it to the cost of a start")
    fixed = row.number("Non Fuel Start Cost $", default=0.0)
    states = [state for state in _HOTTEST_FIRST if row.has(f"Start Heat {state} MBTU")]
    by_hours = {  # of equal times the coldest stays
        row.number(f"Start Time {state} Hr", least=0.0): row.number(f"Start Heat {state} MBTU") * fuel_price + fixed
        for state in states
    }
    return ThermalUnit(
        unit_id=row.text("GEN UID"),
        bus_id=row.text("Bus ID"),
        minimum_mw=minimum_mw,
        capacity_mw=capacity_mw,
        minimum_cost_per_hour=minimum_mw * (row.number("HR_avg_0") * fuel_price / 1000.0 + other_cost),
        segments=_segments(row, minimum_mw, capacity_mw, fuel_price, other_cost),
        start_costs=start_costs(by_hours or {0.0: fixed}, minimum_down_hours=down_hours),
        minimum_up_hours=row.number("Min Up Time Hr", least=0.0),
        minimum_down_hours=down_hours,
        ramp_up_mw_per_hour=ramp_mw_per_hour,
        ramp_down_mw_per_hour=ramp_mw_per_hour,
        start_ramp_mw=minimum_mw,
        stop_ramp_mw=minimum_mw,
        must_run=row.text("Unit Type") == "NUCLEAR",
        fuel=row.text("Category", default=row.text("Fuel")),
    )


def _segments(
    row: Row, minimum_mw: float, capacity_mw: float, fuel_price: float, other_cost: float
) -> tuple[CostSegment, ...]:
    points_mw, costs = [minimum_mw], []
    step = 1
    while row.has(f"Output_pct_{step}"):
        points_mw.append(round(row.number(f"Output_pct_{step}") * capacity_mw, 1))
        costs.append(row.number(f"HR_incr_{step}") * fuel_price / 1000.0 + other_cost)
        step += 1
    if not costs:
        if capacity_mw > minimum_mw:
            row.fault("Output_pct_1", "is missing: the cost above PMin MW is not known", "give it and HR_incr_1")
        return ()
    points_mw[-1] = capacity_mw
    widths = [upper - lower for lower, upper in pairwise(points_mw)]
    if min(widths) < 0.0:
        row.fault("Output_pct_1", "the output points must rise, from PMin MW to PMax MW", "order them")
    return convex_segments(widths, costs)


def convex_segments(widths_mw: Sequence[float], costs_per_mwh: Sequence[float]) -> tuple[CostSegment, ...]:
    """Segments that never get cheaper: neighbours that do are merged at their mean cost, again and again.

    The cost of full output stays what it was. Segments without width are left out.
    """
    merged: list[CostSegment] = []
    for width, cost in zip(widths_mw, costs_per_mwh, strict=True):
        if width <= 0.0:
            continue
        segment = CostSegment(width, cost)
        while merged and merged[-1].cost_per_mwh > segment.cost_per_mwh:
            before = merged.pop()
            total = before.width_mw + segment.width_mw
            paid = before.width_mw * before.cost_per_mwh + segment.width_mw * segment.cost_per_mwh
            segment = CostSegment(total, paid / total)
        merged.append(segment)
    return tuple(merged)


def start_costs(cost_by_offline_hours: Mapping[float, float], *, minimum_down_hours: float) -> tuple[StartCost, ...]:
    """Start costs from hot to cold, beginning with the state that a unit has reached after its minimum down time.

    Args:
        cost_by_offline_hours: Cost of a start from each state, by the hours after which it is reached.
    """
    states = sorted(cost_by_offline_hours.items())
    reached = [cost for hours, cost in states if hours <= minimum_down_hours]
    first = reached[-1] if reached else states[0][1]
    later = [StartCost(hours, cost) for hours, cost in states if hours > minimum_down_hours and cost > first]
    return (StartCost(0.0, first), *later)
