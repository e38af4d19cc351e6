"""A price on changing an earlier plan, so that a new one does not move set-points for pennies.

Every MW by which a thermal unit or a storage is to do other than the earlier plan said costs a little, and so does
every hour in which a unit is on and was to be off or the other way round. Plants follow the weather and have no such
price. It is the model's alone: production cost and prices of energy know nothing of it.

References:
    Carlson, Jucker and Kropp, "Less Nervous MRP Systems: A Dynamic Economic Lot-Sizing Approach", Management Science
    25(8), 1979 (a cost on changing an earlier schedule).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from grid.faults import Fault
from grid.site import ChangePrices
from grid.time_axis import FloatArray

if TYPE_CHECKING:
    from grid.dispatch.model import DispatchModel
    from grid.dispatch.plan import DispatchProblem


@dataclass(frozen=True, slots=True, eq=False)
class EarlierPlan:
    """What an earlier plan says of a problem's periods, each array of shape (periods,), NaN where it says nothing.

    Attributes:
        power_mw: Set-point by id of thermal units and storages; charging is negative.
        on: 1 or 0 by id of thermal units.
    """

    plan_id: str
    prices: ChangePrices
    power_mw: Mapping[str, FloatArray]
    on: Mapping[str, FloatArray]

    def told(self, *, cost: float, forgone: float) -> dict[str, Any]:
        """What changing it came to, as a plan's document has it."""
        return {
            "since": self.plan_id,
            "per_mwh": self.prices.per_mwh,
            "per_commitment_hour": self.prices.per_commitment_hour,
            "cost": round(cost, 2),
            "forgone": round(forgone, 2),
        }


def add_change_prices(model: DispatchModel) -> None:
    """Add what changing the problem's earlier plan costs; its units are in groups of their own."""
    problem, linear = model.problem, model.linear
    earlier = problem.earlier
    if earlier is None:
        return

    def charge(parts: Sequence[tuple[np.ndarray, float]], before: FloatArray, price: float) -> None:
        """``sum(columns * factor) - more + less = before``, both priced, wherever ``before`` is told."""
        told = np.flatnonzero(np.isfinite(before))
        rows = linear.rows(len(told), lower=before[told], upper=before[told])
        for columns, factor in parts:
            linear.put(rows, columns[told], factor)
        more_and_less = linear.columns((2, len(told)), cost=price * problem.axis.step_hours)
        linear.put(rows, more_and_less, [[-1.0], [1.0]])

    for group, columns in zip(model.groups, model.thermal, strict=True):
        unit = problem.thermal_units[group[0]]
        if unit.unit_id in earlier.on:
            charge([(columns.on, 1.0)], earlier.on[unit.unit_id], earlier.prices.per_commitment_hour)
            power = [(columns.above, 1.0), (columns.on, unit.minimum_mw)]
            charge(power, earlier.power_mw[unit.unit_id], earlier.prices.per_mwh)
    for storage, stored in zip(problem.storages, model.storages, strict=True):
        if storage.storage_id in earlier.power_mw:
            net = [(stored.discharge, 1.0), (stored.charge, -1.0)]
            charge(net, earlier.power_mw[storage.storage_id], earlier.prices.per_mwh)


def change_cost(problem: DispatchProblem, on: np.ndarray, power_mw: FloatArray, net_mw: FloatArray) -> float:
    """What a schedule's changes of the earlier plan are priced at, counted from the set-points; 0 without one. [money]

    Args:
        on, power_mw: Thermal units, shape (units, periods).
        net_mw: Storages' discharge less charge, shape (storages, periods).
    """
    earlier = problem.earlier
    if earlier is None:
        return 0.0
    assets = [unit.unit_id for unit in problem.thermal_units] + [storage.storage_id for storage in problem.storages]
    moved = sum(
        float(np.nansum(np.abs(power - earlier.power_mw[name])))
        for name, power in zip(assets, [*power_mw, *net_mw], strict=True)
        if name in earlier.power_mw
    )
    switched = sum(
        float(np.nansum(np.abs(committed - earlier.on[unit.unit_id])))
        for unit, committed in zip(problem.thermal_units, on, strict=True)
        if unit.unit_id in earlier.on
    )
    return (moved * earlier.prices.per_mwh + switched * earlier.prices.per_commitment_hour) * problem.axis.step_hours


def earlier_faults(earlier: EarlierPlan | None, periods: int) -> Iterator[Fault]:
    """What is wrong with an earlier plan for a problem of so many periods."""
    if earlier is None:
        return
    for name, row in (*earlier.power_mw.items(), *earlier.on.items()):
        if row.shape != (periods,) or np.isinf(row).any():
            yield Fault(f"earlier plan of {name}", f"must have {periods} finite values or NaN", "see EarlierPlan")
    for name in sorted(earlier.on.keys() - earlier.power_mw.keys()):
        yield Fault(f"earlier plan of {name}", "says when it is on but not at what output", "give power_mw as well")
    prices = (earlier.prices.per_mwh, earlier.prices.per_commitment_hour)
    if not all(np.isfinite(price) and price >= 0.0 for price in prices):
        yield Fault("change prices", f"must be finite and not negative, got {prices}", "0 leaves changes free")
