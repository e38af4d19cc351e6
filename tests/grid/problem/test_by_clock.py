"""Tariffs, fleets and water by the site's clock: windows, holidays, clock changes, who brings and takes what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.assets import Reservoir
from grid.fleets import EvFleet, Stay
from grid.local_days import Weekday, local_instant, local_midnight
from grid.network import Bus, Network
from grid.problem.by_clock import exchanges_by_clock, present_mwh, stored_by_clock
from grid.problem.storage_profiles import StorageProfile, profile_faults
from grid.site import Site
from grid.tariffs import PriceWindow, TariffExchange
from grid.time_axis import FloatArray, TimeAxis

HOUR = timedelta(hours=1)
ZONE = "Europe/Berlin"
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)  # Sundays on which clocks change
MONDAY = date(2026, 3, 2)
WORKDAYS = (Weekday.MON, Weekday.TUE, Weekday.WED, Weekday.THU, Weekday.FRI)
SITE = Site("s", "", ZONE, "DE", "EUR", (), (), Network((Bus("b"),), ()), (), (), ())
VANS = EvFleet("vans", "b", 10, 10.0, 50.0, (Stay("18:00", "06:00", 10, 20.0, 45.0),), charge_efficiency=0.8)


def from_midnight(day: date, hours: int, *, zone: str = ZONE) -> TimeAxis:
    return TimeAxis(local_midnight(day, zone), HOUR, hours)


def import_prices(
    day: date, hours: int, *windows: PriceWindow, zone: str = ZONE, step: timedelta = HOUR
) -> list[float]:
    """Of a tariff of 100 but for its windows."""
    exchange = TariffExchange("supplier", "b", 5.0, 100.0, 3.0, 40.0, windows)
    site = replace(SITE, timezone=zone, exchanges=(exchange,))
    (told,) = exchanges_by_clock(site, TimeAxis(local_midnight(day, zone), step, int(hours * HOUR / step)))
    assert told.import_mw.tolist() == [5.0] * len(told.import_price)
    return told.import_price.tolist()  # type: ignore[no-any-return]


def fleet(told: EvFleet, axis: TimeAxis, *, zone: str = ZONE) -> tuple[FloatArray, StorageProfile, float, float]:
    """Charging limit, profile, initial and final energy."""
    ((storage, profile),) = stored_by_clock(replace(SITE, timezone=zone, ev_fleets=(told,)), axis)
    return profile.charge_mw, profile, storage.initial_mwh, storage.end_minimum_mwh


def test_a_window_holds_on_its_days_and_the_first_that_tells_a_price_decides_it() -> None:
    peak = PriceWindow("07:00", "09:00", WORKDAYS, import_price=200.0)
    day = PriceWindow("06:00", "20:00", import_price=150.0)
    assert import_prices(MONDAY, 10, peak, day)[5:] == [100.0, 150.0, 200.0, 200.0, 150.0]
    assert import_prices(MONDAY - timedelta(days=1), 10, peak, day)[5:] == [100.0, 150.0, 150.0, 150.0, 150.0]


def test_a_window_past_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    friday = PriceWindow("22:00", "02:00", (Weekday.FRI,), import_price=10.0)
    prices = import_prices(date(2026, 3, 6), 48, friday)
    assert [t for t, price in enumerate(prices) if price == 10.0] == [22, 23, 24, 25]


def test_a_price_that_changes_within_a_period_counts_with_its_share() -> None:
    prices = import_prices(MONDAY, 8, PriceWindow("06:45", "07:30", import_price=200.0))
    assert prices[6:8] == pytest.approx([125.0, 150.0])
    indian = import_prices(MONDAY, 3, PriceWindow("01:00", "02:00", import_price=200.0), zone="Asia/Kolkata")
    assert indian == [100.0, 200.0, 100.0]


def test_a_public_holiday_counts_as_a_sunday() -> None:
    """3 October 2025, a Friday, is one in Germany."""
    workday = PriceWindow(days=WORKDAYS, import_price=200.0)
    assert import_prices(date(2025, 10, 3), 3, workday) == [100.0] * 3
    assert import_prices(date(2025, 10, 2), 3, workday) == [200.0] * 3


def test_months_choose_the_season() -> None:
    winter = PriceWindow(months=(12, 1), import_price=200.0)
    assert import_prices(date(2026, 1, 31), 26, winter) == [200.0] * 24 + [100.0] * 2


@pytest.mark.parametrize(("day", "dear"), [(SPRING, [1, 2]), (AUTUMN, [1, 2, 3, 4]), (MONDAY, [1, 2, 3])])
def test_a_window_has_the_hours_that_clocks_show_on_the_days_they_change(day: date, dear: list[int]) -> None:
    """From one to four: three hours, two where the clock skips one, four where it shows one twice."""
    prices = import_prices(day, 8, PriceWindow("01:00", "04:00", import_price=200.0))
    assert [t for t, price in enumerate(prices) if price == 200.0] == dear


def test_cars_charge_while_they_are_there_and_leave_with_what_is_due() -> None:
    axis = TimeAxis(local_instant(MONDAY, time(17), ZONE), HOUR, 16)  # 17 to 9 o'clock
    charge, profile, initial, end = fleet(replace(VANS, stays=(Stay("18:30", "06:15", 4, 20.0, 45.0),)), axis)
    assert charge.tolist() == pytest.approx([0.0, 0.02, *[0.04] * 11, 0.01, 0.0, 0.0])
    assert profile.inflow_mwh.tolist() == pytest.approx([0.0, 0.08, *[0.0] * 14])
    assert profile.due_mwh.tolist() == pytest.approx([*[0.0] * 13, 0.18, 0.0, 0.0])
    assert profile.energy_mwh.tolist() == pytest.approx([0.0, *[0.2] * 12, 0.0, 0.0, 0.0])
    assert (initial, end) == (0.0, 0.0)


def test_cars_that_leave_on_the_hour_leave_in_the_hour_before_it() -> None:
    _, profile, _, _ = fleet(VANS, TimeAxis(local_instant(MONDAY, time(18), ZONE), HOUR, 13))
    assert np.flatnonzero(profile.due_mwh).tolist() == [11]
    assert np.flatnonzero(profile.inflow_mwh).tolist() == [0]
    assert profile.energy_mwh[11] == 0.0


def test_cars_that_came_before_the_plan_have_charged_up_to_what_is_due() -> None:
    """8 kWh an hour reach a battery: from 20 kWh two hours bring 36, four 45, which is due."""
    for hours, kwh in ((2, 36.0), (4, 45.0)):
        axis = TimeAxis(local_instant(MONDAY, time(18), ZONE) + hours * HOUR, HOUR, 2)
        assert fleet(VANS, axis)[2] == pytest.approx(10 * kwh / 1000.0)


def test_cars_that_stay_at_the_end_hold_what_they_could_not_charge_any_more() -> None:
    """Until six o'clock are two hours, which bring 16 of the 45 kWh that are due."""
    axis = TimeAxis(local_instant(MONDAY, time(20), ZONE), HOUR, 8)
    assert fleet(VANS, axis)[3] == pytest.approx(10 * (45.0 - 16.0) / 1000.0)


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 11), (AUTUMN, 13), (MONDAY, 12)])
def test_a_night_at_the_charger_is_as_long_as_clocks_have_it(day: date, hours: int) -> None:
    axis = TimeAxis(local_instant(day - timedelta(days=1), time(12), ZONE), HOUR, 24)
    charge, profile, _, _ = fleet(VANS, axis)
    assert np.count_nonzero(charge) == hours
    assert np.flatnonzero(profile.due_mwh).tolist() == [6 + hours - 1]


def test_a_stay_over_the_weekend_lasts_its_nights() -> None:
    weekend = replace(VANS, stays=(Stay("18:00", "06:00", 10, 20.0, 45.0, (Weekday.FRI,), nights=3),))
    charge, profile, _, _ = fleet(weekend, from_midnight(date(2026, 3, 6), 96))
    assert np.flatnonzero(charge).tolist() == list(range(18, 78))
    assert np.flatnonzero(profile.due_mwh).tolist() == [77]
    charge, _, initial, _ = fleet(weekend, from_midnight(date(2026, 3, 9), 12))
    assert np.flatnonzero(charge).tolist() == list(range(6)), "a plan of Monday knows who came on Friday"
    assert initial == pytest.approx(0.45)


@pytest.mark.parametrize(("discharge_kw", "due", "end"), [(0.0, 0.6, 0.4), (10.0, 0.3, 0.0)])
def test_cars_that_cannot_feed_back_keep_what_they_came_with(discharge_kw: float, due: float, end: float) -> None:
    """Ten with 60 kWh each of which 30 are due at noon, and ten with 40 that may leave empty on the next day."""
    stays = (Stay("08:00", "12:00", 10, 60.0, 30.0), Stay("09:00", "08:00", 10, 40.0, 0.0))
    told = replace(VANS, vehicles=20, battery_kwh=60.0, discharge_kw=discharge_kw, stays=stays)
    _, profile, _, held = fleet(told, TimeAxis(local_instant(MONDAY, time(8), ZONE), HOUR, 8))
    assert profile.due_mwh[3] == pytest.approx(due)
    assert held == pytest.approx(end)


@pytest.mark.parametrize(("arrives", "leaves"), [("02:30", "03:00"), ("02:00", "03:00"), ("02:30", "03:15")])
def test_a_stay_that_clocks_skip_is_left_out(arrives: str, leaves: str) -> None:
    stays = (Stay(arrives, leaves, 10, 20.0, 20.0),)
    _, profile, _, _ = fleet(replace(VANS, stays=stays), from_midnight(SPRING, 23))
    assert [values.any() for values in (profile.inflow_mwh, profile.due_mwh, profile.charge_mw)] == [False] * 3
    _, profile, _, _ = fleet(replace(VANS, stays=stays), from_midnight(SPRING + timedelta(days=1), 24))
    assert profile.inflow_mwh.sum() == profile.due_mwh.sum() == pytest.approx(0.2)


def test_cars_change_places_within_an_hour_though_nothing_is_due_of_them() -> None:
    stays = (Stay("00:30", "12:30", 10, 25.0, 0.0), Stay("12:30", "00:30", 10, 25.0, 0.0))
    axis = from_midnight(MONDAY, 48)
    site = replace(SITE, ev_fleets=(replace(VANS, discharge_kw=5.0, stays=stays),))
    ((storage, profile),) = stored_by_clock(site, axis)
    assert np.flatnonzero(profile.leaves).tolist() == [0, 12, 24, 36]  # type: ignore[arg-type]
    assert list(profile_faults({"vans": profile}, [storage], {}, periods=48, step_hours=1.0)) == []


def test_cars_that_are_there_at_first_hold_no_more_than_their_batteries() -> None:
    stays = (Stay("17:30", "06:00", 4, 20.0, 45.0), Stay("18:00", "20:00", 6, 20.0, 30.0))
    site = replace(SITE, ev_fleets=(replace(VANS, stays=stays),))
    for hour, held in ((17, 0.0), (18, 0.2), (19, 0.5), (20, 0.2)):
        assert present_mwh(site, TimeAxis(local_instant(MONDAY, time(hour), ZONE), HOUR, 8)) == {"vans": held}


def test_water_flows_in_by_the_months_of_the_clock() -> None:
    lake = Reservoir(
        "lake", "b", 5.0, 80.0, 30.0, 20.0, monthly_inflow_mw=tuple(float(month) for month in range(1, 13)),
        end_value_per_mwh=45.0,
    )  # fmt: skip
    axis = TimeAxis(datetime(2026, 2, 28, 22, tzinfo=UTC), HOUR, 3)  # an hour of February is left in Berlin
    ((storage, profile),) = stored_by_clock(replace(SITE, reservoirs=(lake,)), axis)
    assert profile.inflow_mwh.tolist() == [2.0, 3.0, 3.0]
    assert (profile.charge_mw.max(), profile.discharge_mw.tolist(), profile.spills) == (0.0, [5.0] * 3, True)
    assert (storage.initial_mwh, storage.end_minimum_mwh, storage.end_value_per_mwh) == (30.0, 20.0, 45.0)
    steady = replace(lake, inflow_mw=2.0, monthly_inflow_mw=())
    ((_, quarters),) = stored_by_clock(replace(SITE, reservoirs=(steady,)), TimeAxis(axis.start, HOUR / 4, 2))
    assert quarters.inflow_mwh.tolist() == [0.5, 0.5]


@settings(max_examples=60, deadline=None)
@given(
    hours=st.one_of(st.integers(0, 365 * 24), st.integers(75 * 24, 88 * 24)),  # often with a Sunday of clock changes
    zone=st.sampled_from([ZONE, "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
    arrives=st.times(),
    leaves=st.times(),
    day=st.sampled_from([Weekday.TUE, Weekday.SUN]),
    nights=st.one_of(st.none(), st.integers(1, 3)),
)
def test_whatever_comes_leaves_and_fits(
    hours: int, zone: str, arrives: time, leaves: time, day: Weekday, nights: int | None
) -> None:
    """Over a fortnight as many cars leave as come or were there; nothing is more than there is room for."""
    stay = Stay(f"{arrives:%H:%M}", f"{leaves:%H:%M}", 3, 20.0, 45.0, (day,), nights)
    told = replace(VANS, vehicles=3, stays=(stay,))
    axis = TimeAxis(datetime(2026, 1, 1, tzinfo=UTC) + hours * HOUR, HOUR, 14 * 24)
    site = replace(SITE, timezone=zone, ev_fleets=(told,))
    ((storage, profile),) = stored_by_clock(site, axis)
    assert list(profile_faults({"vans": profile}, [storage], {}, periods=axis.periods, step_hours=1.0)) == []
    came, left = np.count_nonzero(profile.inflow_mwh), np.count_nonzero(profile.due_mwh)
    assert came + (storage.initial_mwh > 0.0) == left + (profile.energy_mwh[-1] > 0.0)
    assert profile.charge_mw.max() <= 0.03 + 1e-12
    zoned = [axis.start.astimezone(ZoneInfo(zone)) + k * timedelta(days=1) for k in range(15)]
    assert came <= sum(list(Weekday)[shown.weekday()] == day for shown in zoned) + 1
    assert storage.end_minimum_mwh <= profile.energy_mwh[-1] + 1e-12
