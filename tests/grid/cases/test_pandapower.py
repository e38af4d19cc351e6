"""Networks of pandapower: flows and cost as its own DC optimal power flow gives them, and every fault at once.

``pandapower_net/network.json`` is a ring of 110 and 20 kV with tapped and phase-shifting transformers, parallel lines,
an open line, two busbars that are one, a piecewise-linear cost and a load that can be shed. What is expected of it was
computed by pandapower 3.5.6 (``rundcopp``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grid.cases import read_pandapower
from grid.faults import InputError
from grid.power_flow.opf import solve_opf

RING = (Path(__file__).parent / "pandapower_net" / "network.json").read_text()
POWERS = {"gen-0": 34.2157, "sgen-1": 0.68429, "ext_grid-0": 20.0, "load-2": -6.0}
FLOWS = {"line-0": -8.88815, "line-1": -5.61184, "line-2": 0.0, "line-3": 0.0, "trafo-0": 28.88815, "trafo-1": 24.92755}


def table(document: dict[str, Any], name: str) -> dict[str, Any]:
    """A table of a document, as pandas splits it."""
    return dict(json.loads(document["_object"][name]["_object"]))


def with_cell(name: str, column: str, value: object, *, row: int = 0) -> str:
    """The ring with one cell changed; the column is added where there is none."""
    document = json.loads(RING)
    split = table(document, name)
    if column not in split["columns"]:
        split["columns"].append(column)
        split["data"] = [[*cells, None] for cells in split["data"]]
    split["data"][row][split["columns"].index(column)] = value
    document["_object"][name]["_object"] = json.dumps(split)
    return json.dumps(document)


def faults_of(text: str) -> str:
    with pytest.raises(InputError) as raised:
        read_pandapower(text)
    return str(raised.value)


def test_dispatch_and_flows_are_those_of_pandapower() -> None:
    case = read_pandapower(RING)
    result = solve_opf(case)
    assert result.objective == pytest.approx(1085.19266, rel=1e-7)
    assert dict(zip(case.generators.names, result.power_mw, strict=True)) == pytest.approx(POWERS, abs=1e-4)
    assert dict(zip(case.branches.names, result.flow_mw, strict=True)) == pytest.approx(FLOWS, abs=1e-4)
    assert result.lmp[:4] == pytest.approx([33.0502, 27.0, 71.2654, 2.0], abs=1e-4)
    assert result.best_bound == pytest.approx(result.objective, rel=1e-9)


def test_busbars_that_a_closed_switch_joins_are_one() -> None:
    case = read_pandapower(RING)
    assert case.bus_ids == ("0", "1", "2", "3", "5")
    assert case.isolated.tolist() == [False] * 4 + [True]
    apart = read_pandapower(with_cell("switch", "closed", False))
    assert apart.bus_ids == ("0", "1", "2", "3", "4", "5")


def test_a_busbar_out_of_service_is_joined_to_nothing() -> None:
    dead = read_pandapower(with_cell("bus", "in_service", False, row=4))
    assert dead.bus_ids == ("0", "1", "2", "3", "4", "5")
    assert dead.isolated.tolist() == [False] * 4 + [True] * 2


def test_a_shunt_takes_its_power_at_its_own_voltage() -> None:
    half = read_pandapower(with_cell("shunt", "vn_kv", 55.0)).demand_mw  # 0.4 MW at a bus of 110 kV
    assert (half - read_pandapower(RING).demand_mw).tolist() == pytest.approx([0.0, 1.2, 0.0, 0.0, 0.0])


def test_a_table_laid_out_by_columns_reads_the_same() -> None:
    """Older files, and pandas by default, write {column: {index: cell}}, some as an object and not as text."""
    document = json.loads(RING)
    split = table(document, "line")
    columns = {
        name: {str(index): row[i] for index, row in zip(split["index"], split["data"], strict=True)}
        for i, name in enumerate(split["columns"])
    }
    document["_object"]["line"] = columns
    there, here = read_pandapower(json.dumps(document)).branches, read_pandapower(RING).branches
    assert np.array_equal(there.reactance_pu, here.reactance_pu)
    assert np.array_equal(there.limit_mw, here.limit_mw)


def test_a_tap_of_before_pandapower_3_turns_the_voltage_or_shifts_the_phase() -> None:
    document = json.loads(RING)
    split = table(document, "trafo")
    split["columns"][split["columns"].index("tap_changer_type")] = "tap_phase_shifter"
    place = split["columns"].index("tap_phase_shifter")
    for row, shifter in zip(split["data"], (False, True), strict=True):
        row[place] = shifter
    document["_object"]["trafo"]["_object"] = json.dumps(split)
    old, new = read_pandapower(json.dumps(document)).branches, read_pandapower(RING).branches
    assert np.array_equal(old.tap_ratio, new.tap_ratio)
    assert np.array_equal(old.shift_rad, new.shift_rad)
    assert old.tap_ratio[-2] != old.tap_ratio[-1]
    assert np.degrees(old.shift_rad[-1] - old.shift_rad[0]) == pytest.approx(152.0)  # 2 steps down at the low side


def test_without_any_cost_every_megawatt_costs_one() -> None:
    document = json.loads(RING)
    for name in ("poly_cost", "pwl_cost"):
        del document["_object"][name]
    case = read_pandapower(json.dumps(document))
    assert case.generators.costs.linear.tolist() == [1.0] * 4
    assert case.generators.costs.curves == {}


@pytest.mark.parametrize(
    ("name", "column", "value", "told"),
    [
        ("line", "x_ohm_per_km", 0.0, "line 0: x_ohm_per_km: must not be 0"),
        ("line", "to_bus", 77, "line 0: to_bus: there is no bus 77"),
        ("line", "length_km", None, "line 0: length_km: is missing"),
        ("trafo", "vk_percent", 0.1, "trafo 0: vk_percent: must be above vkr_percent"),
        ("trafo", "tap_changer_type", "Tabular", "trafo 0: tap_changer_type: must be Ratio"),
        ("trafo", "tap2_pos", 1.0, "trafo 0: tap2_pos: is not read"),
        ("gen", "max_p_mw", 1.0, "gen 0: min_p_mw: 5 is above max_p_mw 1"),
        ("load", "p_mw", "much", "load 0: p_mw: must be a finite number"),
        ("trafo", "vkr_percent", -1e300, "trafo 0: vkr_percent: must be a finite number of at most 1e+12"),
        ("pwl_cost", "points", [[0.0, 1e300, 5.0]], "pwl_cost 0: points: must be a list of [lower, upper, slope]"),
        ("load", "p_mw", 10**400, "load 0: p_mw: must be a finite number"),
        ("load", "scaling", 1e12, "load 0: scaling: makes "),
        ("load", "in_service", "perhaps", "load 0: in_service: must be true or false"),
        ("bus", "vn_kv", 1e-320, "bus 0: vn_kv: must be above 0"),
        ("bus", "vn_kv", -1.0, "bus 0: vn_kv: must be above 0"),
        ("poly_cost", "cp2_eur_per_mw2", -1.0, "poly_cost 0: cp2_eur_per_mw2: must be at least 0"),
        ("poly_cost", "cq1_eur_per_mvar", 2.0, "poly_cost 0: cq1_eur_per_mvar: must be 0"),
        ("poly_cost", "et", "ext_grid", "ext_grid 0 has its cost twice"),
        ("pwl_cost", "points", [[0.0, 9.0, 5.0], [9.0, 20.0, 4.0]], "the cost must be convex"),
        ("pwl_cost", "points", [[0.0, 9.0, 5.0], [10.0, 20.0, 6.0]], "begin where the one before ends"),
        ("ext_grid", "in_service", False, "ext_grid: nothing is the reference"),
        ("switch", "z_ohm", 0.1, "switch 0: z_ohm: must be 0"),
        ("switch", "et", "w", "switch 0: et: must be one of b, l, t, t3, got 'w'"),
        ("switch", "bus", 77, "switch 0: bus: there is no bus 77"),
        ("switch", "element", 77, "switch 0: element: there is no bus 77"),
        ("poly_cost", "et", "shunt", "poly_cost 0: et: must be one of gen, "),
        ("poly_cost", "element", 9, "poly_cost 0: element: there is no "),
        ("line", "parallel", 0, "line 0: parallel: must be above 0"),
        ("trafo", "parallel", 0, "trafo 0: parallel: must be above 0"),
        ("trafo", "sn_mva", 0, "trafo 0: sn_mva: must be above 0"),
        ("trafo", "tap_pos", 1e6, "trafo 0: tap_pos: turns the voltage by"),
    ],
)
def test_a_fault_is_told_with_element_and_column(name: str, column: str, value: object, told: str) -> None:
    assert told in faults_of(with_cell(name, column, value))


def test_a_base_of_none_is_refused() -> None:
    document = json.loads(RING)
    document["_object"]["sn_mva"] = 0.0
    assert faults_of(json.dumps(document)) == "network: sn_mva: must be above 0, got 0; correct it"


def test_elements_that_are_not_read_are_named() -> None:
    document = json.loads(RING)
    split = {"columns": ["from_bus", "to_bus", "in_service"], "index": [0, 1], "data": [[0, 1, False], [0, 1, True]]}
    document["_object"]["dcline"] = {"_class": "DataFrame", "_object": json.dumps(split)}
    document["_object"]["res_bus"] = {"_class": "DataFrame", "_object": json.dumps(split)}
    assert faults_of(json.dumps(document)).startswith("dcline: has elements in service, which are not read")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"_object": 3}', '{"_class": "pandapowerNet", "_object": {"bus": 3}}']
)
def test_what_is_no_network_is_refused(text: str) -> None:
    assert faults_of(text)


@pytest.mark.parametrize("buses", [3, None, {}])
def test_elements_without_buses_to_stand_on_are_refused(buses: object) -> None:
    document = json.loads(RING)
    document["_object"]["bus"] = buses
    assert "bus: must have a bus, got none" in faults_of(json.dumps(document))
