"""Load series without a weather site, and of several: trained together, asked, and compared with an older champion."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from forecasting.engine.mixture import hear
from forecasting.engine.model import TrainedModel, ask_now, make_members
from forecasting.judging import contest
from forecasting.judging.contest import hold_contest
from forecasting.judging.verdict import Contest
from forecasting.load.members import LoadMembers, LoadParts
from forecasting.members.course import TREES, Course, nightly_trial
from forecasting.series.request import Covariate, FileSeries
from forecasting.series.rows import make_rows
from forecasting.series.sent import SentForecast

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
QUICK = Course(share=0.03)
SITES = ("", "w", "v", "new")
"""No weather; two sites known throughout; one whose thermometer began to report twelve days ago."""
NAMES = tuple(f"m-{number}:load" for number in range(len(SITES)))


def at(one: FileSeries, number: int, site: str, *, known_hours: int | None = None) -> FileSeries:
    """The load as that of another meter, at a weather site whose temperature is known for so many hours."""
    settings = one.settings.model_copy(
        update={"covariates": {site: Covariate(means="air_temperature", unit="degC")} if site else {}}
    )
    celsius = one.covariates["w"] - 3.0 * number
    if known_hours is not None:
        celsius = np.where(np.arange(len(celsius)) < one.origin - known_hours, np.nan, celsius)
    return replace(one, series_id=NAMES[number], settings=settings, covariates={site: celsius} if site else {})


def all_sites(made: Any, *, new_hours: int | None = 12 * 24) -> list[FileSeries]:
    one = made.load_series[0]
    return [
        at(one, number, site, known_hours=new_hours if site == "new" else None) for number, site in enumerate(SITES)
    ]


def held(series: list[FileSeries], champion: TrainedModel | None = None) -> Contest:
    sites = ["".join(one.covariates) for one in series]
    return hold_contest(series, sites, kind="load", levels=LEVELS, course=QUICK, champion=champion)


def told(model: TrainedModel, series: list[FileSeries]) -> dict[str, np.ndarray]:
    return ask_now(model, {one.series_id: one for one in series}, levels=LEVELS)


@pytest.fixture(scope="module")
def first(made: Any) -> Contest:
    return held(all_sites(made))


def test_series_with_and_without_weather_are_trained_together(first: Contest) -> None:
    parts = first.model.parts
    assert isinstance(parts, LoadParts)
    assert first.model.series_ids == NAMES
    assert first.model.weather_ids == SITES
    assert [climate is not None for climate in parts.climates] == [False, True, True, False]
    assert parts.trees is not None
    assert first.scores.skill > 0.2


@pytest.mark.parametrize("new_hours", [12 * 24, None])
def test_the_model_speaks_of_all_of_them_and_of_each_alone(made: Any, first: Contest, new_hours: int | None) -> None:
    series = all_sites(made, new_hours=new_hours)
    together = told(first.model, series)
    assert together.keys() == set(NAMES)
    for one in series:
        alone = told(first.model, [one])
        np.testing.assert_allclose(alone[one.series_id], together[one.series_id], rtol=1e-5)
        assert np.isfinite(alone[one.series_id]).all()


def test_a_thermometer_that_reports_for_longer_breaks_no_comparison(made: Any, first: Contest) -> None:
    second = held(all_sites(made, new_hours=None), first.model)
    assert second.champion_scores is not None
    assert second.champion_scores.pinball == pytest.approx(first.scores.pinball, rel=0.1)


def test_a_champion_of_other_weather_sites_is_not_compared_with(made: Any, first: Contest) -> None:
    one = made.load_series[0]
    moved = [at(one, number, "") for number in range(len(SITES))]
    second = held(moved, first.model)
    assert second.model.weather_ids == ("",) * len(SITES)
    assert second.champion_scores is None
    assert told(second.model, moved).keys() == set(NAMES)


def test_a_champion_that_fails_does_not_end_the_training(
    made: Any, first: Contest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("shapes do not fit")

    monkeypatch.setattr(contest, "ask_past", broken)
    second = held(all_sites(made)[1:2], replace(first.model, series_ids=NAMES[1:2], weather_ids=SITES[1:2]))
    assert second.champion_scores is None
    assert second.scores.skill > 0.2
    assert "the champion cannot be compared with" in caplog.text


def test_two_sites_that_are_silent_keep_their_own_climates(made: Any, first: Contest) -> None:
    silent = [replace(one, covariates=dict.fromkeys(one.covariates, unknown(one))) for one in all_sites(made)]
    rows = make_rows(silent, units=first.model.units)
    trial = nightly_trial(rows.axis.periods, rows.periods)
    members = make_members(rows, trial=trial, course=QUICK, parts=first.model.parts)
    warm, cold = expected_c(members, rows.axis.periods)
    assert (warm - cold).mean() == pytest.approx(3.0, abs=0.5)


def test_weather_forecasts_are_those_of_a_series_own_site(made: Any, first: Contest) -> None:
    origin = made.load_series[0].origin
    sent = (SentForecast(origin - 3, origin - 3, np.full(60, 45.0)),)
    series = [replace(one, sent={"air_temperature": sent}) if "v" in one.covariates else one for one in all_sites(made)]
    rows = make_rows(series, units=first.model.units)
    members = make_members(rows, trial=nightly_trial(origin, rows.periods), course=QUICK, parts=first.model.parts)
    without, with_sent = expected_c(members, origin)
    assert (without < 40.0).all()
    assert (with_sent == 45.0).all()


def test_a_column_that_means_temperature_for_one_series_only_is_no_fault(made: Any) -> None:
    one, other = made.load_series
    plain = other.settings.model_copy(update={"covariates": {"w": Covariate()}})
    heard = hear(make_rows([one, replace(other, settings=plain)]), course=QUICK, trained=True)
    assert TREES in heard.present


def unknown(one: FileSeries) -> np.ndarray:
    return np.full(len(one.values), np.nan)


def expected_c(members: object, origin: int) -> list[np.ndarray]:
    """The temperature that the series of the sites w and v are told to expect."""
    assert isinstance(members, LoadMembers)
    outlooks = [one.outlook for one in members._regressions[1:3]]
    return [one.expected(np.array([origin]), 48, context=0)[0] for one in outlooks if one is not None]
