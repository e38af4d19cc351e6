"""The whole model of a dispatch problem: thermal groups, renewables, storages, links, balance, reserves, branches.

Per period one balance over the whole network (lossless DC), and a row only for those branches that are asked for
(:mod:`grid.formulation.lines`). Every soft limit has a column of its own, priced by
:class:`grid.problem.soft_limits.Penalties`, so that a well-formed problem always has an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from grid.formulation.adequacy import add_adequacy
from grid.formulation.injections import Injections, Part, load_shares
from grid.formulation.linear import LinearModel
from grid.formulation.lines import Line, LineLimits
from grid.formulation.losses import add_losses
from grid.formulation.model import DispatchModel
from grid.formulation.outages import Outages
from grid.formulation.ptdf import Ptdf
from grid.formulation.quick_starts import hold_by_starts
from grid.formulation.reserves import add_products, add_reserves, hold_by_plants, hold_reserves, holders_of
from grid.formulation.security import add_coverage, security_events
from grid.formulation.steady import add_change_prices
from grid.formulation.storages import add_storage
from grid.formulation.thermal import Commitment, add_thermal_group
from grid.formulation.trade import add_exchange
from grid.formulation.unit_terms import UnitTerms
from grid.problem.costs import most_end_value
from grid.problem.dispatch_problem import DispatchProblem
from grid.time_axis import FloatArray


def build_model(
    problem: DispatchProblem,
    terms: Sequence[UnitTerms],
    groups: tuple[tuple[int, ...], ...],
    *,
    ptdf: Ptdf,
    outages: Outages | None = None,
    lines: Iterable[Line] = (),
    linear: LinearModel | None = None,
    commitments: Sequence[Commitment] | None = None,
    committed: bool = False,
    sheds: Iterable[int] | None = None,
) -> DispatchModel:
    """Build the model of ``problem`` with its thermal units in ``groups`` and the limits of ``lines``.

    It joins what is in ``linear`` already, if that is given. Its objective is the cost and what is missing of
    :func:`.problem.costs.most_end_value` at the end.

    Args:
        commitments: Of the groups, if they are in ``linear`` already.
        committed: Units will be fixed. Rows that only help to find a commitment are left out, because where the fixed
            units are short they would share the duals of the limits that they follow from.
        sheds: Positions of buses at which load may be shed; None: at every one that has some.
    """
    linear, periods, penalties = LinearModel() if linear is None else linear, problem.axis.periods, problem.penalties
    step = problem.axis.step_hours
    taken = available_by_bus(problem, curtailable=True)
    must_take = available_by_bus(problem, curtailable=False)
    fixed = -problem.load_mw
    for i, mw in must_take.items():
        fixed[i] += mw
    balance = linear.rows(periods, lower=-fixed.sum(axis=0), upper=-fixed.sum(axis=0))
    reserves = add_reserves(linear, problem)
    shared: Sequence[Commitment | None] = commitments or [None] * len(groups)
    thermal = [
        add_thermal_group(
            linear,
            problem,
            terms[group[0]],
            group,
            reserve_up_rows=reserves.up_rows,
            reserve_down_rows=reserves.down_rows,
            commitment=commitment,
        )
        for group, commitment in zip(groups, shared, strict=True)
    ]
    loads = np.flatnonzero(problem.load_mw.any(axis=1)) if sheds is None else sorted(sheds)
    bus = {b.bus_id: i for i, b in enumerate(problem.network.buses)}
    limits = np.array([link.limit_mw for link in problem.network.dc_links])[:, None]
    model = DispatchModel(
        problem=problem,
        linear=linear,
        lines=LineLimits(problem, ptdf, outages),
        groups=groups,
        thermal=thermal,
        storages=[add_storage(linear, problem, storage) for storage in problem.storages],
        renewable={i: linear.columns(periods, upper=mw) for i, mw in taken.items()},
        spill={i: linear.priced(periods, upper=mw, price=penalties.spill * step) for i, mw in must_take.items()},
        shed={
            int(i): linear.priced(periods, upper=np.maximum(problem.load_mw[i], 0.0), price=penalties.shedding * step)
            for i in loads
        },
        surplus={
            i: linear.priced(periods, price=penalties.surplus * step)
            for i in sorted({bus[unit.bus_id] for unit in problem.thermal_units})
        },
        link=linear.columns((len(limits), periods), lower=-limits, upper=limits),
        reserves=reserves,
        balance_rows=balance,
        bus=bus,
        exchanges=[add_exchange(linear, exchange, step_hours=step) for exchange in problem.exchanges],
        losses=add_losses(linear, problem.network, ptdf, periods=periods) if problem.losses else None,
    )
    model.injections = Injections.of(fixed, _parts(model))
    linear.put(balance[None, :], model.injections.columns, model.injections.factors)
    hold_reserves(linear, reserves, model.storages, model.renewable)
    reserves.by_starts = hold_by_starts(model, terms)
    if problem.reserve_from_plants:
        hold_by_plants(linear, reserves, model.renewable, taken)
    holders = holders_of(problem, groups, thermal, model.storages, reserves.plants)
    add_products(linear, problem, reserves, holders)
    model.lines.events = security_events(model, holders)
    add_coverage(linear, problem, model.lines.events, reserves)
    if not committed:
        add_adequacy(model, terms)
    add_change_prices(model)
    if most := most_end_value(problem):
        linear.columns(1, lower=most, upper=most, cost=1.0)
    model.add_lines(lines)
    return model


def available_by_bus(problem: DispatchProblem, *, curtailable: bool) -> dict[int, FloatArray]:
    """Available power of the curtailable (or the other) plants of each bus together, by position of the bus. [MW]"""
    bus = {b.bus_id: i for i, b in enumerate(problem.network.buses)}
    totals: dict[int, FloatArray] = {}
    for plant, available in zip(problem.renewable_plants, problem.available_mw, strict=True):
        if plant.curtailable == curtailable:
            i = bus[plant.bus_id]
            totals[i] = totals.get(i, np.zeros(problem.axis.periods)) + available
    return totals


def _parts(model: DispatchModel) -> list[Part]:
    """Who feeds in where."""
    problem, bus = model.problem, model.bus
    parts: list[Part] = []
    for group, columns in zip(model.groups, model.thermal, strict=True):
        unit = problem.thermal_units[group[0]]
        parts += [(bus[unit.bus_id], columns.above, 1.0), (bus[unit.bus_id], columns.on, unit.minimum_mw)]
    for storage, stored in zip(problem.storages, model.storages, strict=True):
        parts += [(bus[storage.bus_id], stored.discharge, 1.0), (bus[storage.bus_id], stored.charge, -1.0)]
    for blocks, factor in ((model.renewable, 1.0), (model.shed, 1.0), (model.spill, -1.0), (model.surplus, -1.0)):
        parts += [(i, columns, factor) for i, columns in blocks.items()]
    for exchange, traded in zip(problem.exchanges, model.exchanges, strict=True):
        parts += [(bus[exchange.bus_id], traded.imported, 1.0), (bus[exchange.bus_id], traded.exported, -1.0)]
    if model.losses is not None:
        lost = model.losses.columns
        parts += [(i, lost, -share) for i, share in enumerate(load_shares(problem)) if share.any()]
    for link, flow in zip(problem.network.dc_links, model.link, strict=True):
        parts += [(bus[link.from_bus], flow, -1.0), (bus[link.to_bus], flow, 1.0)]
    return parts
