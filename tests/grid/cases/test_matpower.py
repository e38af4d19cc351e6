"""MATPOWER case files: what is read, and every fault at once."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from grid.cases import read_matpower
from grid.cases.matpower import DEFAULT_ANGLE
from grid.faults import InputError

CASE = """
function mpc = two_buses  % the name counts
mpc.version = '2';
mpc.baseMVA = 100;
%{
mpc.bus = [ nothing here counts ];
%}
%% bus data; [brackets] in a comment do not count
mpc.bus = [
    10  3   0   0  0.0  0  1  1  0  240  1  1.1  0.9;  % the reference
    20  1  50  10  2.5  0  1  1  0  240  1  1.1  0.9
    30  4  99   0  0.0  0  1  1  0  240  1  1.1  0.9
];
mpc.gen = [10, 0, 0, 50, -50, 1, 100, 1, 80, 5; 20, 0, 0, 50, -50, 1, 100, 0, 70, ...
           0; 30 0 0 0 0 1 100 1 60 0;
           20 0 0 0 0 1 100 1 40 0];
mpc.gencost = [
    2 0 0 3 0.1  10  7   0 0 0;
    2 0 0 3 9.9  99  99  0 0 0;
    2 0 0 2 30    4  0   0 0 0;
    1 0 0 3 0 0  20 100 40 400;
];
mpc.branch = [
    10 20 0.01 0.1 0  60 0 0 0 0 1 -30   30;
    20 10 0    0.2 0   0 0 0 0 0 1   0    0;
    10 20 0    0.3 0  40 0 0 0 0 0 -360 360;
    20 30 0    0.3 0  40 0 0 0 0 1 -360 360;
];
mpc.dcline = [10 20 1 0 0 0 0 1 1 -9 10 0 0 0 0 1 0.1];
mpc.bus_name = {
    'A'; 'B'; 'C'
};
"""
PLAIN = {
    "bus": "1 3 0 0 0 0 1 1 0 240 1 1.1 0.9; 2 1 50 0 0 0 1 1 0 240 1 1.1 0.9",
    "gen": "1 0 0 50 -50 1 100 1 80 0",
    "gencost": "2 0 0 3 0 10 0",
    "branch": "1 2 0.01 0.1 0 60 0 0 0 0 1 -30 30",
}


def written(**tables: str | None) -> str:
    """A case of two buses with other tables; None leaves one out."""
    shown = {**PLAIN, **tables}
    text = "function mpc = case2\nmpc.version = '2';\nmpc.baseMVA = 100;\n"
    return text + "".join(f"mpc.{name} = [\n{body}\n];\n" for name, body in shown.items() if body is not None)


def test_tables_are_read_row_by_row() -> None:
    case = read_matpower(CASE)
    assert case.name == "two_buses"
    assert case.base_mva == 100.0
    assert case.bus_ids == ("10", "20", "30")
    np.testing.assert_array_equal(case.demand_mw, [0.0, 52.5, 99.0])
    np.testing.assert_array_equal(case.reference, [True, False, False])
    generators = case.generators
    assert generators.names == ("gen-1", "gen-2", "gen-3", "gen-4")
    np.testing.assert_array_equal(generators.bus, [0, 1, 2, 1])
    np.testing.assert_array_equal(generators.minimum_mw, [5.0, 0.0, 0.0, 0.0])
    np.testing.assert_array_equal(generators.maximum_mw, [80.0, 70.0, 60.0, 40.0])
    assert case.branches.names == ("branch-1", "branch-2", "branch-3", "branch-4")
    np.testing.assert_array_equal(case.branches.from_bus, [0, 1, 0, 1])
    np.testing.assert_array_equal(case.branches.limit_mw, [60.0, np.inf, 40.0, 40.0])


def test_what_stands_at_an_isolated_bus_is_out_of_service() -> None:
    case = read_matpower(CASE)
    np.testing.assert_array_equal(case.isolated, [False, False, True])
    np.testing.assert_array_equal(case.generators.in_service, [True, False, False, True])
    np.testing.assert_array_equal(case.branches.in_service, [True, True, False, False])


def test_costs_are_polynomials_or_curves_and_nothing_out_of_service() -> None:
    costs = read_matpower(CASE).generators.costs
    np.testing.assert_array_equal(costs.quadratic, [0.1, 0.0, 0.0, 0.0])
    np.testing.assert_array_equal(costs.linear, [10.0, 0.0, 0.0, 0.0])
    np.testing.assert_array_equal(costs.constant, [7.0, 0.0, 0.0, 0.0])
    assert list(costs.curves) == [3]
    np.testing.assert_array_equal(costs.curves[3], [[0.0, 0.0], [20.0, 100.0], [40.0, 400.0]])


def test_a_curve_that_only_rounding_bends_back_becomes_its_convex_hull() -> None:
    curve = "1 0 0 4 0 0 10 81.0352 20 162.0697 30 243.1049"  # slopes 8.10352, 8.10345, 8.10352
    points = read_matpower(written(gencost=curve)).generators.costs.curves[0]
    np.testing.assert_array_equal(points, [[0.0, 0.0], [20.0, 162.0697], [30.0, 243.1049]])


def test_angle_limits_that_are_missing_or_wide_are_the_default() -> None:
    branches = read_matpower(CASE).branches
    np.testing.assert_allclose(branches.angle_maximum[:2], [math.pi / 6, DEFAULT_ANGLE])
    np.testing.assert_allclose(branches.angle_minimum[1:3], [-DEFAULT_ANGLE, -DEFAULT_ANGLE])
    narrow = read_matpower(written(branch="1 2 0.01 0.1 0 60 0 0 0 0 1")).branches
    assert (narrow.angle_minimum[0], narrow.angle_maximum[0]) == (-DEFAULT_ANGLE, DEFAULT_ANGLE)


def test_a_links_limits_below_zero_are_of_the_power_that_arrives() -> None:
    links = read_matpower(CASE).links
    np.testing.assert_allclose(links.minimum_mw, [(-9.0 + 1.0) / 0.9])
    np.testing.assert_allclose(links.maximum_mw, [10.0])
    assert (links.loss_mw[0], links.loss_share[0]) == (1.0, 0.1)
    at_the_end = read_matpower(CASE.replace("-9 10 0 0", "4 -8 0 0")).links
    np.testing.assert_allclose(at_the_end.minimum_mw, [4.0])
    np.testing.assert_allclose(at_the_end.maximum_mw, [(8.0 + 1.0) / 0.9])


BUS, GEN, BRANCH = PLAIN["bus"], PLAIN["gen"], PLAIN["branch"]
FAULTS: dict[str, tuple[dict[str, str | None], str]] = {
    "a missing table": ({"gen": None}, "mpc.gen: is missing"),
    "too few columns": ({"bus": "1 3 0 0; 2 1 50 0"}, "mpc.bus: must have at least 13 columns, got 4"),
    "an uneven row": ({"bus": BUS + " 7"}, "mpc.bus row 2: must have 13 numbers as the first row has, got 14"),
    "a word": ({"gen": GEN.replace("80", "lots")}, "mpc.gen row 1, column 9: must be a number, got 'lots'"),
    "no bus": ({"bus": ""}, "mpc.bus: must have a bus"),
    "no reference bus": ({"bus": BUS.replace("1 3", "1 2")}, "mpc.bus: no bus is the reference"),
    "a bus twice": ({"bus": f"{BUS}; {BUS.split(';')[0]}"}, "mpc.bus row 3: bus 1 stands there twice"),
    "half a bus number": ({"bus": f"{BUS}; {BUS[:BUS.index(';')].replace('1 3', '2.5 1')}"}, "mpc.bus row 3: the bus"),
    "an unknown type": ({"bus": BUS.replace("2 1 50", "2 7 50")}, "mpc.bus row 2: the type must be 1, 2, 3 or 4"),
    "a load that is none": ({"bus": BUS.replace("50", "NaN")}, "mpc.bus row 2: Pd must be finite, got nan"),
    "a generator on no bus": ({"gen": "9" + GEN[1:]}, "mpc.gen row 1: bus 9 is no bus"),
    "limits of a generator": ({"gen": GEN.replace("80 0", "80 90")}, "Pmin and Pmax are reversed: 90 is above 80"),
    "a load beyond all": ({"bus": BUS.replace("50", "1e20")}, "mpc.bus row 2: Pd must be at most 1e+12 in size, got"),
    "a status that is none": ({"gen": GEN.replace("100 1", "100 NaN")}, "mpc.gen row 1: status must be finite, got na"),
    "an endless generator": ({"gen": GEN.replace("80", "Inf")}, "mpc.gen row 1: Pmax must be finite, got inf"),
    "a branch to nowhere": ({"branch": "1 9" + BRANCH[3:]}, "mpc.branch row 1: to bus 9 is no bus"),
    "a branch to itself": ({"branch": "1 1" + BRANCH[3:]}, "mpc.branch row 1: both ends are bus 1"),
    "zero reactance": ({"branch": BRANCH.replace("0.1 ", "0 ")}, "mpc.branch row 1: the reactance x must not be 0"),
    "a negative rating": ({"branch": BRANCH.replace("60", "-60")}, "mpc.branch row 1: rateA must be 0 (none) or more"),
    "an unclear branch": ({"branch": BRANCH.replace("0 0 1", "0 0 NaN")}, "mpc.branch row 1: status must be finite"),
    "a ratio that is none": ({"branch": BRANCH.replace("0 0 1 ", "NaN 0 1 ")}, "mpc.branch row 1: ratio must be fin"),
    "a shift that is none": ({"branch": BRANCH.replace("0 0 1 ", "0 NaN 1 ")}, "mpc.branch row 1: angle must be fin"),
    "a rateB that is none": ({"branch": BRANCH.replace("60 0 0", "60 NaN 0")}, "rateB must be 0 (none) or more, got"),
    "a rateC that is none": ({"branch": BRANCH.replace("60 0 0", "60 70 NaN")}, "rateC must be 0 (none) or more, got"),
    "angles": ({"branch": BRANCH.replace("-30 30", "30 -30")}, "angmin and angmax are reversed: 30 is above -30"),
    "an angle that is none": ({"branch": BRANCH.replace("-30 30", "-30 NaN")}, "angmax must be numbers, got nan"),
    "missing costs": ({"gencost": ""}, "mpc.gencost: must have 1 or 2 rows, got 0"),
    "a concave polynomial": ({"gencost": "2 0 0 3 -1 10 0"}, "mpc.gencost row 1: the cost must be convex, got"),
    "a cubic": ({"gencost": "2 0 0 4 1 0 10 0"}, "mpc.gencost row 1: the polynomial must be of degree 2 at most"),
    "an endless cost": ({"gencost": "2 0 0 3 0 Inf 0"}, "mpc.gencost row 1: the coefficients must be finite"),
    "a cost beyond all": ({"gencost": "2 0 0 3 0 1e20 0"}, "must be finite and at most 1e+12 in size"),
    "a curve beyond all": ({"gencost": "1 0 0 2 0 0 10 1e20"}, "must be finite and at most 1e+12 in size"),
    "a concave curve": ({"gencost": "1 0 0 3 0 0 10 90 20 100"}, "the cost must be convex, got slopes 9, 1"),
    "a curve that turns back": ({"gencost": "1 0 0 2 10 0 0 90"}, "the powers of a piecewise-linear cost must ascend"),
    "more terms than cells": ({"gencost": "2 0 0 7 0 10 0"}, "n must be a whole number from 0 up to"),
    "an unknown cost": ({"gencost": "3 0 0 3 0 10 0"}, "mpc.gencost row 1: the model must be 1 (piecewise"),
    "a link that eats all": ({"dcline": "1 2 1" + " 0" * 6 + " 0 9" + " 0" * 5 + " 1"}, "loss1 must be in [0, 1)"),
    "limits of a link": ({"dcline": "1 2 1" + " 0" * 6 + " 9 4" + " 0" * 6}, "Pmin and Pmax are reversed: 9 is above"),
    "a storage": ({"storage": "1 0 0 50 50 10 10 1 1"}, "mpc.storage: must be empty"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_with_its_place(name: str) -> None:
    tables, message = FAULTS[name]
    with pytest.raises(InputError) as caught:
        read_matpower(written(**tables))
    assert message in str(caught.value)
    assert len(caught.value.faults) == 1
    assert all(fault.remedy for fault in caught.value.faults)


def test_all_faults_come_at_once() -> None:
    tables = [FAULTS[name][0] for name in ("a load that is none", "a generator on no bus", "zero reactance", "a cubic")]
    with pytest.raises(InputError) as caught:
        read_matpower(written(**{name: body for each in tables for name, body in each.items()}))
    assert len(caught.value.faults) == 4


@pytest.mark.parametrize(
    "line", ["mpc.branch(:, 3) = mpc.branch(:, 3) / 7;", "Vbase = 12.66;", "mpc.gen = loadgens();", "x = [1 2 3];"]
)
def test_a_file_that_computes_is_refused(line: str) -> None:
    with pytest.raises(InputError, match="must hold tables of numbers only"):
        read_matpower(written() + line + "\n")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("mpc.baseMVA = 100;", "", "mpc.baseMVA: is missing"),
        ("mpc.baseMVA = 100;", "mpc.baseMVA = 0;", "mpc.baseMVA: must be a number above 0, got 0"),
        ("'2'", "'1'", "mpc.version: must be 2, got '1'"),
    ],
)
def test_the_head_of_a_file_is_checked(old: str, new: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_matpower(written().replace(old, new))


@pytest.mark.parametrize("text", ["", "\n%nothing\n", "function mpc = empty\n"])
def test_an_empty_file_lacks_its_tables(text: str) -> None:
    with pytest.raises(InputError) as caught:
        read_matpower(text)
    assert {fault.place for fault in caught.value.faults} == {
        "mpc.baseMVA", "mpc.bus", "mpc.gen", "mpc.gencost", "mpc.branch"
    }  # fmt: skip


def test_ten_thousand_buses_are_read_in_a_moment() -> None:
    bus = "\n".join(f"{i} {3 if i == 1 else 1} 5 0 0 0 1 1 0 240 1 1.1 0.9;" for i in range(1, 10_001))
    branch = "\n".join(f"{i} {i + 1} 0.01 0.1 0 60 0 0 0 0 1 -30 30;" for i in range(1, 10_000))
    text = written(bus=bus, branch=branch)
    began = time.process_time()
    case = read_matpower(text)
    assert time.process_time() - began < 2.0
    assert len(case.bus_ids) == 10_000
