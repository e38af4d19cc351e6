from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grid.readings import Quality
from grid.time_axis import FloatArray
from grid.units import Channel
from grid.validation import ChannelProfile, IntervalReadings, KnownTotals
from grid.validation.lattice import DAY_US
from grid.validation.short_gaps import ShortGaps

Judged = Callable[..., dict[float, tuple[float, Quality]]]
Readings = Callable[..., IntervalReadings]
LINEAR = Quality.MISSING | Quality.ESTIMATED_LINEARLY
BY_DAYS = Quality.MISSING | Quality.ESTIMATED_BY_REFERENCE_DAYS
GENERIC = ChannelProfile(Channel.LOAD)


def test_two_hours_go_along_the_line_and_longer_stays_missing_without_reference_days(judged: Judged) -> None:
    told = judged(np.array([2.0, np.nan, np.nan, np.nan, np.nan, 7.0]))
    assert told == {slot: (pytest.approx(2.0 + slot), LINEAR) for slot in range(1, 5)}
    longer = judged(np.array([2.0, *[np.nan] * 5, 7.0]))
    assert {quality for _, quality in longer.values()} == {Quality.MISSING}
    assert all(np.isnan(value) for value, _ in longer.values())


def test_short_gap_follows_the_course_in_which_days_agree(judged: Judged) -> None:
    """Every day is the same parabola, so that it is known exactly; a straight line would cut its top off."""
    hour = np.arange(20 * 48) % 48 / 2.0
    course = 1000.0 - (hour - 12.0) ** 2
    values = course + np.arange(20 * 48) / 1000.0
    gap = slice(18 * 48 + 22, 18 * 48 + 26)
    sent = values.copy()
    sent[gap] = np.nan
    told = judged(sent, GENERIC)
    np.testing.assert_allclose([value for value, _ in told.values()], values[gap], atol=1e-3)
    assert {quality for _, quality in told.values()} == {LINEAR}


def test_short_gap_goes_along_the_line_where_days_disagree(judged: Judged) -> None:
    """Every day bends by the same up one day and down the next: the last three up do not make it a habit."""
    slot, day = np.arange(20 * 48) % 48, np.arange(20 * 48) // 48
    bends = np.where(day % 2 == 0, 1.0, -1.0)
    bends[day == 17] = 1.0
    values = 10.0 + slot / 100.0 + bends * ((slot >= 22) & (slot < 26))
    gap = slice(19 * 48 + 22, 19 * 48 + 26)
    sent = values.copy()
    sent[gap] = np.nan
    told = judged(sent, GENERIC)
    np.testing.assert_allclose([told[at][0] for at in range(gap.start, gap.stop)], 10.0 + np.arange(22, 26) / 100.0)


def test_long_gap_takes_the_level_of_the_days_beside_it(judged: Judged) -> None:
    """Three weeks of one course, the last days twice as high: six missing hours of them are twice the course."""
    hour = np.arange(21 * 48) % 48 / 2.0
    course = 10.0 + 5.0 * np.sin(hour / 24.0 * 2.0 * np.pi)
    values = np.where(np.arange(len(course)) >= 14 * 48, 2.0 * course, course)
    gap = slice(16 * 48 + 10, 16 * 48 + 22)
    sent = values.copy()
    sent[gap] = np.nan
    told = {slot: verdict for slot, verdict in judged(sent, GENERIC).items() if Quality.MISSING in verdict[1]}
    assert {quality for _, quality in told.values()} == {BY_DAYS}
    np.testing.assert_allclose([value for value, _ in told.values()], values[gap], rtol=0.02)


def test_weekend_is_estimated_from_weekends(judged: Judged) -> None:
    """Working days are 10 kW, weekends 4 kW with a touch of time; the channel begins on a Monday."""
    day = np.arange(28 * 48) // 48
    values = np.where(day % 7 >= 5, 4.0, 10.0) + (np.arange(28 * 48) % 48) / 100.0
    gap = slice(26 * 48 + 16, 26 * 48 + 30)  # a Saturday
    sent = values.copy()
    sent[gap] = np.nan
    told = judged(sent, GENERIC)
    np.testing.assert_allclose([value for value, _ in told.values()], values[gap], rtol=0.1)


def test_reference_days_follow_the_wall_clock_over_a_clock_change(judged: Judged) -> None:
    """A peak at 07:00 in Berlin is at 06:00 UTC before 29 March and at 05:00 UTC after it."""
    start = datetime(2026, 3, 16, tzinfo=UTC)
    half_hours = np.arange(16 * 48)
    local = (half_hours + np.where(half_hours >= 13 * 48 + 2, 4, 2)) % 48
    values = np.where((local >= 14) & (local < 16), 9.0, 1.0 + local / 100.0)
    gap = slice(14 * 48 + 6, 14 * 48 + 14)  # Monday 30 March 03:00 to 07:00 UTC
    sent = values.copy()
    sent[gap] = np.nan
    told = judged(sent, ChannelProfile(Channel.LOAD, timezone="Europe/Berlin"), start=start)
    guesses = np.array([told[slot][0] for slot in range(gap.start, gap.stop)])
    assert guesses.argmax() + gap.start in (14 * 48 + 10, 14 * 48 + 11)  # 05:00 UTC


def test_more_than_a_week_stays_missing(judged: Judged, household: FloatArray) -> None:
    sent = household.copy()
    sent[15 * 48 : 22 * 48] = np.nan
    week = judged(sent)
    assert {quality for _, quality in week.values()} == {BY_DAYS}
    sent[22 * 48] = np.nan
    assert {quality for _, quality in judged(sent).values()} == {Quality.MISSING}


def test_estimates_within_a_known_total_add_up_to_it(judged: Judged, readings: Readings, household: FloatArray) -> None:
    sent = household.copy()
    gap = slice(20 * 48 + 12, 20 * 48 + 40)
    sent[gap] = np.nan
    made = readings(sent)
    midnights = made.starts_us[0] + np.array([20, 21]) * DAY_US
    true_kwh = household[20 * 48 : 21 * 48].sum() / 2.0
    told = judged(made, totals=KnownTotals(midnights[:1], midnights[1:], np.array([true_kwh])))
    assert {quality for _, quality in told.values()} == {BY_DAYS}
    assert sum(value for value, _ in told.values()) == pytest.approx(household[gap].sum())


def test_total_that_the_rest_already_exceeds_scales_nothing(judged: Judged, readings: Readings) -> None:
    sent = readings(np.where(np.arange(48) == 20, np.nan, 1.0))
    totals = KnownTotals(sent.starts_us[:1], sent.starts_us[:1] + DAY_US, np.array([5.0]))
    assert judged(sent, totals=totals) == {20: (1.0, LINEAR)}


def test_total_that_would_raise_estimates_more_than_tenfold_is_not_believed(judged: Judged, readings: Readings) -> None:
    sent = readings(np.where(np.arange(48) == 20, np.nan, 1.0))
    for kwh, estimate in ((23.5 + 5.0, 10.0), (23.5 + 5.1, 1.0)):
        totals = KnownTotals(sent.starts_us[:1], sent.starts_us[:1] + DAY_US, np.array([kwh]))
        assert judged(sent, totals=totals) == {20: (pytest.approx(estimate), LINEAR)}


def test_zero_neighbours_and_a_known_total_share_it_evenly(judged: Judged, readings: Readings) -> None:
    values = np.zeros(48)
    values[20:22] = np.nan
    sent = readings(values)
    totals = KnownTotals(sent.starts_us[:1], sent.starts_us[:1] + DAY_US, np.array([3.0]))
    assert judged(sent, totals=totals) == {20: (3.0, LINEAR), 21: (3.0, LINEAR)}


def test_state_of_charge_is_never_guessed_from_other_days(judged: Judged) -> None:
    values = np.round(5.0 + np.sin(np.arange(20 * 48) / 7.0), 2)
    values[900:906] = np.nan
    told = judged(values, ChannelProfile(Channel.STATE_OF_CHARGE))
    assert {quality for _, quality in told.values()} == {Quality.MISSING}


@pytest.mark.parametrize("with_total", [False, True])
def test_only_gaps_that_bear_on_the_judged_span_are_estimated(
    judged: Judged,
    readings: Readings,
    household: FloatArray,
    monkeypatch: pytest.MonkeyPatch,
    with_total: bool,
) -> None:
    """A gap every six hours for thirty days; judged are two hours, from within one of the gaps."""
    sent = household.copy()
    for slot in (0, 1):
        sent[6 + slot :: 12] = np.nan
    made = readings(sent)
    days = made.starts_us[0] + np.arange(31) * DAY_US
    kwh = household.reshape(-1, 48).sum(axis=1) / 2.0
    options = {"totals": KnownTotals(days[:-1], days[1:], kwh)} if with_total else {}
    whole = judged(made, **options)
    estimated: list[int] = []
    estimate = ShortGaps.estimate

    def spy(self: ShortGaps, begin: int, end: int) -> tuple[FloatArray, bool]:
        estimated.append(begin)
        return estimate(self, begin, end)

    monkeypatch.setattr(ShortGaps, "estimate", spy)
    first = 20 * 48 + 19
    start = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(minutes=30) * first
    piece = judged(made, judge_from=start, judge_until=start + timedelta(hours=2), **options)
    assert piece == {first: whole[first]}
    assert estimated == [20 * 48 + slot for slot in ((6, 18, 30, 42) if with_total else (18,))]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    begin=st.integers(20 * 48, 29 * 48),
    slots=st.integers(1, 12),
    times=st.floats(0.2, 20.0),
    total=st.one_of(st.none(), st.floats(0.0, 500.0)),
)
def test_no_estimate_exceeds_the_capacity(
    judged: Judged,
    readings: Readings,
    begin: int,
    slots: int,
    times: float,
    total: float | None,
) -> None:
    """Neither by a donor that leaps in the gap, nor by the level of the days beside it, nor by a register."""
    donor = np.round(np.random.default_rng(3).uniform(0.0, 10.0, 30 * 48), 3)
    sent = donor.copy()
    gap = slice(begin, begin + slots)
    sent[gap] = np.nan
    donor[gap] *= times
    made = readings(sent)
    midnights = made.starts_us[0] + begin // 48 * DAY_US + np.array([0, 2]) * DAY_US
    totals = None if total is None else KnownTotals(midnights[:1], midnights[1:], np.array([total]))
    told = judged(made, replace(GENERIC, capacity=10.0), donors=[readings(donor)], totals=totals)
    assert {slot for slot in told if begin <= slot < begin + slots} == set(range(begin, begin + slots))
    assert all(value <= 10.0 for value, _ in told.values())
