"""A day of RTS-GMLC as PLEXOS published its plan beside ours: cost, energy by fuel, prices by area.

Run it by ``make bench``, or with days as arguments (2020-07-06 to 2020-07-17). The data lie beside the repository, in
``../shared/data/rts_gmlc``; without them there is nothing to do. Both plans begin with the units as PLEXOS left them
the day before, have the same day-ahead series, network and reserve requirements, and look another day ahead. PLEXOS'
plan has neither the solar thermal plant nor the storage, so ours does without them too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from plexos_day import LOOK_AHEAD, PlexosDay, read_plexos, without_stores
from rts_secure import DATA, rts_gmlc

from grid.dispatch import DispatchPlan, DispatchProblem, check_plan, plan_dispatch
from grid.problem.costs import production_cost, start_costs
from grid.time_axis import FloatArray

DAYS = ("2020-07-10",)
SECONDS, GAP = 60.0, 0.002
HOURS = 24
PARTS = {"mean": None, "5 %": 0.05, "median": 0.5, "95 %": 0.95}


@dataclass(frozen=True, slots=True, eq=False)
class Ours:
    """The first day of a plan of ours."""

    plan: DispatchPlan
    cost: float
    starts: int
    start_money: float
    energy_by_fuel: dict[str, float]


def planned(problem: DispatchProblem) -> Ours:
    """Plan a problem and count its first day."""
    plan = plan_dispatch(problem, time_limit_seconds=SECONDS, relative_gap=GAP)
    starts, money = 0, 0.0
    energy: dict[str, float] = {}
    for unit, on, power in zip(problem.thermal_units, plan.schedule.on, plan.schedule.power_mw, strict=True):
        state = problem.initial[unit.unit_id]
        starts += int((np.diff(np.concatenate([[state.on], on[:HOURS]]).astype(int)) == 1).sum())
        money += float(start_costs(unit, on, state, step_hours=1.0)[:HOURS].sum())
        energy[unit.fuel] = energy.get(unit.fuel, 0.0) + float(power[:HOURS].sum())
    for plant, power in zip(problem.renewable_plants, plan.schedule.renewable_mw, strict=True):
        fuel = plant.plant_id.split("_")[1]
        energy[fuel] = energy.get(fuel, 0.0) + float(power[:HOURS].sum())
    cost = production_cost(problem, plan.schedule.on, plan.schedule.power_mw, plan.schedule.discharge_mw)[:HOURS].sum()
    return Ours(plan, float(cost), starts, money, energy)


def as_plexos_plans(problem: DispatchProblem) -> DispatchProblem:
    """The problem with what PLEXOS' plan shows: starts at any output, and wind and sun that hold the reserves."""
    free = tuple(replace(u, start_ramp_mw=u.capacity_mw, stop_ramp_mw=u.capacity_mw) for u in problem.thermal_units)
    return replace(problem, thermal_units=free, requirements=())


def main() -> int:
    """Print both plans of every day side by side. Returns 1 if a plan of ours breaks a constraint."""
    if not DATA.is_dir():
        print(f"no data in {DATA}: nothing to do")
        return 0
    broken = 0
    for day in sys.argv[1:] or DAYS:
        start = datetime.fromisoformat(day).replace(tzinfo=UTC)
        theirs = read_plexos(DATA / "plexos_day_ahead", start, rts_gmlc().thermal_units)
        whole = replace(rts_gmlc().problem(start=start, periods=HOURS + LOOK_AHEAD), initial=theirs.initial)
        problem = without_stores(whole)
        ours, alike, stored = planned(problem), planned(as_plexos_plans(problem)), planned(whole)
        faults = [fault for plan in (ours, alike, stored) for fault in check_plan(plan.plan)]
        broken += bool(faults)
        print(f"{day}: {len(faults)} faults found. {ours.plan.message}")
        print("\n".join([*_table(theirs, ours), *_differences(theirs, ours, alike, stored)]), end="\n\n", flush=True)
    return int(broken > 0)


def _table(theirs: PlexosDay, ours: Ours) -> Iterator[str]:
    yield f"{'':<30}{'PLEXOS':>12}{'ours':>12}"
    yield f"{'cost, $':<30}{theirs.cost:>12,.0f}{ours.cost:>12,.0f}"
    yield f"{'of it starts, $':<30}{theirs.start_money:>12,.0f}{ours.start_money:>12,.0f}"
    yield f"{'starts':<30}{theirs.starts:>12}{ours.starts:>12}"
    for fuel in sorted({*theirs.energy_by_fuel, *ours.energy_by_fuel}):
        mwh = theirs.energy_by_fuel.get(fuel, 0.0), ours.energy_by_fuel.get(fuel, 0.0)
        yield f"{fuel + ', MWh':<30}{mwh[0]:>12,.0f}{mwh[1]:>12,.0f}"
    areas = np.array([bus.area for bus in ours.plan.problem.network.buses])
    for area in np.unique(areas):
        for title, level in PARTS.items():
            both = [_part(lmp[areas == area, :HOURS], level) for lmp in (theirs.lmp, ours.plan.prices.lmp)]
            yield f"{f'price in area {area}, {title}, $/MWh':<30}{both[0]:>12.2f}{both[1]:>12.2f}"


def _part(prices: FloatArray, level: float | None) -> float:
    return float(prices.mean() if level is None else np.quantile(prices, level))


def _differences(theirs: PlexosDay, ours: Ours, alike: Ours, stored: Ours) -> Iterator[str]:
    """One sentence for every difference that the data show."""
    problem = ours.plan.problem
    units = problem.thermal_units
    beyond = theirs.cost - theirs.start_money - float(theirs.running.sum())
    yield (
        f"- Nuclear: PLEXOS prices all output at the average heat rate of the lowest, where the tables have none above "
        f"it: {beyond:,.0f} $ of its cost. All else in its plan costs the same by our curves."
    )
    minimum = np.array([[unit.minimum_mw] for unit in units])
    quick = int((theirs.started & (theirs.power_mw > minimum + 0.1)).sum())
    short = _least_headroom(theirs, problem)
    yield (
        f"- Starts and reserves: {quick} of the {theirs.starts} starts of PLEXOS give more than the minimum output in "
        f"their first hour, ours may not; and its thermal units together leave as little as {short:,.0f} MW above what "
        f"all upward products ask for, as wind and sun hold reserves there and in our plan do not. With starts at any "
        f"output and no reserves on thermal units our day costs {alike.cost:,.0f} $, {alike.cost - ours.cost:+,.0f} $, "
        f"which is {100.0 * (alike.cost / (theirs.cost - beyond) - 1.0):+.2f} % beside PLEXOS by the same curves."
    )
    for kind in ("WIND", "PV"):
        rows = [i for i, plant in enumerate(problem.renewable_plants) if f"_{kind}_" in plant.plant_id]
        available = float(problem.available_mw[rows, :HOURS].sum())
        lost = available - theirs.energy_by_fuel[kind], available - ours.energy_by_fuel[kind]
        yield f"- {kind}: {lost[0]:,.0f} MWh curtailed by PLEXOS, {lost[1]:,.0f} by us, of {available:,.0f} available."
    for fuel in sorted({unit.fuel for unit in units}):
        rows = [i for i, unit in enumerate(units) if unit.fuel == fuel]
        hours = int(theirs.on[rows].sum()), int(ours.plan.schedule.on[rows, :HOURS].sum())
        if hours[0] != hours[1]:
            yield f"- {fuel}: {hours[0]} unit hours on in PLEXOS' plan, {hours[1]} in ours."
    lmp = ours.plan.prices.lmp[:, :HOURS]
    yield (
        f"- Prices: PLEXOS has {int((theirs.lmp.mean(axis=0) < 1.0).sum())} hours below 1 $/MWh and "
        f"{_congested(theirs.lmp)} with different prices in the network, we have "
        f"{int((lmp.mean(axis=0) < 1.0).sum())} and {_congested(lmp)}."
    )
    yield (
        f"- Stores: with the solar thermal plant and the storage our day costs {stored.cost:,.0f} $, "
        f"{stored.cost - ours.cost:+,.0f} $."
    )


def _least_headroom(theirs: PlexosDay, problem: DispatchProblem) -> float:
    """Over the hours, headroom of PLEXOS' thermal units less the upward requirements. [MW]"""
    capacity = np.array([[unit.capacity_mw] for unit in problem.thermal_units])
    headroom = np.where(theirs.on, capacity - theirs.power_mw, 0.0).sum(axis=0)
    asked = sum(need.required_mw[:HOURS] for need in problem.requirements if need.product.upward)
    return float((headroom - asked).min())


def _congested(lmp: FloatArray) -> int:
    return int((np.ptp(lmp, axis=0) > 0.01).sum())


if __name__ == "__main__":
    sys.exit(main())
