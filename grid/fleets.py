"""Fleets of electric cars as their operators know them: chargers, batteries, who is plugged in from when to when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from grid.local_days import Weekday, clock_minutes

_KW_PER_MW = 1000.0


@dataclass(frozen=True, slots=True)
class Stay:
    """Vehicles that are plugged in together, week by week alike, holidays or not.

    Attributes:
        days: On which they come; none: on all.
        arrives, leaves: What clocks show, such as ``17:30``.
        vehicles: How many.
        arrives_kwh, due_kwh: What each has in its battery on coming, and must have on leaving.
        nights: How many midnights they stay; None: until clocks next show ``leaves``.
    """

    arrives: str
    leaves: str
    vehicles: int
    arrives_kwh: float
    due_kwh: float
    days: tuple[Weekday, ...] = ()
    nights: int | None = None

    @property
    def midnights(self) -> int:
        """How many midnights pass while they are there."""
        if self.nights is not None:
            return self.nights
        return int(clock_minutes(self.leaves) <= clock_minutes(self.arrives))

    @property
    def minutes(self) -> int:
        """How long they stay, if no clock change comes between."""
        return self.midnights * 1440 + clock_minutes(self.leaves) - clock_minutes(self.arrives)

    def dates(self, first: date, last: date) -> Iterator[date]:
        """The days from ``first`` to ``last`` on which they come."""
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            if not self.days or list(Weekday)[day.weekday()] in self.days:
                yield day


@dataclass(frozen=True, slots=True)
class EvFleet:
    """Vehicles of one kind at one bus.

    Attributes:
        vehicles: Most that are plugged in at once.
        charger_kw, battery_kwh: Of each vehicle, at the grid's side and within its battery.
        discharge_kw: What each can feed back; 0 for none.
        cost_per_mwh: Wear, paid per MWh fed back.
    """

    fleet_id: str
    bus_id: str
    vehicles: int
    charger_kw: float
    battery_kwh: float
    stays: tuple[Stay, ...]
    discharge_kw: float = 0.0
    charge_efficiency: float = 1.0
    discharge_efficiency: float = 1.0
    cost_per_mwh: float = 0.0

    @property
    def power_mw(self) -> float:
        """What all chargers together take, or feed back if that is more."""
        return self.vehicles * max(self.charger_kw, self.discharge_kw) / _KW_PER_MW

    @property
    def energy_mwh(self) -> float:
        """What all batteries together hold."""
        return self.vehicles * self.battery_kwh / _KW_PER_MW

    def kept_kwh(self, stay: Stay) -> float:
        """What is in a battery of ``stay`` at least while it is there: what it came with, if it cannot feed back."""
        return 0.0 if self.discharge_kw > 0.0 else stay.arrives_kwh

    def leaving_kwh(self, stay: Stay) -> float:
        """What a battery of ``stay`` holds at least on leaving."""
        return max(stay.due_kwh, self.kept_kwh(stay))

    def reached_kwh(self, stay: Stay, minutes: float) -> float:
        """What a battery of ``stay`` holds at most after charging for so long, or what it came with. [kWh]"""
        return min(stay.arrives_kwh + self.charger_kw * self.charge_efficiency * minutes / 60.0, self.battery_kwh)
