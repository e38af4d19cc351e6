"""RTS-GMLC's thermal units: from heat rates, fuel prices and start heats to cost curves and start costs.

* The average heat rate at the lowest output prices an hour there; the incremental heat rates price the steps above it.
  [BTU/kWh x $/MMBTU / 1000 = $/MWh] Variable operating cost is added to both.
* A heat rate that falls along the curve would make it cheaper with output, which no linear dispatch can follow; such
  neighbours are averaged (the least convex curve through both ends). No unit of the present tables needs it.
* The nuclear unit's incremental heat rates are 0 in the source: its few MW above the minimum cost nothing.
* A start costs the heat of the state that the unit has cooled to, times the fuel price, plus the cost without fuel. As
  a unit stays off for its minimum down time at least, states passed by then never apply.
* The source gives no ramps at start and stop; a unit starts and stops at its lowest output, as in pglib-uc's instances
  of this system.

Source of the fields: the README of RTS-GMLC's SourceData.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from grid.assets import CostSegment, StartCost, ThermalUnit


def thermal_unit(row: Mapping[Hashable, Any]) -> ThermalUnit:
    """One row of ``gen.csv`` as a unit that is committed."""

    def number(column: str) -> float:
        return float(row[column])

    capacity_mw, minimum_mw = number("PMax MW"), number("PMin MW")
    fuel_price, other_cost = number("Fuel Price $/MMBTU"), number("VOM")
    minimum_cost = minimum_mw * (number("HR_avg_0") * fuel_price / 1000.0 + other_cost)
    points_mw = [minimum_mw]  # the first output point is the lowest output, rounded in the source
    costs = []
    for step in range(1, 5):
        share = number(f"Output_pct_{step}")
        if share != share:  # NaN: the unit has fewer points
            break
        points_mw.append(share * capacity_mw)
        costs.append(number(f"HR_incr_{step}") * fuel_price / 1000.0 + other_cost)
    points_mw[-1] = capacity_mw
    widths = [upper - lower for lower, upper in pairwise(points_mw)]
    ramp_mw_per_hour = 60.0 * number("Ramp Rate MW/Min")
    return ThermalUnit(
        unit_id=str(row["GEN UID"]),
        bus_id=str(row["Bus ID"]),
        minimum_mw=minimum_mw,
        capacity_mw=capacity_mw,
        minimum_cost_per_hour=minimum_cost,
        segments=convex_segments(widths, costs),
        start_costs=start_costs(
            {
                number(f"Start Time {state} Hr"): number(f"Start Heat {state} MBTU") * fuel_price
                + number("Non Fuel Start Cost $")
                for state in ("Hot", "Warm", "Cold")  # of equal times the coldest stays
            },
            minimum_down_hours=number("Min Down Time Hr"),
        ),
        minimum_up_hours=number("Min Up Time Hr"),
        minimum_down_hours=number("Min Down Time Hr"),
        ramp_up_mw_per_hour=ramp_mw_per_hour,
        ramp_down_mw_per_hour=ramp_mw_per_hour,
        start_ramp_mw=minimum_mw,
        stop_ramp_mw=minimum_mw,
        must_run=row["Fuel"] == "Nuclear",
        fuel=str(row["Category"]),
    )


def convex_segments(widths_mw: Sequence[float], costs_per_mwh: Sequence[float]) -> tuple[CostSegment, ...]:
    """Segments that never get cheaper: neighbours that do are merged at their mean cost, again and again.

    The cost of full output stays what it was.
    """
    merged: list[CostSegment] = []
    for width, cost in zip(widths_mw, costs_per_mwh, strict=True):
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
