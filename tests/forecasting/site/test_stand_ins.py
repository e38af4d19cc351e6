"""A stand-in makes the most of what is there: history, neighbours, capacity."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import pytest

from forecasting.series.calendar import make_calendar
from forecasting.site.fallbacks import Answer, Level
from forecasting.site.issuing import Issuance, baseline_forecast
from forecasting.site.stand_ins import Asked, Neighbour, capacity_band, forecast_all, naive, neighbours, parts, refit
from grid.forecasts import Forecast, KnownInputs, Voice
from grid.time_axis import FloatArray, TimeAxis

AHEAD = TimeAxis(datetime(2008, 6, 16, 11, tzinfo=UTC), timedelta(hours=1), 48)
HOURS = 24 * 56
LEVELS = (0.05, 0.5, 0.95)
ISSUANCE = Issuance(AHEAD.start, AHEAD, HOURS, LEVELS)
NOTHING = np.full(HOURS, np.nan)


def daily(scale: float, *, seed: int = 0) -> FloatArray:
    hours = np.arange(HOURS)
    noise = np.random.default_rng(seed).normal(size=HOURS)
    return scale * (10.0 + 4.0 * np.sin(2 * np.pi * hours / 24) + 0.2 * noise)


def neighbour(kw: FloatArray, median: float, capacity_kw: float | None = None, series_id: str = "n:load") -> Neighbour:
    quantiles = np.tile(median * np.array([0.9, 1.0, 1.1]), (48, 1))
    forecast = Forecast(series_id, AHEAD, ISSUANCE.issued_at, LEVELS, quantiles, "load-1", "lstm-attention")
    return Neighbour(forecast, kw, capacity_kw)


def asked(kw: FloatArray, **changes: object) -> Asked:
    plain: dict[str, object] = {
        "series_id": "new:load",
        "kind": "load",
        "kw": kw,
        "capacity_kw": None,
        "bound_kw": np.full(48, np.inf),
        "band_kw": None,
        "baseline": baseline_forecast("new:load", kw, ISSUANCE, weekly=True),
        "speakers": (),
        "inputs": KnownInputs(None, None, 0.0),
    }
    return Asked(**(plain | changes))  # type: ignore[arg-type]


def test_a_regression_on_the_spot_follows_a_level_that_the_seasonal_naive_has_not_seen() -> None:
    kw = daily(1.0)
    kw[-60:] *= 1.5  # customers came two and a half days ago
    kw[-14:] = np.nan
    calendar = make_calendar(
        TimeAxis(AHEAD.start - HOURS * AHEAD.step, AHEAD.step, HOURS + 48), timezone="UTC", holidays=""
    )
    answer = refit(kw, calendar, ISSUANCE)
    assert isinstance(answer, Answer)
    actual = 1.5 * (10.0 + 4.0 * np.sin(2 * np.pi * np.arange(HOURS, HOURS + 48) / 24))
    last_week = baseline_forecast("a:load", kw, ISSUANCE, weekly=True)
    assert last_week is not None
    assert np.abs(answer.quantiles[:, 1] - actual).mean() < 0.85 * np.abs(last_week.median - actual).mean()
    few = refit(np.where(np.arange(HOURS) < HOURS - 100, np.nan, kw), calendar, ISSUANCE)
    assert few == "A regression needs 672 known hours, there are 86."


def test_a_regression_on_the_spot_learns_nothing_from_hours_before_the_first_reading() -> None:
    kw = daily(1.0)
    kw[: HOURS - 35 * 24] = np.nan
    calendar = make_calendar(
        TimeAxis(AHEAD.start - HOURS * AHEAD.step, AHEAD.step, HOURS + 48), timezone="UTC", holidays=""
    )
    answer = refit(kw, calendar, ISSUANCE)
    assert isinstance(answer, Answer)
    assert (answer.quantiles[:, -1] < 1.5 * np.nanmax(kw)).all()


def test_the_naive_is_silent_before_it_has_seen_a_season() -> None:
    kw = NOTHING.copy()
    kw[-100:] = 5.0
    assert (
        naive(None, kw, ISSUANCE, season_hours=168)
        == "The seasonal naive forecast needs 168 known hours, there are 100."
    )


def test_a_new_meter_takes_its_neighbours_profile_scaled_to_its_first_readings() -> None:
    kw = NOTHING.copy()
    kw[-3:] = 0.5 * daily(1.0)[-3:]
    answer = neighbours(asked(kw), [neighbour(daily(1.0), 10.0), neighbour(daily(4.0), 40.0)], ISSUANCE)
    assert isinstance(answer, Answer)
    assert answer.speaker == "The profile of 2 neighbours, scaled to 3 hours of its readings,"
    assert answer.voice == Voice("neighbours", "load-1", Level.NEIGHBOURS)
    np.testing.assert_allclose(answer.quantiles[:, 1], 5.0, rtol=1e-6)
    np.testing.assert_allclose(answer.quantiles[:, [0, 2]], [[4.5, 5.5]] * 48, rtol=0.02)


@pytest.mark.parametrize("reading", [0.0, 5000.0])
def test_a_few_readings_of_nothing_or_of_too_much_scale_no_profile_where_capacity_can(reading: float) -> None:
    kw = NOTHING.copy()
    kw[-3:] = reading
    others = [neighbour(daily(1.0), 10.0, capacity_kw=12.0), neighbour(daily(4.0), 40.0, capacity_kw=48.0)]
    answer, unread = (neighbours(asked(known, capacity_kw=6.0), others, ISSUANCE) for known in (kw, NOTHING))
    assert isinstance(answer, Answer)
    assert isinstance(unread, Answer)
    np.testing.assert_array_equal(answer.quantiles, unread.quantiles)
    assert answer.quantiles.min() > 0.0


def test_zeros_alone_are_no_size() -> None:
    kw = NOTHING.copy()
    kw[-30:] = 0.0
    answer = neighbours(asked(kw), [neighbour(daily(1.0), 10.0)], ISSUANCE)
    assert isinstance(answer, Answer)
    assert answer.speaker == "The profile of 1 neighbours, as large as they are,"


def test_without_a_reading_capacity_scales_and_without_that_neighbours_stand_as_large_as_they_are() -> None:
    others = [neighbour(daily(1.0), 10.0, 20.0), neighbour(daily(4.0), 40.0, 80.0), neighbour(daily(1.0), 12.0)]
    answer = neighbours(asked(NOTHING, capacity_kw=6.0, bound_kw=np.full(48, 3.1)), others, ISSUANCE)
    assert isinstance(answer, Answer)
    assert answer.speaker == "The profile of 2 neighbours, scaled by capacity,"
    np.testing.assert_allclose(answer.quantiles[:, 1], 3.0, rtol=1e-6)
    assert answer.quantiles.max() == pytest.approx(3.1), "never above what it can"
    wide = neighbours(asked(NOTHING), others, ISSUANCE)
    assert isinstance(wide, Answer)
    assert wide.speaker == "The profile of 3 neighbours, as large as they are,"
    assert (wide.quantiles[0, 0] < 10.0, wide.quantiles[0, 2] > 40.0) == (True, True), "how they differ is in the bands"
    assert neighbours(asked(NOTHING), [], ISSUANCE) == "There is no neighbour of its kind to take a profile from."


def test_capacity_alone_tells_only_a_band() -> None:
    ceiling = np.where(np.arange(48) % 24 < 12, 0.0, 8.0)
    answer = capacity_band(ceiling, ISSUANCE)
    assert isinstance(answer, Answer)
    np.testing.assert_allclose(answer.quantiles[[0, 12]], [[0.0, 0.0, 0.0], [0.4, 4.0, 7.6]])
    assert capacity_band(None, ISSUANCE) == "Its capacity is unknown."


def test_a_sum_of_which_a_part_is_missing_is_not_guessed() -> None:
    one, two = neighbour(NOTHING, 10.0).forecast, neighbour(NOTHING, 4.0).forecast
    answer = parts([(1.0, one), (2.0, two)])
    assert isinstance(answer, Answer)
    np.testing.assert_allclose(answer.quantiles[:, 1], 18.0)
    assert parts([(1.0, one), (2.0, None)]) == "Not every part of the total is forecast."


def test_the_second_round_builds_on_the_first_and_what_nobody_knows_is_told_apart() -> None:
    known = daily(1.0)

    def speak() -> Answer:
        return Answer("The champion", Voice("lstm-attention", "load-1", Level.CHAMPION), np.full((48, 3), 10.0))

    kw = NOTHING.copy()
    kw[-30:] = 2.0 * known[-30:]
    made = forecast_all(
        [
            asked(known, series_id="old:load", speakers=(speak,)),
            asked(kw, series_id="new:load"),
            asked(NOTHING, series_id="pv:generation", kind="solar", band_kw=np.full(48, 4.0)),
            asked(NOTHING, series_id="dark:generation", kind="dark"),
            asked(NOTHING, series_id="site:load", parts=((1.0, "old:load"), (0.5, "new:load"))),
        ],
        ISSUANCE,
    )
    levels = {name: one and one.spoken_by[0].fallback_level for name, one in made.items()}
    assert levels == {
        "old:load": Level.CHAMPION,
        "new:load": Level.NEIGHBOURS,
        "pv:generation": Level.CAPACITY,
        "dark:generation": None,
        "site:load": Level.NEIGHBOURS,
    }
    assert made["site:load"] is not None
    np.testing.assert_allclose(made["site:load"].median, 20.0, rtol=0.01)
    assert made["pv:generation"] is not None
    assert made["pv:generation"].reasons == (
        "There is no neighbour of its kind to take a profile from.",
        "There is no reading in eight weeks.",
        "A band that knows its capacity only stands in.",
    )


def test_neighbours_who_speak_for_themselves_come_before_the_naive_and_totals_have_none() -> None:
    two_weeks = np.where(np.arange(HOURS) < HOURS - 14 * 24, np.nan, daily(2.0))
    old = Answer("The champion", Voice("lstm-attention", "load-1", Level.CHAMPION), np.full((48, 3), 10.0))

    def young(series_id: str, **changes: object) -> Asked:
        baseline = baseline_forecast(series_id, two_weeks, ISSUANCE, weekly=True)
        late = partial(naive, baseline, two_weeks, ISSUANCE, season_hours=168)
        return asked(two_weeks, series_id=series_id, after_neighbours=(late,), **changes)

    def levels(*series: Asked) -> list[int | None]:
        return [one and one.spoken_by[0].fallback_level for one in forecast_all(series, ISSUANCE).values()]

    alone, pair = [Level.SEASONAL_NAIVE], [Level.SEASONAL_NAIVE] * 2
    assert levels(young("a:load")) == alone
    assert levels(young("a:load"), young("b:load")) == pair, "who repeats its own weeks teaches nobody"
    taught = levels(
        asked(daily(1.0), series_id="old:load", speakers=(lambda: old,)),
        young("a:load"),
        young("site:load", parts=((1.0, "old:load"), (1.0, "a:load"))),
    )
    assert taught == [Level.CHAMPION, Level.NEIGHBOURS, Level.SEASONAL_NAIVE]


def test_who_was_heard_in_the_first_round_is_not_asked_again_in_the_second() -> None:
    heard: list[str] = []

    def silent() -> str:
        heard.append("silent")
        return "It cannot speak."

    made = forecast_all([asked(NOTHING, speakers=(silent,), band_kw=np.full(48, 4.0))], ISSUANCE)
    (forecast,) = made.values()
    assert forecast is not None
    assert (heard, forecast.reasons[0]) == (["silent"], "It cannot speak.")
