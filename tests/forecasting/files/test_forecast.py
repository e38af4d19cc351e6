"""Forecasts from a file: the contract of their table, and the laws that every one of them keeps."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecasting.files.forecast import FileForecast, forecast_file
from forecasting.series.request import parse_levels
from forecasting.series.table import read_request
from grid.faults import InputError

LEVELS = (0.01, 0.1, 0.5, 0.9, 0.995)
COLUMNS = ["series_id", "time", "mean", "q0.01", "q0.1", "q0.5", "q0.9", "q0.995"]


def town(
    days: int, *, horizon_hours: int, minutes: int = 60, start: datetime = datetime(2026, 1, 5, tzinfo=UTC)
) -> Any:
    """A load by hour, weekday and temperature with noise, and a horizon behind it."""
    step = timedelta(minutes=minutes)
    periods = (days * 24 + horizon_hours) * 60 // minutes
    times = pd.date_range(start, periods=periods, freq=step)
    draw = np.random.default_rng(7)
    hour = times.hour.to_numpy() + times.minute.to_numpy() / 60.0
    celsius = (
        8.0
        + 6.0 * np.sin((hour - 9.0) / 24.0 * 2.0 * np.pi)
        + np.repeat(draw.normal(0, 2, periods // 24 + 1), 24)[:periods]
    )
    value = 50.0 + 15.0 * np.sin((hour - 7.0) / 24.0 * 2.0 * np.pi) - 8.0 * (times.day_of_week >= 5) - 0.5 * celsius
    value = value + draw.normal(0.0, 1.0, periods)
    value[days * 24 * 60 // minutes :] = np.nan
    return pd.DataFrame(
        {"series_id": "town", "time": times.map(lambda t: t.isoformat()), "value": value, "temp": celsius}
    )


def plant(days: int, *, horizon_hours: int) -> Any:
    """Power that follows the sun's height roughly over 0 E, with clouds."""
    times = pd.date_range(datetime(2026, 4, 1, tzinfo=UTC), periods=days * 24 + horizon_hours, freq="h")
    sun = np.maximum(np.sin((times.hour.to_numpy() + 0.5 - 6.0) / 12.0 * np.pi), 0.0)
    sun = np.where((times.hour < 6) | (times.hour >= 18), 0.0, sun)
    clouds = np.random.default_rng(3).uniform(0.2, 1.0, len(times))
    value = 4.0 * sun * clouds
    value[days * 24 :] = np.nan
    return pd.DataFrame(
        {"series_id": "roof", "time": times.map(lambda t: t.isoformat()), "value": value, "sky": clouds}
    )


def asked(folder: Path, frame: Any, settings: dict[str, Any], **options: Any) -> FileForecast:
    """Write both files, read them again and forecast quickly."""
    frame.to_csv(folder / "in.csv", index=False)
    (folder / "series.json").write_text(json.dumps({"series": {"*": settings}}))
    request = read_request(folder / "in.csv", folder / "series.json")
    return forecast_file(request, levels=LEVELS, effort="fast", **options)


LOAD = {
    "kind": "load",
    "interval_minutes": 60,
    "timezone": "Europe/Madrid",
    "holidays": "ES",
    "covariates": {"temp": {"means": "air_temperature", "unit": "degC"}},
}
SOLAR = {"kind": "solar", "interval_minutes": 60, "capacity": 3.5}


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, FileForecast]:
    # The horizon runs over the night of 28 to 29 March, when Madrid's clocks lose an hour.
    frame = town(82, horizon_hours=48)
    return frame, asked(tmp_path_factory.mktemp("load"), frame, LOAD)


def test_the_table_is_as_the_contract_says(load: tuple[Any, FileForecast]) -> None:
    frame, made = load
    horizon = frame[frame["value"].isna()]
    assert list(made.table.columns) == COLUMNS
    assert made.table["time"].tolist() == pd.to_datetime(horizon["time"], utc=True).tolist()
    assert np.isfinite(made.table[COLUMNS[2:]].to_numpy()).all()


def test_quantiles_never_cross_and_the_mean_lies_among_them(load: tuple[Any, FileForecast]) -> None:
    quantiles = load[1].table[COLUMNS[3:]].to_numpy()
    assert (np.diff(quantiles, axis=1) >= 0.0).all()
    assert ((load[1].table["mean"] > quantiles[:, 0]) & (load[1].table["mean"] < quantiles[:, -1])).all()


def test_the_load_of_a_clock_change_day_is_forecast_better_than_by_last_week(load: tuple[Any, FileForecast]) -> None:
    _, made = load
    (report,) = made.reports
    assert not report.degraded
    assert sum(report.weights.values()) == pytest.approx(1.0, abs=1e-3)
    assert report.skill is not None
    assert report.skill > 0.1
    assert made.table["q0.5"].between(20.0, 80.0).all()


def test_the_same_input_and_seed_give_the_same_table(tmp_path: Path) -> None:
    frame = town(50, horizon_hours=24)
    first, again = (asked(tmp_path, frame, LOAD, seed=5) for _ in range(2))
    pd.testing.assert_frame_equal(first.table, again.table, check_exact=True)


def test_temperature_over_the_horizon_is_used(tmp_path: Path, load: tuple[Any, FileForecast]) -> None:
    frame = load[0].copy()
    horizon = frame["value"].isna()
    frame.loc[horizon, "temp"] += 3.0
    warmer = asked(tmp_path, frame, LOAD).table["q0.5"].mean()
    assert warmer < load[1].table["q0.5"].mean() - 0.3  # each degree takes half a unit off


EQUATOR = {"latitude": 0.0, "longitude": 0.0, "tilt_deg": 0.0, "azimuth_deg": 180.0}


@pytest.mark.parametrize(("days", "place"), [(35, {}), (12, EQUATOR)])
def test_solar_is_zero_at_night_and_within_capacity(tmp_path: Path, days: int, place: dict[str, float]) -> None:
    made = asked(tmp_path, plant(days, horizon_hours=24), {**SOLAR, **place})
    table = made.table
    night = (table["time"].dt.hour < 5) | (table["time"].dt.hour >= 19)
    assert (table.loc[night, COLUMNS[2:]] == 0.0).all(axis=None)
    assert table[COLUMNS[2:]].to_numpy().max() <= 3.5
    assert table.loc[table["time"].dt.hour == 12, "q0.5"].between(1.0, 3.5).all()


def test_half_hours_keep_their_own_shape(tmp_path: Path) -> None:
    frame = town(20, horizon_hours=24, minutes=30)
    times = pd.to_datetime(frame["time"])
    frame.loc[times.dt.minute == 30, "value"] *= 2.0
    settings = {"kind": "generic", "interval_minutes": 30}
    table = asked(tmp_path, frame.drop(columns="temp"), settings).table
    assert len(table) == 48
    assert (table["q0.5"].to_numpy()[1::2] > 1.5 * table["q0.5"].to_numpy()[::2]).all()


def test_a_short_history_is_forecast_and_says_so(tmp_path: Path) -> None:
    made = asked(tmp_path, town(3, horizon_hours=30), LOAD)
    assert made.reports[0].degraded
    assert "too few" in made.reports[0].reasons[0]
    assert len(made.table) == 30


def test_a_series_of_which_no_backtest_hour_is_known_has_no_skill_beside_one_that_has(tmp_path: Path) -> None:
    old = town(70, horizon_hours=24)
    new = old.assign(series_id="suburb")
    new.loc[: 69 * 24 - 1, "value"] = np.nan
    first, second = asked(tmp_path, pd.concat([old, new]), LOAD).reports
    assert first.skill is not None
    assert second.skill is None
    assert second.backtest_origins == 0
    assert any("No backtest" in reason for reason in second.reasons)


def test_a_young_plant_beside_an_older_one_is_judged_by_what_can_be_known_and_says_so(tmp_path: Path) -> None:
    settings = {"kind": "solar", "interval_minutes": 60, "latitude": 0.0, "longitude": 0.0}
    old = plant(40, horizon_hours=24).drop(columns="sky")
    new = old.assign(series_id="shed")
    new.loc[: 36 * 24 - 1, "value"] = np.nan
    first, second = asked(tmp_path, pd.concat([old, new]), settings).reports
    assert second.skill is not None
    assert second.skill > -0.1, "of four days the usual one is hard to beat"
    assert second.backtest_origins > 0
    assert any("backtest knew its clear sky" in reason for reason in second.reasons)
    assert not any("backtest knew its clear sky" in reason for reason in first.reasons)


def test_a_constant_series_is_forecast_as_constant_and_says_so(tmp_path: Path) -> None:
    frame = town(12, horizon_hours=24)
    frame["value"] = frame["value"].where(frame["value"].isna(), 7.0)
    made = asked(tmp_path, frame, LOAD)
    assert made.table[COLUMNS[2:]].to_numpy() == pytest.approx(7.0)
    (report,) = made.reports
    assert any("constant" in reason for reason in report.reasons)
    assert report.skill is None  # last week was right, too
    assert report.backtest_origins > 0
    assert not any("No backtest" in reason for reason in report.reasons)


def test_what_covariates_do_not_tell_is_said(tmp_path: Path) -> None:
    frame = town(20, horizon_hours=6).assign(flat=1.0, late=np.nan, early=2.0)
    frame.loc[frame.index[:-6], "early"] = np.arange(len(frame) - 6)
    frame.loc[frame.index[-6:], "late"] = 1.0
    frame.loc[frame.index[-1], "early"] = np.nan
    (report,) = asked(tmp_path, frame, LOAD).reports
    assert "Nothing was learnt from what is constant before the horizon: flat." in report.reasons
    assert "Nothing was learnt from what is empty before the horizon: late." in report.reasons
    assert "Not known over all of the horizon: early." in report.reasons


def test_half_hours_known_but_once_are_forecast(tmp_path: Path) -> None:
    frame = town(70, horizon_hours=2, minutes=30)
    frame.loc[(frame.index % 2 == 1) & (frame.index != 11), "value"] = np.nan
    made = asked(tmp_path, frame, {**LOAD, "interval_minutes": 30})
    assert np.isfinite(made.table[COLUMNS[2:]]).all(axis=None)


@pytest.mark.parametrize("place", [{"latitude": 50.0, "longitude": 0.0}, {}])
def test_a_plant_that_never_yielded_is_forecast_at_zero_though_weather_is_given(
    tmp_path: Path, place: dict[str, float]
) -> None:
    frame = plant(40, horizon_hours=24)
    frame["value"] *= 0.0
    made = asked(tmp_path, frame, {**SOLAR, **place})
    assert (made.table[COLUMNS[2:]] == 0.0).all(axis=None)
    assert "Its history is constant." in made.reports[0].reasons


def test_a_plant_at_the_wrong_place_is_forecast_by_its_own_past(tmp_path: Path) -> None:
    frame = plant(40, horizon_hours=24)
    made = asked(tmp_path, frame, {**SOLAR, "latitude": 50.0, "longitude": 180.0})
    assert made.table["q0.5"].max() > 1.0
    assert any("its own past tells night and clear sky" in reason for reason in made.reports[0].reasons)


def test_a_little_below_zero_counts_as_zero_and_is_said(tmp_path: Path) -> None:
    frame = plant(20, horizon_hours=24)
    frame.loc[frame["value"] == 0.0, "value"] = -0.01
    made = asked(tmp_path, frame, SOLAR)
    assert f"{int((frame['value'] < 0.0).sum())} of its values lie below zero and count as zero." in (
        made.reports[0].reasons
    )


def test_a_covariate_known_ahead_is_read_and_one_that_is_withheld_does_no_harm(tmp_path: Path) -> None:
    frame = town(60, horizon_hours=24).drop(columns="temp")
    driver = np.random.default_rng(5).choice([-1.0, 1.0], len(frame))
    frame["price"], frame["meter"] = driver, np.random.default_rng(6).normal(size=len(frame))
    frame["value"] += 8.0 * driver
    frame.loc[frame["value"].isna(), "meter"] = np.nan
    table = asked(tmp_path, frame, {"kind": "generic", "interval_minutes": 60}).table
    high = driver[-24:] > 0.0
    plain = town(60, horizon_hours=24).drop(columns="temp")
    without = asked(tmp_path, plain, {"kind": "generic", "interval_minutes": 60}).table
    gained = (table["q0.5"] - without["q0.5"]).to_numpy()
    assert gained[high].mean() > gained[~high].mean() + 3.0


def test_negative_values_are_forecast(tmp_path: Path) -> None:
    frame = town(14, horizon_hours=24)
    frame["value"] -= 60.0
    table = asked(tmp_path, frame, {"kind": "generic", "interval_minutes": 60}).table
    assert table["q0.5"].between(-45.0, 15.0).all()
    assert (table["q0.1"] < 0.0).any()


@pytest.mark.parametrize("text", ["", "0.5,x", "0.5,0.5", "0,0.5", "1.2"])
def test_levels_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="--quantiles"):
        parse_levels(text)
    with pytest.raises(InputError, match=r"^quantiles: "):
        parse_levels(text, place="quantiles")


def test_levels_are_put_in_order() -> None:
    assert parse_levels("0.9, 0.1,0.5") == (0.1, 0.5, 0.9)
