"""Whatever becomes of the solver there is a plan: sound, labelled, and with the reason why it is no optimised one."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grid.dispatch import DispatchPlan, DispatchProblem, check_plan, plan_always, plan_dispatch, planning
from grid.dispatch import always as always_module
from grid.dispatch.always import answer
from grid.formulation.relaxation import UnsolvedError
from grid.problem.plan import Status

LOAD = [70.0, 90.0, 150.0, 190.0, 120.0, 80.0]
UNIT = {"bus": "b", "minimum_mw": 20, "capacity_mw": 80, "start_costs": [[0, 100]], "minimum_up_hours": 2}
SYSTEM = {
    "load_mw": {"a": [0.0] * 6, "b": LOAD},
    "branches": {"a-b": {"from": "a", "to": "b", "limit_mw": 30.0}},
    "units": {
        "cheap": {**UNIT, "minimum_cost_per_hour": 200, "cost_per_mwh": 10, "minimum_down_hours": 3},
        "middle": {**UNIT, "minimum_cost_per_hour": 500, "cost_per_mwh": 25},
        "dear": {**UNIT, "minimum_cost_per_hour": 900, "cost_per_mwh": 60},
    },
    "plants": {"wind": {"bus": "a", "available_mw": [40.0] * 6}},
    "storages": {
        "battery": {"bus": "b", "power_mw": 5.0, "energy_mwh": 10.0, "initial_mwh": 5.0, "end_minimum_mwh": 5.0}
    },
    "reserve_up_mw": [5.0] * 6,
}


@pytest.fixture
def problem(make_problem: Any) -> DispatchProblem:
    return make_problem(SYSTEM)


def plan_while(problem: DispatchProblem, harm: int, **options: Any) -> DispatchPlan:
    """Plan, and send the solver's process a signal as soon as it is there."""
    plans: list[DispatchPlan] = []
    planning = threading.Thread(target=lambda: plans.append(plan_always(problem, time_limit_seconds=5.0, **options)))
    planning.start()
    give_up = time.monotonic() + 10.0
    while not (children := multiprocessing.active_children()) and time.monotonic() < give_up:
        time.sleep(0.002)
    (child,) = children
    assert child.pid is not None
    os.kill(child.pid, harm)
    planning.join()
    return plans[0]


def assert_falls_back(plan: DispatchPlan, *, status: Status, why: str) -> None:
    assert plan.status is status
    assert why in plan.message
    assert "not proven" in plan.message
    assert (plan.best_bound, plan.gap) == (-np.inf, np.inf)
    assert check_plan(plan) == []
    assert multiprocessing.active_children() == []


def test_a_solver_that_answers_is_believed(problem: DispatchProblem) -> None:
    plan = plan_always(problem, time_limit_seconds=5.0, relative_gap=0.0, threads=1)
    assert plan.status is Status.OPTIMAL
    assert plan.objective == pytest.approx(plan_dispatch(problem, relative_gap=0.0).objective)
    assert check_plan(plan) == []


def test_a_killed_solver_never_means_no_plan(problem: DispatchProblem) -> None:
    plan = plan_while(problem, signal.SIGKILL)
    assert_falls_back(plan, status=Status.RULE_BASED, why="ended without an answer (SIGKILL)")


def test_a_solver_that_hangs_is_killed_and_its_plan_replaced(problem: DispatchProblem) -> None:
    plan = plan_while(problem, signal.SIGSTOP, grace_seconds=-4.5)
    assert_falls_back(plan, status=Status.RULE_BASED, why="no answer within 0.5 s and was killed")


def answered(problem: DispatchProblem) -> object:
    """What the solver's process would send back."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    with receiver, sender:
        answer(problem, {}, sender)
        return receiver.recv()


def test_a_solver_that_raises_says_what(problem: DispatchProblem, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise RuntimeError("HiGHS refused run")

    monkeypatch.setattr(always_module, "plan_dispatch", refuse)
    assert answered(problem) == "the solver failed (RuntimeError: HiGHS refused run)"


def test_a_relaxation_that_is_not_solved_proves_nothing(
    problem: DispatchProblem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsolved(*_args: object, **_options: object) -> None:
        raise UnsolvedError("branch limits still violated")

    monkeypatch.setattr(planning, "relax", unsolved)
    assert answered(problem) == "the solver failed (UnsolvedError: branch limits still violated)"


def test_what_the_solver_logs_in_its_process_is_logged_here(
    problem: DispatchProblem, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="grid"):
        plan_always(problem, time_limit_seconds=5.0, relative_gap=0.0, threads=1)
    told = [record for record in caplog.records if record.name == "grid.searching.incumbent"]
    assert told
    assert all(record.process != os.getpid() for record in told)
    assert all("grid.searching" not in record.getMessage() for record in told)
    assert "plan of" in told[0].getMessage()


def test_a_solver_logs_no_more_than_its_caller_wants(
    problem: DispatchProblem, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="grid.searching"), caplog.at_level(logging.INFO, logger="grid"):
        plan_always(problem, time_limit_seconds=5.0, relative_gap=0.0, threads=1)
    assert [record for record in caplog.records if record.name.startswith("grid.searching")] == []


def test_without_time_the_plan_is_by_rule_and_says_so(problem: DispatchProblem) -> None:
    plan = plan_always(problem, time_limit_seconds=0.0)
    assert_falls_back(plan, status=Status.RULE_BASED, why="no time was given")
    assert plan.violations == ()
    cheap, middle, dear = plan.schedule.on
    assert cheap.all()
    assert middle.tolist() == [load + 5.0 - 40.0 > 80.0 for load in LOAD]
    assert not dear[[0, 1, 4, 5]].any()


PARENT = """
import logging, os, signal, time

if __name__ != "__main__":  # the solver's process, which still imports
    os.kill(os.getpid(), signal.SIGINT)

from grid.dispatch import always

def search(*_args, **_options):
    os.kill(os.getpid(), signal.SIGINT)
    print(os.getpid(), flush=True)
    while True:
        logging.info("still searching")
        time.sleep(0.001)

always.plan_dispatch = search
if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, handlers=[logging.NullHandler()])
    always._plan_in_child(None, {}, seconds=600.0)
"""


def test_a_solver_ignores_interrupts_and_ends_silently_with_its_parent(tmp_path: Path) -> None:
    """What is printed ends only when nobody is left who could print: neither the parent nor the solver."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as parent:
        assert parent.stdout is not None
        solver = int(parent.stdout.readline())
        parent.kill()
        try:
            assert parent.communicate(timeout=60.0) == ("", "")
        except subprocess.TimeoutExpired:
            os.kill(solver, signal.SIGKILL)
            raise
