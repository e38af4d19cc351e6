"""Rows that follow from others and speak of whole numbers only: enough capacity on, and not too much minimum output.

Balance and reserve requirement together bound the capacity that must be on; the linear relaxation knows that already,
but a solver finds the strong knapsack cuts only where a row holds integers and little else. On RTS-GMLC over 48 hours
they close a quarter of what the relaxation leaves open.

References:
    Gu, Nemhauser and Savelsbergh, "Lifted Cover Inequalities for 0-1 Integer Programs", INFORMS J. Computing 10, 1998.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grid.formulation.model import DispatchModel
from grid.formulation.trajectories import put_capacity, switch_losses
from grid.formulation.unit_terms import UnitTerms
from grid.problem.requirements import leading


def add_adequacy(model: DispatchModel, terms: Sequence[UnitTerms]) -> None:
    """Add both rows of every period; storages and curtailable plants count with the most they can give or take."""
    problem, linear = model.problem, model.linear
    profiles = [problem.profile_of(storage) for storage in problem.storages]
    fixed = model.injections.fixed_mw.sum(axis=0)
    plants = [plant.curtailable for plant in problem.renewable_plants]
    available = problem.available_mw[np.array(plants, dtype=np.bool_)].sum(axis=0)
    products = leading(problem.requirements, upward=True)
    reserve_mw = problem.reserve_up_mw + sum(problem.requirements[i].required_mw for i in products)
    given = available + sum(profile.discharge_mw for profile in profiles)
    given = given + sum(exchange.import_mw for exchange in problem.exchanges)
    taken = sum(profile.charge_mw for profile in profiles) + sum(exchange.export_mw for exchange in problem.exchanges)
    capacity = linear.rows(problem.axis.periods, lower=reserve_mw - fixed - given)
    minimum = linear.rows(problem.axis.periods, upper=-fixed + taken)
    for group, columns in zip(model.groups, model.thermal, strict=True):
        term = terms[group[0]]
        losses = switch_losses(term, width_mw=term.span_mw, stop_periods=1)[0]
        put_capacity(
            linear,
            capacity,
            on=columns.on,
            start=columns.start,
            stop=columns.stop,
            width_mw=term.span_mw,
            losses=losses,
            sign=-1.0,
        )
        linear.put(np.stack([capacity, minimum]), columns.on, term.unit.minimum_mw)
    for short in (model.reserves.short_up, *(model.reserves.product_short[i] for i in products)):
        linear.put(capacity, short, 1.0)
    for held in (*model.reserves.starting.values(), *model.shed.values()):
        linear.put(capacity, held, 1.0)
    for too_much in (*model.surplus.values(), *model.spill.values()):
        linear.put(minimum, too_much, -1.0)
    if model.losses is not None:
        linear.put(np.stack([capacity, minimum]), model.losses.columns, -1.0)
