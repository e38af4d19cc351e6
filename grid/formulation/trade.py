"""Exchanges as columns: what comes in and what goes out, each at its price."""

from __future__ import annotations

from typing import NamedTuple

from grid.formulation.linear import IntArray, LinearModel
from grid.problem.exchanges import Exchange


class ExchangeColumns(NamedTuple):
    """One exchange's columns, each of shape (periods,)."""

    imported: IntArray
    exported: IntArray


def add_exchange(linear: LinearModel, exchange: Exchange, *, step_hours: float) -> ExchangeColumns:
    """Add one exchange."""
    periods = len(exchange.import_mw)
    return ExchangeColumns(
        linear.columns(periods, upper=exchange.import_mw, cost=exchange.import_price * step_hours),
        linear.columns(periods, upper=exchange.export_mw, cost=-exchange.export_price * step_hours),
    )
