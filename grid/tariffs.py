"""Trade with the outside as a contract tells it: limits, and prices that may follow the clock (time of use)."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from grid.local_days import Weekday, clock_minutes
from grid.time_axis import FloatArray

_IntArray = npt.NDArray[np.int64]
_BoolArray = npt.NDArray[np.bool_]
SUNDAY = 6


@dataclass(frozen=True, slots=True)
class PriceWindow:
    """Hours in which other prices hold.

    Attributes:
        days: On which the window begins; none: on all. A public holiday of the site's calendar counts as a Sunday.
        months: In which it does, 1 to 12; none: in all.
        start, end: What clocks show, such as ``07:00``; ``24:00`` ends a day. A window whose end is not after its start
            goes on past midnight.
        import_price, export_price: Per MWh. None leaves it to the windows after this one.
    """

    start: str = "00:00"
    end: str = "24:00"
    days: tuple[Weekday, ...] = ()
    months: tuple[int, ...] = ()
    import_price: float | None = None
    export_price: float | None = None


@dataclass(frozen=True, slots=True)
class TariffExchange:
    """A connection to a supplier or a market.

    Attributes:
        import_mw, export_mw: Most that comes in and goes out.
        import_price, export_price: Paid and earned per MWh where no window says otherwise.
        windows: Of those that hold, the first one that tells a price decides it.
    """

    exchange_id: str
    bus_id: str
    import_mw: float
    import_price: float
    export_mw: float = 0.0
    export_price: float = 0.0
    windows: tuple[PriceWindow, ...] = ()


class DayKind(NamedTuple):
    """What windows ask of days: arrays of one shape.

    Attributes:
        weekday: 0 for Monday to 6 for Sunday, which a public holiday counts as.
        month: 1 to 12.
    """

    weekday: _IntArray
    month: _IntArray


def prices_at(
    exchange: TariffExchange, day: _IntArray, minute: _IntArray, *, holidays: Container[date]
) -> tuple[FloatArray, FloatArray]:
    """What an import costs and an export earns at instants of the site's clock, both of the shape of ``day``.

    Args:
        day: Local days as ordinals (``date.toordinal``).
        minute: Minutes since their midnight, of the same shape.
    """
    first = int(day.min()) - 1
    dates = [date.fromordinal(n) for n in range(first, int(day.max()) + 1)]
    weekday = np.array([SUNDAY if told in holidays else told.weekday() for told in dates])
    month = np.array([told.month for told in dates])
    yesterday, today = (DayKind(weekday[at], month[at]) for at in (day - 1 - first, day - first))
    return prices_of(exchange, yesterday, today, minute)


def prices_of(
    exchange: TariffExchange, yesterday: DayKind, today: DayKind, minute: _IntArray
) -> tuple[FloatArray, FloatArray]:
    """The same by the kinds of days: a window may have begun on the day before. All of the shape of ``minute``."""
    imports, exports = np.full(minute.shape, exchange.import_price), np.full(minute.shape, exchange.export_price)
    for window in reversed(exchange.windows):
        holds = _holds(window, yesterday, today, minute)
        if window.import_price is not None:
            imports[holds] = window.import_price
        if window.export_price is not None:
            exports[holds] = window.export_price
    return imports, exports


def _holds(window: PriceWindow, yesterday: DayKind, today: DayKind, minute: _IntArray) -> _BoolArray:
    start, end = clock_minutes(window.start), clock_minutes(window.end)
    if start < end:
        return _begins_on(window, today) & (minute >= start) & (minute < end)
    return (_begins_on(window, today) & (minute >= start)) | (_begins_on(window, yesterday) & (minute < end))


def _begins_on(window: PriceWindow, day: DayKind) -> _BoolArray:
    days = [list(Weekday).index(weekday) for weekday in window.days or Weekday]
    return np.isin(day.weekday, days) & np.isin(day.month, window.months or range(1, 13))
