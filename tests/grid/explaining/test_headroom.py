"""Headroom as a plan tells it: what each unit could give more and less, in every period."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grid.dispatch import case_document, plan_dispatch
from grid.explaining.headroom import plan_headroom_mw

SYSTEM: dict[str, Any] = {
    "load_mw": {"a": [100, 130, 150, 100]},
    "reserve_up_mw": [10, 10, 10, 10],
    "units": {
        "base": {"bus": "a", "minimum_mw": 40, "capacity_mw": 120, "cost_per_mwh": 20, "ramp_mw_per_hour": 15},
        "peak": {"bus": "a", "minimum_mw": 10, "capacity_mw": 80, "minimum_cost_per_hour": 700, "cost_per_mwh": 50},
    },
    "initial": {"base": {"on": True, "hours": 9, "power_mw": 95}, "peak": {"on": False, "hours": 9, "power_mw": 0}},
}


def test_a_unit_tells_how_much_more_and_less_it_could_give(make_problem: Any) -> None:
    plan = plan_dispatch(make_problem(SYSTEM), relative_gap=0.0)
    units = case_document(plan, case="system")["units"]
    before, capacity, minimum = np.array([95.0, *plan.schedule.power_mw[0, :-1]]), 120.0, 40.0
    more = np.minimum(capacity, before + 15.0) - plan.schedule.power_mw[0]
    less = plan.schedule.power_mw[0] - np.maximum(minimum, before - 15.0)
    assert [row["headroom_up_mw"] for row in units["base"]] == pytest.approx(more)
    assert [row["headroom_down_mw"] for row in units["base"]] == pytest.approx(less)


def test_reserve_is_part_of_headroom_and_a_unit_that_is_off_has_none(make_problem: Any) -> None:
    plan = plan_dispatch(make_problem(SYSTEM), relative_gap=0.0)
    up, down = plan_headroom_mw(plan)
    assert (plan.schedule.reserve_up_mw <= up + 1e-6).all()
    assert not plan.schedule.on.all()
    assert up[~plan.schedule.on].max() == 0.0
    assert down[~plan.schedule.on].max() == 0.0
