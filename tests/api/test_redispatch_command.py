"""``gridpilot redispatch`` as a user calls it: a plan's commitment under newer forecasts."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable
from functools import partialmethod
from pathlib import Path
from typing import Any

import pytest

from api.cli import main
from grid.dispatch import Redispatch

DAY = Path(__file__).resolve().parents[1] / "grid" / "cases" / "three_bus_day"
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def gridpilot(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the command line with these arguments: status, what is printed, what is said of faults."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gridpilot", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code, *capsys.readouterr()

    return call


@pytest.fixture
def planned(tmp_path: Path, gridpilot: Call) -> tuple[Path, Path]:
    """A folder of its own, and its plan."""
    case, plan = tmp_path / "day", tmp_path / "plan.json"
    shutil.copytree(DAY, case)
    assert gridpilot("dispatch", case, "--out", plan)[0] == 0
    return case, plan


def changed(case: Path, **parts: Any) -> None:
    """Write other parts into a folder's periods; None takes one away."""
    file = case / "periods.json"
    told = json.loads(file.read_text()) | parts
    file.write_text(json.dumps({name: part for name, part in told.items() if part is not None}))


def test_units_stay_on_while_set_points_follow_the_forecast(
    planned: tuple[Path, Path], gridpilot: Call, tmp_path: Path
) -> None:
    case, plan = planned
    changed(case, load_scale=[0.7, 0.8, 1.05, 1.1, 1.0, 0.8])
    out = tmp_path / "again.json"
    status, told, said = gridpilot("redispatch", case, "--plan", plan, "--out", out)
    assert (status, said) == (0, "")
    assert "day: " in told
    assert "load: " in told
    assert "no longer kept ready, to be used now: upward reserve" in told
    before, again = json.loads(plan.read_text()), json.loads(out.read_text())
    assert again["units"].keys() == before["units"].keys()
    for name, rows in again["units"].items():
        assert [row["on"] for row in rows] == [row["on"] for row in before["units"][name]]
    (load,) = again["changes"]["inputs"]
    assert load["change_mw"] == pytest.approx(again["system"][2]["load_mw"] - before["system"][2]["load_mw"])
    assert again["changes"]["since"] == "plan.json"
    assert again["axis"] == before["axis"]


def test_periods_without_dates_are_dispatched_again_too(planned: tuple[Path, Path], gridpilot: Call) -> None:
    case, plan = planned
    changed(case, start=None, timezone=None)
    assert gridpilot("dispatch", case, "--out", plan)[0] == 0
    changed(case, loads={"3": 500.0})
    status, told, _ = gridpilot("redispatch", case, "--plan", plan, "--json")
    again = json.loads(told)
    assert status == 0
    assert again["axis"] == {"step_minutes": 60, "periods": 6}
    assert again["changes"] is None
    assert {violation["period"] for violation in again["violations"]} == set(range(6))


def test_a_commitment_that_cannot_be_dispatched_has_status_3(planned: tuple[Path, Path], gridpilot: Call) -> None:
    case, plan = planned
    changed(case, loads={"3": 500.0}, penalties={"shedding": None, "overload": None})
    status, _, said = gridpilot("redispatch", case, "--plan", plan)
    assert status == 3
    assert "cannot be dispatched" in said


def test_what_is_not_settled_in_time_has_status_1(
    planned: tuple[Path, Path], gridpilot: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, plan = planned
    monkeypatch.setattr(Redispatch, "solve", partialmethod(Redispatch.solve, seconds=0.0))
    status, _, said = gridpilot("redispatch", case, "--plan", plan)
    assert status == 1
    assert "is not dispatched: not settled in 0 s" in said


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not a plan"),
        ("[]", "not a plan"),
        ('{"axis": {"step_minutes": 60, "periods": 6}}', "not a plan"),
        ("[" * 200_000, "nested too deep"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_plan_is_a_fault(
    text: str | None, told: str, planned: tuple[Path, Path], gridpilot: Call, tmp_path: Path
) -> None:
    file = tmp_path / "other.json"
    if text is not None:
        file.write_text(text)
    status, _, said = gridpilot("redispatch", planned[0], "--plan", file)
    assert status == 2
    assert told in said


def test_a_plan_of_other_periods_or_units_is_a_fault(planned: tuple[Path, Path], gridpilot: Call) -> None:
    case, plan = planned
    told = json.loads(plan.read_text())
    del told["units"]["gen-1"]
    plan.write_text(json.dumps(told))
    status, _, said = gridpilot("redispatch", case, "--plan", plan)
    assert status == 2
    assert "gen-1" in said
    changed(case, step_minutes=30)
    status, _, said = gridpilot("redispatch", case, "--plan", plan)
    assert status == 2
    assert "60 minutes" in said


def test_every_fault_of_a_plan_is_told_at_once(planned: tuple[Path, Path], gridpilot: Call) -> None:
    case, file = planned
    plan = json.loads(file.read_text())
    plan["axis"] |= {"start": "2026-03-01T00:00:00", "step_minutes": True}
    plan["units"]["ghost"] = plan["units"]["gen-1"]
    plan["units"]["gen-2"] = [record | {"power_mw": math.nan} for record in plan["units"]["gen-2"]]
    plan["units"]["smelter"][3]["on"] = "false"
    plan["storages"]["battery"].pop()
    plan["system"][1] = 7
    file.write_text(json.dumps(plan))
    status, _, said = gridpilot("redispatch", case, "--plan", file)
    assert status == 2
    for told in (
        "axis.start: must be an instant with its offset",
        "has periods of True minutes, the case of 60",
        "units.ghost: the case has no such unit",
        "units.gen-2[0].power_mw: must be a number, got nan",
        "units.smelter[3].on: must be true or false, got 'false'",
        "storages.battery: must have a record for each of 6 periods, got 5",
        "system[1].load_mw: must be a number, got 7",
    ):
        assert told in " ".join(said.split())


@pytest.mark.parametrize("periods", [6.0, True, "6", 0, None])
def test_periods_are_a_whole_number(planned: tuple[Path, Path], gridpilot: Call, periods: object) -> None:
    case, file = planned
    plan = json.loads(file.read_text())
    plan["axis"]["periods"] = periods
    file.write_text(json.dumps(plan))
    status, _, said = gridpilot("redispatch", case, "--plan", file)
    assert status == 2
    assert "axis.periods: must be a whole number" in said


def test_a_unit_that_tripped_is_told_and_not_started_before_its_time(
    planned: tuple[Path, Path], gridpilot: Call
) -> None:
    case, plan = planned
    units = json.loads((case / "periods.json").read_text())["units"]
    changed(case, units=units | {"gen-1": units["gen-1"] | {"initial": {"on": False, "hours": 1}}})
    status, _, said = gridpilot("redispatch", case, "--plan", plan)
    assert status == 2
    assert "gen-1: it starts at 2026-02-28T23:00:00Z after 1 h off, at least 3 h are needed" in " ".join(said.split())
    changed(case, units=units | {"gen-1": {"out_of_service": True}})
    status, told, _ = gridpilot("redispatch", case, "--plan", plan)
    assert status == 0
    assert "gen-1: " in told
    assert "no longer has it" in told


def test_a_plan_that_begins_between_the_periods_is_a_fault(planned: tuple[Path, Path], gridpilot: Call) -> None:
    case, plan = planned
    changed(case, start="2026-03-01T00:30:00+01:00")
    status, _, said = gridpilot("redispatch", case, "--plan", plan)
    assert status == 2
    assert "begin between those to dispatch" in " ".join(said.split())


def test_a_plan_without_dates_begins_where_a_dated_case_does(planned: tuple[Path, Path], gridpilot: Call) -> None:
    case, plan = planned
    dated = json.loads((case / "periods.json").read_text())
    changed(case, start=None, timezone=None)
    assert gridpilot("dispatch", case, "--out", plan)[0] == 0
    changed(case, start=dated["start"], timezone=dated["timezone"])
    status, told, _ = gridpilot("redispatch", case, "--plan", plan, "--json")
    assert status == 0
    assert json.loads(told)["changes"]["inputs"] == []


def test_a_long_list_says_how_many_more_there_are(planned: tuple[Path, Path], gridpilot: Call) -> None:
    case, plan = planned
    changed(case, loads={"3": [500.0, 90.0, 500.0, 90.0, 500.0, 90.0]})
    status, told, _ = gridpilot("redispatch", case, "--plan", plan, "--json")
    document = json.loads(told)
    status, told, _ = gridpilot("redispatch", case, "--plan", plan)
    assert status == 0
    assets = len(document["changes"]["assets"])
    assert assets > 8
    for limit in {violation["what"] for violation in document["violations"]}:
        assert told.count(f"{limit}: ") == 1
    assert told.endswith(f"  and {assets - 8} more\n")
