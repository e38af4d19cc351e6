"""``gridpilot dispatch`` as a user calls it: files in and out, exit status, what is said."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.cli import main
from grid.formulation.relaxation import UnsolvedError

CASE = """function mpc = two
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [1 3 0 0 0 0 1 1 0 240 1 1.1 0.9; 2 1 50 0 0 0 1 1 0 240 1 1.1 0.9];
mpc.gen = [1 0 0 9 -9 1 100 1 80 0; 2 0 0 9 -9 1 100 1 80 0];
mpc.gencost = [2 0 0 2 10 0; 2 0 0 2 30 0];
mpc.branch = [1 2 0 0.1 0 40 0 0 0 0 1 -30 30];
"""


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Call = Callable[..., Done]
THREE_BUSES = Path(__file__).parents[1] / "grid" / "cases" / "three_bus_day"


@pytest.fixture
def dispatch(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the command line with these arguments."""

    def call(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["gridpilot", "dispatch", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return Done(ended.value.code, *capsys.readouterr())

    return call


def test_a_case_becomes_a_plan_in_a_file(tmp_path: Path, dispatch: Call) -> None:
    case, out = tmp_path / "two.m", tmp_path / "plan.json"
    case.write_text(CASE)
    done = dispatch(case, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "two: optimal, 700.00 per hour" in done.stdout
    assert "full branches: branch-1" in done.stdout
    plan = json.loads(out.read_text())
    assert plan["objective"] == 700.0
    assert plan["units"]["gen-1"] == [{"on": True, "power_mw": 40.0, "reserve_mw": 0.0}]
    assert plan["buses"]["2"][0]["lmp"] == 30.0
    assert plan["branches"]["branch-1"] == [{"flow_mw": 40.0, "limit_mw": 40.0, "shadow_price": 20.0}]


def test_json_is_printed_on_request(tmp_path: Path, dispatch: Call) -> None:
    case = tmp_path / "two.m"
    case.write_text(CASE)
    done = dispatch(case, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "optimal"


def test_a_byte_order_mark_counts_for_nothing(tmp_path: Path, dispatch: Call) -> None:
    (tmp_path / "two.m").write_text(CASE, encoding="utf-8-sig")
    (tmp_path / "day").mkdir()
    (tmp_path / "day" / "network.m").write_text(CASE, encoding="utf-8-sig")
    (tmp_path / "day" / "periods.json").write_text('{"periods": 2}', encoding="utf-8-sig")
    for case in ("two.m", "day"):
        assert dispatch(tmp_path / case).returncode == 0


def test_no_feasible_dispatch_ends_with_three_and_the_reason(tmp_path: Path, dispatch: Call) -> None:
    case, out = tmp_path / "two.m", tmp_path / "plan.json"
    case.write_text(CASE.replace("2 1 50", "2 1 170"))
    done = dispatch(case, "--out", out)
    assert done.returncode == 3
    assert "10.000 MW more load than its generators can serve" in done.stderr
    assert json.loads(out.read_text())["status"] == "infeasible"


def test_every_fault_of_a_case_is_printed_and_the_status_is_two(tmp_path: Path, dispatch: Call) -> None:
    case, out = tmp_path / "two.m", tmp_path / "plan.json"
    case.write_text(CASE.replace("1 2 0 0.1", "1 9 0 0").replace("2 1 50", "2 1 NaN"))
    done = dispatch(case, "--out", out)
    assert done.returncode == 2
    for words in ("mpc.bus row 2: Pd must be finite", "to bus 9 is no bus", "the reactance x must not be 0"):
        assert words in done.stderr
    assert not out.exists()


UNIT = {
    "must_run": 0,
    "power_output_minimum": 10.0,
    "power_output_maximum": 30.0,
    "ramp_up_limit": 30.0,
    "ramp_down_limit": 30.0,
    "ramp_startup_limit": 30.0,
    "ramp_shutdown_limit": 30.0,
    "time_up_minimum": 1,
    "time_down_minimum": 1,
    "power_output_t0": 0.0,
    "unit_on_t0": 0,
    "time_up_t0": 0,
    "time_down_t0": 9,
    "startup": [{"lag": 1, "cost": 50.0}],
    "piecewise_production": [{"mw": 10.0, "cost": 100.0}, {"mw": 30.0, "cost": 500.0}],
}


def instance(tmp_path: Path, demand: list[float]) -> Path:
    file = tmp_path / "two-hours.json"
    data = {"time_periods": 2, "demand": demand, "thermal_generators": {"u": UNIT}}
    file.write_text(json.dumps(data))
    return file


def test_a_commitment_instance_becomes_a_plan(tmp_path: Path, dispatch: Call) -> None:
    out = tmp_path / "plan.json"
    done = dispatch(instance(tmp_path, [0.0, 20.0]), "--gap", "0.001", "--time-limit", "20", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "two-hours: optimal, 350.00 over 2 periods" in done.stdout
    plan = json.loads(out.read_text())
    assert [record["on"] for record in plan["units"]["u"]] == [False, True]
    assert plan["units"]["u"][1]["power_mw"] == 20.0
    assert plan["reasons"]["u"][-1]["text"]


def test_without_time_there_is_a_plan_by_rule_that_says_so(tmp_path: Path, dispatch: Call) -> None:
    done = dispatch(instance(tmp_path, [0.0, 20.0]), "--time-limit", "0")
    assert done.returncode == 0, done.stderr
    assert "two-hours: rule-based, 350.00 over 2 periods (no bound is proven)" in done.stdout
    assert "There is no optimised plan: no time was given to search for one. This is a plan by rule" in done.stdout


def test_a_plan_by_rule_that_relaxes_what_is_never_relaxed_says_so_and_ends_with_three(
    tmp_path: Path, dispatch: Call
) -> None:
    done = dispatch(instance(tmp_path, [0.0, 80.0]), "--time-limit", "0", "--out", tmp_path / "plan.json")
    assert done.returncode == 3
    assert "It relaxes limits that are never relaxed: load shed at bus system." in done.stdout
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert (plan["status"], plan["unkept"]) == ("rule-based", ["load shed at bus system"])


def test_without_even_a_plan_by_rule_the_remedy_is_told(
    tmp_path: Path, dispatch: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*_args: object, **_options: object) -> None:
        raise UnsolvedError("no commitment to fall back on can be dispatched")

    monkeypatch.setattr("grid.dispatch.plan_always", late)
    done = dispatch(instance(tmp_path, [0.0, 20.0]))
    assert done.returncode == 1
    assert "--time-limit: not even a plan by rule: no commitment to fall back on" in done.stderr
    assert "give more" in done.stderr


def test_a_case_of_one_period_for_which_time_is_too_short_tells_the_remedy(tmp_path: Path, dispatch: Call) -> None:
    case = tmp_path / "two.m"
    case.write_text(CASE)
    done = dispatch(case, "--time-limit", "0")
    assert done.returncode == 1
    assert "--time-limit: it ended before a dispatch kept the limits of all branches\n    give more" in done.stderr


def test_a_commitment_without_a_plan_ends_with_three_and_a_way_out(tmp_path: Path, dispatch: Call) -> None:
    done = dispatch(instance(tmp_path, [0.0, 80.0]))
    assert done.returncode == 3
    assert "Way out: load shed at bus system, up to 50.0 MW for 60 min in period 1" in done.stderr


def test_where_no_commitment_keeps_every_limit_a_way_out_is_told(tmp_path: Path, dispatch: Call) -> None:
    network, periods = (THREE_BUSES / name for name in ("network.m", "periods.json"))
    narrow = network.read_text().replace("1\t2\t0.01\t0.1\t0.02\t100", "1\t2\t0.01\t0.1\t0.02\t30")
    narrow = narrow.replace("1\t3\t0.01\t0.1\t0.02\t100", "1\t3\t0.01\t0.1\t0.02\t31.15")
    (tmp_path / "network.m").write_text(narrow)
    never = dict.fromkeys(("shedding", "overload", "reserve_up", "reserve_down", "storage_end", "surplus", "spill"))
    changed = {"penalties": never, "load_scale": 1.6, "reserves": {}, "n_1": False}
    (tmp_path / "periods.json").write_text(json.dumps(json.loads(periods.read_text()) | changed))
    done = dispatch(tmp_path)
    assert done.returncode == 3
    assert "No plan keeps all of: load served in full, " in done.stderr
    assert "Way out: overload of branch branch-2, up to 4.8 MW, 115.4 % of its rating, for 3 h between " in done.stderr


def test_wrong_options_are_named_together(tmp_path: Path, dispatch: Call) -> None:
    done = dispatch(instance(tmp_path, [0.0, 20.0]), "--gap", "-1", "--time-limit", "nan")
    assert done.returncode == 2
    assert "--gap" in done.stderr
    assert "--time-limit" in done.stderr


@pytest.mark.parametrize("name", ["notes.txt", "missing.m", "missing.json"])
def test_what_is_no_case_file_is_told_what_is_accepted(tmp_path: Path, dispatch: Call, name: str) -> None:
    (tmp_path / "notes.txt").write_text("{}")
    done = dispatch(tmp_path / name)
    assert done.returncode == 2
    assert "MATPOWER case" in done.stderr


def test_a_folder_is_planned_and_checked_with_alternating_current(tmp_path: Path, dispatch: Call) -> None:
    (tmp_path / "network.m").write_text(CASE)
    (tmp_path / "periods.json").write_text('{"periods": 2, "load_scale": [0.5, 1.0]}')
    done = dispatch(tmp_path, "--ac-check", "--json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert [record["power_mw"] for record in plan["units"]["gen-1"]] == [25.0, 40.0]
    assert len(plan["ac"]["losses_mw"]) == 2


def test_a_secure_plan_names_the_outages_that_it_leaves_out(tmp_path: Path, dispatch: Call) -> None:
    (tmp_path / "network.m").write_text(CASE)
    (tmp_path / "periods.json").write_text('{"periods": 1, "n_1": true}')
    done = dispatch(tmp_path)
    assert "not secured, since their outage splits the network: branch-1" in done.stdout


def test_what_a_folder_lacks_is_named_together(tmp_path: Path, dispatch: Call) -> None:
    done = dispatch(tmp_path)
    assert done.returncode == 2
    assert "has neither network.m nor network.json" in done.stderr
    assert "has no periods.json" in done.stderr


def test_an_alternating_current_check_stands_in_the_plan_of_a_case(tmp_path: Path, dispatch: Call) -> None:
    case = tmp_path / "two.m"
    case.write_text(CASE)
    done = dispatch(case, "--ac-check")
    assert done.returncode == 0, done.stderr
    assert "AC power flow:" in done.stdout


def test_an_alternating_current_check_needs_a_network(tmp_path: Path, dispatch: Call) -> None:
    done = dispatch(instance(tmp_path, [0.0, 20.0]), "--ac-check")
    assert done.returncode == 2
    assert "a unit commitment instance has no network" in done.stderr
    (tmp_path / "network.json").write_text('{"buses": {"a": {}}}')
    (tmp_path / "periods.json").write_text('{"periods": 1}')
    done = dispatch(tmp_path, "--ac-check")
    assert done.returncode == 2
    assert "tells no reactive loads, voltages and charging" in done.stderr
    assert "give the network as network.m" in done.stderr


CASES = Path(__file__).resolve().parents[1] / "grid" / "cases"


@pytest.mark.parametrize("case", ["pandapower_net/network.json", "two_area_source"])
def test_networks_of_pandapower_and_source_folders_are_checked_too(case: str, dispatch: Call) -> None:
    done = dispatch(CASES / case, "--ac-check", "--json")
    assert done.returncode == 0, done.stderr
    ac = json.loads(done.stdout)["ac"]
    assert ac["converged"], ac["message"]
    assert max(ac["losses_mw"]) > 0.0


def test_a_network_of_pandapower_is_dispatched(dispatch: Call) -> None:
    done = dispatch(CASES / "pandapower_net" / "network.json", "--json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert (plan["status"], plan["case"]) == ("optimal", "ring with a phase shifter")
    assert plan["branches"]["line-1"][0]["shadow_price"] > 0.0


def test_a_source_folder_is_planned_for_the_hours_asked_for(dispatch: Call) -> None:
    done = dispatch(CASES / "two_area_source", "--start", "2020-07-10T12:00", "--hours", "24", "--n-1", "--json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert (plan["axis"]["start"], plan["axis"]["periods"]) == ("2020-07-10T12:00:00Z", 4)
    assert set(plan["renewables"]) == {"201_WIND_1", "201_HYDRO_1", "102_HYDRO_2", "201_CSP_1"}
    assert plan["renewables"]["102_HYDRO_2"][0]["available_mw"] == 9.0
    assert not {name for part in ("assets", "reasons") for name in plan[part] if "(minimum)" in name}


def test_what_is_wrong_with_a_source_folder_is_listed(tmp_path: Path, dispatch: Call) -> None:
    (tmp_path / "gen.csv").write_text("GEN UID\n")
    done = dispatch(tmp_path)
    assert done.returncode == 2
    assert "bus.csv: there is no such file" in done.stderr
    assert "timeseries_pointers.csv: there is no such file" in done.stderr


def test_options_of_source_folders_are_refused_elsewhere(tmp_path: Path, dispatch: Call) -> None:
    (tmp_path / "two.m").write_text(CASE)
    for options in (("--start", "2020-07-10"), ("--hours", "3"), ("--n-1",)):
        done = dispatch(tmp_path / "two.m", *options)
        assert done.returncode == 2
        assert "are for source folders" in done.stderr
