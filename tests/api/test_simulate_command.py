"""``gridpilot simulate`` as a user calls it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from api.cli import main

DAY = Path(__file__).resolve().parents[1] / "grid" / "cases" / "three_bus_day"
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def simulate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the command line with these arguments: exit status, what it printed, what it complained of."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gridpilot", "simulate", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return call


@pytest.fixture
def day(tmp_path: Path) -> Path:
    """The example of a folder case, with a day on which there was more load and less wind than forecast."""
    folder = tmp_path / "day"
    shutil.copytree(DAY, folder)
    happened = {"loads": {"3": [60, 70, 92, 99, 80, 60]}, "renewables": {"gen-3": [20, 10, 5, 2, 18, 30]}}
    (folder / "actuals.json").write_text(json.dumps(happened))
    return folder


def test_a_folder_case_is_carried_out_beside_perfect_foresight(day: Path, simulate: Call) -> None:
    status, out, err = simulate(day, "--json")

    assert status == 0, err
    told = json.loads(out)
    assert told["forecasts"]["total"] > told["perfect_foresight"]["total"]
    assert told["regret"]["money"] == pytest.approx(told["forecasts"]["total"] - told["perfect_foresight"]["total"])
    assert (told["forecasts"]["promised"], told["forecasts"]["exceeded"]) == (0.05, 0.5)
    assert told["perfect_foresight"]["promised"] is None
    assert len(told["daily"]["forecasts"]) == 1


def test_the_table_says_what_was_promised_and_what_came(day: Path, simulate: Call) -> None:
    status, out, err = simulate(day)

    assert status == 0, err
    assert "net load lay beyond forecast and reserve in 50.0% of the periods, 5.0% were promised" in out
    assert "regret: " in out
    assert " EUR, " in out


def test_without_what_happened_there_is_nothing_to_simulate(simulate: Call) -> None:
    status, _, err = simulate(DAY)

    assert status == 2
    assert "has no actuals.json" in err


def changed(folder: Path, **told: object) -> Path:
    """The same folder with other things told in ``periods.json``; None is left out."""
    file = folder / "periods.json"
    document = json.loads(file.read_text()) | told
    file.write_text(json.dumps({key: value for key, value in document.items() if value is not None}))
    return folder


def test_a_folder_case_says_its_hours_itself(day: Path, simulate: Call) -> None:
    status, _, err = simulate(day, "--hours", "24")

    assert status == 2
    assert "--start, --hours" in err


@pytest.mark.parametrize(
    ("minutes", "arguments"), [(7, ()), (50, ()), (120, ("--horizon", "25")), (1440, ()), (2880, ("--horizon", "48"))]
)
def test_periods_that_do_not_fit_a_daily_plan_are_refused(
    day: Path, simulate: Call, minutes: int, arguments: tuple[str, ...]
) -> None:
    status, _, err = simulate(changed(day, step_minutes=minutes), *arguments)

    assert status == 2
    assert "must be a whole number of periods of" in err


def test_a_limit_that_is_never_relaxed_is_refused(day: Path, simulate: Call) -> None:
    status, _, err = simulate(changed(day, penalties={"shedding": None}))

    assert status == 2
    assert "never relaxed" in err


def test_where_nothing_is_uncertain_nothing_is_promised(day: Path, simulate: Call) -> None:
    certain = {"gen-3": {"bus": "3", "kind": "wind", "available_mw": 30}}

    status, out, err = simulate(changed(day, loads=None, renewables=certain), "--json")

    assert status == 0, err
    assert json.loads(out)["forecasts"]["promised"] is None


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_a_day_that_costs_nothing_has_a_regret_but_no_share(
    day: Path, simulate: Call, arguments: tuple[str, ...]
) -> None:
    (day / "network.json").write_text(json.dumps({"buses": {"a": {}}}))
    (day / "network.m").unlink(missing_ok=True)
    (day / "periods.json").write_text(
        json.dumps({"periods": 3, "loads": {"a": 5}, "renewables": {"sun": {"bus": "a", "available_mw": 9}}})
    )
    (day / "actuals.json").write_text("{}")

    status, out, err = simulate(day, *arguments)

    assert status == 0, err
    if arguments:
        assert json.loads(out)["regret"] == {"money": 0.0, "share": None, "interval_90": [None, None]}
    else:
        assert "regret: 0.00 USD" in out


def test_a_source_folder_tells_both_itself(shared_data: Path, simulate: Call) -> None:
    case = shared_data / "prescient_24bus" / "case"
    if not case.is_dir():
        pytest.skip("the benchmark data do not lie beside the repository")

    status, out, err = simulate(case, "--start", "2020-07-11T06:00", "--hours", "3", "--gap", "0.01", "--json")

    assert status == 0, err
    told = json.loads(out)
    assert told["forecasts"]["unserved_mwh"] == 0.0  # the load forecast is far too high
    assert told["regret"]["money"] > 0.0
