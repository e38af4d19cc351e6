"""Uplift: what prices leave unpaid of a unit's cost of running, which a market would pay it beside them.

Prices pay for the last MW. They need not pay for a start, for an hour at minimum output, or for a segment below the
last one, and where a unit's revenue over the horizon stays below its cost the rest is its make-whole payment.

References:
    O'Neill et al., "Efficient market-clearing prices in markets with nonconvexities", European J. Operational
    Research 164, 2005.
    Gribik, Hogan and Pope, "Market-clearing electricity prices and energy uplift", Harvard University, 2007.
"""

from __future__ import annotations

import numpy as np

from grid.problem.costs import running_cost_per_hour, start_costs
from grid.problem.plan import DispatchPlan
from grid.time_axis import FloatArray


def uplift(plan: DispatchPlan) -> FloatArray:
    """Make-whole payment of each thermal unit, shape (units,): production and start cost over the horizon, less what
    energy, reserve for net load and reserve products earn at the plan's prices; 0 where they earn more. [money]
    """
    problem, step = plan.problem, plan.problem.axis.step_hours
    row = {bus.bus_id: i for i, bus in enumerate(problem.network.buses)}
    reserves = reserve_revenue(plan)
    unpaid = np.zeros(len(problem.thermal_units))
    for i, unit in enumerate(problem.thermal_units):
        on, power, state = plan.schedule.on[i], plan.schedule.power_mw[i], problem.initial.get(unit.unit_id)
        running = np.where(on, running_cost_per_hour(unit, power), 0.0) * step
        starts = start_costs(unit, on, state, step_hours=step, rule=problem.start_rule)
        earned = plan.prices.lmp[row[unit.bus_id]] * power * step + reserves[i]
        unpaid[i] = (running + starts - earned).sum()
    return np.maximum(unpaid, 0.0)


def reserve_revenue(plan: DispatchPlan) -> FloatArray:
    """What the reserve that each thermal unit holds earns in each period, shape (units, periods). [money]"""
    schedule = plan.schedule
    problem, prices = plan.problem, plan.prices
    up, down = schedule.reserve_up_mw, schedule.reserve_down_mw
    of_products = np.zeros_like(up)
    area = {bus.bus_id: bus.area for bus in problem.network.buses}
    for held in schedule.products:
        up, down = (up - held.unit_mw, down) if held.product.upward else (up, down - held.unit_mw)
        for need, price in zip(problem.requirements, prices.requirements, strict=True):
            if need.product == held.product:
                counts = [not need.areas or area[unit.bus_id] in need.areas for unit in problem.thermal_units]
                of_products += np.array(counts)[:, None] * held.unit_mw * price
    for_net_load = np.where(schedule.on, prices.held_up, prices.held_by_start) * up + prices.reserve_down * down
    revenue: FloatArray = (for_net_load + of_products) * problem.axis.step_hours
    return revenue
