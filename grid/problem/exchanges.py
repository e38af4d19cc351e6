"""Trade with the outside at a tariff: what a bus imports and exports, each at a price of its own in every period."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from grid.faults import Fault
from grid.time_axis import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Exchange:
    """A connection to a market or a supplier. Arrays of shape (periods,).

    Attributes:
        import_mw, export_mw: Most that comes in and goes out.
        import_price, export_price: Paid per MWh that comes in, earned per MWh that goes out; the latter is never the
            higher one, or buying to sell would pay.
    """

    exchange_id: str
    bus_id: str
    import_mw: FloatArray
    export_mw: FloatArray
    import_price: FloatArray
    export_price: FloatArray


def exchange_cost(
    exchanges: Sequence[Exchange], import_mw: FloatArray, export_mw: FloatArray, *, step_hours: float
) -> FloatArray:
    """What trade costs in each period, less what it earns, shape (periods,). [money]

    Args:
        import_mw, export_mw: Shape (exchanges, periods).
    """
    cost = np.zeros(import_mw.shape[1])
    for exchange, imported, exported in zip(exchanges, import_mw, export_mw, strict=True):
        cost += (exchange.import_price * imported - exchange.export_price * exported) * step_hours
    return cost


def exchange_faults(exchanges: Sequence[Exchange], buses: set[str], *, periods: int) -> Iterator[Fault]:
    """What is wrong with exchanges on a network's ``buses``."""
    names = [exchange.exchange_id for exchange in exchanges]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Fault(name, f"the id must be unique, it stands {names.count(name)} times", "rename or delete the others")
    for exchange in exchanges:
        name = exchange.exchange_id
        if exchange.bus_id not in buses:
            yield Fault(name, f"its bus must be one of the network's, got {exchange.bus_id!r}", "correct the id")
        whole = True
        for field in ("import_mw", "export_mw", "import_price", "export_price"):
            values = getattr(exchange, field)
            if values.shape != (periods,) or not np.isfinite(values).all():
                yield Fault(name, f"{field} must be {periods} finite numbers", "give one per period")
                whole = False
            elif field.endswith("_mw") and (values < 0.0).any():
                yield Fault(name, f"{field} must not be negative", "correct it")
        earns = (exchange.export_price > exchange.import_price) & (exchange.export_mw > 0.0) if whole else np.zeros(0)
        for t in np.flatnonzero(earns).tolist():
            yield Fault(name, f"in period {t} exports earn more than imports cost", "correct one of the two prices")
