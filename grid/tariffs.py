"""Trade with the outside as a contract tells it: limits, and prices that may follow the clock (time of use)."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from grid.local_days import Weekday, clock_minutes
from grid.time_axis import FloatArray

_IntArray = npt.NDArray[np.int64]
_SUNDAY = 6


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


def prices_at(
    exchange: TariffExchange, day: _IntArray, minute: _IntArray, *, holidays: Container[date]
) -> tuple[FloatArray, FloatArray]:
    """What an import costs and an export earns at instants of the site's clock, both of the shape of ``day``.

    Args:
        day: Local days as ordinals (``date.toordinal``).
        minute: Minutes since their midnight, of the same shape.
    """
    imports, exports = np.full(day.shape, exchange.import_price), np.full(day.shape, exchange.export_price)
    for window in reversed(exchange.windows):
        holds = _holds(window, day, minute, holidays)
        if window.import_price is not None:
            imports[holds] = window.import_price
        if window.export_price is not None:
            exports[holds] = window.export_price
    return imports, exports


def _holds(window: PriceWindow, day: _IntArray, minute: _IntArray, holidays: Container[date]) -> npt.NDArray[np.bool_]:
    start, end = clock_minutes(window.start), clock_minutes(window.end)
    first, last = int(day.min()) - 1, int(day.max())
    begins = np.array([_begins_on(window, date.fromordinal(n), holidays) for n in range(first, last + 1)])
    today, yesterday = begins[day - first], begins[day - first - 1]
    if start < end:
        return today & (minute >= start) & (minute < end)
    return (today & (minute >= start)) | (yesterday & (minute < end))


def _begins_on(window: PriceWindow, day: date, holidays: Container[date]) -> bool:
    weekday = list(Weekday)[_SUNDAY if day in holidays else day.weekday()]
    return (not window.days or weekday in window.days) and (not window.months or day.month in window.months)
