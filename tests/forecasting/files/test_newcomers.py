"""A new meter in a file: what the others teach, bands that hold, and a word on every value of who spoke."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecasting.files import lessons
from forecasting.files.forecast import FileForecast, forecast_file
from forecasting.quantiles.neighbours import nearest_in_size, scales_to
from forecasting.series.table import read_request
from grid.faults import InputError
from grid.time_axis import FloatArray

DAYS, AHEAD = 40, 24
HOURS = np.arange(24 * DAYS + AHEAD)
LEVELS = (0.05, 0.5, 0.95)
LOAD = {"kind": "load", "interval_minutes": 60}
PEAK = 1.0 + 0.8 * np.sin((HOURS % 24 - 9.0) / 12.0 * np.pi)


def home(number: int) -> FloatArray:
    """One shape, a size of its own and restless."""
    draw = np.random.default_rng(number)
    return np.asarray((1.0 + number) * PEAK * draw.uniform(0.6, 1.4, len(HOURS)))


def street(*known_hours: int, homes: int = 5) -> tuple[pd.DataFrame, FloatArray]:
    """Homes of which the last ones know so many hours, and what the very last one will use."""
    times = pd.date_range(datetime(2026, 3, 2, tzinfo=UTC), periods=len(HOURS), freq="h")
    frames = []
    for number in range(homes + len(known_hours)):
        known = known_hours[number - homes] if number >= homes else 24 * DAYS
        seen = (HOURS < 24 * DAYS) & (24 * DAYS - known <= HOURS)
        value = np.where(seen, home(number), np.nan)
        frames.append(pd.DataFrame({"series_id": f"home {number}", "time": times, "value": value}))
    table = pd.concat(frames, ignore_index=True)
    table["time"] = table["time"].map(lambda instant: instant.isoformat())
    return table, home(homes + len(known_hours) - 1)[24 * DAYS :]


def asked(folder: Path, frame: pd.DataFrame, settings: dict[str, Any], **options: Any) -> FileForecast:
    frame.to_csv(folder / "in.csv", index=False)
    (folder / "series.json").write_text(json.dumps({"series": settings}))
    series = read_request(folder / "in.csv", folder / "series.json")
    return forecast_file(series, levels=LEVELS, effort="fast", **options)


def last(made: FileForecast) -> FloatArray:
    """Quantiles of the last series, shape (hours ahead, levels)."""
    own = made.table[made.table["series_id"] == made.reports[-1].series_id]
    return np.asarray(own[[f"q{level:g}" for level in LEVELS]].to_numpy())


@pytest.mark.parametrize("hours", [12, 24, 72, 240])
def test_a_new_meter_is_as_large_as_its_readings_and_shaped_as_its_neighbours(tmp_path: Path, hours: int) -> None:
    frame, came = street(hours)
    made = asked(tmp_path, frame, {"*": LOAD})
    report, told = made.reports[-1], last(made)
    assert (report.fallback_level, report.degraded) == (4, True)
    assert report.weights["neighbours"] > 0.1
    assert sum(report.weights.values()) == pytest.approx(1.0, abs=1e-3)
    assert "neighbours" in report.method
    assert f"The forecasts of 5 other series, scaled to {hours} hours of its readings, speak" in " ".join(
        report.reasons
    )
    assert report.backtest_origins == 5 * 8
    usual = 6.0 * PEAK[24 * DAYS :]
    assert np.abs(told[:, 1] / usual - 1.0).mean() < 0.2
    assert ((came >= told[:, 0]) & (came <= told[:, 2])).mean() > 0.7


def test_without_a_reading_it_begins_with_the_others_and_capacity_scales_it(tmp_path: Path) -> None:
    frame, _ = street(0)
    capacities = {f"home {k}": {"capacity": 2.0 * (k + 1)} for k in range(6)}
    made = asked(tmp_path, frame, {"*": LOAD, **capacities}, scenarios=3)
    report, told = made.reports[-1], last(made)
    assert (report.weights, report.fallback_level, report.inputs.readings_until) == ({"neighbours": 1.0}, 4, None)
    assert report.issued_at == made.reports[0].issued_at
    assert "scaled by capacity" in report.reasons[0]
    assert np.abs(told[:, 1] / (6.0 * PEAK[24 * DAYS :]) - 1.0).mean() < 0.15
    assert len(made.table) == 6 * AHEAD
    assert made.scenarios is not None
    assert np.isfinite(made.scenarios[["s1", "s2", "s3"]].to_numpy()).all()


def test_without_a_reading_or_capacity_its_band_is_as_wide_as_homes_differ(tmp_path: Path) -> None:
    frame, _ = street(0)
    told = last(asked(tmp_path, frame, {"*": LOAD}))
    noon = told[int(PEAK[:24].argmax())]
    assert noon[0] < 1.5 * 1.8
    assert noon[2] > 4.0 * 1.8


def test_its_contributions_and_reference_add_up_with_the_neighbours(tmp_path: Path) -> None:
    frame, _ = street(72)
    made = asked(tmp_path, frame, {"*": LOAD}, explain=True)
    (why,) = [one for one in made.explanations if one.series_id == "home 5"]
    summed = why.table.groupby("time")["to_median"].sum().to_numpy()
    np.testing.assert_allclose(summed, last(made)[:, 1], rtol=1e-6)


def test_the_others_are_forecast_as_if_it_were_not_there(tmp_path: Path) -> None:
    alone, beside = (asked(tmp_path, street(*new)[0], {"*": LOAD}).table for new in ((), (72,)))
    pd.testing.assert_frame_equal(alone, beside[beside["series_id"] != "home 5"].reset_index(drop=True))


def test_after_two_weeks_it_speaks_for_itself_beside_a_younger_one(tmp_path: Path) -> None:
    frame, _ = street(14 * 24, 72)
    made = asked(tmp_path, frame, {"*": LOAD}, explain=True)
    assert ["neighbours" in report.weights for report in made.reports[-2:]] == [False, True]
    assert [report.fallback_level for report in made.reports[-2:]] == [5, 4]


def test_every_short_history_is_told_by_its_own_length(tmp_path: Path) -> None:
    frame, _ = street(72, 240, homes=3)
    made = asked(tmp_path, frame, {"*": LOAD})
    for report, hours in zip(made.reports[-2:], (72, 240), strict=True):
        (told,) = [reason for reason in report.reasons if "neither regression nor trees" in reason]
        assert told.startswith(f"{report.series_id}: ")
        assert f" {hours} known hours of history are too few" in told


def test_what_is_known_of_it_alone_speaks_where_too_few_can_teach(tmp_path: Path) -> None:
    frame, _ = street(72, homes=2)
    report = asked(tmp_path, frame, {"*": LOAD}).reports[-1]
    assert (report.fallback_level, "neighbours" in report.weights) == (5, False)


@pytest.mark.parametrize(
    ("hours", "homes", "words"),
    [(0, 2, "is empty in every row"), (5, 2, "has 5 known values, less than a day of 60 minutes")],
)
def test_a_new_meter_that_nobody_can_stand_for_is_a_fault(tmp_path: Path, hours: int, homes: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        asked(tmp_path, street(hours, homes=homes)[0], {"*": LOAD})


def test_a_total_is_no_neighbour_of_its_parts(tmp_path: Path) -> None:
    frame, _ = street(72, homes=3)
    frame.loc[frame["series_id"] == "home 2", "value"] *= 3.0
    parts = {f"home {k}": {"parent": "home 2"} for k in range(2)}
    taught, untaught = (asked(tmp_path, frame, {"*": LOAD, **one}).reports[-1] for one in ({}, parts))
    assert (taught.fallback_level, untaught.fallback_level) == (4, 5)


def test_readings_tell_a_size_from_a_day_on_and_capacity_before() -> None:
    other = np.ones(48)
    young, grown = np.where(np.arange(48) < 44, np.nan, 9.0), np.where(np.arange(48) < 20, np.nan, 9.0)
    assert scales_to(young, 4.0, [(other, 2.0)])[0] == [2.0]
    assert scales_to(grown, 4.0, [(other, 2.0)])[0] == [9.0]
    assert scales_to(young, None, [(other, 2.0)])[0] == [9.0]
    assert scales_to(young, 4.0, [(other, 2.0)], an_hour=4)[1] == "scaled by capacity"
    assert nearest_in_size([8.0, np.nan, 1.1, 0.5]) == [2, 3, 0]


@pytest.mark.parametrize(("minutes", "ahead", "hours"), [(30, 47, 0), (15, 95, 72)])
def test_a_horizon_need_not_be_whole_hours(tmp_path: Path, minutes: int, ahead: int, hours: int) -> None:
    past = 28 * 24 * 60 // minutes
    at = np.arange(past + ahead)
    times = [
        instant.isoformat() for instant in pd.date_range("2026-03-02T00:15Z", periods=len(at), freq=f"{minutes}min")
    ]
    usual = 2.0 + np.sin(at * minutes / 1440 * 2 * np.pi)
    known = [past] * 3 + [hours * 60 // minutes]
    frames = [
        pd.DataFrame({"series_id": f"home {k}", "time": times, "value": np.where(seen, usual * (k + 1), np.nan)})
        for k, own in enumerate(known)
        if (seen := (at < past) & (at >= past - own)) is not None
    ]
    made = asked(tmp_path, pd.concat(frames), {"*": LOAD | {"interval_minutes": minutes}})
    assert made.reports[-1].fallback_level == 4
    assert last(made).shape == (ahead, len(LEVELS))
    assert np.isfinite(last(made)).all()
    if hours:
        np.testing.assert_allclose(last(made)[:, 1], 4.0 * usual[past:], rtol=0.1)


def test_a_reading_of_long_ago_makes_no_meter_old(tmp_path: Path) -> None:
    frame, _ = street(5)
    frame.loc[(frame["series_id"] == "home 5") & (np.tile(HOURS, 6) < 3), "value"] = 5.0
    report = asked(tmp_path, frame, {"*": LOAD}).reports[-1]
    assert (report.weights, report.backtest_origins) == ({"neighbours": 1.0}, 5 * 8)


def test_where_nobody_was_known_as_if_as_young_members_count_as_they_do_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lessons, "_as_young", lambda *_: None)
    frame, _ = street(72)
    report = asked(tmp_path, frame, {"*": LOAD}).reports[-1]
    assert (report.backtest_origins, report.width, report.skill) == (0, 1.0, None)
    assert "None of the others was known" in report.reasons[-1]
    assert report.weights["neighbours"] == max(report.weights.values())


def test_a_neighbour_that_was_away_does_not_blow_a_forecast_up(tmp_path: Path) -> None:
    frame, came = street(12)
    frame.loc[(frame["series_id"] == "home 4") & (np.tile(HOURS, 6) >= 24 * (DAYS - 1)), "value"] *= 0.001
    told = last(asked(tmp_path, frame, {"*": LOAD}))
    assert told.max() < 2.0 * came.max()


def test_a_meter_of_zeros_stays_at_zero_and_one_that_is_new_may_fall_below_it_as_its_neighbours_do(
    tmp_path: Path,
) -> None:
    frame, _ = street(72, 0)
    frame.loc[frame["series_id"] != "home 5", "value"] *= -1.0
    frame.loc[frame["series_id"] == "home 5", "value"] *= 0.0
    made = asked(tmp_path, frame, {"*": LOAD | {"kind": "generic"}})
    zeros, new = made.reports[-2:]
    assert "neighbours" not in zeros.weights
    assert "Its history is constant: the forecast repeats it." in zeros.reasons
    assert (made.table.loc[made.table["series_id"] == "home 5", "mean"] == 0.0).all()
    assert new.weights == {"neighbours": 1.0}
    assert (last(made)[:, 1] < 0.0).all()


def test_no_sun_shines_on_a_new_plant_while_it_is_below_its_own_horizon(tmp_path: Path) -> None:
    frame, _ = street(0, homes=3)
    frame["value"] *= np.tile(np.where((HOURS % 24 >= 3) & (HOURS % 24 < 15), 0.1, 0.0), 4)
    places = {f"home {k}": {"latitude": 48.0, "longitude": 20.0 if k < 3 else 8.0} for k in range(4)}
    told = last(asked(tmp_path, frame, {"*": LOAD | {"kind": "solar"}} | places))
    assert told[3].max() == 0.0, "at eight degrees east the sun is not up at four in the morning"
    assert told[10].min() > 0.0


def test_new_meters_as_young_learn_one_lesson_and_say_that_they_are_not_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught: list[str] = []
    learn = lessons.learn

    def counted(one: Any, *told: Any, **options: Any) -> lessons.Lesson:
        taught.append(one.series_id)
        return learn(one, *told, **options)

    monkeypatch.setattr(lessons, "learn", counted)
    frame, _ = street(0, 12, 0, 12)
    made = asked(tmp_path, frame, {"*": LOAD}, explain=True)
    assert len(taught) == 2
    assert {one.series_id for one in made.explanations} == {f"home {k}" for k in range(5)}
    assert all("is not taken apart" in report.reasons[-1] for report in made.reports[5:])


def test_neighbours_of_no_weight_are_not_said_to_speak() -> None:
    bands = lessons.learn_blend({"neighbours": np.zeros((1, 1, 1, 23))}, np.full((1, 1, 1), np.nan), trust=0.0, seed=0)
    heard, unheard = (
        lessons.Lesson(replace(bands, weights={name: 1.0}), 3, None).because("The forecasts").reasons[0]
        for name in ("neighbours", "climatology")
    )
    assert "speak" in heard
    assert "are not heard" in unheard
