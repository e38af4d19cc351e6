"""The relaxation that grows by branch limits."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from api.commands.source_folder import read_source_folder
from grid.formulation.build import build_model
from grid.formulation.linear import LinearModel
from grid.formulation.lines import Line
from grid.formulation.outages import Outages
from grid.formulation.ptdf import Ptdf
from grid.formulation.relaxation import UnsolvedError, solve_lazily, solve_with_lines
from grid.formulation.unit_terms import identical_units, unit_terms
from grid.time_axis import FloatArray

FOLDER = Path(__file__).resolve().parents[1] / "cases" / "two_area_source"


def test_going_on_from_the_last_basis_ends_where_a_cold_start_does() -> None:
    problem = read_source_folder(FOLDER, simulations=("DAY_AHEAD",)).problem(secure=True)
    terms = [unit_terms(unit, step_hours=problem.axis.step_hours) for unit in problem.thermal_units]
    ptdf = Ptdf(problem.network)
    model = build_model(problem, terms, identical_units(problem), ptdf=ptdf, outages=Outages(problem.network, ptdf))
    before = solve_with_lines(model)
    columns, rows = model.linear.column_count, model.linear.row_count
    model.add_lines([Line(branch, period) for branch in (0, 1) for period in range(problem.axis.periods)])
    assert model.linear.column_count > columns
    assert model.linear.row_count > rows
    cold, warm = solve_with_lines(model), solve_with_lines(model, start=before)
    assert warm.objective == pytest.approx(cold.objective, rel=1e-9)
    assert len(warm.values) == model.linear.column_count
    assert np.isfinite(warm.row_duals).all()


def test_a_program_that_is_not_solved_to_its_end_tells_the_bound_that_it_had() -> None:
    linear = LinearModel()
    column = linear.columns(1, cost=2.0)
    linear.put(linear.rows(1, lower=3.0), column, 1.0)

    def contradict(_: object) -> bool:
        linear.put(linear.rows(1, upper=1.0), column, 1.0)
        return True

    with pytest.raises(UnsolvedError, match="Infeasible") as raised:
        solve_lazily(linear, contradict)
    assert raised.value.bound == pytest.approx(6.0)


def test_no_round_begins_when_time_is_over() -> None:
    """The solver's own clock counts only what it does itself."""
    linear = LinearModel()
    linear.columns(1, upper=1.0, cost=1.0)

    def add_slowly(_: FloatArray) -> bool:
        time.sleep(0.06)
        linear.put(linear.rows(1, lower=0.0), 0, 1.0)
        return True

    linear.put(linear.rows(1, lower=0.0), 0, 1.0)
    with pytest.raises(UnsolvedError, match="Time limit"):
        solve_lazily(linear, add_slowly, seconds=0.05)
    assert linear.row_count == 2
