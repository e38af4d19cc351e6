"""``gridpilot forecast --from`` and what it writes beside the forecast: scenarios that dispatch reads, explanations."""

from __future__ import annotations

import json
import re
import runpy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from api.cli import app
from api.commands.forecast_file import Extras, describe, forecast_to_file
from forecasting.files.forecast import SeriesReport
from forecasting.files.inputs import FileInputs
from forecasting.series.request import DEFAULTS, MEANINGS, MINUTES, Covariate, Kind, SeriesSettings
from grid.cases.fields import Fields
from grid.cases.uncertain import read_profile
from grid.faults import InputError

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "forecast-files.md").read_text()


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Two series of five days and a day ahead."""
    times = pd.date_range("2026-03-01", periods=24 * 6, freq="h", tz="UTC")
    known = np.arange(len(times)) < 120
    value = 50.0 + 10.0 * np.sin(times.hour.to_numpy() / 12.0 * np.pi) + np.arange(len(times)) % 5
    frame = pd.concat(
        [pd.DataFrame({"series_id": name, "time": times, "value": np.where(known, value, np.nan)}) for name in "ab"]
    )
    frame.to_csv(tmp_path / "in.csv", index=False)
    entries = {"*": {"kind": "load", "interval_minutes": 60, "unit": "MW"}}
    (tmp_path / "series.json").write_text(json.dumps({"series": entries}))
    return tmp_path / "in.csv", tmp_path / "series.json"


def run(files: tuple[Path, Path], out: Path, extras: Extras) -> None:
    forecast_to_file(*files, out, quantiles="0.1,0.5,0.9", effort="fast", seed=0, extras=extras, as_json=False)


def test_scenarios_are_written_as_a_folder_case_reads_them(files: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "scenarios.json"
    run(files, tmp_path / "out.csv", Extras(scenarios=6, scenarios_out=out))
    faults: list[Any] = []
    profile = read_profile(Fields(json.loads(out.read_text()), "", faults), "a", 24, sign=1.0)
    assert faults == []
    assert profile.scenarios.shape == (6, 24)
    told = pd.read_csv(tmp_path / "out.csv")
    np.testing.assert_allclose(np.median(profile.scenarios, axis=0), told[told["series_id"] == "a"]["q0.5"], atol=0.5)


def test_the_explanation_is_written_with_words_and_as_a_table(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(files, tmp_path / "out.csv", Extras(explain=tmp_path / "why.parquet"))
    told = pd.read_parquet(tmp_path / "why.parquet")
    forecast = pd.read_csv(tmp_path / "out.csv")
    total = told.groupby(["series_id", "time"])[["to_median", "to_width"]].sum()
    np.testing.assert_allclose(total["to_median"], forecast["q0.5"], atol=1e-9)
    np.testing.assert_allclose(total["to_width"], forecast["q0.9"] - forecast["q0.1"], atol=1e-9)
    assert "a, 2026-03-06: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("extras", "told"),
    [
        (Extras(scenarios=5), "--scenarios-out: is missing"),
        (Extras(scenarios_out=Path("x.csv")), "--scenarios: is missing"),
        (Extras(explain=Path("why.txt")), "--explain: "),
        (Extras(explain=Path("nowhere/why.json")), "--explain: "),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_work(
    files: tuple[Path, Path], tmp_path: Path, extras: Extras, told: str
) -> None:
    with pytest.raises(InputError) as found:
        run(files, tmp_path / "out.csv", extras)
    (fault,) = found.value.faults
    assert str(fault).startswith(told)


@pytest.mark.parametrize(
    ("out", "extras", "told"),
    [
        ("in.csv", {}, "--out: .*in.csv is the file of --from, too"),
        ("out.csv", {"scenarios": 5, "scenarios_out": "out.csv"}, "--scenarios-out: .* is the file of --out, too"),
        ("out.csv", {"explain": "../{}/out.csv"}, "--explain: .* is the file of --out, too"),
        ("out.csv", {"explain": "series.json"}, "--explain: .* is the file of --series, too"),
    ],
)
def test_nothing_is_written_over_what_was_given_or_just_written(
    files: tuple[Path, Path], tmp_path: Path, out: str, extras: dict[str, Any], told: str
) -> None:
    given = files[0].read_bytes()
    paths = {name: tmp_path / v.format(tmp_path.name) if isinstance(v, str) else v for name, v in extras.items()}
    with pytest.raises(InputError, match=told):
        run(files, tmp_path / out, Extras(**paths))
    assert (files[0].read_bytes(), (tmp_path / "out.csv").exists()) == (given, False)


def test_parquet_tells_the_provenance_of_its_values(files: tuple[Path, Path], tmp_path: Path) -> None:
    run(files, tmp_path / "out.parquet", Extras())
    a, b = pd.read_parquet(tmp_path / "out.parquet").attrs["series"]
    assert (a["series_id"], a["method"], a["fallback_level"], a["degraded"]) == ("a", b["method"], 5, True)
    assert a["inputs"] == {"readings_until": a["issued_at"], "covariates_until": None, "completeness": 0.7143}
    assert (a["issued_at"], a["model_id"]) == ("2026-03-06T00:00:00Z", b["model_id"])


def test_a_reason_that_all_series_share_is_told_once() -> None:
    issued = datetime(2026, 3, 6, tzinfo=UTC)
    made = ("file-0123456789ab", 5, issued, FileInputs(issued, None, 0.7))
    reports = [
        SeriesReport(name, "seasonal-naive", {"seasonal-naive": 1.0}, 1.0, skill, origins, True, reasons, *made)
        for name, skill, origins, reasons in (
            ("a", 0.25, 6, ("Short.", "Constant.")),
            ("b", None, 6, ("Short.",)),
            ("c", None, 0, ("Short.",)),
        )
    ]
    assert list(describe(reports)) == [
        "a: seasonal-naive 1.00; skill 0.250 over 6 origins\n    Constant.",
        "b: seasonal-naive 1.00; no skill to tell over 6 origins",
        "c: seasonal-naive 1.00; no backtest",
        "of every series:\n    Short.",
    ]
    assert list(describe(reports[2:])) == ["c: seasonal-naive 1.00; no backtest\n    Short."]


def test_the_example_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (script,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    Path("example.py").write_text(script)
    runpy.run_path("example.py")
    (call,) = re.findall(r"^    gridpilot (forecast --from feeder.*)$", PAGE, flags=re.MULTILINE)
    ((rows, columns),) = re.findall(r"writes (\d+) rows with the columns `([^`]+)`", PAGE)
    assert CliRunner().invoke(app, call.split()).exit_code == 0
    made = pd.read_csv("out.csv", parse_dates=["time"])
    assert (len(made), ", ".join(made.columns)) == (int(rows), columns)
    assert made["time"].iloc[0] == pd.Timestamp("2026-04-13T00:00Z")


def test_every_field_and_word_of_a_series_stands_on_the_page() -> None:
    told = set(re.findall(r"`([^`]+)`", PAGE.split("## SERIES.json")[1]))
    assert {*SeriesSettings.model_fields, *Covariate.model_fields, *MEANINGS, *get_args(Kind), f'"{DEFAULTS}"'} <= told
    assert f"{', '.join(map(str, MINUTES[:-1]))} or {MINUTES[-1]}" in PAGE
