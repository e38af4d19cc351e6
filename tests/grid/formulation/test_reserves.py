"""Reserve products by area: who may hold them, what they cost, and that nobody counts a MW twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.checking.event_check import check_events
from grid.dispatch import DispatchProblem, Penalties, check_plan, plan_dispatch
from grid.dispatch.document import case_document
from grid.faults import InputError
from grid.formulation.prices import dispatch_fixed
from grid.formulation.ptdf import Ptdf
from grid.formulation.unit_terms import unit_terms
from grid.problem.requirements import Product, ReserveRequirement

SPINNING, REGULATION_DOWN = Product("spinning", True), Product("regulation", False)
TWO_AREAS: dict[str, Any] = {
    "load_mw": {"a": [50, 80], "b": [50, 60]},
    "branches": {"ab": {"from": "a", "to": "b", "limit_mw": 100}},
    "units": {
        "cheap": {"bus": "a", "capacity_mw": 200, "cost_per_mwh": 10},
        "near": {"bus": "b", "capacity_mw": 60, "minimum_mw": 5, "cost_per_mwh": 40, "ramp_mw_per_hour": 60,
                 "start_ramp_mw": 60, "stop_ramp_mw": 60},
    },
    "storages": {"battery": {"bus": "b", "power_mw": 5, "energy_mwh": 10, "initial_mwh": 5}},
    "reserve_up_mw": [10, 10],
}  # fmt: skip


def in_areas(problem: DispatchProblem, *requirements: ReserveRequirement) -> DispatchProblem:
    """Every bus in an area of its own name."""
    buses = tuple(replace(bus, area=bus.bus_id) for bus in problem.network.buses)
    return replace(problem, network=replace(problem.network, buses=buses), requirements=requirements)


def needed(product: Product, *mw: float, areas: tuple[str, ...] = (), minutes: float = 10.0) -> ReserveRequirement:
    return ReserveRequirement(product, minutes, np.array(mw, dtype=np.float64), areas)


def test_an_area_holds_its_own_reserve_as_far_as_ramps_yield_it_in_time(make_problem: Any) -> None:
    """Of 12 MW of spinning reserve in area b its unit can hold 60 MW/h x 10 min = 10 MW, the battery the rest."""
    problem = in_areas(
        make_problem(TWO_AREAS),
        needed(SPINNING, 8, 12, areas=("b",)),
        needed(SPINNING, 30, 30),
        needed(REGULATION_DOWN, 9, 9, areas=("b",), minutes=5),
    )
    plan = plan_dispatch(problem, relative_gap=0.0)
    assert check_plan(plan) == []
    spinning = next(held for held in plan.schedule.products if held.product == SPINNING)
    assert spinning.unit_mw[1].max() <= 10.0 + 1e-6
    assert spinning.unit_mw[1, 1] + spinning.storage_mw[0, 1] == pytest.approx(12.0)
    table = case_document(plan, case="two areas")["reserves"]["spinning up in area b"]
    assert set(table[1]["held_by"]) == {"near", "battery"}
    assert table[1]["required_mw"] == 12.0


def test_what_no_asset_can_hold_is_reported_by_product_and_area(make_problem: Any) -> None:
    problem = in_areas(make_problem(TWO_AREAS), needed(SPINNING, 8, 40, areas=("b",)))
    plan = plan_dispatch(problem, relative_gap=0.0)
    assert check_plan(plan) == []
    (violation,) = plan.violations
    assert (violation.what, violation.period) == ("spinning up in area b reserve short", 1)
    assert violation.amount_mw == pytest.approx(40.0 - 20.0)  # the battery turns from charging to discharging


def test_a_conflict_names_the_requirement(make_problem: Any) -> None:
    problem = in_areas(make_problem(TWO_AREAS), needed(SPINNING, 8, 40, areas=("b",)))
    plan = plan_dispatch(replace(problem, penalties=Penalties(reserve_up=np.inf)), relative_gap=0.0)
    assert plan.status == "infeasible"
    assert "spinning up in area b reserve" in plan.message


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_plan_with_products_is_sound(data: st.DataObject, make_problem: Any) -> None:
    def powers(most: int) -> list[int]:
        return data.draw(st.lists(st.integers(0, most), min_size=3, max_size=3))

    capacity, ramp = data.draw(st.sampled_from([40, 90])), data.draw(st.sampled_from([20, 60, 200]))
    unit = {"bus": "a", "capacity_mw": capacity, "minimum_mw": 10, "cost_per_mwh": 20, "ramp_mw_per_hour": ramp,
            "start_ramp_mw": 30, "stop_ramp_mw": 25, "minimum_up_hours": data.draw(st.integers(1, 2)),
            "start_costs": [[0, 100]]}  # fmt: skip
    system = {
        **TWO_AREAS,
        "load_mw": {"a": powers(60), "b": powers(60)},
        "units": {**TWO_AREAS["units"], "third": unit, "fourth": unit},
        "plants": {"wind": {"bus": "b", "available_mw": powers(50)}, "sun": {"bus": "b", "available_mw": powers(20)}},
        "reserve_up_mw": powers(20),
        "reserve_down_mw": powers(20),
    }
    problem = in_areas(
        make_problem(system),
        needed(SPINNING, *powers(40), areas=("a",)),
        needed(SPINNING, *powers(60)),
        needed(Product("regulation", True), *powers(10), minutes=5),
        needed(REGULATION_DOWN, *powers(10), areas=("a", "b"), minutes=5),
    )
    asked = {name: data.draw(st.booleans()) for name in ("reserve_from_plants", "secure_units", "deliverable")}
    plan = plan_dispatch(replace(problem, **asked), time_limit_seconds=5.0, relative_gap=0.001)
    assert check_plan(plan) == []
    assert check_events(plan) == []


def test_the_price_of_a_requirement_is_what_a_little_more_of_it_costs(make_problem: Any) -> None:
    problem = in_areas(
        make_problem({**TWO_AREAS, "reserve_up_mw": [105.3, 64.1]}),
        needed(SPINNING, 8.1, 13.2, areas=("b",)),
        needed(SPINNING, 20.3, 30.4),
        needed(REGULATION_DOWN, 9.1, 4.3, areas=("b",), minutes=5),
    )
    plan = plan_dispatch(problem, relative_gap=0.0)
    terms = [unit_terms(unit, step_hours=1.0) for unit in problem.thermal_units]

    def optimum(requirement: int, period: int, by: float) -> float:
        needs = list(problem.requirements)
        mw = needs[requirement].required_mw.copy()
        mw[period] += by
        needs[requirement] = replace(needs[requirement], required_mw=mw)
        moved = replace(problem, requirements=tuple(needs))
        charging = plan.schedule.charge_mw > plan.schedule.discharge_mw
        dispatch = dispatch_fixed(moved, terms, plan.schedule.on, charging, ptdf=Ptdf(problem.network), lines=())
        return dispatch.solution.objective

    for place in np.ndindex(3, 2):
        numeric = (optimum(*place, 0.01) - optimum(*place, -0.01)) / 0.02
        assert plan.prices.requirements[place] == pytest.approx(numeric, abs=1e-4)
    assert plan.prices.requirements.max() > 1.0, "the case must have a requirement that binds"


@pytest.mark.parametrize(
    ("field", "told"),
    [("unit_mw", "more spinning up than its ramp"), ("storage_mw", "hold more upward products than reserve")],
)
def test_a_spoilt_product_is_noticed(field: str, told: str, make_problem: Any) -> None:
    plan = plan_dispatch(in_areas(make_problem(TWO_AREAS), needed(SPINNING, 8, 9)), relative_gap=0.0)
    (held,) = plan.schedule.products
    more = replace(held, **{field: getattr(held, field) + 11.0})
    assert any(
        told in sentence for sentence in check_plan(replace(plan, schedule=replace(plan.schedule, products=(more,))))
    )


def test_every_fault_of_requirements_is_told(make_problem: Any) -> None:
    problem = in_areas(
        make_problem(TWO_AREAS),
        needed(SPINNING, 8, 9, areas=("nowhere",)),
        needed(SPINNING, 8, 9, minutes=20),
        needed(SPINNING, 8, 9),
        needed(REGULATION_DOWN, 8, -9, minutes=0),
        needed(Product("flexible", True), 8, 9, 10),
    )
    with pytest.raises(InputError) as raised:
        plan_dispatch(problem)
    for fault in (
        "no bus lies in area 'nowhere'",
        "within 10, 20, 10 minutes",
        "is required 2 times",
        "minutes must be above 0",
        "must be finite and not negative",
        "required_mw must have shape (2,), got (3,)",
    ):
        assert fault in str(raised.value)
