"""``POST /forecasts/from-file``: two files up, a forecast down, in a process of its own."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from api.client import GridPilot, GridPilotError
from api.file_forecasts import FileForecaster, FileOptions
from api.problems import Problem

SERIES = {"*": {"kind": "load", "interval_minutes": 60}}
FORM = {"quantiles": "0.1,0.5,0.9", "effort": "fast"}


def table(days: int = 5) -> pd.DataFrame:
    """A course of the day, and a day to forecast."""
    times = pd.date_range("2026-03-01", periods=24 * (days + 1), freq="h", tz="UTC")
    value = 50.0 + 10.0 * np.sin(times.hour.to_numpy() / 24.0 * 2.0 * np.pi) + np.arange(len(times)) % 5
    value[24 * days :] = np.nan
    return pd.DataFrame({"series_id": "a", "time": times, "value": value})


def files(frame: pd.DataFrame, series: object = SERIES) -> dict[str, Any]:
    return {"file": ("in.csv", frame.to_csv(index=False).encode()), "series": json.dumps({"series": series}).encode()}


def test_an_upload_is_answered_as_csv(api: Any) -> None:
    with api.client("analyst") as client:
        sent = client.post(
            "/forecasts/from-file", files=files(table()), data=FORM, headers={"Accept": "text/csv"}, timeout=60.0
        )
    assert sent.status_code == 200, sent.text
    made = pd.read_csv(io.StringIO(sent.text))
    assert list(made.columns) == ["series_id", "time", "mean", "q0.1", "q0.5", "q0.9"]
    assert len(made) == 24
    assert made["time"].iloc[0] == "2026-03-06T00:00:00Z"


def test_the_client_sends_a_frame_and_gets_one_with_its_reports(api: Any) -> None:
    with GridPilot(api.url, api.keys["operator"]) as grid:
        made = grid.forecast_file(table(), SERIES, quantiles=[0.25, 0.75], effort="fast")
    assert list(made.columns) == ["series_id", "time", "mean", "q0.25", "q0.75"]
    assert made["mean"].between(35.0, 70.0).all()
    (report,) = made.attrs["series"]
    assert report["degraded"]
    assert report["reasons"]


def test_scenarios_and_the_explanation_come_with_the_forecast(api: Any) -> None:
    with GridPilot(api.url, api.keys["operator"], timeout_seconds=240.0) as grid:
        made = grid.forecast_file(table(), SERIES, quantiles=[0.1, 0.5, 0.9], effort="fast", scenarios=5, explain=True)
    drawn, told = pd.DataFrame(made.attrs["scenarios"]), pd.DataFrame(made.attrs["explanation"]["rows"])
    assert list(drawn.columns) == ["series_id", "time", "s1", "s2", "s3", "s4", "s5"]
    np.testing.assert_allclose(np.sort(drawn.iloc[:, 2:].to_numpy(), axis=1)[:, 2], made["q0.5"])
    total = told.groupby("time")[["to_median", "to_width"]].sum()
    np.testing.assert_allclose(total["to_median"], made["q0.5"], atol=1e-9)
    np.testing.assert_allclose(total["to_width"], made["q0.9"] - made["q0.1"], atol=1e-9)
    (one,) = made.attrs["explanation"]["series"]
    assert one["sentences"][0].startswith("2026-03-06: ")


def test_the_days_before_the_horizon_come_where_they_are_asked_for(api: Any) -> None:
    frame = table()
    frame.loc[24 * 5 - 2, "value"] = np.nan
    sent = api.post("/forecasts/from-file", files=files(frame), data={**FORM, "history_days": "2"}, timeout=120.0)
    (one,) = sent.json()["history"]
    assert (one["series_id"], one["unit"], one["interval_minutes"]) == ("a", "", 60)
    assert one["start"] == "2026-03-04T00:00:00Z"
    assert one["values"] == [None if np.isnan(value) else value for value in frame["value"][72:120]]


def test_more_scenarios_than_are_sent_are_refused(api: Any, problem: Callable[..., dict[str, Any]]) -> None:
    def wide(hours: int) -> pd.DataFrame:
        times = pd.date_range("2026-03-01", periods=48 + hours, freq="h", tz="UTC")
        value = np.where(np.arange(len(times)) < 48, 1.0, np.nan)
        return pd.DataFrame({"series_id": "a", "time": times, "value": value})

    form = {**FORM, "scenarios": "10000"}
    sent = api.post("/forecasts/from-file", "analyst", files=files(wide(300)), data=form, timeout=120.0)
    assert problem(sent, 422)["faults"][0]["place"] == "scenarios"


def test_every_fault_of_the_files_is_listed(api: Any) -> None:
    frame = table()
    frame["value"] = frame["value"].astype(object)
    frame.loc[3, "value"] = "many"
    with GridPilot(api.url, api.keys["operator"]) as grid, pytest.raises(GridPilotError) as found:
        grid.forecast_file(frame.astype({"value": str}).replace("nan", ""), {"b": {"kind": "load"}})
    assert found.value.status == 422
    told = str(found.value)
    assert "value, row 4: is no number" in told
    assert "series a: is not in SERIES.json" in told


def test_levels_that_are_none_are_named_as_the_form_names_them_before_a_file_is_read() -> None:
    with pytest.raises(Problem) as found:
        FileForecaster(max_seconds=0.0).forecast(b"", b"{", FileOptions(quantiles="0.5,x"))
    assert found.value.status == 422
    assert [fault.place for fault in found.value.faults] == ["quantiles", "SERIES.json"]


def test_a_meter_may_not_and_nothing_is_no_upload(
    api: Any, problem: Callable[[httpx.Response, int], dict[str, Any]]
) -> None:
    problem(api.post("/forecasts/from-file", "meter", files=files(table())), 403)
    missing = problem(api.post("/forecasts/from-file", data=FORM), 422)
    assert {fault["place"] for fault in missing["faults"]} == {"body.file", "body.series"}
    problem(api.post("/forecasts/from-file", files={**files(table()), "series": b"{"}), 422)


def test_work_that_takes_too_long_is_ended() -> None:
    content = table().to_csv(index=False).encode()
    series = json.dumps({"series": SERIES}).encode()
    with pytest.raises(Problem, match="took more than 0 s") as found:
        FileForecaster(max_seconds=0.05).forecast(content, series, FileOptions())
    assert found.value.status == 503
