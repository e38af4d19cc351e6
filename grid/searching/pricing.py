"""The linear relaxation of a model, and for a large one what does its work: prices, a bound, a solution nearby.

The simplex method takes minutes for the relaxation of a thousand units. A price decomposition takes seconds: the units
say what they would do at some prices (:mod:`.priced`), a master blends the schedules that they have told so far and
finds better prices (:mod:`.master`). New schedules are asked for between these and the best prices known, since the
master's own leap about. The bound and the blend neglect ramps in the middle of a run. The relaxation, which has them,
is then solved with most counts held where the blend has them, and those free that cost least to change.

References:
    Wentges, "Weighted Dantzig-Wolfe Decomposition for Linear Mixed-Integer Programming", International Transactions in
    Operational Research 4(2), 1997 (smoothing of prices).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csc_array

from grid.formulation.model import DispatchModel
from grid.formulation.relaxation import LinearSolution, UnsolvedError, solve_with_lines
from grid.formulation.unit_terms import UnitTerms
from grid.searching.master import Blend, Master
from grid.searching.neighbourhoods import freed
from grid.searching.priced import PricedModel
from grid.time_axis import FloatArray

log = logging.getLogger(__name__)

_LARGE = 250_000
_CLOSE = 5e-4
_SMOOTHING = 0.8
_UNMET_FACTOR = 10.0
_WORTH_ADDING = 1e-6
_WHOLE = 1e-6
_NEAR = 0.15
_PRICING_SHARE, _NEAR_SHARE = 0.3, 0.5


def relax(
    model: DispatchModel,
    terms: Sequence[UnitTerms],
    *,
    deadline: float,
    start: LinearSolution | None = None,
    seconds: float | None = None,
) -> LinearSolution:
    """The linear relaxation of ``model``, or if that has more than 250,000 columns what :func:`relax_by_prices` makes.

    Args:
        model: Grows by the branch limits that are violated.
        terms: Of the problem's units.
        deadline: Of :func:`relax_by_prices`.
        start: What this returned before the model grew.
        seconds: Of wall time for the relaxation of a model that is not large; None: it ends when it is solved.

    Raises:
        UnsolvedError: If the relaxation has no solution, or not in time.
    """
    if model.linear.column_count <= _LARGE or not terms:
        return solve_with_lines(model, start=start, seconds=seconds)
    return relax_by_prices(model, terms, deadline=deadline, start=start)


def relax_by_prices(
    model: DispatchModel,
    terms: Sequence[UnitTerms],
    *,
    deadline: float,
    start: LinearSolution | None = None,
) -> LinearSolution:
    """Prices of ``model``, the bound that they prove, and a blend of schedules that costs little more.

    Args:
        deadline: Of the monotonic clock, for the search and all that goes before it. Prices take a third of what is
            left at most, and the relaxation near them half of the rest; one round of prices is always made.
        start: What this returned before the model grew: prices to begin with.

    Returns:
        ``row_duals`` are the prices and ``objective`` is their bound; ``reduced_costs`` of the counts say what it costs
        at these prices to change them. ``values`` are those of the relaxation with most counts held, or of the blend if
        that was not solved in time.

    Raises:
        UnsolvedError: If it is proven that the relaxation has no solution.
    """
    until = _share(_PRICING_SHARE, deadline)
    average = np.array([_average_cost(term) for term in terms])
    prices = _merit_order(model, terms, average) if start is None else start.row_duals
    unmet_price = _UNMET_FACTOR * float(average.max(initial=1.0))
    while True:
        priced = PricedModel(model, terms)
        prices, bound, blend = _settle(model, priced, _grown(prices, model.linear.row_count), unmet_price, until=until)
        if time.monotonic() >= until or not model.add_violated(blend.values):
            break
    on = np.array([group.on for group in model.thermal])
    costs = priced.switching_costs(prices)
    near = _relaxation_near(model, blend.values, costs, deadline=deadline)
    reduced_costs = np.zeros(model.linear.column_count)
    reduced_costs[on] = costs
    return LinearSolution(
        objective=bound,
        values=_grown(blend.values, model.linear.column_count) if near is None else near.values,
        reduced_costs=reduced_costs,
        row_duals=_grown(prices, model.linear.row_count),
        basis=None,
    )


def _relaxation_near(
    model: DispatchModel, values: FloatArray, costs: FloatArray, *, deadline: float
) -> LinearSolution | None:
    """The relaxation with whole counts held but those that cost least to change; None if it is not solved in time.

    If there is none with these counts held, it is that of the whole model.

    Args:
        values: Of the blend.
        costs: What it costs to change the counts, shape (groups, periods).
    """
    on = np.array([group.on for group in model.thermal])
    fractional = np.abs(values[on] - np.round(values[on])) > _WHOLE
    groups, periods = np.nonzero(fractional | (costs <= np.quantile(costs, _NEAR, method="lower")))
    for lower, upper in (freed(model, values, (groups, periods)), (None, None)):
        seconds = _share(_NEAR_SHARE, deadline) - time.monotonic()
        if seconds <= 0.0:
            break
        try:
            return solve_with_lines(model, lower=lower, upper=upper, seconds=seconds)
        except UnsolvedError as error:
            log.info("the relaxation near the prices is not solved: %s", error)
            if not error.infeasible:
                break
            if lower is None:
                raise
    return None


def _share(share: float, deadline: float) -> float:
    """When a share of the time that is left to ``deadline`` is over."""
    now = time.monotonic()
    return now + share * (deadline - now)


def _grown(values: FloatArray, count: int) -> FloatArray:
    """Values of ``count`` columns or rows of a model that has grown: 0 of the new ones."""
    return np.concatenate([values, np.zeros(count - len(values))])


def _settle(
    model: DispatchModel,
    priced: PricedModel,
    prices: FloatArray,
    unmet_price: float,
    *,
    until: float,
) -> tuple[FloatArray, float, Blend]:
    """The best prices of the model as it stands, their bound, and a blend."""
    matrix, groups = model.linear.matrix(), np.arange(len(model.groups))
    own_columns, own_rows = [c.own_columns for c in model.thermal], [c.own_rows for c in model.thermal]
    master = Master(model.linear, own_columns, own_rows, unmet_price=unmet_price)
    offers = priced.at(prices)
    best = offers.bound
    master.add(offers.schedules, offers.costs, groups)
    blend, rounds = master.solve(), 0
    smoothing = _SMOOTHING
    while blend.objective - best > _CLOSE * abs(best) and time.monotonic() < until:
        asked = smoothing * prices + (1.0 - smoothing) * blend.row_prices
        offers = priced.at(asked)
        if offers.bound > best:
            prices, best = asked, offers.bound
        worth = offers.costs - offers.schedules.T @ (matrix.T @ blend.row_prices) - blend.group_prices
        new = np.flatnonzero(worth < -_WORTH_ADDING * np.maximum(np.abs(offers.costs), 1.0))
        rounds += 1
        if len(new):
            master.add(csc_array(offers.schedules[:, new]), offers.costs[new], groups[new])
            blend = master.solve()
            smoothing = _SMOOTHING
        elif smoothing > 0.0:
            smoothing = 0.0  # nothing new on the way: ask at the master's own prices
        else:
            break
    log.info("prices settled after %d rounds: bound %.0f, blend %.0f", rounds, best, blend.objective)
    return prices, best, blend


def _average_cost(term: UnitTerms) -> float:
    """Cost of a MWh at full output, a start in a day included."""
    unit = term.unit
    full = unit.minimum_cost_per_hour + sum(s.width_mw * s.cost_per_mwh for s in term.segments)
    return full / max(unit.capacity_mw, 1.0)


def _merit_order(model: DispatchModel, terms: Sequence[UnitTerms], average: FloatArray) -> FloatArray:
    """Prices to begin with: in each period the average cost of the unit that fills up load and reserve."""
    problem = model.problem
    order = np.argsort(average)
    capacity = np.cumsum([terms[i].unit.capacity_mw for i in order])
    wanted = problem.load_mw.sum(axis=0) + problem.reserve_up_mw - problem.available_mw.sum(axis=0)
    last = np.minimum(np.searchsorted(capacity, wanted), len(order) - 1)
    prices = np.zeros(model.linear.row_count)
    prices[model.balance_rows] = average[order][last]
    return prices
