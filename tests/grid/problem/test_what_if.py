"""Changed inputs change what they name and nothing else."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grid.assets import CostSegment, RenewableKind, RenewablePlant, StartCost, Storage, ThermalUnit
from grid.faults import InputError
from grid.network import Branch, Bus, DcLink, Network
from grid.problem.dispatch_problem import DispatchProblem, UnitState
from grid.problem.what_if import Changes, change_problem
from grid.time_axis import TimeAxis


def _unit(name: str) -> ThermalUnit:
    segment, start = CostSegment(80.0, 20.0), StartCost(0.0, 100.0)
    return ThermalUnit(name, "a", 20.0, 100.0, 400.0, (segment,), (start,), 1, 1, 100, 100, 100, 100)


def _plant(name: str, kind: RenewableKind) -> RenewablePlant:
    return RenewablePlant(name, "a", kind, 50.0, f"{name}:generation", 50_000.0)


PROBLEM = DispatchProblem(
    axis=TimeAxis(datetime(2026, 3, 1, tzinfo=UTC), timedelta(hours=1), 2),
    network=Network((Bus("a"), Bus("b")), (Branch("l1", "a", "b", 0.1, 90.0),), (DcLink("dc", "a", "b", 10.0),)),
    thermal_units=(_unit("coal"), _unit("gas")),
    renewable_plants=(_plant("sun", RenewableKind.SOLAR), _plant("wind", RenewableKind.WIND)),
    storages=(Storage("battery", "a", 10, 40, 0.9, 0.9, 20, 20),),
    load_mw=np.array([[60.0, 70.0], [10.0, 20.0]]),
    available_mw=np.array([[0.0, 40.0], [10.0, 20.0]]),
    reserve_up_mw=np.array([5.0, 5.0]),
    reserve_down_mw=np.array([2.0, 2.0]),
    initial={"coal": UnitState(True, 5.0, 50.0), "gas": UnitState(False, 3.0, 0.0)},
    initial_mwh={"battery": 12.0},
)


def test_no_changes_leave_the_problem_as_it_is() -> None:
    changed = change_problem(PROBLEM, Changes())
    for name in (f.name for f in fields(DispatchProblem)):
        before, after = getattr(PROBLEM, name), getattr(changed, name)
        assert np.array_equal(before, after) if isinstance(before, np.ndarray) else before == after, name


@given(scale=st.floats(0.0, 3.0))
def test_load_scales_at_every_bus_and_nothing_else_does(scale: float) -> None:
    changed = change_problem(PROBLEM, Changes(load_scale=scale))
    assert changed.load_mw == pytest.approx(PROBLEM.load_mw * scale)
    assert np.array_equal(changed.available_mw, PROBLEM.available_mw)
    assert np.array_equal(changed.reserve_up_mw, PROBLEM.reserve_up_mw)


@given(scale=st.floats(0.0, 3.0))
def test_a_renewable_scale_touches_its_kind_alone_and_stops_at_capacity(scale: float) -> None:
    changed = change_problem(PROBLEM, Changes(renewable_scale={RenewableKind.SOLAR: scale}))
    assert changed.available_mw[0] == pytest.approx([0.0, min(40.0 * scale, 50.0)])
    assert np.array_equal(changed.available_mw[1], PROBLEM.available_mw[1])


def test_an_unavailable_asset_is_gone_with_its_state() -> None:
    changed = change_problem(PROBLEM, Changes(unavailable_units=frozenset({"coal", "sun", "battery"})))
    assert [unit.unit_id for unit in changed.thermal_units] == ["gas"]
    assert list(changed.initial) == ["gas"]
    assert changed.storages == ()
    assert changed.initial_mwh == {}
    assert changed.available_mw.tolist() == [[0.0, 0.0], [10.0, 20.0]]


def test_branches_and_links_can_be_out() -> None:
    changed = change_problem(PROBLEM, Changes(unavailable_branches=frozenset({"l1", "dc"})))
    assert changed.network.branches == ()
    assert changed.network.dc_links == ()
    assert changed.network.buses == PROBLEM.network.buses


def test_every_unknown_name_and_negative_scale_is_listed_at_once() -> None:
    wrong = Changes(
        load_scale=-1.0,
        renewable_scale={RenewableKind.WIND: float("nan")},
        unavailable_units=frozenset({"coal", "nobody"}),
        unavailable_branches=frozenset({"nowhere"}),
    )
    with pytest.raises(InputError) as caught:
        change_problem(PROBLEM, wrong)
    assert [fault.place for fault in caught.value.faults] == [
        "unavailable_units: nobody",
        "unavailable_branches: nowhere",
        "load_scale",
        "wind_scale",
    ]
