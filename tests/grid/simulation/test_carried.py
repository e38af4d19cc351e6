"""What one dispatch leaves to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from grid.assets import Storage
from grid.dispatch import DispatchProblem, UnitState, plan_dispatch
from grid.simulation.carried import Carried
from grid.time_axis import TimeAxis

MakeSystem = Callable[..., DispatchProblem]


def test_hours_go_on_until_a_unit_changes(make_system: MakeSystem) -> None:
    problem = make_system([90.0, 90.0, 120.0, 120.0])
    plan = plan_dispatch(problem, relative_gap=0.0)
    begun = Carried(problem.initial, problem.initial_mwh)

    assert begun.after(plan, 0) is begun
    assert begun.after(plan, 2).units == {
        "base": UnitState(True, 50.0, 90.0),
        "peak": UnitState(False, 50.0, 0.0),
    }
    assert begun.after(plan, 4).units["peak"] == UnitState(True, 2.0, 20.0)


def test_a_unit_without_a_state_has_been_as_it_is_for_long(make_system: MakeSystem) -> None:
    problem = replace(make_system([90.0, 90.0]), initial={})
    plan = plan_dispatch(problem, relative_gap=0.0)

    units = Carried({}, {}).after(plan, 1).units

    assert units["base"].on
    assert not units["peak"].on
    assert min(state.hours for state in units.values()) > 1_000.0


def test_a_battery_is_as_full_as_it_was_left(make_system: MakeSystem) -> None:
    problem = make_system([60.0, 120.0], battery_mwh=40.0)
    plan = plan_dispatch(problem, relative_gap=0.0)

    stored = Carried(problem.initial, {}).after(plan, 2).stored_mwh

    assert stored == {"battery": plan.schedule.state_of_charge_mwh[0, 1]}


def test_a_unit_that_is_planned_ahead_may_be_stopped_from_any_output(make_system: MakeSystem) -> None:
    unit = make_system([90.0]).thermal_units[0]
    carried = Carried({"base": UnitState(True, 48.0, 90.0)}, {"battery": 5.0})

    lowered = carried.able_to_stop([replace(unit, stop_ramp_mw=50.0)])

    assert lowered == Carried({"base": UnitState(True, 48.0, 50.0)}, {"battery": 5.0})


def test_what_a_demand_response_took_is_owed_until_its_hours_are_over(make_system: MakeSystem) -> None:
    shift = Storage("shift", "b", 10.0, 40.0, 1.0, 0.5, 40.0, 40.0, rebound_hours=3.0)
    problem = replace(make_system([60.0, 60.0, 160.0, 60.0, 60.0]), storages=(shift,))
    plan = plan_dispatch(problem, relative_gap=0.0)

    carried = Carried(problem.initial, {}).after(plan, 2).after(plan, 3)  # the dear hour is the last of them
    owed = carried.owed_mwh([shift], TimeAxis(problem.axis.end, timedelta(hours=1), 3))

    assert plan.schedule.discharge_mw[0, 2] == pytest.approx(10.0)
    assert owed["shift"] == pytest.approx([20.0, 20.0, 0.0], abs=0.02)
    assert carried.owed_mwh([shift], TimeAxis(problem.axis.end, timedelta(minutes=30), 6))["shift"] == pytest.approx(
        [20.0, 20.0, 20.0, 20.0, 0.0, 0.0], abs=0.02
    )
