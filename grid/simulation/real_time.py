"""Real time: a few periods dispatched with the commitment held, of which the first is carried out.

Slow units run as the plan says, or as their minimum times and ramps still allow; quick-start units and storages are
decided anew. The periods ahead are there so that a unit comes down in time for its stop, and comes up for a rise.
"""

from __future__ import annotations

import math

import highspy
import numpy as np

from grid.dispatch import DispatchPlan, DispatchProblem, Status
from grid.dispatch.results import plan_of
from grid.formulation.build import build_model
from grid.formulation.commitment import BoolArray, assign_units
from grid.formulation.linear import new_highs, require_ok
from grid.formulation.model import DispatchModel
from grid.formulation.outages import Outages
from grid.formulation.prices import solve_fixed
from grid.formulation.ptdf import Ptdf
from grid.formulation.relaxation import solve_with_lines
from grid.formulation.unit_terms import single_units, unit_terms
from grid.problem.quick_starts import starts_quickly
from grid.time_axis import FloatArray

_GAP = 1e-4
_SECONDS = 20.0
_IDLE_MW = 1e-4


class RealTime:
    """The dispatcher of one system: it keeps what does not change from one period to the next.

    Args:
        system: Network and assets; its arrays and states do not matter.
        quick_start_hours: Units whose minimum up and down times are both at most this long are started and stopped in
            real time.
    """

    def __init__(self, system: DispatchProblem, *, quick_start_hours: float) -> None:
        self._terms = [unit_terms(unit, step_hours=system.axis.step_hours) for unit in system.thermal_units]
        self._ptdf = Ptdf(system.network)
        self._outages = Outages(system.network, self._ptdf) if system.secure else None
        self._groups = single_units(system)
        self._quick = np.array(
            [starts_quickly(unit, hours=quick_start_hours) for unit in system.thermal_units], dtype=np.bool_
        )

    def dispatch(self, problem: DispatchProblem, wanted: BoolArray, charging: BoolArray) -> DispatchPlan:
        """Dispatch the periods of ``problem``; it must have the system's units, step and network.

        Args:
            wanted: The plan's commitment, shape (units, periods).
            charging: Whether it charges each storage, shape (storages, periods).

        Raises:
            UnsolvedError: If limits that are never relaxed leave no dispatch.
        """
        on = assign_units(problem, self._terms, self._groups, wanted.astype(np.int64))
        model = build_model(problem, self._terms, self._groups, ptdf=self._ptdf, outages=self._outages, committed=True)
        if self._quick.any() or problem.storages:
            on, charging = self._decide(model, on, charging)
        dispatch = solve_fixed(model, on, charging)
        return plan_of(dispatch, self._terms, on, status=Status.FEASIBLE, bound=-math.inf, message="")

    def _decide(self, model: DispatchModel, on: BoolArray, charging: BoolArray) -> tuple[BoolArray, BoolArray]:
        """Commit the quick units and set the storages' direction, the slow units held at ``on``."""
        bounds = self._bounds(model, on)
        solve_with_lines(model, lower=bounds["lower"], upper=bounds["upper"])
        highs = new_highs(gap=_GAP, seconds=_SECONDS)
        model.linear.load(highs, integer=True, **self._bounds(model, on))
        require_ok(highs.run(), "run")
        found = highs.getInfo().primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        if found:
            values = np.array(highs.getSolution().col_value)
            on = np.array([values[columns.on] > 0.5 for columns in model.thermal], dtype=np.bool_).reshape(on.shape)
            net = [values[columns.discharge] - values[columns.charge] for columns in model.storages]
            charges = [mw <= _IDLE_MW for mw in net]  # an idle one may put back what it owes
            charging = np.array(charges, dtype=np.bool_).reshape(charging.shape)
        return on, charging

    def _bounds(self, model: DispatchModel, on: BoolArray) -> dict[str, FloatArray]:
        lower, upper, _, _ = model.linear.column_arrays()
        for columns, committed, quick in zip(model.thermal, on, self._quick, strict=True):
            if not quick:
                lower[columns.on] = upper[columns.on] = committed.astype(np.float64)
        return {"lower": lower, "upper": upper}
