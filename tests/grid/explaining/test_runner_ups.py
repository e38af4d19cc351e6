"""The runner-up of a run: what the plan would cost more with that run the other way, as a dispatch of its own tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grid.dispatch import DispatchPlan, DispatchProblem, Reason, plan_dispatch
from grid.dispatch.results import plan_of
from grid.formulation.prices import FixedDispatch, dispatch_fixed
from grid.formulation.ptdf import Ptdf
from grid.formulation.unit_terms import unit_terms
from grid.problem.earlier import EarlierPlan
from grid.problem.plan import Status
from grid.site import ChangePrices

PERIODS = 5


@pytest.fixture(autouse=True)
def time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is solved again, however slow the machine is."""
    monkeypatch.setattr("grid.dispatch.planning._AGAIN_SHARE", 100.0)
    monkeypatch.setattr("grid.dispatch.planning._AGAIN_SECONDS", 600.0)


def solve(problem: DispatchProblem) -> DispatchPlan:
    return plan_dispatch(problem, time_limit_seconds=20.0, relative_gap=0.0)


def of(plan: DispatchPlan, asset_id: str) -> list[Reason]:
    return [reason for reason in plan.reasons if reason.asset_id == asset_id]


def dispatched(problem: DispatchProblem, on: np.ndarray, charging: np.ndarray) -> FixedDispatch:
    terms = [unit_terms(unit, step_hours=problem.axis.step_hours) for unit in problem.thermal_units]
    return dispatch_fixed(problem, terms, on, charging, ptdf=Ptdf(problem.network), lines=())


def small_system(make_problem: Any, seed: int, *, earlier: bool) -> DispatchProblem:
    """Four units on either side of a line that fills up, a battery, reserve, and by choice an earlier plan."""
    draw = np.random.default_rng(seed)

    def unit(bus: str) -> dict[str, Any]:
        minimum, up, down = draw.integers(10, 40), *draw.integers(1, 4, 2)
        return {
            "bus": bus,
            "minimum_mw": float(minimum),
            "capacity_mw": float(minimum + draw.integers(20, 90)),
            "minimum_cost_per_hour": float(draw.integers(200, 2000)),
            "cost_per_mwh": float(draw.integers(15, 80)),
            "start_costs": [[0, float(draw.integers(0, 900))], [3, 900.0 + float(draw.integers(0, 400))]],
            "minimum_up_hours": float(up),
            "minimum_down_hours": float(down),
        }

    units = {f"g{i}": unit(bus) for i, bus in enumerate("aabb")}
    on = {name: bool(draw.integers(2)) for name in units}
    data = {
        "load_mw": {"a": draw.integers(30, 90, PERIODS).tolist(), "b": draw.integers(40, 120, PERIODS).tolist()},
        "branches": {"ab": {"from": "a", "to": "b", "limit_mw": float(draw.integers(15, 50))}},
        "units": units,
        "storages": {"s": {"bus": "b", "power_mw": 10, "energy_mwh": 20, "initial_mwh": 10, "end_minimum_mwh": 10}},
        "reserve_up_mw": draw.integers(0, 25, PERIODS).tolist(),
        "initial": {
            name: {"on": on[name], "hours": 9, "power_mw": units[name]["minimum_mw"] if on[name] else 0.0}
            for name in units
        },
    }
    problem = replace(make_problem(data), timezone="")
    if not earlier:
        return problem
    rows = {name: (draw.random(PERIODS) < 0.5).astype(np.float64) for name in units}
    power = {name: row * units[name]["minimum_mw"] for name, row in rows.items()}
    return replace(problem, earlier=EarlierPlan("before", ChangePrices(0.5, 120.0), power, rows))


def the_other_way(plan: DispatchPlan) -> Iterator[tuple[Reason, np.ndarray]]:
    """Every reason of a unit with a runner-up, and the commitment in which its run is the other way."""
    for i, unit in enumerate(plan.problem.thermal_units):
        for reason in of(plan, unit.unit_id):
            if reason.runner_up_cost is None:
                continue
            on = plan.schedule.on.copy()
            if plan.schedule.on[i, reason.first_period]:
                changes = np.flatnonzero(np.diff(np.r_[0, on[i], 0]))
                first, end = next(
                    (a, b) for a, b in zip(changes[::2], changes[1::2], strict=True) if a <= reason.first_period < b
                )
                if stop := re.search(r"stopping at period (\d+)", reason.text):
                    first = int(stop[1])
                on[i, first:end] = False
            else:
                window = re.search(r"run,? period (\d+) to period (\d+)", reason.text)
                assert window is not None, reason.text
                on[i, int(window[1]) : int(window[2])] = True
            yield reason, on


@pytest.mark.parametrize("earlier", [False, True], ids=["free", "after a plan"])
@pytest.mark.parametrize("seed", range(5))
def test_a_runner_up_costs_what_the_plan_with_that_run_the_other_way_costs_more(
    make_problem: Any, seed: int, earlier: bool
) -> None:
    plan = solve(small_system(make_problem, seed, earlier=earlier))
    charging = plan.schedule.charge_mw > plan.schedule.discharge_mw
    compared = list(the_other_way(plan))
    for reason, on in compared:
        again = dispatched(plan.problem, on, charging).solution.objective
        assert reason.runner_up_cost == pytest.approx(again - plan.objective, rel=1e-6, abs=0.01), reason
        assert reason.runner_up_cost >= -1e-6 * plan.objective, "the plan is proven to be the best"
    assert len(compared) >= 4


@pytest.mark.parametrize("seed", range(2))
def test_a_value_at_prices_is_a_lower_bound(make_problem: Any, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = small_system(make_problem, seed, earlier=False)
    solved = solve(problem)
    monkeypatch.setattr("grid.dispatch.planning._AGAIN_SECONDS", 0.0)
    told = {(r.asset_id, r.first_period): r for r in solve(problem).reasons}
    units = {unit.unit_id for unit in problem.thermal_units}
    for reason in (reason for reason in solved.reasons if reason.asset_id in units):
        at_prices = told[reason.asset_id, reason.first_period]
        if at_prices.runner_up_cost is None:
            assert re.search("not solved again|minimum", at_prices.text), at_prices.text
        else:
            assert at_prices.runner_up_cost >= 0.0
            assert reason.runner_up_cost is not None
            assert at_prices.runner_up_cost <= reason.runner_up_cost + 1e-6 * solved.objective


BEHIND_A_LINE: dict[str, Any] = {
    "load_mw": {"a": [45, 45, 45], "b": [54, 54, 54]},
    "branches": {"ab": {"from": "a", "to": "b", "limit_mw": 40}},
    "units": {
        "base": {"bus": "a", "minimum_mw": 20, "capacity_mw": 200, "minimum_cost_per_hour": 300, "cost_per_mwh": 20},
        "local": {"bus": "b", "minimum_mw": 25, "capacity_mw": 50, "minimum_cost_per_hour": 3000, "cost_per_mwh": 60},
    },
}


def test_a_unit_that_keeps_a_line_within_its_limit_is_worth_what_the_overload_would_cost(make_problem: Any) -> None:
    """At prices its run loses 7,500: the line is not full while it runs. Without it 14 MW are too many on the line."""
    plan = solve(make_problem(BEHIND_A_LINE))
    (local,) = of(plan, "local")
    assert plan.prices.lmp == pytest.approx(20.0 * np.ones((2, 3)))
    assert local.runner_up_cost == pytest.approx(3 * (14 * 3000.0 + 25 * 20.0 - 3000.0))
    assert "at these prices its run loses 7,500 USD" in local.text
    assert local.text.endswith("would cost 118,500 USD more, solved again: overload of branch ab")


def test_what_is_not_solved_again_and_loses_at_prices_is_not_told(
    make_problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grid.dispatch.planning._AGAIN_SECONDS", 0.0)
    (local,) = of(solve(make_problem(BEHIND_A_LINE)), "local")
    assert local.runner_up_cost is None
    assert local.text.endswith("what not running at all from its start to its stop would cost was not solved again")


def test_a_unit_that_must_run_has_no_alternative(make_problem: Any) -> None:
    units = {**BEHIND_A_LINE["units"], "base": {**BEHIND_A_LINE["units"]["base"], "must_run": True}}
    (base,) = of(solve(make_problem({**BEHIND_A_LINE, "units": units})), "base")
    assert base.runner_up_cost is None
    assert base.text.endswith("; it must run")


def test_a_plan_that_is_not_the_best_says_what_a_better_one_saves_and_how_far_it_is_proven(make_problem: Any) -> None:
    """Both run where one would do: 30 an hour for 10 MW at 20 instead of 25."""
    problem = make_problem(
        {
            "load_mw": {"a": [50, 50]},
            "units": {
                "one": {"bus": "a", "capacity_mw": 100, "cost_per_mwh": 20},
                "two": {"bus": "a", "minimum_mw": 10, "capacity_mw": 100, "minimum_cost_per_hour": 250,
                        "cost_per_mwh": 25},
            },
        }
    )  # fmt: skip
    terms = [unit_terms(unit, step_hours=1.0) for unit in problem.thermal_units]
    on = np.ones((2, 2), dtype=np.bool_)
    dispatch = dispatched(problem, on, np.zeros((0, 2), dtype=np.bool_))
    told = {"status": Status.FEASIBLE, "message": "", "again_seconds": 600.0}
    for bound, proof in ((1900.0, "only proven within 9.52 %"), (-np.inf, "nothing is proven about this plan")):
        (two,) = of(plan_of(dispatch, terms, on, bound=bound, **told), "two")
        assert two.runner_up_cost == pytest.approx(-100.0)
        assert "not running at all from its start to its stop would cost 100 USD less" in two.text
        assert proof in two.text


def test_a_commitment_that_only_the_price_of_changes_keeps_says_so(make_problem: Any) -> None:
    """At 19.95 new would take 70 MW over from old, 14 in four hours; being on would cost 10 an hour as a change."""
    data: dict[str, Any] = {
        "load_mw": {"a": [90] * 4},
        "units": {
            "old": {"bus": "a", "minimum_mw": 20, "capacity_mw": 200, "minimum_cost_per_hour": 300, "cost_per_mwh": 20},
            "new": {"bus": "a", "capacity_mw": 200, "cost_per_mwh": 19.95},
        },
    }
    problem = make_problem(data)
    before = {"old": np.full(4, 90.0), "new": np.zeros(4)}
    on = {"old": np.ones(4), "new": np.zeros(4)}
    off = solve(replace(problem, earlier=EarlierPlan("before", ChangePrices(0.2, 10.0), before, on)))
    (new,) = of(off, "new")
    assert (new.binding, new.runner_up_cost, off.forgone) == (("price of changes",), pytest.approx(40.0), 0.0)
    assert new.text.startswith("kept off as in the plan before; bus price 20.0; its best run, ")
    assert new.text.endswith("would save 14 USD but for the price of changes, and costs 40 USD more with it")

    data["units"]["new"] = {"bus": "a", "minimum_mw": 10, "capacity_mw": 200, "minimum_cost_per_hour": 205,
                            "cost_per_mwh": 20.0}  # fmt: skip
    before, on = {"old": np.full(4, 80.0), "new": np.full(4, 10.0)}, {"old": np.ones(4), "new": np.ones(4)}
    earlier = EarlierPlan("before", ChangePrices(0.2, 10.0), before, on)
    (new,) = of(solve(replace(make_problem(data), earlier=earlier)), "new")
    assert (new.binding, new.runner_up_cost) == (("price of changes",), pytest.approx(4 * (10.0 + 0.2 * 20.0 - 5.0)))
    assert new.text.startswith("kept on at 10 MW as in the plan before; bus price 20.0; not running at all from its")
    assert new.text.endswith("would save 20 USD but for the price of changes, and costs 36 USD more with it")


def test_a_unit_that_starts_says_for_which_hours(make_problem: Any) -> None:
    """Its first hour is at 30 of 80 MW and pays nothing; it starts for the two hours after it."""
    plan = solve(
        make_problem(
            {
                "load_mw": {"a": [100, 100, 100, 190, 190, 100]},
                "units": {
                    "base": {"bus": "a", "capacity_mw": 120, "cost_per_mwh": 10},
                    "peak": {"bus": "a", "minimum_mw": 10, "capacity_mw": 80, "start_ramp_mw": 30,
                             "minimum_cost_per_hour": 400, "cost_per_mwh": 40, "ramp_mw_per_hour": 40},
                },
                "initial": {"peak": {"on": False, "hours": 9, "power_mw": 0}},
            }
        )
    )  # fmt: skip
    starting = next(reason for reason in of(plan, "peak") if reason.text.startswith("starting"))
    assert "it starts for the bus price of " in starting.text
    assert "would cost" in starting.text


def test_a_run_that_reserve_would_pay_for_names_its_price(make_problem: Any) -> None:
    """Energy is free, reserve short by 29 MW in the second hour: at its price peak's 50 MW of headroom would earn."""
    data: dict[str, Any] = {
        "load_mw": {"a": [100, 100, 100]},
        "reserve_up_mw": [1, 31, 1],
        "units": {
            "base": {"bus": "a", "minimum_mw": 50, "capacity_mw": 52, "must_run": True},
            "peak": {"bus": "a", "minimum_mw": 10, "capacity_mw": 60, "minimum_cost_per_hour": 40000,
                     "cost_per_mwh": 40},
        },
        "plants": {"wind": {"bus": "a", "available_mw": [100, 100, 100]}},
    }  # fmt: skip
    (off,) = of(solve(make_problem(data)), "peak")
    assert off.runner_up_cost == pytest.approx(40000.0 - 29 * 1000.0)
    assert off.text.endswith(
        "at these prices a run Sun 01:00 UTC to Sun 02:00 UTC would earn 10,000 USD (bus price 0.0, upward reserve up "
        "to 1,000.0 USD/MW and hour), but they fall with it: the plan would cost 11,000 USD more, solved again"
    )
