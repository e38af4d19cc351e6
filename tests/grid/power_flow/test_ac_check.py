"""The AC check: a closed form, the power balance of a meshed network, limits and remedies that work."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from grid.cases import read_folder, read_matpower
from grid.cases.ac_data import read_ac_data
from grid.checking.flows import injections_of
from grid.dispatch import plan_dispatch
from grid.faults import InputError
from grid.power_flow.ac_check import check_opf, check_plan_ac
from grid.power_flow.ac_flow import solve_ac
from grid.power_flow.opf import solve_opf

DAY = Path(__file__).parents[1] / "cases" / "three_bus_day"
TWO = """function mpc = two
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [1 3 0 0 0 0 1 1 0 230 1 1.1 0.9; 2 1 80 40 0 0 1 1 0 230 1 1.1 0.95];
mpc.gen = [1 0 0 500 -500 1.02 100 1 200 0];
mpc.gencost = [2 0 0 2 10 0];
mpc.branch = [1 2 0 0.25 0 85 0 0 0 0 1 -60 60];
"""


def test_two_buses_are_as_in_closed_form() -> None:
    """V2² solves x² + (2 Q X - V1²) x + X² (P² + Q²) = 0 for a reactance X alone."""
    result = solve_opf(read_matpower(TWO))
    report = check_opf(result, read_ac_data(TWO))
    p, q, x, v1 = 0.8, 0.4, 0.25, 1.02
    b = 2.0 * q * x - v1**2
    v2 = math.sqrt((-b + math.sqrt(b**2 - 4.0 * x**2 * (p**2 + q**2))) / 2.0)
    assert report["converged"]
    assert report["buses"]["1"][0]["vm_pu"] == pytest.approx(1.02)
    assert report["buses"]["2"][0]["vm_pu"] == pytest.approx(v2, abs=1e-5)
    assert report["losses_mw"] == [pytest.approx(0.0, abs=1e-6)]
    sent_mvar = 100.0 * (q + x * (p**2 + q**2) / v2**2)
    assert report["branches"]["branch-1"][0]["mva"] == pytest.approx(math.hypot(80.0, sent_mvar), abs=1e-2)
    assert report["branches"]["branch-1"][0]["dc_loading_percent"] == pytest.approx(100.0 * 80.0 / 85.0, abs=0.01)


def test_broken_limits_come_with_remedies_that_work() -> None:
    report = check_opf(solve_opf(read_matpower(TWO)), read_ac_data(TWO))
    low, full = sorted(report["violations"], key=lambda violation: str(violation["what"]))
    low, full = (low, full) if low["what"].startswith("low") else (full, low)
    assert low["what"] == "low voltage at bus 2"
    mvar = float(low["remedy"].split("about ")[1].split(" MVAr")[0])
    helped = TWO.replace("2 1 80 40 0 0", f"2 1 80 {40.0 - 1.1 * mvar} 0 0")
    again = check_opf(solve_opf(read_matpower(helped)), read_ac_data(helped))
    assert not any(violation["what"].startswith("low") for violation in again["violations"])
    assert full["what"] == "overload of branch branch-1"
    assert "dispatch again with a rating of" in full["remedy"]


def test_power_is_balanced_at_every_bus_of_a_mesh() -> None:
    """Including taps, charging and shunts: what flows into the branches of a bus is what is fed in there."""
    text = (DAY / "network.m").read_text().replace("3	1	80	25	0	0", "3	1	80	25	2	9")
    case, ac = read_matpower(text), read_ac_data(text)
    result = solve_opf(case)
    injection = np.bincount(case.generators.bus, result.power_mw, 3) - (case.demand_mw - ac.shunt_mw)
    flow = solve_ac(case, ac, result.power_mw, injection, case.generators.in_service)
    assert flow.converged
    out = np.zeros(3, dtype=np.complex128)
    np.add.at(out, case.branches.from_bus, flow.from_mva)
    np.add.at(out, case.branches.to_bus, flow.to_mva)
    shunt = np.abs(flow.voltage) ** 2 * (ac.shunt_mw - 1j * ac.shunt_mvar)
    given = out + shunt  # by machines, less the loads
    assert given.real.sum() == pytest.approx(flow.losses_mw + shunt.real.sum(), abs=1e-6)
    surplus = given.real - injection
    assert surplus.sum() == pytest.approx(flow.losses_mw + shunt.real.sum() - ac.shunt_mw.sum(), abs=1e-6)


def test_a_generator_without_reactive_power_lets_its_voltage_go() -> None:
    weak = TWO.replace("500 -500", "20 -20").replace("mpc.gen = [", "mpc.gen = [2 0 0 5 -5 1.0 100 1 50 0; ")
    weak = weak.replace("mpc.gencost = [", "mpc.gencost = [2 0 0 2 30 0; ").replace("1 0 0 20 -20", "1 0 0 500 -500")
    report = check_opf(solve_opf(read_matpower(weak)), read_ac_data(weak))
    assert report["converged"]
    assert report["buses"]["2"][0]["vm_pu"] < 0.99


def test_a_transfer_beyond_what_voltages_carry_is_told_as_such() -> None:
    far = TWO.replace("0 0.25 0 85", "0 0.9 0 85")
    report = check_opf(solve_opf(read_matpower(far)), read_ac_data(far))
    assert not report["converged"]
    assert "beyond what voltages can carry" in report["message"]
    assert report["buses"]["2"] == [{"vm_pu": None, "va_degrees": None}]


def test_a_plan_of_many_periods_is_checked_in_each() -> None:
    text = (DAY / "network.m").read_text()
    plan = plan_dispatch(read_folder(text, (DAY / "periods.json").read_text(), matpower=True), relative_gap=0.0)
    report = check_plan_ac(plan, read_matpower(text), read_ac_data(text), injections_of(plan))
    assert report["converged"]
    assert len(report["losses_mw"]) == plan.problem.axis.periods
    assert all(0.0 < losses < 5.0 for losses in report["losses_mw"])
    flows = [record["dc_loading_percent"] for record in report["branches"]["branch-2"]]
    assert flows == pytest.approx(np.abs(plan.schedule.branch_flow_mw[1]).tolist(), abs=0.01)


def test_numbers_that_ac_needs_are_named_when_they_are_none() -> None:
    bad = TWO.replace("2 1 80 40 0 0 1 1 0 230 1 1.1 0.95", "2 1 80 NaN 0 0 1 1 0 230 1 0.9 0.95")
    with pytest.raises(InputError) as raised:
        read_ac_data(bad)
    told = str(raised.value)
    assert "mpc.bus row 2: Qd must be a number" in told
    assert "Vmin and Vmax are reversed" in told
