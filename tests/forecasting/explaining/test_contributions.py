"""Explanations: contributions add up, what nobody reads contributes nothing, a change shows where it was made."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, permutations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.engine.mixture import Heard, Mixture, hear, mix
from forecasting.explaining.contributions import (
    CALENDAR,
    RECENT,
    REFERENCE,
    TEMPERATURE,
    WEATHER,
    Contributions,
    contributions,
    median_and_width,
    shapley,
)
from forecasting.members.course import Course
from forecasting.series.request import Covariate, FileSeries, SeriesSettings
from forecasting.series.rows import make_rows
from grid.time_axis import FloatArray, TimeAxis

DAYS, AHEAD = 80, 24


def town(*, warmer: float = 0.0, late: float = 0.0, kind: Any = "load") -> FileSeries:
    """A load that falls half a unit with every degree, with weekends and a covariate that never changes.

    Args:
        warmer: Degrees above the rest over the horizon.
        late: By how much the last three days lie above the rest.
    """
    hours = (DAYS + 1) * AHEAD
    times = pd.date_range("2026-01-05", periods=hours, freq="h", tz="UTC")
    draw = np.random.default_rng(7)
    celsius = (
        8.0 + 4.0 * np.sin((np.arange(hours) - 9.0) / 12.0 * np.pi) + np.repeat(draw.normal(0, 3, hours // 24), 24)
    )
    value = (
        50.0 + 15.0 * np.sin((np.arange(hours) - 7.0) / 12.0 * np.pi) - 8.0 * (times.day_of_week >= 5) - 0.5 * celsius
    )
    value = np.asarray(value + draw.normal(0.0, 1.0, hours))
    origin = DAYS * 24
    value[origin - 72 : origin] += late
    value[origin:] = np.nan
    celsius[origin:] += warmer
    described = {"temp": Covariate(means="air_temperature", unit="degC")}
    return FileSeries(
        series_id="town",
        settings=SeriesSettings(kind=kind, interval_minutes=60, capacity=80.0, covariates=described),
        axis=TimeAxis(times[0].to_pydatetime(), pd.Timedelta(hours=1).to_pytimedelta(), hours),
        values=value,
        origin=origin,
        asked=np.arange(origin, hours),
        covariates={"temp": celsius, "dull": np.full(hours, 3.0)},
    )


def taken_apart(one: FileSeries) -> tuple[Heard, Mixture, Contributions]:
    heard = hear(make_rows([one]), course=Course(share=0.3), trained=True)
    mixture = mix(heard, 0, seed=0)
    (told,) = contributions(heard, [mixture.blend])
    return heard, mixture, told


def shown(usual: tuple[Heard, Mixture, Contributions], one: FileSeries) -> Contributions:
    """What the members that were fitted on the usual town make of another."""
    heard, mixture, _ = usual
    rows = make_rows([one])
    members = heard.members.shown(rows)
    present = {name: said[:, 0] for name, said in members.present().items()}
    (told,) = contributions(replace(heard, rows=rows, members=members, present=present), [mixture.blend])
    return told


def of(told: Contributions, group: str) -> FloatArray:
    """Contribution to the median over the horizon, shape (intervals,)."""
    return told.values[told.groups.index(group), :, 0]


@pytest.fixture(scope="module")
def usual() -> tuple[Heard, Mixture, Contributions]:
    return taken_apart(town())


def test_contributions_add_up_to_the_forecast(usual: tuple[Heard, Mixture, Contributions]) -> None:
    _, mixture, told = usual
    assert set(mixture.blend.weights) >= {"regression", "boosted-trees"}
    assert told.groups == (REFERENCE, TEMPERATURE, CALENDAR, RECENT, WEATHER)
    np.testing.assert_allclose(told.values.sum(axis=0), median_and_width(mixture.quantiles), atol=1e-9)


def test_asking_with_other_inputs_leaves_the_members_as_they_were(usual: tuple[Heard, Mixture, Contributions]) -> None:
    heard, _, _ = usual
    again = heard.members.present()
    for name, said in heard.present.items():
        np.testing.assert_array_equal(again[name][:, 0], said)


def test_what_never_changes_contributes_nothing(usual: tuple[Heard, Mixture, Contributions]) -> None:
    np.testing.assert_allclose(of(usual[2], WEATHER), 0.0, atol=1e-5)  # of some 50: single precision


def test_each_series_has_the_groups_of_its_own_covariates() -> None:
    one = town()
    warmth = {"warmth": one.settings.covariates["temp"]}
    settings = one.settings.model_copy(update={"covariates": warmth})
    other = replace(one, series_id="village", settings=settings, covariates={"warmth": one.covariates["temp"]})
    bare = replace(one, series_id="hamlet", settings=settings.model_copy(update={"covariates": {}}), covariates={})
    heard = hear(make_rows([bare, one, other]), course=Course(share=0.3), trained=False)
    told = contributions(heard, [mix(heard, k, seed=0).blend for k in range(3)])
    assert {made.groups for made in told} == {(REFERENCE, TEMPERATURE, CALENDAR, RECENT, WEATHER)}
    for made in told:
        assert not of(made, TEMPERATURE).any(), "nobody who was heard reads it"


def test_a_weekend_is_put_down_to_the_calendar(usual: tuple[Heard, Mixture, Contributions]) -> None:
    assert town().axis.index[DAYS * 24].day_name() == "Thursday"
    assert of(usual[2], CALENDAR).mean() == pytest.approx(8.0 * 2 / 7, abs=1.5)  # a working day among all days


def test_warmth_over_the_horizon_is_put_down_to_temperature(usual: tuple[Heard, Mixture, Contributions]) -> None:
    warm = shown(usual, town(warmer=6.0))
    moved = {group: float((of(warm, group) - of(usual[2], group)).mean()) for group in warm.groups}
    assert moved.pop(TEMPERATURE) < -1.0
    assert max(map(abs, moved.values())) < 0.3


def test_days_above_the_rest_are_put_down_to_the_recent_level(usual: tuple[Heard, Mixture, Contributions]) -> None:
    high = shown(usual, town(late=6.0))
    moved = {group: float((of(high, group) - of(usual[2], group)).mean()) for group in high.groups}
    assert moved.pop(RECENT) > max(0.35, 1.2 * max(map(abs, moved.values())))


def test_the_sun_is_explained_too() -> None:
    hours = 40 * 24
    sun = np.maximum(np.sin((np.arange(hours) % 24 - 6.0) / 12.0 * np.pi), 0.0)
    sky = np.random.default_rng(1).uniform(0.2, 1.0, hours)
    one = town(kind="solar")
    origin = hours - 24
    power = np.where(np.arange(hours) < origin, 70.0 * sun * sky, np.nan)
    axis = TimeAxis(one.axis.start, one.axis.step, hours)
    settings = SeriesSettings(kind="solar", interval_minutes=60, capacity=80.0)
    bright = np.where(np.arange(hours) < origin, sky, 1.0)
    _, mixture, told = taken_apart(
        FileSeries("roof", settings, axis, power, origin, np.arange(origin, hours), {"sky": bright})
    )
    assert told.groups == (REFERENCE, CALENDAR, RECENT, WEATHER)
    np.testing.assert_allclose(told.values.sum(axis=0), median_and_width(mixture.quantiles), atol=1e-9)
    assert (of(told, WEATHER)[8:17] > 2.0).all()
    assert (of(told, WEATHER)[:5] == 0.0).all()  # at night


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 4))
def test_shapley_values_are_the_mean_over_every_order(seed: int, count: int) -> None:
    groups = "abcd"[:count]
    draw = np.random.default_rng(seed)
    answers = {
        frozenset(chosen): draw.normal(size=3) for size in range(count + 1) for chosen in combinations(groups, size)
    }
    told = shapley(answers, groups)
    total = answers[frozenset(groups)] - answers[frozenset()]
    np.testing.assert_allclose(sum(told.values()), total, atol=1e-12)
    for group in groups:
        steps = [
            answers[frozenset(order[: order.index(group) + 1])] - answers[frozenset(order[: order.index(group)])]
            for order in permutations(groups)
        ]
        np.testing.assert_allclose(told[group], np.mean(steps, axis=0), atol=1e-12)
