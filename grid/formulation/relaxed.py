"""What a dispatch relaxes: which soft limits, by how much, in which periods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from grid.assets import Storage
from grid.formulation.linear import IntArray
from grid.formulation.model import DispatchModel
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.soft_limits import Limit, Penalties, SoftLimit, Violation
from grid.time_axis import FloatArray

REPORTED_MW = 1e-3
"""A relaxation below this is the solver's tolerance, not a violation."""

OfBuses = tuple[Sequence[int], FloatArray]
"""Positions of buses, and an amount for each in every period, shape (those buses, periods)."""


def reported(limit: SoftLimit, amounts_mw: FloatArray, prices: Penalties) -> Iterator[Violation]:
    """The violations of one limit, whose relaxation in each period is ``amounts_mw``."""
    for t, mw in enumerate(amounts_mw.tolist()):
        if mw > REPORTED_MW:
            yield Violation(limit, t, mw, prices.of(limit.kind))


def missing_at_end(storage: Storage, missing_mwh: float, problem: DispatchProblem) -> Iterator[Violation]:
    """The violation of a storage's final level, if as much is missing that it is to be reported."""
    if missing_mwh > REPORTED_MW:
        limit = SoftLimit(Limit.STORAGE_END, storage.storage_id)
        yield Violation(limit, problem.axis.periods - 1, missing_mwh, problem.penalties.of(limit.kind))


def relaxed(
    problem: DispatchProblem,
    *,
    shed_mw: OfBuses,
    surplus_mw: OfBuses,
    spilled_mw: OfBuses,
    others: Iterable[Violation],
    due_mwh: Sequence[FloatArray],
    end_mwh: Sequence[float],
) -> Iterator[Violation]:
    """Every soft limit that was relaxed, by kind, then period.

    Args:
        others: Those of branches and interfaces, of losses and of reserves.
        due_mwh, end_mwh: By storage, what is missing when it is due, and at the end.
    """
    prices, network = problem.penalties, problem.network
    for kind, (buses, amounts) in ((Limit.SHEDDING, shed_mw), (Limit.SURPLUS, surplus_mw), (Limit.SPILL, spilled_mw)):
        for row in np.flatnonzero((amounts > REPORTED_MW).any(axis=1)).tolist():  # on a large network almost none
            yield from reported(SoftLimit(kind, network.buses[buses[row]].bus_id), amounts[row], prices)
    yield from others
    for storage, due, end in zip(problem.storages, due_mwh, end_mwh, strict=True):
        yield from reported(SoftLimit(Limit.STORAGE_DUE, storage.storage_id), due, prices)
        yield from missing_at_end(storage, end, problem)


def violations(model: DispatchModel, values: FloatArray) -> Iterator[Violation]:
    """Every soft limit that a solution of the model relaxes, by kind, then period."""

    def of_buses(columns: Mapping[int, IntArray]) -> OfBuses:
        blocks = np.array(list(columns.values()), dtype=np.int64).reshape(-1, model.problem.axis.periods)
        return list(columns), values[blocks]

    return relaxed(
        model.problem,
        shed_mw=of_buses(model.shed),
        surplus_mw=of_buses(model.surplus),
        spilled_mw=of_buses(model.spill),
        others=_of_network_and_reserves(model, values),
        due_mwh=[values[stored.due_shortfall] for stored in model.storages],
        end_mwh=[float(values[stored.end_shortfall][0]) for stored in model.storages],
    )


def _of_network_and_reserves(model: DispatchModel, values: FloatArray) -> Iterator[Violation]:
    prices, reserves = model.problem.penalties, model.reserves
    for line, over in sorted(model.lines.overload.items()):
        mw = float(values[list(over)].sum())
        if mw > REPORTED_MW:
            yield Violation(model.lines.soft_limit(line), line.period, mw, prices.overload)
    if model.losses is not None:
        losses = model.losses.mw(model.lines.ptdf.flows(model.injections.mw(values)))
        yield from reported(SoftLimit(Limit.LOSSES), values[model.losses.columns] - losses, prices)
    for limit, short in (
        (SoftLimit(Limit.RESERVE_UP), reserves.short_up),
        (SoftLimit(Limit.RESERVE_DOWN), reserves.short_down),
        *zip((need.limit for need in model.problem.requirements), reserves.product_short, strict=True),
        (SoftLimit(Limit.LARGEST_LOSS), reserves.coverage_short),
    ):
        yield from reported(limit, values[short], prices)
