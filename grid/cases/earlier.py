"""What an earlier plan said, as ``periods.json`` of a folder case has it: ``units`` and ``storages`` of a plan.json."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from grid.cases.fields import Fields
from grid.problem.earlier import EarlierPlan
from grid.site import ChangePrices
from grid.time_axis import FloatArray


def read_earlier(top: Fields, units: Sequence[str], storages: Sequence[str], periods: int) -> EarlierPlan | None:
    """The part ``previous`` with ``change_prices``; None without it. Periods after the last one told are free."""
    prices, usual = top.object("change_prices"), ChangePrices()
    prices.unknown("per_mwh", "per_commitment_hour")
    per_mwh = prices.number("per_mwh", default=usual.per_mwh, least=0.0)
    per_hour = prices.number("per_commitment_hour", default=usual.per_commitment_hour, least=0.0)
    if not top.has("previous"):
        return None
    previous = top.object("previous")
    previous.unknown("units", "storages")
    power: dict[str, FloatArray] = {}
    on: dict[str, FloatArray] = {}
    for name in _known(previous.object("units"), units):
        on[name] = _row(previous.object("units"), name, lambda record: record.flag("on", default=False), periods)
        power[name] = _row(previous.object("units"), name, lambda record: record.number("power_mw"), periods)
    for name in _known(previous.object("storages"), storages):
        power[name] = _row(previous.object("storages"), name, _net, periods)
    return EarlierPlan("previous", ChangePrices(per_mwh, per_hour), power, on)


def _known(told: Fields, names: Sequence[str]) -> Sequence[str]:
    for name in sorted(set(told.names()) - set(names)):
        told.fault(name, "is no asset of this case", "correct the name, or leave it out")
    return [name for name in names if told.has(name)]


def _row(told: Fields, name: str, value: Callable[[Fields], float], periods: int) -> FloatArray:
    values = [float(value(record)) for record in told.rows(name)]
    if len(values) > periods:
        told.fault(name, f"must tell at most {periods} periods, got {len(values)}", "leave out those that have passed")
    return np.array([*values, *[np.nan] * (periods - len(values))])[:periods]


def _net(record: Fields) -> float:
    return record.number("discharge_mw", default=0.0) - record.number("charge_mw", default=0.0)
