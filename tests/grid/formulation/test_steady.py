"""A plan changes the one before it only where that saves more than the price of changing it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.dispatch import DispatchPlan, DispatchProblem, check_plan, plan_dispatch, plan_document
from grid.dispatch.changed import changes_since
from grid.dispatch.inherit import PreviousPlan
from grid.faults import InputError
from grid.formulation.prices import dispatch_fixed
from grid.formulation.ptdf import Ptdf
from grid.formulation.unit_terms import unit_terms
from grid.site import ChangePrices

PRICES = ChangePrices(per_mwh=0.5, per_commitment_hour=5.0)
TWINS = {
    "load_mw": {"b": [50.0, 57.0, 65.0]},
    "units": {
        "north": {"bus": "b", "minimum_mw": 10, "capacity_mw": 60, "cost_per_mwh": 20, "minimum_cost_per_hour": 200},
        "south": {"bus": "b", "minimum_mw": 10, "capacity_mw": 60, "cost_per_mwh": 20.1, "minimum_cost_per_hour": 201},
    },
}


def solved(problem: DispatchProblem) -> DispatchPlan:
    plan = plan_dispatch(problem, time_limit_seconds=10.0, relative_gap=0.0)
    assert check_plan(plan) == []
    return plan


def after(problem: DispatchProblem, plan: DispatchPlan, prices: ChangePrices = PRICES) -> DispatchProblem:
    """The problem as it is planned again, with ``plan`` as what was said before."""
    document = plan_document(plan, plan_id="before", site_id="s", issued_at=problem.axis.start)
    previous = PreviousPlan(document, at=problem.axis.start)
    earlier = previous.told(problem.thermal_units, problem.storages, axis=problem.axis, prices=prices)
    return replace(problem, earlier=earlier)


def with_costs(problem: DispatchProblem, **cost_per_mwh: float) -> DispatchProblem:
    units = tuple(
        replace(
            unit,
            segments=tuple(
                replace(segment, cost_per_mwh=cost_per_mwh.get(unit.unit_id, segment.cost_per_mwh))
                for segment in unit.segments
            ),
        )
        for unit in problem.thermal_units
    )
    return replace(problem, thermal_units=units)


def test_set_points_stay_for_pennies_and_move_for_a_real_saving(make_problem: Any) -> None:
    problem = make_problem(TWINS)
    before = solved(problem)
    pennies, real = with_costs(problem, north=20.3), with_costs(problem, north=25.0)
    assert np.abs(solved(pennies).schedule.power_mw - before.schedule.power_mw).max() > 10.0, (
        "free to move, it moves for pennies"
    )

    kept = solved(after(pennies, before))
    np.testing.assert_allclose(kept.schedule.power_mw, before.schedule.power_mw, atol=1e-3)
    assert kept.change_cost == pytest.approx(0.0, abs=1e-3)
    assert kept.forgone == pytest.approx(0.2 * 45.0, abs=1e-2)  # both run in the last hour: 45 MW at 0.2 less

    moved = solved(after(real, before))
    np.testing.assert_allclose(moved.schedule.power_mw, solved(real).schedule.power_mw, atol=1e-3)
    switched = int((moved.schedule.on != before.schedule.on).sum())
    assert switched > 0
    assert moved.change_cost == pytest.approx(
        0.5 * np.abs(moved.schedule.power_mw - before.schedule.power_mw).sum() + 5.0 * switched
    )


def test_what_was_forgone_is_said_and_prices_of_energy_know_nothing_of_it(make_problem: Any) -> None:
    problem = make_problem(TWINS)
    again = after(with_costs(problem, north=20.3), solved(problem))
    kept = solved(again)
    assert kept.prices.lmp[0, 2] == pytest.approx(20.1), "what south would cost, though north is kept where it was"
    (reason,) = [r for r in kept.reasons if r.asset_id == "north" and r.last_period == 2]
    assert reason.binding == ("price of changes",)
    assert "at 55.0 MW: if changing the plan before were free it would be at 10.0 MW" in reason.text
    document = plan_document(kept, plan_id="now", site_id="s", issued_at=problem.axis.start)
    changes = changes_since(document, document, timezone="UTC")
    assert changes is not None
    assert "priced at 0.5 USD per MWh and 5 per hour on instead of off" in changes["price"]
    assert changes["price"].endswith("moving set-points freely would have saved 9 USD.")
    assert document["change_price"] == {
        "since": "before",
        "per_mwh": 0.5,
        "per_commitment_hour": 5.0,
        "cost": 0.0,
        "forgone": 9.0,
    }


def test_prices_are_those_of_the_commitment_and_equal_finite_differences(make_problem: Any) -> None:
    problem = make_problem(TWINS)
    again = after(with_costs(problem, north=20.3), solved(problem))
    again.load_mw[0, 0] += 3.0
    assert again.earlier is not None
    plan = solved(again)
    terms = [unit_terms(unit, step_hours=1.0) for unit in again.thermal_units]

    def cost(period: int, more_mw: float) -> float:
        moved = replace(again, load_mw=again.load_mw.copy(), earlier=None)
        moved.load_mw[0, period] += more_mw
        charging = np.zeros((0, 3), dtype=np.bool_)
        return dispatch_fixed(
            moved, terms, plan.schedule.on, charging, ptdf=Ptdf(again.network), lines=()
        ).solution.objective

    for t in range(3):
        assert plan.prices.lmp[0, t] == pytest.approx((cost(t, 0.01) - cost(t, -0.01)) / 0.02, abs=1e-4)


def test_hours_beyond_the_former_plan_and_new_assets_are_free(make_problem: Any) -> None:
    problem = make_problem(TWINS)
    document = plan_document(solved(problem), plan_id="before", site_id="s", issued_at=problem.axis.start)
    shifted = replace(problem.axis, start=problem.axis.start + 2 * problem.axis.step)
    north, south = problem.thermal_units
    new = replace(south, unit_id="new")
    earlier = PreviousPlan(document, at=shifted.start).told((north, new), (), axis=shifted, prices=PRICES)
    assert earlier is not None
    np.testing.assert_array_equal(earlier.power_mw["north"], [55.0, np.nan, np.nan])
    assert set(earlier.on) == {"north"}
    for free in (ChangePrices(0.0, 0.0), PRICES):
        late = replace(problem.axis, start=problem.axis.end + (free is PRICES) * problem.axis.step)
        assert PreviousPlan(document, at=late.start).told((north,), (), axis=late, prices=free) is None


def test_a_faulty_earlier_plan_is_named(make_problem: Any) -> None:
    problem = after(make_problem(TWINS), solved(make_problem(TWINS)))
    assert problem.earlier is not None
    wrong = replace(problem.earlier, prices=ChangePrices(-1.0), power_mw={"south": np.zeros(2)})
    with pytest.raises(InputError) as caught:
        plan_dispatch(replace(problem, earlier=wrong))
    assert [fault.place for fault in caught.value.faults] == [
        "earlier plan of south",
        "earlier plan of north",
        "change prices",
    ]


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_no_change_is_made_that_saves_less_than_it_is_priced_at(data: st.DataObject, make_problem: Any) -> None:
    costs = st.integers(10, 14).map(float)
    system = {
        "load_mw": {"b": data.draw(st.lists(st.integers(20, 120), min_size=3, max_size=3))},
        "units": {
            name: {
                "bus": "b",
                "minimum_mw": 10,
                "capacity_mw": 60,
                "cost_per_mwh": data.draw(costs),
                "start_costs": [[0, data.draw(st.integers(0, 20))]],
                "ramp_mw_per_hour": data.draw(st.sampled_from([20.0, 60.0])),
            }
            for name in ("one", "two", "three")
        },
        "storages": {"battery": {"bus": "b", "power_mw": 10, "energy_mwh": 20, "initial_mwh": 10}},
    }
    problem = make_problem(system)
    before = solved(problem)
    changed = with_costs(problem, **{name: data.draw(costs) for name in ("one", "two", "three")})
    prices = ChangePrices(data.draw(st.sampled_from([0.01, 0.5, 3.0])), data.draw(st.sampled_from([0.0, 20.0])))
    again, free = solved(after(changed, before, prices)), solved(changed)
    staying = replace(before, problem=changed)
    cost_of_staying = before.objective + sum(
        new.segments[0].cost_per_mwh * float(np.maximum(power - 10.0 * on, 0.0).sum())
        - old.segments[0].cost_per_mwh * float(np.maximum(power - 10.0 * on, 0.0).sum())
        for new, old, power, on in zip(
            changed.thermal_units, problem.thermal_units, staying.schedule.power_mw, staying.schedule.on, strict=True
        )
    )
    own_cost = again.objective - again.change_cost
    tolerance = 1e-4 * abs(free.objective) + 0.01
    assert free.objective <= own_cost + tolerance
    assert again.objective <= cost_of_staying + tolerance
    assert again.forgone >= 0.0
    assert own_cost - again.forgone >= free.objective - tolerance
