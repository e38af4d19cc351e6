"""Who speaks for a series, and that a stand-in is always labelled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting.external import Issue
from forecasting.issuing import (
    EXTERNAL,
    LSTM,
    NAIVE,
    Issuance,
    ModelAnswer,
    baseline_forecast,
    external_forecast,
    position_of,
    primary_forecast,
    why_not_ask,
)
from grid.forecasts import Forecast
from grid.time_axis import FloatArray, TimeAxis

ISSUED = datetime(2008, 6, 16, 10, 20, tzinfo=UTC)
AHEAD = TimeAxis(datetime(2008, 6, 16, 11, tzinfo=UTC), timedelta(hours=1), 48)
ORIGIN = 24 * 92
LEVELS = (0.1, 0.5, 0.9)
ISSUANCE = Issuance(ISSUED, AHEAD, ORIGIN, LEVELS)


def week_after_week() -> FloatArray:
    return np.tile(np.arange(168, dtype=np.float64), 14)[:ORIGIN]


def baseline(kw: FloatArray) -> Forecast:
    made = baseline_forecast("a:load", kw, ISSUANCE, weekly=True)
    assert made is not None
    return made


def test_the_baseline_is_itself_and_not_degraded() -> None:
    made = baseline(week_after_week())
    assert (made.model_id, made.method, made.degraded, made.reasons) == (NAIVE, NAIVE, False, ())
    assert made.issued_at == ISSUED


def test_a_baseline_over_gaps_says_so() -> None:
    kw = week_after_week()
    kw[ORIGIN - 168 : ORIGIN - 160] = np.nan
    made = baseline(kw)
    assert made.degraded
    assert made.reasons == ("8 of 48 hours repeat an older season: the newest one was not known.",)


def test_a_series_that_never_spoke_has_no_baseline() -> None:
    assert baseline_forecast("a:load", np.full(ORIGIN, np.nan), ISSUANCE, weekly=True) is None


def test_night_and_capacity_bind_the_baseline() -> None:
    night = np.arange(48) % 24 < 12
    made = baseline_forecast("p:generation", week_after_week(), ISSUANCE, weekly=False, capacity_kw=50.0, night=night)
    assert made is not None
    assert np.all(made.quantiles[night] == 0.0)
    assert made.quantiles.max() <= 50.0


def test_a_model_that_answers_is_the_primary() -> None:
    answer = ModelAnswer("load-1", np.ones((48, 3)))
    made = primary_forecast("a:load", ISSUANCE, baseline(week_after_week()), answer=answer, reason=None)
    assert (made.model_id, made.method, made.degraded) == ("load-1", LSTM, False)


def test_a_stand_in_is_labelled_with_both_reasons() -> None:
    made = primary_forecast("a:load", ISSUANCE, baseline(week_after_week()), answer=None, reason="No model.")
    assert made.degraded
    assert made.model_id == NAIVE
    assert made.reasons == ("No model.", "The seasonal naive forecast stands in.")


def test_hours_beyond_the_models_reach_are_the_baselines_and_labelled() -> None:
    base = baseline(week_after_week())
    made = primary_forecast("a:load", ISSUANCE, base, answer=ModelAnswer("m", np.full((30, 3), 5.0)), reason=None)
    assert made.degraded
    assert np.all(made.quantiles[:30] == 5.0)
    np.testing.assert_array_equal(made.quantiles[30:], base.quantiles[30:])
    assert made.reasons[0].startswith("The model reaches 30 hours ahead")


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (slice(0, 0), None),
        (slice(-12, None), None),
        (slice(-13, None), "13 hours old"),
        (slice(-80, -20), "64%"),
        (slice(-168, None), "No reading arrived"),
    ],
)
def test_a_model_is_asked_only_about_what_it_can_read(missing: slice, said: str | None) -> None:
    kw = week_after_week()
    kw[missing] = np.nan
    reason = why_not_ask(kw, origin=ORIGIN)
    assert reason is None if said is None else reason is not None and said in reason


def test_a_sent_forecast_gets_bands_and_its_gaps_the_baseline() -> None:
    kw = week_after_week()
    issues = [Issue(at, at, kw[at : at + 48]) for at in range(ORIGIN - 24 * 20, ORIGIN - 48, 24)]
    whole = [*issues, Issue(ORIGIN - 1, ORIGIN - 1, np.full(60, 77.0))]
    base = baseline(kw)
    made = external_forecast("w:generation", kw, whole, ISSUANCE, base, capacity_kw=500.0)
    assert made is not None
    assert (made.method, made.degraded) == (EXTERNAL, False)
    np.testing.assert_allclose(made.median, 77.0)
    part = external_forecast(
        "w:generation", kw, [*issues, Issue(ORIGIN, ORIGIN, np.full(10, 77.0))], ISSUANCE, base, capacity_kw=500.0
    )
    assert part is not None
    assert part.degraded
    assert "leaves out 38 hours" in part.reasons[0]
    np.testing.assert_array_equal(part.quantiles[10:], base.quantiles[10:])


def test_a_plant_nobody_forecasts_falls_back_and_says_so() -> None:
    made = external_forecast(
        "w:generation", week_after_week(), [], ISSUANCE, baseline(week_after_week()), capacity_kw=9e9
    )
    assert made is not None
    assert made.degraded
    assert made.reasons[0] == "Nobody has sent a forecast of this plant."
    assert external_forecast("w:generation", np.full(ORIGIN, np.nan), [], ISSUANCE, None, capacity_kw=1.0) is None


def test_bands_without_a_past_are_labelled() -> None:
    made = external_forecast(
        "w:generation", week_after_week(), [Issue(ORIGIN, ORIGIN, np.ones(48))], ISSUANCE, None, capacity_kw=9.0
    )
    assert made is not None
    assert made.degraded
    assert "there are no bands" in made.reasons[0]


def test_an_instant_within_an_hour_belongs_to_the_next_position() -> None:
    axis = TimeAxis(datetime(2008, 6, 16, tzinfo=UTC), timedelta(hours=1), 24)
    assert position_of(axis.start, axis) == 0
    assert position_of(axis.start + timedelta(minutes=1), axis) == 1
    assert position_of(axis.start - timedelta(hours=2), axis) == -2
