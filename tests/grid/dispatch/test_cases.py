"""Hand-worked cases: each folder has its input, what must come out, and the arithmetic in its README."""

from __future__ import annotations

import json
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grid.dispatch import DispatchPlan, Status, check_plan, plan_dispatch

CASES = sorted(path for path in (Path(__file__).parent / "cases").iterdir() if path.is_dir())


def names_of(plan: DispatchPlan, field: str) -> list[str]:
    problem, network = plan.problem, plan.problem.network
    if field in ("on", "power_mw", "reserve_up_mw", "reserve_down_mw"):
        return [unit.unit_id for unit in problem.thermal_units]
    if field == "renewable_mw":
        return [plant.plant_id for plant in problem.renewable_plants]
    if field == "prices.lmp":
        return [bus.bus_id for bus in network.buses]
    if field.startswith("branch_") or field == "prices.branches":
        return [branch.branch_id for branch in network.branches]
    if field == "link_flow_mw":
        return [link.link_id for link in network.dc_links]
    return [storage.storage_id for storage in problem.storages]


@pytest.mark.parametrize("folder", CASES, ids=lambda path: path.name)
def test_case_comes_out_as_worked_by_hand(folder: Path, make_problem: Any) -> None:
    expected = json.loads((folder / "expected.json").read_text())
    tolerance = expected.pop("tolerance")
    plan = plan_dispatch(
        make_problem(json.loads((folder / "input.json").read_text())), time_limit_seconds=10.0, relative_gap=0.0
    )
    assert plan.status is Status.OPTIMAL
    assert check_plan(plan) == []
    assert plan.objective == pytest.approx(expected.pop("objective"), rel=tolerance)
    told = [[violation.what, violation.period, pytest.approx(violation.amount_mw)] for violation in plan.violations]
    assert expected.pop("violations", []) == told
    assert expected, "a case must expect more than its objective"
    for field, values in expected.items():
        array = attrgetter(field if "." in field else f"schedule.{field}")(plan)
        if isinstance(values, list):
            np.testing.assert_allclose(array, values, atol=1e-4, err_msg=field)
            continue
        for name, row in values.items():
            actual = array[names_of(plan, field).index(name)]
            np.testing.assert_allclose(actual, row, atol=1e-4, err_msg=f"{field} of {name}")


def test_every_case_shows_its_arithmetic() -> None:
    assert all((folder / "README.md").read_text().startswith("# ") for folder in CASES)
