"""What a settled commitment leaves to its thermal units: pieces of their cost curves, ramps, and what it costs."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from grid.formulation.commitment import BoolArray
from grid.formulation.unit_terms import UnitTerms, unit_terms
from grid.problem.costs import start_costs
from grid.problem.dispatch_problem import DispatchProblem
from grid.time_axis import FloatArray


class Committed:
    """The thermal units of a problem, on and off as ``on`` says, shape (units, periods).

    Attributes:
        cost: Of being on and of starting. [money]
        minimum_mw: What the units that are on produce at least, shape (units, periods).
        owner: Unit of each piece, shape (pieces,); ``unit_of_piece`` as a matrix, shape (units, pieces).
        piece_cost_per_mwh: Shape (pieces,), rising within a unit.
        piece_bounds_mw: Least and most of each piece, both of shape (pieces, periods).
        ramps: Whether a ramp may bind between a period and the next, shape (units, periods - 1).
        ramp_up_mw, ramp_down_mw: Shape (units,). [MW per period]
    """

    def __init__(self, problem: DispatchProblem, on: BoolArray) -> None:
        units, step = problem.thermal_units, problem.axis.step_hours
        terms = [unit_terms(unit, step_hours=step) for unit in units]
        states = [problem.initial.get(unit.unit_id) for unit in units]
        self.minimum_mw = np.array([unit.minimum_mw for unit in units])[:, None] * on
        self.cost = sum(
            unit.minimum_cost_per_hour * step * float(row.sum())
            + float(start_costs(unit, row, state, step_hours=step, rule=problem.start_rule).sum())
            for unit, row, state in zip(units, on, states, strict=True)
        )
        pieces = [(i, piece) for i, term in enumerate(terms) for piece in term.segments]
        self.owner = np.array([i for i, _ in pieces], dtype=np.int64)
        self.unit_of_piece = csr_array(
            (np.ones(len(pieces)), (self.owner, np.arange(len(pieces)))), shape=(len(units), len(pieces))
        )
        self.piece_cost_per_mwh = np.array([piece.cost_per_mwh for _, piece in pieces])
        width = np.array([piece.width_mw for _, piece in pieces])
        below = np.array(
            [sum(piece.width_mw for piece in term.segments[:k]) for term in terms for k in range(len(term.segments))]
        )
        self.ramp_up_mw = np.array([term.ramp_up_mw for term in terms])
        self.ramp_down_mw = np.array([term.ramp_down_mw for term in terms])
        bound = ~np.array([term.ramp_free for term in terms], dtype=np.bool_)
        self.ramps = on[:, :-1] & on[:, 1:] & bound[:, None]
        low, high = _range_above(problem, terms, on)
        self.piece_bounds_mw = (
            np.clip(low[self.owner] - below[:, None], 0.0, width[:, None]),
            np.clip(high[self.owner] - below[:, None], 0.0, width[:, None]),
        )


def _range_above(problem: DispatchProblem, terms: list[UnitTerms], on: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Least and highest output above minimum, without the ramps between two periods, both (units, periods)."""
    periods = problem.axis.periods
    low = np.zeros_like(on, dtype=np.float64)
    high = low.copy()
    for i, (unit, term) in enumerate(zip(problem.thermal_units, terms, strict=True)):
        state = problem.initial.get(unit.unit_id)
        before = np.concatenate([on[i, :1] if state is None else [state.on], on[i, :-1]])
        high[i] = np.where(before, term.span_mw, term.start_span_mw)
        stops = np.flatnonzero(on[i, : periods - 1] & ~on[i, 1:])
        high[i, stops] = np.minimum(high[i, stops], term.stop_span_mw)
        if state is not None and state.on and not term.ramp_free:
            above = max(state.power_mw - unit.minimum_mw, 0.0)
            low[i, :1] = max(above - state.within_mw - term.ramp_down_mw, 0.0)
            high[i, :1] = np.minimum(high[i, :1], above + state.within_mw + term.ramp_up_mw)
    return np.where(on, low, 0.0), np.where(on, high, 0.0)
