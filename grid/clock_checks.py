"""What must hold for exchanges, fleets and reservoirs of a site: clock times, ranges, tariffs, who fits in where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import product

import numpy as np

from grid.assets import Reservoir
from grid.faults import Fault
from grid.fleets import EvFleet, Stay
from grid.local_days import Weekday, clock_minutes, is_clock_time
from grid.ranges import range_faults
from grid.tariffs import SUNDAY, DayKind, TariffExchange, prices_of

_MINUTES_A_DAY = 1440
_DAYS_A_WEEK = 7
_TOLERANCE_KWH = 1e-6
_CLOCK_REMEDY = "write hours and minutes, such as 07:30"


def clock_faults(
    exchanges: Sequence[TariffExchange],
    fleets: Sequence[EvFleet],
    reservoirs: Sequence[Reservoir],
    *,
    holidays: bool,
) -> Iterator[Fault]:
    """What is wrong with them; their buses and ids are checked with the site, which may have ``holidays``."""
    for exchange in exchanges:
        yield from _exchange(f'exchanges "{exchange.exchange_id}"', exchange, holidays=holidays)
    for fleet in fleets:
        yield from _fleet(f'ev_fleets "{fleet.fleet_id}"', fleet)
    for reservoir in reservoirs:
        yield from _reservoir(f'reservoirs "{reservoir.reservoir_id}"', reservoir)


def _exchange(place: str, exchange: TariffExchange, *, holidays: bool) -> Iterator[Fault]:
    yield from range_faults(place, exchange)
    readable = True
    for position, window in enumerate(exchange.windows):
        own = f"{place}: windows[{position}]"
        for field, clock in (("start", window.start), ("end", window.end)):
            if not is_clock_time(clock) or (field == "start" and clock == "24:00"):
                yield Fault(f"{own}: {field}", f"is no time of day: {clock!r}", f"{_CLOCK_REMEDY}; an end may be 24:00")
                readable = False
        for month in window.months:
            if not 1 <= month <= 12:
                yield Fault(f"{own}: months", f"there is no month {month}", "use 1 to 12")
        if window.import_price is None and window.export_price is None:
            yield Fault(own, "tells no price", "give import_price, export_price or both")
    if readable and exchange.export_mw > 0.0:
        yield from _gains_by_trade(place, exchange, holidays=holidays)


def _gains_by_trade(place: str, exchange: TariffExchange, *, holidays: bool) -> Iterator[Fault]:
    """The first time, on any day after any other, at which exports earn more than imports cost.

    Prices change with the weekday, which holidays change, and with the month, of a day and of the one before it.
    """
    off = (False, True) if holidays else (False,)
    days = np.array([*product(off, off, (False, True), range(1, 13), range(_DAYS_A_WEEK))], dtype=np.int64)
    holiday, after_holiday, first, month, weekday = days[:, :, None].swapaxes(0, 1)
    told_today = np.where(holiday, SUNDAY, weekday)
    told_before = np.where(after_holiday, SUNDAY, (weekday - 1) % _DAYS_A_WEEK)
    clocks = [clock_minutes(clock) for window in exchange.windows for clock in (window.start, window.end)]
    edges = sorted({0, *(clock % _MINUTES_A_DAY for clock in clocks)})
    arrays = np.broadcast_arrays(told_before, (month - 1 - first) % 12 + 1, told_today, month, np.array(edges))
    imports, exports = prices_of(exchange, DayKind(*arrays[:2]), DayKind(*arrays[2:4]), arrays[4])
    gains = np.argwhere(exports > imports)
    if len(gains):
        row, column = gains[0].tolist()
        day = "holiday" if holiday[row, 0] else list(Weekday)[int(weekday[row, 0])]
        month_name = f"{date(2001, int(month[row, 0]), 1):%B}"
        when = [f"{day} {edges[column] // 60:02d}:{edges[column] % 60:02d}", month_name]
        when += ["its first day"] * bool(first[row, 0]) + ["after a holiday"] * bool(after_holiday[row, 0])
        earns, costs = exports[row, column], imports[row, column]
        told = f"exports earn {earns:g} where imports cost {costs:g} ({', '.join(when)}): buying to sell would pay"
        yield Fault(place, told, "correct one of the prices")


def _fleet(place: str, fleet: EvFleet) -> Iterator[Fault]:
    yield from range_faults(place, fleet)
    if not fleet.stays:
        yield Fault(f"{place}: stays", "there must be at least one", "say who is plugged in from when to when")
    readable = []
    for position, stay in enumerate(fleet.stays):
        faults = list(_stay(f"{place}: stays[{position}]", fleet, stay))
        yield from faults
        if not faults:
            readable.append(stay)
    yield from _crowded(place, fleet, readable)


def _stay(place: str, fleet: EvFleet, stay: Stay) -> Iterator[Fault]:
    yield from range_faults(place, stay)
    unread = [
        (field, clock)
        for field, clock in (("arrives", stay.arrives), ("leaves", stay.leaves))
        if not is_clock_time(clock) or clock == "24:00"
    ]
    for field, clock in unread:
        yield Fault(f"{place}: {field}", f"is no time of day: {clock!r}", _CLOCK_REMEDY)
    for field in ("arrives_kwh", "due_kwh"):
        if getattr(stay, field) > fleet.battery_kwh:
            told = f"{getattr(stay, field):g} kWh exceed battery_kwh {fleet.battery_kwh:g}"
            yield Fault(f"{place}: {field}", told, "lower it")
    if unread:
        return
    if stay.minutes <= 0:
        yield Fault(f"{place}: nights", "they would leave before they come", "raise nights, or leave it out")
    reached = fleet.reached_kwh(stay, max(stay.minutes, 0))
    if stay.minutes > 0 and reached < min(stay.due_kwh, fleet.battery_kwh) - _TOLERANCE_KWH:
        told = f"{stay.due_kwh:g} kWh cannot be reached: from {stay.arrives_kwh:g} its charger gets to {reached:.1f}"
        yield Fault(f"{place}: due_kwh", told, "lower it, or let them stay longer")


def _crowded(place: str, fleet: EvFleet, stays: Sequence[Stay]) -> Iterator[Fault]:
    """The first minute of a week in which more vehicles would be plugged in than there are."""
    week = _DAYS_A_WEEK * _MINUTES_A_DAY
    plugged = np.zeros(week, dtype=np.int64)
    for stay in stays:
        for day in stay.dates(date(2001, 1, 1), date(2001, 1, _DAYS_A_WEEK)):  # from a Monday on
            first = day.weekday() * _MINUTES_A_DAY + clock_minutes(stay.arrives)
            np.add.at(plugged, (first + np.arange(stay.minutes)) % week, stay.vehicles)
    if (plugged > fleet.vehicles).any():
        at = int(np.flatnonzero(plugged > fleet.vehicles)[0])
        clock = f"{list(Weekday)[at // _MINUTES_A_DAY]} {at % _MINUTES_A_DAY // 60:02d}:{at % 60:02d}"
        told = f"{plugged[at]} vehicles would be plugged in on {clock}, the fleet has {fleet.vehicles}"
        yield Fault(f"{place}: stays", told, "correct the stays, or the fleet's vehicles")


def _reservoir(place: str, reservoir: Reservoir) -> Iterator[Fault]:
    yield from range_faults(place, reservoir)
    for field in ("initial_mwh", "end_minimum_mwh"):
        if getattr(reservoir, field) > reservoir.energy_mwh:
            told = f"{getattr(reservoir, field):g} MWh exceed energy_mwh {reservoir.energy_mwh:g}"
            yield Fault(f"{place}: {field}", told, "lower it")
    months = reservoir.monthly_inflow_mw
    if months and (len(months) != 12 or min(months) < 0.0):
        told = f"must be 12 numbers of 0 or more, January to December, got {len(months)}"
        yield Fault(f"{place}: monthly_inflow_mw", told, "correct it, or give inflow_mw instead")
    if months and reservoir.inflow_mw:
        yield Fault(f"{place}: inflow_mw", "monthly_inflow_mw tells it already", "leave one of the two out")
