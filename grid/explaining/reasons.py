"""Why every asset and reserve is where it is: by run of periods what binds, its price, the alternative, a sentence.

Each number in a text is one of the plan's own or follows from the plan's prices by arithmetic that
``tests/grid/explaining`` repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from grid.assets import RenewablePlant
from grid.explaining.event_values import event_values
from grid.explaining.explained import TOLERANCE_MW, TOLERANCE_PRICE, Explained, Finding, merged, spread
from grid.explaining.reserve_reasons import reserve_reasons
from grid.explaining.storage_reasons import storage_reasons
from grid.explaining.thermal_reasons import thermal_reasons
from grid.explaining.trade_reasons import exchange_reasons
from grid.formulation.injections import load_shares
from grid.formulation.prices import FixedDispatch
from grid.formulation.unit_terms import UnitTerms
from grid.problem.plan import DispatchPlan, Reason
from grid.time_axis import FloatArray


def explain(
    plan: DispatchPlan,
    dispatch: FixedDispatch,
    terms: Sequence[UnitTerms],
    *,
    planned: FixedDispatch,
    seconds: float,
) -> tuple[Reason, ...]:
    """Reasons of every asset, then of every reserve, each in order of time.

    Args:
        dispatch: That which prices were read off; its model may grow.
        planned: The plan's own, likewise.
        seconds: Of wall time, for solving again what units could do instead.
    """
    explained = Explained(plan, dispatch, planned, terms, event_values(dispatch))
    linear: list[Reason] = []
    for p, plant in enumerate(explained.problem.renewable_plants):
        linear += _plant_reasons(explained, p, plant)
    for s, storage in enumerate(explained.problem.storages):
        linear += storage_reasons(explained, s, storage)
    for e, exchange in enumerate(explained.problem.exchanges):
        linear += exchange_reasons(explained, e, exchange)
    thermal = thermal_reasons(explained, seconds=seconds)  # last: models grow, and outgrow the duals that others read
    return (*thermal, *linear, *reserve_reasons(explained))


def _plant_reasons(explained: Explained, p: int, plant: RenewablePlant) -> list[Reason]:
    available = explained.problem.available_mw[p]
    taken = explained.plan.schedule.renewable_mw[p]
    lmp = explained.lmp_at(plant.bus_id)
    hours, power = explained.problem.axis.step_hours, explained.power_words(available)
    of_loss = explained.of_loss(plant.plant_id)
    holder = len(explained.problem.thermal_units) + len(explained.problem.storages) + p
    held_up = explained.held_mw(holder, upward=True)

    def finding(t: int) -> Finding:
        if available[t] <= TOLERANCE_MW:
            return Finding("nothing")
        if taken[t] >= available[t] - TOLERANCE_MW:
            return Finding("all", ("available power",), float(lmp[t]))
        if explained.plan.schedule.renewable_reserve_up_mw[p, t] > TOLERANCE_MW and lmp[t] > TOLERANCE_PRICE:
            return Finding("reserve", (max(held_up, key=lambda name: float(held_up[name][t])),), float(lmp[t]))
        if of_loss[t] > TOLERANCE_PRICE:
            return Finding("loss", (f"loss of {plant.plant_id}",), float(of_loss[t]))
        branch = _branch_in_the_way(explained, plant.bus_id, t)
        if branch is not None:
            name, price = branch
            return Finding("branch", (f"{name} limit",), price)
        return Finding("too much", ("load",), float(-lmp[t]))

    def describe(kind: str, run: slice, findings: Sequence[Finding]) -> str:
        price = f"bus price {spread(lmp[run])}"
        cut = f"curtailed by {power.number(available[run] - taken[run])} MW"
        match kind:
            case "nothing":
                return "nothing available"
            case "all":
                free = "it costs nothing" if plant.curtailable else "it may not be curtailed"
                return f"all of its {power.number(available[run])} MW is taken: {free}; {price}"
            case "reserve":
                return f"{cut}, held ready as {findings[0].binding[0]}; {price}"
            case "loss":
                return f"{cut}, because its loss must be made up for; {price}"
            case "branch":
                return f"{cut}: {findings[0].binding[0].removesuffix(' limit')} is full; {price}"
            case _:
                return f"{cut}: units that may not stop or go lower fill the load; {price}"

    findings = [finding(t) for t in range(explained.problem.axis.periods)]
    return [
        replace(reason, runner_up_cost=_alternative_cost(reason, lmp - of_loss, taken, available - taken) * hours)
        if reason.binding and plant.curtailable
        else reason
        for reason in merged(plant.plant_id, findings, describe)
    ]


def _alternative_cost(reason: Reason, worth: FloatArray, taken: FloatArray, curtailed: FloatArray) -> float:
    """The alternative to taking all is taking none; to curtailing it is taking the rest, at the plan's prices."""
    run = slice(reason.first_period, reason.last_period + 1)
    if reason.binding[0] != "available power":
        return float((-worth * curtailed)[run].sum())
    return float((worth * taken)[run].sum())


def _branch_in_the_way(explained: Explained, bus_id: str, period: int) -> tuple[str, float] | None:
    """The full branch that lowers the price at a bus the most against the load's, and its shadow price.

    It may be full after an outage only. None if no branch lowers it.
    """
    model, duals = explained.dispatch.model, explained.dispatch.solution.row_duals
    bus, shares = explained.bus(bus_id), load_shares(explained.problem)[:, period]
    worst, name, price = -TOLERANCE_PRICE, None, 0.0
    for line, row in model.lines.rows.items():
        if line.period != period:
            continue
        factors = model.lines.factors(line)
        effect = float(duals[row] * (factors[bus] - shares @ factors))
        if effect < worst:
            worst, name = effect, model.lines.name(line)
            price = abs(float(duals[row])) / explained.problem.axis.step_hours
    return None if name is None else (name, price)
