"""A stretch of a problem, perhaps in longer periods: what a day of a week is planned for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from grid.problem.dispatch_problem import DispatchProblem
from grid.time_axis import FloatArray, TimeAxis


def window(problem: DispatchProblem, axis: TimeAxis) -> DispatchProblem:
    """The periods ``axis`` of ``problem``, without an earlier plan, and without what is known of net load's spread.

    Where ``axis`` reaches beyond the end of the problem, the last period goes on.

    In a longer period power and prices are their means, what flows in and what is due is added up, and a storage holds
    at most what it does at the end. States before the first period stay as they are.

    Raises:
        ValueError: If ``axis`` begins outside the problem's, or its step is no multiple of the problem's.
    """
    own = problem.axis
    parts, first = axis.step // own.step, (axis.start - own.start) // own.step
    if axis.step != parts * own.step or (axis.start - own.start) % own.step or not 0 <= first < own.periods:
        raise ValueError(
            f"{own.start.isoformat()} to {own.end.isoformat()} every {own.step} cannot tell of "
            f"{axis.start.isoformat()} every {axis.step}; ask for whole multiples of its periods"
        )
    at = np.minimum(first + np.arange(axis.periods * parts), own.periods - 1)

    def split(values: FloatArray) -> FloatArray:
        return values[..., at].reshape(*values.shape[:-1], axis.periods, parts)

    def mean(values: FloatArray) -> FloatArray:
        return np.asarray(split(values).mean(axis=-1))

    def total(values: FloatArray) -> FloatArray:
        return np.asarray(split(values).sum(axis=-1))

    scenarios = problem.scenarios
    if scenarios is not None:
        load, available = mean(scenarios.load_mw), mean(scenarios.available_mw)
        scenarios = replace(scenarios, load_mw=load, available_mw=available)
    return replace(
        problem,
        axis=axis,
        load_mw=mean(problem.load_mw),
        available_mw=mean(problem.available_mw),
        reserve_up_mw=mean(problem.reserve_up_mw),
        reserve_down_mw=mean(problem.reserve_down_mw),
        requirements=tuple(replace(need, required_mw=mean(need.required_mw)) for need in problem.requirements),
        exchanges=tuple(
            replace(
                exchange,
                import_mw=mean(exchange.import_mw),
                export_mw=mean(exchange.export_mw),
                import_price=mean(exchange.import_price),
                export_price=mean(exchange.export_price),
            )
            for exchange in problem.exchanges
        ),
        storage_profiles={
            name: replace(
                profile,
                charge_mw=mean(profile.charge_mw),
                discharge_mw=mean(profile.discharge_mw),
                energy_mwh=split(profile.energy_mwh)[:, -1],
                inflow_mwh=total(profile.inflow_mwh),
                due_mwh=total(profile.due_mwh),
                leaves=None
                if profile.leaves is None
                else np.asarray(profile.leaves[at].reshape(-1, parts).any(axis=1)),
            )
            for name, profile in problem.storage_profiles.items()
        },
        scenarios=scenarios,
        earlier=None,
        spread=None,
        owed_mwh={},
    )
