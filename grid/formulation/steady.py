"""A price on changing an earlier plan, so that a new one does not move set-points for pennies.

Every MW by which a thermal unit or a storage is to do other than the earlier plan said costs a little, and so does
every hour in which a unit is on and was to be off or the other way round. Plants follow the weather and have no such
price. It is the model's alone: production cost and prices of energy know nothing of it.

References:
    Carlson, Jucker and Kropp, "Less Nervous MRP Systems: A Dynamic Economic Lot-Sizing Approach", Management Science
    25(8), 1979 (a cost on changing an earlier schedule).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grid.formulation.model import DispatchModel
from grid.time_axis import FloatArray


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
