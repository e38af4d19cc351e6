"""What a solution of a dispatch model relaxes: which soft limits, by how much, in which periods."""

from __future__ import annotations

from collections.abc import Iterator

from grid.assets import Storage
from grid.formulation.model import DispatchModel
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.soft_limits import Limit, Penalties, SoftLimit, Violation
from grid.time_axis import FloatArray

REPORTED_MW = 1e-3
"""A relaxation below this is the solver's tolerance, not a violation."""


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


def violations(model: DispatchModel, values: FloatArray) -> Iterator[Violation]:
    """Every soft limit that a solution of the model relaxes, by kind, then period."""
    x, problem = values, model.problem
    prices, reserves = problem.penalties, model.reserves
    for kind, blocks in ((Limit.SHEDDING, model.shed), (Limit.SURPLUS, model.surplus), (Limit.SPILL, model.spill)):
        for i, columns in blocks.items():
            yield from reported(SoftLimit(kind, problem.network.buses[i].bus_id), x[columns], prices)
    for line, over in sorted(model.lines.overload.items()):
        mw = float(x[list(over)].sum())
        if mw > REPORTED_MW:
            yield Violation(model.lines.soft_limit(line), line.period, mw, prices.overload)
    if model.losses is not None:
        too_much = x[model.losses.columns] - model.losses.mw(model.lines.ptdf.flows(model.injections.mw(x)))
        yield from reported(SoftLimit(Limit.LOSSES), too_much, prices)
    for limit, short in (
        (SoftLimit(Limit.RESERVE_UP), reserves.short_up),
        (SoftLimit(Limit.RESERVE_DOWN), reserves.short_down),
        *zip((need.limit for need in problem.requirements), reserves.product_short, strict=True),
        (SoftLimit(Limit.LARGEST_LOSS), reserves.coverage_short),
    ):
        yield from reported(limit, x[short], prices)
    for storage, stored in zip(problem.storages, model.storages, strict=True):
        yield from reported(SoftLimit(Limit.STORAGE_DUE, storage.storage_id), x[stored.due_shortfall], prices)
        yield from missing_at_end(storage, float(x[stored.end_shortfall][0]), problem)
