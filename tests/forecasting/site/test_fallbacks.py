"""There is always an answer, every interval says whose, and a later speaker never overrules an earlier one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forecasting.series.sent import SentForecast
from forecasting.site.asking import ask_solar, sent_forecast
from forecasting.site.champions import Champion
from forecasting.site.data import SeriesHistory
from forecasting.site.fallbacks import Answer, Level, Speaker, ask_in_turn, known_inputs
from forecasting.site.issuing import Issuance
from grid.forecasts import KnownInputs, Voice
from grid.site import Meter
from grid.time_axis import FloatArray, TimeAxis

ISSUED = datetime(2008, 6, 16, 10, 20, tzinfo=UTC)
AHEAD = TimeAxis(datetime(2008, 6, 16, 11, tzinfo=UTC), timedelta(hours=1), 48)
HISTORY = TimeAxis(AHEAD.start - timedelta(days=92), timedelta(hours=1), 24 * 92)
ISSUANCE = Issuance(ISSUED, AHEAD, HISTORY.periods, (0.1, 0.5, 0.9))
INPUTS = KnownInputs(ISSUED, None, 1.0)
UNBOUNDED = np.full(48, np.inf)
CHAMPION, NAIVE = Voice("lstm-attention", "load-1", Level.CHAMPION), Voice("seasonal-naive", "seasonal-naive", 3)


def flat(voice: Voice, kw: float, *, periods: int = 48, reasons: tuple[str, ...] = ()) -> Speaker:
    return lambda: Answer("The naive", voice, np.full((periods, 3), kw), reasons)


def test_a_champion_that_answers_all_hours_is_not_degraded_and_nobody_else_is_asked() -> None:
    def never() -> Answer:
        raise AssertionError("asked in vain")

    made = ask_in_turn("a:load", ISSUANCE, [flat(CHAMPION, 5.0), never], bound_kw=UNBOUNDED, inputs=INPUTS)
    assert made is not None
    assert (made.model_id, made.method, made.degraded, made.reasons) == ("load-1", "lstm-attention", False, ())
    assert made.spoken_by == (CHAMPION,) * 48
    assert (made.inputs, made.issued_at) == (INPUTS, ISSUED)


def test_who_does_not_answer_says_why_and_who_stands_in_is_named() -> None:
    made = ask_in_turn("a:load", ISSUANCE, [lambda: "No model.", flat(NAIVE, 4.0)], bound_kw=UNBOUNDED, inputs=INPUTS)
    assert made is not None
    assert made.degraded
    assert made.reasons == ("No model.", "The naive stands in.")
    assert made.spoken_by == (NAIVE,) * 48


def test_hours_beyond_the_models_reach_are_spoken_by_the_next_and_labelled_hour_by_hour() -> None:
    speakers = [flat(CHAMPION, 5.0, periods=30), flat(NAIVE, 4.0, reasons=("A gap.",))]
    made = ask_in_turn("a:load", ISSUANCE, speakers, bound_kw=UNBOUNDED, inputs=INPUTS)
    assert made is not None
    assert made.spoken_by == (CHAMPION,) * 30 + (NAIVE,) * 18
    assert made.reasons == ("The naive stands in for 18 of 48 hours.", "A gap.")
    np.testing.assert_array_equal(made.median, [5.0] * 30 + [4.0] * 18)


def test_a_champion_that_says_nothing_at_all_still_says_why() -> None:
    mute = flat(CHAMPION, np.nan, reasons=("The model says nothing of 48 hours.",))
    made = ask_in_turn("a:load", ISSUANCE, [mute, flat(NAIVE, 4.0)], bound_kw=UNBOUNDED, inputs=INPUTS)
    assert made is not None
    assert made.reasons == ("The model says nothing of 48 hours.", "The naive stands in.")


def test_hours_of_which_nobody_can_speak_make_no_forecast() -> None:
    assert ask_in_turn("a:load", ISSUANCE, [flat(CHAMPION, 5.0, periods=47)], bound_kw=UNBOUNDED, inputs=INPUTS) is None
    assert ask_in_turn("a:load", ISSUANCE, [], bound_kw=UNBOUNDED, inputs=INPUTS) is None


@given(
    said=st.lists(st.floats(-5.0, 50.0), min_size=3, max_size=3).map(sorted),
    most=st.floats(0.0, 20.0),
)
def test_whatever_is_said_stays_between_zero_and_what_is_possible(said: list[float], most: float) -> None:
    bound = np.where(np.arange(48) < 24, 0.0, most)  # a night, then a day
    speakers: list[Speaker] = [
        lambda: Answer("A sure one", CHAMPION, np.tile(said, (30, 1))),
        flat(NAIVE, 30.0),
    ]
    made = ask_in_turn("a:generation", ISSUANCE, speakers, bound_kw=bound, inputs=INPUTS)
    assert made is not None
    assert (made.quantiles[:24] == 0.0).all()
    assert (made.quantiles[24:] <= most).all()
    np.testing.assert_array_equal(made.quantiles[24:30], np.tile(np.clip(said, 0.0, most), (6, 1)))
    assert made.quantiles[30:].tolist() == [[most] * 3] * 18


@given(
    st.lists(
        st.one_of(st.none(), st.lists(st.sampled_from([np.nan, 1.0, 2.0]), min_size=1, max_size=60)),
        min_size=1,
        max_size=5,
    )
)
def test_every_hour_is_the_first_speakers_that_knew_it(said: list[list[float] | None]) -> None:
    def speaker(row: int, hours: list[float] | None) -> Speaker:
        if hours is None:
            return lambda: f"Speaker {row} is ill."
        return lambda: Answer(f"Speaker {row}", Voice("m", str(row), row), np.tile(np.array(hours)[:, None], 3))

    made = ask_in_turn(
        "a:load", ISSUANCE, [speaker(*one) for one in enumerate(said)], bound_kw=UNBOUNDED, inputs=INPUTS
    )
    table = np.full((len(said), 48), np.nan)
    for row, hours in enumerate(said):
        known = (hours or [])[:48]
        table[row, : len(known)] = known
    known_by = np.isfinite(table)
    if not known_by.any(axis=0).all():
        assert made is None
        return
    assert made is not None
    first = known_by.argmax(axis=0)
    assert [voice.fallback_level for voice in made.spoken_by] == first.tolist()
    np.testing.assert_array_equal(made.median, table[first, np.arange(48)])
    assert made.degraded == (first.any() or said[0] is None)


def test_what_was_known_is_told() -> None:
    kw = np.full(HISTORY.periods, 3.0)
    kw[-42:] = np.nan
    assert known_inputs(kw, HISTORY, ISSUANCE) == KnownInputs(AHEAD.start - timedelta(hours=42), None, 0.75)
    nothing = known_inputs(np.full(HISTORY.periods, np.nan), HISTORY, ISSUANCE, weather_issued_at=ISSUED)
    assert nothing == KnownInputs(None, ISSUED, 0.0)


def test_a_plants_nights_and_capacity_bound_what_is_said_of_it_and_an_unknown_capacity_does_not() -> None:
    placed = Meter("a", "generation", "solar", 60, capacity_kw=8.0, latitude=40.0, longitude=0.0)
    unknown = Meter("b", "generation", "solar", 60)
    power = np.full((2, HISTORY.periods), 3.0)
    read = SeriesHistory(HISTORY, ("a:generation", "b:generation"), power, ("", ""), {}, {})
    nobody = Champion("", None, Level.CHAMPION, "No solar model has been promoted yet.")
    one, other = ask_solar([placed, unknown], read, nobody, ISSUANCE, on_failure=str)
    hours = np.array([instant.hour for instant in AHEAD.index])
    assert one.bound_kw[hours == 0].tolist() == [0.0, 0.0]
    assert one.bound_kw[hours == 12].tolist() == [8.0, 8.0]
    assert set(one.bound_kw) == {0.0, 8.0}
    np.testing.assert_array_equal(other.bound_kw, UNBOUNDED)


def wind(hours: int = HISTORY.periods) -> FloatArray:
    return np.tile(np.arange(168, dtype=np.float64), 14)[:hours]


def test_a_sent_forecast_gets_bands_and_is_silent_where_it_does_not_reach() -> None:
    kw, origin = wind(), ISSUANCE.origin
    issues = [SentForecast(at, at, kw[at : at + 48]) for at in range(origin - 24 * 20, origin - 48, 24)]
    whole = sent_forecast(
        [*issues, SentForecast(origin - 1, origin - 1, np.full(60, 77.0))], kw, ISSUANCE, capacity_kw=500.0
    )
    assert isinstance(whole, Answer)
    np.testing.assert_allclose(whole.quantiles, 77.0)
    assert whole.reasons == ()
    part = sent_forecast([*issues, SentForecast(origin, origin, np.full(10, 77.0))], kw, ISSUANCE, capacity_kw=500.0)
    assert isinstance(part, Answer)
    assert part.reasons == ("The forecast that was sent leaves out 38 hours.",)
    assert np.isnan(part.quantiles[10:]).all()


def test_a_plant_nobody_forecasts_and_bands_without_a_past_are_told() -> None:
    assert sent_forecast([], wind(), ISSUANCE, capacity_kw=9.0) == "Nobody has sent a forecast of this plant."
    first = sent_forecast(
        [SentForecast(ISSUANCE.origin, ISSUANCE.origin, np.ones(48))], wind(), ISSUANCE, capacity_kw=9.0
    )
    assert isinstance(first, Answer)
    assert "there are no bands" in first.reasons[0]
