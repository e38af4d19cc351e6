"""``gridpilot redispatch`` as a user calls it: a plan's commitment under newer forecasts."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.cli import main

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


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not a plan"),
        ("[]", "not a plan"),
        ('{"axis": {"step_minutes": 60, "periods": 6}}', "not a plan"),
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
