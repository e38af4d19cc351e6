"""A contest of series of half hours: what each part of an hour says is judged, and money counts whole hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from forecasting.engine.model import TrainedModel, ask_now
from forecasting.judging.contest import hold_contest
from forecasting.judging.stakes import Stakes, UntoldError
from forecasting.judging.verdict import Contest
from forecasting.members.course import LEVELS, Course
from forecasting.series.request import FileSeries
from grid.forecasts import DEFAULT_LEVELS
from grid.site_file import EXAMPLE_SITE, read_site_file
from grid.time_axis import FloatArray, TimeAxis

PERIODS = 48


def held(series: list[FileSeries], *, champion: TrainedModel | None = None, stakes: Stakes | None = None) -> Contest:
    return hold_contest(
        series,
        ["w"] * len(series),
        kind="load",
        levels=DEFAULT_LEVELS,
        course=Course(share=0.01),
        champion=champion,
        stakes=stakes,
    )


def half_hours(one: FileSeries, other: FileSeries) -> FileSeries:
    """The hours of one series and of another in turn."""
    both = {
        name: np.stack(values, axis=1).ravel()
        for name, values in {"": (one.values, 0.5 * other.values), "w": [one.covariates["w"]] * 2}.items()
    }
    return replace(
        one,
        settings=one.settings.model_copy(update={"interval_minutes": 30}),
        axis=TimeAxis(one.axis.start, timedelta(minutes=30), 2 * one.axis.periods),
        values=both[""],
        origin=2 * one.origin,
        asked=2 * one.origin + np.arange(2 * len(one.asked)),
        covariates={"w": both["w"]},
    )


def test_half_hours_are_trained_judged_and_asked_as_one_series(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = made.load_series
    series = [half_hours(one, one), replace(half_hours(other, other), series_id=other.series_id)]
    contest = held(series)
    assert (contest.model.interval_minutes, contest.model.periods) == (30, PERIODS)
    assert len(contest.model.blends) == len(contest.model.units) == 2
    assert contest.scores.skill > 0.2
    assert contest.scores.windows % 4 == 0, "two rows of both, at every origin"
    told = ask_now(contest.model, {one.series_id: one for one in series[:1]}, levels=DEFAULT_LEVELS)
    median = told[one.series_id][:, DEFAULT_LEVELS.index(0.5)].reshape(-1, 2)
    np.testing.assert_allclose(median[:, 1] / median[:, 0], 0.5, atol=0.05)

    run: list[dict[str, FloatArray]] = []

    def compare(_: Stakes, *said: dict[str, FloatArray], start: datetime) -> None:
        run.extend(said)
        raise UntoldError("nobody runs the site here")

    monkeypatch.setattr(Stakes, "compare", compare)
    read = TimeAxis(one.axis.start, timedelta(hours=1), one.origin)
    rerun = held(series, champion=contest.model, stakes=Stakes(read_site_file(EXAMPLE_SITE), read, {}))
    assert rerun.champion_scores is not None
    assert rerun.champion_scores.pinball == pytest.approx(contest.scores.pinball, rel=1e-3)
    assert rerun.untold == "nobody runs the site here"
    for said in run:  # plans take the mean of an hour
        assert said[one.series_id].shape[1:] == (PERIODS, len(LEVELS))
        usual = 0.75 * np.nanmean(one.values)
        assert said[one.series_id][..., LEVELS.index(0.5)].mean() == pytest.approx(usual, rel=0.1)
    assert len(run) == 2
