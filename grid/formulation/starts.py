"""Start costs by time off: each warm start is matched with the stop it follows.

A column for every stop and every later start that is cheaper than a cold one. A start is matched once, a stop is
matched once; what is not matched costs as a cold start. Against a bound per category of warmth this makes the linear
relaxation pay for starts that it would get cheap by counting one stop for several of them.

References:
    Knueven, Ostrowski and Watson, "A Novel Matching Formulation for Startup Costs in Unit Commitment", Mathematical
    Programming Computation 12, 2020.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from grid.formulation.linear import IntArray, LinearModel
from grid.formulation.unit_terms import UnitTerms
from grid.problem.dispatch_problem import StartRule


def add_start_costs(
    model: LinearModel, term: UnitTerms, *, start: IntArray, stop: IntArray, stopped: Sequence[int], rule: StartRule
) -> None:
    """Give back, for every start that is matched with a stop, what it saves against a cold one.

    Args:
        start, stop: Columns, shape (periods,); a start costs as a cold one already.
        stopped: How many periods before the plan each unit that is off at its beginning had stopped.
    """
    if len(term.tiers) == 1:
        return
    periods = len(start)
    off_before = max(stopped, default=0) if rule is StartRule.PGLIB_UC else 0
    matched = model.rows(periods, upper=0.0)
    model.put(matched, start, -1.0)
    followed = model.rows(periods, upper=0.0)
    model.put(followed, stop, -1.0)
    pairs = [
        (earlier, later, saving)
        for earlier in range(periods)
        for later in range(earlier + term.minimum_down, periods)
        if (saving := start_saving(term, later - earlier, later, off_before)) > 0.0
    ]
    if pairs:
        columns = model.columns(len(pairs), cost=[-saving for _, _, saving in pairs])
        model.put(followed[[earlier for earlier, _, _ in pairs]], columns, 1.0)
        model.put(matched[[later for _, later, _ in pairs]], columns, 1.0)
    for age, units in Counter(stopped).items():
        warm = [t for t in range(periods) if t + age >= term.minimum_down]
        savings = [(t, start_saving(term, t + age, t, off_before)) for t in warm]
        savings = [(t, saving) for t, saving in savings if saving > 0.0]
        if savings:
            columns = model.columns(len(savings), cost=[-saving for _, saving in savings])
            model.put(matched[[t for t, _ in savings]], columns, 1.0)
            model.put(np.repeat(model.rows(1, upper=float(units)), len(savings)), columns, 1.0)


def start_saving(term: UnitTerms, periods_off: int, period: int, off_before: int) -> float:
    """What a start in ``period`` (counted from 0) after ``periods_off`` saves against a cold one.

    Args:
        off_before: Under the rule of pglib-uc, the periods that the unit had been off when the plan began; else 0.
    """
    cold = term.tiers[-1].cost
    for tier in term.tiers[:-1]:
        end = tier.end_period or 0
        barred = off_before > 0 and end - off_before <= period <= end - 2
        if periods_off < end and not barred:
            return cold - tier.cost
    return 0.0
