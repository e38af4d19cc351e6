"""Why there is no plan: the limits in conflict and the ways out, in their units."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grid.assets import Storage
from grid.dispatch import Limit, Penalties, SoftLimit, plan_dispatch
from grid.dispatch.conflict import limit_name

SYSTEM: dict[str, Any] = {
    "step_hours": 0.5,
    "load_mw": {"a": [50, 50]},
    "units": {"unit": {"bus": "a", "minimum_mw": 20, "capacity_mw": 100, "cost_per_mwh": 10}},
    "storages": {"battery": {"bus": "a", "power_mw": 10, "energy_mwh": 40, "end_minimum_mwh": 35}},
}


@pytest.mark.parametrize("kind", sorted(set(Limit) - {Limit.LOSSES}, key=str))
def test_every_limit_that_can_be_in_conflict_has_a_name(kind: Limit) -> None:
    name = limit_name(SoftLimit(kind, "subject", "cause"))
    assert ("cause" in name) == ("{event}" in kind.words)
    assert ("subject" in name) == ("{of}" in kind.words and kind not in (Limit.SHEDDING, Limit.SURPLUS))


def test_energy_that_is_missing_in_a_storage_is_told_in_mwh_whatever_the_step(make_problem: Any) -> None:
    """10 MW for an hour leave 10 of the 35 MWh that are wanted."""
    problem = replace(make_problem(SYSTEM), penalties=Penalties(storage_end=np.inf))
    plan = plan_dispatch(problem, relative_gap=0.0)
    assert plan.status == "infeasible"
    assert plan.message == (
        "No plan keeps the limit: final level of storage battery. "
        "Way out: relax final level of storage battery by 25.0 MWh in period 1, at a cost of 12,500."
    )


def test_power_that_is_missing_is_told_in_mw_and_mwh(make_problem: Any) -> None:
    system = {**SYSTEM, "load_mw": {"a": [50, 130]}, "storages": {}}
    problem = replace(make_problem(system), penalties=Penalties(shedding=np.inf))
    plan = plan_dispatch(problem, relative_gap=0.0)
    assert "relax load served in full by up to 30.0 MW in period 1, 15.0 MWh, at a cost of 150,000." in plan.message


def test_a_conflict_of_states_names_storages_beside_units(make_problem: Any) -> None:
    """15 MWh are owed within half an hour, and no more than 10 MW go in."""
    response = Storage("shift", "a", 10.0, 20.0, 1.0, 1.0, 5.0, 20.0, rebound_hours=0.5)
    plan = plan_dispatch(replace(make_problem(SYSTEM), storages=(response,)), relative_gap=0.0)
    assert plan.status == "infeasible"
    assert "own limits of thermal units or storages contradict their states" in plan.message
