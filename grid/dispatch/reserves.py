"""Rows of the reserves: what the system must hold, and who holds it.

Reserve upward is held by thermal headroom and by storages that could still serve it for a whole period; downward also
by curtailable renewables, whose surplus can simply be turned down.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from grid.dispatch.linear import IntArray, LinearModel
from grid.dispatch.plan import DispatchProblem
from grid.dispatch.storages import StorageColumns


@dataclass(frozen=True, slots=True, eq=False)
class Reserves:
    """Rows of the requirements (``>=``) and the columns of what is short of them, all of shape (periods,).

    ``renewable_down`` is what curtailable plants together hold ready to turn down.
    """

    up_rows: IntArray
    down_rows: IntArray
    short_up: IntArray
    short_down: IntArray
    renewable_down: IntArray


def add_reserves(linear: LinearModel, problem: DispatchProblem) -> Reserves:
    """Add the requirements, with nobody to hold anything yet."""
    periods, step, prices = problem.axis.periods, problem.axis.step_hours, problem.penalties
    reserves = Reserves(
        up_rows=linear.rows(periods, lower=problem.reserve_up_mw),
        down_rows=linear.rows(periods, lower=problem.reserve_down_mw),
        short_up=linear.priced(periods, upper=problem.reserve_up_mw, price=prices.reserve_up * step),
        short_down=linear.priced(periods, upper=problem.reserve_down_mw, price=prices.reserve_down * step),
        renewable_down=linear.columns(periods),
    )
    linear.put(reserves.up_rows, reserves.short_up, 1.0)
    linear.put(reserves.down_rows, reserves.short_down, 1.0)
    linear.put(reserves.down_rows, reserves.renewable_down, 1.0)
    return reserves


def hold_reserves(
    linear: LinearModel, reserves: Reserves, storages: Iterable[StorageColumns], renewable: Iterable[IntArray]
) -> None:
    """Let storages and what is taken of curtailable plants hold reserve; thermal units do so themselves."""
    for stored in storages:
        linear.put(reserves.up_rows, stored.reserve_up, 1.0)
        linear.put(reserves.down_rows, stored.reserve_down, 1.0)
    turned_down = linear.rows(len(reserves.down_rows), lower=0.0)
    for columns in renewable:
        linear.put(turned_down, columns, 1.0)
    linear.put(turned_down, reserves.renewable_down, -1.0)
