"""DC optimal power flow: hand-worked cases, the same optimum by another formulation, and the laws of prices."""

from __future__ import annotations

import csv
import json
import math
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from grid.cases import Case, read_matpower
from grid.faults import InputError
from grid.power_flow import opf
from grid.power_flow.cost_pieces import cost_of
from grid.power_flow.opf import OpfResult, solve_opf
from grid.power_flow.opf_document import opf_document
from grid.power_flow.opf_reasons import opf_reasons
from grid.problem.plan import Status

STEP_MW = 1e-2


def case_text(buses: list[float], gens: str, costs: str, branches: str, dclines: str = "") -> str:
    """A case whose buses 1, 2, ... have these loads; the first is the reference.

    Rows are short: generators ``bus Pmin Pmax``, branches ``from to r x rate angmin angmax``, links
    ``from to Pmin Pmax loss0 loss1``.
    """
    bus = [f"{i} {3 if i == 1 else 1} {load} 0 0 0 1 1 0 240 1 1.1 0.9" for i, load in enumerate(buses, 1)]
    gen = ["{0} 0 0 9 -9 1 100 1 {2} {1}".format(*row.split()) for row in gens.split(";")]
    rows = (row.split() for row in branches.split(";") if row.strip())
    branch = ["{} {} {} {} 0 {} 0 0 0 0 1 {} {}".format(*row) for row in rows]
    links = (row.split() for row in dclines.split(";") if row.strip())
    dcline = ["{} {} 1 0 0 0 0 1 1 {} {} 0 0 0 0 {} {}".format(*row) for row in links]
    tables = {"bus": bus, "gen": gen, "gencost": costs.split(";"), "branch": branch, "dcline": dcline}
    head = "function mpc = small\nmpc.version = '2';\nmpc.baseMVA = 100;\n"
    return head + "".join(f"mpc.{name} = [\n{chr(10).join(rows)}\n];\n" for name, rows in tables.items())


def solve(*args: Any, **kwargs: Any) -> OpfResult:
    return solve_opf(read_matpower(case_text(*args, **kwargs)))


def test_a_full_line_splits_the_price() -> None:
    """Of a MW from bus 1 to bus 3, 2/3 take line 1-3; from bus 2, 1/3: 2/3 p1 + 1/3 p2 = 80 and p1 + p2 = 150."""
    result = solve(
        [0, 0, 150], "1 0 200; 2 0 200", "2 0 0 2 10 0; 2 0 0 2 30 0", "1 2 0 .1 0 0 0; 2 3 0 .1 0 0 0; 1 3 0 .1 80 0 0"
    )
    assert result.status is Status.OPTIMAL
    np.testing.assert_allclose(result.power_mw, [90.0, 60.0])
    np.testing.assert_allclose(result.flow_mw, [10.0, 70.0, 80.0])
    assert result.objective == pytest.approx(2700.0)
    assert result.best_bound == pytest.approx(2700.0)
    np.testing.assert_allclose(result.lmp, [10.0, 30.0, 50.0])
    np.testing.assert_allclose(result.energy, [50.0, 50.0, 50.0])
    np.testing.assert_allclose(result.branch_dual, [0.0, 0.0, -60.0], atol=1e-9)


def test_limits_that_come_in_one_by_one_for_want_of_memory_hold_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opf, "_FACTORS_PER_ROUND", 1)
    lines = "1 2 0 .1 20 0 0; 1 3 0 .1 30 0 0; 1 4 0 .1 40 0 0"
    costs = "2 0 0 2 10 0; 2 0 0 2 20 0; 2 0 0 2 30 0; 2 0 0 2 40 0"
    result = solve([0, 50, 50, 50], "1 0 200; 2 0 90; 3 0 90; 4 0 90", costs, lines)
    np.testing.assert_allclose(result.power_mw, [90.0, 30.0, 20.0, 10.0])
    np.testing.assert_allclose(result.lmp, [10.0, 20.0, 30.0, 40.0])


def test_a_line_full_against_its_direction_has_a_price_above_zero() -> None:
    result = solve([100, 0], "1 0 200; 2 0 200", "2 0 0 2 30 0; 2 0 0 2 10 0", "1 2 0 .1 40 0 0")
    np.testing.assert_allclose(result.flow_mw, [-40.0])
    np.testing.assert_allclose(result.branch_dual, [20.0])
    assert opf_document(result)["branches"]["branch-1"] == [{"flow_mw": -40.0, "limit_mw": 40.0, "shadow_price": 20.0}]


def test_quadratic_costs_meet_at_equal_marginal_cost() -> None:
    """0.1 p1 + 10 = 0.2 p2 + 8 and p1 + p2 = 150."""
    result = solve([150], "1 0 200; 1 0 200", "2 0 0 3 0.05 10 3; 2 0 0 3 0.1 8 4", "")
    np.testing.assert_allclose(result.power_mw, [280 / 3, 170 / 3], atol=1e-4)
    assert result.lmp[0] == pytest.approx(58 / 3, abs=1e-5)
    assert result.objective == pytest.approx(0.05 * (280 / 3) ** 2 + 2800 / 3 + 3 + 0.1 * (170 / 3) ** 2 + 1360 / 3 + 4)
    assert result.gap < 1e-12


def test_a_piecewise_linear_cost_is_a_staircase_of_prices() -> None:
    result = solve([70], "1 0 90; 1 0 50", "1 0 0 3 0 5 40 205 80 1005; 2 0 0 2 12 0 0 0 0 0", "")
    np.testing.assert_allclose(result.power_mw, [40.0, 30.0])
    assert result.objective == pytest.approx(205.0 + 360.0)
    assert result.lmp[0] == pytest.approx(12.0)
    beyond = solve([90], "1 0 90", "1 0 0 3 0 5 40 205 80 1005", "")
    assert beyond.objective == pytest.approx(1205.0), "the last piece goes on beyond the points"


def test_susceptance_counts_resistance() -> None:
    """x / (r² + x²): 10 and 0.1 / 0.05 = 2 for two lines of the same reactance."""
    result = solve([0, 60], "1 0 200", "2 0 0 2 10 0", "1 2 0 .1 0 0 0; 1 2 .2 .1 0 0 0")
    np.testing.assert_allclose(result.flow_mw, [50.0, 10.0])


def test_an_angle_limit_holds_like_a_rating() -> None:
    result = solve([0, 100], "1 0 200; 2 0 200", "2 0 0 2 10 0; 2 0 0 2 20 0", "1 2 0 .1 0 -3 3")
    assert result.flow_mw[0] == pytest.approx(1000 * math.radians(3))
    np.testing.assert_allclose(result.lmp, [10.0, 20.0])


def test_a_link_joins_islands_and_loses_on_the_way() -> None:
    """50 MW arrive of (50 + 1) / 0.9."""
    result = solve([0, 50], "1 0 200", "2 0 0 2 9 0", "", "1 2 0 80 1 .1")
    np.testing.assert_allclose(result.link_mw, [51 / 0.9])
    np.testing.assert_allclose(result.lmp, [9.0, 10.0])
    assert opf_document(result)["links"]["dcline-1"] == [
        {"flow_mw": pytest.approx(51 / 0.9, abs=1e-6), "received_mw": 50.0, "limit_mw": 80.0}
    ]


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (([50], "1 0 30", "2 0 0 2 9 0", ""), "the network has 20.000 MW more load than its generators can serve"),
        (([5], "1 8 30", "2 0 0 2 9 0", ""), "the network has 3.000 MW more production than it can be turned down to"),
        (([0, 50], "1 0 90", "2 0 0 2 9 0", ""), "the island of bus 2 has 50.000 MW more load than its generators"),
        (
            ([0, 50], "1 0 90", "2 0 0 2 9 0", "1 2 0 .1 40 0 0"),
            "branch-1 (1 to 2) would carry 50.000 MW, its limit is 40.000 MW",
        ),
        (
            ([0, 50], "1 0 90", "2 0 0 3 1 9 0", "2 1 0 .1 0 -2 2"),
            "branch-1 (2 to 1) would carry -50.000 MW, its limit is -34.907 MW",
        ),
    ],
)
def test_what_cannot_be_dispatched_has_its_reason(case: Any, message: str) -> None:
    result = solve(*case)
    assert result.status is Status.INFEASIBLE
    assert message in result.message
    document = opf_document(result)
    assert (document["objective"], document["units"], document["status"]) == (None, {}, "infeasible")
    json.dumps(document, allow_nan=False)


def test_a_case_without_generators_is_judged_too() -> None:
    text = case_text([0], "1 0 90", "2 0 0 2 9 0", "").replace("1 0 0 9 -9 1 100 1 90 0", "").replace("2 0 0 2 9 0", "")
    result = solve_opf(read_matpower(text))
    assert (result.status, result.objective) == (Status.OPTIMAL, 0.0)
    short = solve_opf(read_matpower(text.replace("1 3 0", "1 3 7")))
    assert short.message == "the network has 7.000 MW more load than its generators can serve"


def test_a_cost_that_is_hardly_curved_over_a_huge_range_is_settled_too() -> None:
    result = solve([5], "1 0 1000000", "2 0 0 3 1e-9 2 3", "")
    assert result.status is Status.OPTIMAL
    assert result.lmp[0] == pytest.approx(2.0, abs=1e-6)


@pytest.mark.parametrize(
    "branches", ["1 2 0 .1 40 0 0; 1 2 0 -.1 40 0 0", "1 2 0 .3 9 0 0; 1 2 0 .3 9 0 0; 1 2 0 .3 9 0 0; 1 2 0 -.1 9 0 0"]
)
def test_reactances_that_cancel_out_are_a_fault(branches: str) -> None:
    with pytest.raises(InputError, match="cancel out"):
        solve([0, 50], "1 0 90", "2 0 0 2 9 0", branches)


def test_reasons_name_the_own_limit_and_the_branch_behind_the_price() -> None:
    result = solve(
        [0, 0, 150],
        "1 0 200; 2 0 200; 3 0 5; 3 0 90",
        "2 0 0 2 10 0; 2 0 0 2 30 0; 2 0 0 2 20 0; 2 0 0 2 80 0",
        "1 2 0 .1 0 0 0; 2 3 0 .1 0 0 0; 1 3 0 .1 75 0 0",
    )
    told = {reason.asset_id: reason for reason in opf_reasons(result)}
    assert told["gen-1"].binding == ("branch branch-3 limit",)
    assert told["gen-1"].shadow_price_per_mwh is None
    assert told["gen-3"].binding[0] == "maximum output"
    assert told["gen-3"].shadow_price_per_mwh == pytest.approx(30.0)
    assert told["gen-4"].binding[0] == "minimum output"
    assert told["gen-4"].shadow_price_per_mwh == pytest.approx(30.0)
    assert "branch-3 moves that price by -40.00" in told["gen-1"].text


def test_the_document_is_json_and_its_prices_add_up() -> None:
    text = case_text([0, 40], "1 0 90; 2 0 9", "2 0 0 3 1 9 0; 2 0 0 3 1 9 0", "1 2 0 .1 20 0 0", "1 2 0 25 0 0")
    text = text.replace("mpc.gen = [", "mpc.gen = [\n1 0 0 9 -9 1 100 0 50 0").replace(
        "= [\n2 0 0", "= [\n2 0 0 3 0 0 7\n2 0 0"
    )
    text = text.replace("\n2 1 40", "\n3 4 77 0 0 0 1 1 0 240 1 1.1 0.9\n2 1 40")
    document = json.loads(json.dumps(opf_document(solve_opf(read_matpower(text))), allow_nan=False))
    assert {
        "status", "objective", "best_bound", "gap", "solve_seconds", "build_seconds", "units", "storages", "buses",
        "branches", "violations", "reasons",
    } <= set(document)  # fmt: skip
    assert document["units"]["gen-1"] == [{"on": False, "power_mw": 0.0, "reserve_mw": 0.0}]
    assert document["buses"]["3"][0]["lmp"] is None, "an isolated bus has no price"
    for bus in ("1", "2"):
        price = document["buses"][bus][0]
        assert price["lmp"] == pytest.approx(price["energy"] + price["congestion"] + price["loss"], abs=1e-9)
    assert list(document["reasons"]) == ["gen-2", "gen-3"]


@st.composite
def cases(draw: st.DrawFn, *, quadratic: bool, backstop: bool) -> Case:
    """Four buses in a ring with a chord, three generators, perhaps a link; limits of all kinds.

    With a ``backstop`` every bus has a machine that serves or takes anything at 90 a MWh: such a case is feasible.
    """
    loads = [float(draw(st.integers(-5, 60))) for _ in range(4)]
    gens, costs = [], []
    for _ in range(3):
        low = draw(st.sampled_from([-10, 0, 0, 0, 15]))
        gens.append(f"{draw(st.integers(1, 4))} {low} {low + draw(st.integers(0, 150))}")
        price = draw(st.integers(0, 50))
        kind = draw(st.sampled_from(["linear", "curve", "quadratic"] if quadratic else ["linear", "curve"]))
        rise = draw(st.integers(0, 30))
        costs.append(
            {
                "linear": f"2 0 0 2 {price} 7 0 0 0 0",
                "quadratic": f"2 0 0 3 {draw(st.sampled_from([0.001, 0.02, 0.5]))} {price} 7 0 0 0",
                "curve": f"1 0 0 3 0 5 30 {5 + 30 * price} 60 {5 + 60 * price + 30 * rise}",
            }[kind]
        )
    if backstop:
        gens += [f"{bus} -300 300" for bus in range(1, 5)]
        costs += ["1 0 0 3 -300 27000 0 0 300 27000"] * 4
    branches = []
    for ends in ("1 2", "2 3", "3 4", "4 1", "1 3"):
        r, x = draw(st.sampled_from([0, 0.02, 0.3])), draw(st.sampled_from([0.05, 0.1, 0.23, -0.937]))
        angles = draw(st.sampled_from(["0 0", "0 0", "-2 2", "-1 30"]))
        branches.append(f"{ends} {r} {x} {draw(st.sampled_from([0, 15, 40]))} {angles}")
    branches = branches[: draw(st.sampled_from([2, 5, 5, 5]))]
    link = draw(st.sampled_from(["", "2 4 -10 20 0 0", "2 4 0 20 1 0.1"]))
    return read_matpower(case_text(loads, ";".join(gens), ";".join(costs), ";".join(branches), link))


def reference_cost(case: Case) -> float | None:
    """The least cost in angles instead of distribution factors, by another solver interface; None if infeasible."""
    g, b, k, n = case.generators, case.branches, case.links, len(case.bus_ids)
    gens, lines, links = len(g.names), len(b.names), len(k.names)
    size = 2 * gens + links + n  # power, cost, link, angle
    susceptance = 100.0 * b.reactance_pu / (b.resistance_pu**2 + b.reactance_pu**2)
    incidence = np.zeros((lines, n))
    incidence[np.arange(lines), b.from_bus] = 1.0
    incidence[np.arange(lines), b.to_bus] = -1.0
    balance = np.zeros((n, size))
    balance[g.bus, np.arange(gens)] = 1.0
    balance[k.from_bus, 2 * gens + np.arange(links)] -= 1.0
    balance[k.to_bus, 2 * gens + np.arange(links)] += 1.0 - k.loss_share
    balance[:, 2 * gens + links :] = -incidence.T @ (susceptance[:, None] * incidence)
    demand = case.demand_mw.copy()
    demand[k.to_bus] += k.loss_mw
    rows, rights = [], []
    for line in range(lines):
        angle = np.concatenate([np.zeros(size - n), incidence[line]])
        limit = b.limit_mw[line] if np.isfinite(b.limit_mw[line]) else 1e9
        rows += [angle, -angle, susceptance[line] * angle, -susceptance[line] * angle]
        rights += [b.angle_maximum[line], -b.angle_minimum[line], limit, limit]
    for i in range(gens):
        pieces = [(g.costs.linear[i], g.costs.constant[i])]
        if (points := g.costs.curves.get(i)) is not None:
            slopes = np.diff(points[:, 1]) / np.diff(points[:, 0])
            pieces = [(slope, y - slope * x) for slope, (x, y) in zip(slopes, points, strict=False)]
        for slope, start in pieces:
            row = np.zeros(size)
            row[i], row[gens + i] = slope, -1.0
            rows.append(row)
            rights.append(-start)
    bounds = [*zip(g.minimum_mw, g.maximum_mw, strict=True), *[(None, None)] * gens]
    bounds += [*zip(k.minimum_mw, k.maximum_mw, strict=True), *[(None, None)] * n]
    price = np.concatenate([np.zeros(gens), np.ones(gens), np.zeros(links + n)])
    found = linprog(price, np.array(rows), np.array(rights), balance, demand, bounds, method="highs")
    return float(found.fun) if found.status == 0 else None


@settings(max_examples=60, deadline=None)
@given(st.booleans().flatmap(lambda backstop: cases(quadratic=False, backstop=backstop)))
def test_the_same_optimum_is_found_in_angles(case: Case) -> None:
    expected, result = reference_cost(case), solve_opf(case)
    if expected is None:
        assert result.status is Status.INFEASIBLE
        assert result.message
    else:
        assert result.status is Status.OPTIMAL
        assert result.objective == pytest.approx(expected, rel=1e-7, abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(cases(quadratic=True, backstop=True))
def test_balance_and_limits_hold_and_the_bound_proves_the_cost(case: Case) -> None:
    result = solve_opf(case)
    assert result.status is Status.OPTIMAL
    assert result.best_bound <= result.objective + 1e-6 * max(1.0, abs(result.objective))
    assert result.objective == pytest.approx(cost_of(case.generators.costs, result.power_mw).sum(), rel=1e-12)
    injection = -case.demand_mw
    np.add.at(injection, case.generators.bus, result.power_mw)
    links, branches = case.links, case.branches
    np.add.at(injection, links.from_bus, -result.link_mw)
    np.add.at(injection, links.to_bus, (1.0 - links.loss_share) * result.link_mw - links.loss_mw)
    np.add.at(injection, branches.from_bus, -result.flow_mw)
    np.add.at(injection, branches.to_bus, result.flow_mw)
    np.testing.assert_allclose(injection, 0.0, atol=1e-5)
    assert (np.abs(result.flow_mw) <= branches.limit_mw + 1e-5).all()
    assert (result.power_mw >= case.generators.minimum_mw - 1e-6).all()
    assert (result.power_mw <= case.generators.maximum_mw + 1e-6).all()


@settings(max_examples=40, deadline=None)
@given(cases(quadratic=True, backstop=True), st.integers(0, 3))
def test_a_price_lies_between_what_one_step_less_saves_and_one_step_more_costs(case: Case, bus: int) -> None:
    """Where the cost has a slope, both are equal: prices equal finite differences."""
    result = solve_opf(case)

    def cost(by: float) -> float:
        demand = case.demand_mw.copy()
        demand[bus] += by
        return solve_opf(replace(case, demand_mw=demand)).objective

    less, more = (result.objective - cost(-STEP_MW)) / STEP_MW, (cost(STEP_MW) - result.objective) / STEP_MW
    assert less - 1e-4 <= result.lmp[bus] <= more + 1e-4


@pytest.mark.parametrize("name", ["case5_pjm", "case24_ieee_rts", "case240_pserc", "case793_goc", "case2853_sdet"])
def test_published_objectives_are_met(name: str, shared_data: Path) -> None:
    member = f"pglib_opf_{name}"
    with (shared_data / "pglib" / "baseline.csv").open() as file:
        published = {row[1]: row[4] for row in csv.reader(file) if row[0].startswith("Typical")}
    with tarfile.open(shared_data / "pglib" / "opf_cases.tar.xz") as archive:
        found = next(entry for entry in archive if entry.name.endswith(f"{member}.m"))
        file = archive.extractfile(found)
        assert file is not None
        result = solve_opf(read_matpower(file.read().decode()))
    assert result.objective == pytest.approx(float(published[member]), rel=1e-4)
    assert result.gap < 1e-7
