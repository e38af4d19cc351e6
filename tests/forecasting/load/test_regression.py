"""The regression and what it leaves over: recovery of a known law, causality, and scenarios of temperature."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting.load.design import Design
from forecasting.load.regression import (
    CONTEXT_HOURS,
    YEAR_HOURS,
    Fit,
    calendar_terms,
    rolling_fits,
    season_terms,
    temperature_bends,
    temperature_response,
    temperature_terms,
)
from forecasting.load.regression_member import fit_regressions, recall_regressions
from forecasting.load.residuals import FEATURES, fit_residuals, lead_group, recent_features
from forecasting.load.stations import choose_stations
from forecasting.nouns import Float32Array
from forecasting.series.calendar import Calendar, make_calendar
from forecasting.series.outlook import make_outlook
from forecasting.series.splits import split_history
from forecasting.series.temperature_scenarios import shifted_years
from grid.time_axis import FloatArray, TimeAxis

DAYS = 120


def calendar_of(hours: int) -> Calendar:
    axis = TimeAxis(datetime(2025, 1, 1, tzinfo=UTC), timedelta(hours=1), hours)
    return make_calendar(axis, timezone="Europe/Berlin", holidays="DE")


def weather(hours: int, *, seed: int = 0) -> FloatArray:
    """A year's and a day's course with a weather that lasts. [degC]"""
    hour = np.arange(hours)
    noise = np.random.default_rng(seed).normal(0.0, 0.6, hours)
    lasting = np.convolve(noise, 0.97 ** np.arange(200))[:hours]
    return 12.0 - 8.0 * np.cos(2 * np.pi * hour / 8766) - 4.0 * np.cos(2 * np.pi * hour / 24) + lasting


def log_load(temperature_c: FloatArray, calendar: Calendar) -> FloatArray:
    return np.asarray(
        0.2 * np.sin(2 * np.pi * calendar.hour / 24) - 0.1 * (calendar.day_type > 0) - 0.01 * temperature_c
    )


def test_a_fit_finds_the_law_that_made_the_load() -> None:
    hours = DAYS * 24
    calendar, celsius = calendar_of(hours), weather(hours)
    target = log_load(celsius, calendar)
    fixed = calendar_terms(calendar)

    def design(begin: int, end: int) -> np.ndarray:
        path = celsius[np.maximum(np.arange(begin - CONTEXT_HOURS, end), 0)]
        return np.concatenate([fixed[begin:end], temperature_terms(path, calendar.part(slice(begin, end)))], axis=1)

    last = hours - 168
    (fit,) = rolling_fits(design, target[None], instants=np.array([last]), beyond=0)
    told = fit.told[0, 0]
    assert np.abs(told - target[last:]).mean() < 0.02
    assert np.std(target[last:]) > 0.05


def test_a_fit_does_not_see_what_comes_after_it() -> None:
    calendar = calendar_of(40 * 24)
    fixed = calendar_terms(calendar)
    target = np.random.default_rng(1).normal(size=40 * 24)
    changed = target.copy()
    changed[30 * 24 :] += 5.0
    instants = np.array([20 * 24, 30 * 24, 40 * 24])
    before, after = (
        rolling_fits(lambda a, b: fixed[a:b], one[None], instants=instants, beyond=0) for one in (target, changed)
    )
    for k in (0, 1):
        np.testing.assert_array_equal(before[k].weights, after[k].weights)
    assert not np.allclose(before[2].level, after[2].level)


def test_unknown_hours_do_not_count() -> None:
    calendar = calendar_of(20 * 24)
    fixed = calendar_terms(calendar)
    target = np.full(20 * 24, 3.0)
    target[::5] = np.nan
    (fit,) = rolling_fits(lambda a, b: fixed[a % 480 :][: b - a], target[None], instants=np.array([480]), beyond=480)
    assert fit.told == pytest.approx(3.0, abs=1e-4)


def test_series_that_are_fitted_together_are_fitted_as_if_alone() -> None:
    calendar = calendar_of(50 * 24)
    fixed = calendar_terms(calendar)
    targets = np.random.default_rng(5).normal(size=(4, 50 * 24))
    targets[1, 100:300] = np.nan  # a gap
    targets[2, :700] = np.nan  # a meter that came later
    instants = np.array([40 * 24, 50 * 24])
    together = rolling_fits(lambda a, b: fixed[a:b], targets, instants=instants, beyond=0)
    for row, target in enumerate(targets):
        alone = rolling_fits(lambda a, b: fixed[a:b], target[None], instants=instants, beyond=0)
        for one, all_of_them in zip(alone, together, strict=True):
            np.testing.assert_allclose(all_of_them.weights[row], one.weights[0], atol=2e-4)


def test_what_is_solved_again_after_a_day_is_what_new_factors_give(monkeypatch: pytest.MonkeyPatch) -> None:
    calendar = calendar_of(60 * 24)
    fixed = calendar_terms(calendar)
    targets = np.random.default_rng(7).normal(5.0, 1.0, (5, 60 * 24))
    targets[1, 50 * 24 : 50 * 24 + 5] = np.nan  # a gap in what is added
    targets[2, 300:400] = np.nan
    targets[3, 50 * 24 :] = np.nan  # a meter that fell silent
    targets[4] = np.nan  # one that has not come yet

    def fits() -> list[Fit]:
        return rolling_fits(lambda a, b: fixed[a:b], targets, instants=np.arange(50, 60) * 24, beyond=0)

    corrected = fits()
    monkeypatch.setattr("forecasting.load.normal_equations._NEAR_HOURS", -1)
    for one, anew in zip(corrected, fits(), strict=True):
        np.testing.assert_allclose(one.weights, anew.weights, atol=1e-7)
        np.testing.assert_allclose(one.level, anew.level, atol=1e-7)
    assert not np.array_equal(corrected[1].weights, anew.weights)


@pytest.mark.parametrize("celsius", [50.0, 45.0])
def test_a_stuck_thermometer_does_not_lead_what_is_solved_again_astray(
    celsius: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = 50 * 24
    calendar = calendar_of(hours)
    target = log_load(np.full(hours, 15.0), calendar) + np.random.default_rng(0).normal(0.0, 0.03, hours)
    fixed = calendar_terms(calendar)

    def design(begin: int, end: int) -> Float32Array:
        path = np.full(end - begin + CONTEXT_HOURS, celsius)
        return np.concatenate([fixed[begin:end], temperature_terms(path, calendar.part(slice(begin, end)))], axis=1)

    def fits() -> list[Fit]:
        return rolling_fits(design, target[None], instants=np.arange(46, 50) * 24, beyond=0)

    corrected = fits()
    monkeypatch.setattr("forecasting.load.normal_equations._NEAR_HOURS", -1)
    for one, anew in zip(corrected, fits(), strict=True):
        np.testing.assert_allclose(one.told, anew.told, atol=1e-5)


def test_the_response_to_temperature_is_that_of_its_terms() -> None:
    calendar = calendar_of(30 * 24)
    path = weather(30 * 24 + CONTEXT_HOURS)
    terms = temperature_terms(path, calendar)
    weights = np.random.default_rng(6).normal(size=terms.shape[1])
    by_hour, by_season = temperature_response(weights)
    free = (calendar.day_type > 0).astype(int)
    response = by_hour[free, calendar.hour] + season_terms(calendar) @ by_season
    told = (temperature_bends(path) * response).sum(axis=-1)
    np.testing.assert_allclose(told, terms @ weights, atol=1e-3)


def test_heat_that_has_built_up_counts_while_it_is_hot_and_not_after_a_cool_change() -> None:
    def bends_beyond_22_degrees(past_c: float, now_c: float) -> FloatArray:
        path = np.append(np.full(CONTEXT_HOURS, past_c), now_c)
        lines = temperature_bends(path).reshape(-1, 5)  # present, with the last day, with three days, lags; bends
        return lines[1:3, 3]

    assert (bends_beyond_22_degrees(28.0, 32.0) > bends_beyond_22_degrees(18.0, 32.0)).all()
    np.testing.assert_array_equal(bends_beyond_22_degrees(28.0, 12.0), bends_beyond_22_degrees(18.0, 12.0))


def test_recent_features_look_only_back() -> None:
    residual = np.random.default_rng(2).normal(size=1000)
    changed = residual.copy()
    changed[800:] = 99.0
    leads = np.arange(200)
    first, again = (recent_features(one, np.array([800]), leads) for one in (residual, changed))
    assert first.shape == (1, 200, FEATURES)
    np.testing.assert_array_equal(first, again)


def test_an_error_that_lasts_is_carried_on_and_one_that_does_not_is_not() -> None:
    draw = np.random.default_rng(3)
    white = draw.normal(size=300 * 24)
    lasting = np.convolve(draw.normal(size=300 * 24), 0.995 ** np.arange(2000))[: 300 * 24]
    origins = np.arange(40 * 24, 298 * 24, 24)
    leads = np.arange(24)
    for residual, share in ((white, 0.05), (lasting, 0.5)):
        actual = residual[origins[:, None] + leads]
        model = fit_residuals(residual, actual, origins, levels=(0.1, 0.5, 0.9))
        told = model.centre(recent_features(residual, origins, leads), leads)
        explained = 1.0 - np.mean((actual - told) ** 2) / np.mean(actual**2)
        assert (explained > share) == (share == 0.5)
        spread = model.spread(origins, leads)
        covered = (actual > told + spread[..., 0]) & (actual < told + spread[..., 2])
        assert covered.mean() == pytest.approx(0.8, abs=0.03)


def test_leads_fall_into_groups_that_widen() -> None:
    assert lead_group(np.array([0, 1, 2, 3, 6, 12, 23, 24, 47, 48, 200, 5000])).tolist() == [
        *range(6),
        5,
        6,
        6,
        7,
        9,
        10,
    ]


def test_the_station_that_drives_the_load_is_chosen() -> None:
    hours = 150 * 24
    calendar = calendar_of(hours)
    stations = np.stack([weather(hours, seed=seed) for seed in range(4)])
    assert set(choose_stations(log_load(stations[2], calendar), stations, calendar)) == {2}


def test_scenarios_begin_at_today_and_end_in_climate() -> None:
    celsius = weather(3 * YEAR_HOURS)
    origin = 3 * YEAR_HOURS - 1000
    hidden = celsius.copy()
    hidden[origin:] = np.nan
    paths = shifted_years(hidden, np.full(len(hidden), 12.0), origin=origin, periods=720, context=72)
    assert paths.shape[1] == 792
    assert len(paths) > 15
    assert np.isfinite(paths).all()
    np.testing.assert_array_equal(paths[:, :72], np.tile(celsius[origin - 72 : origin], (len(paths), 1)))
    assert paths[:, 72:78].std(axis=0).mean() < 0.7 * paths[:, -200:].std(axis=0).mean()


def test_no_year_no_scenario() -> None:
    assert shifted_years(weather(5000), np.zeros(5048), origin=5000, periods=48, context=72).shape == (0, 120)


def test_weather_of_other_weeks_comes_without_their_season() -> None:
    hours, origin = 4 * YEAR_HOURS, 4 * YEAR_HOURS - 720
    normal = 10.0 - 12.0 * np.cos(2.0 * np.pi * np.arange(hours) / YEAR_HOURS)
    paths = shifted_years(normal + 3.0, normal, origin=origin, periods=720, context=72)
    np.testing.assert_allclose(paths, np.tile(normal[origin - 72 :] + 3.0, (len(paths), 1)))


@pytest.mark.parametrize("known_ahead", [0, 24, 240])
def test_bands_hold_with_temperature_given_in_part_or_not_at_all(known_ahead: int) -> None:
    hours, periods = 500 * 24, 240
    calendar, celsius = calendar_of(hours + periods), weather(hours + periods)
    power = np.exp(log_load(celsius, calendar) + np.random.default_rng(4).normal(0.0, 0.02, hours + periods))
    shown = celsius.copy()
    shown[hours + known_ahead :] = np.nan
    split = split_history(hours, periods)
    outlook = make_outlook(shown, calendar, periods=periods, until=hours)
    (one,) = fit_regressions(power[None, :hours], Design(calendar, outlook), split=split, periods=periods)
    assert one.told_ahead == (known_ahead == periods)
    made = one.speak(np.array([hours]), periods, one.errors(periods, hours))[0]
    assert (np.diff(made, axis=1) >= 0.0).all()
    covered = (power[hours:] > made[:, 2]) & (power[hours:] < made[:, -3])  # 0.05 to 0.95
    assert covered.mean() > 0.75
    width = made[:, -3] - made[:, 2]
    if known_ahead == 24:
        assert width[:24].mean() < 0.8 * width[-100:].mean()


def test_a_series_that_joins_late_is_judged_from_its_first_fit_that_knew_it() -> None:
    hours, joined = DAYS * 24, 70 * 24
    calendar = calendar_of(hours + 24)
    old = 500.0 * np.exp(log_load(weather(hours + 24), calendar))[:hours]
    late = np.where(np.arange(hours) < joined, np.nan, 40.0 * old)
    design = Design(calendar, None)
    veteran, newcomer = fit_regressions(np.stack([old, late]), design, split=split_history(hours, 24), periods=24)
    assert veteran.first < joined < newcomer.first < joined + 30 * 24
    for one in (veteran, newcomer):
        left = one.left_ahead(np.arange(0, hours - 24, 24), 24, until=hours)
        assert np.isnan(left[np.arange(0, hours - 24, 24) < one.first]).all()
        assert np.nanmax(np.abs(left)) < 0.5  # a fit on nothing would be wrong by all of the load: log 20,000 is 10
    recalled = recall_regressions(late[None], design, [newcomer.fitted], periods=24, every=24)
    assert recalled[0].first == newcomer.first
