"""Backtests, and who becomes champion."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from forecasting.engine.mixture import learn_shares
from forecasting.engine.model import KnownAt, TrainedModel, ask_now
from forecasting.judging.backtest import Scores, score
from forecasting.judging.contest import hold_contest
from forecasting.judging.significance import Comparison
from forecasting.judging.verdict import Contest, out_of_date
from forecasting.load.members import LoadParts
from forecasting.members.course import NAIVE, Course, Quantiles, course_within
from forecasting.members.splits import split_in_time
from forecasting.series.request import FileSeries
from forecasting.series.sent import SentForecast
from forecasting.sun.members import SolarParts
from grid.forecasts import DEFAULT_LEVELS
from grid.time_axis import FloatArray, TimeAxis

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
QUICK = Course(share=0.03)


def test_a_perfect_forecast_has_skill_one_and_a_twin_of_the_baseline_none() -> None:
    actual = np.random.default_rng(0).uniform(1, 2, size=(6, 12))
    told, base = np.repeat(actual[..., None], 5, axis=2), np.zeros((6, 12, 5))
    perfect = scored(actual, told, base)
    assert (perfect.skill, perfect.coverage_50, perfect.coverage_90, perfect.baseline_coverage_90) == (1, 1, 1, 0)
    assert perfect.skill_by_lead == (1.0, 1.0)
    assert (perfect.wql, perfect.mae, perfect.peak_pinball, perfect.peak_skill) == (0, 0, 0, 1)
    twin = scored(actual, base, base)
    assert (twin.skill, twin.peak_skill) == (0.0, 0.0)


def test_each_series_counts_by_its_own_size() -> None:
    actual, told, base = np.array([[10.0], [1000.0]]), np.zeros((2, 1, 5)), np.zeros((2, 1, 5))
    told[0] = 10.0  # right about the small one, wrong about the large one
    assert scored(actual, told, base, mean_kw=np.array([10.0, 1000.0])).skill == pytest.approx(0.5)


def test_hours_that_either_could_not_tell_count_for_neither() -> None:
    actual, told, base = np.ones((1, 2)), np.ones((1, 2, 5)), np.full((1, 2, 5), np.nan)
    base[0, 0] = 0.0
    told[0, 1] = 77.0
    assert scored(actual, told, base).skill == 1.0


def test_coverage_counts_only_the_intervals_that_count() -> None:
    actual, told = np.array([[0.0, 5.0]]), np.zeros((1, 2, 5))
    day = np.array([[False, True]])
    found = scored(actual, told, told, counted=day)
    assert found.coverage_90 == 0.0
    assert found.reliability == (0.0,) * 5


def test_scores_beside_the_pinball_loss_are_those_of_a_hand_worked_case() -> None:
    actual = np.array([[4.0, 10.0]])
    told = np.array([[[1.0, 2.0, 4.0, 5.0, 9.0], [6.0, 7.0, 8.0, 9.0, 9.0]]])
    found = scored(actual, told, np.zeros((1, 2, 5)), mean_kw=np.array([2.0]), peak_kw=np.array([8.5]))
    assert found.mae == pytest.approx((0.0 + 2.0) / 2.0 / 2.0)
    first, second = [0.15, 0.5, 0.0, 0.25, 0.25], [0.2, 0.75, 1.0, 0.75, 0.95]
    assert found.wql == pytest.approx(2.0 * sum(first + second) / 5.0 / 14.0)
    # Below 8.5 nothing counts: of the first hour only the 0.95 quantile lies above, by half a kW.
    near = [0.05 * 0.5] + [level * (10.0 - max(said, 8.5)) for level, said in zip(LEVELS, told[0, 1], strict=True)]
    assert found.peak_pinball == pytest.approx(sum(near) / 5.0 / 2.0 / 2.0)
    assert found.reliability == (0.0, 0.0, 0.5, 0.5, 0.5)


def test_skill_is_told_by_the_local_hour_and_unknown_where_none_was_scored() -> None:
    actual, hour = np.ones((1, 3)), np.array([[22, 23, 0]])
    told = np.array([0.0, 0.5, 1.0])[None, :, None] * np.ones(5)
    found = scored(actual, told, np.zeros((1, 3, 5)), hour=hour)
    assert found.skill_by_hour[22:] == (0.0, 0.5)
    assert found.skill_by_hour[0] == 1.0
    assert np.isnan(found.skill_by_hour[1:22]).all()
    assert found.as_dict()["skill_by_hour"][1] is None


def scored(actual: FloatArray, told: FloatArray, base: FloatArray, **given: Any) -> Scores:
    windows, periods = actual.shape
    plain = {
        "mean_kw": np.ones(windows),
        "peak_kw": np.zeros(windows),
        "hour": np.tile(np.arange(periods) % 24, (windows, 1)),
    }
    return score(actual, told, base, levels=LEVELS, **(plain | given))


def scores_of(pinball: float, skill: float = 0.3) -> Scores:
    return Scores(10, pinball, 1.0, skill, 0.1, 0.1, 0.1, skill, 0.5, 0.9, 0.9, LEVELS, LEVELS, (skill,), (skill,))


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
    contest = Contest(None, QUICK, split_in_time(24 * 100), own, champion, comparison, {})  # type: ignore[arg-type]
    assert contest.verdict()[0] is promoted


@pytest.mark.parametrize(("skill", "promoted"), [(0.31, True), (0.3, False), (0.29, False)])
def test_with_too_few_days_for_a_test_a_doubted_champion_has_to_be_ahead_to_stay(skill: float, promoted: bool) -> None:
    own = scores_of(0.5, skill)
    contest = Contest(None, QUICK, split_in_time(24 * 50), own, scores_of(0.6), None, {})  # type: ignore[arg-type]
    taken, said = contest.verdict(doubt="Its forecasts drifted.")
    assert taken is promoted
    assert f"skill {skill:.3f} against 0.300 on fewer than the 8 days" in said
    assert not contest.verdict()[0]


TRAINED = datetime(2026, 1, 1, tzinfo=UTC)
BEGUN = TRAINED - timedelta(days=28)


def doubt_on(day: datetime, manifest: dict[str, Any]) -> str | None:
    history = TimeAxis(BEGUN, timedelta(hours=1), (day - BEGUN) // timedelta(hours=1))
    return out_of_date(manifest, issued_at=day, history=history)


def test_a_champion_of_last_season_is_no_longer_trusted() -> None:
    assert doubt_on(datetime(2026, 3, 1, tzinfo=UTC), {"trained_at": TRAINED.isoformat()}) is None
    said = doubt_on(datetime(2026, 5, 1, tzinfo=UTC), {"trained_at": TRAINED.isoformat()})
    assert said == "The champion was trained 120 days ago; after 90 it must be ahead to stay."
    assert doubt_on(datetime(2026, 5, 1, tzinfo=UTC), {}) is None


def test_a_champion_of_a_site_that_has_twice_the_history_now_is_no_longer_trusted() -> None:
    manifest = {
        "trained_at": TRAINED.isoformat(),
        "data": {"start": BEGUN.isoformat(), "end": TRAINED.isoformat()},
    }
    assert doubt_on(TRAINED + timedelta(days=27), manifest) is None
    said = doubt_on(TRAINED + timedelta(days=28), manifest)
    assert said == "The champion was trained on 28 days of history, of which there are 56 now."


@pytest.fixture(scope="module")
def first(made: Any) -> Contest:
    return load_contest(made.load_series)


def load_contest(
    series: list[FileSeries], champion: TrainedModel | None = None, *, known_at: KnownAt | None = None
) -> Contest:
    weather = ["w"] * len(series)
    return hold_contest(
        series, weather, kind="load", levels=DEFAULT_LEVELS, course=QUICK, champion=champion, known_at=known_at
    )


def test_even_a_hardly_trained_model_beats_repeating_last_week(made: Any, first: Contest) -> None:
    assert first.scores.skill > 0.2
    assert first.champion_scores is None
    rerun = load_contest(made.load_series, first.model)
    assert rerun.champion_scores is not None
    # A twin of the same night is neither flattered nor wronged.
    assert rerun.champion_scores.pinball == pytest.approx(first.scores.pinball, rel=1e-3)
    assert rerun.scores == first.scores
    assert rerun.verdict()[0] is False


def test_a_champion_is_judged_by_weights_and_bands_that_do_not_know_the_days_that_judge(
    made: Any, first: Contest
) -> None:
    naive = tuple(replace(one, weights={NAIVE: 1.0}) for one in first.model.blends)
    taught_on_these_days = load_contest(made.load_series, replace(first.model, blends=naive))
    taught_before = load_contest(made.load_series, replace(first.model, blends=naive, blended_until=0))
    assert taught_on_these_days.champion_scores is not None
    assert taught_before.champion_scores is not None
    assert taught_on_these_days.champion_scores.skill == pytest.approx(first.scores.skill, abs=1e-3)
    assert taught_before.champion_scores.skill < 0.1 < first.scores.skill  # as it speaks


def test_origins_read_what_was_known_there_and_are_scored_by_what_happened(made: Any, first: Contest) -> None:
    """At every other origin the last two days stood at half of what they were corrected to later."""
    asked: list[datetime] = []

    def known_at(instant: datetime) -> list[FileSeries] | None:
        asked.append(instant)
        if instant.hour % 2:
            return None
        origin = (instant - made.load_series[0].axis.start) // timedelta(hours=1)
        late = slice(origin - 48, origin)
        return [replace(one, values=_changed(one.values, late, 0.5)) for one in made.load_series]

    told = load_contest(made.load_series, first.model, known_at=known_at)
    assert told.champion_scores is not None
    assert told.scores.windows == first.scores.windows
    assert told.scores.baseline_pinball == pytest.approx(first.scores.baseline_pinball, rel=0.3)
    for one in (told.scores, told.champion_scores):
        assert one.pinball > 1.1 * first.scores.pinball
    assert min(asked) == made.load_series[0].axis.start + first.split.test * timedelta(hours=1)
    assert max(asked) <= made.load.axis.end - timedelta(hours=48)


def test_origins_at_which_nothing_was_otherwise_say_what_they_said(made: Any, first: Contest) -> None:
    same = load_contest(made.load_series, known_at=lambda _: made.load_series)
    assert same.scores.pinball == pytest.approx(first.scores.pinball, rel=1e-4)


def _changed(values: FloatArray, where: slice, times: float) -> FloatArray:
    made = values.copy()
    made[where] *= times
    return made


def test_networks_trees_and_the_scored_weights_never_see_what_scores_them(
    made: Any, first: Contest, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt_from: list[FloatArray] = []

    def watched(said: Quantiles, actual: FloatArray, **options: Any) -> dict[str, float]:
        learnt_from.append(actual)
        return learn_shares(said, actual, **options)

    monkeypatch.setattr("forecasting.judging.blends.learn_shares", watched)
    middle = (first.split.test + first.split.end) // 2 + 7  # no origin that judges lies before the middle
    changed = [replace(one, values=_doubled(one, after=middle)) for one in made.load_series]
    other = load_contest(changed, replace(first.model, seen_until=0))
    scored, kept, fair = (np.nanmax(actual) for actual in learnt_from)
    assert scored < 0.8 * kept
    assert fair == scored
    one, two = first.model.parts, other.model.parts
    assert isinstance(one, LoadParts)
    assert isinstance(two, LoadParts)
    for name, network in one.networks.items():
        for key, weight in network.network.state_dict().items():
            np.testing.assert_array_equal(weight.numpy(), two.networks[name].network.state_dict()[key].numpy())
    assert one.trees is not None
    assert two.trees is not None
    np.testing.assert_array_equal(one.trees.value, two.trees.value)
    assert first.scores != other.scores


def test_a_series_that_is_asked_alone_is_told_what_it_is_told_among_others(made: Any, first: Contest) -> None:
    series = {one.series_id: one for one in made.load_series}
    together = ask_now(first.model, series, levels=LEVELS)
    assert together.keys() == set(first.model.series_ids)
    for name, told in together.items():
        alone = ask_now(first.model, {name: series[name]}, levels=LEVELS)
        assert alone.keys() == {name}
        np.testing.assert_allclose(alone[name], told, rtol=1e-5)


def _doubled(one: FileSeries, *, after: int) -> np.ndarray:
    return np.where(np.arange(len(one.values)) >= after, 2.0 * one.values, one.values)


@pytest.fixture(scope="module")
def plants(made: Any) -> list[FileSeries]:
    """Of whom nothing is told but the place: the plane is learnt, and the unit is the highest that was given."""
    untold = {"tilt_deg": None, "azimuth_deg": None, "capacity": None}
    return [replace(one, settings=one.settings.model_copy(update=untold)) for one in made.solar_series]


@pytest.fixture(scope="module")
def sunny(plants: list[FileSeries]) -> Contest:
    return solar_contest(plants)


def solar_contest(series: list[FileSeries]) -> Contest:
    return hold_contest(series, [""], kind="solar", levels=DEFAULT_LEVELS, course=QUICK, champion=None)


def test_a_plant_is_trained_and_scored_by_daylight(sunny: Contest) -> None:
    assert sunny.scores.skill > 0.0
    assert sunny.scores.windows > 5
    assert 0.5 < sunny.scores.coverage_90 < 1.0


def test_a_clear_sky_never_sees_what_scores_it(plants: list[FileSeries], sunny: Contest) -> None:
    changed = solar_contest([replace(one, values=_doubled(one, after=sunny.split.test)) for one in plants])
    one, two = sunny.model.parts, changed.model.parts
    assert isinstance(one, SolarParts)
    assert isinstance(two, SolarParts)
    assert one.plants[0] is not None
    assert one.plants == two.plants
    assert one.trees is not None
    assert two.trees is not None
    np.testing.assert_array_equal(one.trees.value, two.trees.value)
    assert sunny.scores != changed.scores


def test_a_weather_forecast_moves_those_alone_who_read_its_site(made: Any, first: Contest) -> None:
    valley, hill = made.load_series
    hill = replace(hill, covariates={"w": hill.covariates["w"] - 1.5})

    def medians(*series: FileSeries) -> list[FloatArray]:
        told = ask_now(first.model, {one.series_id: one for one in series}, levels=DEFAULT_LEVELS)
        return [told[one.series_id][:, DEFAULT_LEVELS.index(0.5)] for one in series]

    heat = (SentForecast(issued=valley.origin, start=valley.origin, values=np.full(48, 38.0)),)
    plain = medians(valley, hill)
    for hot in (0, 1):
        told = medians(
            *(replace(one, sent={"air_temperature": heat}) if k == hot else one for k, one in enumerate((valley, hill)))
        )
        assert told[hot].mean() > 1.1 * plain[hot].mean()
        np.testing.assert_allclose(told[1 - hot], plain[1 - hot], rtol=1e-6)


def test_a_series_with_hardly_any_reading_is_left_out(made: Any, caplog: pytest.LogCaptureFixture) -> None:
    late = replace(made.load_series[1], values=_unknown(made.load_series[1], 60 * 24))
    contest = load_contest([made.load_series[0], late])
    assert contest.model.series_ids == ("m-0:load",)
    assert [record.args[0] for record in caplog.records if record.args] == ["m-1:load"]
    with pytest.raises(ValueError, match="no series has 336 known hours"):
        load_contest([late])


def _unknown(one: FileSeries, until: int) -> np.ndarray:
    return np.where(np.arange(len(one.values)) < until, np.nan, one.values)


def test_a_larger_budget_buys_steps_and_networks() -> None:
    small, large = (course_within(budget, seed=1, threads=1) for budget in (30.0, 300.0))
    assert list(small.networks) == ["lstm"]
    assert list(large.networks) == ["lstm", "tcn", "self-attention"]
    steps = [one.network("lstm", learning_rate=1e-3, leads=8).max_steps for one in (small, large)]
    assert steps == [90, 300]
