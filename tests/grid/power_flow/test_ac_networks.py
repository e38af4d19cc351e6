"""AC data of pandapower's networks and of source folders: voltages and flows as pandapower has them, or by hand.

What is expected of pandapower's ring with reactive loads was computed by pandapower 3.5.6: ``runpp`` with
``enforce_q_lims``, at the powers that stand below.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api.commands.source_folder import read_source_folder, read_source_folder_ac
from grid.cases import read_pandapower
from grid.cases.pandapower_ac import read_pandapower_ac
from grid.cases.source_ac import read_source_ac
from grid.checking.flows import injections_of
from grid.dispatch import plan_dispatch
from grid.faults import InputError
from grid.power_flow.ac_check import check_opf, check_plan_ac
from grid.power_flow.ac_flow import AcFlow, solve_ac
from grid.power_flow.opf import solve_opf

CASES = Path(__file__).parents[1] / "cases"
RING = (CASES / "pandapower_net" / "network.json").read_text()
FILES = {
    "bus.csv": "Bus ID,Bus Name,Bus Type,MW Load,MVAR Load,MW Shunt G,MVAR Shunt B,Area\n"
    "1,one,Ref,0,0,0,0,1\n2,two,PQ,80,40,0,0,1\n",
    "branch.csv": "UID,From Bus,To Bus,R,X,B,Cont Rating,STE Rating,Tr Ratio\nA,1,2,0,0.25,0,85,0,0\n",
    "gen.csv": "GEN UID,Bus ID,Unit Type,PMax MW,V Setpoint p.u.,QMax MVAR,QMin MVAR\n"
    "g,1,STEAM,200,1.02,500,-500\nwind,2,WIND,10,1,0,0\n",
}


def ring(*changes: tuple[str, str, Iterable[object]]) -> str:
    """The ring with other columns; each is a table, a column and its cells."""
    document = json.loads(RING)
    for name, column, cells in changes:
        table: dict[str, Any] = json.loads(document["_object"][name]["_object"])
        if column not in table["columns"]:
            table["columns"].append(column)
            table["data"] = [[*row, None] for row in table["data"]]
        for row, cell in zip(table["data"], cells, strict=True):
            row[table["columns"].index(column)] = cell
        document["_object"][name]["_object"] = json.dumps(table)
    return json.dumps(document)


REACTIVE = (
    ("load", "q_mvar", (9.0, 6.0, 2.0)),
    ("sgen", "q_mvar", (0.5, 0.0)),
    ("storage", "q_mvar", (0.3,)),
    ("shunt", "q_mvar", (-1.5,)),
    ("gen", "vm_pu", (1.03,)),
    ("ext_grid", "vm_pu", (1.02,)),
    ("line", "g_us_per_km", (0.2, 0.0, 0.0, 0.0)),
    ("line", "c_nf_per_km", (9.0, 210.0, 10.0, 9.0)),
)


def solved(text: str, **power_mw: float) -> AcFlow:
    """The AC power flow at given powers of what is dispatched."""
    case, ac = read_pandapower(text), read_pandapower_ac(text)
    power = np.array([power_mw[name.replace("-", "_")] for name in case.generators.names])
    injection = np.bincount(case.generators.bus, power, len(case.bus_ids)) - (case.demand_mw - ac.shunt_mw)
    flow = solve_ac(case, ac, power, injection, case.generators.in_service)
    assert flow.converged
    assert not flow.dark[:4].any()
    return flow


def test_voltages_and_flows_are_those_of_pandapower() -> None:
    flow = solved(ring(*REACTIVE), gen_0=20.0, sgen_1=3.0, ext_grid_0=32.494932, load_2=-6.0)
    assert np.abs(flow.voltage[:4]) == pytest.approx([1.02, 1.03, 0.979321, 1.007653], abs=2e-6)
    assert np.degrees(np.angle(flow.voltage[:4])) == pytest.approx([0.0, -0.276117, -156.214088, -154.758874], abs=1e-4)
    assert flow.from_mva == pytest.approx(
        [3.718984 - 23.26109j, -5.848964 - 1.958046j, 0.0, 0.0, 28.775948 + 11.272432j, 23.069746 + 10.986827j],
        abs=1e-3,
    )
    assert flow.to_mva == pytest.approx(
        [-3.494106 + 21.33945j, 5.967056 + 2.008394j, 0.0, 0.0, -28.651036 - 8.241954j, -22.967056 - 9.508394j],
        abs=1e-3,
    )


def test_a_generator_of_pandapower_gives_no_more_reactive_power_than_it_can() -> None:
    limits = (("gen", "min_q_mvar", (-5.0,)), ("gen", "max_q_mvar", (10.0,)))
    flow = solved(ring(*REACTIVE, *limits), gen_0=20.0, sgen_1=3.0, ext_grid_0=32.410958, load_2=-6.0)
    assert np.abs(flow.voltage[:4]) == pytest.approx([1.02, 1.021577, 0.976729, 1.000697], abs=2e-6)
    assert flow.held[:2].tolist() == [True, False], "its voltage has the charging of a line that is open at its end"


def test_a_dispatch_of_pandapower_is_checked_against_its_own_limits() -> None:
    limits = (
        ("bus", "min_vm_pu", (None, None, 0.99, None, 1.0, None)),
        ("bus", "max_vm_pu", (None, 1.02, *[None] * 4)),
    )
    text = ring(*REACTIVE, *limits)
    report = check_opf(solve_opf(read_pandapower(text)), read_pandapower_ac(text))
    told = {violation["what"]: violation["text"] for violation in report["violations"]}
    assert told["high voltage at bus 1"] == "1.030 pu, the limit is 1.020 pu"
    assert told["low voltage at bus 2"].endswith("the limit is 0.990 pu")
    assert "low voltage at bus 3" not in told, "of two busbars the higher limit holds, and is kept"
    assert report["losses_mw"][0] > 0.1


def test_what_only_a_dc_power_flow_may_pass_by_is_named() -> None:
    text = ring(
        ("load", "const_z_q_percent", (20.0, 0.0, 0.0)),
        ("gen", "reactive_capability_curve", (True,)),
        ("bus", "min_vm_pu", (1.2, *[None] * 5)),
        ("gen", "min_q_mvar", (5.0,)),
        ("gen", "max_q_mvar", (-5.0,)),
    )
    read_pandapower(text)
    with pytest.raises(InputError) as raised:
        read_pandapower_ac(text)
    for told in (
        "load 0: const_z_q_percent: must be 0",
        "gen 0: reactive_capability_curve: is not read",
        "bus 0: min_vm_pu: 1.2 is above max_vm_pu 1.1",
        "gen 0: min_q_mvar: 5 is above max_q_mvar -5",
    ):
        assert told in str(raised.value)


def test_two_buses_of_a_source_folder_are_as_in_closed_form() -> None:
    """As of a MATPOWER file: V2² solves x² + (2 Q X - V1²) x + X² (P² + Q²) = 0; a wind plant holds no voltage."""
    case, ac = read_source_ac(FILES)
    flow = solve_ac(case, ac, np.array([70.0, 10.0]), np.array([80.0, -80.0]), np.array([True, True]))
    p, q, x, v1 = 0.8, 0.4, 0.25, 1.02
    b = 2.0 * q * x - v1**2
    v2 = math.sqrt((-b + math.sqrt(b**2 - 4.0 * x**2 * (p**2 + q**2))) / 2.0)
    assert flow.converged
    assert np.abs(flow.voltage) == pytest.approx([1.02, v2], abs=1e-6)
    assert flow.held.tolist() == [True, False]


def test_a_shunt_and_charging_of_a_source_folder_lift_the_voltage() -> None:
    plain = np.abs(_far_voltage(FILES))
    for file, old, new in (("bus.csv", "80,40,0,0,1", "80,40,0,30,1"), ("branch.csv", "0.25,0,85", "0.25,0.6,85")):
        assert old in FILES[file]
        assert np.abs(_far_voltage({**FILES, file: FILES[file].replace(old, new)})) > plain + 0.05


def _far_voltage(files: dict[str, str]) -> complex:
    case, ac = read_source_ac(files)
    flow = solve_ac(case, ac, np.array([80.0, 0.0]), np.array([80.0, -80.0]), np.array([True, True]))
    return complex(flow.voltage[1])


def test_columns_that_ac_needs_of_a_source_folder_are_named() -> None:
    files = {
        **FILES,
        "bus.csv": FILES["bus.csv"].replace("MVAR Load", "Q"),
        "gen.csv": FILES["gen.csv"].replace("-500", "600"),
    }
    with pytest.raises(InputError) as raised:
        read_source_ac(files)
    assert "bus.csv: MVAR Load: there is no such column" in str(raised.value)
    assert "QMin MVAR: 600 is above QMax MVAR 500" in str(raised.value)


def test_a_condenser_always_holds_its_voltage_and_plants_do_while_they_give() -> None:
    folder = CASES / "two_area_source"
    plan = plan_dispatch(read_source_folder(folder).problem(periods=2), relative_gap=0.0)
    case, ac = read_source_folder_ac(folder)
    report = check_plan_ac(plan, case, ac, injections_of(plan))
    assert report["converged"], report["message"]
    assert [record["vm_pu"] for record in report["buses"]["101"]] == pytest.approx([1.02, 1.02])
    flows = [record["dc_loading_percent"] for record in report["branches"]["A1"]]
    assert flows == pytest.approx((100.0 * np.abs(plan.schedule.branch_flow_mw[0]) / 175.0).tolist(), abs=0.01)


def test_an_hour_of_rts_gmlc_has_a_power_flow_that_is_balanced(shared_data: Path) -> None:
    folder = shared_data / "rts_gmlc" / "source"
    problem = read_source_folder(folder, simulations=("DAY_AHEAD",)).problem(periods=1)
    plan = plan_dispatch(problem, relative_gap=0.01, time_limit_seconds=10.0)
    case, ac = read_source_folder_ac(folder)
    report = check_plan_ac(plan, case, ac, injections_of(plan))
    assert report["converged"], report["message"]
    magnitudes = [records[0]["vm_pu"] for records in report["buses"].values()]
    assert len(magnitudes) == 73
    assert 0.9 < min(magnitudes) < max(magnitudes) < 1.2
    load = float(problem.load_mw.sum())
    assert 0.005 * load < report["losses_mw"][0] < 0.05 * load
