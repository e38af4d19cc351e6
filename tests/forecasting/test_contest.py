"""Backtests, and who becomes champion."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from forecasting.backtest import Scores, score
from forecasting.contest import contest_load, contest_solar, options_for, trainable_series
from forecasting.fitting import split_in_time
from forecasting.significance import Comparison
from forecasting.training import TrainingOptions, TrainingResult
from forecasting.verdict import Contest, too_old
from grid.forecasts import DEFAULT_LEVELS
from grid.site import Meter

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
QUICK = TrainingOptions(max_steps=4, batch=16, check_every=4)


def test_a_perfect_forecast_has_skill_one_and_a_twin_of_the_baseline_none() -> None:
    actual = np.random.default_rng(0).uniform(1, 2, size=(6, 12))
    told, base = np.repeat(actual[..., None], 5, axis=2), np.zeros((6, 12, 5))
    mean = np.ones(6)
    perfect = score(actual, told, base, levels=LEVELS, mean_kw=mean)
    assert (perfect.skill, perfect.coverage_50, perfect.coverage_90, perfect.baseline_coverage_90) == (1, 1, 1, 0)
    assert perfect.skill_by_lead == (1.0, 1.0)
    assert score(actual, base, base, levels=LEVELS, mean_kw=mean).skill == 0.0


def test_each_series_counts_by_its_own_size() -> None:
    actual, told, base = np.array([[10.0], [1000.0]]), np.zeros((2, 1, 5)), np.zeros((2, 1, 5))
    told[0] = 10.0  # right about the small one, wrong about the large one
    assert score(actual, told, base, levels=LEVELS, mean_kw=np.array([10.0, 1000.0])).skill == pytest.approx(0.5)


def test_hours_that_either_could_not_tell_count_for_neither() -> None:
    actual, told, base = np.ones((1, 2)), np.ones((1, 2, 5)), np.full((1, 2, 5), np.nan)
    base[0, 0] = 0.0
    told[0, 1] = 77.0
    assert score(actual, told, base, levels=LEVELS, mean_kw=np.ones(1)).skill == 1.0


def test_coverage_counts_only_the_intervals_that_count() -> None:
    actual, told = np.array([[0.0, 5.0]]), np.zeros((1, 2, 5))
    day = np.array([[False, True]])
    assert score(actual, told, told, levels=LEVELS, mean_kw=np.ones(1), counted=day).coverage_90 == 0.0


def scores_of(pinball: float, skill: float = 0.3) -> Scores:
    return Scores(10, pinball, 1.0, skill, 0.5, 0.9, 0.9, (skill,))


SURE = Comparison(21, 0.5, 0.6, -0.1, -0.12, -0.08, 0.001)
UNSURE = Comparison(21, 0.5, 0.6, -0.1, -0.3, 0.1, 0.2)


@pytest.mark.parametrize(
    ("own", "champion", "comparison", "promoted"),
    [
        (scores_of(0.5), None, None, True),
        (scores_of(1.2, -0.2), None, None, False),
        (scores_of(0.5), scores_of(0.6), SURE, True),
        (scores_of(0.5), scores_of(0.6), UNSURE, False),
        (scores_of(0.5), scores_of(0.6), None, False),
    ],
)
def test_a_challenger_must_beat_the_champion_beyond_luck_or_else_the_baseline(
    own: Scores, champion: Scores | None, comparison: Comparison | None, promoted: bool
) -> None:
    result = TrainingResult(1, 1.0, "steps", 1.0, 1.0)
    contest = Contest(None, result, split_in_time(24 * 100), own, champion, comparison, {})  # type: ignore[arg-type]
    assert contest.verdict()[0] is promoted


def test_a_champion_of_last_season_is_no_longer_trusted() -> None:
    trained = {"trained_at": "2026-01-01T00:00:00+00:00"}
    assert too_old(trained, issued_at=datetime(2026, 3, 1, tzinfo=UTC)) is None
    said = too_old(trained, issued_at=datetime(2026, 5, 1, tzinfo=UTC))
    assert said == "The champion was trained 120 days ago; after 90 it must be ahead to stay."
    assert too_old({}, issued_at=datetime(2026, 5, 1, tzinfo=UTC)) is None


def test_even_a_hardly_trained_model_beats_repeating_last_week(made: Any) -> None:
    contest = contest_load(
        made.load, weather_ids=["w"], levels=DEFAULT_LEVELS, periods=48, options=QUICK, champion=None
    )
    assert contest.scores.skill > 0.2
    assert contest.champion_scores is None
    rerun = contest_load(
        made.load, weather_ids=["w"], levels=DEFAULT_LEVELS, periods=48, options=QUICK, champion=contest.model
    )
    assert rerun.champion_scores == contest.scores
    assert rerun.verdict()[0] is False
    assert rerun.comparison is None, "seven days cannot tell"
    assert sorted(rerun.promise) == ["*", "m-0:load", "m-1:load"]
    assert rerun.promise["m-1:load"]["mean_kw"] == pytest.approx(np.nanmean(made.load.kw[1]))


def test_the_backtest_is_made_of_hours_that_training_never_saw(made: Any) -> None:
    split = split_in_time(made.load.axis.periods)
    later = np.arange(made.load.axis.periods) >= split.test
    other = replace(made.load, kw=np.where(later, 2.0 * made.load.kw, made.load.kw))
    one, two = (
        contest_load(panel, weather_ids=["w"], levels=DEFAULT_LEVELS, periods=48, options=QUICK, champion=None)
        for panel in (made.load, other)
    )
    for name, tensor in one.model.state()[0].items():
        np.testing.assert_array_equal(tensor.numpy(), two.model.state()[0][name].numpy(), err_msg=name)
    assert one.scores != two.scores


def test_a_plant_is_fitted_trained_and_scored_by_daylight(made: Any) -> None:
    meter = Meter("pv", "generation", "solar", 60, 3.4, None, 39.74, -75.18, 40.0, 170.0)
    contest = contest_solar(
        [meter], made.solar.axis, made.solar.kw, levels=DEFAULT_LEVELS, periods=48, options=QUICK, champion=None
    )
    assert contest.scores.skill > 0.0
    assert contest.scores.windows > 5
    again = contest_solar(
        [meter],
        made.solar.axis,
        made.solar.kw,
        levels=DEFAULT_LEVELS,
        periods=48,
        options=QUICK,
        champion=contest.model,
    )
    assert again.champion_scores == contest.scores


def test_a_plant_that_cannot_be_fitted_does_not_keep_the_others_from_training(
    made: Any, caplog: pytest.LogCaptureFixture
) -> None:
    good = Meter("pv", "generation", "solar", 60, 3.4, None, 39.74, -75.18, 40.0, 170.0)
    meters = [replace(good, meter_id="new"), replace(good, meter_id="nowhere", latitude=None), good]
    kw = np.repeat(made.solar.kw[:1], 3, axis=0)
    kw[0, : made.solar.axis.periods - 30] = np.nan
    contest = contest_solar(
        meters, made.solar.axis, kw, levels=DEFAULT_LEVELS, periods=48, options=QUICK, champion=None
    )
    assert contest.model.series_ids == ("pv:generation",)
    assert [record.args[0] for record in caplog.records if record.args] == ["new", "nowhere"]
    with pytest.raises(ValueError, match=r"new: .*; nowhere: .*"):
        contest_solar(
            meters[:2], made.solar.axis, kw[:2], levels=DEFAULT_LEVELS, periods=48, options=QUICK, champion=None
        )


def test_a_plant_that_stands_nowhere_is_refused(made: Any) -> None:
    meter = Meter("pv", "generation", "solar", 60)
    with pytest.raises(ValueError, match="meter pv must have a latitude and a longitude"):
        contest_solar(
            [meter], made.solar.axis, made.solar.kw, levels=DEFAULT_LEVELS, periods=48, options=QUICK, champion=None
        )


def test_a_series_with_hardly_any_reading_is_left_to_the_baseline(made: Any) -> None:
    kw = made.load.kw.copy()
    kw[1, : made.load.axis.periods - 100] = np.nan
    assert trainable_series(replace(made.load, kw=kw)) == ["m-0:load"]


def test_a_larger_budget_buys_steps() -> None:
    small, large = (options_for("load", seed=1, budget_seconds=b, threads=1) for b in (30.0, 300.0))
    assert large.max_steps == 10 * small.max_steps
    assert options_for("solar", seed=1, budget_seconds=30.0, threads=1).budget_seconds + small.budget_seconds == 30.0
