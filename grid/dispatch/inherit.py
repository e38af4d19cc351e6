"""What a plan inherits from the one before it: unit states and states of charge, read from its document."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from grid.assets import Storage, ThermalUnit
from grid.problem.dispatch_problem import UnitState
from grid.problem.earlier import EarlierPlan
from grid.problem.rebound import Taken, taken_after
from grid.site import ChangePrices
from grid.time_axis import FloatArray, TimeAxis

_ROUNDED_MW = 5e-4
"""A document tells power to kW."""


class PreviousPlan:
    """A plan's document, taken as carried out up to the instant ``at``."""

    def __init__(self, document: Mapping[str, Any], *, at: datetime) -> None:
        axis = document["axis"]
        step = timedelta(minutes=axis["step_minutes"])
        self._document = document
        self._step, self._step_hours = step, step / timedelta(hours=1)
        self._done, past = divmod(at - datetime.fromisoformat(axis["start"]), step)
        self.in_step = not past
        """Whether a period of the document's begins, or would begin, just at ``at``."""
        self._told = 0 <= self._done <= axis["periods"]

    @property
    def plan_id(self) -> str:
        return str(self._document["plan_id"])

    def periods_ahead(self, step: timedelta) -> int:
        """How many periods of length ``step`` the document tells about from ``at`` on; 0 if its own are of another."""
        return int(self._document["axis"]["periods"] - self._done) if self._told and self._step == step else 0

    def ahead(self, kind: str, asset_id: str) -> Sequence[Mapping[str, Any]]:
        """What an asset of ``units`` or ``storages`` was to do from ``at`` on, by period; empty if it is not told."""
        schedule: Sequence[Mapping[str, Any]] = self._document[kind].get(asset_id, ()) if self._told else ()
        return schedule[self._done :]

    def of_unknown_past(self, unit_id: str) -> bool:
        """Whether a site's unit was free at the document's beginning and has been as it was there until ``at``."""
        inherited = self._document.get("inputs", {}).get("initial")
        past = self._document["units"].get(unit_id, ())[: self._done] if self._told else ()
        return inherited is not None and unit_id not in inherited and len({bool(row["on"]) for row in past}) == 1

    def told(
        self, units: Sequence[ThermalUnit], storages: Sequence[Storage], *, axis: TimeAxis, prices: ChangePrices
    ) -> EarlierPlan | None:
        """What the document says of the periods of ``axis``, which begins at ``at``.

        None if it says nothing of them, or if changing it is free.
        """
        periods = min(self.periods_ahead(axis.step), axis.periods)
        if periods <= 0 or max(prices.per_mwh, prices.per_commitment_hour) <= 0.0:
            return None

        def row(kind: str, name: str, value: Callable[[Mapping[str, Any]], float]) -> dict[str, FloatArray]:
            records = self.ahead(kind, name)[:periods]
            padding = [math.nan] * (axis.periods - len(records))
            return {name: np.array([*map(value, records), *padding], dtype=np.float64)} if records else {}

        power: dict[str, FloatArray] = {}
        on: dict[str, FloatArray] = {}
        for unit in units:
            power |= row("units", unit.unit_id, lambda record: record["power_mw"])
            on |= row("units", unit.unit_id, lambda record: record["on"])
        for storage in storages:
            power |= row("storages", storage.storage_id, lambda record: record["discharge_mw"] - record["charge_mw"])
        return EarlierPlan(self.plan_id, prices, power, on)

    def unit_states(self, units: Sequence[ThermalUnit]) -> dict[str, UnitState]:
        """State of every unit that the document tells about; empty if it does not reach to ``at``.

        How long a unit has been on or off reaches back beyond the document by what that plan had itself inherited.
        """
        states = {}
        for unit in units:
            state = self._state(unit) if self._told else None
            if state is not None:
                states[unit.unit_id] = state
        return states

    def charges_mwh(
        self, storages: Sequence[Storage], *, present_mwh: Mapping[str, float] | None = None
    ) -> dict[str, float]:
        """State of charge of every storage that the document tells about, at most what it holds.

        Args:
            present_mwh: By id, what the cars hold at most that are there at first; else a storage holds its rating.
        """
        most = {storage.storage_id: storage.energy_mwh for storage in storages} | dict(present_mwh or {})
        charges: dict[str, float] = {}
        for storage in storages:
            schedule = self._document["storages"].get(storage.storage_id)
            inherited = self._document["inputs"].get("initial_mwh", {}).get(storage.storage_id)
            if self._told and schedule and self._done > 0:
                inherited = schedule[self._done - 1]["state_of_charge_mwh"]
            if self._told and inherited is not None:
                charges[storage.storage_id] = min(max(float(inherited), 0.0), most[storage.storage_id])
        return charges

    def taken(self, storages: Sequence[Storage]) -> dict[str, Taken]:
        """What each demand response that the document tells about took out and may still owe."""
        if not self._told:
            return {}
        inherited = {
            name: tuple((float(age), float(mwh)) for age, mwh in told)
            for name, told in self._document["inputs"].get("taken", {}).items()
        }
        schedules = ((storage, self._document["storages"].get(storage.storage_id, ())) for storage in storages)
        discharges = (
            (storage, np.array([record["discharge_mw"] for record in schedule[: self._done]]))
            for storage, schedule in schedules
            if schedule
        )
        return taken_after(inherited, discharges, step_hours=self._step_hours)

    def _state(self, unit: ThermalUnit) -> UnitState | None:
        schedule = self._document["units"].get(unit.unit_id)
        inherited = self._document["inputs"].get("initial", {}).get(unit.unit_id)
        if schedule is None or (self._done == 0 and inherited is None):
            return None
        if self._done == 0:
            return _state(unit, on=inherited["on"], hours=inherited["hours"], power_mw=inherited["power_mw"])
        past = schedule[: self._done]
        on = bool(past[-1]["on"])
        same = next((k for k, record in enumerate(reversed(past)) if bool(record["on"]) != on), len(past))
        hours = same * self._step_hours
        if same == len(past) and inherited is not None and bool(inherited["on"]) == on:
            hours += inherited["hours"]
        return _state(unit, on=on, hours=hours, power_mw=past[-1]["power_mw"])


def _state(unit: ThermalUnit, *, on: bool, hours: float, power_mw: float) -> UnitState:
    """A state within the unit's present limits, which may have changed since that plan."""
    power = min(max(float(power_mw), unit.minimum_mw), unit.capacity_mw) if on else 0.0
    return UnitState(on=on, hours=float(hours), power_mw=power, within_mw=_ROUNDED_MW if on else 0.0)
